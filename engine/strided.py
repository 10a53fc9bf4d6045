"""Arrays over the memory of another array, in any geometry and never outside its bounds; and layouts of new memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .tensor import Beyond, address, root_of, strides_of

Cast = Callable[[np.ndarray, Any], np.ndarray]


def flat_root(array: np.ndarray) -> np.ndarray:
    """The memory that `array` lies in, as an array that exports it as one buffer."""
    root = root_of(array)
    if root.flags.forc:
        return root
    order = sorted(range(root.ndim), key=lambda d: -root.strides[d])
    permuted = root.transpose(order)
    if permuted.flags.c_contiguous:
        return permuted
    span = _span(root.shape, strides_of(root))  # memory of somebody else, with gaps
    return np.lib.stride_tricks.as_strided(root, (span,), (root.itemsize,))


def strided(array: np.ndarray, shape: Sequence[int], steps: Sequence[int], offset: int = 0, dtype: np.dtype | None = None) -> np.ndarray:
    """`shape` elements over the memory of `array`, `steps` apart, the first `offset` elements after its first.

    Raises ValueError where that is not all inside the memory.
    """
    dtype = dtype or array.dtype
    size = dtype.itemsize
    root = flat_root(array)
    start = offset * size + (0 if array.base is None else address(array) - address(root))
    return over(root, tuple(shape), tuple([s * size for s in steps]), start, dtype)


def over(root: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], start: int, dtype: np.dtype) -> np.ndarray:
    """The array at byte `start` of `root`; one without elements may start past its end."""
    if start > root.nbytes and 0 in shape:
        root, start = np.asarray(Beyond(root, start)), 0
    return np.ndarray(shape, dtype, root, start, strides)


def _span(shape: Sequence[int], steps: Sequence[int]) -> int:
    return 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))


def span(shape: Sequence[int], steps: Sequence[int], offset: int = 0) -> int:
    """How many elements memory must have for a tensor of this geometry."""
    return 0 if 0 in shape else offset + _span(shape, steps)


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


def is_dense(shape: Sequence[int], steps: Sequence[int]) -> bool:
    """True where the elements fill their memory without gap or overlap, in some order of dimensions."""
    expected = 1
    for step, n in sorted((s, n) for s, n in zip(steps, shape, strict=True) if n > 1):
        if step != expected:
            return False
        expected *= n
    return True


def dense_strides(shape: Sequence[int], steps: Sequence[int]) -> tuple[int, ...]:
    """Strides of new memory in the order of an old layout: the same where that was dense already.

    Dimensions are sorted by step as PyTorch's iterators sort them: a step of 0 says nothing, ties go by size.
    """
    if 0 in shape or is_dense(shape, steps):
        return tuple(steps)
    return _packed(shape, _order(shape, [steps]))


def pointwise_strides(shape: tuple[int, ...], operands: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]) -> tuple[int, ...]:
    """Strides of what a pointwise op makes of `operands`, each (shape, steps): their own where they agree, their order where not.

    Source: `fast_set_up` and `reorder_dimensions` in PyTorch's TensorIterator.cpp.
    """
    if all(same == shape for same, _ in operands):
        if all(_is_row_major(same, steps) for same, steps in operands):
            return row_major(shape)
        steps = operands[0][1]
        if is_dense(shape, steps) and all(other == steps for _, other in operands):
            return steps
    return _packed(shape, _order(shape, [_spread(shape, *operand) for operand in operands]))


_known: dict[Any, tuple[int, ...]] = {}


def laid_out(result: np.ndarray, operands: Sequence[Any]) -> np.ndarray:
    """The result of a pointwise kernel in the layout PyTorch gives it; the same array where NumPy chose that, too."""
    arrays = [a for a in operands if type(a) is np.ndarray]
    key = (result.shape, *[(a.shape, a.strides, a.itemsize) for a in arrays])
    expected = _known.get(key)
    if expected is None:
        if len(_known) > 4096:
            _known.clear()
        expected = _known[key] = pointwise_strides(result.shape, tuple((a.shape, strides_of(a)) for a in arrays))
    steps = tuple([s * result.itemsize for s in expected])
    if steps == result.strides or not result.size:
        return result
    if result.base is None and all(n == 1 or a == b for n, a, b in zip(result.shape, steps, result.strides, strict=True)):
        return np.lib.stride_tricks.as_strided(result, strides=steps)
    made = new(result.shape, expected, result.dtype)
    made[...] = result
    return made


def _is_row_major(shape: Sequence[int], steps: Sequence[int]) -> bool:
    return 0 in shape or all(n == 1 or a == b for n, a, b in zip(shape, steps, row_major(shape), strict=True))


def _spread(shape: Sequence[int], own: Sequence[int], steps: Sequence[int]) -> list[int]:
    """The steps of an operand over the broadcast `shape`: 0 where it is repeated."""
    lead = len(shape) - len(own)
    return [0] * lead + [0 if n == 1 and shape[lead + i] != 1 else s for i, (n, s) in enumerate(zip(own, steps, strict=True))]


def _order(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> list[int]:
    """Dimensions from the innermost out."""
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


def _packed(shape: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
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


def new(shape: Sequence[int], steps: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Uninitialised memory with these strides, in elements."""
    shape = tuple(shape)
    if steps == row_major(shape) and 0 not in shape:
        return np.empty(shape, dtype)
    size = dtype.itemsize
    return np.ndarray(shape, dtype, np.empty(_span(shape, steps), dtype), 0, tuple([s * size for s in steps]))


