"""Running sums, products and extremes along one dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from ml_dtypes import finfo

from ..batching import innermost
from ..dtypes import OF_NUMPY, PROMOTED, bfloat16, dtype, float16, float32, float64, int64
from ..geometry import in_range
from ..memory import aligned, empty
from ..modes import is_grad_enabled
from ..op import F, Op, op, reduction
from ..overlap import check_no_overlap
from ..pieces import PIECE, in_pieces
from ..rows import add_down
from ..tensor import Tensor
from ..views import check_cast, keeps_dtype
from .convert import cast
from .exponential import complex_log_of_sum
from .extremes import orderly
from .reduce import MANY, agreeing, into, refuse, refuse_complex, summed_dtype

WIDE = 128  # elements beside each other from which whole rows are added to one
FEW = 4  # running sums beside each other below which they are not put in one row
FEWER = 16  # wide rows below which a call for each is no matter
WIDER = {np.dtype(np.float32): np.float64, np.dtype(np.complex64): np.complex128}


def scanned(name: str, ufunc: np.ufunc) -> Callable[..., np.ndarray]:
    """The kernel of cumsum or cumprod: accumulates in double precision, as PyTorch does."""

    def kernel(self: np.ndarray, dim: int, dtype: dtype | None) -> np.ndarray:
        dim = in_range(dim, self.ndim)
        to = summed_dtype(self, dtype)
        if to.category == 0 and self.size and self.ndim:
            raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for '{to.scalar_name}'")
        own = cast(self, to.np)
        if not self.ndim or not self.size:
            return np.array(own, order="C")
        return scan(ufunc, own, dim, empty(own.shape, own.dtype))

    return kernel


def scan(ufunc: np.ufunc, array: np.ndarray, dim: int, out: np.ndarray) -> np.ndarray:
    """`out` with what `ufunc` accumulates in double precision, from its identity on: -0 becomes 0, and a complex infinity NaN."""
    wide = WIDER.get(OF_NUMPY[array.dtype].wide, OF_NUMPY[array.dtype].wide)
    count, beside = array.shape[dim], math.prod(array.shape[dim + 1 :])
    if ufunc is np.add and wide == np.float64 and array.size >= MANY:
        if beside >= FEW and (not dim or beside * count > PIECE):
            for at in np.ndindex(array.shape[:dim]):
                sums_of_rows(array[at], out[at])
            return out
        if dim and FEW * count <= min(array.size, PIECE) and (beside < WIDE or count >= FEWER):
            order = dim, *(d for d in range(array.ndim) if d != dim)
            return in_pieces(partial(sums_beside_each_other, order), [array], out)
        if dim == 1 and array.ndim == 2:
            return in_pieces(sums_of_two_rows, [array], out, piece=2 * PIECE)
    if beside >= WIDE:
        total = np.full(array.shape[:dim] + array.shape[dim + 1 :], ufunc.identity, wide)
        for part, made in zip(np.moveaxis(array, dim, 0), np.moveaxis(out, dim, 0), strict=True):
            made[...] = ufunc(total, part, out=total, dtype=wide)
        return out

    def work(part: np.ndarray, made: np.ndarray) -> None:
        copied = part.astype(wide)
        first = (slice(None),) * dim + (slice(1),)
        copied[first] = ufunc(copied.dtype.type(ufunc.identity), copied[first])
        made[...] = ufunc.accumulate(copied, dim, dtype=copied.dtype)

    return in_pieces(work, [array], out, whole=dim == 0)


def sums_of_rows(array: np.ndarray, out: np.ndarray) -> None:
    """Running sums of the first dimension: of as many wide rows at a time as stay in the cache, after the sum of all before."""
    step = max(1, PIECE // array[0].size)
    sums = aligned((step + 1, *array.shape[1:]), np.dtype(np.float64))
    sums[0] = 0  # no sum is -0
    for start in range(0, len(array), step):
        part = array[start : start + step]
        here = sums[: len(part) + 1]
        here[1:] = part
        add_down(here.reshape(len(here), -1))
        out[start : start + step] = here[1:]
        sums[0] = here[-1]


def sums_beside_each_other(order: Sequence[int], part: np.ndarray, made: np.ndarray) -> None:
    """Running sums of the first dimension of `order`, for all places of the others at once: each addition waits for the one before."""
    moved = part.transpose(order)
    sums = aligned(moved.shape, np.dtype(np.float64))
    sums[...] = moved
    sums[0] += 0  # no sum is -0
    add_down(sums.reshape(len(sums), -1))
    made.transpose(order)[...] = sums


def sums_of_two_rows(part: np.ndarray, made: np.ndarray) -> None:
    """Running sums of two rows at a time, as one complex number: each addition waits for the one before, and there are half as many."""
    half, way = (len(part) + 1) // 2, slice(None, None, -1 if part.strides[1] < 0 else 1)
    part, made = part[:, way], made[:, way]  # memory is copied as it lies, and added up from the end where it is to be read from there
    both = np.empty((half, part.shape[1]), np.complex128)
    both.imag[-1] = 0  # where there is no row
    both.real, both.imag[: len(part) - half] = part[:half], part[half:]
    sums = both[:, way]
    sums[:, 0] += 0  # no sum is -0
    np.add.accumulate(sums, 1, out=sums)
    made[:half], made[half:] = both.real, both.imag[: len(part) - half]


def same_dtype(self: Tensor, dim: int, dtype: dtype | None) -> None:
    """What the in-place forms ask first. Raises RuntimeError where the result would have another dtype."""
    in_range(dim, self.ndim)
    if dtype is not None:
        keeps_dtype(self, dtype)


def scanned_into(kernel: Callable[..., np.ndarray]) -> Callable[..., None]:
    """The same in place: in the dtype of what is written to, also where sums would have a wider one."""

    def write(self: np.ndarray, dim: int, dtype: dtype | None) -> None:
        made = kernel(self, dim, OF_NUMPY[self.dtype])
        check_no_overlap(self)
        self[...] = made

    return write


def backwards_sum(g: Any, dim: int) -> Any:
    """For every element the sum of it and all later ones."""
    if math.prod(g.shape) <= 1 or g.shape[dim] == 1:
        return g
    if isinstance(g, np.ndarray):
        made = empty(g.shape, g.dtype)
        scan(np.add, np.flip(g, dim), dim % g.ndim, np.flip(made, dim))
        return made
    return F.flip(F.cumsum(F.flip(g, (dim,)), dim), (dim,))


def in_operand_dtype(g: Any, self_dtype: dtype, dtype: dtype | None) -> Any:
    """The gradient in the operand's dtype, where the result has another."""
    wide = isinstance(g, np.ndarray) and self_dtype.low  # what is of 16 bits is rounded when all is done
    return g if dtype is None or (wide and not dtype.is_complex) else F.to(g, self_dtype)


