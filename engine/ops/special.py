"""Error functions, gamma functions and the logistic function."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from ..op import F, op, plain, pointwise
from ..promotion import floating, only

TWO_BY_SQRT_PI = 2 / math.sqrt(math.pi)


def sigmoid_kernel(self: np.ndarray) -> np.ndarray:
    return np.reciprocal(1 + np.exp(-self))


def digamma_kernel(self: np.ndarray) -> np.ndarray:
    """NaN at the negative integers, infinite at the zeros with the opposite sign: PyTorch's convention."""
    return np.where(self == 0, np.copysign(self.dtype.type(np.inf), -self), special.digamma(self)).astype(self.dtype)


def polygamma_kernel(n: int, self: np.ndarray) -> np.ndarray:
    """The n-th derivative of digamma. Raises RuntimeError for a negative n."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return digamma_kernel(self) if n == 0 else np.asarray(special.polygamma(n, self.astype(np.float64)), self.dtype)


op("sigmoid(Tensor self) -> Tensor", pointwise(sigmoid_kernel, floating), self=lambda g, result: g * ((1 - result) * result).conj())
op("erf(Tensor self) -> Tensor",
   pointwise(special.erf, only("bool integer real", "erf_vml_cpu", floating)),
   self=lambda g, self: TWO_BY_SQRT_PI * F.exp(-(self * self)) * g)  # fmt: skip
op("erfc(Tensor self) -> Tensor",
   pointwise(special.erfc, only("bool integer real", "erfc_vml_cpu", floating)),
   self=lambda g, self: -TWO_BY_SQRT_PI * F.exp(-(self * self)) * g)  # fmt: skip
op("lgamma(Tensor self) -> Tensor",
   pointwise(special.gammaln, only("bool integer real", "lgamma_vml_cpu", floating)),
   self=lambda g, self: g * F.digamma(self))  # fmt: skip
op("digamma(Tensor self) -> Tensor",
   pointwise(digamma_kernel, only("bool integer real", "digamma", floating)),
   self=lambda g, self: g * F.polygamma(1, self))  # fmt: skip
op("polygamma(int n, Tensor self) -> Tensor",
   plain(polygamma_kernel, only("bool integer real", "polygamma", floating), out=True, jvp="pointwise"),
   self=lambda g, n, self: g * F.polygamma(n + 1, self))  # fmt: skip
