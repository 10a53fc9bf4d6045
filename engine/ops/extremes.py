"""The largest and smallest elements, and where they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..batching import innermost
from ..dtypes import OF_NUMPY
from ..geometry import in_range
from ..memory import empty
from ..op import F, Family, Op, composite, op, reduction
from ..out import fit, matching
from ..overlap import check_no_partial_overlap
from ..pieces import PIECE, alike_in_rows, in_pieces
from ..rows import sums_along
from ..tangents import plus
from ..tensor import Tensor
from .reduce import MANY, agreeing, axes, compact, counting, counts, folded, kept, left, nonempty, raised, refuse

NEEDS_DIM = "{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."


def orderly(self: np.ndarray) -> np.ndarray:
    """16-bit floats as float32, which NumPy compares faster and, for bfloat16, at all."""
    return self.astype(OF_NUMPY[self.dtype].wide, copy=False)


def unreduced(name: str, self: np.ndarray, dim: Any) -> tuple[int, ...]:
    """The dimensions to reduce. Raises where there is nothing to take an extreme of."""
    if not self.size:
        if dim is None or dim == () or dim == []:
            raise RuntimeError(NEEDS_DIM.format(name=name))
        for one in (dim,) if isinstance(dim, int) else dim:  # one after the other, before they are looked at together
            in_range(one, self.ndim)
            nonempty(f"{name}():", self, (one,))
    return axes(dim, self.ndim)


def rezeroed(best: np.ndarray, self: np.ndarray, dims: tuple[int, ...], last: bool) -> np.ndarray:
    """`best` with the sign of the first (or last) zero among those reduced: 0 and -0 are equal, so which one stays is a convention."""
    if self.dtype.kind == "b" or OF_NUMPY[self.dtype].category != 2 or not dims or (best != 0).all():
        return best
    flat = np.moveaxis(self, dims, range(self.ndim - len(dims), self.ndim)).reshape(*left(self.shape, dims, False), -1)
    at = flat.shape[-1] - 1 - np.argmax(flat[..., ::-1] == 0, -1) if last else np.argmax(flat == 0, -1)
    found = np.take_along_axis(flat, np.expand_dims(at, -1), -1)[..., 0].reshape(best.shape)
    return np.where(best == 0, found, best)


def selected(g: Any, dim: int, indices: Any, shape: tuple[int, ...], keepdim: bool) -> Any:
    """Zeros of `shape` with `g` at `indices` along `dim`."""
    g, indices = raised(g, dim, keepdim, shape), raised(indices, dim, keepdim, shape)
    return F.scatter(F.new_zeros(g, tuple(shape)), dim, indices, g)


def shared_evenly(g: Any, self: Any, result: Any, self_dtype: Any) -> Any:
    """`g` in equal parts to every element that equals `result`, NaN too: PyTorch's convention for a full reduction."""
    if innermost([g, self, result]) is not None:  # of each sample another result, or cotangent: laid out as PyTorch does
        mask = (self == result).logical_or_(F.logical_and(self != self, result != result))
        return F.mul(mask, g / F.sum(mask))
    mask = (self == result) if bool(result == result) else (self != self)
    return F.masked_fill(F.new_zeros(self, tuple(self.shape)), mask, g / F.sum(mask, dtype=counting(self_dtype)))


def even_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """The mean of the tangents of all elements that equal the result; of NaN there are none."""
    mask = values[0] == outs[0]
    return F.sum(mask * (tangents[0] / F.sum(mask)))


def scaled_by_count(g: Any, mask: Any, dim: Any, self_dtype: Any) -> Any:
    """`g` where `mask` holds, divided by how often it does along `dim`; NaN where it never does."""
    if isinstance(mask, np.ndarray) and g.dtype.kind == "f" and g.itemsize > 2 and alike_in_rows(mask):
        made, dims = empty(mask.shape, g.dtype), axes(dim, mask.ndim)
        if mask.ndim > 1 and dims == (mask.ndim - 1,):
            return in_pieces(row_shares, [g, mask], made, piece=2 * PIECE)
        share = g / np.add.reduce(mask, dims, g.dtype, keepdims=True)
        return in_pieces(share_piece, [np.broadcast_to(share, mask.shape), mask], made, piece=2 * PIECE)
    return F.mul(F.div(g, counts(mask, dim, self_dtype)), mask)  # not `*`: this lays out as PyTorch does


def share_piece(share: np.ndarray, mask: np.ndarray, out: np.ndarray) -> None:
    np.copyto(out, mask)
    np.multiply(share, out, out)


def row_shares(g: np.ndarray, mask: np.ndarray, out: np.ndarray) -> None:
    np.copyto(out, mask)
    np.multiply(g / sums_along(out, out.ndim - 1), out, out)


