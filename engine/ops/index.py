"""Reading and writing at positions: index tensors and masks, whole slices along a dimension, flat positions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..calls import FUNCTIONS
from ..dtypes import OF_NUMPY
from ..layout import iterated, laid_out, walk_order
from ..number import converted
from ..op import F, op, plain
from ..strided import copied, dense_strides, row_major
from ..tensor import Tensor, in_range, method, strides_of, wrap

Indices = Sequence[np.ndarray | None]
BYTE_MASK = "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead."
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
            warnings.warn(BYTE_MASK, UserWarning, stacklevel=6)
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
    return [None if i is None else np.broadcast_to(i, sides) for i in found]


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
    low = -size if negative else 0
    if index.min() < low or index.max() >= size:
        first = index[(index < low) | (index >= size)].flat[0]
        raise error(f"index {int(first)} is out of bounds for dimension {dim} with size {size}")


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
    wide = together(positions(indices, self.shape))
    none_in_nothing(wide, self.shape)
    inside(wide, self.shape)
    shape = result_shape(wide, self.shape)
    if 0 in shape:
        return np.empty(shape, self.dtype)
    made = self[key_of(wide)]
    if not any(i is not None for i in wide):
        return copied(made)
    if not self.flags.c_contiguous or any(i is not None and not i.flags.c_contiguous for i in indices):
        return laid_out(made, iterated(made.shape, _operand_steps(self, wide, made.shape)))
    return laid_out(made, row_major(made.shape)) if made.ndim else np.array(made)


def _operand_steps(self: np.ndarray, wide: list[np.ndarray | None], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Strides, in the result's dimensions, of what the read walks over: the tensor, then each index."""
    at = [d for d, i in enumerate(wide) if i is not None]
    sides = wide[at[0]].ndim  # type: ignore[union-attr]
    rest = [s for d, s in enumerate(self.strides) if d not in at]
    start = at[0] if at[-1] - at[0] == len(at) - 1 else 0
    source = (*rest[:start], *(0,) * sides, *rest[start:])
    after = len(shape) - start - sides
    return [source, *((0,) * start + i.strides + (0,) * after for i in wide if i is not None)]


def index_put_kernel(self: np.ndarray, indices: Indices, values: np.ndarray, accumulate: bool, unsafe: bool = False) -> np.ndarray:
    few_enough(indices, self.shape)
    mask = None if accumulate or values.size != 1 else only_mask(self, indices)
    if mask is not None:
        made = kept(self)
        made[mask] = converted(values, self.dtype)
        return made
    wide = together(positions(indices, self.shape))
    if self.dtype != values.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {word(self)} "
            f"for the destination and {word(values)} for the source."
        )
    none_in_nothing(wide, self.shape)
    shape = result_shape(wide, self.shape)
    if not _fits(values.shape, shape):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(values.shape)} cannot be broadcast to indexing result of shape {list(shape)}"
        )
    inside(wide, self.shape)
    made = kept(self)
    if 0 in shape:
        return made
    if accumulate:
        add_at(made, key_of(wide), np.broadcast_to(values, shape))
    else:
        set_at(made, wide, np.broadcast_to(values, shape))
    return made


def only_mask(self: np.ndarray, indices: Indices) -> tuple[Any, ...] | None:
    """The key of one mask and no other index: PyTorch fills there, in any dtype. Raises RuntimeError for a mask of uint8."""
    given = [i for i in indices if i is not None]
    if any(i.dtype.name not in ("bool", "uint8") for i in given) or len(given) > 1:
        return None
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
    if not made.flags.c_contiguous or not any(i is not None for i in wide):
        made[key] = values
        return
    order = walk_order(
        values.shape, [_operand_steps(made, wide, values.shape)[0], values.strides, *_operand_steps(made, wide, values.shape)[1:]]
    )
    if order == list(range(values.ndim))[::-1]:
        made[key] = values
    else:
        made.reshape(-1)[flat_places(made.shape, key).transpose(order[::-1]).reshape(-1)] = values.transpose(order[::-1]).reshape(-1)


