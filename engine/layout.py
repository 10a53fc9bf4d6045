"""Strides of what an iteration over several tensors allocates, as PyTorch's TensorIterator chooses them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def walk_order(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> list[int]:
    """The dimensions of `shape`, innermost first, as `operands` (their strides in those dimensions) are walked over together.

    Source: `reorder_dimensions`: an insertion sort in which a stride of 0 decides nothing and the first operand decides first.
    """
    order = list(range(len(shape)))[::-1]
    for i in range(1, len(order)):
        upper = i
        for lower in range(i - 1, -1, -1):
            decided = _compare(order[lower], order[upper], shape, operands)
            if decided > 0:
                order[lower], order[upper] = order[upper], order[lower]
                upper = lower
            elif decided < 0:
                break
    return order


def iterated(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Strides in elements of a result allocated while walking over `operands`."""
    order = walk_order(shape, operands)
    steps, step = [0] * len(shape), 1
    for d in order:
        steps[d] = step
        step *= max(shape[d], 1)
    return tuple(steps)


def _compare(a: int, b: int, shape: Sequence[int], operands: Sequence[Sequence[int]]) -> int:
    """Positive where dimension `b` is to come before `a`, negative where not, 0 where nothing says."""
    for steps in operands:
        if steps[a] == 0 or steps[b] == 0:
            continue
        if steps[a] != steps[b]:
            return -1 if steps[a] < steps[b] else 1
        if shape[a] > shape[b]:
            return 1
    return 0


def laid_out(array: np.ndarray, steps: Sequence[int]) -> np.ndarray:
    """The same elements with strides of `steps` elements, which must be dense; the array itself where it has them."""
    strides = tuple(t * array.itemsize for t in steps)
    if array.flags.owndata and array.strides == strides:
        return array
    made = np.ndarray(array.shape, array.dtype, np.empty(array.nbytes, np.uint8), 0, strides)
    made[...] = array
    return made
