"""What a node keeps for its rules: values with their versions, checked when they are read, freed or packed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import journal, modes
from .declaration import DTYPE, GEOMETRY, NEEDS, OUTPUT, SHAPE, TENSOR, TENSORS, Plan
from .graph import Node, Saved, modified, output_of
from .operands import shape_of
from .saved import Packed
from .tensor import LEAF, Tensor, counter_of
from .views import named_source_of, node_of

if TYPE_CHECKING:
    from .node import OpNode
    from .op import Op

INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by "
    "autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` "
    "instead of `torch.inference_mode()`."
)
DETACHED = (
    "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_()."
    "This is not supported, please use out-of-place `.detach()` instead"
)


def keep(op: Op, kind: int, i: int, values: list[Any], outs: list[Tensor], needs: tuple[bool, ...]) -> Any:
    """What is kept for one thing the rules want."""
    if kind == OUTPUT and i in op.constant_results:
        return outs[i]
    if kind == OUTPUT:
        return Saved.of(outs[i], i)
    v = values[i]
    if kind in (TENSOR, TENSORS):
        for t in v if kind == TENSORS else (v,):
            if isinstance(t, Tensor) and t._counter is None:
                raise RuntimeError(INFERENCE_SAVED)
        return list(v) if kind == TENSORS else v
    if kind == SHAPE:
        return [shape_of(t) for t in v] if isinstance(v, list | tuple) else shape_of(v)
    if kind == GEOMETRY:
        return v._array.shape, v.stride(), v.storage_offset()
    if kind == DTYPE:
        return [t._dtype for t in v] if isinstance(v, list | tuple) else v._dtype
    return {n for n, need in zip(op.differentiable, needs, strict=True) if need} if kind == NEEDS else v


def value_of(value: Any, node: OpNode) -> Any:
    return value.tensor(node) if type(value) is Packed else value


def version_of(value: Any) -> Any:
    if type(value) is Saved:
        return value.counter[0] if value.counter is not None else 0
    if isinstance(value, Tensor):
        return value._counter[0]  # type: ignore[index]  # an inference tensor was refused
    return [version_of(v) for v in value] if isinstance(value, list) else 0


def check_version(value: Any, then: Any, node: OpNode, reading: bool = False) -> None:
    if type(value) is Saved:
        if value.counter is not None and value.counter[0] != then:
            by = named_source_of(value, node) if value.dtype.differentiable else None
            raise modified(value.dtype, value.array.shape, by, value.nr, value.counter[0], then)
    elif isinstance(value, Tensor):
        if not reading and (value._node is None or value._node is LEAF):
            check_attached(value, node)
        now = value._counter[0]  # type: ignore[index]  # what inference makes is not kept
        if now != then:
            by = node_of(value)
            raise modified(value._dtype, value._array.shape, None if by is LEAF else by, value.output_nr, now, then)
    elif isinstance(value, list):
        for t, v in zip(value, then, strict=True):
            check_version(t, v, node, reading)


def check_attached(t: Tensor, node: OpNode) -> None:
    """Raises RuntimeError where a kept tensor was part of the graph when `node` was recorded and is no longer."""
    for (kind, i, _), value in zip(node.plan.save, node.saved[::2], strict=True):
        if kind == TENSOR and value is t and i in node.op.diff and len(node.edges) == len(node.op.diff):
            edge = node.edges[node.op.diff.index(i)]
            if isinstance(edge, Node | tuple):
                raise RuntimeError(DETACHED)


def unpacked(plan: Plan, versions: bool = True) -> list[str]:
    """Sets `s<i>` to what is kept, and `v<i>` to its version; without `versions` what a CompactPair holds has the version 0."""
    if plan.compact:
        return _unpacked_slots(plan, versions)
    names = "".join(f"s{i}, v{i}, " for i in range(len(plan.save)))
    return ["saved = node.saved", "if saved is FREED: raise RuntimeError(FREED_TWICE)"] + ([f"{names}= saved"] if names else [])


def _unpacked_slots(plan: Plan, versions: bool) -> list[str]:
    lines = ["if node.one is FREED: raise RuntimeError(FREED_TWICE)"] if plan.keeps_tensors else []
    for i, (slot, (kind, _, _)) in enumerate(zip(("one", "other"), plan.save, strict=False)):
        lines.append(f"s{i} = node.{slot}")
        if versions and kind in (TENSOR, OUTPUT):
            lines += [f"v{i} = 0", f"if type(s{i}) is tuple: s{i}, v{i} = s{i}"]
    return lines


def edges_text(plan: Plan, count: int) -> list[str]:
    """Sets `edge<i>` to where the gradients go."""
    if plan.paired:
        return ["edge0 = node.first", "edge1 = node.second"]
    return [f"{''.join(f'edge{p}, ' for p in range(count))}= node.edges"]


def fits_text(plan: Plan) -> str:
    """Sets `fits` to those of the node."""
    return "fits = node.plan.fits" if plan.paired else "fits = node.fits"


def stale_text(op: Op, mask: tuple[bool, ...], i: int, kind: int, at: int, version: str = "") -> str:
    """The text of when the tensor `s{i}`, argument (or result) `at`, was written to or may have been detached since it was kept.

    A tensor that is as it was is what its edge leads to, or has the node that does: see `check_attached`.
    """
    written = f"s{i}._counter[0]" if version == "0" else f"s{i}._counter[0] != v{i}"
    if kind == OUTPUT or at not in op.diff or not mask[op.diff.index(at)]:
        return written
    position = op.diff.index(at)
    edge = f"node.edges[{position}]" if op.takes_lists else f"edge{position}"
    return f"{written} or (s{i}._node is not {edge} and s{i} is not {edge} and (s{i}._node is None or s{i}._node is LEAF))"


def as_made_by(node: OpNode, t: Tensor, nr: int) -> Tensor:
    """A result as hooks see it: with its node, which it is about to get."""
    made = t._alias()
    made._counter = counter_of(t)
    if t._dtype.differentiable:
        made._node = output_of(node, nr)
    if modes.current() & modes.JOURNAL:
        journal.same(made, t)
    return made
