"""A case while it is drawn: what it wants, its shared sides and dtype; shapes and layouts of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.schema import Argument

from . import values
from .case import TensorValue, row_major
from .source import Source
from .spec import Declaration

LIMIT = 120  # elements of one tensor
SIDES = (1, 2, 3, 0, 4, 5)
SIDE_OF = np.array([SIDES[b % 6] if b < 6 else (1, 2, 3, 2, 3, 4, 2, 1, 3, 0, 2, 3, 5, 2, 1, 4)[b % 16] for b in range(256)]).tolist()
_RANKS = np.array([b if b < 6 else (0, 1, 2, 3, 1, 2, 3, 2, 4, 1, 2, 3, 2, 1, 5, 2)[b % 16] for b in range(256)]).tolist()
DTYPES = ("float32", "float64", "int64", "complex64", "bool", "float16", "bfloat16", "int32", "complex128", "uint8", "int8", "int16")
ANY = [*DTYPES, *("float32",) * 12, *("float64",) * 8]
DIFFERENTIABLE_DTYPES = ["float32", "float64", "complex64", "float16", "bfloat16", "complex128", *("float32",) * 8, *("float64",) * 6]
FLOATING_DTYPES = [d for d in DIFFERENTIABLE_DTYPES if not d.startswith("complex")]

Kind = Callable[[Source, "Draft"], Any]


class Draft:
    """A case while it is drawn: the op, what a property wants, and the arguments so far."""

    def __init__(self, op: Declaration, src: Source, draws: frozenset[str]):
        self.op, self.draws = op, draws
        self.args: dict[str, Any] = {}
        self.argument: Argument = None  # type: ignore[assignment]  # set before a kind is called
        self.mode = values.MODES[src.u8()]
        self.dtype = self.draw_dtype(src)
        self.mixed = "mixed" in draws or (op.plan == "pointwise" and src.u8() > 215)
        self._sides: dict[str, int] = {}
        self._full: tuple[int, ...] | None = None

    @property
    def plan(self) -> str:
        return self.op.plan

    def draw_dtype(self, src: Source) -> str:
        pool = DIFFERENTIABLE_DTYPES if "differentiable" in self.draws else ANY
        return pool[src.u8() % len(pool)]

    def full(self, src: Source) -> tuple[int, ...]:
        """The shape the broadcast operands of this case have together."""
        if self._full is None:
            self._full = draw_shape(src)
        return self._full

    def side(self, src: Source, name: str) -> int:
        """The length all dimensions called `name` share in this case; `*` is never asked here."""
        if name not in self._sides:
            self._sides[name] = SIDE_OF[src.u8()]
        return self._sides[name]

    def batch(self, src: Source) -> tuple[int, ...]:
        """Leading dimensions shared by the tensors of this case."""
        return self.full(src)[:2]

    def first(self) -> TensorValue | None:
        """The first tensor drawn."""
        for value in self.args.values():
            if isinstance(value, TensorValue):
                return value
            if isinstance(value, list) and value and isinstance(value[0], TensorValue):
                return value[0]
        return None

    def tensor(self, name: str) -> TensorValue:
        return self.args[name]

    def int(self, name: str, default: int = 0) -> int:
        value = self.args.get(name, default)
        return value if isinstance(value, int) else default


# -- shapes and layouts ------------------------------------------------------------------------------------------------
def draw_shape(src: Source, least: int = 0, most: int = 5) -> tuple[int, ...]:
    """A shape of `least` to `most` dimensions and not many elements."""
    rank = _RANKS[src.u8()]
    shape, size = [], 1
    for _ in range(min(max(rank, least), most)):
        side = SIDE_OF[src.u8()]
        side = side if size * side <= LIMIT else 1
        size *= max(side, 1)
        shape.append(side)
    return tuple(shape)


def broadcastable(src: Source, draft: Draft) -> tuple[int, ...]:
    """A shape that broadcasts to the case's full shape: some sides 1, some leading dimensions missing."""
    full = draft.full(src)
    if not full:
        return full
    how = src.u8()
    if how < 120:
        return full
    drop = src.u8() % (len(full) + 1) if how >= 190 else 0
    mask = src.u8() if how < 230 else 0
    return tuple(1 if mask >> i & 1 else n for i, n in enumerate(full))[drop:]


def like_first(src: Source, draft: Draft) -> tuple[int, ...]:
    """The shape of the first tensor; for the first one itself any shape."""
    first = draft.first()
    return first.shape if first is not None else draft.full(src)


def draw_layout(src: Source, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int, int]:
    """Strides, offset and buffer size for `shape`: contiguous, transposed, sliced, padded, offset or expanded."""
    choice, rank = src.u8(), len(shape)
    strides, offset = row_major(shape), 0
    if choice >= 140 and 0 not in shape:
        how = (choice - 140) % 7
        if how == 0:
            strides = row_major(shape[::-1])[::-1]
        elif how == 1 and rank > 1:
            swapped = row_major((*shape[:-2], shape[-1], shape[-2]))
            strides = (*swapped[:-2], swapped[-1], swapped[-2])
        elif how == 2:
            strides = tuple(2 * s for s in strides)
        elif how == 3 and rank > 1:
            strides = tuple(row_major((*shape[:-1], shape[-1] + 1)))
        elif how == 4:
            offset = 1 + src.u8() % 3
        elif how == 5 and rank:
            dim = src.u8() % rank
            strides = (*row_major((*shape[:dim], 1, *shape[dim + 1 :]))[:dim], 0, *strides[dim + 1 :])
        elif how == 6:
            strides, offset = row_major(shape[::-1])[::-1], 2
    if 0 in shape:
        return strides, 0, 0
    return strides, offset, offset + 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
