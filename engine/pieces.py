"""Work on large arrays in pieces that stay in the cache: intermediate results then cost no memory traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .memory import RETURNED, aligned, empty
from .silence import buffered, unbuffered
from .threads import lanes, share

PIECE = 2**15  # elements
SHARED_PIECE = 2**17  # where threads share the work: they wait for each other between two steps
BUFFER = 256  # elements NumPy copies at once; with less than a row it works on a row and one number a row without copying, faster by half
FEW = 2**11  # elements below which a formula as it stands is as fast
WRITING: dict[Any, Callable[..., None]] = {}


def written_by(work: Callable[..., None]) -> Callable[[Callable[..., np.ndarray]], Callable[..., np.ndarray]]:
    """Says of a kernel that `work(*arrays, out)` does the same to real arrays, into memory there is: a program may call that instead.

    `out` may be one of them.
    """

    def register(kernel: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
        WRITING[kernel] = work
        return kernel

    return register


def short_buffers(large: np.ndarray) -> Any:
    """Let NumPy work on long rows without copying them, until `unbuffered` is given what this returns, if that is not None."""
    return buffered(BUFFER) if large.shape[-1] > BUFFER else None


def alike_in_rows(*arrays: np.ndarray) -> bool:
    """True for more than a few elements in row-major order, in arrays of one shape and dtype."""
    first = arrays[0]
    return first.size >= FEW and all(a.flags.c_contiguous and a.shape == first.shape and a.dtype == first.dtype for a in arrays)


def in_pieces(
    work: Callable[..., None],
    arrays: Sequence[np.ndarray],
    out: np.ndarray,
    *,
    whole: bool = False,
    piece: int = PIECE,
    scratch: int = 0,
) -> np.ndarray:
    """`out` after `work(*parts, *scratch, out_part)` for parts along the first dimension, of about `piece` elements; or at once if `whole`.

    `scratch` counts the arrays like `out_part` that `work` gets for what it makes on the way: memory of its own for every part
    would cost more than the work.
    """
    size = max(out.size, *(a.size for a in arrays))
    if whole or size <= piece or not out.ndim:
        work(*arrays, *(np.empty_like(out) for _ in range(scratch)), out)
        return out
    rows = max(1, piece * len(out) // size)

    def lane(starts: Sequence[int]) -> None:
        spare = [aligned((rows, *out.shape[1:]), out.dtype) for _ in range(scratch)]
        for start in starts:
            part = slice(start, start + rows)
            made = out[part]
            work(*(a[part] for a in arrays), *(s[: len(made)] for s in spare), made)

    before = short_buffers(out)
    try:
        share(lane, range(0, len(out), rows), lanes(size))
    finally:
        if before is not None:
            unbuffered(before)
    return out


def elementwise(work: Callable[..., None], *arrays: np.ndarray, scratch: int = 0, piece: int | None = None) -> np.ndarray:
    """A new array after `work(*parts, *scratch, out_part)`: of flat parts where the arrays are alike and without gaps, else at once.

    Where less is made on the way pieces are larger: fewer calls, and what is read again is still near.
    """
    first, *others = arrays
    rows = first.flags.c_contiguous
    for a in others:
        if a.shape != first.shape or a.dtype is not first.dtype:
            out = np.empty(np.broadcast_shapes(*(a.shape for a in arrays)), np.result_type(*arrays))
            break
        rows = rows and a.flags.c_contiguous
    else:
        out = empty(first.shape, first.dtype) if first.flags.c_contiguous and first.nbytes >= RETURNED else np.empty_like(first)
        if rows and out.size <= PIECE and not scratch and out.ndim:
            work(*arrays, out)
            return out
        if all(a.strides == out.strides for a in arrays):
            piece = piece or 4 * PIECE >> min(scratch, 2)
            in_pieces(work, [a.ravel("K") for a in arrays], out.ravel("K"), piece=piece, scratch=scratch)
            return out
    work(*arrays, *(np.empty_like(out) for _ in range(scratch)), out)
    return out
