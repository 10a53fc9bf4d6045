"""Reductions over dimensions: sums, products, truth, and what their rules share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy import ndarray

from ..constants import constant
from ..dtypes import OF_NUMPY, bool_, dtype, float32, get_default_dtype, int64, uint8
from ..errors import COMPLEX_OF_REAL
from ..geometry import in_range
from ..lazy import conjugate
from ..memory import empty
from ..modes import is_grad_enabled
from ..once import warn_once
from ..op import F, Op, op, reduction
from ..out import fit, matching
from ..pieces import PIECE, in_pieces
from ..rows import ROW, adding_rows, of_ones, sum_of_all, sum_of_few, sums_along
from ..strided import copied, row_major
from ..tensor import Tensor
from ..transforms import batching_samples
from ..views import check_cast
from .arithmetic import quotient
from .convert import DISCARDS, cast
from .shape import expanded

MANY = 2**14  # elements from which speed counts
LARGE = math.exp(40)  # sums of exponentials up to this, and from its reciprocal on, keep their digits


# -- dimensions --------------------------------------------------------------------------------------------------------
def axes(dim: Any, ndim: int) -> tuple[int, ...]:
    """The dimensions PyTorch's `dim` means, counted from the front: all of them for None and for an empty list.

    Raises IndexError for one out of range, RuntimeError for one given twice.
    """
    if dim is None or dim == () or dim == []:
        return tuple(range(ndim))
    found: list[int] = []
    for d in (dim,) if isinstance(dim, int) else dim:
        d = in_range(d, ndim)
        if d in found:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        found.append(d)
    return tuple(found) if ndim else ()


def kept(shape: tuple[int, ...], dims: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with 1 in place of the reduced dimensions."""
    return tuple(1 if d in dims else n for d, n in enumerate(shape))


@lru_cache(4096)
def kept_of(shape: tuple[int, ...], dim: Any) -> tuple[int, ...]:
    """The same of the dimensions that PyTorch's `dim` means."""
    return kept(shape, axes(dim, len(shape)))


