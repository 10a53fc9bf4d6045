"""Work that moves elements: indexing, gathering, scattering, cumulative sums, sorting, joining, transposing."""

from __future__ import annotations

from typing import Any

from ..workload import Distinct, constant, integers, signed, trained

MOVE = "index, gather, scatter, scan, sort, join"
ROWS, SQUARE = signed(10_000, 100), signed(1000, 1000)


def index_put(B: Any, x: Any, values: Any, index: Any) -> Any:
    return B.index_put(x, (index,), values, True)


trained("index_rows", MOVE, "x[index] of 10,000 rows of 100 and its backward", lambda B, x, i: x[i], ROWS, integers(10_000, 10_000))
trained("index_select", MOVE, "index_select of 10,000 rows of 100 and its backward", lambda B, x, i: B.index_select(x, 0, i),
        ROWS, integers(10_000, 10_000))  # fmt: skip
trained("embedding", MOVE, "embedding of 10,000 rows of 100 and its backward", lambda B, x, i: B.nn.functional.embedding(i, x),
        ROWS, integers(10_000, 10_000), needs="nn.functional.embedding")  # fmt: skip
trained("index_mask", MOVE, "x[mask] of 1000x1000 and its backward", lambda B, x, i: x[i > 500], SQUARE, integers(1000, 1000, 1000))
trained(
    "gather", MOVE, "gather along rows of 1000x1000 and its backward", lambda B, x, i: B.gather(x, 1, i), SQUARE, integers(1000, 1000, 1000)
)
trained("scatter_add", MOVE, "scatter_add along rows of 1000x1000 and its backward", lambda B, x, y, i: B.scatter_add(x, 1, i, y),
        SQUARE, SQUARE, integers(1000, 1000, 1000))  # fmt: skip
trained("index_put_add", MOVE, "index_put(accumulate=True) of 10,000 rows of 100 and its backward", index_put, ROWS, ROWS,
        integers(10_000, 10_000))  # fmt: skip
for _dim in (0, 1):
    trained(f"cumsum_{_dim}", MOVE, f"cumsum by dim {_dim} of 1000x1000 and its backward", lambda B, x, d=_dim: B.cumsum(x, d), SQUARE)
trained("sort_1d", MOVE, "sort of 1e5 elements and its backward", lambda B, x: B.sort(x)[0], Distinct((100_000,)))
trained("sort_rows", MOVE, "sort of the rows of 1000x1000 and its backward", lambda B, x: B.sort(x, 1)[0], Distinct((1000, 1000)))
trained("cat", MOVE, "cat of four 500x500 along dim 1 and its backward", lambda B, *parts: B.cat(parts, 1), *[signed(500, 500)] * 4)
trained("transpose_mul", MOVE, "x.T * w of 1000x1000 and its backward", lambda B, x, w: B.transpose(x, 0, 1) * w, SQUARE, constant(SQUARE))
