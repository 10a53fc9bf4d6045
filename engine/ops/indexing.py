"""`x[...]` and `x[...] = value`: what an index means, taken apart into views and index tensors."""

from __future__ import annotations

import operator
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes, modes
from ..batching import Batched
from ..dtypes import OF_NUMPY
from ..geometry import address
from ..graph import end_of
from ..lean import straight
from ..number import converted
from ..op import OPS
from ..parameter import type_name
from ..tensor import FRESH, LEAF, PLAIN, PassingView, Tensor, method, rows, wrap
from ..texts import function_of, written_when_called
from ..views import outdated, overwrite
from .part import SELECT, SLICE
from .shape import UNSQUEEZE

ZERO_DIM = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
)
NOT_TUPLE = (
    "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use x[tuple(seq)] "
    "instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], which will result either in an "
    "error or a different result"
)
NOT_VALID = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})"
MASKS = (dtypes.bool_, dtypes.uint8)
LAST = sys.maxsize
MANTISSA = 2**24  # integers below are floats of any dtype
LARGEST = float(np.finfo(np.float32).max)  # floats up to here have one in any dtype
BASIC = {int, slice, type(None), type(Ellipsis)}


def _write_getitem(space: dict[str, Any]) -> Any:
    """`x[index]`, in which a slice is what `_slice` and the op come to: of the first dimension NumPy takes it as PyTorch does."""
    lines, names = straight(SLICE)
    unknown = "type(a0) not in PLAIN or a0._counter is None"
    lines = [line.replace(unknown, f"(not a0._rows and ({unknown}))") for line in lines]  # of which rows says that they are plain
    made = lines.index("if type(r) is not ndarray:")
    del lines[made : made + 3]  # a slice is
    at = next(i for i, line in enumerate(lines) if line.strip().startswith("r = kernel("))
    taken = ["    r = x0[a2:a3] if a4 == 1 else x0[a2:a3:a4]", f"    if not r.size or (a4 != 1 and r.shape[0] == 1): {lines[at].strip()}"]
    head = [
        "if type(index) is not slice:",
        "    if type(index) is int and (shape := (a0._rows or a0._array).shape) and -shape[0] <= index < shape[0]:",
        "        return select(a0, 0, index)",
        "    return indexed(a0, index)",
        "a1 = 0; a2 = index.start; a3 = index.stop; a4 = index.step",
        # numbers of 30 bits are compared in less, where they are written out
        "a2 = 0 if a2 is None else a2 if type(a2) is int and -0x40000000 < a2 < 0x40000000 else bound(a2)",
        "a3 = LAST if a3 is None else a3 if type(a3) is int and -0x40000000 < a3 < 0x40000000 else bound(a3)",
        "a4 = 1 if a4 is None else a4 if type(a4) is int and 0 < a4 < 0x40000000 else step(a4)",
    ]
    space |= {**names, "select": SELECT.direct, "indexed": _indexed, "bound": _bound, "step": _step, "LAST": LAST}
    return function_of(["a0", "index"], [*head, *lines[:at], *taken, *lines[at + 1 :]], "slices", space)


def _indexed(self: Tensor, index: Any) -> Tensor:
    """A view where integers, slices, None and Ellipsis say where; a copy where tensors, lists or bools do."""
    if type(index) is tuple and len(index) == 2 and type(index[1]) is int:  # a column, as many are: what `_walk` comes to
        first, ndim = index[0], self._array.ndim
        if first is Ellipsis and ndim:
            return _select(self, ndim - 1, index[1], 1)
        if type(first) is slice and first.start is first.stop is first.step is None and ndim > 1:
            return _select(self, 1, index[1], 1)
    if type(index) is int:
        return _select(self, 0, index, 0)
    if index is None:
        made: Tensor = UNSQUEEZE.direct(self, 0)
        return made
    if isinstance(index, np.integer):
        return _select(self, 0, int(index), 0)
    if index is Ellipsis:
        return OPS["alias"].direct(self)
    parts = _as_tuple(index)
    found, tensors = _walk(self, parts)
    if tensors:
        return OPS["index.Tensor"].run([found, tensors])
    return OPS["alias"].direct(self) if found is self else found


__getitem__ = written_when_called(_write_getitem)
__getitem__.__name__, __getitem__.__doc__ = "__getitem__", _indexed.__doc__
method(__getitem__)


