"""Rectifiers, sigmoids with their backward ops, and what `nn.functional` calls a layer without weights of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from ..batching import Batched
from ..calls import FUNCTIONS, Form
from ..dtypes import OF_NUMPY, dtype
from ..geometry import strides_of
from ..number import converted
from ..op import OPS, F, composite, op, plain, pointwise, write
from ..pieces import elementwise
from ..promotion import common, only
from ..registry import OVERLOADS
from ..routes import front
from ..select import BITS, FEW, where, zero_where
from ..strided import dense_strides, laid_out, new
from ..tangents import along, by, plus
from ..tensor import Tensor
from .addmm import ADDMM
from .arithmetic import less, more, times
from .complex import complex_of
from .shape import T
from .ternary import COMPLEX_BOUNDS, or_zeros

ZEROS = 4096  # elements, of which the nearest cache has room for some rows


# -- rectifiers ----------------------------------------------------------------------------------------------------------------
def rectifying(operands: Sequence[Any]) -> dtype:
    """The common dtype. Raises RuntimeError for bools, NotImplementedError for complex numbers."""
    d = common(operands)
    if d.category == 0:
        raise RuntimeError("Boolean inputs not supported for relu")
    if d.is_complex:
        raise NotImplementedError(COMPLEX_BOUNDS)
    return d


def relu_kernel(self: np.ndarray) -> np.ndarray:
    """NaN and -0 stay: NumPy's maximum of two zeros is the second."""
    if self.size < FEW or not self.flags.c_contiguous:
        zero = none(self.dtype)
        return np.maximum(0 if zero is None else zero, self)
    return elementwise(relu_piece, self)


@cache
def zeros(of: np.dtype) -> np.ndarray:
    """A row of them: the maximum of two arrays is taken four times as fast as that of a number and an array."""
    return np.zeros(ZEROS, of)


def relu_piece(self: np.ndarray, out: np.ndarray) -> None:
    """Of as many elements as there are zeros at a time, in one call: these then stay in the nearest cache."""
    flat, made, least = self.reshape(-1), out.reshape(-1), zeros(self.dtype)
    whole = flat.size // ZEROS * ZEROS
    np.maximum(least, flat[:whole].reshape(-1, ZEROS), out=made[:whole].reshape(-1, ZEROS))
    if whole < flat.size:
        np.maximum(least[: flat.size - whole], flat[whole:], out=made[whole:])


def passed(grad_output: np.ndarray, self: np.ndarray, threshold: Any) -> np.ndarray:
    """The gradient where `self` is above the threshold, laid out as PyTorch does: like `self` first."""
    if self.size < FEW and threshold == 0 and self.strides == grad_output.strides and 1 not in self.shape == grad_output.shape:
        zero = none(grad_output.dtype)
        if self.flags.c_contiguous and grad_output.dtype is self.dtype and zero is not None:
            return np.where(self <= zero, zero, grad_output)
    if grad_output.itemsize in BITS and grad_output.strides == self.strides and self.shape == grad_output.shape and self.size >= FEW:
        return elementwise(partial(passed_piece, threshold), grad_output, self)
    return laid_out(where(self <= threshold, np.zeros((), grad_output.dtype), grad_output), [self, grad_output])


@cache
def none(of: np.dtype) -> np.ndarray | None:
    """A zero as an array, which ufuncs take in half the time of a number; None where numbers are no floats of their own."""
    return np.zeros((), of) if of.char in "fd" else None


def passed_piece(threshold: Any, grad_output: np.ndarray, self: np.ndarray, out: np.ndarray) -> None:
    zero_where(self <= threshold, grad_output, out)


def through_relu(g: Any, result: Any) -> Any:
    alike = type(g) is np.ndarray and g.dtype is result.dtype  # what the op comes to then
    return passed(g, result, 0) if alike else F.threshold_backward(g, result, 0)


thresholding = only("integer real", "threshold_cpu")


def hold_threshold(self: Tensor, threshold: Any, value: Any) -> None:
    """Raises RuntimeError where 16-bit floats cannot hold the value, or float32, in which PyTorch has their threshold, cannot hold that."""
    thresholding([self])
    if self._dtype.low:
        converted(threshold, np.dtype(np.float32))
        converted(value, self._dtype.np)