def left(shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> tuple[int, ...]:
    """The shape of a reduction's result."""
    return kept(shape, dims) if keepdim else tuple(n for d, n in enumerate(shape) if d not in dims)


def folded(function: Callable[..., Any], self: np.ndarray, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
    """`function(self, axis)`, row-major whatever the layout of `self`: PyTorch allocates results of reductions so."""
    return compact(function(self, dims), left(self.shape, dims, keepdim))


def compact(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The elements row-major in `shape`, with PyTorch's strides for sides of length 1 too."""
    if type(array) is np.ndarray and array.shape == shape and array.flags.c_contiguous and 1 not in shape:
        return array
    whole = np.asarray(array).reshape(shape)
    return copied(whole, row_major(shape)) if shape else whole  # no view, to which a walk would not add in place


def raised(g: Any, dim: Any, keepdim: bool, shape: tuple[int, ...]) -> Any:
    """`g` with the reduced dimensions of `shape` put back as 1, of a Tensor one by one as PyTorch records it."""
    if keepdim or not shape:
        return g
    if type(g) is np.ndarray and 1 not in shape:  # a side of 1 keeps its step, or gets that of `unsqueeze`
        return g.reshape(kept_of(shape, tuple(dim) if type(dim) is list else dim))
    for d in () if dim == () or dim == [] else sorted(axes(dim, len(shape))):
        g = F.unsqueeze(g, d)
    return g


def spread(g: Any, dim: Any, keepdim: bool, shape: tuple[int, ...]) -> Any:
    """`g` with the reduced dimensions put back, expanded to `shape`."""
    g = g if dim is None else raised(g, dim, keepdim, shape)
    return expanded(g, shape) if type(g) is np.ndarray else F.expand(g, shape)


def counted(shape: tuple[int, ...], dim: Any) -> int:
    """How many elements go into one element of the result."""
    return math.prod(shape[d] for d in axes(dim, len(shape)))


# -- dtypes --------------------------------------------------------------------------------------------------------------
def summed_dtype(self: np.ndarray, to: dtype | None) -> dtype:
    """`to`, or the operand's dtype with integers made int64."""
    mine = OF_NUMPY[self.dtype]
    return to or (mine if mine.category >= 2 else int64)


def accumulated(ufunc: np.ufunc, self: np.ndarray, dim: Any, keepdim: bool, to: dtype) -> np.ndarray:
    """Reduce in dtype `to`; 16-bit floats in float32, rounded once."""
    if self.dtype is to.np is to.wide and self.ndim and dim is None and not keepdim:  # to one element, with nothing to convert
        if ufunc is np.add and to.category == 2:
            if self.size <= ROW:
                return sum_of_few(self)
            if self.size >= MANY and self.flags.c_contiguous:
                return sum_of_all(self)
        made: np.ndarray = ufunc.reduce(self, None, self.dtype, np.empty((), self.dtype))
        return made
    dims = axes(dim, self.ndim)
    wide = cast(self, to.np).astype(to.wide, copy=False)
    if ufunc is np.add and wide.dtype.kind == "f":
        if 0 < len(dims) == wide.ndim and wide.size <= ROW:
            return sum_of_few(wide).astype(to.np, copy=False).reshape(left(self.shape, dims, keepdim))
        if wide.size >= MANY and dims == (wide.ndim - 1,):
            return compact(sums_along(wide, dims[0]), left(self.shape, dims, keepdim)).astype(to.np, copy=False)
        if dims == (0,) and wide.ndim == 2 and wide.flags.c_contiguous and wide.size > 1:  # a product of two numbers may be -0
            add_rows = adding_rows(len(wide), wide.dtype)
            if add_rows is not None:
                return compact(add_rows(wide), left(self.shape, dims, keepdim)).astype(to.np, copy=False)
    return folded(lambda a, d: ufunc.reduce(a, d, dtype=a.dtype), wide, dims, keepdim).astype(to.np, copy=False)


def accumulated_in_rows(ufunc: np.ufunc, self: np.ndarray, dim: Any, keepdim: bool, to: dtype | None) -> Callable[..., Any] | None:
    """What `accumulated` does with few elements of a dtype in which nothing is to be converted."""
    own = self.dtype
    if self.size >= MANY or own.kind not in "fc" or OF_NUMPY[own].low or not (to is None or to.np is own):
        return None
    dims = axes(dim, self.ndim)
    reduce: Callable[..., Any] = ufunc.reduce
    shape = left(self.shape, dims, keepdim)
    few = ufunc is np.add and own.kind == "f" and 1 < self.size <= ROW and len(dims) == self.ndim
    if few and not shape:
        dot, asarray = of_ones(self.size, own).dot, np.asarray
        return lambda self: asarray(dot(self.ravel()))  # what `sum_of_few` comes to
    if not shape:
        return lambda self: reduce(self, None, None, np.empty((), own))
    if few or not self.size or len(dims) != 1:
        return None
    (d,) = dims
    add_rows = adding_rows(len(self), own) if ufunc is np.add and d == 0 and self.ndim == 2 and self.size > 1 else None
    if add_rows is not None:
        return add_rows if shape == self.shape[1:] and 1 not in shape else lambda self: add_rows(self).reshape(shape)
    if 1 in shape:
        return lambda self: reduce(self, d, None, np.empty(shape, own), keepdim)  # in whose strides NumPy has no say
    return lambda self: reduce(self, d)


def refuse(name: str, self: np.ndarray) -> NotImplementedError:
    """What PyTorch's kernels raise for a dtype they have no code for."""
    return NotImplementedError(f"\"{name}\" not implemented for '{OF_NUMPY[self.dtype].scalar_name}'")


def nonempty(name: str, self: np.ndarray, dims: tuple[int, ...]) -> None:
    """Raises IndexError, naming a dimension as it was given, where a reduction without identity would meet an empty one."""
    for d in dims if self.ndim else ():
        if not self.shape[d]:
            raise IndexError(f"{name} Expected reduction dim {d} to have non-zero size.")


def counting(self_dtype: dtype) -> dtype:
    """The dtype in which rules count elements."""
    return float32 if self_dtype.low else self_dtype.to_real()


def counts(mask: Any, dim: Any, self_dtype: dtype) -> Any:
    """How often `mask` holds along `dim`, kept: of Tensors in integers, which have no say in the dtype of a quotient."""
    return F.sum(mask, dim, True) if isinstance(mask, Tensor) else F.sum(mask, dim, True, dtype=counting(self_dtype))


def in_dtype(x: Any, to: dtype | None) -> Any:
    """`x` in the dtype that was asked for, where one was."""
    return x if to is None else F.to(x, to)


def refuse_complex(self_dtype: dtype, to: dtype | None) -> None:
    """PyTorch sends no complex gradient to a real tensor. Raises RuntimeError in its words."""
    if to is not None and to.is_complex and not self_dtype.is_complex:
        raise RuntimeError(COMPLEX_OF_REAL)


# -- out= ------------------------------------------------------------------------------------------------------------------
def into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """Computes in the dtype of the target. Raises RuntimeError where the call asks for another."""
    (self, *others, to), [target] = values, outs
    if to is not None:
        matching(to, target._dtype)
    drops = self._dtype.is_complex and target._dtype.category in (1, 2) and self._array.size
    if not drops or op.schema.name == "nansum":  # which refuses complex numbers
        return op.compute([self, *others, target._dtype])[1]
    found: list[np.ndarray] = op.compute([F.real(F.detach(self)), *others, target._dtype])[1]
    fit(target, found[0])  # of which PyTorch warns before it warns of what it leaves out
    warn_once(DISCARDS)
    return found


def agreeing(text: str, *dtypes: dtype) -> Callable[..., list[np.ndarray]]:
    """An `out=` for which the targets must have the dtype of the operand (or those given), before anything else is looked at."""

    def compute(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
        for t, wanted in zip(outs, dtypes or [values[0]._dtype] * len(outs), strict=True):
            if t._dtype is not wanted:
                raise RuntimeError(text.format(self=wanted.scalar_name, out=t._dtype.scalar_name))
        return op.compute(values)[1]

    return compute


# -- sums ----------------------------------------------------------------------------------------------------------------
def sum_kernel(self: np.ndarray, dim: Any, keepdim: bool, dtype: dtype | None) -> np.ndarray:
    return accumulated(np.add, self, dim, keepdim, summed_dtype(self, dtype))


def sum_rule(g: Any, self_shape: tuple[int, ...], self_dtype: dtype, dtype: dtype | None) -> Any:
    if dtype is not None:
        refuse_complex(self_dtype, dtype)
    if type(g) is not ndarray:
        return F.expand(g, self_shape)
    if g.base is None:  # what `expanded` comes to
        return ndarray(self_shape, g.dtype, g, 0, (0,) * len(self_shape))
    return expanded(g, self_shape)


def sum_dim_rule(g: Any, self_shape: tuple[int, ...], self_dtype: dtype, dim: Any, keepdim: bool, dtype: dtype | None) -> Any:
    if dtype is not None:
        refuse_complex(self_dtype, dtype)
    return spread(g, dim, keepdim, self_shape)


op("sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
   reduction(lambda self, dtype: sum_kernel(self, None, False, dtype), out=False, jvp="linear", moves=True,
             in_rows=lambda self, dtype: accumulated_in_rows(np.add, self, None, False, dtype)),
   self=sum_rule)  # fmt: skip
op("sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
   reduction(sum_kernel, jvp="linear", out=into, moves=True, in_rows=partial(accumulated_in_rows, np.add)),
   self=sum_dim_rule)  # fmt: skip


def nansum_kernel(self: np.ndarray, dim: Any, keepdim: bool, dtype: dtype | None) -> np.ndarray:
    axes(dim, self.ndim)
    if self.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    to = summed_dtype(self, dtype)
    if OF_NUMPY[self.dtype].category < 2:
        return accumulated(np.add, self, dim, keepdim, to)
    if to.is_complex and self.size:
        raise NotImplementedError(f"\"nansum_cpu\" not implemented for '{to.scalar_name}'")
    return accumulated(np.add, np.where(np.isnan(self), np.zeros((), self.dtype), self), dim, keepdim, to)


def nansum_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    to, target = values[-1], outs[0]._dtype
    if values[0]._dtype.category != 2:
        return into(op, values, outs)
    if to is not None and to.category < 2:  # PyTorch sums integers in another call
        matching(to, target)
    if to is not None and to is not target:
        raise RuntimeError(f"nansum: provided dtype must match dtype of result. Got {target.scalar_name} and {to.scalar_name}.")
    if to is None and target.category != 2 and values[0]._array.size:
        raise NotImplementedError(f"\"nansum_cpu\" not implemented for '{target.scalar_name}'")
    return into(op, values, outs)


def nansum_rule(g: Any, self: Any, self_dtype: dtype, dim: Any, keepdim: bool) -> Any:
    return F.mul(spread(F.to(g, self_dtype), dim, keepdim, self.shape), F.eq(self, self))


op("nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
   reduction(nansum_kernel, out=nansum_into, casts=True),
   self=nansum_rule)  # fmt: skip


def averaged_dtype(mine: dtype, to: dtype | None) -> dtype:
    """`to`, or the operand's dtype. Raises RuntimeError for an integral one."""
    found = to or mine
    if found.category < 2:
        which = "Input" if to is None else "Optional"
        must = f"{which} dtype must be either a floating point or complex dtype"
        raise RuntimeError(f"mean(): could not infer output dtype. {must}. Got: {found.scalar_name}")
    return found


def mean_kernel(self: np.ndarray, dim: Any, keepdim: bool, dtype: dtype | None) -> np.ndarray:
    to = averaged_dtype(OF_NUMPY[self.dtype], dtype)
    count = counted(self.shape, dim)
    total = accumulated(np.add, self, dim, keepdim, to if not to.low else float32)
    return np.divide(total, np.asarray(count, total.real.dtype)).astype(to.np, copy=False)


def mean_in_rows(self: np.ndarray, dim: Any, keepdim: bool, dtype: dtype | None) -> Callable[..., Any] | None:
    total = accumulated_in_rows(np.add, self, dim, keepdim, dtype)
    if total is None:
        return None
    count = np.asarray(counted(self.shape, dim), total(self).real.dtype)
    return lambda self: np.asarray(np.divide(total(self), count))


def mean_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    mine, to, target = values[0]._dtype, values[-1], outs[0]._dtype
    if len(values) == 2 and mine.category > target.category:
        raise RuntimeError(f"mean.dtype_out(): input types can't be cast to the desired output type {target.scalar_name}")
    averaged_dtype(mine, to)
    if to is None and target.category < 2:  # PyTorch sums in the target's dtype, then divides
        check_cast(get_default_dtype(), target)
    return into(op, values, outs)


def mean_rule(g: Any, self_shape: tuple[int, ...], self_dtype: dtype, dtype: dtype | None) -> Any:
    count = math.prod(self_shape)
    if type(g) is np.ndarray and not g.ndim and count and g.dtype.char in "fd" and dtype is None:
        made = empty(self_shape, g.dtype)
        made.fill(np.divide(g, constant(count, self_dtype)))  # which is the same for all
        return made
    return quotient(sum_rule(g, self_shape, self_dtype, dtype), count)


op("mean(Tensor self, *, ScalarType? dtype=None) -> Tensor",
   reduction(lambda self, dtype: mean_kernel(self, None, False, dtype), jvp="linear", out=mean_into,
             in_rows=lambda self, dtype: mean_in_rows(self, None, False, dtype)),
   self=mean_rule)  # fmt: skip
op("mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
   reduction(mean_kernel, jvp="linear", out=mean_into, in_rows=mean_in_rows),
   self=lambda g, self_shape, self_dtype, dim, keepdim, dtype:
       quotient(sum_dim_rule(g, self_shape, self_dtype, dim, keepdim, dtype), counted(self_shape, dim)))  # fmt: skip


# -- products --------------------------------------------------------------------------------------------------------------
def prod_kernel(self: np.ndarray, dim: Any, keepdim: bool, dtype: dtype | None) -> np.ndarray:
    to = summed_dtype(self, dtype)
    if not to.low or not self.size or not self.ndim:
        return accumulated(np.multiply, self, dim, keepdim, to)
    dims, given = axes(dim, self.ndim), cast(self, to.np)
    flat = given.reshape(-1, 1) if dim is None else np.moveaxis(given, dim, 0)  # PyTorch rounds every step to 16 bits
    return compact(np.array(np.multiply.accumulate(flat, 0)[-1]), left(self.shape, dims, keepdim))


def product_of_others(self: Any, dim: int) -> Any:
    """For every element the product of the other ones along `dim`, without dividing."""
    n = self.shape[dim]
    if n <= 1:
        return F.ones_like(self)
    one = F.ones_like(F.narrow(self, dim, 0, 1))
    before = F.cumprod(F.cat([one, F.narrow(self, dim, 0, n - 1)], dim), dim)
    after = F.cumprod(F.cat([one, F.flip(F.narrow(self, dim, 1, n - 1), (dim,))], dim), dim)
    return before * F.flip(after, (dim,))


def prod_rule(g: Any, self: Any, self_dtype: dtype, dtype: dtype | None, result: Any) -> Any:
    refuse_complex(self_dtype, dtype)
    return shares_of_product(*(in_dtype(x, dtype) for x in (g, self, result)))


def conjugate_of(x: Any) -> Any:
    """The conjugate in a rule; of arrays with the steps that sides of 1 have, which NumPy forgets."""
    return conjugate(x) if isinstance(x, np.ndarray) and x.dtype.kind == "c" else x.conj()


def looked_for(self: Any) -> int:
    """How many zeros there are; one at least under `vmap`, of whose samples PyTorch cannot tell."""
    return 1 if batching_samples() else int(F.sum(self == 0))


def shares_of_product(g: Any, self: Any, result: Any) -> Any:
    """Divides where nothing is zero. Two zeros leave nothing of a first derivative, but not of a second one."""
    if not self.shape:
        return g
    zeros = looked_for(self)
    if not zeros:
        return F.mul(g, conjugate_of(F.div(result, self)))
    if zeros > 1 and (isinstance(g, np.ndarray) or not is_grad_enabled()):
        return F.zeros_like(self, memory_format="contiguous_format")
    if math.prod(self.shape) == 1:
        return g.reshape(tuple(self.shape))
    flat = F.view(F.contiguous(self), (math.prod(self.shape),))
    return (g * product_of_others(flat, 0).conj()).reshape(tuple(self.shape))


def prod_dim_rule(g: Any, self: Any, self_dtype: dtype, dim: int, keepdim: bool, dtype: dtype | None, result: Any) -> Any:
    refuse_complex(self_dtype, dtype)
    g, self, result = (in_dtype(x, dtype) for x in (g, self, result))
    return shares_of_products(g, self, dim, keepdim, result)


def shares_of_products(g: Any, self: Any, dim: int, keepdim: bool, result: Any) -> Any:
    if not self.shape:
        return g
    if not keepdim:
        g, result = F.unsqueeze(g, dim), F.unsqueeze(result, dim)
    if not looked_for(self):
        return F.mul(g, conjugate_of(F.div(result, self)))
    if self.shape[dim] == 1:
        return g
    return F.mul(g, product_of_others(self, dim % len(self.shape)).conj())


def prod_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """The sum of every tangent times the product of the other elements."""
    (self, *_), result, tangent = values, outs[0], tangents[0].conj()
    one, given = F.ones_like(result), F.to(self, result.dtype)
    if len(values) == 2:
        made = F.sum(shares_of_product(one, given, result) * tangent)
    else:
        dim, keepdim = values[1:3]
        made = F.sum(shares_of_products(one, given, dim, keepdim, result) * tangent, dim, keepdim)
    if result.is_complex():
        return F.to(made.conj(), result.dtype)  # only one of real numbers keeps more precision
    return F.to(F.real(made), result.dtype) if made.is_complex() else made.conj()


op("prod(Tensor self, *, ScalarType? dtype=None) -> Tensor",
   reduction(lambda self, dtype: prod_kernel(self, None, False, dtype), out=False, stepwise=True, jvp=prod_tangent,
             in_rows=lambda self, dtype: accumulated_in_rows(np.multiply, self, None, False, dtype)),
   self=prod_rule)  # fmt: skip
op("prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
   reduction(prod_kernel, out=into, stepwise=True, jvp=prod_tangent, in_rows=partial(accumulated_in_rows, np.multiply)),
   self=prod_dim_rule)  # fmt: skip


# -- logsumexp -------------------------------------------------------------------------------------------------------------
def logsumexp_kernel(self: np.ndarray, dim: Any, keepdim: bool, to: dtype | None = None) -> np.ndarray:
    """Sums in dtype `to` where it is given, else in the operand's."""
    mine = OF_NUMPY[self.dtype]
    mine = mine if mine.category >= 2 else get_default_dtype()
    to = to or mine
    dims = axes(dim, self.ndim)
    wide = self.astype(mine.wide, copy=False)
    if self.size and not keepdim and not dim and self.ndim:
        raise RuntimeError(f"output with shape [] doesn't match the broadcast shape {[1] * self.ndim}")
    if not self.size:
        return folded(lambda a, d: np.log(np.add.reduce(np.exp(a), d)), cast(wide, to.wide), dims, keepdim).astype(to.np, copy=False)
    if self.size >= MANY and to.wide == wide.dtype and wide.dtype.kind == "f":
        total = np.empty(left(self.shape, dims, True), wide.dtype)
        in_pieces(partial(sum_of_exponentials, dims), [wide], total, whole=0 in dims, piece=2 * PIECE)
        if reliable(total, 1 / LARGE):
            return compact(np.log(total, out=total), left(self.shape, dims, keepdim)).astype(to.np, copy=False)
    top = np.maximum.reduce(wide.real, dims, keepdims=True)
    top = np.where(np.isinf(top), 0, top).astype(wide.real.dtype)
    low = rounded_to(mine, wide - top)
    parts = np.exp(low.astype(np.float64)).astype(low.dtype) if low.dtype.char == "f" != to.wide.char else np.exp(low)
    total = rounded_to(to, folded(np.add.reduce, rounded_to(to, cast(rounded_to(mine, parts), to.wide)), dims, keepdim))
    return (rounded_to(to, np.log(total)) + top.reshape(total.shape)).astype(to.np, copy=False)


def rounded_to(d: dtype, wide: np.ndarray) -> np.ndarray:
    """What is computed for a tensor of `d`, as it is read back from it."""
    return wide.astype(d.np).astype(wide.dtype) if d.low else wide


def reliable(total: np.ndarray, least: float) -> bool:
    """Whether sums of exponentials are at least `least`, and no larger than what keeps all digits: else subtract the largest element first.

    This costs less than to look at each element.
    """
    return bool(least < np.minimum.reduce(total, None) and np.maximum.reduce(total, None) < LARGE)


def sum_of_exponentials(dims: tuple[int, ...], self: np.ndarray, out: np.ndarray) -> None:
    if len(dims) == 1:
        out[...] = sums_along(np.exp(self), dims[0])
    else:
        np.add.reduce(np.exp(self), dims, out=out, keepdims=True)


def logsumexp_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    target = outs[0]._dtype
    if target.category < 2:
        raise RuntimeError(f"logsumexp(): Expected floating point type for result tensor, but got: {target.scalar_name}")
    return [logsumexp_kernel(values[0]._array, values[1], values[2], target)]


def logsumexp_rule(g: Any, self: Any, dim: Any, keepdim: bool, result: Any) -> Any:
    g, result = raised(g, dim, keepdim, self.shape), raised(result, dim, keepdim, self.shape)
    if isinstance(self, np.ndarray) and self.size >= MANY and self.dtype.kind == "f" and self.dtype == g.dtype == result.dtype:
        return in_pieces(weighted_piece, [g, self, result], np.empty_like(self), whole=len(g) == 1, piece=2 * PIECE)
    return F.mul(g, F.exp(F.sub(self, result)).conj())


def weighted_piece(g: np.ndarray, self: np.ndarray, result: np.ndarray, out: np.ndarray) -> None:
    np.subtract(self, result, out=out)
    np.exp(out, out=out)
    out *= g


def logsumexp_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """The mean of the tangents weighted by exp(self), scaled by the largest."""
    self, dim, keepdim = values
    weights = F.exp(self - F.amax(F.real(self) if self.is_complex() else self, dim, True) if self.numel() else self)
    return F.sum(weights * tangents[0], dim, keepdim) / F.sum(weights, dim, keepdim)


op("logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor",
   reduction(logsumexp_kernel, out=logsumexp_into, stepwise=True, jvp=logsumexp_tangent), self=logsumexp_rule)  # fmt: skip


# -- truth and counts ------------------------------------------------------------------------------------------------------
def truth(ufunc: np.ufunc, self: np.ndarray, dims: tuple[int, ...], keepdim: bool) -> np.ndarray:
    """`ufunc` over which elements are not zero; uint8 answers in uint8."""
    found = folded(ufunc.reduce, self != 0, dims, keepdim)
    return found.astype(np.uint8) if OF_NUMPY[self.dtype] is uint8 else found


def truth_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """bool, or uint8 whatever the operand is."""
    if outs[0]._dtype not in (bool_, uint8):
        raise RuntimeError(f"{op.schema.name} only supports bool tensor for result, got: {outs[0]._dtype.scalar_name}")
    return op.compute(values)[1]


def some_axes(dim: Any, ndim: int) -> tuple[int, ...]:
    """As `axes`, but an empty list means no dimension: the convention of `all` and `any`."""
    return () if dim == () or dim == [] else axes(dim, ndim)


op("all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor",
   reduction(lambda self, dim, keepdim: truth(np.logical_and, self, axes(dim, self.ndim), keepdim), out=truth_into))  # fmt: skip
op("all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
   reduction(lambda self, dim, keepdim: truth(np.logical_and, self, some_axes(dim, self.ndim), keepdim), out=truth_into))  # fmt: skip
op("all(Tensor self) -> Tensor", reduction(lambda self: truth(np.logical_and, self, axes(None, self.ndim), False), out=truth_into))
op("any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor",
   reduction(lambda self, dim, keepdim: truth(np.logical_or, self, axes(dim, self.ndim), keepdim), out=truth_into))  # fmt: skip
op("any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor",
   reduction(lambda self, dim, keepdim: truth(np.logical_or, self, some_axes(dim, self.ndim), keepdim), out=truth_into))  # fmt: skip
op("any(Tensor self) -> Tensor", reduction(lambda self: truth(np.logical_or, self, axes(None, self.ndim), False), out=truth_into))


def count_kernel(self: np.ndarray, dim: Any) -> np.ndarray:
    return folded(lambda a, d: np.add.reduce(a, d, dtype=np.int64), self != 0, axes(dim, self.ndim), False)


op("count_nonzero(Tensor self, int? dim=None) -> Tensor", reduction(count_kernel, out=False))
op("count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor", reduction(count_kernel, out=False))
