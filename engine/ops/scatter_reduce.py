"""Scattered elements and slices combined by sum, product, mean, largest or smallest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import OF_NUMPY
from ..geometry import in_range
from ..node import Error
from ..once import warn_once
from ..op import F, Op, op, plain
from ..out import fit, matching
from ..overlap import check_apart
from ..tensor import Tensor
from .index import along, within, word, zeros
from .scatter import Shape, check_scatter, places, whole_source
from .slices import check_slices, first_slice, into_nothing, row_by_row

BETA = "index_reduce() is in beta and the API may change at any time."
TWICE = "{op}(): Double backward is unsupported for {src} when >1 zeros in {src} are scattered to the same position in self"
COMBINE = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def identity(reduce: str, dtype: np.dtype) -> Any:
    """What an element starts from when its own value is not included."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod" or dtype == np.bool_:
        return reduce in ("prod", "amin")
    if dtype.kind in "iu":
        return np.iinfo(dtype).min if reduce == "amax" else np.iinfo(dtype).max
    return -np.inf if reduce == "amax" else np.inf


def combined(made: np.ndarray, key: Any, parts: np.ndarray, reduce: str, include_self: bool, of: np.dtype | None = None) -> np.ndarray:
    """`made[key]` combined with `parts` in order; untouched elements stay. Means of integers round down, those in `of` 16 bits twice."""
    if not include_self:
        made[key] = identity(reduce, made.dtype)
    COMBINE[reduce].at(made, key, parts)
    if reduce == "mean":
        count = np.full(made.shape, int(include_self))
        np.add.at(count, key, 1)
        count[count == 0] = 1
        total, count = (x.astype(of or made.dtype).astype(made.dtype) for x in (made, count))
        made[...] = total // count if made.dtype.kind in "iu" else total / count
    return made


def _reduced(self: np.ndarray, key: np.ndarray, parts: np.ndarray, reduce: str, include_self: bool) -> np.ndarray:
    """`combined` on a copy; 16-bit floats in float32, rounded once. Of extremes that are zeros the first is kept, with its sign."""
    wide = OF_NUMPY[self.dtype].wide
    parts = parts.astype(wide, copy=False)
    made = combined(np.array(self, wide, order="C"), key, parts, reduce, include_self, self.dtype).astype(self.dtype, copy=False)
    if reduce in ("amax", "amin") and wide.kind == "f":
        zeros_met = (parts == 0) & (made[key] == 0)
        made[key[zeros_met][::-1]] = parts[zeros_met][::-1]
        if include_self:
            np.copyto(made, self, where=(self == 0) & (made == 0))
    return made


def scatter_reduce_kernel(self: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray, reduce: str, include_self: bool) -> np.ndarray:
    dim = in_range(dim, self.ndim)
    check_scatter(self, dim, index, src)
    if reduce not in COMBINE:
        raise RuntimeError("reduce argument must be either sum, prod, mean, amax or amin, got " + reduce)
    if not index.size:
        if reduce == "mean" and self.dtype.kind == "b":  # with nothing to scatter PyTorch comes as far as to divide by the counts
            raise NotImplementedError("\"div_floor_cpu\" not implemented for 'Bool'")
        return np.array(self, order="C")
    if include_self:
        _refuse_elements(self, reduce)
    at = np.atleast_1d(index)
    where = places(at, dim, np.atleast_1d(self).shape).reshape(-1)
    _refuse_elements(self, reduce)
    parts = np.atleast_1d(src)[tuple(map(slice, at.shape))].reshape(-1)
    return _reduced(self.reshape(-1), where, parts, reduce, include_self).reshape(self.shape)


def _refuse_elements(self: np.ndarray, reduce: str) -> None:
    """Raises NotImplementedError where PyTorch has no kernel: bool means, complex extremes."""
    if (reduce == "mean" and self.dtype.kind == "b") or (reduce in ("amax", "amin") and self.dtype.kind == "c"):
        raise NotImplementedError(f"\"scatter_gather_tensor_cpu_reduce_{reduce}\" not implemented for '{word(self)}'")


def check_index_reduce(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray, reduce: str) -> int:
    """`dim` counted from the front. Raises what PyTorch raises before it says that the op is in beta."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    dim = in_range(dim, self.ndim)
    check_slices(self, dim, index, source, "index_reduce_")
    return dim


def index_reduced_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The result for a target that is looked at, and resized, before PyTorch says that the op is in beta."""
    self, dim, index, source, reduce, _ = values
    check_index_reduce(self._array, dim, index._array, source._array, reduce)
    matching(self._dtype, outs[0]._dtype)
    fit(outs[0], np.empty(self._array.shape, self._array.dtype))
    return op.compute(values)[1]


