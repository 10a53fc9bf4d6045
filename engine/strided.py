"""Arrays over the memory of another array, in any geometry and never outside its bounds; and new memory in any layout."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .geometry import Beyond, root_of, start_of, strides_of, told
from .layout import dense, dense_strides, pointwise_strides, row_major
from .memory import LARGE
from .unstored import Unstored

SQUARE = 128  # elements of a side
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
    start = offset * size + start_of(array)
    return over(root, tuple(shape), tuple([s * size for s in steps]), start, dtype)


def over(root: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], start: int, dtype: np.dtype) -> np.ndarray:
    """The array at byte `start` of `root`; one without elements may start past its end."""
    if 0 in shape:
        strides = told(strides)
        if start > root.nbytes:
            root, start = np.asarray(Beyond(root, start)), 0
    return np.ndarray(shape, dtype, root, start, strides)


def _span(shape: Sequence[int], steps: Sequence[int]) -> int:
    return 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))


def span(shape: Sequence[int], steps: Sequence[int], offset: int = 0) -> int:
    """How many elements memory must have for a tensor of this geometry."""
    return 0 if 0 in shape else offset + _span(shape, steps)


MISSING: Any = object()
_known: dict[Any, tuple[int, ...] | None] = {}


def laid_out(result: np.ndarray, operands: Sequence[Any]) -> np.ndarray:
    """The result of a pointwise kernel in the layout PyTorch gives it; the same array where NumPy chose that, too."""
    seen = [(a.shape, a.strides, a.dtype.num) for a in operands if type(a) is np.ndarray]
    if len(seen) < len(operands) and any(type(a) is Unstored for a in operands):
        return result
    key = (result.shape, result.strides, result.dtype.num, *seen)
    expected = _known.get(key, MISSING)
    if expected is MISSING:
        expected = _steps_to_take(result, [a for a in operands if type(a) is np.ndarray])
        if len(_known) > 4096:
            _known.clear()
        _known[key] = expected
    if expected is None:
        return result
    steps = tuple([s * result.itemsize for s in expected])
    if result.size and result.base is None and all(n == 1 or a == b for n, a, b in zip(result.shape, steps, result.strides, strict=True)):
        if result.flags.forc:  # as one buffer, which `memory.owned` sees through
            return np.ndarray(result.shape, result.dtype, result, 0, steps)
        return np.lib.stride_tricks.as_strided(result, strides=steps)
    made = new(result.shape, expected, result.dtype)
    write(made, result)
    return made


def write(into: np.ndarray, array: np.ndarray) -> None:
    """`into[...] = array`; by squares that stay in the cache where one of two large matrices lies by row, the other by column.

    Otherwise every element is read from another line of the cache, and many of these lie where there is room for few at a time.
    """
    if into.ndim != 2 or into.size < LARGE or into.shape != array.shape or _by_row(into) == _by_row(array) or 0 in array.strides:
        into[...] = array
        return
    for i in range(0, into.shape[0], SQUARE):
        for j in range(0, into.shape[1], SQUARE):
            part = slice(i, i + SQUARE), slice(j, j + SQUARE)
            into[part] = array[part]


def _by_row(matrix: np.ndarray) -> bool:
    return abs(matrix.strides[0]) >= abs(matrix.strides[1])


def across(arrays: Sequence[np.ndarray], dtype: np.dtype) -> tuple[list[np.ndarray], np.ndarray] | None:
    """Large matrices of which some lie by row, some by column, and memory for what an elementwise op makes of them; else None.

    The first that lies in another way than the result is copied there.
    """
    first = arrays[0]
    if first.ndim != 2 or any(a.shape != first.shape or 0 in a.strides for a in arrays) or len({_by_row(a) for a in arrays}) == 1:
        return None
    made = new(first.shape, pointwise_strides(first.shape, tuple((a.shape, strides_of(a)) for a in arrays)), dtype)
    place = next(i for i, a in enumerate(arrays) if _by_row(a) != _by_row(made))
    write(made, arrays[place])
    return [*arrays[:place], made, *arrays[place + 1 :]], made


def _steps_to_take(result: np.ndarray, operands: Sequence[np.ndarray]) -> tuple[int, ...] | None:
    """The steps PyTorch gives the result of these operands; None where it has them.

    Its convention: real numbers made of complex ones are written to memory like theirs, in which a side of 1 keeps its step.
    """
    if result.dtype.kind == "f" and operands and operands[0].dtype.kind == "c":
        expected = dense_strides(result.shape, strides_of(operands[0]))
    else:
        expected = pointwise_strides(result.shape, tuple((a.shape, strides_of(a)) for a in operands))
    return None if expected == strides_of(result) else expected


_in_order: dict[Any, bool] = {}


def in_order(array: np.ndarray) -> bool:
    """True where no dimension steps further than one before it: among such operands NumPy lays results out as PyTorch does.

    Not where there are no elements: NumPy does not keep the steps then.
    """
    key = (array.shape, array.strides)
    known = _in_order.get(key)
    if known is None:
        if len(_in_order) > 4096:
            _in_order.clear()
        sides = [(s, n) for s, n in zip(array.strides, array.shape, strict=True) if s]
        known = _in_order[key] = array.size > 0 and all(a >= b for a, b in itertools.pairwise(sides))
    return known


def new(shape: Sequence[int], steps: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Uninitialised memory with these strides, in elements."""
    shape = tuple(shape)
    if steps == row_major(shape) and 0 not in shape:
        return np.empty(shape, dtype)
    size = dtype.itemsize
    return over(np.empty(_span(shape, steps) * size, np.uint8), shape, tuple([s * size for s in steps]), 0, dtype)


def copied(array: np.ndarray, steps: Sequence[int] | None = None, dtype: np.dtype | None = None, cast: Cast = np.asarray) -> np.ndarray:
    """The values in memory of their own: in the layout of `array` where it is dense, in its order where not, or with `steps`."""
    if steps is None:
        if array.flags.c_contiguous and array.size and dtype is None and 1 not in array.shape:  # a side of 1 keeps whatever step it has
            return array.copy()
        steps = dense_strides(array.shape, strides_of(array))
    made = new(array.shape, steps, dtype or array.dtype)
    if array.size:  # of none NumPy would warn, too, that imaginary parts are lost
        write(made, array if dtype is None else cast(array, dtype))
    return made


def read_back(target: np.ndarray, places: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What `target` reads once `values` were written to `places` of its memory, as far as that reaches; later ones win."""
    steps = strides_of(target)
    memory = strided(target, (_span(target.shape, steps),), (1,)).copy()
    inside = places < memory.size
    memory[places[inside]] = values[inside]
    return strided(memory, target.shape, steps)


def recast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The values in another dtype, in the layout of `array`: unlike NumPy, a side of 1 keeps its step, and a step of 0 decides nothing."""
    return copied(array, dtype=dtype) if 1 in array.shape or 0 in array.strides else array.astype(dtype)


def as_cast(operand: Any, dtype: np.dtype) -> Any:
    """An operand as PyTorch lays results out by: one of another dtype is copied first, which closes the gaps in its memory."""
    if type(operand) is not np.ndarray or operand.dtype == dtype or not operand.ndim or dense(operand):
        return operand
    return recast(operand, dtype)


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
