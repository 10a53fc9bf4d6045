"""Memory for large results: it begins with a line of the cache, and the largest is used again once nobody refers to it.

Loops over arrays that straddle the lines of the cache take up to twice as long; and where the system hands out memory page
by page, to touch new memory takes as long again.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Sequence
from sys import getrefcount
from typing import Any

import numpy as np

LARGE = 2**16  # elements from which it pays to look where a result lies
LINE = 64  # bytes
RETURNED = 2**25  # bytes from which `malloc` gives memory back to the system at once
KEPT = 2**29  # bytes that a thread keeps at most


class Blocks(threading.local):
    """Memory that this thread may hand out again: a block is free when only this list refers to it.

    Every array and every buffer over a block refers to it, through however many views, so that nothing a user holds is overwritten.
    """

    def __init__(self) -> None:
        self.held: list[np.ndarray] = []

    def take(self, size: int) -> np.ndarray:
        """A free block of `size` bytes; a new one where there is none."""
        held = self.held
        for i in range(len(held)):
            if held[i].size == size and _free(held, i):
                return held[i]
        room = KEPT - size - sum(block.size for block in held)
        for i in reversed(range(len(held))):
            if room < 0 and _free(held, i):
                room += held.pop(i).size
        made = np.empty(size, np.uint8)
        if room >= 0:
            held.append(made)
        return made


def _free(held: list[np.ndarray], i: int) -> bool:
    return getrefcount(held[i]) == WITHIN  # by the list alone


_blocks = Blocks()


def empty(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """A new array in row-major order, whatever its values. It is the root of its views, as one that owns its memory."""
    return aligned(shape, dtype) if math.prod(shape) * dtype.itemsize >= RETURNED else np.empty(shape, dtype)


def aligned(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    size = math.prod(shape) * dtype.itemsize
    block = np.empty(size + LINE, np.uint8) if size < RETURNED else _blocks.take(size + LINE)
    start = -block.__array_interface__["data"][0] % LINE
    within: Any = (ctypes.c_char * size).from_buffer(block, start)  # type: ignore[arg-type]  # an array is a buffer
    return np.ndarray(shape, dtype, within)


def _held_by_one() -> tuple[int, int]:
    array, within = np.empty(0), [np.empty(0)]
    return (lambda array: getrefcount(array))(array), getrefcount(within[0])


# What `getrefcount` says, in this Python, of an array that nothing refers to but a variable of the caller, in a function whose argument
# it is; and of one that nothing refers to but a list or an object, from which it is read.
ALONE, WITHIN = _held_by_one()


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
