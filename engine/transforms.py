"""Which transforms of functions are running, and in which order they are nested."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import numpy as np

from . import modes
from .geometry import address

NOT_INSIDE = (
    "You are attempting to call Tensor.{0}() {1}inside of a function being transformed by a functorch transform. This is unsupported, "
    "please attempt to use the functorch transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call {0}() outside of a function being "
    "transformed instead."
)


REFUSED = "refused"  # the `randomness` of a batch that is no transform: `autograd.functional` has it for columns of a Jacobian

CAPTURED = (
    "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call in-place operation (aten::{}) that would "
    "mutate a captured Tensor. This is not supported; please rewrite the function being transformed to explicitly accept the mutated "
    "Tensor(s) as inputs."
)


class Level:
    """One running transform: how deep it is nested, whether it still runs, and for `vmap` how many samples there are.

    One that differentiates has the addresses of all memory that came to be in it, or was given to it: no other may be written to.
    One of cotangents batches as `vmap` did before it was one of the transforms (`engine.batch_cotangents`).
    """

    __slots__ = ("depth", "size", "randomness", "running", "own", "leave", "cotangents")

    def __init__(self, depth: int, size: int | None, randomness: str) -> None:
        self.depth, self.size, self.randomness, self.running = depth, size, randomness, True
        self.own: set[int] = set()
        self.leave: Callable[[Any], Any] | None = None  # a tensor as it is outside, where that is another
        self.cotangents = False


_stack: ContextVar[tuple[Level, ...]] = ContextVar("transforms", default=())
running = _stack.get


class _Stack:
    """Within it these transforms run, and no others."""

    def __enter__(self) -> Any:
        self.token = _stack.set(self.levels())
        self.before = modes.current()
        modes.set_bit(modes.BATCHED, any(level.size is not None for level in running()))
        modes.set_bit(modes.INSIDE, any(level.size is None for level in running()))

    def __exit__(self, *exc: Any) -> None:
        _stack.reset(self.token)
        modes.set_bit(modes.BATCHED, bool(self.before & modes.BATCHED))
        modes.set_bit(modes.INSIDE, bool(self.before & modes.INSIDE))

    def levels(self) -> tuple[Level, ...]:
        raise NotImplementedError


class Running(_Stack):
    """`with Running(size) as level:` one more transform runs inside, which batches where `size` is given."""

    def __init__(self, size: int | None = None, randomness: str = "error") -> None:
        self.level = Level(len(running()) + 1, size, randomness)

    def levels(self) -> tuple[Level, ...]:
        return (*running(), self.level)

    def __enter__(self) -> Level:
        super().__enter__()
        return self.level

    def __exit__(self, *exc: Any) -> None:
        self.level.running = False
        super().__exit__(*exc)
        outer = differentiating()
        if outer is not None:
            outer.own |= self.level.own


class Outside(_Stack):
    """`with Outside(level):` only the transforms outside of `level` run."""

    def __init__(self, level: Level) -> None:
        self.level = level

    def levels(self) -> tuple[Level, ...]:
        return running()[: self.level.depth - 1]


def differentiated_inside(level: Level) -> bool:
    """True where a transform that differentiates runs inside `level`."""
    return any(inner.size is None for inner in running()[level.depth :])


def batching_samples() -> bool:
    """True where a `vmap` runs, and not only a batch of cotangents."""
    return any(level.size is not None and not level.cotangents for level in running())


def differentiating() -> Level | None:
    """The innermost running transform that differentiates."""
    return next((level for level in reversed(running()) if level.size is None), None)


def born(tensors: Iterable[Any]) -> None:
    """Have the transform that is running, if any, take these tensors for its own: they may be written to."""
    level = differentiating()
    if level is not None:
        level.own.update(memory(t) for t in tensors)


def memory(t: Any) -> int:
    """Where the memory of a tensor begins."""
    array = (t if t._view is None else t._view.base)._array
    while isinstance(array.base, np.ndarray):
        array = array.base
    return address(array)


def refuse_captured(op: Any, into: Any) -> None:
    """Raises RuntimeError for a write to a tensor that was there before the transform, and was not given to it."""
    level, whole = differentiating(), into
    while (inner := getattr(whole, "_value", None)) is not None:  # of a sample its batch
        whole = inner
    if level is not None and whole._array.size and memory(whole) not in level.own:
        raise RuntimeError(CAPTURED.format(overload_in_place(op)))


def overload_in_place(op: Any) -> str:
    """The name of the in-place form in full."""
    schema = op.schema
    if schema.name == "floor_divide":  # whose numbers come as tensors
        return "floor_divide_.Tensor"
    overload = {"Tensor_Tensor": "Tensor", "Tensor_Scalar": "Scalar"}.get(schema.overload, schema.overload)
    return f"{schema.name.removesuffix('_')}_" + f".{overload}" * bool(overload)


def refuse_inside(name: str, hint: str = "") -> None:
    """Raises RuntimeError inside of a transform."""
    if any(level.randomness != REFUSED for level in running()):
        raise RuntimeError(NOT_INSIDE.format(name, hint))
