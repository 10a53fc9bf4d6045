"""What a call returns, before any gradient: value, dtype, layout, aliasing, text, warnings, errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backends import Backend, forms, truth
from ..case import Case
from ..spec import Declaration
from .register import attempt, has_tensors, not_a_write, prop

See = Iterator[tuple[str, Any]]
SAID = """with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter('always')
    {call}
print([str(w.message) for w in said])"""
WHERE = "print(result is self, result._is_view(), result._base is self, result.storage_offset())"


@prop(fixed=True)
def signature(B: Backend, op: Declaration, case: Case) -> See:
    """Names, types, defaults, keyword-only marks and alias marks of the arguments are those of PyTorch's schema."""
    for i, part in enumerate(B.schema(op)):
        yield f"signature {i}", part


@prop(script="print(result)\nprint(result.dtype, tuple(result.shape))")
def value(B: Backend, op: Declaration, case: Case) -> See:
    """The result has PyTorch's elements, dtype and shape."""
    yield "value", B.call(op, B.inputs(case, False))


def _mixes(op: Declaration) -> bool:
    kinds = [a.type.rstrip("?") for a in op.schema.arguments]
    several = kinds.count("Tensor") > 1 or "Tensor[]" in kinds or {"Tensor", "Scalar"} <= set(kinds)
    return not op.schema.is_inplace and (several or op.promotes)


@prop(_mixes, "mixed", script="print(result.dtype)\nprint(result)")
def promotion(B: Backend, op: Declaration, case: Case) -> See:
    """Operands of several dtypes, 0-dim tensors and Python numbers give the dtype PyTorch gives, and its value."""
    result = B.call(op, B.inputs(case, False))
    yield "dtypes", [B.dtype(t) for t in B.outputs(result)]
    yield "value", result


@prop(lambda op: not_a_write(op) and "Tensor" in op.schema.returns, script="print(result.stride(), result.is_contiguous())")
def layout(B: Backend, op: Declaration, case: Case) -> See:
    """The result has PyTorch's strides, also for strided, expanded and empty inputs."""
    for i, t in enumerate(B.outputs(B.call(op, B.inputs(case, False)))):
        yield f"strides[{i}]", tuple(t.stride())
        yield f"contiguous[{i}]", bool(t.is_contiguous())


@prop(lambda op: has_tensors(op) and not_a_write(op), script=WHERE)
def alias(B: Backend, op: Declaration, case: Case) -> See:
    """The result shares memory with an input, is a view, has a base and an offset exactly where PyTorch's does."""
    args = B.inputs(case, True)
    inputs, outputs = B.tensors(args), B.outputs(B.call(op, args))
    for i, t in enumerate(outputs):
        yield f"is[{i}]", [name for name, x in inputs.items() if x is t]
        if t.numel():
            yield f"starts[{i}]", [_start(B, x, t) for x in inputs.values()]
        yield f"view[{i}]", bool(t._is_view())
        yield f"base[{i}]", "none" if t._base is None else [name for name, x in inputs.items() if t._base is x]
        yield f"offset[{i}]", t.storage_offset()
        yield f"version[{i}]", t._version


def _start(B: Backend, x: Any, t: Any) -> int | None:
    """How many bytes into `x` the memory of `t` starts; None where it lies outside."""
    reach = x.numel() and 1 + sum((n - 1) * s for n, s in zip(x.shape, x.stride(), strict=True))
    start = B.pointer(t) - B.pointer(x)
    return start if reach and 0 <= start < reach * x.element_size() else None


@prop(lambda op: op.spec.contents and "Tensor" in op.schema.returns, script="print(repr(result))")
def repr(B: Backend, op: Declaration, case: Case) -> See:
    """The printed text of results is PyTorch's, with dtype, requires_grad and grad_fn."""
    if any(t.requires_grad for t in case.tensors().values()):  # else it is the same call
        for i, t in enumerate(_printable(B, op, case, True)):
            yield f"repr[{i}]", t.__repr__()
    for i, t in enumerate(_printable(B, op, case, False)):
        yield f"str[{i}]", str(t)


def _printable(B: Backend, op: Declaration, case: Case, requires_grad: bool) -> list[Any]:
    """The results with PyTorch's elements put in: `value` says how far elements may differ, here it is how they are printed."""
    made = B.outputs(B.call(op, B.inputs(case, requires_grad)))

    def elements_of_pytorch(case: Case) -> list[Any]:
        found = made if B is truth else attempt(lambda: truth.outputs(truth.call(op, truth.inputs(case, requires_grad))))
        return [] if isinstance(found, Exception) else [truth.read(t) for t in found]

    theirs = case.made(f"elements {requires_grad}", elements_of_pytorch)
    for t, elements in zip([] if B is truth else made, theirs, strict=False):
        into = B.array(t)
        if into.dtype == elements.dtype and into.shape == elements.shape and into.flags.writeable:
            into[...] = elements
    return made


@prop(script=SAID)
def warnings(B: Backend, op: Declaration, case: Case) -> See:
    """The call warns with PyTorch's category and text, or not at all."""
    with B.warned() as said:
        outcome = attempt(lambda: B.call(op, B.inputs(case, True)))
    if isinstance(outcome, Exception):
        raise outcome
    yield "warnings", said


def _callable_wrongly(op: Declaration) -> bool:
    """True where a user can get an argument wrong: an op without a public name is called by other ops only."""
    return bool(op.schema.arguments) and (forms(op) != ("internal",) or op.spec.call is not None)


@prop(_callable_wrongly, "spoiled", judges_errors=True)
def errors(B: Backend, op: Declaration, case: Case) -> See:
    """A wrong argument raises PyTorch's exception with PyTorch's words."""
    yield "value", B.call(op, B.inputs(case, False))
