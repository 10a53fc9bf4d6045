"""Softmax and its logarithm along one dimension, their backward ops, and what `nn.functional` calls of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..dtypes import OF_NUMPY, dtype
from ..forward import Composition
from ..fused import fused
from ..geometry import in_range
from ..memory import empty
from ..op import F, Op, composite, op, plain
from ..out import matching
from ..pieces import PIECE, in_pieces
from ..rows import sums_along
from ..tensor import Tensor
from .arithmetic import not_implemented
from .reduce import MANY, logsumexp_tangent, reliable

HALF_TO_FLOAT = "softmax with half to float conversion is not supported on CPU"
DOUBLE = np.dtype(np.float64)
LEAST = 0.5  # a sum of exponentials from which what loses digits in one of them would lose them as a share, too
LANES = 32  # elements of 16 bits in a step of PyTorch's vector loops
SHORT, SEVERAL = 32, 32  # elements of a row up to which, and rows from which, a copy by columns costs less than it saves


def along(kernel: Callable[..., np.ndarray], name: str, fast: Callable[..., None] | None = None) -> Callable[..., np.ndarray]:
    """A kernel over one dimension, with PyTorch's refusals under the name of its own; the result is contiguous.

    It gets arrays of at least one dimension, those of 16 bits in float32, the dimension, and what they were of. `fast` does the
    same for MANY elements, in the precision of the operand and without PyTorch's order of steps, which shows in few elements only.
    """

    def compute(arrays: Sequence[np.ndarray], dim: int) -> np.ndarray:
        shape, d = arrays[0].shape, arrays[0].dtype
        dim = in_range(dim, len(shape))
        if not arrays[0].size:
            return np.empty(shape, d)
        if d.kind in "biuc":
            raise not_implemented(f"{name}_lastdim_kernel_impl" if dim >= len(shape) - 1 else f"{name}_kernel_impl", arrays[0])
        if fast is not None and d.itemsize > 2 and arrays[0].size >= MANY:
            return many(fast, arrays, dim)
        if shape and d.itemsize > 2:
            return np.ascontiguousarray(kernel(*arrays, dim, d))
        wide = [(a if a.ndim else a.reshape(1)).astype(OF_NUMPY[d].wide, copy=False) for a in arrays]
        return np.ascontiguousarray(kernel(*wide, dim, d), d).reshape(shape)

    return compute


def many(fast: Callable[..., None], arrays: Sequence[np.ndarray], dim: int) -> np.ndarray:
    """`fast(dim, *arrays, out)` in pieces along the first dimension, where that is another one: the fewer arrays, the larger."""
    made = empty(arrays[0].shape, arrays[0].dtype)
    return in_pieces(partial(fast, dim), arrays, made, whole=dim == 0, piece=8 * PIECE // len(arrays))


def forward(kernel: Callable[..., np.ndarray], name: str, fast: Callable[..., None]) -> Callable[..., np.ndarray]:
    """The kernel of `_softmax` or `_log_softmax`. Raises RuntimeError where it would have to convert."""
    compute = along(kernel, name, fast)

    def normalise(self: np.ndarray, dim: int, half_to_float: bool) -> np.ndarray:
        if half_to_float:
            raise RuntimeError(HALF_TO_FLOAT)
        return compute([self], dim)

    return normalise


def in_rows(kernel: Callable[..., np.ndarray]) -> Callable[..., Any]:
    """What is left to do with few elements in row-major order of a dtype in which nothing is to be converted."""

    def way(self: np.ndarray, dim: int, half_to_float: bool) -> Callable[..., Any] | None:
        d = self.dtype
        if half_to_float or not self.ndim or self.size >= MANY or d.kind != "f" or d.itemsize <= 2:
            return None
        place = in_range(dim, self.ndim)
        return lambda self: kernel(self, place, d)

    return way


def backward(kernel: Callable[..., np.ndarray], name: str, fast: Callable[..., None]) -> Callable[..., np.ndarray]:
    """The kernel of `_softmax_backward_data` or `_log_softmax_backward_data`."""
    compute = along(kernel, f"{name}_backward", fast)
    return lambda grad_output, output, dim, input_dtype: compute([grad_output, output], dim)


# -- what PyTorch's loops compute: by another formula along the last dimension, whose elements are neighbours, than along others -----
def accurate(function: np.ufunc, x: np.ndarray) -> np.ndarray:
    """Rounded correctly, as nearly always in PyTorch: NumPy's own in float32 is up to 2 ULP off, which shows where results cancel."""
    wide = x.astype(DOUBLE)
    return function(wide, wide).astype(x.dtype, copy=False)


def largest(x: np.ndarray, dim: int) -> np.ndarray:
    """The largest along one dimension, which is kept: of short rows from a copy by columns, of which NumPy compares many at once."""
    if dim == 1 and x.ndim == 2 and x.shape[1] <= SHORT and x.shape[0] >= SEVERAL:
        by_column: np.ndarray = np.maximum.reduce(x.T.copy(), 0)
        return by_column[:, None]
    return np.asarray(np.maximum.reduce(x, dim, keepdims=True))


