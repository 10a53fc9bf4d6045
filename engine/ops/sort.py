"""Sorting, and elements chosen by rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import int64
from ..geometry import in_range, strides_of
from ..graph import type_name
from ..op import F, Op, composite, op, reduction
from ..out import fit
from ..overlap import check_apart, check_no_partial_overlap
from ..pieces import in_pieces
from ..strided import copied, dense_strides, new
from ..tensor import Tensor, exchange
from .extremes import even_rule, even_tangent, orderly, picked, selected
from .reduce import axes, nonempty, refuse
from .scatter import taken
from .shape import of_dim

PACKED = (np.dtype(np.float32), np.dtype(np.int32))
MANY = 2**10  # elements from which packing pays


# -- sort ------------------------------------------------------------------------------------------------------------------
def order(self: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    """Indices that sort along `dim`, equal elements in their order; NaN is larger than all."""
    array = orderly(self)
    if array.dtype in PACKED and array.size >= MANY and array.shape[dim] < 2**31:
        return packed_order(array, dim, descending)
    if not descending:
        return np.argsort(array, dim, kind="stable")
    back = np.argsort(np.flip(array, dim), dim, kind="stable")
    return self.shape[dim] - 1 - np.flip(back, dim)


def packed_order(self: np.ndarray, dim: int, descending: bool) -> np.ndarray:
    """The same for numbers of 32 bits, as the lower halves of sorted integers of 64 bits: NumPy sorts those eight times faster."""
    keys = in_pieces(rising, [self], np.empty(self.shape, np.int64))
    if descending:
        np.invert(keys, out=keys)
    keys <<= 32
    keys |= np.arange(self.shape[dim]).reshape((-1,) + (1,) * (self.ndim - dim - 1))
    keys.sort(dim)
    keys &= 2**32 - 1
    return keys


def rising(self: np.ndarray, out: np.ndarray) -> None:
    """Integers in the order of the numbers: the same for 0 and -0, and the largest one for every NaN."""
    if self.dtype == np.int32:
        out[...] = self
        return
    keys = (self + np.float32(0)).view(np.int32)
    turned = keys >> 31
    turned &= np.int32(2**31 - 1)  # of negative numbers all bits but the sign are turned around
    keys ^= turned
    np.copyto(keys, 2**31 - 1, where=np.isnan(self))
    out[...] = keys


def laid_out_like(self: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` in the layout a sort of `self` has: its own, made dense."""
    steps = dense_strides(self.shape, strides_of(self))
    if strides_of(values) == steps:
        return values
    made = new(self.shape, steps, values.dtype)
    made[...] = values
    return made


def sort_kernel(self: np.ndarray, dim: int, descending: bool) -> tuple[np.ndarray, np.ndarray]:
    dim = in_range(dim, self.ndim)
    if self.dtype.kind == "c":
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    if not self.ndim:
        return self.copy(), np.zeros((), np.int64)
    indices = order(self, dim, descending)
    values = taken(np.ascontiguousarray(self), dim, indices) if self.size else self.copy()
    return laid_out_like(self, values), laid_out_like(self, indices)


def ranked_rule(g_values: Any, self_shape: Any, dim: int, indices: Any) -> Any:
    return selected(g_values, dim, indices, self_shape, True)


op("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
   reduction(sort_kernel, out="matching", apart="itself", writes=(2,)), self=ranked_rule)  # fmt: skip
op("sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
   reduction(lambda self, stable, dim, descending: sort_kernel(self, dim, descending), out="matching", apart="itself", writes=(2,)),
   self=ranked_rule)  # fmt: skip


@composite("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor")
def argsort(self, dim, descending):
    return F.sort(self, dim, descending)[1]


@composite("argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor", out="sort.stable", apart=False)
def argsort_stable(self, stable, dim, descending):
    return F.sort(self, stable=stable, dim=dim, descending=descending)[1]


@composite("msort(Tensor self) -> Tensor", out="sort")
def msort(self):
    return F.sort(self, 0)[0]


