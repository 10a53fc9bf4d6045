"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..op import F, op, pointwise, write
from ..promotion import floating
from .arithmetic import is_complex, less, more, number_less, times


def arc_cosine(self: np.ndarray) -> np.ndarray:
    """The arc cosine; PyTorch takes that of double complex numbers from a constant, so that no part of it is -0."""
    made = np.arccos(self)
    return made + 0 if self.dtype == np.complex128 else made


op("sin(Tensor self) -> Tensor", pointwise(np.sin, floating, stepwise=True), self=lambda g, self: g * F.cos(self).conj())
op("cos(Tensor self) -> Tensor", pointwise(np.cos, floating, stepwise=True), self=lambda g, self: g * -F.sin(self).conj())
op("tan(Tensor self) -> Tensor", pointwise(np.tan, floating, stepwise=True), self=lambda g, result: g * more(F.pow(result, 2), 1).conj())
op(
    "asin(Tensor self) -> Tensor",
    pointwise(np.arcsin, floating, stepwise=True),
    self=lambda g, self: g * F.rsqrt(more(-self * self, 1)).conj(),
)
op(
    "acos(Tensor self) -> Tensor",
    pointwise(arc_cosine, floating, stepwise=True),
    self=lambda g, self: g * -F.rsqrt(more(-self * self, 1)).conj(),
)
op("atan(Tensor self) -> Tensor", pointwise(np.arctan, floating, stepwise=True), self=lambda g, self: g / more(self * self, 1).conj())

op("sinh(Tensor self) -> Tensor", pointwise(np.sinh, floating, stepwise=True), self=lambda g, self: g * F.cosh(self).conj())
op("cosh(Tensor self) -> Tensor", pointwise(np.cosh, floating, stepwise=True), self=lambda g, self: g * F.sinh(self).conj())
op("tanh(Tensor self) -> Tensor", pointwise(np.tanh, floating), self=lambda g, result: F.tanh_backward(g, result))


# Right operands first, as in arithmetic.py.
def slope_of_acosh(self: Any) -> Any:
    """For complex numbers a product of two roots: the root of the product lies on another branch where the real part is negative."""
    if not is_complex(self):
        return F.rsqrt(less(self * self, 1))
    second = F.rsqrt(less(self, 1))
    return F.rsqrt(more(self, 1)) * second


def through_atanh(g: Any, self: Any) -> Any:
    """The gradient of `atanh`."""
    divisor = number_less(1, F.pow(self, 2)).conj()
    return times(g, 1) / divisor


# Each with its slope. Numbers stand where PyTorch has them: times a complex 1 infinity is NaN, and so is its negation in 1 - x.
AREAS = {
    "asinh": (np.arcsinh, lambda g, self: g * F.rsqrt(more(F.pow(self, 2), 1)).conj()),
    "acosh": (np.arccosh, lambda g, self: g * slope_of_acosh(self).conj()),
    "atanh": (np.arctanh, through_atanh),
}


def in_place(name: str) -> Callable[[Any], Any]:
    """The rule of an in-place form that PyTorch records and cannot differentiate."""

    def refuse(g: Any) -> Any:
        raise NotImplementedError(f"the derivative for 'inplace version of {name}' is not implemented.")

    return refuse


for _name, (_kernel, _rule) in AREAS.items():
    op(f"{_name}(Tensor self) -> Tensor", pointwise(_kernel, floating, inplace=False, stepwise=True), self=_rule)
    op(
        f"{_name}_(Tensor(a!) self) -> Tensor(a!)",
        write(_kernel, promote=floating, node=f"{_name.title()}Backward1"),
        self=in_place(_name),
    )
