"""Where the elements of an array lie: its memory, the array that owns it, the steps; and dimensions counted from the front."""

from __future__ import annotations

import ctypes
import sys

import numpy as np


def in_range(dim: int, ndim: int) -> int:
    """`dim` counted from the front. Raises IndexError in PyTorch's words; a 0-dim tensor takes 0 and -1."""
    n = ndim or 1
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim + n if dim < 0 else dim


def existing(dim: int, ndim: int) -> int:
    """`dim` counted from the front. Raises IndexError where there is none, also of a 0-dim tensor."""
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return in_range(dim, ndim)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _address_in_header(array: np.ndarray) -> int:
    """The same, a sixth of the time: NumPy's arrays begin with it, which is part of its binary interface."""
    return _read(id(array) + _HEADER).value


_read, _HEADER = ctypes.c_size_t.from_address, object.__basicsize__
_SAMPLES = np.zeros((2, 3)), np.zeros(5, np.int8)[2:], np.zeros(())
if sys.implementation.name == "cpython" and all(_address_in_header(a) == address(a) for a in _SAMPLES):  # as far as one can see
    address = _address_in_header


class Beyond:
    """A place past the end of a buffer, where views without elements may start. Nothing is ever read there."""

    __slots__ = ("root", "__array_interface__")

    def __init__(self, root: np.ndarray, start: int) -> None:
        self.root = root
        self.__array_interface__ = {"data": (address(root) + start, False), "typestr": "|u1", "shape": (0,), "version": 3}


class Viewed:
    """Stands between a view and the array it is of, where NumPy would have the one that made the memory; see `memory.seen_as_view`."""

    __slots__ = ("root", "__array_interface__")

    def __init__(self, root: np.ndarray) -> None:
        self.root, self.__array_interface__ = root, root.__array_interface__


def root_of(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory."""
    while True:
        base = array.base
        if isinstance(base, np.ndarray):
            array = base
        elif type(base) is Beyond or type(base) is Viewed:
            array = base.root
        else:
            return array


def start_of(array: np.ndarray) -> int:
    """Bytes between the start of the memory and the first element."""
    base = array.base
    if base is None or (type(base) is np.ndarray and base.base is None and base.nbytes == array.nbytes and array.flags.forc):
        return 0  # it is all of the memory
    return address(array) - address(root_of(array))


def strides_of(array: np.ndarray) -> tuple[int, ...]:
    """Strides in elements.

    NumPy gives arrays without elements steps of 0, which stand for those of a contiguous tensor; one that has steps of 0 indeed
    was made with negative ones for them (`told`).
    """
    strides, size = array.strides, array.itemsize
    if array.size:
        if len(strides) == 2:  # as most have, written out
            return strides[0] // size, strides[1] // size
        return tuple([s // size for s in strides])
    if any(strides):
        return tuple([max(s, 0) // size for s in strides])
    steps, step = [], 1
    for n in reversed(array.shape):
        steps.append(step)
        step *= max(n, 1)
    return tuple(reversed(steps))


def told(strides: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in bytes of an array without elements, such that `strides_of` tells its steps of 0 from those that NumPy makes up."""
    return tuple([s or -1 for s in strides])