def add_at(made: np.ndarray, key: tuple[Any, ...], values: np.ndarray) -> None:
    """`made[key] += values` with repeated positions added up, in order. NumPy's `add.at` is quick on one flat index only."""
    if not made.flags.c_contiguous:
        np.add.at(made, key, values)
    elif all(isinstance(i, slice) for i in key):
        made += values
    else:
        np.add.at(made.reshape(-1), np.broadcast_to(flat_places(made.shape, key), values.shape).reshape(-1), values.reshape(-1))


def flat_places(shape: tuple[int, ...], key: tuple[Any, ...]) -> np.ndarray:
    """Flat positions in a row-major array of what `key` (index arrays and whole slices) names, in the result's shape."""
    steps = row_major(shape)
    at = [d for d, i in enumerate(key) if not isinstance(i, slice)]
    where: Any = sum(np.where(key[d] < 0, key[d] + shape[d], key[d]) * steps[d] for d in at)
    rest = [d for d in range(len(shape)) if d not in at]
    start = at[0] if at[-1] - at[0] == len(at) - 1 else 0
    rank = len(rest) + where.ndim
    where = where.reshape(where.shape + (1,) * (len(rest) - start))
    for k, d in enumerate(rest):
        side = [1] * rank
        side[k if k < start else k + rank - len(rest)] = shape[d]
        where = where + (np.arange(shape[d]) * steps[d]).reshape(side)
    return np.asarray(where)


op("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor",
   plain(index_kernel, function=False, method=False, jvp="linear"),
   self=lambda g, self_shape, indices: F.index_put(zeros(g, self_shape), indices, g, True))  # fmt: skip
op("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
   plain(index_put_kernel, inplace=True, jvp="multilinear"),
   self=lambda g, indices, accumulate: g if accumulate else F.index_put(g, indices, zeros(g, ()), False),
   values=lambda g, indices: F.index(g, indices))  # fmt: skip
op("_index_put_impl_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False, bool unsafe=False) -> Tensor(a!)",
   plain(index_put_kernel, method=False, node="IndexPutImplBackward0", jvp="multilinear"),
   self=lambda g, indices, accumulate: g if accumulate else F.index_put(g, indices, zeros(g, ()), False),
   values=lambda g, indices: F.index(g, indices))  # fmt: skip


# -- whole slices along a dimension ------------------------------------------------------------------------------------
def along(dim: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * dim + (index,)


def index_select_kernel(self: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    dim = in_range(dim, self.ndim)
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if self.ndim == 0 and index.size != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)")
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    wide, size = np.atleast_1d(self), self.shape[dim] if self.ndim else 1
    if size == 0 and index.size:
        raise RuntimeError("index_select(): self indexing axis dim should be positive")
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index[(index < 0) | (index >= size)].flat[0]
        if self.ndim > 1 and (dim == self.ndim - 1 or not self.size):
            raise RuntimeError(f"INDICES element is out of DATA bounds, id={bad} axis_dim={size}")
        raise IndexError("index out of range in self")
    made = np.take(wide, index.reshape(-1), dim)
    return np.ascontiguousarray(made) if self.ndim else made.reshape(())


def index_add_kernel(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray, alpha: Any) -> np.ndarray:
    dim = in_range(dim, self.ndim)
    check_slices(self, dim, index, source, "index_add_")
    if self.size and index.size and (index.min() < 0 or index.max() >= (self.shape[dim] if self.ndim else 1)):
        if self.ndim <= 1:
            raise IndexError("index out of range in self")
        within(index.reshape(-1), dim, self.shape[dim], RuntimeError)
    made = np.array(self, order="C", ndmin=1)
    parts = np.atleast_1d(source)
    if parts.size and (scale := converted(alpha, parts.dtype)) != 1:
        parts = parts * scale
    add_at(made, along(dim, index.reshape(-1)), parts)
    return made.reshape(self.shape)


def check_slices(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray, name: str) -> None:
    """Raises, in the name of an op that combines slices, what PyTorch raises, in its order."""
    if index.ndim > 1:
        raise IndexError(
            f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim} with type: {word(index)} and size: {list(index.shape)}"
        )
    if index.dtype.name not in ("int64", "int32"):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got: {word(index)}")
    if self.dtype != source.dtype:
        raise RuntimeError(f"{name}(): self ({word(self)}) and source ({word(source)}) must have the same scalar type")
    if dim != 0 and dim >= source.ndim:
        raise RuntimeError(f"{name}(): Indexing dim {dim} is out of bounds of the source tensor with dim {source.ndim}")
    count = source.shape[dim] if source.ndim else 1
    if index.size != count and not source.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if index.size != count:
        raise RuntimeError(f"{name}(): Number of indices ({index.size}) should be equal to source.size(dim): ({count}), for dim: {dim}")
    if self.ndim != source.ndim or any(n != m for d, (n, m) in enumerate(zip(self.shape, source.shape, strict=True)) if d != dim):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(self.shape)} source.shape = {list(source.shape)}"
        )


