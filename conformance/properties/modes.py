"""Grad modes and detaching."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backends import Backend
from ..case import Case
from ..spec import Declaration
from .register import attempt, has_tensors, not_a_write, prop

See = Iterator[tuple[str, Any]]


def _flags(B: Backend, result: Any) -> list[Any]:
    return [(t.requires_grad, t.is_leaf, None if t.grad_fn is None else t.grad_fn.name()) for t in B.outputs(result)]


@prop(
    lambda op: has_tensors(op) and not_a_write(op),
    "differentiable",
    script="with torch.no_grad():\n    {call}\nprint(result.requires_grad, result.is_leaf, result.grad_fn)",
)
def no_grad(B: Backend, op: Declaration, case: Case) -> See:
    """no_grad, enable_grad, set_grad_enabled and inference_mode, nested and as decorators, record as PyTorch does."""
    args = B.inputs(case, True)
    m, call = B.m, lambda: B.call(op, args)
    with m.no_grad():
        result = call()
        yield "no_grad", _flags(B, result)
        yield "value", result
        with m.enable_grad():
            yield "enable_grad in no_grad", _flags(B, call())
        with m.set_grad_enabled(True):
            yield "set_grad_enabled(True) in no_grad", _flags(B, call())
        yield "no_grad again", _flags(B, call())
    yield "after", _flags(B, call())
    with m.set_grad_enabled(False):
        yield "set_grad_enabled(False)", _flags(B, call())
    yield "decorated", _flags(B, m.no_grad()(call)())
    yield "decorated bare", _flags(B, m.no_grad(call)())
    yield "views", [(t._is_view(), t._base is None) for t in B.outputs(result)]
    yield from _inference(B, op, args)


def _inference(B: Backend, op: Declaration, args: dict[str, Any]) -> See:
    with B.m.inference_mode():
        result = B.call(op, args)
        yield "inference", _flags(B, result)
        yield "is_inference", [t.is_inference() for t in B.outputs(result)]
        with B.m.inference_mode(False):
            yield "normal in inference", _flags(B, B.call(op, args))
        yield "mode", (B.m.is_grad_enabled(), B.m.is_inference_mode_enabled())
    yield "after inference", (B.m.is_grad_enabled(), B.m.is_inference_mode_enabled())
    for i, t in enumerate(B.outputs(result)):
        yield f"inference version[{i}]", attempt(getattr, t, "_version")


def _flagged(t: Any) -> bool:
    return t.requires_grad_().requires_grad


@prop(
    lambda op: has_tensors(op) and not_a_write(op),
    "differentiable",
    script="d = result.detach()\nprint(d.requires_grad, d.is_leaf, d.grad_fn, d.data_ptr() == result.data_ptr(), d._version)",
)
def detach(B: Backend, op: Declaration, case: Case) -> See:
    """`detach()` shares memory and version, has no history, and a write through it is seen, as PyTorch's."""
    result = B.outputs(B.call(op, B.inputs(case, True)))
    for i, t in enumerate(result):
        d = t.detach()
        yield f"detached[{i}]", (d.requires_grad, d.is_leaf, d.grad_fn is None, d is t, d._is_view(), d.output_nr)
        yield f"value[{i}]", d
        yield f"layout[{i}]", (d.stride() == t.stride(), d.storage_offset() == t.storage_offset())
        yield f"shared[{i}]", not t.numel() or B.pointer(d) == B.pointer(t)
        yield f"requires_grad_[{i}]", attempt(_flagged, d)
        d = t.detach()
        outcome = attempt(d.zero_)
        yield f"write[{i}]", outcome
        yield f"seen[{i}]", t
        yield f"version[{i}]", (d._version, t._version)
        yield f"data[{i}]", (t.data.requires_grad, t.data._version, t.data.is_leaf)
    for i, t in enumerate(result):
        outcome = attempt(t.detach_)
        if isinstance(outcome, Exception):
            yield f"detach_[{i}]", outcome
        else:
            yield f"detach_[{i}]", (outcome is t, t.requires_grad, t.is_leaf, t.grad_fn is None)
