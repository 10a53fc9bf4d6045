"""Reading and writing at positions: index tensors and masks, whole slices along a dimension, flat positions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..dtypes import OF_NUMPY
from ..geometry import in_range, strides_of
from ..layout import dense_strides, iterated, laid_out, row_major, walk_order
from ..number import converted
from ..once import say
from ..op import OPS, F, op, plain
from ..overlap import PARTIAL_OVERLAP, overlaps
from ..rows import add_rows
from ..strided import copied, viewed_strides
from ..tensor import Tensor
from .arithmetic import real_stays_real
from .shape import expanded as spread

Indices = Sequence[np.ndarray | None]
BYTE_MASK = "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead."
EXPANDED = (
    "Use of {name} on expanded tensors is deprecated. Please clone() the tensor before performing this operation. "
    "This also applies to advanced indexing e.g. {example}"
)
NOT_AN_INDEX = "tensors used as indices must be long, int, byte or bool tensors"


def word(array: np.ndarray) -> str:
    """The dtype's name in PyTorch's error texts."""
    return OF_NUMPY[array.dtype].scalar_name


def kept(self: np.ndarray) -> np.ndarray:
    """A copy in the layout `clone` gives."""
    return copied(self)


def zeros(g: Any, shape: Sequence[int]) -> Any:
    """Zeros of g's dtype."""
    return F.new_zeros(g, tuple(shape))


def laid_as(g: Any, self: Any) -> Any:
    """A gradient that PyTorch writes into `zeros_like` of its input: in the layout a copy of that input has."""
    return g if isinstance(g, Tensor) else laid_out(g, dense_strides(self.shape, strides_of(self)))


# -- index tensors and masks ------------------------------------------------------------------------------------------
def few_enough(indices: Indices, shape: tuple[int, ...]) -> None:
    if len(indices) > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)} (got {len(indices)})")


def positions(indices: Indices, shape: tuple[int, ...]) -> list[np.ndarray | None]:
    """One position array per indexed dimension, masks replaced by where they are set, None where a dimension is whole.

    Raises IndexError where there are too many, where one is no index, or where a mask has other sizes.
    """
    few_enough(indices, shape)
    if any(i is not None and i.dtype.name not in ("int64", "int32", "uint8", "bool") for i in indices):
        raise IndexError(NOT_AN_INDEX)
    found: list[np.ndarray | None] = []
    for index in indices:
        if index is None or index.dtype.name in ("int64", "int32"):
            found.append(index)
            continue
        if index.dtype == np.uint8:
            say(BYTE_MASK, stacklevel=6)
        _check_mask(index, shape, len(found))
        found += np.nonzero(index) if index.ndim else []
    return found


def _check_mask(mask: np.ndarray, shape: tuple[int, ...], start: int) -> None:
    for j, n in enumerate(mask.shape):
        in_range(start + j, len(shape))
        if shape[start + j] != n:
            raise IndexError(
                f"The shape of the mask {list(mask.shape)} at index {j} does not match the shape of the indexed tensor {list(shape)} "
                f"at index {start + j}"
            )


def together(found: list[np.ndarray | None]) -> list[np.ndarray | None]:
    """The position arrays in one shape. Raises IndexError where they do not broadcast."""
    given = [i for i in found if i is not None]
    try:
        sides = np.broadcast_shapes(*(i.shape for i in given))
    except ValueError:
        shapes = ", ".join(str(list(i.shape)) for i in given)
        raise IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}") from None
    return [i if i is None or i.shape == sides else spread(i, sides) for i in found]


def none_in_nothing(wide: list[np.ndarray | None], shape: tuple[int, ...]) -> None:
    """Raises IndexError where a position is given in a dimension that has none."""
    pairs = [(i, n) for i, n in zip(wide, shape, strict=False) if i is not None]
    if pairs and pairs[0][0].size and any(n == 0 for _, n in pairs):
        raise IndexError("index is out of bounds for dimension with size 0")


