"""A product and a sum rounded once, as one instruction does it."""

from __future__ import annotations

from typing import Any

import numpy as np

SPLIT = 2.0**27 + 1  # cuts a double in two halves whose products are exact


def fused(a: Any, b: Any, c: Any) -> np.ndarray:
    """`a * b + c` rounded once, of floats of one dtype.

    Source of the exact product and sum of doubles: T. J. Dekker, A floating-point technique for extending the available precision, 1971.
    """
    a, b, c = map(np.asarray, (a, b, c))
    if a.dtype == np.float32:
        return (a.astype(np.float64) * b + c).astype(np.float32)
    product = a * b
    high_a, high_b = (x * SPLIT - (x * SPLIT - x) for x in (a, b))
    low_a, low_b = a - high_a, b - high_b
    rest = low_a * low_b - (((product - high_a * high_b) - low_a * high_b) - high_a * low_b)
    made = product + c
    added = made - product
    better = made + (rest + ((product - (made - added)) + (c - added)))
    made = np.where(np.isinf(c) & np.isfinite(a) & np.isfinite(b), c, made)  # though the product alone would be too large
    return np.where(np.isfinite(better) & (better != 0), better, made)


def fused_sum(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    """The sum of `a * b` along a dimension, one after the other, each product and sum rounded once; it keeps a side of 1."""
    rows, factors = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    made = np.zeros(rows.shape[1:], a.dtype)
    for row, factor in zip(rows, factors, strict=True):
        made = fused(row, factor, made)
    return np.expand_dims(made, axis)
