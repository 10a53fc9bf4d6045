"""One op, many spellings: function, method, operator, keywords, reflected, `out=`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends import Backend
from ..backends import forms as public_forms
from ..case import DIFFERENTIABLE, NUMPY, OMITTED, WIDE, Case, TensorValue, row_major, tensor_value
from ..spec import Declaration
from .register import attempt, prop, strides

See = Iterator[tuple[str, Any]]


@prop(lambda op: not op.schema.is_inplace and public_forms(op) != ("internal",), script="print(result)")
def forms(B: Backend, op: Declaration, case: Case) -> See:
    """Function, method and operator, with positions or keywords, are all there and agree with PyTorch's."""
    available = public_forms(op)
    args = B.inputs(case, True)
    if "function" in available:
        yield "function", attempt(lambda: B.function(op, args))
        yield "function by keyword", attempt(lambda: B.function(op, args, keywords=True))
    if "method" in available and B.is_tensor(args[op.schema.arguments[0].name]):
        yield "method", attempt(lambda: B.method(op, args))
        yield "method by keyword", attempt(lambda: B.method(op, args, keywords=True))
    if "attribute" in available:
        yield "attribute", attempt(lambda: getattr(args[op.schema.arguments[0].name], op.schema.name))
    if op.operator:
        yield from _operators(B, op, case, args)


def _operators(B: Backend, op: Declaration, case: Case, args: dict[str, Any]) -> See:
    """`x * y`, `y * x` with a number, `x *= y`: through the special methods Python would try."""
    operands = [args[a.name] for a in op.schema.positional if args[a.name] is not OMITTED]
    name = op.operator.strip("_")
    yield "operator", attempt(lambda: getattr(operands[0], f"__{name}__")(*operands[1:]))
    if len(operands) != 2:
        return
    number = (2, 0.5, -3, True, 1j if B.dtype(operands[0]) != "float16" else 4)[case.choice(0, 5)]
    yield "operator with a number", attempt(lambda: getattr(operands[0], f"__{name}__")(number))
    yield "reflected", attempt(lambda: getattr(operands[0], f"__r{name}__")(number))
    if op.inplace:
        fresh = B.inputs(case, False)[op.schema.arguments[0].name]
        yield "assigned", attempt(lambda: getattr(fresh, f"__i{name}__")(operands[1]))


def _targets(case: Case, shape: tuple[int, ...], dtype: str, slot: int, names: dict[str, str]) -> TensorValue:
    """A tensor to write to: as the result, empty, of another size, of another dtype, strided, or requiring grad."""
    how = case.choice(slot, 8)
    other = ("float64", "float32", "int64", "complex64", "bool", "float16")[case.choice(slot + 1, 6)]
    name = names.get(other, other) if how in (3, 7) else dtype
    sides = {1: (0,), 2: (*shape, 2), 6: shape[1:]}.get(how, shape)
    value = tensor_value(np.zeros(sides, NUMPY[name]), requires_grad=how == 5)
    if how == 4 and len(shape) > 1:
        strides = tuple(reversed(row_major(shape[::-1])))
        return TensorValue(name, value.root, shape, strides)
    return value


@prop(lambda op: op.out and not op.schema.is_inplace, script="print(result)  # with out=")
def out(B: Backend, op: Declaration, case: Case) -> See:
    """`out=` writes into, resizes, casts to and returns the tensor given, or refuses, as PyTorch does."""
    args = B.inputs(case, case.choice(7, 4) == 3)
    plain = B.outputs(B.call(op, B.inputs(case, False)))
    names = WIDE if B.m.get_default_dtype() == B.m.float64 else {}  # a reference writes to what is as wide as itself
    made = [_targets(case, tuple(t.shape), B.dtype(t), 2 * i, names) for i, t in enumerate(plain)]
    targets = [B.resizable(v).requires_grad_(v.requires_grad and v.dtype in DIFFERENTIABLE) for v in made]
    with B.warned() as said:
        result = attempt(lambda: B.function(op, args, out=targets[0] if len(targets) == 1 else tuple(targets)))
    yield "warnings", said
    if isinstance(result, Exception):
        raise result
    for i, (t, given) in enumerate(zip(B.outputs(result), targets, strict=True)):
        yield f"returned[{i}]", t is given
        yield f"value[{i}]", given
        yield f"version[{i}]", given._version
        yield f"strides[{i}]", strides(given)
        yield f"requires_grad[{i}]", given.requires_grad
    yield from _overlapping(B, op, case, plain)


def _overlapping(B: Backend, op: Declaration, case: Case, plain: list[Any]) -> See:
    """Whether a target may be the memory of an argument but for one element, as far as dtypes allow."""
    args = B.inputs(case, False)
    flat = {n: t for n, t in args.items() if B.is_tensor(t) and t.numel() and not getattr(case.args[n], "same_as", "")}
    if not flat or not plain:
        return
    name, which = list(flat)[case.choice(8, len(flat))], case.choice(9, len(plain))
    given, made = args[name], plain[which]
    if given.dtype != made.dtype or not made.numel():
        return
    memory = B.m.zeros(max(given.numel(), made.numel()) + 1, dtype=made.dtype)
    args[name] = memory[: given.numel()].view(tuple(given.shape)).copy_(given)
    targets = [B.m.zeros_like(t) for t in plain]
    targets[which] = memory[1 : 1 + made.numel()].view(tuple(made.shape))
    result = attempt(lambda: B.function(op, args, out=targets[0] if len(targets) == 1 else tuple(targets)))
    yield f"over all but one element of {name}", result if isinstance(result, Exception) else "computes"