def cumprod_rule(g: Any, self: Any, self_dtype: Any, dim: int, dtype: dtype | None, result: Any) -> Any:
    """Divides where nothing is zero; else without dividing, in one pass for a first derivative and in n for further ones."""
    g = in_operand_dtype(g, self_dtype, dtype)
    if math.prod(self.shape) <= 1 or self.shape[dim] == 1:
        return g
    zero = self == 0
    zeros, once = int(F.sum(zero)), isinstance(g, np.ndarray) or not is_grad_enabled()
    if zeros and once and dtype is not None:  # PyTorch multiplies a gradient of the operand's dtype in place
        check_cast(PROMOTED[self_dtype, dtype], self_dtype)
    if not zeros:
        refuse_complex(self_dtype, dtype)
        divisor = self.conj()  # before the other operand, as in PyTorch
        return F.div(backwards_sum(result.conj() * g, dim), divisor)
    if once:
        return before_and_at_zeros(g, self.conj(), result.conj(), zero, dim % len(self.shape))
    return one_at_a_time(g, self.conj(), dim)


def before_and_at_zeros(g: Any, self: Any, result: Any, zero: Any, dim: int) -> Any:
    """The gradient of cumprod: as without zeros before the first one, a sum at the first one, nothing after it."""
    passed = F.cumsum(zero, dim)
    before, between = passed == 0, (passed == 1) & ~zero
    divided = backwards_sum(F.masked_fill(result * g, ~before, 0), dim) / self
    later = F.cumprod(F.masked_fill(self, ~between, 1), dim) * F.masked_fill(g, passed != 1, 0)
    at = F.sum(before, dim, True)
    until = F.masked_fill(F.gather(result, dim, F.clamp(at - 1, 0)), at == 0, 1)
    at_first = F.sum(later, dim, True) * until
    made = F.where(before, divided, F.where(zero & (passed == 1), at_first, F.zeros_like(at_first)))
    return F.contiguous(made)