@method
def __setitem__(self: Tensor, index: Any, value: Any) -> None:
    """Write a number, or a tensor that broadcasts, to what the index names."""
    if _overwritten(self, index, value):
        return
    value = _value(self, value)
    if type(index) is slice:
        found = _slice(self, 0, index)
        return _copy(found, value, found is not self)
    if index is False:
        return
    if index is Ellipsis:
        return _copy(self, value)
    if index is None or index is True:
        return _copy(UNSQUEEZE.direct(self, 0), value, True)
    if isinstance(index, (int, np.integer)):
        return _copy(_select(self, 0, int(index), 0), value, True)
    found, tensors = _walk(self, _as_tuple(index))
    if not tensors:
        return _copy(found, value, found is not self)
    if value._array.shape[:1] == (1,):
        value = _without_leading_ones(value)
    OPS["index_put"].run_inplace([found, tensors, value, False])


@method
def __delitem__(self: Tensor, index: Any) -> None:
    raise TypeError("Tensor does not support deleting items")


# -- what an index is made of --------------------------------------------------------------------------------------------
def _as_tuple(index: Any) -> tuple[Any, ...]:
    if isinstance(index, tuple):
        return tuple(index)
    if _is_tuple_in_disguise(index):
        warnings.warn(NOT_TUPLE, UserWarning, stacklevel=3)
        return tuple(index)
    return (index,)


def _is_tuple_in_disguise(index: Any) -> bool:
    """PyTorch's (and once NumPy's) guess: a short sequence with a slice, sequence, tensor, None or Ellipsis in it."""
    if not _is_sequence(index) or isinstance(index, np.ndarray) or len(index) >= 32:
        return False
    return any(e is None or e is Ellipsis or isinstance(e, Tensor | slice) or _is_sequence(e) for e in index)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray)


def _count(parts: tuple[Any, ...]) -> int:
    """How many dimensions the parts speak of."""
    count = 0
    for part in parts:
        if isinstance(part, Tensor):
            count += part._array.ndim if part._dtype in MASKS else 1
        elif part is not None and part is not Ellipsis and not isinstance(part, bool):
            count += 1
    return count


def _walk(self: Tensor, parts: tuple[Any, ...]) -> tuple[Tensor, list[Tensor | None]]:
    """Apply what makes views; the view, and the index tensors left to apply (one per dimension, None for none)."""
    if BASIC.issuperset(map(type, parts)):
        count = len(parts) - parts.count(None) - parts.count(Ellipsis)
    else:
        parts = tuple(_from_array(p) if isinstance(p, np.ndarray) else p for p in parts)
        count = _count(parts)
    if count > self._array.ndim:
        raise IndexError(f"too many indices for tensor of dimension {self._array.ndim}")
    found, dim = self, 0
    tensors: dict[int, Tensor] = {}
    for place, part in enumerate(parts):
        if type(part) is slice:
            found = _slice(found, dim, part)
            dim += 1
        elif type(part) is int or isinstance(part, np.integer):
            found = _select(found, dim, int(part), place)
        elif part is Ellipsis:
            dim += self._array.ndim - count
        elif part is None:
            found = UNSQUEEZE.direct(found, dim)
            dim += 1
        else:
            tensor = _index_tensor(part)
            if tensor._array.ndim or tensor._dtype.category > 1 or type(tensor) is Batched:
                tensors[dim] = tensor
                dim += tensor._array.ndim if tensor._dtype in MASKS else 1
            elif tensor._dtype in MASKS:
                found = UNSQUEEZE.direct(found, dim)
                tensors[dim] = wrap(np.zeros(1 if tensor._array else 0, np.int64), dtypes.int64)
                dim += 1
            else:
                found = _select(found, dim, int(tensor._array), place)
    return found, _in_order(tensors)


def _in_order(tensors: dict[int, Tensor]) -> list[Tensor | None]:
    """One entry per dimension; a mask stands for all of its own."""
    made: list[Tensor | None] = []
    taken = 0
    for dim, tensor in sorted(tensors.items()):
        made += [None] * (dim - taken)
        made.append(tensor)
        taken = dim + (tensor._array.ndim if tensor._dtype in MASKS else 1)
    return made


def _index_tensor(part: Any) -> Tensor:
    """The tensor a tensor, bool or sequence stands for. Raises IndexError for anything else."""
    if isinstance(part, Tensor):
        return part
    if isinstance(part, bool):
        return wrap(np.asarray(part), dtypes.bool_)
    if _is_sequence(part):
        return _from_sequence(part)
    try:
        return wrap(np.asarray(operator.index(part), np.int64), dtypes.int64)
    except TypeError:
        raise IndexError(NOT_VALID.format(type_name(part))) from None


def _select(self: Tensor, dim: int, index: int, place: int) -> Tensor:
    """One position. `place` is where it stands in the whole index, which is what the error calls its dimension."""
    shape = self._array.shape
    if not shape:
        raise IndexError(f"index {index} is out of bounds for dimension {place} with size 0" if index else ZERO_DIM)
    size = shape[dim] if dim < len(shape) else 0
    if not -size <= index < size:
        if not -(2**63) <= index < 2**63:
            raise ValueError("Overflow when unpacking long long")
        raise IndexError(f"index {index} is out of bounds for dimension {place} with size {size}")
    made: Tensor = SELECT.direct(self, dim, index)
    return made


