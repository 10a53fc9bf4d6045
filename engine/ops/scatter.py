"""Element by element along one dimension: gather, scatter and the reductions of scattered elements."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from ..batch_refusals import refuse_no_samples_of
from ..dtypes import OF_NUMPY
from ..geometry import in_range
from ..number import converted
from ..once import warn_once
from ..op import F, composite, op, plain
from ..rows import add_along, add_rows, adds_along
from ..strided import row_major
from ..tensor import Tensor
from .index import within, zeros

Shape = tuple[int, ...]
PIECE = 2**15  # elements gathered at once
DEPRECATED_REDUCE = (
    "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed in a future PyTorch release. "
    "Use torch.scatter_reduce instead for more reduction options."
)


def _check_index_dtype(what: str, index: np.ndarray) -> None:
    if index.size and index.dtype.name not in ("int64", "int32"):
        raise RuntimeError(f"{what}(): Expected dtype int32/int64 for index")


def places(index: np.ndarray, dim: int, shape: Shape) -> np.ndarray:
    """Flat positions, in a row-major array of `shape`, of the elements `index` names along `dim`.

    Raises RuntimeError where one is out of bounds.
    """
    within(index, dim, shape[dim], RuntimeError)
    return placed(index, offsets(index.shape, dim, row_major(shape)), row_major(shape)[dim])


def offsets(sides: Shape, dim: int, steps: Shape) -> np.ndarray:
    """What to add to positions along `dim` for the other dimensions; it broadcasts to `sides`."""
    found: Any = np.zeros((1,) * len(sides), np.int64)
    for d, n in enumerate(sides):
        if d != dim and n > 1:
            found = found + (np.arange(n) * steps[d]).reshape((n,) + (1,) * (len(sides) - d - 1))
    return np.asarray(found)


def placed(index: np.ndarray, offset: np.ndarray, step: int, out: np.ndarray | None = None) -> np.ndarray:
    """Flat positions of those along one dimension, whose elements are `step` apart."""
    where = index if step == 1 else np.multiply(index, step, dtype=np.int64, out=out)
    if offset.size == 1 and out is None:
        return where.astype(np.int64, copy=False)
    return np.add(where, offset, out=out, dtype=np.int64)


def in_blocks(index: np.ndarray, dim: int, shape: Shape) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Blocks of an index: which part of it, which part of a flat array of `shape` they are in, and the flat positions in that.

    Positions stay in the cache, in memory that the next block takes. Raises RuntimeError where one is out of bounds.
    """
    within(index, dim, shape[dim], RuntimeError)  # at once: quicker than block by block
    size, steps = math.prod(shape), row_major(shape)
    rows = len(index) if dim == 0 else max(1, PIECE * len(index) // index.size)
    sides = (rows, *index.shape[1:])
    offset, buffer = offsets(sides, dim, steps), None
    if len(index) > rows:
        offset, buffer = np.array(np.broadcast_to(offset, sides)), np.empty(sides, np.int64)  # whole rows add faster than a number each
    for start in range(0, len(index), rows):
        part = index[start : start + rows]
        count = len(part)
        where = placed(part, offset[:count] if len(offset) > 1 else offset, steps[dim], None if buffer is None else buffer[:count])
        first = 0 if dim == 0 else start * steps[0]
        yield slice(start, start + count), slice(first, size if dim == 0 else first + count * steps[0]), where


def gather_kernel(self: np.ndarray, dim: int, index: np.ndarray, sparse_grad: bool) -> np.ndarray:
    dim = in_range(dim, self.ndim)
    _check_index_dtype("gather", index)
    if not index.size:
        return np.empty(index.shape, self.dtype)
    source, at = np.atleast_1d(self), np.atleast_1d(index)
    if source.ndim != at.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d in range(source.ndim):
        if d != dim and at.shape[d] > source.shape[d]:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} "
                f"to be no larger than self {list(self.shape)} apart from dimension {dim}"
            )
    return taken(np.ascontiguousarray(source), dim, at).reshape(index.shape)


