"""The in-place form of an op: compute, write to the first argument, count the write, and go on from there in history."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from . import batch_rules, batching, forward, journal, modes, randomness, saved, transforms
from .declaration import TENSOR
from .dtypes import OF_NUMPY
from .graph import check_differentiable, edge_of, keep_ends
from .lazy import Lazy
from .node import OpNode, packed_before
from .operands import array_of, check_broadcast, expands
from .overlap import check_apart, check_no_overlap, check_no_partial_overlap, same_elements
from .promotion import common
from .registry import OPS, F
from .silence import loud, quiet
from .strided import copied
from .tensor import Tensor, exchange, store, wrap
from .views import bump, check_cast, check_inplace, rebase, restrided

if TYPE_CHECKING:
    from .op import Op

OUT_OF_BOUNDS = re.compile(
    "^index .*out of bounds|^index out of range in self|^out of range: tried to access|^reduce argument must be|^.scatter_gather_tensor|"
    "^value cannot be converted"
)
MISFIT = "output with shape {} doesn't match the broadcast shape {}"


def run(op: Op, values: list[Any]) -> Tensor:
    """Compute, write the result into the first argument, and rebase its history."""
    into: Tensor = values[0]
    mode = modes.current()
    if mode & modes.INSIDE and transforms.running()[-1].size is None:  # before any batches around it
        transforms.refuse_captured(op, into)
    if mode & modes.BATCHED:
        if op.family.random:
            return randomness.run(op, values)
        level = batching.innermost(values)
        if level is not None:
            return batch_rules.run_inplace(op, values, level)
    if mode & modes.INSIDE:
        transforms.refuse_captured(op, into)
    needs = op.needs(values) if mode & modes.RECORDING == modes.GRAD and op.diff else None
    if needs is not None and ((op.changes_dtype and not into._dtype.differentiable) or _all_inference(op, values)):
        needs = None
    check_inplace(into, needs is not None)
    if op.family.underived and not into._dtype.differentiable:
        needs = None
    if mode & modes.SAVED_HOOKS:
        saved.about_to_write(into)
    if needs is not None:
        op.bring_up_to_date(values)
    if mode & modes.FORWARD and op.diff and forward.tangents(op, values):
        return forward.run_inplace(op, values, needs)
    return write_into(op, into, values, needs)


def _all_inference(op: Op, values: list[Any]) -> bool:
    """True where every tensor of a call is an inference tensor: PyTorch does not record it, wherever it is made."""
    if values[0]._counter is not None:
        return False
    rest = [values[i] for i, is_list in op.tensors if not is_list and values[i] is not None]
    return all(isinstance(v, Tensor) and v._counter is None for v in rest)


def write_into(op: Op, into: Tensor, values: list[Any], needs: tuple[bool, ...] | None) -> Tensor:
    recorded = values
    if needs is not None and any(kind == TENSOR and i == 0 for kind, i, _ in op.kept_for(needs).save):
        recorded = [copy_of(into), *values[1:]]
    early = packed_before(op, recorded, needs)
    if op.family.first is not None:
        op.family.first(*values)
    if callable(op.family.inplace):
        op.family.inplace(*values)
    lazy = type(into) is Lazy  # PyTorch computes in a copy of it, and copies that back
    if op.broadcasts and not lazy:  # before any shape is looked at
        check_no_overlap(into._array)
        check_no_partial_overlap(into, values[1:])
    if op.family.into is not None and not lazy:
        return _written(op, into, recorded, needs, early)
    sources = [values[i] for i in op.copied]
    if not any(same_elements(source, into) for source in sources):  # copying onto itself moves nothing
        if sources and not op.family.overlaps:
            check_no_overlap(into._array)
        check_no_partial_overlap(into, sources, as_stored=True)
    looked_at = values
    if op.family.plan == "restride" and lazy:  # which goes on reading as its memory does not hold
        looked_at = [into._stored, *values[1:]]
    try:
        _, [result] = op.compute(looked_at)
    except (RuntimeError, IndexError) as error:  # PyTorch looks at the target before it looks for a kernel
        if op.family.apart is True and OUT_OF_BOUNDS.search(str(error)):  # and at its memory before at positions and numbers
            check_apart(into, values[1:])
        check_target(op, into, values, isinstance(error, NotImplementedError) or str(error) == "ZeroDivisionError")
        raise
    if op.family.plan == "restride":
        return _become(op, into, result, values, needs)
    if not sources and not op.family.overlaps and not lazy:
        check_no_overlap(into._array)
    if op.family.apart is True:
        check_apart(into, values[1:])
    if result.shape != into._array.shape:
        if op.family.plan != "write" or not expands(result.shape, into._array.shape):
            raise RuntimeError(MISFIT.format(list(into._array.shape), list(result.shape)))
    check_cast(OF_NUMPY[result.dtype], into._dtype)
    if lazy and not sources:
        check_no_overlap(into._array)
    store(into, result)
    return _after_write(op, into, recorded, needs, early)


def _written(op: Op, into: Tensor, values: list[Any], needs: tuple[bool, ...] | None, early: dict[int, Any] | None) -> Tensor:
    """Have the family's own kernel write to the memory of `into`."""
    arrays = [[array_of(x) for x in v] if isinstance(v, list | tuple) else array_of(v) for v in values[1:]]
    token = quiet()
    try:
        op.family.into(into._array, *arrays)  # type: ignore[misc]  # called where the family has one
    finally:
        loud(token)
    return _after_write(op, into, values, needs, early)


