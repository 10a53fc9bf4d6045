"""Work on large arrays in pieces that stay in the cache: intermediate results then cost no memory traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .memory import empty

PIECE = 2**15  # elements
BUFFER = 256  # elements NumPy copies at once; with less than a row it works on a row and one number a row without copying, faster by half


def in_pieces(
    work: Callable[..., None], arrays: Sequence[np.ndarray], out: np.ndarray, *, whole: bool = False, piece: int = PIECE
) -> np.ndarray:
    """`out` after `work(*parts, out_part)` for parts along the first dimension, of about `piece` elements; or at once if `whole`."""
    size = max(out.size, *(a.size for a in arrays))
    if whole or size <= piece or not out.ndim:
        work(*arrays, out)
        return out
    rows = max(1, piece * len(out) // size)
    buffer = np.setbufsize(BUFFER if out.shape[-1] > BUFFER else np.getbufsize())
    try:
        for start in range(0, len(out), rows):
            part = slice(start, start + rows)
            work(*(a[part] for a in arrays), out[part])
    finally:
        np.setbufsize(buffer)
    return out


def elementwise(work: Callable[..., None], *arrays: np.ndarray) -> np.ndarray:
    """A new array after `work(*parts, out_part)`: of flat parts where the arrays are laid out alike and have no gaps, else at once.

    Where there is one array, `work` may get it as `out` as well.
    """
    first, *others = arrays
    if any(a.shape != first.shape or a.dtype != first.dtype for a in others):
        out = np.empty(np.broadcast_shapes(*(a.shape for a in arrays)), np.result_type(*arrays))
        work(*arrays, out)
        return out
    out = empty(first.shape, first.dtype) if first.flags.c_contiguous else np.empty_like(first)
    if any(a.strides != out.strides for a in arrays):
        if not others:
            out[...] = first
            first = out
        work(first, *others, out)
    else:
        in_pieces(work, [a.ravel("K") for a in arrays], out.ravel("K"))
    return out