def threshold_kernel(self: np.ndarray, threshold: Any, value: Any) -> np.ndarray:
    """`value` where `self` is not above the threshold; NaN stays."""
    bound = converted(threshold, np.dtype(np.float32) if OF_NUMPY[self.dtype].low else self.dtype)
    return laid_out(where(self <= bound, converted(value, self.dtype), self), [self])


op("relu(Tensor self) -> Tensor",
   pointwise(relu_kernel, rectifying, out=False, inplace=lambda self: rectifying([self])),
   self=through_relu)  # fmt: skip
op("threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor",
   plain(threshold_kernel, thresholding, promotes=("self",), method=False, out="cast", jvp="pointwise", first=hold_threshold),
   self=lambda g, self, threshold: F.threshold_backward(g, self, threshold))  # fmt: skip
op("threshold_(Tensor(a!) self, Scalar threshold, Scalar value) -> Tensor(a!)",
   write(threshold_kernel, method=False, overlaps=True, jvp="pointwise", first=hold_threshold, node="ThresholdBackward1"),
   self=lambda g, self, threshold: F.threshold_backward(g, self, threshold))  # fmt: skip
op("threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor",
   plain(passed, thresholding, function=False, method=False, node="ThresholdBackwardBackward0"),
   grad_output=lambda g, self, threshold: F.threshold_backward(g, self, threshold),
   self=lambda g, self: F.zeros_like(g))  # fmt: skip


# -- sigmoids ------------------------------------------------------------------------------------------------------------------
def tanh_backward_kernel(grad_output: np.ndarray, output: np.ndarray) -> np.ndarray:
    """`g * (1 - output ** 2)`, its difference rounded once: PyTorch has an instruction for that, and two factors do as well."""
    if output.dtype.kind == "c":  # conjugated before zero is taken from it, which decides its sign
        square = output * output
        return grad_output * complex_of(1 - square.real, square.imag)
    return (1 - output) * (1 + output) * grad_output


def sigmoid_backward_kernel(grad_output: np.ndarray, output: np.ndarray) -> np.ndarray:
    if output.dtype.kind == "c":
        return grad_output * ((1 - output).conj() * output.conj())
    return (1 - output) * grad_output * output


def log_sigmoid_kernel(self: np.ndarray) -> np.ndarray:
    """`log(sigmoid(self))` without overflow."""
    rest = np.log1p(np.exp(-np.abs(self), dtype=np.float64))  # NumPy's single logarithms lose a digit that shows where they are cast
    return np.ascontiguousarray((np.minimum(self, 0) - rest).astype(self.dtype, copy=False)).reshape(self.shape)