def index_copy_kernel(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray) -> np.ndarray:
    dim = in_range(dim, self.ndim)
    _check_index_copy(self, dim, index, source)
    made = np.array(self, order="C", ndmin=1)
    size = made.shape[dim]
    if not made.size:
        return made.reshape(self.shape)
    if index.size and (index.min() < 0 or index.max() >= size):
        bad = index[(index < 0) | (index >= size)].flat[0]
        raise IndexError(f"index_copy_(): index {bad} is out of bounds for dimension {dim} with size {size}")
    made[along(dim, index.reshape(-1))] = source
    return made.reshape(self.shape)


def _check_index_copy(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray) -> None:
    """Raises what PyTorch raises, in its order."""
    count = index.size
    if index.ndim >= 2:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    if source.ndim == 0 and count != 1:
        raise IndexError(f"index_copy_(): When source is scalar, index should have one element (got {count})")
    if source.ndim != self.ndim and source.ndim and self.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. "
            f"Source dimensionality ({source.ndim}), destination dimensionality ({self.ndim})"
        )
    if index.dtype != np.int64:
        raise RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {word(index)}")
    if self.dtype != source.dtype:
        raise RuntimeError(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) {word(self)} and (source) {word(source)}"
        )
    mine, theirs = (t.shape[:dim] + t.shape[dim + 1 :] for t in (self, source))
    if mine != theirs:
        raise RuntimeError(
            f"index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: {' '.join(map(str, mine))} "
            f"at dimension {dim} and source slice shape: {' '.join(map(str, theirs))} at dimension 0."
        )
    if source.ndim and count != source.shape[dim]:
        raise IndexError(f"index_copy_(): Number of indices ({count}) should be equal to source.size(dim) ({source.shape[dim]})")


def index_fill_kernel(self: np.ndarray, dim: int, index: np.ndarray, value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray) and value.ndim:
        raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
    if index.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    if self.dtype.kind != "c" and np.iscomplexobj(value):
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    dim = in_range(dim, self.ndim)
    made = kept(self)
    target = made.reshape(1) if not made.ndim else made
    within(index.reshape(-1), dim, target.shape[dim], IndexError, negative=True)
    target[along(dim, index.reshape(-1))] = converted(value, self.dtype)
    return made


def selected(g: Any, dim: int, index: Any, shape: tuple[int, ...]) -> Any:
    """The slices of `g` at `index`, in the shape of the source they came from."""
    return F.index_select(g, dim, index) if shape else F.index_select(g, dim, index.reshape((1,))).reshape(())


op("index_select(Tensor self, int dim, Tensor index) -> Tensor",
   plain(index_select_kernel, out="index_select(): self and result must have the same scalar type", jvp="linear"),
   self=lambda g, self_shape, dim, index: F.index_add(zeros(g, self_shape), dim, index, g))  # fmt: skip
op("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
   plain(index_add_kernel, inplace=True, out=True, jvp="multilinear"),
   self=lambda g: g,
   source=lambda g, dim, index, source, alpha: selected(g, dim, index, source.shape) * alpha)  # fmt: skip
op("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor",
   plain(index_copy_kernel, inplace=True, out=True, jvp="multilinear"),
   self=lambda g, dim, index: F.index_fill(g, dim, index, 0),
   source=lambda g, dim, index, source: selected(g, dim, index, source.shape))  # fmt: skip
