"""Choosing, mixing and bounding: pointwise ops of three tensors and more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes, select
from ..batch_refusals import DYNAMIC, refuse_samples
from ..dtypes import CPP_NAMES, dtype
from ..fused import fused
from ..inplace import MISFIT
from ..once import say
from ..op import OPS, F, Op, alias, composite, op, pointwise
from ..operands import array_of
from ..out import CHECKS
from ..overlap import check_no_overlap
from ..promotion import common, only, without_half
from ..silence import quietly
from ..tangents import along, beside_missing, by, minus, over, plus
from ..tensor import Tensor, wrap
from ..transforms import running
from .arithmetic import as_it_is, cast_number, conjugate, not_implemented, number_less, number_over, real_stays_real, times

BYTE_CONDITION = (
    "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future version of PyTorch. "
    "Use a boolean condition instead."
)


# -- where ----------------------------------------------------------------------------------------------------------------------
def check_condition(condition: Any, *operands: Any) -> None:
    """Raises RuntimeError for a condition that is neither bool nor bytes."""
    d = dtypes.OF_NUMPY[array_of(condition).dtype]
    if d is not dtypes.bool_ and d is not dtypes.uint8:
        raise RuntimeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {d.scalar_name}")


def chosen(condition: np.ndarray, self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`self` where the condition, of bools or bytes, holds, else `other`; bytes get a warning."""
    if condition.dtype.kind != "b":
        check_condition(condition)
        say(BYTE_CONDITION, stacklevel=2)
        condition = condition.astype(bool)
    return select.where(condition, self, other)


op("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor",
   pointwise(chosen, promotes=("self", "other"), inplace=False, first=check_condition, out="Expected out type to be {result} but got {out}",
             jvp=along(lambda condition, self, other, s, o, result: F.where(condition, 0.0 if s is None else s, 0.0 if o is None else o))),
   self=lambda g, condition, self_dtype: as_it_is(F.where(condition, g, 0.0), self_dtype.is_complex),
   other=lambda g, condition, other_dtype: as_it_is(F.where(condition, 0.0, g), other_dtype.is_complex))  # fmt: skip


def choose_numbers(condition: Any, self: Any, other: Any) -> Any:
    """`where` of a tensor and a number, both cast to their common dtype first. Raises RuntimeError where that cannot hold the number."""
    d = common([self, other])
    made = [
        v.to(d) if isinstance(v, Tensor) else wrap(quietly(np.asarray(v).astype, d.np) if d.low else cast_number(v, d.np), d)
        for v in (self, other)
    ]
    return OPS["where.self"].run([condition, *made])


composite("where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor")(choose_numbers)
composite("where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", method=False)(choose_numbers)
op("where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor",
   pointwise(chosen, promotes=("self", "other"), inplace=False, first=check_condition, out=False, method=False))  # fmt: skip


@composite("where(Tensor condition) -> Tensor[]", method=False)
def where(condition):
    refuse_samples(condition, DYNAMIC, "where")
    found = F.nonzero(condition if condition.ndim else F.unsqueeze(condition, 0))
    return tuple(F.unbind(found, 1))


# -- interpolating ------------------------------------------------------------------------------------------------------------------
def check_lerp(self: Any, end: Any, weight: Any) -> None:
    """Raises RuntimeError for different dtypes; a weight without dimensions may have its own."""
    mine = common([self])
    others = {"end": end} if isinstance(weight, int | float | complex) else {"end": end, "weight": weight}
    for name, other in others.items():
        theirs = common([other])
        if theirs is not mine and not (name == "weight" and other.ndim == 0):
            raise RuntimeError(f"expected dtype {CPP_NAMES[mine.scalar_name]} for `{name}` but got dtype {CPP_NAMES[theirs.scalar_name]}")


