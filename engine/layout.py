"""Layouts of new memory: strides, in elements, of what PyTorch allocates for a shape or while iterating over several tensors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from .geometry import told


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a contiguous tensor, in elements; a side of 0 counts as 1."""
    steps, step = [], 1
    for n in reversed(shape):
        steps.append(step)
        step *= max(n, 1)
    return tuple(reversed(steps))


def channels_last(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides with dimension 1 innermost, then the others from the last to the first."""
    order = (1, *range(len(shape) - 1, 1, -1), 0)
    steps, step = [0] * len(shape), 1
    for d in order:
        steps[d] = step
        step *= max(shape[d], 1)
    return tuple(steps)


def suggested(array: np.ndarray) -> tuple[int, ...]:
    """Strides of new memory like that of `array` to what knows two formats: channels-last where it lies so, row-major otherwise."""
    return channels_last(array.shape) if is_channels_last(array) else row_major(array.shape)


def is_channels_last(array: np.ndarray) -> bool:
    """True where PyTorch takes the layout for channels-last.

    Source: `is_channels_last_strides_2d` in PyTorch's MemoryFormat.h, whose word on sides of 1 this is.
    """
    shape, steps, least = array.shape, array.strides, 0
    if array.ndim not in (4, 5) or not steps[1] or 0 in shape:
        return False
    for d in (1, *range(array.ndim - 1, 1, -1), 0):
        if steps[d] < least or (d == 0 and least == steps[1]):
            return False
        least = steps[d] * shape[d]
    return True


def is_dense(shape: Sequence[int], steps: Sequence[int], unit: int = 1) -> bool:
    """True where the elements fill their memory without gap or overlap, in some order of dimensions; one takes `unit` steps."""
    if 0 in shape:
        return True
    expected = unit
    for step, n in sorted((s, n) for s, n in zip(steps, shape, strict=True) if n > 1):
        if step != expected:
            return False
        expected *= n
    return True


def dense(array: np.ndarray) -> bool:
    """True where the elements of `array` fill their memory."""
    return is_dense(array.shape, array.strides, array.itemsize)


@lru_cache(4096)
def dense_strides(shape: tuple[int, ...], steps: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of new memory in the order of an old layout: the same where that was dense already.

    Dimensions are sorted by step as PyTorch's iterators sort them: a step of 0 says nothing, ties go by size.
    """
    if is_dense(shape, steps):
        return tuple(steps)
    return iterated(shape, [steps])


def pointwise_strides(shape: tuple[int, ...], operands: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]) -> tuple[int, ...]:
    """Strides of what a pointwise op makes of `operands`, each (shape, steps): their own where they agree, their order where not.

    Source: `fast_set_up` and `reorder_dimensions` in PyTorch's TensorIterator.cpp.
    """
    if all(same == shape for same, _ in operands):
        if all(_is_row_major(same, steps) for same, steps in operands):
            return row_major(shape)
        if len(shape) == 4 and all(_follows(same, steps, channels_last(same)) for same, steps in operands):
            return channels_last(shape)
        steps = operands[0][1]
        if is_dense(shape, steps) and all(other == steps for _, other in operands):
            return steps
    return iterated(shape, [_spread(shape, *operand) for operand in operands])


def iterated(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Strides of a result allocated while walking over `operands`.

    Source: `allocate_or_resize_outputs`; in another order than its own a result without elements has a side of 0 as a factor.
    """
    order = walk_order(shape, operands)
    if 0 not in shape or order == sorted(order, reverse=True):
        return packed(shape, order)
    made, step = [0] * len(shape), 1
    for d in order:
        made[d] = step
        step *= shape[d]
    return tuple(made)


def walk_order(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> list[int]:
    """The dimensions of `shape`, innermost first, as `operands` (their strides in those dimensions) are walked over together.

    Source: `reorder_dimensions`: an insertion sort in which a stride of 0 decides nothing and the first operand decides first.
    """
    order = list(range(len(shape)))[::-1]
    for i in range(1, len(order)):
        at = i
        for j in range(i - 1, -1, -1):
            comparison = _compare(order[j], order[at], shape, operands)
            if comparison < 0:
                break
            if comparison > 0:
                order[j], order[at] = order[at], order[j]
                at = j
    return order


def packed(shape: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
    """Strides with the dimensions in this order, the innermost first."""
    made, step = [0] * len(shape), 1
    for d in order:
        made[d] = step
        step *= max(shape[d], 1)
    return tuple(made)


def _compare(a: int, b: int, shape: Sequence[int], operands: Sequence[Sequence[int]]) -> int:
    """Positive where dimension `a` should come after `b`, 0 where no operand says."""
    for steps in operands:
        if steps[a] == 0 or steps[b] == 0:
            continue
        if steps[a] != steps[b]:
            return -1 if steps[a] < steps[b] else 1
        if shape[a] > shape[b]:
            return 1
    return 0


def _spread(shape: Sequence[int], own: Sequence[int], steps: Sequence[int]) -> list[int]:
    """The steps of an operand over the broadcast `shape`: 0 where it is repeated."""
    lead = len(shape) - len(own)
    return [0] * lead + [0 if n == 1 and shape[lead + i] != 1 else s for i, (n, s) in enumerate(zip(own, steps, strict=True))]


def _is_row_major(shape: Sequence[int], steps: Sequence[int]) -> bool:
    return 0 in shape or _follows(shape, steps, row_major(shape))


def _follows(shape: Sequence[int], steps: Sequence[int], expected: Sequence[int]) -> bool:
    """True where the steps are those expected; that of a side of 1 may be any."""
    return all(n == 1 or a == b for n, a, b in zip(shape, steps, expected, strict=True))


def laid_out(array: np.ndarray, steps: Sequence[int]) -> np.ndarray:
    """The same elements with strides of `steps` elements, which must be dense; the array itself where it has them."""
    strides = tuple(t * array.itemsize for t in steps)
    if not array.size:
        strides = told(strides)
    if array.flags.owndata and array.strides == strides:
        return array
    made = np.ndarray(array.shape, array.dtype, np.empty(array.nbytes, np.uint8), 0, strides)
    made[...] = array
    return made