def reduces_apart(self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, include_self: bool) -> None:
    """What the in-place form asks before it warns. Raises RuntimeError where the target shares memory."""
    check_index_reduce(self._array, dim, index._array, source._array, reduce)
    check_apart(self, (index, source))


def index_reduce_kernel(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray, reduce: str, include_self: bool) -> np.ndarray:
    made = row_by_row(self)
    reduce_into(made, dim, index, source, reduce, include_self)
    return made


def reduce_into(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray, reduce: str, include_self: bool) -> None:
    """Combine slices with those named. Raises IndexError, NotImplementedError or RuntimeError before anything is written."""
    dim = check_index_reduce(self, dim, index, source, reduce)
    warn_once(BETA)
    if not include_self and self.dtype.kind in "bc":
        raise NotImplementedError(f"\"index_reduce_func_exclude_input_init\" not implemented for '{word(self)}'")
    if self.ndim > 1 and index.size and include_self:
        first_slice(self, dim)
    size = self.shape[dim] if self.ndim else 1
    if not include_self and (self.size or into_nothing(self, dim, index.size)):
        within(index.reshape(-1), dim, size, IndexError, negative=True)
    if self.ndim <= 1:
        _refuse_slices(self, reduce)
    if index.size and (index.min() < 0 or index.max() >= size):
        raise IndexError("index out of range in self")
    if index.size:
        _refuse_slices(self, reduce)
    made = np.array(self, order="C", ndmin=1)
    self[...] = combined(made, along(dim, index.reshape(-1)), np.atleast_1d(source), reduce, include_self).reshape(self.shape)


def _refuse_slices(self: np.ndarray, reduce: str) -> None:
    """Raises NotImplementedError where PyTorch has no kernel: bool means, complex extremes."""
    if self.ndim <= 1 and self.dtype.kind in "bc":
        raise NotImplementedError(f"\"index_func_\" not implemented for '{word(self)}'")
    mean = reduce == "mean" and self.dtype.kind == "b"
    if not mean and not (reduce in ("amax", "amin") and self.dtype.kind == "c"):
        return
    kernel = "div_floor_cpu" if mean else "maximum_cpu" if reduce == "amax" else "minimum_cpu"
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{word(self)}'")


# -- derivatives: the same for elements and for slices, but for how a value is spread and read --------------------------------
class Elements:
    """Elements of one dimension: `read` gathers, `add` scatters. `twice` is why a product with several zeros has no second gradient.

    `whole` reads what is a gradient as it stands, of the source's `shape`. What is put together with the source is broadcast to it, also
    where the index is smaller and that is no derivative: PyTorch documents one for a source of the index's shape alone.
    """

    twice = TWICE.format(op="scatter_reduce", src="src")

    def __init__(self, dim: int, index: Any, name: str) -> None:
        self.dim, self.index, self.name = dim, index, name

    def read(self, x: Any, shape: Shape) -> Any:
        return F.gather(x, self.dim, self.index)

    def whole(self, x: Any, shape: Shape) -> Any:
        return whole_source(x, self.dim, self.index, shape, self.name)

    def add(self, into: Any, parts: Any) -> Any:
        return F.scatter_add(into, self.dim, self.index, parts)

    def reduce(self, into: Any, parts: Any, reduce: str, include_self: bool) -> Any:
        return F.scatter_reduce(into, self.dim, self.index, parts, reduce, include_self=include_self)

    def clear(self, x: Any) -> Any:
        return F.scatter(x, self.dim, self.index, 0)


class Slices(Elements):
    """Whole slices of one dimension: `read` selects, `add` adds at an index."""

    twice = TWICE.format(op="index_reduce", src="source")

    def read(self, x: Any, shape: Shape) -> Any:
        part = F.index_select(x, self.dim, self.index)
        return part if part.ndim == len(shape) else part.reshape(tuple(shape))

    whole = read

    def add(self, into: Any, parts: Any) -> Any:
        return F.index_add(into, self.dim, self.index, parts)

    def reduce(self, into: Any, parts: Any, reduce: str, include_self: bool) -> Any:
        return F.index_reduce(into, self.dim, self.index, parts, reduce, include_self=include_self)

    def clear(self, x: Any) -> Any:
        return F.index_fill(x, self.dim, self.index, 0)


def as_number(flags: Any, like: Any) -> Any:
    """Truth as 0 and 1 in the dtype of `like`."""
    return F.to(flags, like.dtype) if isinstance(flags, Tensor) else np.asarray(flags, like.dtype)


