"""Comparisons, extremes of two, logic, bits, and tests of what a number is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes
from ..once import warn_once
from ..op import F, Family, Op, alias, composite, op, plain, pointwise, write
from ..operands import array_of, expands
from ..overlap import check_no_overlap
from ..promotion import common, only, step_by_step, without_half
from ..strided import dense_strides, laid_out, new
from ..tangents import along, minus, plus
from ..tensor import Tensor, method, strides_of, wrap
from .arithmetic import binary, quotient
from .convert import DISCARDS


# -- the larger and the smaller of two --------------------------------------------------------------------------------------
def of_reals(name: str, ufunc: Callable[..., Any], **words: Any) -> Family:
    """The family of an extreme of two, which refuses complex numbers before it looks at shapes: they have no order."""

    def refuse_complex(self: Any, other: Any) -> None:
        if "c" in (array_of(self).dtype.kind, array_of(other).dtype.kind):
            raise RuntimeError(f"{name} not implemented for complex tensors.")

    def kernel(self: np.ndarray, other: np.ndarray) -> np.ndarray:
        refuse_complex(self, other)
        last = self.dtype == dtypes.bfloat16.np  # whose loop keeps the second of two zeros in fmax and fmin
        return first_of_zeros(ufunc(self, other), *((other, self) if last else (self, other)))

    return pointwise(kernel, inplace=False, first=refuse_complex, **words)


def first_of_zeros(result: np.ndarray, self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """An extreme of two, whose choice between 0 and -0 is the first, as PyTorch's scalar loop has it."""
    zero = result == 0 if result.dtype.kind not in "biu" else False
    if not np.any(zero):
        return result
    return np.where(zero & (self == 0) & (other == 0), self, result)


def shared(g: Any, mine: Any, other: Any, loses: Any) -> Any:
    """The gradient of an extreme: a tie is halved, by PyTorch's convention; NaN loses to nothing."""
    part = F.where(mine == other, quotient(g, 2), g)
    if isinstance(part, Tensor):
        return part.masked_fill_(loses, 0)  # in place, as PyTorch does: that keeps its layout
    part[loses] = 0
    return part


def first_wins(self: Any, other: Any, wins: Any) -> Any:
    """Where `self` is what fmax or fmin took: PyTorch gives it the ties, and what is no number loses."""
    return wins | (other != other)


def extreme_along(s: Any, o: Any, wins: Any, tied: Any = None) -> Any:
    """The tangent of an extreme: the other's and, by how much the first wins, the difference."""
    difference = minus(s, o)
    part = F.to(wins, difference.dtype)
    return plus(o, (part if tied is None else F.where(tied, 0.5, part)) * difference)


op("maximum(Tensor self, Tensor other) -> Tensor",
   of_reals("maximum", np.maximum,
            jvp=along(lambda self, other, s, o, result: extreme_along(s, o, self > other, self == other)), writes=(1, 1)),
   self=lambda g, self, other: shared(g, self, other, self < other),
   other=lambda g, self, other: shared(g, self, other, self > other))  # fmt: skip
op("minimum(Tensor self, Tensor other) -> Tensor",
   of_reals("minimum", np.minimum,
            jvp=along(lambda self, other, s, o, result: extreme_along(s, o, self < other, self == other)), writes=(1, 1)),
   self=lambda g, self, other: shared(g, self, other, self > other),
   other=lambda g, self, other: shared(g, self, other, self < other))  # fmt: skip
op("fmax(Tensor self, Tensor other) -> Tensor",
   of_reals("fmax", np.fmax, promote=step_by_step(common),
            jvp=along(lambda self, other, s, o, result: extreme_along(s, o, first_wins(self, other, self > other)))),
   self=lambda g, self, other: F.masked_fill(g, ~first_wins(self, other, self >= other), 0),
   other=lambda g, self, other: F.masked_fill(g, first_wins(self, other, self >= other), 0))  # fmt: skip
op("fmin(Tensor self, Tensor other) -> Tensor",
   of_reals("fmin", np.fmin, promote=step_by_step(common),
            jvp=along(lambda self, other, s, o, result: extreme_along(s, o, first_wins(self, other, self <= other)))),
   self=lambda g, self, other: F.masked_fill(g, ~first_wins(self, other, self <= other), 0),
   other=lambda g, self, other: F.masked_fill(g, first_wins(self, other, self <= other), 0))  # fmt: skip


# -- comparing: the results are bool, so only the in-place forms have a derivative, and it is zero --------------------------------
def flat(g: Any) -> Any:
    return F.new_zeros(g, tuple(g.shape))  # not in the layout of `g`: PyTorch makes them of a shape alone


