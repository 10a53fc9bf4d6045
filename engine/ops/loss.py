"""Losses: squared and absolute differences, negative log likelihoods, cross entropies."""

from __future__ import annotations

import functools
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import modes
from ..batch_rules import taken_apart
from ..dtypes import OF_NUMPY, dtype
from ..forward import tangent_of
from ..geometry import strides_of
from ..graph import check_compatible
from ..layout import laid_out, pointwise_strides, walk_order
from ..op import F, check_broadcast, composite, op, plain
from ..promotion import common, only
from ..registry import OVERLOADS
from ..routes import front
from ..strided import copied, dense_strides, row_major
from ..tensor import Tensor
from ..unstored import IMMUTABLE
from ..views import check_cast
from .arithmetic import SUBTRACTED_BOOL, SUBTRACTED_BOOLS, number_less, quotient

NONE, MEAN, SUM = 0, 1, 2
SECOND_TANGENT = "Setting a forward grad that itself has a forward gradient at the same level0 is not supported."
INTERNAL: dict[str, Any] = {"function": False, "method": False}


# -- reductions ----------------------------------------------------------------------------------------------------------------
def reduced(loss: np.ndarray, reduction: int) -> np.ndarray:
    """The mean or the sum of a loss, or the loss itself."""
    if reduction == MEAN:
        return np.asarray(np.add.reduce(loss, None) / loss.dtype.type(loss.size))
    return np.asarray(np.add.reduce(loss, None)) if reduction == SUM else loss


def loss_of(errors: Any, reduction: int) -> Any:
    """The same by the ops of those names."""
    return F.mean(errors) if reduction == MEAN else F.sum(errors) if reduction == SUM else errors


def size_of(x: Any) -> int:
    return x.numel() if isinstance(x, Tensor) else x.size


def reduction_number(reduction: str) -> int:
    """PyTorch's number of a reduction. Raises ValueError for an unknown word."""
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=2)
        return MEAN
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return ("none", "mean", "sum").index(reduction)


def reduction_word(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction, unless it is said with the arguments that came before it; warns (UserWarning) then."""
    if size_average is None and reduce is None:
        return reduction
    average, whole = size_average is None or size_average, reduce is None or reduce
    word = "none" if not whole else "mean" if average else "sum"
    warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.", stacklevel=2)
    return word


def native(name: str, *args: Any) -> Any:
    """A native op called with what the user gave: wrong types are refused in its own words."""
    return _front(name)(*args)


@functools.cache
def _front(name: str) -> Callable[..., Any]:
    return front(lambda: OVERLOADS[name].form("function"))


# -- differences -----------------------------------------------------------------------------------------------------------------
def mse_kernel(self: np.ndarray, target: np.ndarray, reduction: int) -> np.ndarray:
    loss = np.square(self - target)
    return reduced(loss, reduction) if reduction != NONE else laid_out(loss, walked(loss.shape, self, target))


def walked(shape: tuple[int, ...], *operands: np.ndarray) -> tuple[int, ...]:
    """The strides PyTorch gives what it computes element by element from `operands`, which broadcast to this shape."""
    return pointwise_strides(shape, tuple((t.shape, strides_of(t)) for t in operands))


def mse_gradient(grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, reduction: int) -> np.ndarray:
    """In the shape, dtype and usual layout of `self`. Raises RuntimeError where that cannot hold the common dtype."""
    operands = [grad_output, self, target]
    check_cast(common(operands), OF_NUMPY[self.dtype])
    d = only("integer real", "mse_backward_cpu_out")(operands).wide
    g, x, t = (a.astype(d, copy=False) for a in operands)
    factor = 2.0 / self.size if reduction == MEAN and self.size else 2.0
    made = np.asarray((d.type(factor) * (x - t)) * g).astype(self.dtype, copy=False)
    return laid_out(made, row_major(made.shape))


def mse_tangent(values: list[Any], tangents: list[Any], outs: list[Tensor]) -> Tensor:
    (self, target, reduction), (along_self, along_target) = values, tangents
    made = F.mse_loss_backward(zeros_for(along_self, self), self, target, NONE)
    return loss_of(made + F.mse_loss_backward(zeros_for(along_target, target), target, self, NONE), reduction)


def mse_gradient_tangent(values: list[Any], tangents: list[Any], outs: list[Tensor]) -> Tensor:
    """Raises RuntimeError as PyTorch does: it divides in place for the mean, which a tangent that is not there does not bear.

    In a batch there are zeros that do.
    """
    (grad_output, self, target, reduction), (along_g, along_self, along_target) = values, tangents
    if reduction == MEAN and (along_self is None or along_target is None) and not modes.current() & modes.BATCHED:
        raise RuntimeError(IMMUTABLE)
    made = None if along_self is None else twice(along_self * grad_output, self, reduction)
    if along_target is not None:
        part = twice(along_target * grad_output, target, reduction)
        made = -part if made is None else made - part
    return sum_of(made, F.mse_loss_backward(zeros_for(along_g, grad_output), self, target, reduction))


def zeros_for(tangent: Tensor | None, primal: Tensor) -> Tensor:
    """A tangent, or the zeros that stand for none: what they meet that is infinite gives NaN."""
    return F.zeros_like(primal) if tangent is None else tangent


def sum_of(*parts: Tensor | None) -> Any:
    """The parts that are there, added up."""
    there = [p for p in parts if p is not None]
    return functools.reduce(operator.add, there) if there else None


op("mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor",
   plain(mse_kernel, only("real", "mse_cpu"), stepwise=True, casts=True, jvp=mse_tangent, **INTERNAL),
   self=lambda g, self, target, reduction: F.mse_loss_backward(g, self, target, reduction),
   target=lambda g, self, target, reduction: F.mse_loss_backward(g, target, self, reduction))  # fmt: skip
op("mse_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor",
   plain(mse_gradient, node="MseLossBackwardBackward0", stepwise=True, jvp=mse_gradient_tangent, **INTERNAL),
   grad_output=lambda g, grad_output, self, target, reduction: F.mse_loss_backward(g, self, target, reduction),
   self=lambda g, grad_output, self, target, reduction: twice(F.mul(g, grad_output), self, reduction),
   target=lambda g, grad_output, target, reduction: F.neg(twice(F.mul(g, grad_output), target, reduction)))  # fmt: skip


def twice(g: Any, x: Any, reduction: int) -> Any:
    return share(F.mul(g, 2), x, None, reduction)


def common_size(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape all broadcast to. Raises RuntimeError where there is none."""
    check_broadcast(shapes)
    return np.broadcast_shapes(*shapes)


def paired(input: Tensor, target: Tensor) -> list[Tensor]:
    """Both in one shape; warns (UserWarning) where they were not."""
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will likely lead to "
            "incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=2,
        )
    return [input, target]


