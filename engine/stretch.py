"""A tensor of another size over the memory it has; where that ends too soon, all that share it get a longer one."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from sys import getrefcount

import numpy as np

from .geometry import root_of, start_of, strides_of
from .lazy import parts
from .memory import WITHIN, owned
from .strided import flat_root, over, span
from .tensor import Tensor, exchange


def stretch(t: Tensor, size: tuple[int, ...], steps: Sequence[int]) -> None:
    """Give `t` another size and other strides (in elements) over its memory, from its first element on; what is new of it holds zeros."""
    array = parts(t)[0]
    memory, start = flat_root(array), start_of(array)
    missing = start + span(size, steps) * array.itemsize - memory.nbytes
    if missing > 0:
        old = memory
        memory = np.zeros(old.size - -missing // old.itemsize, old.dtype)
        memory[: old.size] = old.reshape(-1)
        if old.size and not (owned(array) and getrefcount(array) == WITHIN + 1):
            _move(root_of(array), memory)
    exchange(t, over(memory, size, tuple([step * array.itemsize for step in steps]), start, array.dtype))


def _move(root: np.ndarray, memory: np.ndarray) -> None:
    """Let every tensor that lies in `root` lie in `memory`, where it did. None knows who shares its memory, so all are looked at."""
    for one in gc.get_objects():
        if issubclass(type(one), Tensor):
            array = parts(one)[0]
            if root_of(array) is root:
                strides = tuple([s * array.itemsize for s in strides_of(array)])
                exchange(one, over(memory, array.shape, strides, start_of(array), array.dtype))