def zeros_of(g: Any, shape: Sequence[int], dtype: dtypes.dtype) -> Any:
    """Zeros of an operand's shape and dtype, and like neither it nor `g` in anything else: PyTorch keeps no more than these of it."""
    zeros = np.zeros(tuple(shape), dtype.np)
    return wrap(zeros, dtype) if isinstance(g, Tensor) else zeros


def warn_of_parts(target: Any, operands: Sequence[Any]) -> None:
    """Warns where the truths are to be numbers of a real tensor: PyTorch casts them from the dtype of the operands."""
    if isinstance(target, Tensor) and target.dtype.category in (1, 2) and target.numel() and common(operands).is_complex:
        warn_once(DISCARDS)


def truths_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The truths of two operands for `out=`."""
    _, [result] = op.compute(values)
    if result.size:
        warn_of_parts(outs[0], values)
    return [result]


def warn_in_place(self: Any, other: Any) -> None:
    """The same for what is written in place, where its memory and the shapes allow that."""
    if isinstance(self, Tensor):
        check_no_overlap(self._array)
    if not isinstance(self, Tensor) or not isinstance(other, Tensor) or expands(other.shape, self.shape):
        warn_of_parts(self, [self, other])


def common_in_place(operands: Sequence[Any]) -> dtypes.dtype:
    """The common dtype; warns where the first operand loses imaginary parts to it."""
    warn_in_place(*operands)
    return common(operands)


def comparison(name: str, kernel: Callable[..., Any], synonym: str) -> None:
    """Declare a comparison, its operator, its in-place form and its second name."""
    both = ("self", "other")
    equality = name in ("eq", "ne")
    promote = common if equality else only("bool integer real", f"{name}_cpu")
    in_place = common_in_place if equality else promote
    op(f"{name}.Scalar(Tensor self, Scalar other) -> Tensor", pointwise(kernel, promote, promotes=both, inplace=False, out=truths_into))
    op(f"{name}.Tensor(Tensor self, Tensor other) -> Tensor", pointwise(kernel, promote, inplace=False, operator=name, out=truths_into))
    op(
        f"{name}_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)",
        write(kernel, promote=in_place, promotes=both, function=False),
        self=lambda g, self_shape, self_dtype: zeros_of(g, self_shape, self_dtype),
    )
    op(f"{name}_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)",
       write(kernel, promote=in_place, promotes=both, function=False),
       self=lambda g, self_shape, self_dtype: zeros_of(g, self_shape, self_dtype),
       other=lambda g, other_shape, other_dtype: zeros_of(g, other_shape, other_dtype))  # fmt: skip
    if synonym:
        alias(synonym, name)
        alias(f"{synonym}_", f"{name}_")


comparison("eq", np.equal, "")
comparison("ne", np.not_equal, "not_equal")
comparison("lt", np.less, "less")
comparison("le", np.less_equal, "less_equal")
comparison("gt", np.greater, "greater")
comparison("ge", np.greater_equal, "greater_equal")


# -- logic: anything not zero is true ---------------------------------------------------------------------------------------------
def truths(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel on the truth of each operand, whatever their dtypes."""
    return lambda *operands: ufunc(*(o.astype(bool) for o in operands))


def logic(ufunc: Callable[..., Any], kernel: str) -> Family:
    """An op on the truth of two tensors, which PyTorch has not for complex numbers of two 16-bit floats."""
    return binary(truths(ufunc), without_half(kernel), out=truths_into, inplace=warn_in_place)


op("logical_and(Tensor self, Tensor other) -> Tensor", logic(np.logical_and, "logical_and_cpu"))
op("logical_or(Tensor self, Tensor other) -> Tensor", logic(np.logical_or, "logical_or_cpu"))
op("logical_xor(Tensor self, Tensor other) -> Tensor", logic(np.logical_xor, "logical_xor_cpu"))
op("logical_not(Tensor self) -> Tensor", binary(truths(np.logical_not), None))


# -- bits -------------------------------------------------------------------------------------------------------------------------
def bitwise(name: str, ufunc: Callable[..., Any], kernel: str, operator: str, names: str, scalar: str) -> None:
    """Declare an op on bits: of two tensors, and of a tensor and a number on either side."""
    promote = only(names, f"{kernel}_cpu")
    both = ("self", "other")
    op(
        f"{name}.Tensor(Tensor self, Tensor other) -> Tensor",
        binary(ufunc, promote, operator=operator, underived=True, jvp=None),
        self=flat,
        other=flat,
    )
    op(f"{name}.{scalar}(Tensor self, Scalar other) -> Tensor", binary(ufunc, promote, promotes=both, underived=True, jvp=None), self=flat)
    op(
        f"{name}.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
        pointwise(ufunc, promote, promotes=both, method=False, inplace=False, out=False, underived=True, jvp=None),
        other=flat,
    )


