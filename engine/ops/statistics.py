"""Variances, standard deviations and norms."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..calls import FUNCTIONS
from ..dtypes import OF_NUMPY, dtype
from ..layout import walk_order
from ..memory import aligned, empty
from ..once import warn_once
from ..op import OPS, F, Op, composite, op, reduction
from ..out import fit, matching
from ..overlap import check_no_partial_overlap
from ..pieces import PIECE, alike_in_rows, in_pieces
from ..rows import ROW, SHORT, of_ones, sum_of_all, sums_along
from ..tangents import plus
from ..tensor import Tensor, method
from ..views import check_cast
from .arithmetic import modulus, times
from .convert import DISCARDS, cast
from .masked import zeroed
from .reduce import MANY, axes, compact, counted, counts, folded, kept, left, raised, spread

NO_FREEDOM = (
    "{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
    "(input numel divided by output numel)."
)

STACK = 16  # rows, of which sums are rounded in the precision they have
# Elements of a row, likewise. Squares of what is a multiple of one number are 0, 1 or 4 modulo 8 such units, so that sums of many of
# them are rounded down more often than up: by 3 units of the last place for 1024 of them where BLAS adds up four at a time.
SEGMENT = 256
FEW, STEPPED = 32, 1024  # elements of which moments are worth a step each, among how many


# -- variance ------------------------------------------------------------------------------------------------------------
def moments(name: str, self: np.ndarray, dim: Any, correction: Any, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    """(variance, mean) in double precision, as PyTorch accumulates them. Warns (UserWarning) without degrees of freedom."""
    if OF_NUMPY[self.dtype].category < 2:
        what = "std and var" if name in ("std", "var") else name
        raise RuntimeError(f"{what} only support floating point and complex dtypes")
    dims = axes(dim, self.ndim)
    by = freedom_lost(correction)
    count = math.prod(self.shape[d] for d in dims)
    if (count if left_over(self, dims) else 0) - by <= 0:
        for _ in range(1 + (self.dtype.kind == "c")):  # real and imaginary parts are two calls in PyTorch
            warnings.warn(NO_FREEDOM.format(name=name), UserWarning, stacklevel=6)
    many = self.size >= MANY and self.dtype in (np.float32, np.float64)
    quick = squares_of_many(self, dims) if many and count > by and name in ("std", "var") else None
    if quick is not None:
        total = compact(quick / (count - by), left(self.shape, dims, keepdim))
        return total, total  # of these nobody asks for the mean
    wide = self if many else self.astype(np.complex128 if self.dtype.kind == "c" else np.float64)
    freedom = np.float64(max(count - by, 0))
    few = count <= FEW and 0 < wide.size <= STEPPED and wide.dtype is not self.dtype  # double precision shows the order of other sums, too
    if few and name in ("var_mean", "std_mean"):
        squares, level = by_steps(wide, dims, count)
        total = squares.real / freedom + squares.imag / freedom if self.dtype.kind == "c" else squares / freedom
        shape = left(self.shape, dims, keepdim)
        return compact(total, shape), compact(running_mean(wide, level, dims), shape)
    whole = name in ("std", "var") and math.prod(left(self.shape, dims, False)) == 1
    if whole and not OF_NUMPY[self.dtype].low:
        level = running = mean_of(self, dims, count)  # PyTorch takes `mean()` of everything
    else:
        level = updated_mean(wide, dims, count)
        running = running_mean(wide, level, dims)
    if many:
        total = compact(squares_apart(self, level, dims) / freedom, left(self.shape, dims, keepdim))
    else:
        apart = np.subtract(wide, level, out=wide)
        parts = [apart.real, apart.imag] if self.dtype.kind == "c" else [apart]
        shares = [folded(np.add.reduce, np.multiply(p, p, out=p), dims, keepdim) / freedom for p in parts]
        total = shares[0] + shares[1] if len(shares) > 1 else shares[0]
    mean = compact(running, total.shape)
    return (total if count else np.full(total.shape, math.nan)), mean


def squares_of_many(self: np.ndarray, dims: tuple[int, ...]) -> np.ndarray | None:
    """The sums of squared distances from the mean, in double precision; None where that takes more care.

    Distances from nearly the mean, in the precision of `self`, are as good as those from the mean: their sum says how far it is from it.
    """
    rank, n = self.ndim, math.prod(self.shape[d] for d in dims)
    if not self.flags.c_contiguous:
        return None
    if dims == tuple(range(rank)):
        squares, rest = sums_apart_of_all(self.reshape(-1))
    elif dims == tuple(range(rank - len(dims), rank)) and n <= SHORT:
        squares, rest = sums_apart_by_row(self.reshape(-1, n))
    elif dims == tuple(range(len(dims))):
        squares, rest = sums_apart_by_column(self.reshape(n, -1))
    else:
        return None
    total, limits = squares - rest * (rest / n), np.finfo(self.dtype)
    if not (total > np.maximum(squares / 2, n * limits.tiny / limits.eps)).all() or not np.isfinite(total).all():
        return None  # something is infinite or underflows, or all are equal
    return total


Sums = tuple[np.ndarray, np.ndarray]  # of distances from nearly the mean: of their squares, and of themselves; in double precision


def sums_apart_of_all(flat: np.ndarray) -> Sums:
    near = sum_of_all(flat) / flat.dtype.type(flat.size)
    whole = flat.size // ROW * ROW
    ones, rows = of_ones(ROW, flat.dtype), flat[:whole].reshape(-1, ROW)
    rest, squares = np.empty(len(rows), flat.dtype), np.empty((len(rows), ROW // SEGMENT), flat.dtype)

    spare = aligned((PIECE // ROW, ROW), flat.dtype)
    for start in range(0, len(rows), PIECE // ROW):
        here = slice(start, start + PIECE // ROW)
        apart = np.subtract(rows[here], near, spare[: len(rows) - start])
        segments = apart.reshape(-1, *squares.shape[1:], SEGMENT)
        np.vecdot(segments, segments, squares[here])
        np.dot(apart, ones, rest[here])
    last = flat[whole:] - near
    sums = [np.add.reduce(a, None, np.float64) + np.add.reduce(b) for a, b in ((squares, last * last), (rest, last))]
    return np.asarray(sums[0]), np.asarray(sums[1])


def sums_apart_by_row(rows: np.ndarray) -> Sums:
    squares, rest = np.empty((2, len(rows), 1))

    def work(x: np.ndarray, squares: np.ndarray, rest: np.ndarray) -> None:
        apart = x - sums_along(x, 1) / x.dtype.type(x.shape[1])
        rest[...] = sums_along(apart, 1)
        whole = apart.shape[1] // SEGMENT * SEGMENT
        segments, last = apart[:, :whole].reshape(len(apart), -1, SEGMENT), apart[:, whole:]
        np.add.reduce(np.vecdot(segments, segments), 1, np.float64, out=squares[:, 0])
        squares[:, 0] += np.vecdot(last, last)

    in_pieces(work, [rows, squares], rest, piece=2 * PIECE)
    return squares, rest


def sums_apart_by_column(rows: np.ndarray) -> Sums:
    """Of a STACK at a time in the precision they have; where there are few of them that would show."""
    near = np.ones(len(rows), rows.dtype) @ rows / rows.dtype.type(len(rows))
    squares, rest = np.zeros((2, rows.shape[1]))
    dtype = rows.dtype if len(rows) >= STACK * STACK else np.dtype(np.float64)
    ones, step = np.ones(STACK, dtype), max(1, PIECE // (rows.shape[1] * STACK)) * STACK
    spare = aligned((2, step, rows.shape[1]), dtype)
    for start in range(0, len(rows), step):
        here = rows[start : start + step]
        apart, square = spare[:, : len(here)]
        np.subtract(here, near, apart)
        np.multiply(apart, apart, square)
        whole = len(here) // STACK * STACK
        for total, terms in ((rest, apart), (squares, square)):
            total += np.add.reduce(ones @ terms[:whole].reshape(-1, STACK, terms.shape[1]), 0, np.float64)
            if whole < len(here):
                total += ones[: len(here) - whole] @ terms[whole:]
    return squares, rest


def squares_apart(self: np.ndarray, level: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    """The sums of squared distances from `level`, dimensions kept: in double precision, of pieces of the first dimension."""
    total = np.zeros(kept(self.shape, dims))
    rows = max(1, PIECE * len(self) // self.size)
    for start in range(0, len(self), rows):
        here = slice(start, start + rows)
        apart = self[here].astype(np.float64)
        apart -= level if len(level) == 1 else level[here]
        if len(dims) == apart.ndim:
            share: Any = np.vdot(apart, apart)
        else:
            share = np.add.reduce(np.multiply(apart, apart, out=apart), dims, keepdims=True)
        if 0 in dims:
            total += share
        else:
            total[here] = share
    return total


def mean_of(array: np.ndarray, dims: tuple[int, ...], count: int, dtype: Any = None) -> np.ndarray:
    """The sum divided by the count in the precision of `array`, or that of `dtype`, dimensions kept."""
    total = np.add.reduce(array, dims, keepdims=True, dtype=dtype or array.dtype)
    if array.dtype.kind != "c":
        return total / total.dtype.type(count)
    for part in (total.real, total.imag):
        part /= part.dtype.type(count)
    return total


def updated_mean(wide: np.ndarray, dims: tuple[int, ...], count: int) -> np.ndarray:
    """The mean, exact where all are equal."""
    double = np.complex128 if wide.dtype.kind == "c" else np.float64
    first, last = (wide[tuple(s if d in dims else slice(None) for d in range(wide.ndim))] for s in (slice(1), slice(-1, None)))
    if wide.size and not (first == last).any():
        return mean_of(wide, dims, count, double)
    level = np.logical_and.reduce(wide == first, dims, keepdims=True)
    return np.where(level, first, mean_of(wide, dims, count, double)) if wide.size else mean_of(wide, dims, count, double)


def by_steps(wide: np.ndarray, dims: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """(squared distances from the mean, added up, and the mean) as one element after the other, as they lie in memory, updates them.

    Source: `WelfordOps` in PyTorch's SharedReduceOps.h.
    """
    inner = walk_order([wide.shape[d] for d in dims], [[wide.strides[d] for d in dims]])
    rest = [d for d in range(wide.ndim) if d not in dims]
    rows = wide.transpose(*(dims[i] for i in reversed(inner)), *rest).reshape(count, *(wide.shape[d] for d in rest))
    mean, squares = np.zeros(rows.shape[1:], wide.dtype), np.zeros(rows.shape[1:], wide.dtype)
    for i, row in enumerate(rows, 1):
        apart = row - mean
        mean += apart / i
        squares += _by_parts(apart, row - mean)
    shape = kept(wide.shape, dims)
    return squares.reshape(shape), mean.reshape(shape)


def _by_parts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of real parts, and that of imaginary ones."""
    return a.real * b.real + 1j * (a.imag * b.imag) if a.dtype.kind == "c" else a * b


