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

from .geometry import address

LARGE = 2**16  # elements from which it pays to look where a result lies
LINE = 64  # bytes
RETURNED = 2**17  # bytes from which `malloc` gives memory back to the system
KEPT = 2**29  # bytes that a thread keeps at most
ALIKE = 64  # blocks of one size that it keeps at most: to look through more would take longer than it saves


class Blocks(threading.local):
    """Memory that this thread may hand out again: a block is free when only this list refers to it.

    Every array and every buffer over a block refers to it, through however many views, so that nothing a user holds is overwritten.
    """

    def __init__(self) -> None:
        self.held: dict[int, list[np.ndarray]] = {}  # by size
        self.kept = 0  # bytes

    def take(self, size: int) -> np.ndarray:
        """A free block of at least `size` bytes; a new one where there is none."""
        size += -size % (1 << max(size.bit_length() - 4, 0))  # at most an eighth more, which nobody touches: so that few sizes differ
        alike = self.held.setdefault(size, [])
        for i in range(len(alike)):
            if _free(alike, i):
                return alike[i]
        made = on_a_line(size)
        if len(alike) < ALIKE and (self.kept + size <= KEPT or self._room_for(size)):
            alike.append(made)
            self.kept += size
        return made

    def _room_for(self, size: int) -> bool:
        """Forget free blocks until there is room for `size` bytes; False where there are too few."""
        for blocks in self.held.values():
            for i in reversed(range(len(blocks))):
                if self.kept + size > KEPT and _free(blocks, i):
                    self.kept -= blocks.pop(i).size
        return self.kept + size <= KEPT


def _free(held: list[np.ndarray], i: int) -> bool:
    return getrefcount(held[i]) == WITHIN  # by the list alone


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
    block = on_a_line(size) if size < RETURNED else _blocks.take(size)
    within: Any = (ctypes.c_char * size).from_buffer(block)  # type: ignore[arg-type]  # an array is a buffer
    return np.ndarray(shape, dtype, within)


def _held_by_one() -> tuple[int, int]:
    array, within = np.empty(0), [np.empty(0)]
    return (lambda array: getrefcount(array))(array), getrefcount(within[0])


# What `getrefcount` says, in this Python, of an array that nothing refers to but a variable of the caller, in a function whose argument
# it is; and of one that nothing refers to but a list or an object, from which it is read.
ALONE, WITHIN = _held_by_one()


def recycled(array: np.ndarray) -> bool:
    """True where `array` lies in memory that is used again, which none but its views shares, and arrays over the same `base`."""
    return isinstance(array.base, ctypes.Array)


def owned(array: np.ndarray) -> bool:
    """True where no array shares the memory of `array`; who refers to `array` itself is for the caller to count."""
    if array.base is None:
        return True
    if getrefcount(array.base) > WITHIN:
        return False
    root: Any = array.base
    if type(root) is np.ndarray:  # which it is a view of
        if root.base is not None and getrefcount(root.base) > WITHIN:
            return False
        root = root.base
    return root is None or isinstance(root, ctypes.Array)