def expanded(tensors: list[Tensor]) -> list[Tensor]:
    """Both in their common shape: views where they were not in it."""
    shape = common_size(*(tuple(t.shape) for t in tensors))
    return [t if tuple(t.shape) == shape else F.expand(t, shape) for t in tensors]


def weighed(errors: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Errors times weights, reduced; the mean is that of the weights. Raises ValueError for an unknown reduction."""
    errors = errors * weight
    if reduction == "none":
        return errors
    if reduction not in ("sum", "mean"):
        raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")
    return F.sum(errors) if reduction == "sum" else F.sum(errors) / F.sum(weight)


def difference_loss(errors: Callable[[Tensor, Tensor], Tensor], name: str) -> Callable[..., Tensor]:
    """The body of a loss of differences: `errors` where there are weights, else the native op `name`."""

    def body(input: Tensor, target: Tensor, size_average: Any, reduce: Any, reduction: str, weight: Tensor | None) -> Tensor:
        pair = paired(input, target)
        reduction = reduction_word(size_average, reduce, reduction)
        first, second = expanded(pair)
        if weight is None:
            return native(name, first, second, reduction_number(reduction))
        if weight.size() != input.size():
            raise ValueError("Weights and input must have the same size.")
        return weighed(errors(first, second), weight, reduction)

    return body


@composite("l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", **INTERNAL)
def l1_loss(self: Tensor, target: Tensor, reduction: int) -> Tensor:
    return loss_of(F.abs(self - target), reduction)


_ARGUMENTS = 'Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction="mean", Tensor? weight=None'
composite(f"nn.functional.mse_loss({_ARGUMENTS}) -> Tensor")(difference_loss(lambda a, b: F.pow(a - b, 2), "mse_loss"))
composite(f"nn.functional.l1_loss({_ARGUMENTS}) -> Tensor")(difference_loss(lambda a, b: F.abs(a - b), "l1_loss"))


# -- binary cross entropy ----------------------------------------------------------------------------------------------------------
EPSILON = float(np.float32(1e-12))  # PyTorch's, a float: keeps the gradient at certain predictions finite
SMALL = 1e-12  # PyTorch's, a double: the same in the gradient of that gradient
LEAST = -100  # PyTorch's: no logarithm counts as less


def wide(*arrays: np.ndarray | None) -> list[Any]:
    """16-bit arrays in float32, others as they are."""
    return [None if a is None else a.astype(OF_NUMPY[a.dtype].wide, copy=False) for a in arrays]


def check_pair(self: np.ndarray, target: np.ndarray, kernel: str) -> dtype:
    """The dtype of both. Raises RuntimeError where they differ, NotImplementedError where it is not floating."""
    d, found = OF_NUMPY[self.dtype], OF_NUMPY[target.dtype]
    if d is not found:
        raise RuntimeError(f"Found dtype {found.scalar_name} but expected {d.scalar_name}")
    if d.category != 2:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{d.scalar_name}'")
    return d


def weigh(loss: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """A loss times its weights, in its own shape and dtype. Raises RuntimeError where they do not broadcast to it."""
    return loss if weight is None else stored(F.mul(loss, weight), loss)


def bce_kernel(self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: int) -> np.ndarray:
    number = check_pair(self, target, "binary_cross_entropy").np.type
    outside = [~((t >= 0) & (t <= 1)) for t in (self, target)]
    if outside[0].any() or outside[1].any():  # PyTorch goes through both at once, as they lie, and tells of the first
        steps = [strides_of(t) for t in (self, target)]
        order = walk_order(self.shape, [dense_strides(self.shape, steps[0]), *steps])[::-1]
        beyond, either = (t.transpose(order).reshape(-1) for t in (outside[0], outside[0] | outside[1]))
        name = "input" if beyond[either.argmax()] else "target"
        raise RuntimeError(f"all elements of {name} should be between 0 and 1")
    least = number(LEAST)
    loss = (target - number(1)) * np.maximum(np.log1p(-self), least) - target * np.maximum(np.log(self), least)
    return loss_of(weigh(arranged(loss, self), weight), reduction)


def arranged(loss: np.ndarray, like: np.ndarray) -> np.ndarray:
    """The loss in memory as what it is of: PyTorch writes it into a tensor like that."""
    return copied(loss, dense_strides(like.shape, strides_of(like)))


def bce_gradient(grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: int) -> np.ndarray:
    """Rounded at every step in 16 bits, in which PyTorch's epsilon may be 0."""
    number = check_pair(self, target, "binary_cross_entropy_backward").np.type
    made = grad_output * (self - target) / np.maximum((number(1) - self) * self, number(EPSILON))
    made = weigh(arranged(made.astype(self.dtype), self), weight)
    return stored(F.div(made, made.size), made) if reduction == MEAN else made


def share(g: Any, x: Any, weight: Any, reduction: int) -> Any:
    """What reaches each element's loss of the gradient of the reduced one."""
    g = g if weight is None else onto(F.mul, g, weight)
    if reduction != MEAN:
        return g
    return quotient(g, size_of(x)) if isinstance(g, Tensor) else F.div(g, size_of(x))


def bce_target(g: Any, self: Any, target: Any, weight: Any, reduction: int) -> Any:
    return share(onto(F.mul, F.neg(F.logit(self)), g), target, weight, reduction)


# PyTorch's compiler has it evaluate right operands first: here those are variables.
def bce_curvature(self: Any, target: Any) -> Any:
    """The second derivative in the input, with PyTorch's epsilons."""
    this = F.add(self, SMALL)
    rest = F.pow(F.add(number_less(1, self), SMALL), 2)
    bottom = F.mul(F.pow(this, 2), rest)
    both = F.mul(F.mul(self, 2), target)
    return F.div(F.add(F.sub(F.mul(self, self), both), target), bottom)


def bce_input(g: Any, grad_output: Any, self: Any, target: Any, weight: Any, reduction: int) -> Any:
    """The derivative of the gradient in the input."""
    curvature = bce_curvature(self, target)
    return share(onto(F.mul, curvature, F.mul(g, grad_output)), self, weight, reduction)


def bce_slope(g: Any, self: Any, target: Any, weight: Any, reduction: int) -> Any:
    """The derivative of the gradient in the gradient it was given."""
    rest = F.add(number_less(1, self), SMALL)
    bottom = F.mul(F.add(self, SMALL), rest)
    return share(onto(F.mul, F.div(F.sub(self, target), bottom), g), self, weight, reduction)


def at_least(x: Any, number: float) -> Any:
    """`x`, which nobody else holds, and no less than `number`: PyTorch does not record that, though forward mode sees it."""
    if not isinstance(x, Tensor):
        return F.clamp_min(x, number)
    with modes.no_grad():
        return x.clamp_min_(number)


def bce_cross(g: Any, grad_output: Any, self: Any, target: Any, weight: Any, reduction: int) -> Any:
    """The derivative of the gradient in the target."""
    made = share(F.mul(F.neg(g), grad_output), target, weight, NONE)
    return share(onto(F.div, made, at_least(F.mul(number_less(1, self), self), SMALL)), target, None, reduction)


def refuse_tangents(*weights: Any) -> None:
    """Raises RuntimeError where a weight carries a tangent, as PyTorch does when it finds one in the tangent of the loss."""
    if any(tangent_of(w) is not None for w in weights):
        raise RuntimeError(SECOND_TANGENT)


def bce_tangent(values: list[Any], tangents: list[Any], outs: list[Tensor]) -> Tensor:
    (self, target, weight, reduction), (along_self, along_target) = values, tangents
    refuse_tangents(weight)
    made = F.binary_cross_entropy_backward(zeros_for(along_self, self), self, target, weight, NONE)
    return loss_of(made if along_target is None else made + bce_target(along_target, self, target, weight, NONE), reduction)


def bce_gradient_tangent(values: list[Any], tangents: list[Any], outs: list[Tensor]) -> Tensor:
    (grad_output, self, target, weight, reduction), (along_g, along_self, along_target) = values, tangents
    refuse_tangents(weight)
    curvature = bce_curvature(self, target)
    along_loss = zeros_for(None if along_self is None else along_self * grad_output, self)
    made = share(onto(F.mul, curvature, along_loss), self, weight, reduction)
    made = made + bce_cross(zeros_for(along_target, target), grad_output, self, target, weight, reduction)
    return made + bce_slope(zeros_for(along_g, grad_output), self, target, weight, reduction)


op("binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor",
   plain(bce_kernel, constants=("weight",), stepwise=True, jvp=bce_tangent, **INTERNAL),
   self=lambda g, self, target, weight, reduction: F.binary_cross_entropy_backward(g, self, target, weight, reduction),
   target=lambda g, self, target, weight, reduction: bce_target(g, self, target, weight, reduction))  # fmt: skip
op("binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor",
   plain(bce_gradient, node="BinaryCrossEntropyBackwardBackward0", constants=("weight",), stepwise=True, jvp=bce_gradient_tangent,
         **INTERNAL),
   grad_output=lambda g, grad_output, self, target, weight, reduction: bce_slope(g, self, target, weight, reduction),
   self=lambda g, grad_output, self, target, weight, reduction: bce_input(g, grad_output, self, target, weight, reduction),
   target=lambda g, grad_output, self, target, weight, reduction:
       bce_cross(g, grad_output, self, target, weight, reduction))  # fmt: skip


def logits_kernel(
    self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, pos_weight: np.ndarray | None, reduction: int
) -> np.ndarray:
    """`binary_cross_entropy` of `sigmoid(self)`, without overflow; the result has the dtype and shape of `1 - target`.

    Computed op by op: what PyTorch writes in place is rounded to the dtype of what it writes to.
    """
    d, into = OF_NUMPY[self.dtype], OF_NUMPY[target.dtype]
    if d.category != 2:
        raise NotImplementedError(f"\"log_sigmoid_cpu\" not implemented for '{d.scalar_name}'")
    if pos_weight is not None and pos_weight.dtype == np.bool_:
        raise RuntimeError(SUBTRACTED_BOOL)
    logarithm = F.log_sigmoid(self)
    if pos_weight is not None:
        logarithm = stored(F.mul(logarithm, F.add(F.mul(F.sub(pos_weight, 1), target), 1)), logarithm)
    if into.category == 0:
        raise RuntimeError(SUBTRACTED_BOOLS)
    loss = laid_out(F.rsub(target, 1), dense_strides(target.shape, strides_of(target)))
    loss = stored(F.mul(loss, self), loss)
    loss = stored(F.sub(loss, logarithm), loss)
    return loss_of(weigh(loss, weight), reduction)


def onto(call: Callable[..., Any], into: Any, other: Any) -> Any:
    """`call(into, other)`, on arrays as what PyTorch writes to `into`, where it need not record."""
    made = call(into, other)
    return made if isinstance(made, Tensor) else stored(made, into)


def stored(made: np.ndarray, into: np.ndarray) -> np.ndarray:
    """A result as a write into `into` leaves it there. Raises RuntimeError where it has another shape or a dtype that does not go there."""
    if made.shape != into.shape:
        raise RuntimeError(f"output with shape {list(into.shape)} doesn't match the broadcast shape {list(made.shape)}")
    check_cast(OF_NUMPY[made.dtype], OF_NUMPY[into.dtype])
    return copied(made.astype(into.dtype, copy=False), strides_of(into))


def logits_gradient(g: Any, self: Any, target: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    if pos_weight is None:
        slope = onto(F.sub, F.sigmoid(self), target)
    else:
        t = F.mul(pos_weight, target)
        slope = onto(F.sub, onto(F.mul, onto(F.sub, F.add(t, 1), target), F.sigmoid(self)), t)
    return share(onto(F.mul, slope, g), self, weight, reduction)


def logits_target(g: Any, self: Any, target: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    back = F.neg(self)
    slope = back if pos_weight is None else F.sub(F.log_sigmoid(back), F.mul(F.log_sigmoid(self), pos_weight))
    return share(F.mul(slope, g), target, weight, reduction)  # of a 0-dim `self` the slope is 0-dim


def of_target(g: Any, target: Any) -> Any:
    """The same. Raises RuntimeError where it cannot be summed to the target's shape: where the loss is one number it has the input's."""
    check_compatible(g, target.shape, "Function BinaryCrossEntropyWithLogitsBackward0 returned an invalid gradient at index 1")
    return g


def logits_tangent(values: list[Any], tangents: list[Any], outs: list[Tensor]) -> Tensor:
    (self, target, weight, pos_weight, reduction), (along_self, along_target) = values, tangents
    refuse_tangents(weight, pos_weight)
    made = sum_of(
        None if along_self is None else logits_gradient(along_self, self, target, weight, pos_weight, NONE),
        None if along_target is None else logits_target(along_target, self, target, weight, pos_weight, NONE),
    )
    return loss_of(made, reduction)


# PyTorch's own parser reads the default `Mean` as no reduction.
op("binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=Mean) "
   "-> Tensor",
   plain(logits_kernel, method=False, constants=("weight", "pos_weight"), stepwise=True, jvp=logits_tangent,
         complex_gradient=False),
   self=lambda g, self, target, weight, pos_weight, reduction: logits_gradient(g, self, target, weight, pos_weight, reduction),
   target=lambda g, self, target, weight, pos_weight, reduction:
       of_target(logits_target(g, self, target, weight, pos_weight, reduction), target))  # fmt: skip


@taken_apart("binary_cross_entropy_with_logits")
def logits_in_steps(self: Tensor, target: Tensor, weight: Tensor | None, pos_weight: Tensor | None, reduction: int) -> Tensor:
    """The same in ops that are differentiable in every argument."""
    largest = F.clamp_min(-self, 0)
    logarithm = F.log((-largest).exp_() + (-self - largest).exp_())  # in place: integers are refused
    if pos_weight is None:
        loss = (1 - target) * self + largest + logarithm
    else:
        loss = (1 - target) * self + ((pos_weight - 1) * target + 1) * (logarithm + largest)
    if weight is not None:
        loss = loss * weight
    return F.mean(loss) if reduction == MEAN else F.sum(loss) if reduction == SUM else loss


_BINARY = 'Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str reduction="mean"'


@composite(f"nn.functional.binary_cross_entropy({_BINARY}) -> Tensor")
def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None, size_average: Any, reduce: Any, reduction: str) -> Tensor:
    number = reduction_number(reduction_word(size_average, reduce, reduction))
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is deprecated. "
            "Please ensure they have the same size."
        )
    if weight is not None:
        weight = F.expand(weight, common_shape(target, weight))
    return native("binary_cross_entropy", input, target, weight, number)


def common_shape(first: Tensor, second: Tensor) -> tuple[int, ...]:
    """The shape both broadcast to. Raises RuntimeError where there is none."""
    a, b = tuple(first.shape), tuple(second.size())
    known = [1] * (len(b) - len(a)) + list(a)
    for i in range(1, len(b) + 1):
        if known[-i] == 1:
            known[-i] = b[-i]
        elif b[-i] not in (1, known[-i]):
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {b[-i]} at {-i}! Mismatching argument at index 1 had {second.size()}; but "
                f"expected shape should be broadcastable to {known}"
            )
    return tuple(known)


@composite(f"nn.functional.binary_cross_entropy_with_logits({_BINARY}, Tensor? pos_weight=None) -> Tensor")
def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Any, size_average: Any, reduce: Any, reduction: str, pos_weight: Any
) -> Tensor:
    number = reduction_number(reduction_word(size_average, reduce, reduction))
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return native("binary_cross_entropy_with_logits", input, target, weight, pos_weight, number)