def softmax_kernel(self: np.ndarray, dim: int, of: np.dtype) -> np.ndarray:
    parts = accurate(np.exp, self - largest(self, dim))
    total = np.add.reduce(parts, dim, keepdims=True)
    if dim == self.ndim - 1:
        np.divide(1, total, total)
        return np.multiply(parts, total, parts)
    return (parts if of.itemsize > 2 else stored(parts, dim, of)) / total


def stored(parts: np.ndarray, dim: int, of: np.dtype) -> np.ndarray:
    """The exponentials as they are read back from a result of 16 bits: rounded where no whole step of a vector loop is left."""
    rows = parts.reshape(*parts.shape[: dim + 1], -1)
    rest = rows[..., rows.shape[-1] // LANES * LANES :]
    rest[...] = rest.astype(of)
    return rows.reshape(parts.shape)


def log_softmax_kernel(self: np.ndarray, dim: int, of: np.dtype) -> np.ndarray:
    low = self - largest(self, dim)
    total = np.add.reduce(accurate(np.exp, low), dim, keepdims=True)
    if dim == self.ndim - 1 and of.itemsize == 2:  # kept in 16 bits for all rows before the first is written
        return low - np.log(total.astype(of).astype(self.dtype)).astype(of).astype(self.dtype)
    return np.subtract(low, accurate(np.log, total), low)


def softmax_backward(grad_output: np.ndarray, output: np.ndarray, dim: int, of: np.dtype) -> np.ndarray:
    if dim == output.ndim - 1 or output.shape[dim] > LANES:  # of many terms nobody counts on an order
        total = added(grad_output * output, dim)
    else:
        total = summed(grad_output, output, dim)
    return (grad_output - total) * output


def added(terms: np.ndarray, dim: int) -> np.ndarray:
    """The sum, which starts from the first term along the last dimension and from 0 along others: it may be -0 there."""
    return np.add.reduce(terms, dim, keepdims=True, initial=-0.0 if dim == terms.ndim - 1 else 0.0)


def summed(a: np.ndarray, b: np.ndarray, dim: int) -> np.ndarray:
    """The sum of the products from the first to the last, each rounded only as it is added: where they cancel that is what is left."""
    total = np.zeros_like(a.take([0], dim))
    for i in range(a.shape[dim]):
        total = fused(a.take([i], dim), b.take([i], dim), total)
    return total


def log_softmax_backward(grad_output: np.ndarray, output: np.ndarray, dim: int, of: np.dtype) -> np.ndarray:
    parts, total = accurate(np.exp, output), added(grad_output, dim)
    if output.dtype != np.float32:
        return fused(-parts, total, grad_output)
    wide = parts.astype(DOUBLE)  # holds the product exactly, so that nothing is rounded but the result: what `fused` does, in place
    wide *= total.astype(DOUBLE)
    return np.subtract(grad_output.astype(DOUBLE), wide, wide).astype(output.dtype)


# -- many elements ---------------------------------------------------------------------------------------------------------------
def exponentials(dim: int, self: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Write exponentials to `out`; their sums along the dimension, and what had to be subtracted from the elements, if anything."""
    total = sums_along(np.exp(self, out=out), dim)
    if reliable(total, LEAST):
        return total, None
    top = np.maximum.reduce(self, dim, keepdims=True)
    np.exp(np.subtract(self, top, out=out), out=out)
    return sums_along(out, dim), top


def many_softmax(dim: int, self: np.ndarray, out: np.ndarray) -> None:
    out *= 1 / exponentials(dim, self, out)[0]


def many_log_softmax(dim: int, self: np.ndarray, out: np.ndarray) -> None:
    total, top = exponentials(dim, self, out)
    low = self if top is None else np.subtract(self, top, out=out)
    np.subtract(low, np.log(total), out=out)


def many_softmax_backward(dim: int, grad_output: np.ndarray, output: np.ndarray, out: np.ndarray) -> None:
    if dim == output.ndim - 1:
        total = np.vecdot(grad_output, output)[..., None]
    else:
        total = np.add.reduce(np.multiply(grad_output, output, out=out), dim, keepdims=True)
    np.subtract(grad_output, total, out=out)
    out *= output


def many_log_softmax_backward(dim: int, grad_output: np.ndarray, output: np.ndarray, out: np.ndarray) -> None:
    np.exp(output, out=out)
    out *= sums_along(grad_output, dim)
    np.subtract(grad_output, out, out=out)


# -- the ops -------------------------------------------------------------------------------------------------------------------
def softmax_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    return outs[0] * log_softmax_tangent(values, tangents, outs)


def log_softmax_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    self, dim, _ = values
    return tangents[0] - logsumexp_tangent([self, dim, True], tangents, outs)


def softmax_backward_steps(grad_output: Tensor, output: Tensor, dim: int, input_dtype: dtype) -> Tensor:
    product = grad_output * output
    return product - output * F.sum(product, [dim], True)


def log_softmax_backward_steps(grad_output: Tensor, output: Tensor, dim: int, input_dtype: dtype) -> Tensor:
    return grad_output - F.exp(output) * F.sum(grad_output, [dim], True)


def softmax_twice_backward(g: Any, grad_output: Any, output: Any, dim: int) -> Any:
    """The gradient of the gradient with respect to the result; each step is an op, whose layout shows in the last."""
    last = F.mul(grad_output, F.sum(F.mul(output, g), [dim], True))  # PyTorch's compiler has it evaluate right operands first
    second = F.mul(F.sum(F.mul(output, grad_output), [dim], True), g)
    return F.sub(F.sub(F.mul(grad_output, g), second), last)


def log_softmax_twice_backward(g: Any, grad_output: Any, output: Any, dim: int) -> Any:
    """The same of the logarithm."""
    parts = F.exp(output)
    return F.mul(F.mul(-F.sum(grad_output, [dim], True), parts), g)


WORDS: dict[str, Any] = {"function": False, "method": False, "complex_gradient": False}

op("_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
   plain(forward(softmax_kernel, "softmax", many_softmax), node="SoftmaxBackward0", jvp=softmax_tangent,
         in_rows=in_rows(softmax_kernel), casts=True, **WORDS),
   self=lambda g, result, dim, self_dtype: F._softmax_backward_data(g, result, dim, self_dtype))  # fmt: skip
op("_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
   plain(forward(log_softmax_kernel, "log_softmax", many_log_softmax), node="LogSoftmaxBackward0", jvp=log_softmax_tangent,
         in_rows=in_rows(log_softmax_kernel), casts=True, **WORDS),
   self=lambda g, result, dim, self_dtype: F._log_softmax_backward_data(g, result, dim, self_dtype))  # fmt: skip
# A formula of a backward keeps all that any of them mentions, hence the arguments that are not used.
op("_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
   plain(backward(softmax_backward, "softmax", many_softmax_backward),
         node="SoftmaxBackwardDataBackward0", jvp=Composition(softmax_backward_steps), **WORDS),
   grad_output=lambda g, grad_output, output, dim, input_dtype: F._softmax_backward_data(g, output, dim, input_dtype),
   output=softmax_twice_backward)  # fmt: skip
op("_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
   plain(backward(log_softmax_backward, "log_softmax", many_log_softmax_backward), node="LogSoftmaxBackwardDataBackward0",
         jvp=Composition(log_softmax_backward_steps), **WORDS),
   grad_output=lambda g, grad_output, output, dim: g - F.sum(g * F.exp(output), [dim], True),
   output=log_softmax_twice_backward)  # fmt: skip


def into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The result for `out=`, whose dtype PyTorch looks at once it has converted the operand."""
    self, dim, to = values
    given = self if to is None else F.to(self, to)
    matching(given.dtype, outs[0].dtype)
    made: Tensor = op.body(given, dim, None)  # type: ignore[misc]  # a composite has one
    return [made._array]


@composite("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", out=into, underived=True)
def softmax(self: Tensor, dim: int, dtype: dtype | None) -> Tensor:
    return F._softmax(self if dtype is None else F.to(self, dtype), dim, False)


@composite("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", out=into, underived=True)
def log_softmax(self: Tensor, dim: int, dtype: dtype | None) -> Tensor:
    return F._log_softmax(self if dtype is None else F.to(self, dtype), dim, False)


def implied_dim(name: str, rank: int, stacklevel: int) -> int:
    """The dimension PyTorch takes where none is given; warns (UserWarning)."""
    text = f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument."
    warnings.warn(text, stacklevel=stacklevel + 2 if isinstance(stacklevel, int) else stacklevel)
    return 0 if rank in (0, 1, 3) else 1


@composite("nn.functional.softmax(Tensor input, int? dim=None, int _stacklevel=3, ScalarType? dtype=None) -> Tensor")
def functional_softmax(input: Tensor, dim: int | None, _stacklevel: int, dtype: dtype | None) -> Tensor:
    dim = implied_dim("softmax", input.dim(), _stacklevel) if dim is None else dim
    return input.softmax(dim) if dtype is None else input.softmax(dim, dtype=dtype)


@composite("nn.functional.log_softmax(Tensor input, int? dim=None, int _stacklevel=3, ScalarType? dtype=None) -> Tensor")
def functional_log_softmax(input: Tensor, dim: int | None, _stacklevel: int, dtype: dtype | None) -> Tensor:
    dim = implied_dim("log_softmax", input.dim(), _stacklevel) if dim is None else dim
    return input.log_softmax(dim) if dtype is None else input.log_softmax(dim, dtype=dtype)


@composite("nn.functional.softmin(Tensor input, int? dim=None, int _stacklevel=3, ScalarType? dtype=None) -> Tensor")
def softmin(input: Tensor, dim: int | None, _stacklevel: int, dtype: dtype | None) -> Tensor:
    dim = implied_dim("softmin", input.dim(), _stacklevel) if dim is None else dim
    return (-input).softmax(dim) if dtype is None else (-input).softmax(dim, dtype=dtype)
