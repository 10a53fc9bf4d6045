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
from ..layout import iterated, laid_out
from ..op import F, composite, op, plain, pointwise
from ..promotion import Promote, common, only
from ..registry import OVERLOADS
from ..tensor import Tensor, in_range, strides_of
from .arithmetic import not_implemented

HALF_TO_FLOAT = "softmax with half to float conversion is not supported on CPU"


# -- softmax -------------------------------------------------------------------------------------------------------------------
def along(kernel: Callable[..., np.ndarray], name: str) -> Callable[..., np.ndarray]:
    """A kernel over one dimension, with PyTorch's refusals under the name of its own; the result is contiguous.

    It runs in double precision and is rounded once: what a likelihood's gradient is made of is lost in probabilities near 1.
    """

    def compute(arrays: Sequence[np.ndarray], dim: int) -> np.ndarray:
        shape, d = arrays[0].shape, arrays[0].dtype
        dim = in_range(dim, len(shape))
        if not arrays[0].size:
            return np.empty(shape, d)
        if d.kind in "biuc":
            raise not_implemented(f"{name}_lastdim_kernel_impl" if dim >= len(shape) - 1 else f"{name}_kernel_impl", arrays[0])
        wide = [np.atleast_1d(a).astype(np.float64, copy=False) for a in arrays]
        return np.ascontiguousarray(kernel(*wide, dim), d).reshape(shape)

    return compute


def forward(kernel: Callable[..., np.ndarray], name: str) -> Callable[..., np.ndarray]:
    """The kernel of `_softmax` or `_log_softmax`. Raises RuntimeError where it would have to convert."""
    compute = along(kernel, name)

    def normalise(self: np.ndarray, dim: int, half_to_float: bool) -> np.ndarray:
        if half_to_float:
            raise RuntimeError(HALF_TO_FLOAT)
        return compute([self], dim)

    return normalise


def backward(kernel: Callable[..., np.ndarray], name: str) -> Callable[..., np.ndarray]:
    """The kernel of `_softmax_backward_data` or `_log_softmax_backward_data`."""
    compute = along(kernel, f"{name}_backward")
    return lambda grad_output, output, dim, input_dtype: compute([grad_output, output], dim)


def without_complex_gradients(name: str) -> Promote:
    """The common dtype. Raises RuntimeError where it is complex and an empty operand requires grad: others have no kernel."""

    def promote(operands: Sequence[Any]) -> dtype:
        d, needy = common(operands), any(isinstance(t, Tensor) and t.requires_grad and not t.numel() for t in operands)
        if d.is_complex and needy and modes.is_grad_enabled():
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


op("_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
   plain(forward(softmax_kernel, "softmax"), without_complex_gradients("_softmax"),
         function=False, method=False, node="SoftmaxBackward0"),
   self=lambda g, result, dim, self_dtype: F._softmax_backward_data(g, result, dim, self_dtype))  # fmt: skip
op("_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
   plain(forward(log_softmax_kernel, "log_softmax"), without_complex_gradients("_log_softmax"),
         function=False, method=False, node="LogSoftmaxBackward0"),
   self=lambda g, result, dim, self_dtype: F._log_softmax_backward_data(g, result, dim, self_dtype))  # fmt: skip
# A formula of a backward keeps all that any of them mentions, hence the arguments that are not used.
op("_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
   plain(backward(lambda grad_output, output, dim: (grad_output - total(grad_output * output, dim)) * output, "softmax"),
         without_complex_gradients("_softmax_backward_data"), function=False, method=False, node="SoftmaxBackwardDataBackward0"),
   grad_output=lambda g, grad_output, output, dim, input_dtype: F._softmax_backward_data(g, output, dim, input_dtype),
   output=lambda g, grad_output, output, dim:
       grad_output * g - F.sum(output * g, [dim], True) * grad_output - g * F.sum(grad_output * output, [dim], True))  # fmt: skip
op("_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
   plain(backward(lambda grad_output, output, dim: grad_output - np.exp(output) * total(grad_output, dim), "log_softmax"),
         without_complex_gradients("_log_softmax_backward_data"), function=False, method=False, node="LogSoftmaxBackwardDataBackward0"),
   grad_output=lambda g, grad_output, output, dim: g - F.sum(g * F.exp(output), [dim], True),
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


def passed(grad_output: np.ndarray, self: np.ndarray, threshold: Any) -> np.ndarray:
    """The gradient where `self` is above the threshold, laid out as PyTorch does: like `self` first."""
    made = np.where(self <= threshold, grad_output.dtype.type(0), grad_output)
    if made.strides == self.strides:
        return made
    return laid_out(made, iterated(made.shape, [strides_of(np.broadcast_to(t, made.shape)) for t in (self, grad_output)]))


def log_sigmoid_kernel(self: np.ndarray) -> np.ndarray:
    """`log(sigmoid(self))` without overflow."""
    return np.ascontiguousarray(np.minimum(self, 0) - np.log1p(np.exp(-np.abs(self)))).reshape(self.shape)


op("relu(Tensor self) -> Tensor",
   pointwise(relu_kernel, out=False, inplace_function=True),
   self=lambda g, result: F.threshold_backward(g, result, 0))  # fmt: skip
op("threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor",
   plain(passed, only("integer real", "threshold_cpu"), function=False, method=False, node="ThresholdBackwardBackward0"),
   grad_output=lambda g, self, threshold: F.threshold_backward(g, self, threshold),
   self=lambda g, self: F.zeros_like(g))  # fmt: skip
op("log_sigmoid(Tensor self) -> Tensor",
   plain(log_sigmoid_kernel, only("real", "log_sigmoid_cpu"), function=False, method=False),
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
