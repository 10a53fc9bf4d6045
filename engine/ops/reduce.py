"""Reductions over dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import F, op, reduction
from ..promotion import long_if_integral


def axes(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """NumPy's axis for PyTorch's dim: None for all of them."""
    if dim is None or dim == () or ndim == 0:
        return None
    return tuple(dim) if isinstance(dim, tuple | list) else (dim,)


def spread(g: Any, dim: Any, keepdim: bool, shape: tuple[int, ...]) -> Any:
    """Put reduced dimensions back, then expand to `shape`."""
    reduced = axes(dim, len(shape))
    if not keepdim and reduced is not None:
        for d in sorted(d % len(shape) for d in reduced):
            g = F.unsqueeze(g, d)
    return F.expand(g, shape)


op("sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
   reduction(lambda self, dtype: np.add.reduce(self, None), long_if_integral, jvp="linear"),
   self=lambda g, self_shape: F.expand(g, self_shape))  # fmt: skip
op("sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
   reduction(lambda self, dim, keepdim, dtype: np.add.reduce(self, axes(dim, self.ndim), keepdims=keepdim), long_if_integral, jvp="linear"),
   self=lambda g, self_shape, dim, keepdim: spread(g, dim, keepdim, self_shape))  # fmt: skip