def freedom_lost(correction: Any) -> float:
    """The number subtracted from the count: 1 where it is not given. Raises RuntimeError for a complex one."""
    if isinstance(correction, complex):
        raise RuntimeError("value cannot be converted to type double without overflow")
    return 1.0 if correction is None else float(correction)


def left_over(self: np.ndarray, dims: tuple[int, ...]) -> bool:
    """True where the result has elements."""
    return all(n for d, n in enumerate(self.shape) if d not in dims)


def running_mean(wide: np.ndarray, mean: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    """`mean` as an update for one element after the other gives it: NaN once an infinite one is followed by another."""
    if np.isfinite(mean).all() or not dims or not wide.size:
        return mean
    if mean.dtype.kind == "c":  # each part for itself
        made = np.empty_like(mean)
        made.real, made.imag = running_mean(wide.real, mean.real, dims), running_mean(wide.imag, mean.imag, dims)
        return made
    rest = tuple(d for d in range(wide.ndim) if d not in dims)
    flat = wide.transpose(*rest, *dims).reshape(mean.size, -1)
    lost = ~np.isfinite(flat[:, :-1]).all(1)
    return np.where(lost.reshape(mean.shape), np.nan, mean)


def narrowed(values: np.ndarray, self: np.ndarray) -> np.ndarray:
    """`values` in the precision of `self`."""
    mine = OF_NUMPY[self.dtype]
    return values.astype((mine if values.dtype.kind == "c" else mine.to_real()).np)


def rooted(values: np.ndarray, self: np.ndarray) -> np.ndarray:
    """Square roots in the precision of `self`; of complex numbers the variance is rounded first."""
    return np.sqrt(narrowed(values, self)) if self.dtype.kind == "c" else narrowed(np.sqrt(values), self)


def var_kernel(self: np.ndarray, dim: Any, correction: Any, keepdim: bool) -> np.ndarray:
    return narrowed(moments("var", self, dim, correction, keepdim)[0], self)


def std_kernel(self: np.ndarray, dim: Any, correction: Any, keepdim: bool) -> np.ndarray:
    return rooted(moments("std", self, dim, correction, keepdim)[0], self)


def var_mean_kernel(self: np.ndarray, dim: Any, correction: Any, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    var, mean = moments("var_mean", self, dim, correction, keepdim)
    return narrowed(var, self), narrowed(mean + 0, self)  # PyTorch starts from 0, so that no mean is -0


def std_mean_kernel(self: np.ndarray, dim: Any, correction: Any, keepdim: bool) -> tuple[np.ndarray, np.ndarray]:
    var, mean = moments("std_mean", self, dim, correction, keepdim)
    return rooted(var, self), narrowed(mean + 0, self)


def variance_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """Of var and std of real tensors: computes in the dtype of the target, except for a single element."""
    (self, dim, *_), target = values, outs[0]
    mine, to = self._dtype, target._dtype
    if mine.is_complex:
        check_cast(mine.to_real(), to)
        return op.compute(values)[1]
    if mine.category < 2:
        return op.compute(values)[1]
    shape = left(self._array.shape, axes(dim, self._array.ndim), values[3])
    fit(target, np.empty(shape, to.np))
    check_cast(mine, to)
    whole = math.prod(shape) == 1 and not to.low
    found = op.compute([self._array if whole or to.is_complex else cast(self._array, to.np), *values[1:]])[1]
    if whole and mine.low and self._array.size:
        raise RuntimeError(f"std_var_all: Unsupported dtype {mine.scalar_name}")
    if to.is_complex and not whole and self._array.size:
        raise NotImplementedError(f"\"std_cpu\" not implemented for '{to.scalar_name}'")
    return found


def factor(shape: tuple[int, ...], dim: Any) -> int:
    """How many elements were reduced, 1 for an empty list of dimensions: PyTorch's gradient of variance counts so."""
    return math.prod(shape[d] for d in axes(dim, len(shape))) if dim not in ((), []) else 1


def var_rule(g: Any, self: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    shape, by = self.shape, freedom_lost(correction)
    if dim is None or not shape:
        freedom = math.prod(shape) - by
        if freedom <= 0:
            return F.mul(g, F.where(F.eq(self, F.mean(self)), math.nan, math.inf))  # not `*`: this lays out as PyTorch does
        return times_apart(g, 2.0 / freedom, self, F.mean(self))
    freedom = factor(shape, dim) - by
    scale = 2.0 / freedom if freedom else math.inf
    return times_apart(raised(g, dim, keepdim or len(shape) == 1, shape), scale, self, F.mean(self, dim, True))


def times_apart(g: Any, scale: float, self: Any, mean: Any) -> Any:
    """`g * scale * (self - mean)`, where `g` and `mean` are the same for several elements."""
    if not isinstance(self, np.ndarray):  # the right operand first, as in arithmetic.py
        apart = F.sub(self, mean)
        return F.mul(times(g, scale), apart)
    factor = times(g, scale)
    if self.dtype != factor.dtype or not alike_in_rows(self):
        return F.mul(factor, F.sub(self, mean))

    def work(factor: np.ndarray, self: np.ndarray, mean: np.ndarray, out: np.ndarray) -> None:
        np.multiply(factor, np.subtract(self, mean, out), out)

    wide = [np.broadcast_to(x, self.shape) for x in (factor, mean)]
    return in_pieces(work, [wide[0], self, wide[1]], empty(self.shape, self.dtype), piece=2 * PIECE)


def std_rule(g: Any, self: Any, dim: Any, correction: Any, keepdim: bool, result: Any) -> Any:
    """Zero where the deviation is zero: PyTorch's subgradient."""
    return var_rule(zeroed(g / times(result, 2), result == 0), self, dim, correction, keepdim)


def var_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> list[Any]:
    """Of var and var_mean: sums the rule, given the tangent in place of a gradient."""
    self, dim, correction, keepdim = values
    tangent = F.sum(var_rule(tangents[0].conj(), self, dim, correction, True), dim, keepdim)
    return [F.real(tangent) if self.is_complex() else tangent, *[F.mean(tangents[0], dim, keepdim) for _ in outs[1:]]]


def std_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> list[Any]:
    """Of std and std_mean: zero where the deviation is zero."""
    first, *rest = var_tangent(values, tangents, outs)
    return [zeroed(first / (outs[0] * 2), outs[0] == 0), *rest]


def mean_part(g: Any, self: Any, dim: Any, keepdim: bool) -> Any:
    shape = tuple(self.shape)
    return F.div(spread(g, dim, keepdim, shape), counted(shape, dim))


def var_mean_rule(g_result0: Any, g_result1: Any, self: Any, dim: Any, correction: Any, keepdim: bool) -> Any:
    spread = None if g_result0 is None else var_rule(g_result0, self, dim, correction, keepdim)
    return plus(spread, None if g_result1 is None else mean_part(g_result1, self, dim, keepdim))


def std_mean_rule(g_result0: Any, g_result1: Any, self: Any, dim: Any, correction: Any, keepdim: bool, result0: Any) -> Any:
    spread = None if g_result0 is None else std_rule(g_result0, self, dim, correction, keepdim, result0)
    return plus(spread, None if g_result1 is None else mean_part(g_result1, self, dim, keepdim))


ONE = "(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor"
TWO = "(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)"
op(f"var.correction{ONE}", reduction(var_kernel, out=variance_into, stepwise=True, jvp=var_tangent), self=var_rule)
op(f"std.correction{ONE}", reduction(std_kernel, out=variance_into, stepwise=True, jvp=std_tangent), self=std_rule)
op(f"var_mean.correction{TWO}", reduction(var_mean_kernel, stepwise=True, jvp=var_tangent, method=False, out=False), self=var_mean_rule)
op(f"std_mean.correction{TWO}", reduction(std_mean_kernel, stepwise=True, jvp=std_tangent, method=False, out=False), self=std_mean_rule)


def unbiased_forms(name: str, returns: str, **words: Any) -> None:
    """The overloads of `name` that say `unbiased` instead of a correction."""
    general = OPS[f"{name}.correction"]

    def into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
        self, dim, unbiased, keepdim = values
        return variance_into(general, [self, dim, int(unbiased), keepdim], outs)

    signature = f"{name}.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> {returns}"

    @composite(signature, out=into if not words else False, **words)
    def along(self: Any, dim: Any, unbiased: bool, keepdim: bool) -> Any:
        return general.run([self, dim, int(unbiased), keepdim])

    @composite(f"{name}(Tensor self, bool unbiased=True) -> {returns}", **words)
    def whole(self: Any, unbiased: bool) -> Any:
        return general.run([self, None, int(unbiased), False])


unbiased_forms("var", "Tensor")
unbiased_forms("std", "Tensor")
unbiased_forms("var_mean", "(Tensor, Tensor)", method=False)
unbiased_forms("std_mean", "(Tensor, Tensor)", method=False)


# -- norms ---------------------------------------------------------------------------------------------------------------
def norm_dtype(self: np.ndarray, to: dtype | None) -> dtype:
    """The dtype a norm computes in. Raises RuntimeError where `to` does not fit the operand."""
    mine, name = OF_NUMPY[self.dtype], "linalg.vector_norm"
    if to is None:
        return mine
    if to.category < 2:
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {to.scalar_name}")
    if to.category != mine.category:
        kind = "complex for complex" if mine.is_complex else "real for real"
        raise RuntimeError(f"{name}: dtype should be {kind} inputs, but got {to.scalar_name}")
    if to is not mine and (to.itemsize <= mine.itemsize):
        raise RuntimeError(
            f"{name}: the dtype of the input ({mine.scalar_name}) should be convertible without narrowing to the specified dtype "
            f"({to.scalar_name})"
        )
    return to


def check_order(self: np.ndarray, ord: Any, dim: Any) -> None:
    """Raises RuntimeError for integers, for a complex order, and for one without identity over nothing."""
    mine = OF_NUMPY[self.dtype]
    if mine.category < 2:
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {mine.scalar_name}")
    if isinstance(ord, complex):
        raise RuntimeError("linalg.vector_norm: Expected a non-complex scalar as the order of norm.")
    if self.size or not (ord < 0 or ord == math.inf):
        return
    shown = f"linalg.vector_norm cannot compute the {ord:g} norm on"
    if dim is None or len(dim) == 0:
        raise RuntimeError(f"{shown} an empty tensor because the operation does not have an identity")
    for d in dim:
        if not self.shape[axes((d,), self.ndim)[0]]:
            raise RuntimeError(f"{shown} the dimension {d}because this dimension is empty and the operation does not have an identity")


def power_mean(ord: float) -> Callable[..., np.ndarray]:
    """The norm of order `ord` of an array of absolute values along axes."""
    if ord == 0:
        return lambda a, d: np.add.reduce((a != 0).astype(a.dtype), d)
    if ord == math.inf:
        return np.maximum.reduce
    if ord == -math.inf:
        return np.minimum.reduce
    if ord == 1:
        return np.add.reduce
    if ord == 2:
        return lambda a, d: np.sqrt(np.add.reduce(a * a, d))
    return lambda a, d: np.add.reduce(a**ord, d) ** (1.0 / ord)


def vector_norm_kernel(self: np.ndarray, ord: Any, dim: Any, keepdim: bool, dtype: dtype | None) -> np.ndarray:
    dim = (dim,) if isinstance(dim, int) else dim
    check_order(self, ord, dim)
    to = norm_dtype(self, dtype)
    dims = axes(dim, self.ndim)
    sizes = modulus(self.astype(to.wide, copy=False))
    single = all(self.shape[d] == 1 for d in dims) and (self.ndim or not dim)  # a number has no dimension of length 1
    if single and ord == 0 and to.is_complex and self.size:
        warn_once(DISCARDS)  # PyTorch casts what it has compared with 0
    order = 1.0 if single and ord != 0 else float(ord)  # of one element: its size, without rounding
    return folded(power_mean(order), sizes, dims, keepdim).astype(to.to_real().np, copy=False)


def vector_norm_rule(g: Any, self: Any, self_dtype: Any, ord: Any, dim: Any, keepdim: bool, result: Any) -> Any:
    """Zero at zero, equal shares to the largest elements of the infinity norms: PyTorch's subgradients.

    Written with `F.mul` where the layout of a product shows: NumPy's operators choose other strides. With `F.pow`, since PyTorch's powers
    go by squares and reciprocals, which overflow. Right operands come first, as in arithmetic.py.
    """
    p = float(ord)
    if p == 0:
        return None
    if dim:  # where none was given a number stays one, which has no part in promotion
        g, result = raised(g, dim, keepdim, self.shape), raised(result, dim, keepdim, self.shape)
    if p == 1:
        return F.mul(F.sgn(self), g)
    if p == 2:
        return F.mul(g, zeroed(F.div(self, result), result == 0))
    sizes = F.abs(self)
    if math.isinf(p):
        mask = (sizes == result) | (sizes != sizes)
        share = F.mul(g / counts(mask, dim, self_dtype), mask)
        return F.mul(F.sgn(self), share)
    steep = F.pow(sizes, p - 1 if p < 2 else p - 2)
    steep = zeroed(steep, self == 0) if p < 1 else steep
    slope = F.mul(F.sgn(self) if p < 2 else self, steep)
    if p < 1:
        power = F.pow(result, 1 - p)
        return F.mul(F.mul(slope, g), power)
    return F.mul(slope, zeroed(g / F.pow(result, p - 1), result == 0))


def vector_norm_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """Zero where the norm is zero, except for orders below 1; the infinity norms share evenly."""
    (self, ord, dim, keepdim, _), result = values, outs[0]
    p, tangent = float(ord), tangents[0].conj()
    if p == 0:
        return F.zeros_like(result)
    if p == 2:
        made = F.sum(F.real(self * tangent), dim, keepdim)
        return zeroed(F.to(made / result, made.dtype), result == 0)
    along, sizes = F.real(F.sgn(self) * tangent), F.abs(self)
    if p == 1:
        return F.sum(along, dim, keepdim)
    if math.isinf(p):
        top = raised(result, dim, keepdim, tuple(self.shape))
        mask = (sizes == top) | ((self != self) & (top != top))
        return F.sum(along * F.to(mask, result.dtype) / F.sum(mask, dim, True), dim, keepdim)
    if p < 1:
        return F.sum(zeroed(sizes ** (p - 1), self == 0) * along, dim, keepdim) * result ** (1 - p)
    made = sizes ** (p - 1) * along if p < 2 else sizes ** (p - 2) * F.real(self * tangent)
    return zeroed(F.sum(made, dim, keepdim) / result ** (p - 1), result == 0)


def vector_norm_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The norms for `out=`."""
    [result] = op.compute(values)[1]
    matching(OF_NUMPY[result.dtype], outs[0]._dtype)
    return in_place_of(values[0], values[2], result, outs[0])


def norm_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The norms for `out=`, by the name that casts."""
    result = op.body(*values)._array  # type: ignore[misc]  # a composite
    check_cast(OF_NUMPY[result.dtype], outs[0]._dtype)
    return in_place_of(values[0], values[2], result, outs[0])


def in_place_of(self: Tensor, dim: Sequence[int] | None, result: np.ndarray, out: Tensor) -> list[np.ndarray]:
    """What is put to a target; where every norm is of a single element PyTorch computes in the target's memory."""
    fit(out, result)
    if dim is not None and self._array.size == result.size:
        check_no_partial_overlap(out, [self], exact=False)
    return [result]


op("linalg.vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
   reduction(vector_norm_kernel, out=vector_norm_into, node="LinalgVectorNormBackward0", stepwise=True, casts=True,
             jvp=vector_norm_tangent),
   self=vector_norm_rule)  # fmt: skip


def matrix_norm_missing(input: Tensor, p: str, dims: Sequence[int]) -> Exception:
    """PyTorch's refusal of a matrix norm, or that there are none here."""
    name = "linalg.matrix_norm"
    if p not in ("fro", "nuc"):
        return RuntimeError(f"{name}: Order {p} not supported.")
    if input.ndim < 2:
        return RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if input._dtype.category < 2:
        return RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {input._dtype.scalar_name}")
    if len(dims) != 2:
        return RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dims))}")
    return NotImplementedError("norm: the nuclear norm of a matrix is not implemented")