# -- amax, amin ------------------------------------------------------------------------------------------------------------
def extreme_kernel(name: str, ufunc: np.ufunc) -> Callable[..., np.ndarray]:
    """The kernel of amax or amin."""

    def kernel(self: np.ndarray, dim: Any, keepdim: bool) -> np.ndarray:
        dims = unreduced(name, self, dim)
        if self.dtype.kind == "c" and 0 not in left(self.shape, dims, False):
            raise refuse(f"{name[1:]}_values_cpu", self)
        best = folded(ufunc.reduce, orderly(self), dims, keepdim).astype(self.dtype, copy=False)
        return rezeroed(best, self, dims, False)

    return kernel


def extreme_in_rows(kernel: Callable[..., np.ndarray], ufunc: np.ufunc) -> Callable[..., Any]:
    """What `kernel` does with a few numbers, unless the extreme of some is zero or NaN, whose signs are looked at."""

    def in_rows(self: np.ndarray, dim: Any = None, keepdim: bool = False) -> Callable[..., Any] | None:
        own, dims, reduce = self.dtype, axes(dim, self.ndim), ufunc.reduce
        shape = left(self.shape, dims, keepdim)
        others = () if dim is None else (dim, keepdim)
        if own.char not in "fd" or not 0 < self.size < MANY:
            return None
        if not shape:
            place, asarray = ndarray.argmax if ufunc is np.maximum else ndarray.argmin, np.asarray

            def way(self: np.ndarray) -> np.ndarray:
                flat = self.ravel()
                best = flat[place(flat)]  # of which NumPy finds the place in a sixth of the time
                return asarray(best) if best and best == best else kernel(self, *others)

            return way
        if len(dims) != 1 or 1 in shape:
            return None
        (d,) = dims
        return lambda self: best if np.logical_and.reduce(best := reduce(self, d), None) else kernel(self, *others)

    return in_rows


def extreme(kernel: Callable[..., np.ndarray], ufunc: np.ufunc, **words: Any) -> Family:
    return reduction(kernel, in_rows=extreme_in_rows(kernel, ufunc), **words)


def restored(x: Any, dim: Any, keepdim: bool, shape: tuple[int, ...]) -> Any:
    """`x` with the reduced dimensions of `shape` put back as 1 all at once: PyTorch views it so for these ops."""
    if keepdim or (not shape and isinstance(x, np.ndarray)):
        return x
    return x.reshape(kept(shape, axes(dim, len(shape))) if shape else (1,) * (isinstance(dim, int) or len(dim or ())))


def amax_rule(g: Any, self: Any, self_dtype: Any, dim: Any, keepdim: bool, result: Any) -> Any:
    g, result = restored(g, dim, keepdim, self.shape), restored(result, dim, keepdim, self.shape)
    return scaled_by_count(g, F.eq(result, self), dim, self_dtype)


AGREES = agreeing("Expected the dtype for input and out to match, but got {self} for input's dtype and {out} for out's dtype.")
op("amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
   extreme(extreme_kernel("amax", np.maximum), np.maximum, out=AGREES, complex_gradient=False), self=amax_rule)  # fmt: skip
op("amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor",
   extreme(extreme_kernel("amin", np.minimum), np.minimum, out=AGREES, complex_gradient=False), self=amax_rule)  # fmt: skip


