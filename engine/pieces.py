"""Work on large arrays in pieces that stay in the cache: intermediate results then cost no memory traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

PIECE = 2**15  # elements


def in_pieces(work: Callable[..., None], arrays: Sequence[np.ndarray], out: np.ndarray, *, whole: bool = False) -> np.ndarray:
    """`out` after `work(*parts, out_part)` for parts along the first dimension, of about PIECE elements; or at once if `whole`."""
    if whole or out.size <= PIECE or not out.ndim:
        work(*arrays, out)
        return out
    rows = max(1, PIECE * len(out) // out.size)
    for start in range(0, len(out), rows):
        part = slice(start, start + rows)
        work(*(a[part] for a in arrays), out[part])
    return out


def elementwise(work: Callable[[np.ndarray, np.ndarray], None], array: np.ndarray) -> np.ndarray:
    """A new array in the layout NumPy gives results, after `work(part, out_part)` of flat parts, which may be the same."""
    out = np.empty_like(array)
    flat = out.ravel("K")
    if array.strides == out.strides:
        source = array.ravel("K")
    else:
        out[...] = array
        source = flat
    in_pieces(work, [source], flat)
    return out
