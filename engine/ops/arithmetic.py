"""Addition to division, remainders, powers and their kin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from .. import dtypes
from ..errors import COMPLEX_OF_REAL
from ..layout import row_major
from ..memory import LARGE, empty
from ..number import converted as cast_number
from ..op import OPS, F, Family, Op, alias, composite, op, pointwise, write
from ..operands import check_broadcast, expands
from ..overlap import check_no_overlap
from ..promotion import Promote, by_dtype, by_rounding, common, floating, only, step_by_step, without_half
from ..schema import Schema, parse
from ..strided import copied, in_order
from ..tangents import along, as_beside, beside_missing, by, minus, over, plus
from ..tensor import Tensor, method
from ..traced import stands_for_array
from ..views import check_cast

NEGATED_BOOL = (
    "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` "
    "operator instead."
)
SUBTRACTED_BOOLS = "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
SUBTRACTED_BOOL = (
    "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or "
    "`logical_not()` operator instead."
)


def not_implemented(kernel: str, array: np.ndarray) -> NotImplementedError:
    """PyTorch's refusal of a dtype its kernel has no code for."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{dtypes.OF_NUMPY[array.dtype].scalar_name}'")


def binary(kernel: Callable[..., Any], promote: Promote | None = common, **words: Any) -> Family:
    """An elementwise op of two tensors: its in-place form is a method alone."""
    return pointwise(kernel, promote, **{"inplace_function": False, **words})


def number_over(number: complex, x: Any) -> Any:
    """`number / x` as a rule of PyTorch's has it: written to a filled tensor, where the operator of a Tensor takes the reciprocal first.

    Raises RuntimeError where 16 bits cannot hold the number, and of bools.
    """
    if isinstance(x, Tensor):
        return F.full_like(x, number).div_(x)
    if x.dtype.kind == "b":
        raise RuntimeError("result type Float can't be cast to the desired output type Bool")
    return (cast_number(number, x.dtype) if x.dtype.itemsize == 2 else number) / x


def number_less(number: complex, x: Any) -> Any:
    """`number - x` as a rule of PyTorch's has it: written to a filled tensor."""
    return F.full_like(x, number).sub_(x) if isinstance(x, Tensor) else F.rsub(x, number)


# -- complex gradients of real numbers ----------------------------------------------------------------------------------------
def is_complex(x: Any) -> bool:
    """True for a complex array or Tensor."""
    return x.dtype.is_complex if isinstance(x.dtype, dtypes.dtype) else x.dtype.kind == "c"


def as_it_is(g: Any, of_complex: bool) -> Any:
    """A gradient whose imaginary part PyTorch does not drop. Raises RuntimeError for a complex one of a real tensor."""
    if is_complex(g) and not of_complex:
        raise RuntimeError(COMPLEX_OF_REAL)
    return g


def real_stays_real(g: Any, dtype: dtypes.dtype) -> Any:
    """The same, by the dtype of the argument."""
    return as_it_is(g, dtype.is_complex)


def of_kind(of: Any, g: Any) -> Any:
    """A gradient without its imaginary part where what it is of is real: forward mode sees that, too."""
    return g.real if is_complex(g) and not is_complex(of) else g


# -- adding and multiplying ---------------------------------------------------------------------------------------------
def negated(self: np.ndarray) -> np.ndarray:
    """`-self`. Raises RuntimeError for bools."""
    if self.dtype.kind == "b":
        raise RuntimeError(NEGATED_BOOL)
    return np.negative(self)


def check_alpha(self: Any, other: Any, alpha: complex = 1) -> None:
    """Raises RuntimeError where a 16-bit result has no such number; alpha itself is used in 32 bits."""
    d = common([self, other])
    if d.low and not isinstance(alpha, complex):
        cast_number(alpha, d.np)


def check_subtraction(self: Any, other: Any, alpha: complex = 1) -> None:
    """Raises RuntimeError for bools, and as `check_alpha`."""
    own = self._dtype.np if type(self) is Tensor else self.dtype if type(self) is np.ndarray else None
    if own is not None and own.char in "fd" and type(other) in (int, float):
        return  # of which nothing is refused
    subtracting([self, other])
    check_alpha(self, other, alpha)


