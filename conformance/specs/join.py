"""What is special about the inputs of joining, repeating and moving elements."""

from __future__ import annotations

from ..kinds import Draft, between, dim_of, dims_of, integer_values, joinable, joined_dim, one_of
from ..source import Source
from ..spec import spec


def repeats(src: Source, draft: Draft) -> tuple[int, ...]:
    """How often along each dimension, now and then along new ones too."""
    return tuple((1, 2, 3, 1, 2, 0)[src.u8() % 6] for _ in range(draft.first().ndim + (0, 0, 1, 2)[src.u8() % 4]))


def shifts(src: Source, draft: Draft) -> tuple[int, ...]:
    """As many shifts as there will be dimensions."""
    rank = draft.first().ndim
    return tuple(src.u8() % 9 - 4 for _ in range(src.u8() % (rank + 1) if src.u8() > 100 else 1))


def shifted(src: Source, draft: Draft) -> tuple[int, ...]:
    """A dimension for each shift; or none for a single one."""
    rank, count = draft.first().ndim, len(draft.args["shifts"])
    if count == 1 and src.u8() > 120:
        return ()
    start = src.u8() % max(rank, 1)
    return tuple((start + i) % max(rank, 1) - (rank if src.u8() > 180 else 0) for i in range(count))


shifted.always = True  # type: ignore[attr-defined]  # a kind's attribute on a function


def plane(src: Source, draft: Draft) -> tuple[int, int]:
    """Two dimensions, different ones where there are two."""
    rank = max(draft.first().ndim, 2)
    first = src.u8() % rank
    second = (first + 1 + src.u8() % (rank - 1)) % rank
    return first, second - rank if src.u8() > 150 else second


for _key in ("cat", "concat", "concatenate"):
    spec(_key, tensors=joinable(), dim=joined_dim)
spec("stack", dim=dim_of(extra=1))
for _key in ("hstack", "vstack", "row_stack", "dstack", "column_stack", "flipud", "fliplr"):
    spec(_key)
spec("repeat", repeats=repeats)
spec("tile", dims=repeats)
spec("repeat_interleave.Tensor", repeats=integer_values(0, 4, lambda s, d: (s.u8() % 5,)), output_size=one_of(None, -1, 0, 3))
spec("repeat_interleave.self_Tensor", repeats=integer_values(0, 4, lambda s, d: (1,)), output_size=None)
spec("repeat_interleave.self_int", repeats=between(0, 3), output_size=None)
spec("roll", shifts=shifts, dims=shifted)
spec("flip", dims=dims_of(bare=False))
spec("rot90", k=between(-5, 5), dims=plane)
for _key in ("tril", "triu"):
    spec(_key, diagonal=between(-3, 4))