def _after_write(op: Op, into: Tensor, values: list[Any], needs: tuple[bool, ...] | None, early: dict[int, Any] | None) -> Tensor:
    if modes.current() & modes.JOURNAL:
        journal.note(op, [into, *values[1:]], [into])
    bump(into)
    if needs is not None:
        node = op.make_node(values, [into], needs, early)
        if values[0] is not into and needs[0] and op.diff[0] == 0:  # the clone is kept, and no part of the graph itself
            node.edges = (edge_of(into), *node.edges[1:])
        _saved_before(node, into)
        rebase(into, node)
    return into


def _saved_before(node: OpNode, into: Tensor) -> None:
    """What is kept of the memory just written to was meant as it was before, so it is stale at once."""
    held = list(node.saved)
    for k, (kind, _, _) in enumerate(node.plan.save):
        kept = held[2 * k]
        if kind == TENSOR and isinstance(kept, Tensor) and kept._counter is into._counter:
            held[2 * k + 1] -= 1
    node.saved = held


def _become(op: Op, into: Tensor, result: np.ndarray, values: list[Any], needs: tuple[bool, ...] | None) -> Tensor:
    """Give the tensor another geometry; its history goes on from its own, not through its base."""
    node = op.make_node(values, [into], needs) if needs is not None else None
    if node is None and result.shape != into._array.shape:
        keep_ends(into)
    exchange(into, result)
    if modes.current() & modes.JOURNAL:
        journal.note(op, values, [into])
    bump(into)
    if node is not None:
        check_differentiable(into)  # PyTorch, too, has changed its shape by now
        restrided(into, node)
    return into


def check_target(op: Op, into: Tensor, values: list[Any], dtype_too: bool) -> None:
    """Raises RuntimeError where a broadcast result would not fit `into`, or not its dtype."""
    if not op.broadcasts:
        return
    shapes = [v._array.shape for v in values if isinstance(v, Tensor)]
    check_broadcast(shapes)
    shape = np.broadcast_shapes(*shapes)
    if shape != into._array.shape:
        raise RuntimeError(MISFIT.format(list(into._array.shape), list(shape)))
    of_bools = op.schema.name.startswith("logical_")  # which any dtype holds
    if dtype_too and op.family.plan == "pointwise" and op.promoted and not of_bools:
        check_cast(common([values[i] for i in op.promoted if values[i] is not None]), into._dtype)


def copy_of(t: Tensor) -> Tensor:
    """The tensor as it is before a write, in memory of its own. PyTorch clones it, which is recorded."""
    made = wrap(copied(t._array), t._dtype)
    made._rows = t._rows or None
    if t._node is not None:
        check_differentiable(t)
        clone, plain = OPS["clone"], not modes.current() & ~modes.GRAD
        made._node = clone.plain_node(t, None, made) if plain else clone.make_node([t, None], [made], (True,))
    if t._beside is not None:
        for level, tangent in forward.carried(t).items():
            forward.give_at(level, made, F.clone(tangent))
    return made