op("index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
   plain(index_fill_kernel, inplace=True, jvp="multilinear"),
   self=lambda g, dim, index: F.index_fill(g, dim, index, 0))  # fmt: skip
op("index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor",
   plain(index_fill_kernel, inplace=True, jvp="multilinear"),
   self=lambda g, dim, index: F.index_fill(g, dim, index, 0),
   value=lambda g, dim, index: F.sum(F.index_select(g, dim, once(index))))  # fmt: skip


def once(index: Any) -> Any:
    """Every position of an index once."""
    if isinstance(index, np.ndarray):
        return np.unique(index)
    return wrap(np.unique(index._array), index._dtype)


# -- flat positions -----------------------------------------------------------------------------------------------------
def _flat(index: np.ndarray, count: int) -> np.ndarray:
    """Flat positions from the front. Raises IndexError where one is out of range."""
    bad = (index < -count) | (index >= count)
    if bad.any():
        raise IndexError(f"out of range: tried to access index {index[bad].flat[0]} on a tensor of {count} elements.")
    return np.where(index < 0, index + count, index)


def take_kernel(self: np.ndarray, index: np.ndarray) -> np.ndarray:
    if index.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {word(index)}")
    if self.size == 0 and index.size:
        raise IndexError("take(): tried to take from an empty tensor")
    return np.take(self.reshape(-1), _flat(np.ascontiguousarray(index).reshape(index.shape), self.size))


def put_kernel(self: np.ndarray, index: np.ndarray, source: np.ndarray, accumulate: bool) -> np.ndarray:
    if index.dtype != np.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {word(index)}")
    if self.dtype != source.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {word(self)} and source.dtype = {word(source)}"
        )
    if source.size != index.size:
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source.size}, index.numel() = {index.size}"
        )
    if self.size == 0 and index.size:
        raise IndexError("put_(): Tried to put elements into an empty tensor")
    made = np.ascontiguousarray(self).reshape(-1).copy()
    shaped = index.reshape(source.shape)
    order = walk_order(source.shape, [source.strides, shaped.strides])[::-1]  # of repeated positions the last one walked over stays
    where, parts = _flat(shaped.transpose(order).reshape(-1), self.size), source.transpose(order).reshape(-1)
    if accumulate:
        np.add.at(made, where, parts)
    else:
        made[where] = parts
    return laid_out(made.reshape(self.shape), dense_strides(self.shape, strides_of(self)))


OTHER_DTYPE = "take(): self and out expected to have the same dtype, but got self.dtype = {result} and out.dtype = {out}"
op("take(Tensor self, Tensor index) -> Tensor",
   plain(take_kernel, out=OTHER_DTYPE, jvp="linear"),
   self=lambda g, self, index: F.put(zeros(g, self.shape), index, g, True))  # fmt: skip
op("put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
   plain(put_kernel, inplace=True, jvp="multilinear"),
   self=lambda g, index, source_shape, accumulate: g if accumulate else F.put(g, index, zeros(g, source_shape), False),
   source=lambda g, index, source: F.take(g, index).reshape(source.shape))  # fmt: skip


# -- where it is not zero -------------------------------------------------------------------------------------------------
def nonzero_kernel(self: np.ndarray) -> np.ndarray:
    if not self.ndim:
        return np.zeros((int(self != 0), 0), np.int64)
    return np.stack(np.nonzero(self)).T


op(
    "nonzero(Tensor self) -> Tensor",
    plain(nonzero_kernel, out="nonzero: Expected out tensor to have scalar type Long but got scalar type{out}"),
)


@method
def nonzero(input: Tensor, *args: Any, as_tuple: bool = False, **kwargs: Any) -> Any:
    """Positions of what is not zero: one row each, or with `as_tuple` one tensor per dimension."""
    if not as_tuple:
        return _rows(input, *args, **kwargs)
    return F.unbind(_rows(input if input.ndim else F.unsqueeze(input, 0), *args, **kwargs), 1)


_rows = FUNCTIONS["nonzero"]
FUNCTIONS["nonzero"] = nonzero

op("argwhere(Tensor self) -> Tensor", plain(nonzero_kernel))