def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Any = None,
    keepdim: bool = False,
    out: Tensor | None = None,
    dtype: dtype | None = None,
) -> Tensor:
    """The vector norm of order `p` over `dim`; a matrix norm where `p` is "nuc", or "fro" of more than two dimensions."""
    if not isinstance(input, Tensor):  # PyTorch asks for the layout before it parses anything
        raise AttributeError(f"'{type(input).__name__}' object has no attribute 'layout'")
    dims = [dim] if isinstance(dim, int) else dim
    more = {"dtype": dtype} if out is None else {"dtype": dtype, "out": out}
    if isinstance(p, str) and (p != "fro" or (dims is not None and len(dims) > 2)):
        raise matrix_norm_missing(input, p, list(range(input.ndim)) if dims is None else dims)
    return FUNCTIONS["linalg.vector_norm"](input, 2 if p == "fro" else 2.0 if p is None else p, dims, keepdim, **more)


def norm_method(self: Tensor, p: float | str | None = "fro", dim: Any = None, keepdim: bool = False, dtype: dtype | None = None) -> Tensor:
    """`norm` as a method, which has no `out`."""
    return norm(self, p, dim, keepdim, dtype=dtype)


composite("norm.Scalar(Tensor self, Scalar p=2) -> Tensor", out=True)(lambda self, p: norm(self, p))
composite("norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor", out=norm_into)(norm)
composite("norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor", out=True)(
    lambda self, p, dtype: norm(self, p, dtype=dtype)
)
composite("norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor", out=norm_into)(
    lambda self, p, dim, keepdim, dtype: norm(self, p, dim, keepdim, dtype=dtype)
)
# The public `norm` is a Python function in PyTorch too: it takes names of norms, and chooses no overload.
FUNCTIONS["norm"] = norm
norm_method.__name__ = "norm"
method(norm_method)