bitwise("bitwise_and", np.bitwise_and, "bitwise_and", "and", "bool integer", "Scalar")
bitwise("bitwise_or", np.bitwise_or, "bitwise_or", "or", "bool integer", "Scalar")
bitwise("bitwise_xor", np.bitwise_xor, "bitwise_xor", "xor", "bool integer", "Scalar")
bitwise("bitwise_left_shift", np.left_shift, "lshift", "lshift", "integer", "Tensor_Scalar")
bitwise("bitwise_right_shift", np.right_shift, "rshift", "rshift", "integer", "Tensor_Scalar")
op("bitwise_not(Tensor self) -> Tensor",
   binary(np.invert, only("bool integer", "bitwise_not_cpu"), operator="invert", out="exact", underived=True, jvp=None),
   self=flat)  # fmt: skip


@method
def __invert__(self: Tensor) -> Any:
    """`~x`, which has words of its own for other dtypes."""
    if self.dtype.category > 1:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return F.bitwise_not(self)


# -- what kind of number it is ----------------------------------------------------------------------------------------------------
def infinite_of(name: str, sign: int) -> Callable[..., Any]:
    """A kernel for one of the two infinities. Raises RuntimeError for complex numbers."""

    def kernel(self: np.ndarray) -> np.ndarray:
        if self.dtype.kind == "c":
            raise RuntimeError(f"{name} does not support complex inputs.")
        return self == sign * np.inf

    return kernel


def infinite(name: str, sign: int) -> Family:
    return pointwise(infinite_of(name, sign), inplace=False, out=f"{name} does not support non-boolean outputs.")


def is_infinite(self: np.ndarray) -> np.ndarray:
    """True for infinities. Of integers PyTorch makes zeros, laid out as a copy is; of complex numbers it asks their parts."""
    if self.dtype.kind not in "biu":
        sizes = laid_out(np.abs(self.real), [self.real])
        return laid_out(np.asarray(np.isinf(self)), [sizes, np.asarray(np.inf)])  # PyTorch compares the sizes with a number
    made = new(self.shape, dense_strides(self.shape, strides_of(self)), np.dtype(bool))
    made[...] = False
    return made


op("isnan(Tensor self) -> Tensor", pointwise(np.isnan, inplace=False, out=False))
op("isinf(Tensor self) -> Tensor", plain(is_infinite, jvp=None))


@composite("isfinite(Tensor self) -> Tensor")
def isfinite(self):
    if self.dtype.category < 2:
        return F.ones_like(self, dtype=dtypes.bool_)
    if self.is_complex():  # in place, as PyTorch does: the result is at version 1
        return isfinite(self.real).mul_(isfinite(self.imag))
    return (self == self) & (F.abs(self) != math.inf)


op("isposinf(Tensor self) -> Tensor", infinite("isposinf", 1))
op("isneginf(Tensor self) -> Tensor", infinite("isneginf", -1))


# -- being equal --------------------------------------------------------------------------------------------------------------------
def check_close(self: Any, other: Any, rtol: float, atol: float, equal_nan: bool) -> None:
    """Raises RuntimeError for different dtypes or a negative tolerance."""
    found = [common([v]).scalar_name for v in (self, other)]
    if found[0] != found[1]:
        raise RuntimeError(f"{found[0]} did not match {found[1]}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")


@composite("isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor")
def isclose(self, other, rtol, atol, equal_nan):
    check_close(self, other, rtol, atol, equal_nan)
    close = F.eq(self, other)
    if equal_nan and self.dtype.category > 1:
        close |= F.isnan(self) & F.isnan(other)
    if rtol == 0 and atol == 0:
        return close
    near = other if other.dtype.category > 1 else F.to(other, dtypes.get_default_dtype())
    distance = F.abs((F.to(self, near.dtype) if self.dtype is dtypes.bool_ else self) - near)
    close |= isfinite(distance) & (distance <= atol + F.abs(rtol * near))
    return close


@composite("allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool")
def allclose(self, other, rtol, atol, equal_nan):
    return F.all(F.isclose(self.detach(), other.detach(), rtol, atol, equal_nan)).item()


@composite("equal(Tensor self, Tensor other) -> bool")
def equal(self, other):
    return self.shape == other.shape and F.all(self.detach() == other.detach()).item()