def reduced_gradients(
    at: Elements, g: Any, self: Any, src: Any, result: Any, reduce: str, include_self: bool, needs: set[str]
) -> tuple[Any, Any]:
    """Gradients of what was there and of what was combined with it."""
    if needs == {"self"} and reduce == "sum":  # a source of any shape is fine where nobody asks for its gradient
        return (g if include_self else at.clear(g)), None
    if reduce == "sum":
        mine, theirs = g, at.whole(g, src.shape)
    elif reduce == "prod":
        mine, theirs = _of_product(at, g, self, src, result, include_self)
    elif reduce == "mean":
        count = at.add(_ones(g, include_self), _ones(at.read(g, src.shape), True))
        count = F.masked_fill(count, count == 0, 1)
        mine, theirs = g / count, at.whole(g, src.shape) / at.read(count, src.shape)
    else:
        mine, theirs = _of_extreme(at, g, self, src, result)
    return mine if include_self else at.clear(mine), theirs


def _ones(like: Any, one: bool) -> Any:
    made = zeros(like, like.shape)
    return made + 1 if one else made


def _of_extreme(at: Elements, g: Any, self: Any, src: Any, result: Any) -> tuple[Any, Any]:
    """Ties share evenly: PyTorch's convention."""
    mine = as_number(F.eq(self, result), g)  # as ops, not operators: they lay their results out as PyTorch does
    theirs = as_number(F.eq(src, at.read(result, src.shape)), g)
    shares = g / at.add(mine, theirs)
    return F.mul(mine, shares), F.mul(theirs, at.read(shares, src.shape))


def _of_product(at: Elements, g: Any, self: Any, src: Any, result: Any, include_self: bool) -> tuple[Any, Any]:
    """A zero among the factors is replaced by one, where it is the only one, before the others are multiplied."""
    masked = F.masked_fill(self, self == 0, 1)
    mine = g * at.reduce(masked, src, "prod", include_self) / masked
    is_zero = src == 0
    count = at.read(at.add(zeros(self, self.shape), as_number(is_zero, self)), src.shape)  # of no gradient, which may be a batch
    single = F.bitwise_and(is_zero, count == 1)
    others = at.reduce(self, F.masked_fill(src, single, 1), "prod", include_self)
    divisor = F.masked_fill(src, is_zero, 1)  # in the order in which PyTorch records them: second gradients add up in that order
    quotient = at.read(g * result, src.shape) / divisor
    theirs = F.where(single, at.read(g * others, src.shape), quotient)
    return mine, once(theirs, at.twice) if isinstance(theirs, Tensor) and bool((count > 1).any()) else theirs


def once(g: Tensor, text: str) -> Tensor:
    """The same gradient, which may not be differentiated where it would be."""
    if not g.requires_grad:
        return g
    made = g.detach()
    made._node = Error(text, [g])
    return made


def reduced_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """PyTorch has none for products, and says nothing; of extremes each of those that are equal contributes alike."""
    self, dim, index, src, reduce, include_self = values
    if reduce == "prod":
        return None
    mine, theirs = (zeros(t, t.shape) if tangent is None else tangent for t, tangent in zip((self, src), tangents, strict=True))
    if reduce in ("sum", "mean"):
        return F.scatter_reduce(mine, dim, index, theirs, reduce, include_self=include_self)
    here, there = self == outs[0], src == F.gather(outs[0], dim, index)
    count = F.scatter_reduce(as_number(here, mine), dim, index, as_number(there, theirs), "sum", include_self=include_self)
    total = F.scatter_reduce(
        F.where(here, mine, zeros(mine, ())), dim, index, F.where(there, theirs, zeros(theirs, ())), "sum", include_self=include_self
    )
    return total / count


op("scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
   plain(scatter_reduce_kernel, inplace=True, inplace_function=False, apart=True, out=True, complex_gradient=False, jvp=reduced_tangent),
   {"self, src": lambda g, self, dim, index, src, reduce, include_self, result, needs:
        reduced_gradients(Elements(dim, index, "ScatterReduceBackward0"), g, self, src, result, reduce, include_self, needs)})  # fmt: skip
op("index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor",
   plain(index_reduce_kernel, inplace=reduces_apart, inplace_function=False, into=reduce_into, apart=True, out=index_reduced_into,
         complex_gradient=False, jvp=None),
   {"self, source": lambda g, self, dim, index, source, reduce, include_self, result, needs:
        reduced_gradients(Slices(dim, index, "IndexReduceBackward0"), g, self, source, result, reduce, include_self, needs)})  # fmt: skip