def one_at_a_time(g: Any, self: Any, dim: int) -> Any:
    """The gradient of cumprod, written slice by slice: the products that leave element `k` out, weighted by `g`."""
    n, made = self.shape[dim], None
    for k in range(n):
        products = products_without(self, dim, k)  # PyTorch's compiler has it evaluate right operands first
        part = F.sum(F.narrow(g, dim, k, n - k) * products, (dim,), False)
        made = F.new_zeros(part, tuple(self.shape)) if made is None else made
        F.select(made, dim, k).copy_(part)
    return made


def products_without(self: Any, dim: int, k: int) -> Any:
    """The products of elements from the first on that leave `k` out, up to the element before it and to every later one."""
    rest = self.shape[dim] - k - 1
    before = F.prod(F.narrow(self, dim, 0, k), dim, True) if k else F.ones_like(F.narrow(self.detach(), dim, 0, 1))
    if not rest:
        return before
    after = F.cumprod(F.narrow(self, dim, k + 1, rest), dim)
    return F.cat([before, F.expand(before, after.shape) * after if k else after], dim)


def cumprod_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """Divides up to the first zero; from there on it is the product with the tangent in the place of that zero."""
    (self, dim, dtype), tangent = values, tangents[0]
    divided = F.cumsum(tangent / self, dim) * outs[0]
    zero = self == 0
    if not self.shape:
        made = F.where(zero, tangent, divided)
    else:
        passed = F.cumsum(zero, dim)
        replaced = F.cumprod(F.where(zero & (passed == 1), tangent, self), dim)
        made = F.where(passed == 0, divided, replaced)
    return F.to(made, dtype or self.dtype)


SUMMED, MULTIPLIED = scanned("cumsum", np.add), scanned("cumprod", np.multiply)
op("cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
   reduction(SUMMED, out=into, apart="itself", inplace=same_dtype, into=scanned_into(SUMMED), casts=True, jvp="linear"),
   self=lambda g, self_dtype, dim, dtype: backwards_sum(in_operand_dtype(g, self_dtype, dtype), dim))  # fmt: skip
op("cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
   reduction(MULTIPLIED, out=into, apart="itself", inplace=same_dtype, into=scanned_into(MULTIPLIED), stepwise=True,
             jvp=cumprod_tangent),
   self=cumprod_rule)  # fmt: skip


