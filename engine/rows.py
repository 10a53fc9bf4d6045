"""Adding many rows, or single elements, to the places an index names: in order, repeated places added up."""

from __future__ import annotations

import numpy as np
from scipy.sparse import _sparsetools

_FEW = 64  # elements below which setting up costs more than it saves


def add_rows(into: np.ndarray, places: np.ndarray, rows: np.ndarray) -> None:
    """`into[places[k]] += rows[k]` for k in order; `into` (n, m) and `rows` (k, m) of one dtype, `into` row-major.

    A sparse matrix of ones does it several times faster than `numpy.add.at`, and adds in the same order.
    """
    if into.dtype.kind == "c":  # as pairs of reals: a complex product with one is not exact for infinities
        real = into.real.dtype
        add_rows(into.view(real), places, np.ascontiguousarray(rows).view(real))
    elif rows.size < _FEW or into.dtype.kind not in "fiu" or into.dtype.itemsize < 4:
        np.add.at(into if into.shape[1] != 1 else into.reshape(-1), places, rows if into.shape[1] != 1 else rows.reshape(-1))
    elif into.shape[1] == 1:  # one column of a matrix, times one
        ends, at = np.array([0, places.size]), places.astype(np.int64, copy=False)
        parts, one = np.ascontiguousarray(rows).reshape(-1), np.ones(1, into.dtype)
        _sparsetools.csc_matvec(into.shape[0], 1, ends, at, parts, one, into.reshape(-1))
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