# -- max, min: of everything, along a dimension, of two ------------------------------------------------------------------------
def along(name: str, argument: Callable[..., Any]) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """The kernel of max.dim or min.dim: the first NaN wins, then the first of equals."""

    def kernel(self: np.ndarray, dim: int, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
        dims = axes(dim, self.ndim)
        nonempty(f"{name}():", self, dims)
        if self.dtype.kind == "c":
            raise RuntimeError(f"{name}(): does not support complex input")
        if not self.ndim:
            return self.copy(), np.zeros((), np.int64)
        return picked(self, argument(orderly(self), dims[0]), dims, keepdim)

    return kernel


def picked(self: np.ndarray, indices: np.ndarray, dims: tuple[int, ...], keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    """The elements of `self` at `indices` along its one reduced dimension, and the indices, both row-major."""
    shape = left(self.shape, dims, keepdim)
    values = np.take_along_axis(self, np.expand_dims(indices, dims[0]), dims[0])
    return compact(values, shape), compact(np.asarray(indices, np.int64), shape)


def whole(name: str, ufunc: np.ufunc) -> Callable[..., np.ndarray]:
    """The kernel of max or min of all elements."""

    def kernel(self: np.ndarray) -> np.ndarray:
        dims = unreduced(name, self, None)
        if self.dtype.kind == "c":
            raise refuse(f"{name}_all", self)
        return rezeroed(folded(ufunc.reduce, orderly(self), dims, False).astype(self.dtype, copy=False), self, dims, True)

    return kernel


def whole_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    if values[0]._dtype.category > outs[0]._dtype.category:
        raise RuntimeError(
            "Expected canCast( typeMetaToScalarType(self.dtype()), typeMetaToScalarType(out.dtype())) to be true, but got false.  "
            "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
        )
    return op.compute(values)[1]


def dim_rule(g_values: Any, self_shape: Any, dim: int, keepdim: bool, indices: Any) -> Any:
    return selected(g_values, dim, indices, self_shape, keepdim)


def even_rule(g: Any, self: Any, self_dtype: Any, result: Any) -> Any:
    return shared_evenly(g, self, result, self_dtype)


op("max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
   reduction(along("max", np.argmax), out="matching", apart="partly", writes=(2,)), self=dim_rule)  # fmt: skip
op("max(Tensor self) -> Tensor",
   extreme(whole("max", np.maximum), np.maximum, out=whole_into, jvp=even_tangent, writes=(1,)), self=even_rule)  # fmt: skip
op("min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
   reduction(along("min", np.argmin), out="matching", apart="partly", writes=(2,)), self=dim_rule)  # fmt: skip
op("min(Tensor self) -> Tensor",
   extreme(whole("min", np.minimum), np.minimum, out=whole_into, jvp=even_tangent, writes=(1,)), self=even_rule)  # fmt: skip


@composite("max.other(Tensor self, Tensor other) -> Tensor", out="maximum")
def max_other(self, other):
    return F.maximum(self, other)


@composite("min.other(Tensor self, Tensor other) -> Tensor", out="minimum")
def min_other(self, other):
    return F.minimum(self, other)


# -- where they are ----------------------------------------------------------------------------------------------------------
def argument_kernel(name: str, argument: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """The kernel of argmax or argmin; without `dim` the position in row-major order."""

    def kernel(self: np.ndarray, dim: int | None, keepdim: bool) -> np.ndarray:
        if self.dtype.kind in "bc":
            raise RuntimeError(f"{name}(): does not support {'bool' if self.dtype.kind == 'b' else 'complex'} input")
        dims = axes(dim, self.ndim)
        if dim is None and not self.size:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        nonempty(f"{name}():", self, dims)
        found = argument(orderly(self), None if dim is None or not self.ndim else dims[0])
        return compact(np.asarray(found, np.int64), left(self.shape, dims, keepdim))

    return kernel


op("argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", reduction(argument_kernel("argmax", np.argmax), out="matching"))
op("argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", reduction(argument_kernel("argmin", np.argmin), out="matching"))


# -- both at once ------------------------------------------------------------------------------------------------------------
def aminmax_kernel(self: np.ndarray, dim: int | None, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    dims = axes(dim, self.ndim)
    if dim is None and not self.size:
        raise RuntimeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
    nonempty("aminmax:", self, dims)
    if self.dtype.kind == "c":
        if not self.ndim and dim is not None:
            raise RuntimeError(f"aminmax not implemented for {OF_NUMPY[self.dtype].scalar_name}")
        raise refuse("aminmax_cpu", self)
    low, high = (folded(u.reduce, orderly(self), dims, keepdim).astype(self.dtype, copy=False) for u in (np.minimum, np.maximum))
    return rezeroed(low, self, dims, dim is None), rezeroed(high, self, dims, dim is None)


def aminmax_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The results, once each target was looked at: PyTorch resizes the first before it looks at the second."""
    matching(values[0]._dtype, outs[0]._dtype)
    results: list[np.ndarray] = op.compute(values)[1]
    for t, result in zip(outs, results, strict=True):
        matching(values[0]._dtype, t._dtype)
        fit(t, result)
        if values[1] is not None:
            check_no_partial_overlap(t, values[:1], exact=False)
    return results


def aminmax_rule(g_min: Any, g_max: Any, max: Any, min: Any, self: Any, self_dtype: Any, dim: int | None, keepdim: bool) -> Any:
    def share(g: Any, result: Any) -> Any:
        g, result = restored(g, dim, keepdim, self.shape), restored(result, dim, keepdim, self.shape)
        return scaled_by_count(g, F.eq(self, result), dim, self_dtype)  # in which order decides layouts, of amax in the other

    first, second = None if g_min is None else share(g_min, min), None if g_max is None else share(g_max, max)
    if type(first) is np.ndarray and second is not None:  # in place, as PyTorch does: that keeps the layout
        return np.add(first, second, out=first)
    return plus(first, second)


op("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)",
   reduction(aminmax_kernel, out=aminmax_into), self=aminmax_rule)  # fmt: skip