def _slice(self: Tensor, dim: int, part: slice) -> Tensor:
    """A slice; the tensor itself for a whole dimension."""
    start, end, step = part.start, part.stop, part.step
    # numbers of 30 bits are compared in less, where they are written out
    start = 0 if start is None else start if type(start) is int and -0x40000000 < start < 0x40000000 else _bound(start)
    end = LAST if end is None else end if type(end) is int and -0x40000000 < end < 0x40000000 else _bound(end)
    step = 1 if step is None else step if type(step) is int and 0 < step < 0x40000000 else _step(step)
    # The op refuses to slice a tensor without dimensions, after it has looked at the history of a view. After several Ellipsis there may
    # be no such dimension.
    if start == 0 and step == 1 and (shape := self._array.shape) and end >= (shape[dim] if dim < len(shape) else LAST):
        return self
    made: Tensor = SLICE.direct(self, dim, start, end, step)
    return made


def _step(value: Any) -> int:
    """Raises ValueError for a step that does not go forward."""
    step = _bound(value)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    if step < 0:
        raise ValueError("step must be greater than zero")
    return step


def _bound(value: Any) -> int:
    if type(value) is int:
        return min(max(value, -LAST), LAST)
    if not hasattr(type(value), "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return min(max(operator.index(value), -LAST), LAST)


# -- sequences as index tensors --------------------------------------------------------------------------------------------
def _from_array(array: np.ndarray) -> Tensor:
    kept = array.dtype in (np.dtype(np.bool_), np.dtype(np.uint8))
    made = array if kept else array.real.astype(np.int64)
    return wrap(np.array(made), OF_NUMPY[made.dtype])


def _from_sequence(part: Any) -> Tensor:
    """A nested sequence as int64 positions, or as a mask where all of it is bool (or uint8)."""
    _check_kinds(part)
    shape = _shape_of(part)
    leaves: list[Any] = []
    _flatten(part, shape, 0, leaves)
    kinds = {_leaf_dtype(v) for v in leaves}
    kind: np.dtype
    if not leaves or kinds - {np.dtype(np.bool_), np.dtype(np.uint8)}:
        kind = np.dtype(np.int64)
        leaves = [_to_int(v) for v in leaves]
    else:
        kind = np.dtype(np.uint8 if np.dtype(np.uint8) in kinds else np.bool_)
        leaves = [operator.index(v) if isinstance(v, Tensor) else v for v in leaves]
    return wrap(np.array(leaves, kind).reshape(shape), OF_NUMPY[kind])


def _shape_of(part: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while True:
        if not _is_sequence(part):  # a tensor inside stands for one number
            return tuple(shape)
        shape.append(len(part))
        if not shape[-1]:
            return tuple(shape)
        part = part[0]


NUMBERS = frozenset((bool, int, float))  # what most sequences hold


def _check_kinds(part: Any) -> None:
    """Raises for the first element that is neither number nor tensor, as PyTorch does before it looks at lengths.

    TypeError for text, RuntimeError for anything else.
    """
    if isinstance(part, str | bytes):
        raise TypeError(f"new(): invalid data type '{type(part).__name__}'")
    if _is_sequence(part):
        for element in () if NUMBERS.issuperset(map(type, part)) else part:
            _check_kinds(element)
    elif not isinstance(part, bool | int | float | complex | np.generic | Tensor):
        raise RuntimeError(f"Could not infer dtype of {type(part).__name__}")


def _flatten(part: Any, shape: tuple[int, ...], depth: int, leaves: list[Any]) -> None:
    """Append the elements in order. Raises ValueError where a sequence inside has another length than its first neighbour."""
    if depth == len(shape):
        leaves.append(part)
        return
    if isinstance(part, Tensor) and not part._array.ndim:
        raise TypeError("not a sequence")
    if not hasattr(part, "__len__"):
        raise TypeError(f"expected a sequence of integers or other iterables, got {type_name(part)}")
    if len(part) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(part)})")
    for element in part:
        _flatten(element, shape, depth + 1, leaves)


def _leaf_dtype(value: Any) -> np.dtype:
    if isinstance(value, Tensor):
        return value._array.dtype
    return (
        np.dtype(np.bool_) if isinstance(value, bool | np.bool_) else value.dtype if isinstance(value, np.generic) else np.dtype(np.int64)
    )