def copied(array: np.ndarray, steps: Sequence[int] | None = None, dtype: np.dtype | None = None, cast: Cast = np.asarray) -> np.ndarray:
    """The values in memory of their own: in the layout of `array` where it is dense, in its order where not, or with `steps`."""
    if steps is None:
        if array.flags.c_contiguous and array.size and dtype is None and 1 not in array.shape:  # a side of 1 keeps whatever step it has
            return array.copy()
        steps = dense_strides(array.shape, strides_of(array))
    made = new(array.shape, steps, dtype or array.dtype)
    made[...] = array if dtype is None else cast(array, dtype)
    return made


def overlaps(shape: Sequence[int], steps: Sequence[int]) -> bool:
    """True where two elements may be one place in memory: dimensions are not nested in one another."""
    reach = 0
    for step, n in sorted((s, n) for s, n in zip(steps, shape, strict=True) if n > 1):
        if step <= reach:
            return True
        reach += (n - 1) * step
    return False


def viewed_strides(shape: Sequence[int], steps: Sequence[int], new_shape: Sequence[int]) -> tuple[int, ...] | None:
    """Strides under which the same memory reads as `new_shape`, or None where no strides do."""
    if not shape:
        return (1,) * len(new_shape)
    if 0 in shape:
        return tuple(steps) if tuple(shape) == tuple(new_shape) else row_major(new_shape)
    made = [0] * len(new_shape)
    at, chunk, seen, placed = len(new_shape) - 1, steps[-1], 1, 1
    for d in range(len(shape) - 1, -1, -1):
        seen *= shape[d]
        if d and (shape[d - 1] == 1 or steps[d - 1] == seen * chunk):
            continue
        while at >= 0 and (placed < seen or new_shape[at] == 1):
            made[at] = placed * chunk
            placed *= new_shape[at]
            at -= 1
        if placed != seen:
            return None
        if d:
            chunk, seen, placed = steps[d - 1], 1, 1
    return tuple(made) if at == -1 else None


def inferred(size: Sequence[int], count: int) -> tuple[int, ...]:
    """`size` with its -1 worked out for `count` elements. Raises RuntimeError where it does not fit them."""
    known, unknown = 1, None
    for i, n in enumerate(size):
        if n == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = i
        elif n < 0:
            raise RuntimeError(f"invalid shape dimension {n} at index {i} of shape {list(size)}")
        else:
            known *= n
    if unknown is None:
        if known != count:
            raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
        return tuple(size)
    if known == 0 or count % known:
        if known == 0 and count == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size -1 can be any "
                "value and is ambiguous"
            )
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
    return (*size[:unknown], count // known, *size[unknown + 1 :])


def numel(shape: Sequence[int]) -> int:
    return math.prod(shape)