def check_reflected(self: Any, other: Any, alpha: complex = 1) -> None:
    """The same for `other - alpha * self`, of which errors about shapes name `other` first."""
    check_subtraction(self, other, alpha)
    check_broadcast([v.shape for v in (other, self) if not isinstance(v, complex | float | int)])


def check_negated(self: Tensor) -> None:
    """Raises RuntimeError for bools."""
    if self._dtype is dtypes.bool_:
        raise RuntimeError(NEGATED_BOOL)


def check_kept(self: Tensor, other: Any, alpha: complex = 1) -> None:
    """Raises RuntimeError where `self` cannot hold the result, which PyTorch finds before it looks at alpha."""
    fits = not isinstance(other, Tensor) or expands(tuple(other.shape), tuple(self.shape))
    if fits and (alpha is True or alpha != 1):
        check_no_overlap(self._array)
        check_cast(common([self, other]), self.dtype)


def scaled(other: np.ndarray, alpha: complex) -> np.ndarray:
    """`alpha * other` in other's own dtype. Raises RuntimeError where alpha is of a higher category."""
    if alpha is True or alpha is False:
        if other.dtype.kind != "b":
            raise RuntimeError("Boolean alpha only supported for Boolean results.")
    elif other.dtype.kind in "biu" and not isinstance(alpha, int):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    elif other.dtype.kind != "c" and isinstance(alpha, complex):
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    return other if alpha == 1 and other.dtype.kind != "c" else other * cast_number(alpha, other.dtype)