# -- extremes --------------------------------------------------------------------------------------------------------------
def running(name: str, ufunc: np.ufunc) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """The kernel of cummax or cummin: the last of equals wins, and every NaN follows the one before."""

    def kernel(self: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        if not self.ndim and dim not in (0, -1):
            raise IndexError(f"{name}(): Expected reduction dim -1 or 0 for scalar but got {dim}")
        if not self.ndim or not self.size:
            return self.copy(order="C"), np.zeros(self.shape, np.int64)
        dim = in_range(dim, self.ndim)
        if self.dtype.kind == "c":
            raise refuse(f"{name}_cpu", self)
        indices = last_best(orderly(self), dim, ufunc)
        return np.take_along_axis(self, indices, dim), indices

    return kernel


def last_best(self: np.ndarray, dim: int, ufunc: np.ufunc) -> np.ndarray:
    """Where the latest element that is the best so far is found, row-major."""
    best = ufunc.accumulate(self, dim)
    places = np.arange(self.shape[dim]).reshape([-1 if d == dim else 1 for d in range(self.ndim)])
    return np.asarray(np.maximum.accumulate(np.where((self == best) | (self != self), places, 0), dim), np.int64, order="C")


def cum_extreme_rule(g_values: Any, self: Any, dim: int, indices: Any) -> Any:
    if not math.prod(self.shape):
        level = innermost([g_values])
        return self if level is None or not level.cotangents else F.clone(self)  # what PyTorch runs sample by sample is stacked
    return F.scatter_add(F.new_zeros(g_values, tuple(self.shape)), dim, indices, g_values)


def running_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    return agreeing("expected scalar_type {self} but found {out}", values[0]._dtype, int64)(op, values, outs)


op("cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)",
   reduction(running("cummax", np.maximum), out=running_into, complex_gradient=False, stepwise=True, writes=(2,)),
   self=cum_extreme_rule)  # fmt: skip
op("cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)",
   reduction(running("cummin", np.minimum), out=running_into, complex_gradient=False, stepwise=True, writes=(2,)),
   self=cum_extreme_rule)  # fmt: skip


# -- logcumsumexp ------------------------------------------------------------------------------------------------------------
def logcumsumexp_kernel(self: np.ndarray, dim: int) -> np.ndarray:
    dim = in_range(dim, self.ndim)
    to = OF_NUMPY[self.dtype]
    if to.category < 2:
        raise refuse("logcumsumexp_out_cpu", self)
    if not self.ndim or not self.size:
        return self.copy(order="C")
    wide = self.astype(WIDER.get(to.wide, to.wide))
    if to.category == 2:
        return np.asarray(np.logaddexp.accumulate(wide, dim) + 0, to.np, order="C")
    moved = np.moveaxis(wide, dim, 0)
    moved[0] = complex_log_of_sum(moved[0], np.full_like(moved[0], -math.inf))
    for k in range(1, moved.shape[0]):
        moved[k] = complex_log_of_sum(moved[k], moved[k - 1])
    return np.asarray(wide + 0, to.np, order="C")


LOWEST = {d: float(finfo(d.np).min) for d in (bfloat16, float16, float32, float64)}


def backwards_logcumsumexp(x: Any, dim: int) -> Any:
    return F.flip(F.logcumsumexp(F.flip(x, (dim,)), dim), (dim,))


def logcumsumexp_rule(g: Any, self: Any, self_dtype: Any, dim: int, result: Any) -> Any:
    """In logarithms, positive and negative parts apart, so that nothing overflows."""
    if not g.shape or not math.prod(g.shape):
        return g
    if self_dtype.is_complex:
        return F.exp(backwards_logcumsumexp(F.log(g.conj()) - result, dim) + self).conj()
    lowest, logs = LOWEST[self_dtype], F.log(F.abs(g))
    signed = [F.where(sign, logs, lowest) for sign in (g > 0, g < 0)]
    positive, negative = [F.exp(backwards_logcumsumexp(part - result, dim) + self) for part in signed]
    return positive - negative


def logcumsumexp_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """The running mean of tangents weighted by exp(self), scaled by the largest of real ones; PyTorch adds 1e-13 to the divisor."""
    self, dim = values
    weights = F.exp(self if self.is_complex() else self - F.max(self, dim, True)[0])
    return F.cumsum(weights * tangents[0], dim) / (F.cumsum(weights, dim) + 1e-13)


op("logcumsumexp(Tensor self, int dim) -> Tensor",
   reduction(logcumsumexp_kernel, out=agreeing("expected scalar_type {self} but found {out}"), apart="itself", stepwise=True,
             jvp=logcumsumexp_tangent),
   self=logcumsumexp_rule)  # fmt: skip
