"""In-place forms, on tensors of their own and through views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backends import Backend
from ..case import Case
from ..spec import Declaration
from .nodes import whole_graph
from .register import attempt, prop, strides, writes

See = Iterator[tuple[str, Any]]


def _name(op: Declaration) -> str:
    return op.schema.name if op.schema.is_inplace else op.schema.name + "_"


def write(B: Backend, op: Declaration, args: dict[str, Any]) -> Any:
    """The in-place form of a call."""
    if op.schema.is_inplace:
        return B.call(op, args)
    return B.function(op, args, name=_name(op)) if op.schema.namespace else B.method(op, args, _name(op))


def _flags(t: Any) -> Any:
    return (t.requires_grad, t.is_leaf, t._version, t.output_nr)


@prop(writes, "differentiable", script="# in place: the method with a trailing underscore\nprint(self)")
def inplace(B: Backend, op: Declaration, case: Case) -> See:
    """The in-place form writes, counts the version, rebases history and differentiates, or refuses, as PyTorch does."""
    first = op.schema.arguments[0].name
    yield "leaf", attempt(lambda: write(B, op, B.inputs(case, True)))
    plain = B.inputs(case, {n for n in case.args if n != first})
    result = write(B, op, plain)
    yield "is self", result is plain[first]
    yield "value", result
    yield "flags", _flags(result)
    yield "strides", strides(result)
    leaves = B.inputs(case, True)
    args = {**leaves, first: leaves[first].clone()}
    args.update({n: args[v.same_as] for n, v in case.args.items() if getattr(v, "same_as", "")})
    result = write(B, op, args)
    yield "recorded value", result
    yield "recorded flags", _flags(result)
    inputs = B.tensors(leaves)
    yield "graph", whole_graph(result, inputs)
    wanted = {n: x for n, x in inputs.items() if x.requires_grad}
    if result.requires_grad and wanted:
        for name, g in zip(wanted, B.grad([result], list(wanted.values()), B.cotangents(case, [result])), strict=True):
            yield f"gradient.{name}", g


def _through(base: Any, how: int, shape: tuple[int, ...]) -> Any:
    """A view of `base` (the argument stacked twice) that has the argument's own shape."""
    if how == 0:
        return base.select(0, 1)
    if how == 1:
        return base.narrow(0, 0, 1).squeeze(0)
    if how == 2 and shape:
        return base.transpose(0, 1).select(1, 0)
    if how == 3:
        return base.view(-1)[: max(base.numel() // 2, 0)].view(shape)
    return base[1]


@prop(writes, "differentiable", script="# in place, through a view of a larger tensor\nprint(self)")
def inplace_through_view(B: Backend, op: Declaration, case: Case) -> See:
    """A write through a view changes the base, its version and its history as in PyTorch; a leaf's view refuses."""
    first = op.schema.arguments[0].name
    how = case.choice(3, 5)
    shape = case.args[first].shape
    leaf_args = B.inputs(case, {first})
    yield "view of a leaf", attempt(lambda: write(B, op, {**leaf_args, first: leaf_args[first][...]}))
    leaves = B.inputs(case, True)
    base = leaves[first].unsqueeze(0).expand(2, *shape).clone(memory_format=B.m.contiguous_format)
    view = _through(base, how, shape)
    sibling = _through(base, 0, shape)
    args = {**leaves, first: view}
    args.update({n: view for n, v in case.args.items() if getattr(v, "same_as", "") == first})
    result = write(B, op, args)
    yield "is self", result is view
    yield "base", base
    yield "view", view
    yield "flags", [_flags(t) for t in (base, view, sibling)]
    inputs = B.tensors(leaves)
    for word, t in (("base", base), ("view", view), ("sibling", sibling)):
        yield f"{word} graph", whole_graph(t, inputs)
    wanted = {n: x for n, x in inputs.items() if x.requires_grad}
    for word, t in (("base", base), ("view", view), ("sibling", sibling)):
        if t.requires_grad and wanted:
            found = B.grad([t], list(wanted.values()), B.cotangents(case, [t]), retain_graph=True)
            for name, g in zip(wanted, found, strict=True):
                yield f"{word} gradient.{name}", g