def taken(source: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    """The elements `index` names. Raises RuntimeError where one is out of bounds."""
    flat, made = source.reshape(-1), np.empty(index.shape, source.dtype)
    for part, near, where in in_blocks(index, dim, source.shape):
        flat[near].take(where, out=made[part], mode="wrap")
    return made


def check_scatter(self: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray | None) -> None:
    """Raises what PyTorch raises, in its order."""
    _check_index_dtype("scatter", index)
    if src is not None and src.dtype != self.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    if not index.size:
        return
    mine, at = np.atleast_1d(self), np.atleast_1d(index)
    if mine.ndim != at.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    fits = all(d == dim or at.shape[d] <= mine.shape[d] for d in range(at.ndim))
    if src is None:
        if not fits:
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than self {list(self.shape)} apart from dimension {dim}"
            )
        return
    if fits:
        fits = all(at.shape[d] <= (src.shape[in_range(d, src.ndim)] if src.ndim else 1) for d in range(at.ndim))
    if max(src.ndim, 1) != at.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    if not fits:
        raise RuntimeError(
            f"Expected index {list(index.shape)} to be no larger than self {list(self.shape)} apart from dimension {dim} "
            f"and to be no larger size than src {list(src.shape)}"
        )


def _scattered(self: np.ndarray, dim: int, index: np.ndarray, src: Any, write: Callable[..., None]) -> np.ndarray:
    """A row-major copy of `self` after `write(flat, where, parts)`; `src` is an array no smaller than `index`, or a number."""
    dim = in_range(dim, self.ndim)
    check_scatter(self, dim, index, src if isinstance(src, np.ndarray) else None)
    return _written(np.array(self, order="C"), dim, index, src, write)


def _written(made: np.ndarray, dim: int, index: np.ndarray, src: Any, write: Callable[..., None]) -> np.ndarray:
    """`made`, which is row-major, after the write."""
    if not index.size:
        return made
    at, flat = np.atleast_1d(index), made.reshape(-1)
    if isinstance(src, np.ndarray):
        parts = np.atleast_1d(src)[tuple(map(slice, at.shape))]
    else:
        parts = np.broadcast_to(converted(src, made.dtype), at.shape)
    sides = made.shape or (1,)
    if write is _add and dim == at.ndim - 1 and at.shape[:-1] == sides[:-1] and adds_along(made.dtype):
        within(at, dim, sides[dim], RuntimeError)
        add_along(made.reshape(-1, sides[-1]), at.reshape(-1, at.shape[-1]), parts.reshape(-1, at.shape[-1]))
        return made
    for part, near, where in in_blocks(at, dim, sides):
        write(flat[near], where.reshape(-1), parts[part].reshape(-1))
    return made


def _set(flat: np.ndarray, where: np.ndarray, parts: np.ndarray) -> None:
    flat[where] = parts


def _add(flat: np.ndarray, where: np.ndarray, parts: np.ndarray) -> None:
    add_rows(flat.reshape(-1, 1), where, parts.reshape(-1, 1))


def scatter_kernel(self: np.ndarray, dim: int, index: np.ndarray, src: Any) -> np.ndarray:
    return _scattered(self, dim, index, src, _set)


