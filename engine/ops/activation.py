"""Softmax and its logarithm, rectifiers, and what `nn.functional` calls a layer without weights of its own."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import modes
from ..calls import FUNCTIONS, Form
from ..dtypes import dtype
from ..op import F, composite, op, plain, pointwise
from ..promotion import Promote, common, only
from ..registry import OVERLOADS
from ..tensor import Tensor, in_range
from .arithmetic import not_implemented

HALF_TO_FLOAT = "softmax with half to float conversion is not supported on CPU"


# -- softmax -------------------------------------------------------------------------------------------------------------------
def along(kernel: Callable[[np.ndarray, int], np.ndarray], name: str) -> Callable[..., np.ndarray]:
    """A kernel that normalises one dimension, with PyTorch's refusals under the name of its own."""

    def normalise(self: np.ndarray, dim: int, half_to_float: bool) -> np.ndarray:
        if half_to_float:
            raise RuntimeError(HALF_TO_FLOAT)
        dim = in_range(dim, self.ndim)
        if not self.size:
            return np.empty(self.shape, self.dtype)
        if self.dtype.kind in "biuc":
            raise not_implemented(f"{name}_lastdim_kernel_impl" if dim >= self.ndim - 1 else f"{name}_kernel_impl", self)
        wide = np.atleast_1d(self).astype(np.float64, copy=False)
        return np.ascontiguousarray(kernel(wide, dim), self.dtype).reshape(self.shape)

    return normalise


def without_complex_gradients(name: str) -> Promote:
    """The dtype of the operand. Raises RuntimeError for a complex one that requires grad, which PyTorch gets to only where it is empty."""

    def promote(operands: Sequence[Any]) -> dtype:
        t, d = operands[0], common(operands)
        if d.is_complex and isinstance(t, Tensor) and t.requires_grad and not t.numel() and modes.is_grad_enabled():
            raise RuntimeError(f"{name} does not support automatic differentiation for outputs with complex dtype.")
        return d

    return promote


def total(array: np.ndarray, dim: int) -> np.ndarray:
    """The sum over one dimension, which stays; of no dimensions the element itself."""
    return np.sum(array, dim, keepdims=True) if array.ndim else array


def softmax_kernel(self: np.ndarray, dim: int) -> np.ndarray:
    parts = np.exp(self - np.max(self, dim, keepdims=True))
    return parts / total(parts, dim)


def log_softmax_kernel(self: np.ndarray, dim: int) -> np.ndarray:
    low = self - np.max(self, dim, keepdims=True)
    return low - np.log(total(np.exp(low), dim))


