"""What a user reads of a node: `_saved_<name>` and `_raw_saved_<name>`, under PyTorch's names and as its types."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from .declaration import DTYPE, OUTPUT, SHAPE, TENSOR, TENSORS, VALUE
from .geometry import strides_of
from .graph import FREED, FREED_TWICE
from .kept import check_version
from .saved import SavedTensor
from .tensor import as_read

if TYPE_CHECKING:
    from .declaration import Declaration
    from .node import OpNode

UNSIGNED = 2**64  # PyTorch shows the bits of an integer argument without its sign
SIZES, STRIDES, NUMEL, SIDE = "_sym_sizes", "_sym_strides", "_sym_numel", "_sym_argsize_"
SIDES = 8  # of how many dimensions a side is asked for
ABOUT = {SHAPE: SIZES, DTYPE: "_scalar_type"}


class Shown:
    """An attribute of nodes that tells what was kept for backward. Raises AttributeError where this node has none of that name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, node: OpNode | None, owner: type) -> Any:
        if node is None:
            return self
        read, name = (raw_saved_value, "_raw_saved_") if self.name.startswith("_raw") else (saved_value, "_saved_")
        try:
            return read(node, self.name.removeprefix(name))
        except LookupError:
            raise AttributeError(f"'{type(node).__name__}' object has no attribute '{self.name}'") from None


shown = cache(Shown)


def attributes(op: Declaration) -> dict[str, Shown]:
    """Every attribute that some node of `op` may have, whether `dir` tells of it or not."""
    tensors = [name for name, a in zip(op.schema.names, op.schema.arguments, strict=True) if a.is_tensor]
    about = [f"_saved_{name}{end}" for name in tensors for end in (SIZES, STRIDES, NUMEL, *(f"{SIDE}{d}" for d in range(SIDES)))]
    return {name: shown(name) for name in (*names(op), *about)} if op.diff else {}


def names(op: Declaration) -> Iterator[str]:
    """The attributes that tell what the rules of an op ask for."""
    for want in {w for r in op.rules_in_order for w in r.wants if not op.is_gradient(w)}:
        kind, i, _ = op.source(want)
        if kind <= OUTPUT:
            yield from (f"_saved_{want}", f"_raw_saved_{want}")
        elif kind == VALUE:
            yield f"_saved_{want}"
        elif kind in ABOUT and "[" not in op.schema.arguments[i].type:  # PyTorch shows nothing of the tensors of a list
            optional = "_opt" if kind == SHAPE and op.schema.arguments[i].optional else ""  # of which PyTorch asks whether it is there
            yield f"_saved_{op.schema.names[i]}{ABOUT[kind]}{optional}"


def _wanted(node: OpNode, name: str) -> tuple[int, int, bool]:
    """Where the value a rule of `node` calls `name` comes from. Raises LookupError where no rule asks for it."""
    op = node.op
    if op.is_gradient(name) or not any(name in r.wants for r in op.rules_in_order):
        raise LookupError(name)
    return op.source(name)


def _kept(node: OpNode, source: tuple[int, int, bool]) -> tuple[Any, Any]:
    """A value with its version. Raises RuntimeError once it is freed."""
    if node.saved is FREED:
        raise RuntimeError(FREED_TWICE)
    at = 2 * node.plan.save.index(source)
    return node.saved[at], node.saved[at + 1]


def saved_value(node: OpNode, name: str) -> Any:
    """What `node` kept under `name`, None where this call had no need to.

    Raises LookupError where no rule asks for such a thing, RuntimeError once it is freed, or was written to.
    """
    if name.endswith(SIZES + "_opt"):
        return _kept(node, _wanted(node, name.removesuffix(SIZES + "_opt") + "_shape"))[0] or (0,)  # an undefined tensor has these
    if "_sym_" in name:
        return _geometry(node, name)
    name = name.removesuffix("_scalar_type") + "_dtype" if name.endswith("_scalar_type") else name
    source = _wanted(node, name)
    kind, i, _ = source
    if source not in node.plan.save:
        return None
    value, version = _kept(node, source)
    if kind == VALUE:
        return _shown(value, node.op.schema.arguments[i].type)
    if kind > OUTPUT:
        return value
    check_version(value, version, node, reading=True)
    value = node._as_tensor(value)
    return tuple(value) if isinstance(value, list) else as_read(value)


def _shown(value: Any, kind: str) -> Any:
    """An argument that is no tensor, as PyTorch shows it."""
    if "int" in kind.lower() and value is not None:
        return tuple(n % UNSIGNED for n in value) if isinstance(value, list | tuple) else value % UNSIGNED
    return value


def _geometry(node: OpNode, name: str) -> Any:
    """Sizes, strides or number of elements of an operand, whether its elements are kept or not."""
    for ending, of in ((SIZES, tuple), (NUMEL, math.prod)):
        if name.endswith(ending):
            return of(_shape(node, name.removesuffix(ending)))
    head, mark, side = name.rpartition(SIDE)
    if mark:
        return _shape(node, head)[int(side)]
    if not name.endswith(STRIDES):
        raise LookupError(name)
    source = _wanted(node, name.removesuffix(STRIDES))
    if source not in node.plan.save or source[0] != TENSOR:
        raise LookupError(name)
    return strides_of(node._as_tensor(_kept(node, source)[0])._array)


def _shape(node: OpNode, name: str) -> Any:
    op = node.op
    try:
        return _kept(node, _wanted(node, name + "_shape"))[0]
    except (LookupError, ValueError):
        if name not in op.differentiable or node.fits is None or len(node.fits) != len(op.diff):
            raise LookupError(name) from None
        return node.fits[op.differentiable.index(name)][0]


def raw_saved_value(node: OpNode, name: str) -> Any:
    """What `node` kept under `name`, as an object to give hooks to; a tuple of those for a list of tensors."""
    source = _wanted(node, name)
    kind, i, _ = source
    if kind > OUTPUT:
        raise LookupError(name)
    if source not in node.plan.save:
        return SavedTensor(node, None, None, None)
    at = 2 * node.plan.save.index(source)
    if kind == TENSORS and node.saved is not FREED:
        return tuple(SavedTensor(node, at, k, None) for k in range(len(node.saved[at])))
    return SavedTensor(node, at, None, i if kind == OUTPUT else None)