def as_complex(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`other`, complex where `self` is: PyTorch multiplies real numbers by alpha as complex ones, too, which infinite ones show."""
    return other.astype(self.dtype) if self.dtype.kind == "c" and other.dtype.kind != "c" else other


def less_scaled(self: np.ndarray, other: np.ndarray, alpha: complex) -> np.ndarray:
    """`self - alpha * other`, as PyTorch computes it: by adding, which decides the sign of zero."""
    if alpha is True or alpha is False or (alpha == 1 and self.dtype.kind != "c"):
        return np.subtract(self, scaled(other, alpha))
    return np.add(self, scaled(as_complex(self, other), -alpha))


def conjugate(number: complex) -> complex:
    """The conjugate of a Python number, an integer as it is."""
    return number.conjugate() if isinstance(number, complex) else number


def through_factor(g: Any, alpha: complex) -> Any:
    """The gradient of `alpha * x`. PyTorch leaves out a factor that is a real 1; a complex one decides signs of zero."""
    return g if alpha == 1 and not isinstance(alpha, complex) else times(g, conjugate(alpha))


def opposite(x: Any) -> Any:
    """`-x` in a rule, laid out as PyTorch lays it out: NumPy has other steps for sides of 1."""
    return F.neg(x) if isinstance(x, np.ndarray) and 1 in x.shape and not in_order(x) else -x


@by_dtype
def subtracting(operands: Any) -> dtypes.dtype:
    """The common dtype. Raises RuntimeError where an operand is bool."""
    bools = [common([v]) is dtypes.bool_ for v in operands]
    if all(bools):
        raise RuntimeError(SUBTRACTED_BOOLS)
    if any(bools):
        raise RuntimeError(SUBTRACTED_BOOL)
    return common(operands)


@along
def less_along(self: Any, other: complex, alpha: complex, s: Any, result: Any) -> Any:
    """The tangent of `other - alpha * self`: without an imaginary part where `self` has none, though of the dtype of `alpha`."""
    tangent = through_factor(opposite(s.conj()), alpha).conj()
    return F.to(F.real(tangent), tangent.dtype) if tangent.is_complex() and not self.is_complex() else tangent


less_along.stays_real = True  # type: ignore[attr-defined]  # functions have those they are given

op("neg(Tensor self) -> Tensor", pointwise(negated, operator="neg", inplace=check_negated, out="exact"), self=lambda g: opposite(g))
op("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
   binary(lambda self, other, alpha: np.add(self, scaled(as_complex(self, other), alpha)), operator="add", first=check_alpha,
          inplace=check_kept, stepwise=True, drops_imaginary=True,
          jvp=along(lambda _, other, alpha, s, o, result: plus(beside_missing(s, o, other, alpha), by(o, lambda: alpha)))),
   self=lambda g: g,
   other=lambda g, alpha: through_factor(g, alpha))  # fmt: skip
op("sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
   binary(less_scaled, subtracting, operator="sub", first=check_subtraction, inplace=check_kept, stepwise=True, drops_imaginary=True,
          jvp=along(lambda _, other, alpha, s, o, result: minus(beside_missing(s, o, other, alpha), by(o, lambda: alpha)))),
   self=lambda g: g,
   other=lambda g, alpha: through_factor(opposite(g), alpha))  # fmt: skip
op("subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
   binary(less_scaled, subtracting, promotes=("self", "other"), first=check_subtraction, out=False, node="SubBackward1",
          inplace=check_kept),
   self=lambda g: g)  # fmt: skip
op("rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
   binary(lambda self, other, alpha: less_scaled(other, self, alpha), subtracting, promotes=("other", "self"), operator="rsub",
          first=check_reflected, method=False, inplace=False, out=False, stepwise=True, drops_imaginary=True,
          jvp=along(lambda self, other, alpha, s, o, result: minus(beside_missing(o, s, self, alpha), by(s, lambda: alpha)))),
   self=lambda g, alpha: through_factor(opposite(g), alpha),
   other=lambda g: g)  # fmt: skip
op("rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
   binary(lambda self, other, alpha: less_scaled(other, self, alpha), subtracting, promotes=("self", "other"),
          operator="rsub", first=check_subtraction, method=False, inplace=False, out=False, jvp=less_along),
   self=lambda g, alpha: through_factor(opposite(g), alpha))  # fmt: skip
op("mul.Tensor(Tensor self, Tensor other) -> Tensor",
   binary(np.multiply, operator="mul", wide_numbers=True, stepwise=True, drops_imaginary=True,
          jvp=along(lambda self, other, s, o, result: plus(by(o, lambda: self), by(s, lambda: other)))),
   self=lambda g, other: g * other.conj(),
   other=lambda g, self: g * self.conj())  # fmt: skip


@composite("positive(Tensor(a) self) -> Tensor(a)", operator="pos")
def positive(self):
    if self.dtype is dtypes.bool_:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


# -- dividing ---------------------------------------------------------------------------------------------------------------
def check_divisor(other: np.ndarray, result_size: int) -> None:
    """Raises RuntimeError where an integer would be divided by zero."""
    if other.dtype.kind in "iu" and result_size and not np.all(other):
        raise RuntimeError("ZeroDivisionError")


def whole(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The quotient rounded down; what is left over decides, so that it agrees with `modulo`."""
    check_divisor(other, np.broadcast(self, other).size)
    return np.floor_divide(self, other)


def truncated(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The quotient rounded towards zero."""
    if self.dtype.kind not in "iu":
        return np.trunc(np.divide(self, other))
    check_divisor(other, np.broadcast(self, other).size)
    quotient, left = np.floor_divide(self, other), np.remainder(self, other)
    return quotient + ((left != 0) & ((self < 0) != (other < 0))).astype(self.dtype)


def divided(self: np.ndarray, other: np.ndarray, rounding_mode: str | None) -> np.ndarray:
    """The quotient, rounded as asked. Raises RuntimeError for an unknown mode, NotImplementedError for a dtype it cannot round."""
    if rounding_mode is None:
        if self.dtype.kind in "biu":  # of one dtype, so that they came as they are
            self, other = (a.astype(dtypes.get_default_dtype().np) for a in (self, other))
        return np.divide(self, other)
    if self.dtype.kind in "bc":
        raise not_implemented(f"div_{rounding_mode}_cpu", self)
    return whole(self, other) if rounding_mode == "floor" else truncated(self, other)


def check_mode(self: Any, other: Any, rounding_mode: str | None) -> None:
    """Raises RuntimeError for an unknown way of rounding."""
    if rounding_mode not in (None, "trunc", "floor"):
        raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


# Backward runs the nodes that a rule records last first. PyTorch's compiler evaluates the right operand of an operator before the left
# one, and the last argument of a call before the others; Python the other way round. Where both are computed the right one is so first.
def to_divisor(g: Any, self: Any, other: Any) -> Any:
    """The gradient of `self / other` with respect to `other`."""
    ratio = ((self / other) / other).conj()
    return -g * ratio


def divided_along(self: Any, other: Any, rounding_mode: str | None, s: Any, o: Any, result: Any) -> Any:
    """The tangent of a quotient, flat where it is rounded."""
    if rounding_mode is not None:
        return F.zeros_like(result)
    return minus(over(as_beside(s, other), other), over(by(o, lambda: self / other), other))


def less_whole(g: Any, self: Any, other: Any, rounding_mode: str) -> Any:
    """The gradient of what is left of `self` after whole times `other`, with respect to `other`."""
    times = F.div(self, other, rounding_mode=rounding_mode)
    return -g * times


def to_reciprocal(g: Any, result: Any) -> Any:
    """The gradient of `1 / x`."""
    square = (result * result).conj()
    return -g * square


def no_derivative(g: Any) -> NoReturn:
    """The rule of an op PyTorch records and then refuses to differentiate: it says which arguments are recorded."""
    raise RuntimeError("derivative is not implemented")


def modulo(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What is left of `self` after whole times `other`, with the sign of `other`."""
    check_divisor(other, np.broadcast(self, other).size)
    if self.dtype.kind in "iu":
        return np.remainder(self, other)
    left = np.fmod(self, other)
    return np.where((left != 0) & ((other < 0) != (left < 0)), left + other, left)


def left_over(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What is left of `self` after whole times `other`, with the sign of `self`."""
    check_divisor(other, np.broadcast(self, other).size)
    return np.fmod(self, other)


FLOORED = only("integer real", "div_floor_cpu")
REMAINDER = only("integer real", "remainder_cpu")
FMOD = only("integer real", "fmod_cpu")

op("div.Tensor(Tensor self, Tensor other) -> Tensor",
   binary(np.divide, without_half("div_cpu", floating), operator="truediv", wide_numbers=True, stepwise=True, drops_imaginary=True,
          jvp=along(lambda _, other, s, o, result: over(minus(s, by(o, lambda: result)), other))),
   self=lambda g, other: g / other.conj(),
   other=lambda g, self, other: to_divisor(g, self, other))  # fmt: skip
op("div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
   binary(divided, by_rounding, wide_numbers=True, node="DivBackward2", first=check_mode, stepwise=True, drops_imaginary=True,
          jvp=along(divided_along)),
   self=lambda g, other, rounding_mode: g / other.conj() if rounding_mode is None else F.zeros_like(g),
   other=lambda g, self, other, rounding_mode: to_divisor(g, self, other) if rounding_mode is None else F.zeros_like(g))  # fmt: skip
op("floor_divide(Tensor self, Tensor other) -> Tensor",
   binary(whole, FLOORED, operator="floordiv", wide_numbers=True, underived=True, jvp=None),
   {"self, other": no_derivative})  # fmt: skip
op("remainder.Scalar(Tensor self, Scalar other) -> Tensor",
   binary(modulo, REMAINDER, promotes=("self", "other")),
   self=lambda g: g)  # fmt: skip
op("remainder.Tensor(Tensor self, Tensor other) -> Tensor",
   binary(modulo, REMAINDER, operator="mod", stepwise=True,
          jvp=along(lambda self, other, s, o, result: minus(s, by(o, lambda: F.div(self, other, rounding_mode="floor"))))),
   self=lambda g: g,
   other=lambda g, self, other: less_whole(g, self, other, "floor"))  # fmt: skip
op("remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
   pointwise(modulo, REMAINDER, promotes=("self", "other"), method=False, inplace=False, out=False,
             underived=True, jvp=None),
   other=no_derivative)  # fmt: skip
op("fmod.Scalar(Tensor self, Scalar other) -> Tensor",
   binary(left_over, FMOD, promotes=("self", "other")),
   self=lambda g: g)  # fmt: skip
op("fmod.Tensor(Tensor self, Tensor other) -> Tensor",
   binary(left_over, FMOD, stepwise=True,
          jvp=along(lambda self, other, s, o, result: minus(s, by(o, lambda: F.div(self, other, rounding_mode="trunc"))))),
   self=lambda g: g,
   other=lambda g, self, other: less_whole(g, self, other, "trunc"))  # fmt: skip
op("reciprocal(Tensor self) -> Tensor",
   pointwise(lambda self: np.divide(1, self), floating, stepwise=True),
   self=to_reciprocal)  # fmt: skip


@method
def __rtruediv__(self: Tensor, other: Any) -> Any:
    """`other / self` as PyTorch computes it."""
    return F.reciprocal(self) * other if isinstance(other, int | float | complex) else NotImplemented


Tensor.__rdiv__, Tensor.__div__, Tensor.__idiv__ = Tensor.__rtruediv__, Tensor.__truediv__, Tensor.__itruediv__  # type: ignore[attr-defined]  # operators are attached by their ops


# -- sizes, angles and signs ----------------------------------------------------------------------------------------------------
def refuse_complex_abs(self: Tensor) -> None:
    """Raises RuntimeError where the absolute value would be of another dtype."""
    if self._dtype.is_complex:
        raise RuntimeError("In-place abs is not supported for complex tensors.")


def modulus(self: np.ndarray) -> np.ndarray:
    """The absolute value; of a complex number as C's `hypot` has it, for NumPy's is often off in the last digit."""
    return np.hypot(self.real, self.imag) if self.dtype.kind == "c" else np.abs(self)


def abs_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The absolute value for `out=`, which for complex numbers is cast, and for real ones must be of their dtype."""
    _, results = op.compute(values)
    found = dtypes.OF_NUMPY[results[0].dtype]
    if values[0].dtype.is_complex and not outs[0].dtype.is_complex:
        check_cast(found, outs[0].dtype)
        return [copied(results[0], row_major(results[0].shape))]  # the strides of a target that is resized
    elif values[0].dtype is not outs[0].dtype:
        raise RuntimeError(f"Found dtype {outs[0].dtype.scalar_name} but expected {values[0].dtype.scalar_name}")
    return results


def from_angle(g: Any, self: Any, other: Any) -> tuple[Any, Any]:
    """The gradients of the angle of the point (other, self); none at the origin, by PyTorch's convention."""
    second = other * other
    square = self * self + second
    inverse, origin = F.reciprocal(square), square == 0
    if isinstance(inverse, np.ndarray):  # in place, as PyTorch does unless it records: that keeps the layout
        inverse[origin] = 0
    else:
        inverse = F.masked_fill(inverse, origin, 0) if inverse.requires_grad else inverse.masked_fill_(origin, 0)
    return g * other * inverse, g * F.neg(self) * inverse


def copied_along(self: Any, other: Any, s: Any, o: Any, result: Any) -> Any:
    """The tangent of `copysign`: nothing comes from the sign."""
    return by(s, lambda: F.where(self == 0, 0.0, result / self))


def by_sign(g: Any, self: Any, result: Any) -> Any:
    """The gradient of `copysign` in its first argument: by 1 or -1, and none at 0."""
    ratio = F.div(result, self)
    if isinstance(ratio, Tensor):
        return g * ratio.masked_fill_(F.eq(self, 0), 0)
    ratio[F.expand(F.eq(self, 0), ratio.shape)] = 0  # in place, as PyTorch does: that keeps its layout
    return F.mul(g, ratio)


def times_log(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`self * log(other)`, and 0 where `self` is 0 and `other` is a number at all, in 16 bits of a rounded logarithm.

    Raises NotImplementedError for complex numbers.
    """
    if self.dtype.kind == "c":
        raise not_implemented("xlogy_cpu", self)
    return np.where(np.isnan(other), other, np.where(self == 0, np.zeros_like(self), self * np.log(other)))


def times_log_along(self: Any, other: Any, s: Any, o: Any, result: Any) -> Any:
    """The tangent of `xlogy`."""
    first = F.where((self == 0) & (other <= 0), 0.0, F.xlogy(F.zeros_like(self) if s is None else s, other))
    return plus(first, over(by(o, lambda: self), other))


ABS = only("integer real complex", "abs_cpu")
COPYSIGN = only("real", "copysign_cpu", floating)
XLOGY = step_by_step(only("real", "xlogy_cpu", floating))

op("abs(Tensor self) -> Tensor", pointwise(modulus, ABS, operator="abs", inplace=False, out=abs_into), self=lambda g, self: g * F.sgn(self))
op("abs_(Tensor(a!) self) -> Tensor(a!)", write(modulus, promote=ABS, inplace=refuse_complex_abs), self=lambda g, self: g * F.sgn(self))
op("atan2(Tensor self, Tensor other) -> Tensor",
   binary(np.arctan2, only("real", "atan2_cpu", floating), stepwise=True,
          jvp=along(lambda self, other, s, o, result: over(plus(by(o, lambda: -self), by(s, lambda: other)), self * self + other * other))),
   {"self, other": from_angle})  # fmt: skip
op("hypot(Tensor self, Tensor other) -> Tensor",
   binary(np.hypot, only("real", "hypot_cpu"), stepwise=True,
          jvp=along(lambda self, other, s, o, result: plus(over(by(s, lambda: self), result), over(by(o, lambda: other), result)))),
   self=lambda g, self, result: g * self / result,
   other=lambda g, other, result: g * other / result)  # fmt: skip
op("copysign.Tensor(Tensor self, Tensor other) -> Tensor",
   binary(np.copysign, COPYSIGN, stepwise=True, jvp=along(copied_along)),
   self=by_sign,
   other=lambda g: F.new_zeros(g, tuple(g.shape)))  # fmt: skip
op("copysign.Scalar(Tensor self, Scalar other) -> Tensor",
   binary(np.copysign, COPYSIGN, promotes=("self", "other")),
   self=by_sign)  # fmt: skip
op("xlogy.Tensor(Tensor self, Tensor other) -> Tensor",
   pointwise(times_log, XLOGY, stepwise=True, jvp=along(times_log_along)),
   self=lambda g, self, other: F.masked_fill(F.xlogy(g, other), (self == 0) & (other <= 0), 0),
   other=lambda g, self, other: g * self / other)  # fmt: skip
op("xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor",
   pointwise(times_log, XLOGY, stepwise=True, promotes=("self", "other"), method=False, inplace=False),
   other=lambda g, self, other: times(g, self) / other)  # fmt: skip
op("xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor",
   pointwise(times_log, XLOGY, stepwise=True, promotes=("self", "other")),
   self=lambda g, self, other: F.xlogy(g, other) if other > 0 else F.masked_fill(F.xlogy(g, other), F.eq(self, 0), 0))  # fmt: skip

for _new, _old in {
    "negative": "neg", "subtract": "sub", "multiply": "mul", "divide": "div", "absolute": "abs", "absolute_": "abs_", "arctan2": "atan2",
}.items():  # fmt: skip
    alias(_new, _old)


@composite(
    "true_divide.Tensor(Tensor self, Tensor other) -> Tensor",
    out="div.Tensor",
    inplace_function=False,
    inplace=lambda self, other: self.div_(other),
)
def true_divide(self, other):
    return OPS["div.Tensor"].run([self, other])


def with_number(name: str, of: str, more: str = "") -> None:
    """Declare the overload of a number that PyTorch lists beside that of two tensors, and never chooses where numbers pass for tensors."""
    target = OPS[of]
    declare = composite(
        f"{name}(Tensor self, Scalar other{more}) -> Tensor",
        inplace_function=False,
        inplace=lambda *values: target.run_inplace(list(values)),
    )
    declare(lambda *values: target.run(list(values)))


with_number("floor_divide.Scalar", "floor_divide")
with_number("div.Scalar_mode", "div.Tensor_mode", ", *, str? rounding_mode")
with_number("multiply.Scalar", "mul.Tensor")
with_number("divide.Scalar", "div.Tensor")
with_number("divide.Scalar_mode", "div.Tensor_mode", ", *, str? rounding_mode")
with_number("true_divide.Scalar", "div.Tensor")


# -- of a tensor and a number: what PyTorch's own C++ code calls, and no user ------------------------------------------------------
OF_NUMBER: dict[str, Any] = {"promotes": ("self", "other"), "inplace": False, "out": False, "function": False, "method": False}

NO_TENSOR = "Expected a proper Tensor but got None (or an undefined Tensor in C++) for argument #0 'self'"


OPERANDS = Tensor, np.ndarray, np.generic, int, float, complex
NUMBERS = int, float, complex, np.number, np.bool_


def of_number(
    text: str, kernel: Callable[..., Any], promote: Promote = common, first: Callable[..., None] | None = None, **words: Any
) -> None:
    """Declare an overload that is reached by its name alone, and checks its arguments as an interpreter of PyTorch's does."""
    signature, rule = parse(text), words.pop("self")

    def look(self: Any, *numbers: Any) -> None:
        if not isinstance(self, OPERANDS):
            raise RuntimeError(NO_TENSOR if self is None else mistaken(signature, 0, self))
        for i, number in enumerate(numbers):
            if not isinstance(number, NUMBERS):
                raise RuntimeError(mistaken(signature, i + 1, number))
        if first is not None:
            first(self, *numbers)

    op(text, pointwise(kernel, promote, first=look, **OF_NUMBER, **words), self=rule)


def mistaken(signature: Schema, at: int, value: Any) -> str:
    """What the interpreter says of a value of the wrong type."""
    argument = signature.arguments[at]
    kind = argument.type if at == 0 else "number"
    return (
        f"aten::{signature.name}() Expected a value of type '{kind}' for argument '{argument.name}' but instead found type "
        f"'{type(value).__name__}'.\nPosition: {at}\nValue: {value!r}\nDeclaration: aten::{signature.text}\n"
        f"Cast error details: {'Cannot cast' if at else 'Unable to cast'} {value!s} to {kind}"
    )


def handed_on(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """A copy of the tangent, which stays real where a complex number is added."""
    return F.clone(tangents[0])


handed_on.stays_real = True  # type: ignore[attr-defined]  # functions have those they are given

of_number("mul.Scalar(Tensor self, Scalar other) -> Tensor", np.multiply, node="MulBackward1", wide_numbers=True, jvp="linear",
          self=lambda g, other: times(g, conjugate(other)))  # fmt: skip
of_number("add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
          lambda self, other, alpha: np.add(self, scaled(other, alpha)), first=check_alpha, node="AddBackward1", jvp=handed_on,
          self=lambda g: g)  # fmt: skip
of_number("div.Scalar(Tensor self, Scalar other) -> Tensor", np.true_divide, floating, node="DivBackward1", wide_numbers=True, jvp="linear",
          self=lambda g, other: quotient(g, conjugate(other)))  # fmt: skip


def times(x: Any, number: complex) -> Any:
    """`x * number` in a rule, recorded as PyTorch's own code does."""
    if isinstance(x, Tensor):
        return OPS["mul.Scalar"].direct(x, number)
    if stands_for_array(x):  # of more than 16 bits, in row-major order
        return x * number
    if x.dtype.itemsize == 2:  # which need not hold the number
        return F.mul(x, number)
    made = x * number
    return F.mul(x, number) if 1 in x.shape and made.strides != x.strides else made  # NumPy forgets the steps of sides of 1


def more(x: Any, number: complex) -> Any:
    """`x + number` in a rule, recorded as PyTorch's own code does."""
    return OPS["add.Scalar"].direct(x, number, 1) if isinstance(x, Tensor) else x + number


def less(x: Any, number: complex) -> Any:
    """`x - number` in a rule, recorded as PyTorch's own code does. Raises RuntimeError where `x` is bool."""
    if isinstance(x, Tensor):
        return OPS["subtract.Scalar"].run([x, number, 1])
    return F.sub(x, number) if x.dtype.kind in "bc" else x - number  # of complex numbers PyTorch adds -1 times the other


def quotient(x: Any, number: complex) -> Any:
    """`x / number` in a rule, recorded as PyTorch's own code does. Of a large array that repeats elements each is divided once."""
    if isinstance(x, Tensor):
        return OPS["div.Scalar"].direct(x, number)
    if x.size < LARGE or all(x.strides):
        return F.div(x, number) if 1 in x.shape else x / number  # NumPy gives sides of 1 other steps
    once = x[tuple([slice(None if step else 1) for step in x.strides])]
    if not once.flags.c_contiguous:
        return x / number
    share = once / number
    made = empty(x.shape, share.dtype)
    made[...] = share
    return made