def inside(wide: list[np.ndarray | None], shape: tuple[int, ...]) -> None:
    """Raises IndexError for the first position that leaves the tensor; none does where nothing is read or written."""
    pairs = [(i, n) for i, n in zip(wide, shape, strict=False) if i is not None]
    if 0 in result_shape(wide, shape):
        return
    wrong = [(k, i, n, (i < -n) | (i >= n)) for k, (i, n) in enumerate(pairs) if i.min() < -n or i.max() >= n]
    if wrong:
        k, index, n, bad = min(wrong, key=lambda w: (int(np.argmax(w[3])), w[0]))
        raise IndexError(f"index {int(index[bad].flat[0])} is out of bounds for dimension {k} with size {n}")


def within(index: np.ndarray, dim: int, size: int, error: type[Exception], *, negative: bool = False) -> None:
    """Raises `error` where a position is outside `size`; `negative` ones may count from the end."""
    if not index.size:
        return
    if not negative and index.dtype == np.int64 and index.flags.c_contiguous and int(index.view(np.uint64).max()) < size:
        return  # one pass: as unsigned, a negative position is a very large one
    low = -size if negative else 0
    if index.min() < low or index.max() >= size:
        first = index[(index < low) | (index >= size)].flat[0]
        raise error(f"index {int(first)} is out of bounds for dimension {dim} with size {size}")


def whole_mask(self: np.ndarray, indices: Indices) -> np.ndarray | None:
    """The mask of all elements of `self` that is the only index, if that is what the index is."""
    mask = indices[0] if len(indices) == 1 else None
    return mask if mask is not None and mask.dtype == np.bool_ and mask.shape == self.shape and self.ndim else None


def where_set(mask: np.ndarray) -> np.ndarray:
    """The flat positions a mask sets: to read or write at them is several times faster than by the mask."""
    return mask.reshape(-1).nonzero()[0]


