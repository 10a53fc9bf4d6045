"""Exponentials, logarithms and roots."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import F, op, pointwise
from ..pieces import elementwise
from ..promotion import floating, only
from ..tangents import along, over, plus
from .arithmetic import as_it_is, is_complex, more, times

LN2, LN10 = math.log(2), math.log(10)


def log_of_one_plus(self: np.ndarray) -> np.ndarray:
    """`log(1 + self)`; the modulus of a complex number near 0 is worked out without the 1, which would hide it.

    PyTorch divides by what is left of a number when the 1 is taken away again, where that is not the number itself: two infinities are NaN.
    """
    if self.dtype.kind != "c":
        return np.log1p(self)
    x, y = self.real, self.imag
    made = np.empty_like(self)
    near = np.where(self == 0, x, 0.5 * np.log1p(x * (2 + x) + y * y))  # x may be -0
    made.real = np.where(np.hypot(x, y) < 0.5, near, np.log(np.hypot(x + 1, y)))
    made.imag = np.arctan2(y, x + 1)
    made[~np.isfinite(self) & (self + 1 - 1 != self)] = complex(np.nan, np.nan)
    return made


def log_of_sum(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`log(exp(self) + exp(other))` without overflow."""
    return complex_log_of_sum(self, other) if self.dtype.kind == "c" else np.logaddexp(self, other)


def complex_log_of_sum(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The same about the larger real part; where both are the same infinity, of which there is no difference, as PyTorch has it."""
    swap = self.real < other.real
    low, high = np.where(swap, self, other), np.where(swap, other, self)
    made = log_of_one_plus(np.exp(low - high)) + high
    level = ~np.isfinite(low.real) & (low.real == high.real)
    made = np.where(level, np.where(low.real < 0, low, np.log(np.exp(low) + np.exp(high))), made)
    return np.where(np.isnan(low) | np.isnan(high), complex(math.nan, math.nan), made)


def log10_kernel(self: np.ndarray) -> np.ndarray:
    """Whole for whole powers of ten, as NumPy's of float32 is not."""
    return elementwise(log10_piece, self) if self.dtype == np.float32 else np.log10(self)


def log10_piece(self: np.ndarray, out: np.ndarray) -> None:
    np.log10(self, out=out, dtype=np.float64, casting="same_kind")


def through_rsqrt(g: Any, result: Any) -> Any:
    """The gradient of `rsqrt`: the power first, as PyTorch's compiler has it (see arithmetic.py)."""
    cube = F.pow(result, 3).conj()
    return times(g, -0.5) * cube


op("exp(Tensor self) -> Tensor", pointwise(np.exp, floating), self=lambda g, result: g * result.conj())
op("exp2(Tensor self) -> Tensor", pointwise(np.exp2, floating, stepwise=True), self=lambda g, result: times(g * result.conj(), LN2))
op("expm1(Tensor self) -> Tensor", pointwise(np.expm1, floating, stepwise=True), self=lambda g, result: g * more(result.conj(), 1))

op("log(Tensor self) -> Tensor", pointwise(np.log, floating, stepwise=True), self=lambda g, self: g / self.conj())
op("log2(Tensor self) -> Tensor", pointwise(np.log2, floating, stepwise=True), self=lambda g, self: g / times(self.conj(), LN2))
op("log10(Tensor self) -> Tensor", pointwise(log10_kernel, floating, stepwise=True), self=lambda g, self: g / times(self.conj(), LN10))
op("log1p(Tensor self) -> Tensor", pointwise(log_of_one_plus, floating, stepwise=True), self=lambda g, self: g / more(self, 1).conj())

op("logaddexp(Tensor self, Tensor other) -> Tensor",
   pointwise(log_of_sum, only("real complex", "logaddexp_cpu"), inplace=False, stepwise=True,
             jvp=along(lambda self, other, s, o, result: plus(over(s, 1 + F.exp(other - self)), over(o, 1 + F.exp(self - other))))),
   self=lambda g, self, other: as_it_is(g / more(F.exp(F.sub(other, self)), 1).conj(), is_complex(self)),
   other=lambda g, self, other: as_it_is(g / more(F.exp(F.sub(self, other)), 1).conj(), is_complex(other)))  # fmt: skip

op("sqrt(Tensor self) -> Tensor", pointwise(np.sqrt, floating, stepwise=True), self=lambda g, result: g / times(result.conj(), 2))
op("rsqrt(Tensor self) -> Tensor",
   pointwise(lambda self: np.divide(1, np.sqrt(self)), floating, stepwise=True),
   self=through_rsqrt)  # fmt: skip