def scatter_add_kernel(self: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    return _wide(scatter_sum_kernel, self, dim, index, src)


def scatter_sum_kernel(self: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray) -> np.ndarray:
    return _scattered(self, dim, index, src, _add)


def _wide(kernel: Callable[..., np.ndarray], self: np.ndarray, dim: int, index: np.ndarray, src: np.ndarray, *more: Any) -> np.ndarray:
    """Accumulate 16-bit floats in float32 and round once."""
    if OF_NUMPY[self.dtype].low and isinstance(src, np.ndarray) and src.dtype == self.dtype:
        return kernel(self.astype(np.float32), dim, index, src.astype(np.float32), *more).astype(self.dtype)
    return kernel(self, dim, index, src, *more)


def scatter_reduced_kernel(self: np.ndarray, dim: int, index: np.ndarray, src: Any, reduce: str) -> np.ndarray:
    if isinstance(src, np.ndarray):
        warn_once(DEPRECATED_REDUCE)
    check_scatter(self, in_range(dim, self.ndim), index, src if isinstance(src, np.ndarray) else None)
    if reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    combine = partial(_scattered, write=_add if reduce == "add" else np.multiply.at)
    if isinstance(src, np.ndarray) or not OF_NUMPY[self.dtype].low or not index.size:
        return _wide(combine, self, dim, index, src)
    return combine(self.astype(np.float32), dim, index, float(converted(src, self.dtype))).astype(self.dtype)


def whole_source(g: Any, dim: int, index: Any, shape: Shape, name: str) -> Any:
    """The scattered source's gradient. PyTorch has one only where the source has the index's shape."""
    part = F.gather(g, dim, index)
    if len(shape) <= part.ndim and all(n in (1, m) for n, m in zip(shape[::-1], tuple(part.shape)[::-1], strict=False)):
        return part
    raise RuntimeError(
        f"Function {name} returned an invalid gradient at index 1 - got {list(part.shape)} but expected shape compatible with {list(shape)}"
    )


def gathered_from(g: Any, shape: Shape, dim: int, index: Any) -> Any:
    """The gradient of what was gathered: each element is added to the zero it came from."""
    if isinstance(g, np.ndarray) and index.ndim == len(shape):
        return _written(np.zeros(shape, g.dtype), dim % max(len(shape), 1), index, g, _add)
    return F.scatter_add(zeros(g, shape), dim, index, g)


def underived(g: Any) -> Any:
    """The rule of a call PyTorch has no formula for: its node refuses before a rule runs."""


op("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
   plain(gather_kernel, out=True, apart=True, writes=(1,), jvp="linear"),
   self=lambda g, self, dim, index, sparse_grad: gathered_from(g, self.shape, dim, index))  # fmt: skip
op("scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
   plain(scatter_kernel, inplace=True, inplace_function=False, apart=True, out=True, jvp="linear"),
   self=lambda g, dim, index: F.scatter(g, dim, index, 0),
   src=lambda g, dim, index, src_shape: whole_source(g, dim, index, src_shape, "ScatterBackward0"))  # fmt: skip
op("scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
   plain(scatter_kernel, inplace=True, inplace_function=False, apart=True, out=True,
         jvp=lambda values, tangents, outs: F.scatter(tangents[0], values[1], values[2], 0)),
   self=lambda g, dim, index: F.scatter(g, dim, index, 0))  # fmt: skip
op("scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
   plain(scatter_reduced_kernel, inplace=True, inplace_function=False, apart=True, out=True, jvp=None, underived=True),
   self=underived, src=underived)  # fmt: skip
op("scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
   plain(scatter_reduced_kernel, inplace=True, inplace_function=False, apart=True, out=True, jvp=None, underived=True),
   self=underived)  # fmt: skip
op("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
   plain(scatter_add_kernel, inplace=True, inplace_function=False, apart=True, out=True, jvp="linear"),
   self=lambda g: g,
   src=lambda g, dim, index, src_shape: whole_source(g, dim, index, src_shape, "ScatterAddBackward0"))  # fmt: skip


def gathered_by(self: Tensor, indices: Tensor, dim: int | None) -> tuple[Tensor, ...]:
    """What `gather` reads of the arguments: indices along one dimension are counted from its start first, in memory of their own."""
    return (self, indices) if dim is None else (self,)


@composite("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", out="gather", apart=gathered_by)
def take_along_dim(self, indices, dim):
    if dim is None:
        return F.gather(flattened(self), 0, flattened(indices))
    if self.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {self.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    if indices._dtype.name != "int64":
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {indices._dtype.scalar_name}")
    dim = in_range(dim, self.ndim)
    if not self.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    sides = _joint(self._array.shape, indices._array.shape, dim)
    mine, theirs = list(sides), list(sides)
    mine[dim], theirs[dim] = self._array.shape[dim], indices._array.shape[dim]
    return F.gather(F.expand(self, tuple(mine)), dim, F.remainder(F.expand(indices, tuple(theirs)), mine[dim]))


def flattened(t: Tensor) -> Tensor:
    """A view in one dimension. Raises RuntimeError where there is none, and for a sample of no samples."""
    flat: Tensor = F.view(t, (-1,))
    refuse_no_samples_of(t, [-1])
    return flat


def _joint(mine: Shape, theirs: Shape, dim: int) -> Shape:
    """Both shapes broadcast, but for `dim`. Raises RuntimeError where they do not."""
    for d, (n, m) in reversed(list(enumerate(zip(mine, theirs, strict=True)))):
        if d != dim and n != m and 1 not in (n, m):
            raise RuntimeError(f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {d}")
    return tuple(m if n == 1 else n for n, m in zip(mine, theirs, strict=True))