def along(dim: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * dim + (index,)


def key_of(wide: list[np.ndarray | None]) -> tuple[Any, ...]:
    return tuple(slice(None) if i is None else i for i in wide)


def result_shape(wide: list[np.ndarray | None], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what is read: the positions' dimensions in the place of the indexed ones, first where those are apart."""
    at = [d for d, i in enumerate(wide) if i is not None]
    rest = [n for d, n in enumerate(shape) if d not in at]
    sides = wide[at[0]].shape if at else ()  # type: ignore[union-attr]  # `at` is where it is not None
    start = at[0] if at and at[-1] - at[0] == len(at) - 1 else 0
    return (*rest[:start], *sides, *rest[start:])


def index_kernel(self: np.ndarray, indices: Indices) -> np.ndarray:
    mask = whole_mask(self, indices)
    if mask is not None:
        return self.reshape(-1).take(where_set(mask)) if self.flags.c_contiguous else self[mask]
    wide = together(positions(indices, self.shape))
    none_in_nothing(wide, self.shape)
    inside(wide, self.shape)
    shape = result_shape(wide, self.shape)
    if not any(i is not None for i in wide):
        return copied(self[key_of(wide)])
    made = np.empty(shape, self.dtype) if 0 in shape else self[key_of(wide)]
    if not _nothing_of_one(wide, self.shape) and any(i is not None and not in_order(i) for i in (self, *indices)):
        return laid_out(made, iterated(made.shape, _operand_steps(self, wide, made.shape)))
    return laid_out(made, row_major(made.shape)) if made.ndim else np.array(made)


def in_order(array: np.ndarray) -> bool:
    """True where an iteration surely goes row by row; a side of 1 may have any step, as all may of nothing, and steps decide the order."""
    return array.flags.c_contiguous and 1 not in array.shape and 0 not in array.shape


def _nothing_of_one(wide: list[np.ndarray | None], shape: tuple[int, ...]) -> bool:
    """True where nothing is read and what is not indexed has sides of 1: all that is walked over has one shape and is contiguous, then."""
    rest = [n for d, n in enumerate(shape) if d >= len(wide) or wide[d] is None]
    return all(n == 1 for n in rest) and any(i is not None and not i.size for i in wide)


def _operand_steps(self: np.ndarray, wide: list[np.ndarray | None], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Strides, in the result's dimensions, of what the read walks over: the tensor, then each index reshaped to have those dimensions."""
    at = [d for d, i in enumerate(wide) if i is not None]
    sides = wide[at[0]].shape  # type: ignore[union-attr]  # `at` is where it is not None
    rest = [s for d, s in enumerate(strides_of(self)) if d not in at]
    start = at[0] if at[-1] - at[0] == len(at) - 1 else 0
    source = (*rest[:start], *(0,) * len(sides), *rest[start:])
    padded = (*(1,) * start, *sides, *(1,) * (len(shape) - start - len(sides)))
    spread_over = [viewed_strides(sides, strides_of(i), padded) for i in wide if i is not None]
    return [source, *(tuple(0 if n == 1 != m else s for n, m, s in zip(padded, shape, steps or (), strict=True)) for steps in spread_over)]


def index_put_kernel(self: np.ndarray, indices: Indices, values: np.ndarray, accumulate: bool, unsafe: bool = False) -> np.ndarray:
    made = kept(self)
    put_into(made, indices, values, accumulate)
    return made


def index_put_into(self: np.ndarray, indices: Indices, values: np.ndarray, accumulate: bool, unsafe: bool = False) -> None:
    """`put_into` where it is somebody's tensor. Raises RuntimeError where its memory is that of the values or of an index, too."""
    few_enough(indices, self.shape)
    expanded(self, "index_put_", "tensor[indices] = tensor")
    if not accumulate and values.size == 1 and only_mask(self, indices) is not None:
        expanded(self, "masked_fill_", "tensor[mask] = scalar")
    elif any(i is not None and (i is self or overlaps(self, i)) for i in (values, *indices)):
        raise RuntimeError(PARTIAL_OVERLAP)
    put_into(self, indices, values, accumulate)


def expanded(self: np.ndarray, name: str, example: str) -> None:
    """Warns (UserWarning) where a write goes to a tensor whose elements share memory; PyTorch writes all the same."""
    if shared(self):
        say(EXPANDED.format(name=name, example=example), stacklevel=6)


def shared(self: np.ndarray) -> bool:
    return bool(self.size) and 0 in self.strides and any(s == 0 and n > 1 for s, n in zip(self.strides, self.shape, strict=True))


def put_into(made: np.ndarray, indices: Indices, values: np.ndarray, accumulate: bool) -> None:
    """Write, or add, values at the positions named. Raises IndexError or RuntimeError before anything is written."""
    self = made
    few_enough(indices, self.shape)
    mask = None if accumulate or values.size != 1 else only_mask(self, indices)
    if mask is not None:
        made[mask] = converted(values, self.dtype)
        return
    of_all = whole_mask(self, indices)
    if of_all is not None and self.flags.c_contiguous:
        made = self = self.reshape(-1)
        indices = [where_set(of_all)]
    wide = together(positions(indices, self.shape))
    none_in_nothing(wide, self.shape)
    shape = result_shape(wide, self.shape)
    if not _fits(values.shape, shape):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing result of shape {list(shape)}"
        )
    if self.dtype != values.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {word(self)} "
            f"for the destination and {word(values)} for the source."
        )
    inside(wide, self.shape)
    if 0 in shape:
        return
    if accumulate:
        add_at(made, key_of(wide), np.broadcast_to(values, shape))
    else:
        set_at(made, wide, np.broadcast_to(values, shape))


def only_mask(self: np.ndarray, indices: Indices) -> tuple[Any, ...] | None:
    """The key of one mask and no other index: PyTorch fills there, in any dtype. Raises RuntimeError for a mask of uint8."""
    given = [i for i in indices if i is not None]
    if any(i.dtype.name not in ("bool", "uint8") for i in given) or len(given) > 1:
        return None
    if not indices and self.ndim:
        raise RuntimeError("sym_strides() called on an undefined Tensor")
    if not given:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype nullptr (uninitialized)")
    lead = next(d for d, i in enumerate(indices) if i is not None)
    _check_mask(given[0], self.shape, lead)
    if given[0].dtype == np.uint8:
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype unsigned char")
    return along(lead, given[0])


def _fits(narrow: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    return len(narrow) <= len(wide) and all(n in (1, w) for n, w in zip(narrow[::-1], wide[::-1], strict=False))


def set_at(made: np.ndarray, wide: list[np.ndarray | None], values: np.ndarray) -> None:
    """`made[wide] = values`; of repeated positions the one PyTorch comes to last stays."""
    key = key_of(wide)
    if not any(i is not None for i in wide):
        made[key] = values
        return
    steps = _operand_steps(made, wide, values.shape)
    order = walk_order(values.shape, [steps[0], values.strides, *steps[1:]])
    if order == list(range(values.ndim))[::-1]:
        made[key] = values
        return
    places, given = (a.transpose(order[::-1]).reshape(-1) for a in (flat_places(made.shape, key), values))
    if made.flags.c_contiguous:
        made.reshape(-1)[places] = given
    else:
        made[np.unravel_index(places, made.shape)] = given


def add_at(made: np.ndarray, key: tuple[Any, ...], values: np.ndarray) -> None:
    """`made[key] += values` with repeated positions added up, in order. NumPy's `add.at` is quick on one flat index only."""
    if not made.flags.c_contiguous:
        np.add.at(made, key, values)
    elif all(isinstance(i, slice) for i in key):
        made += values
    elif not any(isinstance(i, slice) for i in key):
        add_leading(made, key, values)
    else:
        where = np.broadcast_to(flat_places(made.shape, key), values.shape).reshape(-1)
        add_rows(made.reshape(-1, 1), where, values.reshape(-1, 1))


def add_leading(made: np.ndarray, key: tuple[Any, ...], values: np.ndarray) -> None:
    """`add_at` for positions in the leading dimensions: whole rows are added."""
    lead = made.shape[: len(key)]
    where = flat_places(lead, key)
    width = made.size // max(int(np.prod(lead)), 1)
    if values.size:
        add_rows(made.reshape(-1, width), where.reshape(-1), values.reshape(-1, width))


def from_front(places: np.ndarray, size: int, step: int) -> np.ndarray:
    """Positions counted from the front of a dimension, in elements `step` apart."""
    places = places.astype(np.int64, copy=False)
    if places.size and places.min() < 0:
        places = np.where(places < 0, places + size, places)
    return places if step == 1 else places * step


def flat_places(shape: tuple[int, ...], key: tuple[Any, ...]) -> np.ndarray:
    """Flat positions in a row-major array of what `key` (index arrays and whole slices) names, in the result's shape."""
    steps = row_major(shape)
    at = [d for d, i in enumerate(key) if not isinstance(i, slice)]
    where: Any = reduce(np.add, [from_front(key[d], shape[d], steps[d]) for d in at])
    rest = [d for d in range(len(shape)) if d not in at]
    start = at[0] if at[-1] - at[0] == len(at) - 1 else 0
    rank = len(rest) + where.ndim
    where = where.reshape(where.shape + (1,) * (len(rest) - start))
    for k, d in enumerate(rest):
        side = [1] * rank
        side[k if k < start else k + rank - len(rest)] = shape[d]
        where = where + (np.arange(shape[d]) * steps[d]).reshape(side)
    return np.asarray(where)


def put_back(g: Any, shape: tuple[int, ...], indices: Indices) -> Any:
    """The gradient of what was indexed: zeros, with what arrived added where it came from; recorded as PyTorch's own code does."""
    if type(g) is Tensor:
        return OPS["_index_put_impl_"].run_inplace([zeros(g, shape), indices, g, True, True])
    return F.index_put(zeros(g, shape), indices, g, True)


op("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
   plain(index_kernel, function=False, method=False, writes=(1,), jvp="linear"),
   self=lambda g, self_shape, indices: put_back(g, self_shape, indices))  # fmt: skip
op("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
   plain(index_put_kernel, inplace=True, into=index_put_into, jvp="linear"),
   self=lambda g, indices, values_shape, accumulate: g if accumulate else F.index_put(g, indices, zeros(g, values_shape), False),
   values=lambda g, indices, values_dtype: real_stays_real(F.index(g, indices), values_dtype))  # fmt: skip
op("_index_put_impl_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False, bool unsafe=False) -> Tensor(a!)",
   plain(index_put_kernel, method=False, into=index_put_into, node="IndexPutImplBackward0", jvp="linear"),
   self=lambda g, indices, values_shape, accumulate: g if accumulate else F.index_put(g, indices, zeros(g, values_shape), False),
   values=lambda g, indices, values_dtype: real_stays_real(F.index(g, indices), values_dtype))  # fmt: skip
