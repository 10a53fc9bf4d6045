"""Addition to division, powers and their kin."""

from __future__ import annotations

import numpy as np

from ..op import F, op, pointwise
from ..promotion import floating


def scaled(other: np.ndarray, alpha: complex) -> np.ndarray:
    """`alpha * other` in other's own dtype."""
    return other if alpha == 1 else other * np.asarray(alpha).astype(other.dtype)


op("neg(Tensor self) -> Tensor", pointwise(np.negative, operator="neg"), self=lambda g: -g)
op("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
   pointwise(lambda self, other, alpha: np.add(self, scaled(other, alpha)), operator="add"),
   self=lambda g: g,
   other=lambda g, alpha: g if alpha == 1 else g * np.conj(alpha).item())  # fmt: skip
op("mul.Tensor(Tensor self, Tensor other) -> Tensor",
   pointwise(np.multiply, operator="mul"),
   self=lambda g, other: g * other.conj(),
   other=lambda g, self: g * self.conj())  # fmt: skip
op("exp(Tensor self) -> Tensor", pointwise(np.exp, floating), self=lambda g, result: g * result.conj())