def between(self: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The point `weight` of the way from `self` to `end`, exact at both ends."""
    low = dtypes.OF_NUMPY[self.dtype]
    self, end, weight = (x.astype(low.wide, copy=False) for x in (self, end, weight))
    step, rest = end - self, 1 - weight
    near = np.abs(weight) < 0.5
    made = np.where(near, self + weight * step, end - step * rest)
    if made.dtype.kind == "f" and not np.isfinite(made).all():  # PyTorch rounds the product and the sum at once, so that it may come back
        made = np.where(np.isfinite(made), made, np.where(near, fused(weight, step, self), fused(-step, rest, end)))
    return made.astype(low.np, copy=False)


def between_by_number(self: np.ndarray, end: np.ndarray, weight: complex) -> np.ndarray:
    if self.dtype.kind in "biu":
        raise not_implemented("lerp_kernel_scalar", self)
    return between(self, end, cast_number(weight, dtypes.OF_NUMPY[self.dtype].wide))


def between_by_tensor(self: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
    d = common([self, end, weight]).np
    self, end, weight = (x.astype(d, copy=False) for x in (self, end, weight))
    if self.dtype.kind in "biu":
        raise not_implemented("lerp_kernel_tensor", self)
    return between(self, end, weight)


def between_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """`lerp` for `out=`: for one weight the result is cast, for several it must be of the target's dtype."""
    _, [result] = op.compute(values)
    CHECKS["exact" if values[2].ndim else "cast"](dtypes.OF_NUMPY[result.dtype], outs[0].dtype)
    return [result]


def or_zeros(tangent: Any, of: Any) -> Any:
    return F.zeros_like(of) if tangent is None else tangent


def between_along(self: Any, end: Any, weight: Any, s: Any, e: Any, w: Any, result: Any) -> Any:
    """The tangent of `lerp` with a tensor of weights."""
    return plus(F.lerp(or_zeros(s, self), or_zeros(e, end), weight), by(w, lambda: end - self))


op("lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor",
   pointwise(between_by_number, None, inplace_function=False, first=check_lerp,
             jvp=along(lambda self, end, weight, s, e, result: F.lerp(or_zeros(s, self), or_zeros(e, end), weight))),
   self=lambda g, weight: times(g, 1 - conjugate(weight)),
   end=lambda g, weight: times(g, conjugate(weight)))  # fmt: skip
op("lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor",
   pointwise(between_by_tensor, None, inplace_function=False, out=between_into, stepwise=True, first=check_lerp, jvp=along(between_along)),
   self=lambda g, self_dtype, weight: real_stays_real(g * number_less(1, weight).conj(), self_dtype),
   end=lambda g, end_dtype, weight: real_stays_real(g * weight.conj(), end_dtype),
   weight=lambda g, self, end, weight_dtype: real_stays_real(g * F.sub(end, self).conj(), weight_dtype))  # fmt: skip


# -- adding a product or a quotient ---------------------------------------------------------------------------------------------------
DIVIDED_INTEGERS = (
    "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of "
    "tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
    "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv "
    "behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes."
)


def plus_product(self: np.ndarray, tensor1: np.ndarray, tensor2: np.ndarray, value: complex) -> np.ndarray:
    """`self + value * tensor1 * tensor2`, the number cast to their dtype. Raises NotImplementedError for bools."""
    if self.dtype.kind == "b":
        raise not_implemented("addcmul_cpu_out", self)
    return self + cast_number(value, self.dtype) * tensor1 * tensor2


def plus_quotient(self: np.ndarray, tensor1: np.ndarray, tensor2: np.ndarray, value: complex) -> np.ndarray:
    """`self + value * tensor1 / tensor2`."""
    return self + cast_number(value, self.dtype) * tensor1 / tensor2


def check_integers(self: Any, tensor1: Any, tensor2: Any, value: complex) -> None:
    """Raises RuntimeError where an integer would be divided by an integer."""
    if common([tensor1]).category < 2 and common([tensor2]).category < 2:
        raise RuntimeError(DIVIDED_INTEGERS)


def product_along(_: Any, one: Any, two: Any, value: complex, s: Any, t1: Any, t2: Any, result: Any) -> Any:
    """The tangent of `addcmul`."""
    made = plus(plus(s, scaled(by(t1, lambda: two), value)), scaled(by(t2, lambda: one), value))
    return beside_missing(beside_missing(made, t1, two, value), t2, one, value)


def quotient_along(_: Any, one: Any, two: Any, value: complex, s: Any, t1: Any, t2: Any, result: Any) -> Any:
    """The tangent of `addcdiv`."""
    made = minus(plus(s, scaled(over(t1, two), value)), scaled(over(by(t2, lambda: one / two), two), value))
    return beside_missing(beside_missing(made, t1, two, value), t2, one, value)


def to_added_divisor(g: Any, tensor1: Any, tensor2: Any, value: complex) -> Any:
    """The gradient of `self + value * tensor1 / tensor2` with respect to `tensor2`: right operands first, as in arithmetic.py."""
    square = tensor2 * tensor2
    ratio = (times(tensor1, value) / square).conj()
    return -g * ratio


def scaled(tangent: Any, value: complex) -> Any:
    return tangent if tangent is None or value == 1 else tangent * value


op("addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
   pointwise(plus_product, inplace_function=False, stepwise=True, drops_imaginary=True, jvp=along(product_along)),
   self=lambda g: g,
   tensor1=lambda g, tensor2, value: g * times(tensor2, value).conj(),
   tensor2=lambda g, tensor1, value: g * times(tensor1, value).conj())  # fmt: skip
op("addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
   pointwise(plus_quotient, without_half("addcdiv_cpu_out"), inplace_function=False, first=check_integers, stepwise=True,
             drops_imaginary=True, jvp=along(quotient_along)),
   self=lambda g: g,
   tensor1=lambda g, tensor2, value: g * number_over(value, tensor2).conj(),
   tensor2=to_added_divisor)  # fmt: skip


# -- bounding -------------------------------------------------------------------------------------------------------------------------
NO_BOUNDS = "torch.clamp: At least one of 'min' or 'max' must not be None"
COMPLEX_BOUNDS = "clamp is not supported for complex types"


def bounding(operands: Sequence[Any]) -> dtype:
    """The dtype numbers bound in. Raises NotImplementedError for complex numbers, RuntimeError for no bound or one that does not fit."""
    if len(operands) == 1:
        raise RuntimeError(NO_BOUNDS)
    d = common(operands)
    if d.is_complex:
        raise NotImplementedError(COMPLEX_BOUNDS)
    if len(operands) == 3 and any(isinstance(bound, float) and bound != bound for bound in operands[1:]):
        return d  # NaN, filled in whatever the other bound is
    for bound in operands[1:]:
        if isinstance(bound, int | float):
            cast_number(bound, d.np)
    return d


def clamping(operands: Sequence[Any]) -> dtype:
    """As `bounding`, but that PyTorch asks for the real value of the bounds of floating numbers first."""
    if common(operands[:1]).is_floating_point:
        for bound in operands[1:]:
            if isinstance(bound, complex):
                cast_number(bound, np.dtype(np.float64))
    return bounding(operands)


def bounded(self: np.ndarray, min: np.ndarray | None, max: np.ndarray | None) -> np.ndarray:
    """`self` within the bounds; the upper one is stronger, and NaN passes."""
    result = self if min is None else raised(self, min)
    return result if max is None else lowered(result, max)


def raised(self: np.ndarray, min: np.ndarray) -> np.ndarray:
    """At least `min`; of two zeros `self`'s stays, which NumPy does for its second operand."""
    return np.maximum(min, self)


def lowered(self: np.ndarray, max: np.ndarray) -> np.ndarray:
    """At most `max`; of two zeros `self`'s stays."""
    return np.minimum(max, self)


def bounded_by_numbers(self: np.ndarray, min: np.ndarray | None, max: np.ndarray | None) -> np.ndarray:
    """As `bounded`. Raises NotImplementedError for bools."""
    if self.dtype.kind == "b":
        raise not_implemented(f"clamp{'_max' if min is None else '_min' if max is None else ''}_scalar_cpu", self)
    return bounded(self, min, max)


def joint(operands: Sequence[Any]) -> dtype:
    """The dtype tensors bound in. Raises NotImplementedError for a complex `self`, RuntimeError where there is no bound."""
    if len(operands) > 1 and common(operands[:1]).is_complex:
        raise NotImplementedError(COMPLEX_BOUNDS)
    return common(operands) if len(operands) > 1 else bounding(operands)


def bounded_by_tensors(self: np.ndarray, min: np.ndarray | None, max: np.ndarray | None) -> np.ndarray:
    """As `bounded`. Raises NotImplementedError for complex bounds, and for two bounds of bools."""
    both = min is not None and max is not None
    if self.dtype.kind == "c" or (both and self.dtype.kind == "b"):
        raise not_implemented("clamp_cpu" if both else "minimum_cpu" if min is None else "maximum_cpu", self)
    return bounded(self, min, max)


def refuse_complex(self: Any, *bounds: Any) -> None:
    """What in-place forms look at first. Raises NotImplementedError for complex numbers."""
    if common([self, *(b for b in bounds if b is not None)]).is_complex:
        raise NotImplementedError(COMPLEX_BOUNDS)


def check_bounds(self: Any, *bounds: Any) -> None:
    """What in-place forms with numbers look at first. Raises RuntimeError where the result could not be stored."""
    if len(bounds) == 1:
        refuse_complex(self, *bounds)
    operands, target = [self, *(b for b in bounds if b is not None)], self._dtype
    made = common(operands)
    if made.category > target.category < 2:
        names = made.scalar_name, CPP_NAMES[target.scalar_name]
        raise RuntimeError(f"result type {names[0]} can't be cast to the desired output type {names[1]}")
    if len(operands) > 1 and (target.is_floating_point or not made.is_complex):
        check_no_overlap(self._array)
    clamping(operands)


def refuse_complex_self(self: Any, min: Any, max: Any) -> None:
    """Raises RuntimeError for no bounds, NotImplementedError for complex numbers to be bounded."""
    if min is None and max is None:
        raise RuntimeError(NO_BOUNDS)
    refuse_complex(self)


def picked(condition: Any, one: Any, other: Any) -> Any:
    """`where` of two tangents, one of which may be missing."""
    return F.where(condition, 0.0 if one is None else one, 0.0 if other is None else other)


def bounded_along(self: Any, min: Any, max: Any, s: Any, lower: Any, upper: Any, result: Any) -> Any:
    """The tangent of `clamp`; where a comparison with NaN fails, that of the bound."""
    if max is None:
        return picked(self > min, s, lower)
    if min is None:
        return picked(self < max, s, upper)
    return picked(min > max, upper, picked(self < min, lower, picked(self > max, upper, s)))


def joined(mask: Any, other: Any, word: str) -> Any:
    """Where `mask` "and" (or "or") `other` are true. Raises RuntimeError where that is wider: PyTorch writes to the first of its masks."""
    if running():  # in a transform it does not
        return getattr(F, f"logical_{word}")(mask, other)
    wide = np.broadcast_shapes(tuple(mask.shape), tuple(other.shape))
    if wide != tuple(mask.shape):
        raise RuntimeError(MISFIT.format(list(mask.shape), list(wide)))
    if isinstance(mask, Tensor):
        return getattr(mask, f"logical_{word}_")(other)
    return getattr(np, f"logical_{word}")(mask, other, np.asarray(mask))


def within(self: Any, min: Any, max: Any) -> Any:
    """Where the gradient reaches `self`: inside the bounds, and on them."""
    if min is None or max is None:
        return self <= max if min is None else self >= min
    return joined(self >= min, self <= max, "and")


def to_bounds(g: Any, self: Any, min: Any, max: Any, needs: set[str]) -> tuple[Any, Any]:
    """The gradients of the two bounds: where they cut."""
    if min is None or max is None:
        return None if min is None else F.where(self < min, g, 0.0), None if max is None else F.where(self > max, g, 0.0)
    lower = upper = None
    if "min" in needs:
        free = min < max
        lower = F.where(joined(self < min, free, "and"), g, 0.0)
    if "max" in needs:
        crossed = max < min
        upper = F.where(joined(self > max, crossed, "or"), g, 0.0)
    return lower, upper


op("clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
   pointwise(bounded_by_tensors, joint, promotes=("self", "min", "max"), first=refuse_complex_self, jvp=along(bounded_along)),
   {"self": lambda g, self, min, max: F.where(within(self, min, max), g, 0.0), "min, max": to_bounds})  # fmt: skip
op("clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
   pointwise(bounded_by_numbers, clamping, unary=True, promotes=("self", "min", "max"), out="exact", inplace=check_bounds),
   self=lambda g, self, min, max: F.where(within(self, min, max), g, 0.0))  # fmt: skip
op("clamp_min(Tensor self, Scalar min) -> Tensor",
   pointwise(lambda self, min: bounded_by_numbers(self, min, None), bounding, unary=True, promotes=("self", "min"), out="exact",
             inplace=check_bounds),
   self=lambda g, self, min: F.where(self >= min, g, 0.0))  # fmt: skip
op("clamp_min.Tensor(Tensor self, Tensor min) -> Tensor",
   pointwise(raised, only("bool integer real", "maximum_cpu"),
             jvp=along(lambda self, min, s, lower, result: picked(self >= min, s, lower))),
   self=lambda g, self, min: F.where(self >= min, g, 0.0),
   min=lambda g, self, min: F.where(self < min, g, 0.0))  # fmt: skip
op("clamp_max(Tensor self, Scalar max) -> Tensor",
   pointwise(lambda self, max: bounded_by_numbers(self, None, max), bounding, unary=True, promotes=("self", "max"), out="exact",
             inplace=check_bounds),
   self=lambda g, self, max: F.where(self <= max, g, 0.0))  # fmt: skip
op("clamp_max.Tensor(Tensor self, Tensor max) -> Tensor",
   pointwise(lowered, only("bool integer real", "minimum_cpu"),
             jvp=along(lambda self, max, s, upper, result: picked(self <= max, s, upper))),
   self=lambda g, self, max: F.where(self <= max, g, 0.0),
   max=lambda g, self, max: F.where(self > max, g, 0.0))  # fmt: skip
alias("clip", "clamp")