def log_sigmoid_backward_kernel(grad_output: np.ndarray, self: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    """The gradient of `log_sigmoid`; `buffer` is `exp(-abs(self))`."""
    share = buffer / (1 + buffer)
    made = new(grad_output.shape, dense_strides(grad_output.shape, strides_of(grad_output)), grad_output.dtype)
    made[...] = np.where(self < 0, 1 - share, 0 + share) * grad_output
    return made


def tanh_backward_along(grad_output: Any, output: Any, g: Any, o: Any, result: Any) -> Any:
    """The tangent of `tanh_backward`: here and below a missing one of the gradient counts as zeros, so that none is -0."""
    moved = F.tanh_backward(or_zeros(g, grad_output), output)
    return plus(moved, by(conjugated(o), lambda: -2 * output.conj() * grad_output))


def sigmoid_backward_along(grad_output: Any, output: Any, g: Any, o: Any, result: Any) -> Any:
    moved = F.sigmoid_backward(or_zeros(g, grad_output), output)
    return plus(moved, by(by(conjugated(o), lambda: grad_output), lambda: -2 * output.conj() + 1))


def log_sigmoid_backward_along(grad_output: Any, self: Any, buffer: Any, g: Any, s: Any, result: Any) -> Any:
    moved = F.log_sigmoid_backward(or_zeros(g, grad_output), self, buffer)
    return plus(moved, by(s, lambda: grad_output * (F.sigmoid(self) - 1) * F.sigmoid(self)))


def conjugated(tangent: Any) -> Any:
    return None if tangent is None else tangent.conj()


def tanh_twice_backward(g: Any, grad_output: Any, output: Any) -> Any:
    slope = times(output.conj(), -2) * grad_output  # PyTorch's compiler has it evaluate right operands first
    return g.conj() * slope


def sigmoid_twice_backward(g: Any, grad_output: Any, output: Any) -> Any:
    slope = more(times(output.conj(), -2), 1)
    return g.conj() * grad_output * slope


INTERNAL: dict[str, Any] = {"function": False, "method": False, "inplace": False, "out": False}

# A formula of a backward keeps all that any of them mentions, hence the arguments that are not used.
op("tanh_backward(Tensor grad_output, Tensor output) -> Tensor",
   pointwise(tanh_backward_kernel, only("real complex", "tanh_backward_cpu"), jvp=along(tanh_backward_along), **INTERNAL),
   grad_output=lambda g, grad_output, output: F.tanh_backward(g, output.conj()),
   output=tanh_twice_backward)  # fmt: skip
op("sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor",
   pointwise(sigmoid_backward_kernel, only("real complex", "sigmoid_backward_cpu"), jvp=along(sigmoid_backward_along), **INTERNAL),
   grad_output=lambda g, grad_output, output: F.sigmoid_backward(g, output.conj()),
   output=sigmoid_twice_backward)  # fmt: skip


def bent_by_sigmoid(g: Any, share: Any) -> Any:
    return F.mul(F.mul(g, less(share, 1)), share)


op("log_sigmoid(Tensor self) -> Tensor",
   plain(log_sigmoid_kernel, only("real", "log_sigmoid_cpu"), function=False, method=False, jvp="pointwise"),
   self=lambda g, self: F.log_sigmoid_backward(g, self, F.detach(F.exp(-F.abs(self)))))  # fmt: skip
op("log_sigmoid_backward(Tensor grad_output, Tensor self, Tensor buffer) -> Tensor",
   plain(log_sigmoid_backward_kernel, only("real", "log_sigmoid_backward_cpu"), function=False, method=False, constants=("buffer",),
         jvp=along(log_sigmoid_backward_along)),
   grad_output=lambda g, grad_output, self, buffer: F.log_sigmoid_backward(g, self, buffer),
   self=lambda g, grad_output, self, buffer: bent_by_sigmoid(g * grad_output, F.sigmoid(self)))  # fmt: skip


@composite("nn.functional.relu(Tensor input, bool inplace=False) -> Tensor")
def functional_relu(input: Tensor, inplace: bool) -> Tensor:
    return FUNCTIONS["relu_" if inplace else "relu"](input)


@composite("nn.functional.threshold(Tensor input, float threshold, float value, bool inplace=False) -> Tensor")
def functional_threshold(input: Tensor, threshold: float, value: float, inplace: bool) -> Tensor:
    return FUNCTIONS["threshold_" if inplace else "threshold"](input, threshold, value)


def _threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """What PyTorch calls it in its errors of arguments."""
    made: Tensor = OPS["nn.functional.threshold"].direct(input, threshold, value, inplace)
    return made


FUNCTIONS["nn.functional.threshold"] = _threshold


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
        made: Tensor = ADDMM.direct(bias, input, T.direct(weight), 1, 1)
        return made
    row = bias is not None and (bias.dim() == 1 or sum(n != 1 for n in bias.shape) == 1) and bias.is_contiguous()
    if bias is not None and row and input.is_contiguous():
        return _flattened(input, weight, bias)
    product = F.matmul(input, F.t(weight))
    if isinstance(bias, Batched):  # there may be one for each sample of a batch that the product is the same for
        return product + bias
    return product if bias is None else product.add_(bias)


def _flattened(input: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    lead = tuple(input.shape[:-1])
    flat = F.reshape(input, (math.prod(lead), input.shape[-1]))
    made = F.addmm(bias, flat, F.t(weight))
    return F.view(made, (*lead, made.shape[1]))


# PyTorch's is native, not Python: wrong arguments are refused in the words of the native parser.
LINEAR = Form("linear", OVERLOADS["nn.functional.linear"].ops, "function", False)
FUNCTIONS["nn.functional.linear"] = front(lambda: LINEAR)
