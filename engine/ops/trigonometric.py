"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from ..op import F, op, pointwise
from ..promotion import floating

op("sin(Tensor self) -> Tensor", pointwise(np.sin, floating), self=lambda g, self: g * F.cos(self).conj())
op("cos(Tensor self) -> Tensor", pointwise(np.cos, floating), self=lambda g, self: g * -F.sin(self).conj())
op("tan(Tensor self) -> Tensor", pointwise(np.tan, floating), self=lambda g, result: g * (1 + result * result).conj())
op("asin(Tensor self) -> Tensor", pointwise(np.arcsin, floating), self=lambda g, self: g * F.rsqrt(1 - self * self).conj())
op("acos(Tensor self) -> Tensor", pointwise(np.arccos, floating), self=lambda g, self: g * -F.rsqrt(1 - self * self).conj())
op("atan(Tensor self) -> Tensor", pointwise(np.arctan, floating), self=lambda g, self: g / (self * self + 1).conj())

op("sinh(Tensor self) -> Tensor", pointwise(np.sinh, floating), self=lambda g, self: g * F.cosh(self).conj())
op("cosh(Tensor self) -> Tensor", pointwise(np.cosh, floating), self=lambda g, self: g * F.sinh(self).conj())
op("tanh(Tensor self) -> Tensor", pointwise(np.tanh, floating), self=lambda g, result: F.tanh_backward(g, result))
op("asinh(Tensor self) -> Tensor", pointwise(np.arcsinh, floating), self=lambda g, self: g * F.rsqrt(self * self + 1).conj())
op("acosh(Tensor self) -> Tensor", pointwise(np.arccosh, floating), self=lambda g, self: g * F.rsqrt(self * self - 1).conj())
op("atanh(Tensor self) -> Tensor", pointwise(np.arctanh, floating), self=lambda g, self: g / (1 - self * self).conj())
