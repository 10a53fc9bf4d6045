"""Error functions, gamma functions and the logistic function."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from ..op import F, op, plain, pointwise
from ..promotion import floating, only

TWO_BY_SQRT_PI = 2 / math.sqrt(math.pi)


def sigmoid_kernel(self: np.ndarray) -> np.ndarray:
    return np.divide(1, 1 + np.exp(-self))


def digamma_kernel(self: np.ndarray) -> np.ndarray:
    """NaN at the negative integers, infinite at the zeros with the opposite sign: PyTorch's convention."""
    return np.where(self == 0, np.copysign(self.dtype.type(np.inf), -self), special.digamma(self)).astype(self.dtype)


def trigamma(self: np.ndarray) -> np.ndarray:
    """The derivative of digamma: reflected below 0.5, moved up by 6, then the first terms of the series at infinity, as PyTorch has it."""
    pi = self.dtype.type(math.pi)
    reflected = self < 0.5
    x = np.where(reflected, 1 - self, self)
    sine = np.sin(pi * self)
    result = np.where(reflected, -(pi * pi) / (sine * sine), self.dtype.type(0))
    for _ in range(6):
        result, x = result + 1 / (x * x), x + 1
    inverse = 1 / (x * x)
    result = result + (1 + 1 / (2 * x) + inverse * (1 / 6 - inverse * (1 / 30 - inverse * (1 / 42)))) / x
    return np.where(reflected, -result, result).astype(self.dtype, copy=False)


def lgamma_kernel(self: np.ndarray) -> np.ndarray:
    """The logarithm of the size of gamma; where SciPy's overflows, near 0 and at minus infinity, as C's does not."""
    near = np.abs(self) < np.finfo(self.dtype).tiny
    return np.where(near, -np.log(np.abs(self)), np.where(np.isneginf(self), np.inf, special.gammaln(self))).astype(self.dtype, copy=False)


def polygamma_kernel(n: int, self: np.ndarray) -> np.ndarray:
    """The n-th derivative of digamma. Raises RuntimeError for a negative n."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    if n == 1:
        return trigamma(self)
    return digamma_kernel(self) if n == 0 else np.asarray(special.polygamma(n, self.astype(np.float64)), self.dtype)


op("sigmoid(Tensor self) -> Tensor", pointwise(sigmoid_kernel, floating), self=lambda g, result: F.sigmoid_backward(g, result))
op("erf(Tensor self) -> Tensor",
   pointwise(special.erf, only("bool integer real", "erf_vml_cpu", floating)),
   self=lambda g, self: TWO_BY_SQRT_PI * F.exp(-(self * self)) * g)  # fmt: skip
op("erfc(Tensor self) -> Tensor",
   pointwise(special.erfc, only("bool integer real", "erfc_vml_cpu", floating)),
   self=lambda g, self: -TWO_BY_SQRT_PI * F.exp(-(self * self)) * g)  # fmt: skip
op("lgamma(Tensor self) -> Tensor",
   pointwise(lgamma_kernel, only("bool integer real", "lgamma_vml_cpu", floating)),
   self=lambda g, self: g * F.digamma(self))  # fmt: skip
op("digamma(Tensor self) -> Tensor",
   pointwise(digamma_kernel, only("bool integer real", "digamma", floating)),
   self=lambda g, self: g * F.polygamma(1, self))  # fmt: skip
op("polygamma(int n, Tensor self) -> Tensor",
   plain(polygamma_kernel, only("bool integer real", "polygamma", floating), out=True, jvp="pointwise"),
   self=lambda g, n, self: g * F.polygamma(n + 1, self))  # fmt: skip
