"""The dtype an op computes in: one function per rule, named in a declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes
from .dtypes import COMPLEX_HALF, PROMOTED, combine, dtype
from .tensor import Tensor, WrappedNumber

Promote = Callable[[Sequence[Any]], dtype]
BY_DTYPE: set[Promote] = set()  # the rules that look at nothing but dtypes, so that what they say of some holds for others

BY_SHAPE: set[Promote] = set()  # and those that look at shapes, too

BY_NUMBER: set[Promote] = set()  # those that look at dtypes, and at Python numbers: beside floats only at those that are not SMALL
SMALL = 2**15

BY_CALL: dict[Promote, Callable[[Sequence[Any]], Promote]] = {}  # of a rule: what gives the one to follow, by all arguments of a call


def by_dtype(promote: Promote) -> Promote:
    """Say of a rule that it looks at nothing but dtypes."""
    BY_DTYPE.add(promote)
    return promote


@by_dtype
def common(operands: Sequence[Any]) -> dtype:
    """PyTorch's `result_type` of Tensors, arrays and Python numbers."""
    first = operands[0]
    if type(first) is Tensor:
        d = first._dtype
        for t in operands:
            if type(t) is not Tensor or t._dtype is not d:
                break
        else:
            return d
    groups: list[dtype | None] = [None, None, None]
    for v in operands:
        rank, d = _rank(v)
        old = groups[rank]
        groups[rank] = d if old is None else PROMOTED[old, d]
    return combine(*groups)


def _rank(v: Any) -> tuple[int, dtype]:
    """0 for a dimensioned operand, 1 for a zero-dimensional one, 2 for a Python number; and its dtype."""
    if isinstance(v, Tensor):
        if type(v) is WrappedNumber:
            return 2, dtypes.of_number(v._array.item())
        return (0 if v._array.ndim else 1), v._dtype
    if isinstance(v, np.ndarray | np.generic):
        return (0 if v.ndim else 1), dtypes.OF_NUMPY[v.dtype]
    return 2, dtypes.of_number(v)


@by_dtype
def floating(operands: Sequence[Any]) -> dtype:
    """The common dtype, or the default floating dtype where that is integral or bool."""
    d = common(operands)
    return d if d.category >= 2 else dtypes.get_default_dtype()


@by_dtype
def by_rounding(operands: Sequence[Any]) -> dtype:
    """Of a quotient that may be rounded: the common dtype where it is, a floating one where it is not."""
    return common(operands)


BY_CALL[by_rounding] = lambda values: floating if values[2] is None else common


@by_dtype
def first(operands: Sequence[Any]) -> dtype:
    """The dtype of the first operand, whatever the others are."""
    return _rank(operands[0])[1]


def only(names: str, kernel: str, promote: Promote = common) -> Promote:
    """`promote`, refusing results that are not "bool", "integer", "real" or "complex" as `names` lists them, in a kernel's words."""
    allowed = {("bool", "integer", "real", "complex").index(name) for name in names.split()}

    def refusing(operands: Sequence[Any]) -> dtype:
        d = promote(operands)
        if d.category not in allowed or d is COMPLEX_HALF:
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{d.scalar_name}'")
        return d

    return by_dtype(refusing) if promote in BY_DTYPE else refusing


def without_half(kernel: str, promote: Promote = common) -> Promote:
    """`promote`, refusing complex numbers of two 16-bit floats, of which PyTorch has a dtype and no such kernel."""
    return only("bool integer real complex", kernel, promote)


def step_by_step(promote: Promote) -> Promote:
    """`promote`, with 16-bit numbers left to the kernel as they are."""

    def unwidened(operands: Sequence[Any]) -> dtype:
        return promote(operands).unwidened()

    if promote in BY_SHAPE:
        BY_SHAPE.add(unwidened)
    return by_dtype(unwidened) if promote in BY_DTYPE else unwidened


def without_complex(text: str, promote: Promote = common) -> Promote:
    """`promote`, refusing complex results with `text`, where PyTorch says more than that a kernel does not exist."""

    def refusing(operands: Sequence[Any]) -> dtype:
        d = promote(operands)
        if d.is_complex:
            raise NotImplementedError(text)
        return d

    return by_dtype(refusing) if promote in BY_DTYPE else refusing
