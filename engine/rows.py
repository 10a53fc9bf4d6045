"""Rows: adding many of them to the places an index names, or each to the next; summing each, working on each with a number of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.sparse import _sparsetools

_FEW = 64  # elements below which setting up costs more than it saves
ROW = 1024  # elements of which each row is summed
SHORT = 4096  # elements of a row up to which the order of additions does not show in the sum


@lru_cache(16)
def of_ones(size: int, dtype: np.dtype) -> np.ndarray:
    """So many ones, which nobody writes to."""
    return np.ones(size, dtype)


def sums_along(array: np.ndarray, dim: int) -> np.ndarray:
    """The sums of floating numbers along one dimension, which is kept: rounded in the order that is quickest.

    Short rows times ones, by BLAS, are several times faster than NumPy's sums of each.
    """
    size = array.shape[dim]
    if (
        dim != array.ndim - 1
        or not 0 < size <= SHORT
        or array.dtype.kind != "f"
        or array.dtype.itemsize < 4
        or not array.flags.c_contiguous
    ):
        return np.asarray(np.add.reduce(array, dim, keepdims=True))
    return (array.reshape(-1, size) @ of_ones(size, array.dtype)).reshape(*array.shape[:-1], 1)


@lru_cache(256)
def adding_rows(count: int, dtype: np.dtype) -> Callable[[np.ndarray], np.ndarray] | None:
    """What adds up the rows of a matrix of so many: ones times it, by BLAS, where that is quicker than NumPy's sums."""
    return of_ones(count, dtype).dot if 0 < count <= SHORT and dtype.char in "fd" else None


def sum_of_few(array: np.ndarray) -> np.ndarray:
    """The sum of up to ROW floating numbers, in their order in memory: by BLAS, which sets up in a third of the time of NumPy's sums."""
    if array.size == 1:
        return np.asarray(array.reshape(()) + 0)  # PyTorch's sums begin with 0, which leaves no -0
    return np.asarray(of_ones(array.size, array.dtype).dot(array.ravel("K")))


def sum_of_all(array: np.ndarray) -> np.ndarray:
    """The sum of floating numbers in row-major order: rows of them by BLAS, which reads memory faster than NumPy's sums."""
    flat = array.reshape(-1)
    whole = flat.size // ROW * ROW
    made: np.ndarray = np.add.reduce(flat[:whole].reshape(-1, ROW).dot(of_ones(ROW, array.dtype))) + np.add.reduce(flat[whole:])
    return np.asarray(made)


def add_rows(into: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
    """`into[places[k]] += rows[k]` for k in order; `into` (n, m) and `rows` (k, m) of one dtype, `into` row-major.

    A sparse matrix of ones does it several times faster than `numpy.add.at`, and adds in the same order.
    """
    if into.shape[1] == 1 and rows.size >= _FEW and adds_along(into.dtype):
        add_along(into.reshape(1, -1), places.reshape(1, -1), rows.reshape(1, -1))
    elif into.dtype.kind == "c":  # as pairs of reals: a complex product with one is not exact for infinities
        real = into.real.dtype
        add_rows(into.view(real), places, np.ascontiguousarray(rows).view(real))
    elif rows.size < _FEW or into.dtype.kind not in "fiu" or into.dtype.itemsize < 4:
        np.add.at(into if into.shape[1] != 1 else into.reshape(-1), places, rows if into.shape[1] != 1 else rows.reshape(-1))
    else:
        count = places.size
        width = np.int32 if max(count, into.shape[0]) < 2**31 else np.int64
        starts = np.arange(count + 1, dtype=width)
        ones = np.ones(count, into.dtype)
        _sparsetools.csc_matvecs(
            into.shape[0],
            count,
            into.shape[1],
            starts,
            places.astype(width, copy=False),
            ones,
            np.ascontiguousarray(rows).reshape(-1),
            into.reshape(-1),
        )


def add_down(rows: np.ndarray) -> None:
    """`rows[i] += rows[i - 1]` for i in order; `rows` (n, m) are of float32 or float64 and lie in row-major order.

    A sparse matrix that moves rows by one does it in one call, if what it reads is what it writes to.
    """
    n, width = rows.shape
    flat = rows.reshape(-1)
    _sparsetools.csc_matvecs(n, n, width, *_moving(n, rows.dtype), flat, flat)


@lru_cache(16)
def _moving(n: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The columns of that matrix: where each begins, the places of its ones, these."""
    places = np.arange(1, n + 1, dtype=np.int64)
    return np.append(places - 1, n - 1), places[:-1], np.ones(n - 1, dtype)


def adds_along(dtype: np.dtype) -> bool:
    """True where `add_along` is for numbers of this dtype."""
    return dtype.kind in "fiuc" and dtype.itemsize > 2


def add_along(into: np.ndarray, places: np.ndarray, parts: np.ndarray) -> None:
    """`into[i, places[i, k]] += parts[i, k]` for k in order; `into` and `parts` are of one dtype, `into` is row-major.

    This is what a sparse matrix with several numbers for one element does when it is made dense.
    """
    n, count = places.shape
    at = places.astype(np.int64, order="C", copy=False).reshape(-1)
    _sparsetools.csr_todense(n, into.shape[1], np.arange(n + 1) * count, at, np.ascontiguousarray(parts).reshape(-1), into.reshape(-1))
