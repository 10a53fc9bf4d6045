"""What is recorded: requires_grad, leaves, and the nodes behind a result."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from ..backends import Backend, Warned
from ..case import DIFFERENTIABLE, Case
from ..spec import Declaration
from .nodes import whole_graph
from .register import has_tensors, not_a_write, prop

See = Iterator[tuple[str, Any]]


def candidates(case: Case) -> list[str]:
    """Names of the arguments that can require grad."""
    made = []
    for name, value in case.args.items():
        parts = value if isinstance(value, list) else [value]
        if any(getattr(p, "dtype", None) in DIFFERENTIABLE and not p.same_as for p in parts):
            made.append(name)
    return made


def subsets(case: Case) -> list[tuple[str, ...]]:
    """Every choice of arguments that require grad, the empty one too; at most 16."""
    names = candidates(case)[:4]
    return [c for k in range(len(names) + 1) for c in combinations(names, k)]


def of(which: tuple[str, ...]) -> str:
    return "{" + ",".join(which) + "}"


@prop(lambda op: has_tensors(op) and not_a_write(op), script="print(result.requires_grad, result.is_leaf, result.grad_fn)")
def requires_grad(B: Backend, op: Declaration, case: Case) -> See:
    """The result requires grad exactly where PyTorch's does, for every combination of arguments that require it."""
    for which in subsets(case):
        for i, t in enumerate(B.outputs(B.call(op, B.inputs(case, which)))):
            yield f"requires_grad{of(which)}[{i}]", t.requires_grad
            yield f"recorded{of(which)}[{i}]", t.grad_fn is not None


@prop(
    lambda op: has_tensors(op) and not_a_write(op),
    "differentiable",
    script="print(result.is_leaf, result.requires_grad, result.grad_fn)\nprint(result.grad)",
)
def leaf(B: Backend, op: Declaration, case: Case) -> See:
    """`is_leaf`, `.grad` and its warning are PyTorch's for inputs and results, before and after backward."""
    args = B.inputs(case, True)
    inputs, outputs = B.tensors(args), B.outputs(B.call(op, args))
    live = [t for t in outputs if t.requires_grad]
    with (listening := B.warned()):
        for i, t in enumerate(outputs):
            yield f"result.is_leaf[{i}]", t.is_leaf
            found, said = _grad(t, listening)
            yield f"result.grad[{i}]", found
            yield f"result.grad warns[{i}]", said
            yield f"result.retains_grad[{i}]", t.retains_grad
            yield f"result.output_nr[{i}]", t.output_nr
        if live:
            B.backward(live, B.cotangents(case, live))
        for name, x in inputs.items():
            yield f"is_leaf.{name}", x.is_leaf
            yield f"grad_fn.{name}", x.grad_fn is None
            found, said = _grad(x, listening)
            yield f"gradient.{name}", found
            yield f"grad warns.{name}", said
        for i, t in enumerate(live):
            found, said = _grad(t, listening)
            yield f"after.grad[{i}]", found
            yield f"after.grad warns[{i}]", said


def _grad(t: Any, listening: Warned) -> tuple[Any, list[str]]:
    """The gradient, and what is said at the look at it."""
    listening.heard()
    return t.grad, listening.heard()


@prop(lambda op: has_tensors(op) and not_a_write(op), "differentiable", script="print(result.grad_fn, result.grad_fn.next_functions)")
def graph(B: Backend, op: Declaration, case: Case) -> See:
    """The nodes behind a result have PyTorch's names, edges and order."""
    args = B.inputs(case, True)
    inputs = B.tensors(args)
    for i, t in enumerate(B.outputs(B.call(op, args))):
        yield f"graph[{i}]", whole_graph(t, inputs)
        yield f"output_nr[{i}]", t.output_nr
        yield f"class[{i}]", type(t.grad_fn).__name__
    for i, t in enumerate(B.outputs(B.call(op, B.cloned(case, args)))):
        yield f"deeper[{i}]", whole_graph(t, inputs)