def doubly(kernel: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """`kernel` in double precision and rounded once: probabilities near 1 are what the gradient of a likelihood is lost in."""

    def rounded(a: np.ndarray, b: np.ndarray, *more: Any) -> np.ndarray:
        return kernel(a.astype(np.float64, copy=False), b.astype(np.float64, copy=False), *more).astype(a.dtype, copy=False)

    return rounded


op("_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
   plain(along(softmax_kernel, "softmax"), without_complex_gradients("_softmax"),
         function=False, method=False, node="SoftmaxBackward0"),
   self=lambda g, result, dim, self_dtype: F._softmax_backward_data(g, result, dim, self_dtype))  # fmt: skip
op("_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
   plain(along(log_softmax_kernel, "log_softmax"), without_complex_gradients("_log_softmax"),
         function=False, method=False, node="LogSoftmaxBackward0"),
   self=lambda g, result, dim, self_dtype: F._log_softmax_backward_data(g, result, dim, self_dtype))  # fmt: skip
op("_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
   plain(doubly(lambda grad_output, output, dim, input_dtype: (grad_output - total(grad_output * output, dim)) * output),
         common, function=False, method=False, node="SoftmaxBackwardDataBackward0"),
   grad_output=lambda g, output, dim, input_dtype: F._softmax_backward_data(g, output, dim, input_dtype),
   output=lambda g, grad_output, output, dim:
       grad_output * g - F.sum(output * g, [dim], True) * grad_output - g * F.sum(grad_output * output, [dim], True))  # fmt: skip
op("_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
   plain(doubly(lambda grad_output, output, dim, input_dtype: grad_output - np.exp(output) * total(grad_output, dim)),
         common, function=False, method=False, node="LogSoftmaxBackwardDataBackward0"),
   grad_output=lambda g, output, dim: g - F.sum(g * F.exp(output), [dim], True),
   output=lambda g, grad_output, output, dim: -(F.sum(grad_output, [dim], True) * F.exp(output)) * g)  # fmt: skip


@composite("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", out="matching")
def softmax(self: Tensor, dim: int, dtype: dtype | None) -> Tensor:
    return F._softmax(self if dtype is None else F.to(self, dtype), dim, False)


@composite("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", out="matching")
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


# -- rectifiers and sigmoids ---------------------------------------------------------------------------------------------------
def relu_kernel(self: np.ndarray) -> np.ndarray:
    """The positive part. Raises RuntimeError for bools, NotImplementedError for complex numbers."""
    if self.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    if self.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    return np.where(self < 0, self.dtype.type(0), self)  # NaN and -0 stay


def log_sigmoid_kernel(self: np.ndarray) -> np.ndarray:
    """`log(sigmoid(self))` without overflow."""
    return np.minimum(self, 0) - np.log1p(np.exp(-np.abs(self)))


op("relu(Tensor self) -> Tensor",
   pointwise(relu_kernel, out=False, inplace_function=True),
   self=lambda g, result: F.threshold_backward(g, result, 0))  # fmt: skip
op("threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor",
   pointwise(lambda grad_output, self, threshold: np.where(self <= threshold, grad_output.dtype.type(0), grad_output),
             function=False, method=False, inplace=False, out=False, node="ThresholdBackwardBackward0"),
   grad_output=lambda g, self, threshold: F.threshold_backward(g, self, threshold),
   self=lambda g: F.zeros_like(g))  # fmt: skip
op("log_sigmoid(Tensor self) -> Tensor",
   pointwise(log_sigmoid_kernel, only("real", "log_sigmoid_cpu"), function=False, method=False, inplace=False, out=False),
   self=lambda g, self: g * F.sigmoid(-self))  # fmt: skip


@composite("nn.functional.relu(Tensor input, bool inplace=False) -> Tensor")
def functional_relu(input: Tensor, inplace: bool) -> Tensor:
    return FUNCTIONS["relu_" if inplace else "relu"](input)


@composite("nn.functional.sigmoid(Tensor input) -> Tensor")
def functional_sigmoid(input: Tensor) -> Tensor:
    return input.sigmoid()


@composite("nn.functional.tanh(Tensor input) -> Tensor")
def functional_tanh(input: Tensor) -> Tensor:
    return input.tanh()


@composite("nn.functional.softsign(Tensor input) -> Tensor")
def softsign(input: Tensor) -> Tensor:
    return input / (input.abs() + 1)


# -- linear --------------------------------------------------------------------------------------------------------------------
@composite("nn.functional.linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor")
def linear(input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`input @ weight.t() + bias`. Source of the order of steps: `linear` in PyTorch's Linear.cpp, which the graph shows."""
    ranks = input.dim(), weight.dim()
    if 0 in ranks:
        raise RuntimeError(f"both arguments to linear need to be at least 1D, but they are {ranks[0]}D and {ranks[1]}D")
    if bias is not None and ranks[0] == 2:
        return F.addmm(bias, input, F.t(weight))
    if bias is not None and bias.dim() == 1 and bias.is_contiguous() and input.is_contiguous():
        return _flattened(input, weight, bias)
    product = F.matmul(input, F.t(weight))
    return product if bias is None else product.add_(bias)


def _flattened(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    lead = tuple(input.shape[:-1])
    flat = F.reshape(input, (math.prod(lead), input.shape[-1]))
    made = F.addmm(bias, flat, F.t(weight))
    return F.view(made, (*lead, made.shape[1]))


# PyTorch's is native, not Python: wrong arguments are refused in the words of the native parser.
FUNCTIONS["nn.functional.linear"] = Form("linear", OVERLOADS["nn.functional.linear"].ops, "function", False)