# -- chosen by rank ----------------------------------------------------------------------------------------------------------
def topk_kernel(self: np.ndarray, k: int, dim: int, largest: bool, sorted: bool) -> tuple[np.ndarray, np.ndarray]:
    """The first of equals is taken first; PyTorch leaves open which it takes."""
    dim = in_range(dim, self.ndim)
    if not 0 <= k <= (self.shape[dim] if self.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if self.dtype.kind == "c":
        raise RuntimeError(" topk does not support complex dtypes on CPU")
    if self.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if not self.ndim:
        return self.copy(), np.zeros((), np.int64)
    indices = np.asarray(order(self, dim, largest)[(slice(None),) * dim + (slice(k),)], order="C")
    return np.asarray(np.take_along_axis(self, indices, dim), order="C"), np.array(indices, order="C")


op("topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
   reduction(topk_kernel, out="matching", apart="partly", writes=(2,)), self=ranked_rule)  # fmt: skip


def at_rank(self: np.ndarray, rank: Any, dims: tuple[int, ...], keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    """The element at `rank` (an integer, or an array of them with the dimension kept) of the sorted order along one dimension."""
    indices = order(self, dims[0], False)
    places = np.broadcast_to(rank, tuple(1 if d == dims[0] else n for d, n in enumerate(self.shape)))
    return picked(self, np.take_along_axis(indices, places, dims[0]).squeeze(dims[0]), dims, keepdim)


def kthvalue_kernel(self: np.ndarray, k: int, dim: int, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    dims = axes(dim, self.ndim)
    dim = in_range(dim, self.ndim)
    nonempty("kthvalue():", self, dims)
    if not 1 <= k <= (self.shape[dim] if self.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    if self.dtype.kind in "bc" and self.ndim:
        raise refuse("kthvalue_cpu", self)
    return at_rank(self, k - 1, dims, keepdim) if self.ndim else (self.copy(), np.zeros((), np.int64))


def dim_rule(g_values: Any, self_shape: Any, dim: int, keepdim: bool, indices: Any) -> Any:
    return selected(g_values, dim, indices, self_shape, keepdim)


def kthvalue_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """Looks at a target when the one before it has been resized."""
    if outs[0]._dtype is not values[0]._dtype:
        raise RuntimeError("output values must be of same type as input")
    results = op.compute(values)[1]
    for i, (t, result) in enumerate(zip(outs, results, strict=True)):
        if i and t._dtype is not int64:
            raise RuntimeError("output indices must be of scalar type Long")
        if values[0]._array.ndim and not values[3]:
            fit_kept(t, result, in_range(values[2], values[0]._array.ndim))
        else:
            fit(t, result)
    check_apart(outs[0], values[:1])
    return results


def fit_kept(t: Tensor, result: np.ndarray, dim: int) -> None:
    """Resize a target as PyTorch's kthvalue does: with the reduced dimension, which then goes."""
    if t._array.ndim == result.ndim:
        exchange(t, t._array[of_dim(dim, None)])  # not `expand_dims`, which gives sides of 1 other steps
    fit(t, np.expand_dims(result, dim))
    exchange(t, t._array.squeeze(dim))


op("kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
   reduction(kthvalue_kernel, out=kthvalue_into, complex_gradient=False, writes=(2,)), self=dim_rule)  # fmt: skip


# -- median ------------------------------------------------------------------------------------------------------------------
def middle(self: np.ndarray, dim: int, ignore: bool) -> np.ndarray:
    """The rank of the median along `dim`, the lower of two, with that dimension kept. NaN wins unless they are ignored."""
    numbers = np.add.reduce(self == self, dim, keepdims=True)
    n = self.shape[dim]
    lower = np.maximum(numbers - 1, 0) // 2
    return lower if ignore else np.where(numbers < n, numbers, (n - 1) // 2)


def median_dim(ignore: bool) -> Any:
    """The kernel of median.dim or nanmedian.dim."""

    def kernel(self: np.ndarray, dim: int, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
        dims = axes(dim, self.ndim)
        nonempty("median():", self, dims)
        if self.dtype.kind in "bc":
            raise refuse("median_out", self)
        if not self.ndim:
            return self.copy(), np.zeros((), np.int64)
        return at_rank(self, middle(orderly(self), dims[0], ignore), dims, keepdim)

    return kernel


def median_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    mine, (first, second) = values[0]._dtype, (t._dtype for t in outs)
    where = "(while checking arguments for median)"
    if second is not int64:
        found = f"but got {type_name(second)} instead"
        raise RuntimeError(f"Expected tensor for argument #1 'indices' to have scalar type Long; {found} {where}")
    if first is not mine:
        raise RuntimeError(
            "Expected tensor for 'values' to have the same type as tensor for argument #2 'self'; "
            f"but type {type_name(first)} does not equal {type_name(mine)} {where}"
        )
    results = op.compute(values)[1]
    self, dim, _ = values
    for t, result in zip(outs, results, strict=True):
        fit(t, result)
        if self._array.ndim and 1 in (self._array.shape[dim], strides_of(self._array)[dim]):  # otherwise PyTorch works on a copy
            check_no_partial_overlap(t, [self], exact=False)
    return results


def nth_in_memory(self: np.ndarray, rank: int) -> Any:
    """The element that C++'s `nth_element` leaves at `rank`, which decides between equal ones, of an array nobody else holds.

    NaN comes last. Source: the quickselect of the GNU C++ library, as far as it does not give up and sorts.
    """
    order = sorted(range(self.ndim), key=lambda d: -self.strides[d])
    a: list[float] = self.transpose(order).reshape(-1).astype(np.float64).tolist()

    def less(x: float, y: float) -> bool:
        return (x == x and y != y) or x < y

    def swap(i: int, j: int) -> None:
        a[i], a[j] = a[j], a[i]

    first, last = 0, len(a)
    while last - first > 3:
        one, two, three = first + 1, first + (last - first) // 2, last - 1
        if less(a[one], a[two]):
            pivot = two if less(a[two], a[three]) else three if less(a[one], a[three]) else one
        else:
            pivot = one if less(a[one], a[three]) else three if less(a[two], a[three]) else two
        swap(first, pivot)
        low, high = first + 1, last
        while True:
            while less(a[low], a[first]):
                low += 1
            high -= 1
            while less(a[first], a[high]):
                high -= 1
            if low >= high:
                break
            swap(low, high)
            low += 1
        first, last = (low, last) if low <= rank else (first, low)
    for i in range(first + 1, last):
        at = i
        while at > first and less(a[at], a[at - 1]):
            swap(at, at - 1)
            at -= 1
    return a[rank]


def median_whole(ignore: bool) -> Any:
    """The kernel of median or nanmedian of all elements; of none NaN, or the least integer."""

    def kernel(self: np.ndarray) -> np.ndarray:
        if not self.size:
            return np.asarray(np.nan).astype(self.dtype)
        if self.dtype.kind in "bc":
            raise refuse("median_cpu", self)
        flat = self.reshape(-1)
        rank = middle(orderly(flat), 0, ignore)
        found = at_rank(flat, rank, (0,), False)[0]
        if found == 0 and self.dtype.kind not in "iu" and np.signbit(flat[flat == 0]).any() and not np.isnan(flat).all():
            return np.asarray(nth_in_memory(copied(self), int(rank[0])), self.dtype)  # zeros of either sign: by how PyTorch looks for it
        return found

    return kernel


op("median(Tensor self) -> Tensor",
   reduction(median_whole(False), out=False, complex_gradient=False, jvp=even_tangent, writes=(1,)), self=even_rule)  # fmt: skip
op("median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
   reduction(median_dim(False), out=median_into, complex_gradient=False, writes=(2,)), self=dim_rule)  # fmt: skip
op("nanmedian(Tensor self) -> Tensor",
   reduction(median_whole(True), out=False, complex_gradient=False, jvp=even_tangent, writes=(1,)), self=even_rule)  # fmt: skip
op("nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)",
   reduction(median_dim(True), out=median_into, complex_gradient=False, writes=(2,)), self=dim_rule)  # fmt: skip