def _to_int(value: Any) -> int:
    number = value.item() if isinstance(value, np.generic) else operator.index(value) if isinstance(value, Tensor) else value
    if isinstance(number, float):
        if not abs(number) < 2**63:
            raise RuntimeError("value cannot be converted to type int64 without overflow")
        return int(number)
    try:
        whole = operator.index(number)
    except TypeError:
        raise TypeError(f"'{type(number).__name__}' object cannot be interpreted as an integer") from None
    if not -(2**63) <= whole < 2**63:
        raise ValueError("Overflow when unpacking long long")
    return whole


# -- what is written ---------------------------------------------------------------------------------------------------------
def _value(self: Tensor, value: Any) -> Tensor:
    """What is assigned, as a tensor; a number in the dtype of `self`. Raises TypeError for anything else."""
    if isinstance(value, Tensor):
        return value
    if type(value) is float:
        return wrap(converted(value, self._dtype.np, round_low=True), self._dtype)
    if isinstance(value, np.integer | np.float64 | np.complex128):
        value = value.item()
    if not isinstance(value, bool | int | float | complex):
        raise TypeError(f"can't assign a {type_name(value)} to a torch.{self._dtype.scalar_name}Tensor")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("Overflow when unpacking long long")
    return wrap(converted(value, self._dtype.np, round_low=True), self._dtype)


def _overwritten(self: Tensor, index: Any, value: Any) -> bool:
    """Write to a part at once, where a plain mode and the arguments leave nothing to ask; False where not, and then nothing is done.

    The part is that of slices and integers, of a base in row-major order; what is written a number, or a tensor of its shape and dtype.
    """
    mode, node = modes.current(), self._node
    if mode > 1 or self._beside is not None or not rows(self):
        return False
    array = self._array
    if array.base is not None or (mode and node is not None and (node is LEAF or end_of(node).enters)):
        return False
    views, offset = _place_of(array, index)
    if not views:
        return False
    part = array[index]
    if type(part) is not np.ndarray or not part.size:
        return False
    kind, tensor = type(value), None
    if kind is float or (kind is int and -MANTISSA < value < MANTISSA):
        if array.dtype.char not in "fd" or not -LARGEST < value < LARGEST:
            return False
        part.fill(value)
    else:
        if kind not in PLAIN or value._dtype is not self._dtype or value._counter is None:
            return False
        if value._beside is not None and outdated(value):
            return False
        given, tensor = value._array, value
        if given.shape != part.shape:
            return False
        root = given.base
        if root is None:
            if given is array:
                return False
            part[...] = given
        elif root is not array:
            if type(root) is not np.ndarray or root.base is not None:
                return False
            part[...] = given
        elif address(given) != address(part) or given.strides != part.strides:  # else nothing moves
            return False
    if self._counter is FRESH:
        self._counter = [1]
    else:
        self._counter[0] += 1  # type: ignore[index]  # no inference tensor is said to lie in row-major order
    if mode and (node is not None or (tensor is not None and tensor._node is not None)):
        op = OPS["fill_.Tensor"] if tensor is None else OPS["copy_"]
        overwrite(self, part, offset // part.itemsize, op, tensor, views)
    return True


def _place_of(array: np.ndarray, index: Any) -> tuple[int, int]:
    """How many views slices and integers stand for, each of which NumPy takes as PyTorch does, and the bytes to where the last begins.

    No views where NumPy may not, or where there are none.
    """
    views = offset = 0
    parts = index if type(index) is tuple else (index,)
    if len(parts) > array.ndim:
        return 0, 0
    for n, step, part in zip(array.shape, array.strides, parts):  # noqa: B905  # strict costs, and there may be more dimensions
        if type(part) is slice:
            start, end = part.start, part.stop
            if part.step is not None or not (start is None or type(start) is int) or not (end is None or type(end) is int):
                return 0, 0
            if start:
                views += 1
                offset += (start if start > 0 else max(start + n, 0)) * step
            elif end is not None and end < n:
                views += 1
        elif type(part) is int and -n <= part < n:
            views += 1
            offset += (part if part >= 0 else part + n) * step
        else:
            return 0, 0
    return views, offset


def _without_leading_ones(value: Tensor) -> Tensor:
    shape = value._array.shape
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return OPS["view"].run([value, shape[first:]])


def _copy(into: Tensor, value: Tensor, passing: bool = False) -> None:
    """Write to a view: as it is where shapes agree, filled from a 0-dim tensor, else expanded. A `passing` one is seen by nobody else."""
    shape = into._array.shape
    if passing and into._view is not None:
        into._view.__class__ = PassingView
    if value._array.shape == shape:
        OPS["copy_"].in_place(into, value, False)
    elif not value._array.ndim:
        OPS["fill_.Tensor"].in_place(into, value)
    else:
        value = _without_leading_ones(value)
        if value._array.shape != shape:
            value = OPS["expand"].run([value, shape, True])
        OPS["copy_"].in_place(into, value, False)
