"""Derivatives: reverse, twice reverse, forward, and forward over reverse, each with random cotangents and tangents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backends import Backend
from ..case import Case
from ..spec import Declaration
from .nodes import in_order_made, whole_graph
from .register import attempt, differentiable, prop, strides

See = Iterator[tuple[str, Any]]
LEAVES = "leaves = [x for x in ({inputs}) if isinstance(x, torch.Tensor) and x.requires_grad]\n"
GRADIENT = LEAVES + "print(torch.autograd.grad({outputs}, leaves, {cotangents}, allow_unused=True))"
TWICE = LEAVES + "print(torch.autograd.grad({outputs}, leaves, {cotangents}, allow_unused=True, create_graph=True))"
STRIDES = LEAVES + "torch.autograd.backward({outputs}, {cotangents})\nprint([x.grad.stride() for x in leaves if x.grad is not None])"


def recorded(B: Backend, op: Declaration, case: Case) -> tuple[dict[str, Any], list[Any]]:
    """The inputs that require grad, by name, and the outputs that do."""
    args = B.inputs(case, True)
    outputs = [t for t in B.outputs(B.call(op, args)) if t.requires_grad]
    return {n: x for n, x in B.tensors(args).items() if x.requires_grad}, outputs


@prop(differentiable, "differentiable", script=GRADIENT)
def gradient(B: Backend, op: Declaration, case: Case) -> See:
    """`autograd.grad` gives PyTorch's values, dtypes and shapes for random cotangents, and None where it gives None."""
    inputs, outputs = recorded(B, op, case)
    if not outputs:
        return
    for name, g in zip(inputs, B.grad(outputs, list(inputs.values()), B.cotangents(case, outputs)), strict=True):
        yield f"gradient.{name}", g
        if g is not None:
            yield f"gradient flags.{name}", (g.requires_grad, g.is_leaf)


@prop(differentiable, "differentiable", script=STRIDES)
def gradient_layouts(B: Backend, op: Declaration, case: Case) -> See:
    """Gradients, returned or accumulated, have PyTorch's strides, and share memory where PyTorch's do."""
    inputs, outputs = recorded(B, op, case)
    if not outputs:
        return
    seeds = B.cotangents(case, outputs)
    found = B.grad(outputs, list(inputs.values()), seeds, retain_graph=True)
    for name, g in zip(inputs, found, strict=True):
        if g is not None:
            yield f"strides.{name}", strides(g)
            yield f"is the cotangent.{name}", [g is s for s in seeds]
            if g.numel():
                yield f"shares.{name}", [B.pointer(g) == B.pointer(x) for x in [*seeds, *outputs, *inputs.values()]]
    B.backward(outputs, seeds)
    for name, x in inputs.items():
        if x.grad is not None:
            yield f"accumulated strides.{name}", strides(x.grad)
            yield f"accumulated is the cotangent.{name}", [x.grad.numel() > 0 and B.pointer(x.grad) == B.pointer(s) for s in seeds]


@prop(differentiable, "differentiable", script=TWICE)
def second_gradient(B: Backend, op: Declaration, case: Case) -> See:
    """The gradient of the gradient, with respect to inputs and cotangents, is PyTorch's, and so is every node it goes through."""
    inputs, outputs = recorded(B, op, case)
    if not outputs:
        return
    seeds = B.cotangents(case, outputs, requires_grad=True)
    first = B.grad(outputs, list(inputs.values()), seeds, create_graph=True)
    yield "requires_grad", [g is not None and g.requires_grad for g in first]
    wanted = {**inputs, **{f"cotangent{i}": s for i, s in enumerate(seeds)}}
    for name, g in zip(inputs, first, strict=True):
        yield f"first.{name}", g
        yield f"nodes.{name}", whole_graph(g, wanted)
    yield "nodes of all", in_order_made(first)
    live = [g for g in first if g is not None and g.requires_grad]
    if not live:
        return
    second = attempt(lambda: B.grad(live, list(wanted.values()), B.cotangents(case, live, slot=5)))
    if isinstance(second, Exception):
        yield "second gradient", second
        return
    for name, g in zip(wanted, second, strict=True):
        yield f"second.{name}", g


def _duals(B: Backend, op: Declaration, case: Case, args: dict[str, Any]) -> dict[str, Any]:
    """The arguments with a tangent on those that carry the case's flag."""
    made, slot = dict(args), 40
    for name, value in case.args.items():
        parts = made[name] if isinstance(made[name], list) else [made[name]]
        flags = value if isinstance(value, list) else [value]
        duals = []
        for part, flag in zip(parts, flags, strict=True):
            slot += 1
            if getattr(flag, "same_as", ""):
                part = made[flag.same_as]
            elif getattr(flag, "requires_grad", False):
                tangent = B.make(case.cotangent(tuple(part.shape), B.dtype(part), slot))
                part = B.m.autograd.forward_ad.make_dual(part, tangent)
            duals.append(part)
        made[name] = duals if isinstance(made[name], list) else duals[0]
    return made


@prop(
    differentiable,
    "differentiable",
    script="# under torch.autograd.forward_ad.dual_level(), with make_dual on the inputs that require grad\nprint(result)",
)
def forward_mode(B: Backend, op: Declaration, case: Case) -> See:
    """The tangent of every output is PyTorch's, or forward mode is refused in PyTorch's words."""
    fw = B.m.autograd.forward_ad
    with fw.dual_level():
        result = B.call(op, _duals(B, op, case, B.inputs(case, False)))
        for i, t in enumerate(B.outputs(result)):
            primal, tangent = fw.unpack_dual(t)
            yield f"primal[{i}]", primal
            yield f"tangent[{i}]", tangent


@prop(
    differentiable,
    "differentiable",
    script="# the gradient of the above, computed from dual inputs: its tangent\nprint(result)",
)
def forward_over_reverse(B: Backend, op: Declaration, case: Case) -> See:
    """The tangent of the gradient (forward mode through backward) is PyTorch's."""
    fw = B.m.autograd.forward_ad
    args = B.inputs(case, True)
    with fw.dual_level():
        inputs = {n: x for n, x in B.tensors(args).items() if x.requires_grad}
        outputs = [t for t in B.outputs(B.call(op, _duals(B, op, case, args))) if t.requires_grad]
        if not outputs:
            return
        found = B.grad(outputs, list(inputs.values()), B.cotangents(case, outputs))
        for name, g in zip(inputs, found, strict=True):
            yield f"gradient.{name}", None if g is None else fw.unpack_dual(g)[0]
            yield f"tangent of gradient.{name}", None if g is None else fw.unpack_dual(g)[1]
