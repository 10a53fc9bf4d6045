"""Memory for large results: it begins with a line of the cache, and is used again once nobody refers to it.

Loops over arrays that straddle the lines of the cache take up to twice as long; and where the system hands out memory page
by page, to touch new memory takes longer than most ufuncs do.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Sequence
from sys import getrefcount
from typing import Any

import numpy as np

from .geometry import Viewed, address

LARGE = 2**16  # elements from which it pays to look where a result lies
LINE = 64  # bytes
RETURNED = 2**17  # bytes from which `malloc` gives memory back to the system
KEPT = 2**29  # bytes that a thread keeps at most
LENT = ctypes.c_byte  # the type of the blocks in a list, by which they are told from other memory
ALIKE = 64  # blocks of one size that it keeps at most: to look through more would take longer than it saves


class Blocks(threading.local):
    """Memory that this thread may hand out again: a block is free when only this list refers to it.

    Every array and every buffer over a block refers to it, through however many views, so that nothing a user holds is overwritten.
    """

    def __init__(self) -> None:
        self.held: dict[int, list[Any]] = {}  # by size
        self.kept = 0  # bytes

    def take(self, size: int) -> Any:
        """A free block of at least `size` bytes; a new one where there is none."""
        size += -size % (1 << max(size.bit_length() - 4, 0))  # at most an eighth more, which nobody touches: so that few sizes differ
        alike = self.held.get(size)
        if alike is None:
            alike = self.held[size] = []
        for block in alike:
            if getrefcount(block) == WITHIN + 1:  # by the list, and here
                return block
        if len(alike) < ALIKE and (self.kept + size <= KEPT or self._room_for(size)):
            made = (LENT * size).from_buffer(on_a_line(size))  # type: ignore[arg-type]  # an array is a buffer
            alike.append(made)
            self.kept += size
            return made
        return (ctypes.c_char * size).from_buffer(on_a_line(size))  # type: ignore[arg-type]  # the same

    def _room_for(self, size: int) -> bool:
        """Forget free blocks until there is room for `size` bytes; False where there are too few."""
        for length, blocks in self.held.items():
            for i in reversed(range(len(blocks))):
                if self.kept + size > KEPT and getrefcount(blocks[i]) == WITHIN:
                    del blocks[i]
                    self.kept -= length
        return self.kept + size <= KEPT


_blocks = Blocks()


def empty(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """A new array in row-major order, whatever its values. It is the root of its views, as one that owns its memory."""
    return aligned(shape, dtype) if math.prod(shape) * dtype.itemsize >= RETURNED else np.empty(shape, dtype)


def on_a_line(size: int) -> np.ndarray:
    """That many bytes, of which the first begins a line of the cache."""
    block = np.empty(size + LINE, np.uint8)
    start = -address(block) % LINE
    return block[start : start + size]


def aligned(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    size = math.prod(shape) * dtype.itemsize
    if size >= RETURNED:
        return np.ndarray(shape, dtype, _blocks.take(size))
    return np.ndarray(shape, dtype, (ctypes.c_char * size).from_buffer(on_a_line(size)))  # type: ignore[arg-type]  # the same


def _held_by_one() -> tuple[int, int, int]:
    array, within = np.empty(0), [np.empty(0)]
    return (lambda array: getrefcount(array))(array), (lambda array: getrefcount(array))(np.empty(0)), getrefcount(within[0])


# What `getrefcount` says, in this Python, of an array that nothing refers to but a variable of the caller, in a function whose argument
# it is; of one that was handed to such a function without a variable; and of one that nothing refers to but a list or an object, from
# which it is read.
ALONE, HANDED, WITHIN = _held_by_one()


def recycled(array: np.ndarray) -> bool:
    """True where `array` lies in memory that is used again, which none but its views shares, and arrays over the same `base`."""
    return isinstance(array.base, ctypes.Array)


def seen_as_view(array: np.ndarray) -> np.ndarray:
    """The same elements, of which `owned` says that another shares them: where PyTorch's gradient is a view, whose base lives on."""
    seen = np.asarray(Viewed(array))
    if array.flags.c_contiguous:  # of which NumPy tells no steps; sides of 1 may have any
        return np.ndarray(array.shape, array.dtype, seen, 0, array.strides)
    return seen.view(array.dtype)  # by its bytes NumPy does not know that of 16 bits


def owned(array: np.ndarray) -> bool:
    """True where no array shares the memory of `array`; who refers to `array` itself is for the caller to count."""
    base: Any = array.base
    if type(base) is np.ndarray:  # which it is a view of
        if getrefcount(array.base) > WITHIN + 1:
            return False
        array, base = base, base.base
    if base is None:
        return True
    # by `array`, and here; and by the list of those that are lent
    return isinstance(base, ctypes.Array) and getrefcount(base) <= WITHIN + 1 + (base._type_ is LENT)
