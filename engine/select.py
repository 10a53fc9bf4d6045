"""Choosing between two arrays element by element, by their bits: a branch on a mask that nobody can predict costs ten times as much."""

from __future__ import annotations

from typing import Any

import numpy as np

FEW = 2048  # elements below which NumPy's own is as fast
BITS = {4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def where(condition: np.ndarray, a: Any, b: Any) -> np.ndarray:
    """`numpy.where`, several times faster for many elements of 32 or 64 bits."""
    of = a.dtype if isinstance(a, np.ndarray) else getattr(b, "dtype", None)
    if condition.size < FEW or condition.dtype != np.bool_ or of is None or of.kind not in "fiuc" or of.itemsize not in BITS:
        return np.where(condition, a, b)
    if not all(_fits(x, of, condition.shape) for x in (a, b)):
        return np.where(condition, a, b)
    bits = BITS[of.itemsize]
    first, second = (np.asarray(x, of).view(bits) for x in (a, b))
    mask = condition.astype(bits)
    if not first.ndim and not first:  # ones where `b` stays
        mask -= 1
        mask &= second
    else:
        np.negative(mask, out=mask)
        mask &= first ^ second
        mask ^= second
    return mask.view(of)


def _fits(x: Any, of: np.dtype, shape: tuple[int, ...]) -> bool:
    """An array of the same dtype that is no larger than the mask, or a number."""
    if isinstance(x, np.ndarray):
        return x.dtype == of and x.ndim <= len(shape) and all(n in (1, m) for n, m in zip(x.shape[::-1], shape[::-1], strict=False))
    return type(x) in (int, float) and of.kind == "f"
