"""Negative log likelihoods and cross entropies of classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .. import modes
from ..batch_refusals import refuse_no_first, refuse_no_samples_of
from ..batch_rules import NoRule, taken_apart
from ..batching import innermost, whole
from ..constants import constant
from ..dtypes import OF_NUMPY, int64
from ..forward import Composition
from ..geometry import strides_of
from ..layout import laid_out
from ..memory import empty
from ..op import OPS, F, composite, op, plain, refuse_gradient
from ..strided import dense_strides, new, row_major
from ..tensor import Tensor, wrap
from ..transforms import differentiated_inside
from .arithmetic import not_implemented, quotient, times
from .loss import INTERNAL, MEAN, NONE, SUM, native, reduction_number, reduction_word

UNSIGNED = np.dtype(np.uint64)
MANY = 2**14  # targets up to which it is remembered where their rows begin


# -- negative log likelihood -----------------------------------------------------------------------------------------------------
def check_likelihood(self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, kernel: str, spatial: bool) -> None:
    """Raises as PyTorch does where scores, targets and weights do not go together."""
    if weight is None and self.ndim == 2 and self.shape[:1] == target.shape and target.dtype.char == "l" and self.dtype.char in "fd":
        return  # as nearly always
    if spatial:
        _check_spatial(self, target, weight)
    else:
        _check_flat(self, target, weight)
    found = _check_classes(target)
    d = OF_NUMPY[self.dtype]
    if d.category != 2:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{d.scalar_name}'")
    if spatial and found == "Byte" and target.size:
        raise RuntimeError("expected scalar type Long but found Byte")
    if weight is not None and weight.dtype != self.dtype:
        raise RuntimeError(f"expected scalar type {d.scalar_name} but found {OF_NUMPY[weight.dtype].scalar_name}")


def _check_classes(target: np.ndarray) -> str:
    """The name of the targets' dtype. Raises RuntimeError for one that cannot number classes."""
    found = OF_NUMPY[target.dtype].scalar_name
    if found not in ("Long", "Byte"):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {found}")
    return found


def _check_flat(self: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> None:
    if self.ndim not in (1, 2):
        raise RuntimeError("input tensor should be 1D or 2D")
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if self.ndim == 2 and self.shape[0] != (target.size if target.ndim else 0):
        raise RuntimeError(f"size mismatch (got input: {list(self.shape)}, target: {list(target.shape)})")
    _check_classes(target)
    if self.ndim == 2 and not target.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    if self.ndim == 1 and target.ndim == 1 and target.size != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.size}")
    classes = self.shape[-1]
    if weight is not None and (weight.ndim != 1 or weight.size != classes):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: "
            f"{list(weight.shape)}"
        )


def _check_spatial(self: np.ndarray, target: np.ndarray, weight: np.ndarray | None) -> None:
    if target.ndim != 3:
        raise RuntimeError(f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}")
    if self.ndim != 4:
        raise RuntimeError(f"only batches of spatial inputs supported (4D tensors), but got input of dimension: {self.ndim}")
    _check_classes(target)
    if weight is not None and weight.size != self.shape[1]:
        raise RuntimeError("weight tensor should be defined either for all or no classes")
    if (self.shape[0], *self.shape[2:]) != target.shape:
        raise RuntimeError(f"size mismatch (got input: {list(self.shape)} , target: {list(target.shape)}")


def picked(shape: tuple[int, ...], target: np.ndarray, ignore_index: int) -> tuple[tuple[Any, ...], np.ndarray | None]:
    """Where each target's score is among scores with classes at dimension 1 (0 of a vector), and which targets count: None says all.

    Raises IndexError for a target that is no class.
    """
    target = target.astype(np.int64, copy=False)
    if len(shape) == 1:
        target = target.reshape(())
    classes = shape[0] if len(shape) == 1 else shape[1]
    counts = None
    if 0 <= ignore_index < classes or not all_below(classes, target):
        counts = target != ignore_index
        wrong = counts & ((target < 0) | (target >= classes))
        if wrong.any():
            raise IndexError(f"Target {target[wrong].flat[0]} is out of bounds.")
        target = np.where(counts, target, 0)
    if target.ndim == 1:
        return (np.arange(target.size), target), counts
    where = np.indices(target.shape, sparse=True)
    return (*where[:1], target, *where[1:]), counts


def all_below(size: int, target: np.ndarray) -> bool:
    """True where each is from 0 to `size - 1`: as unsigned, a negative number is a very large one."""
    if not target.flags.c_contiguous or not target.size:
        return not target.size
    found = target.view(UNSIGNED)
    return bool(found.item(found.argmax()) < size)


def in_rows(self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int) -> np.ndarray | None:
    """Where the scores of the targets are, where all count alike and scores lie row by row, as they nearly always do; else None."""
    if weight is not None or self.ndim != 2 or not self.size or not self.flags.c_contiguous or target.size > MANY:
        return None
    if self.dtype.char not in "fd" or target.dtype.char != "l":
        return None
    classes = self.shape[1]
    if 0 <= ignore_index < classes or not all_below(classes, target):
        return None
    places: np.ndarray = row_starts(target.size, classes) + target
    return places


@lru_cache(64)
def row_starts(rows: int, size: int) -> np.ndarray:
    """Where each row of so many elements begins."""
    return np.arange(rows) * size


def weights_of(target: np.ndarray, counts: np.ndarray | None, weight: np.ndarray | None, d: np.dtype) -> np.ndarray | None:
    """The weight of every target, 0 of those that do not count; None where each is 1."""
    if weight is None or not weight.size:
        return None if counts is None else counts.astype(d)
    weights: np.ndarray = weight.astype(d, copy=False).reshape(-1)[target]  # of one class it may be a number
    return weights if counts is None else np.where(counts, weights, d.type(0))


def mean_or_sum(scores: np.ndarray, reduction: int) -> Any:
    """The loss where these scores are all that counts. PyTorch's sums start at 0, not at -0."""
    if reduction == NONE:
        return -scores
    total = 0 - np.add.reduce(scores, None)
    return total if reduction == SUM else total / scores.dtype.type(scores.size)


def likelihood(spatial: bool) -> Callable[..., np.ndarray]:
    """The kernel of `nll_loss`, or of `nll_loss2d`."""
    kernel = "nll_loss2d_forward_out_frame" if spatial else "nll_loss_out_frame"

    def loss_of(self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: int, ignore_index: int) -> np.ndarray:
        check_likelihood(self, target, weight, kernel, spatial)
        places = in_rows(self, target, weight, ignore_index)
        if places is not None:
            return mean_or_sum(self.take(places), reduction)
        key, counts = picked(self.shape, target, ignore_index)
        d = OF_NUMPY[self.dtype].wide
        classes = key[0 if self.ndim == 1 else 1]
        weights = weights_of(classes, counts, weight, d)
        scores = self[key].astype(d, copy=False) if self.size else np.zeros(classes.shape, d)
        batch = reduction == NONE and self.ndim > 1
        if weights is None:
            loss = -scores if batch else 0 - scores  # PyTorch's sums start at 0, not at -0
        else:
            loss = -scores * weights if batch else 0 - scores * weights
        if counts is not None:
            loss = np.where(counts, loss, d.type(0))
        if reduction != NONE:
            loss = np.add.reduce(loss, None)
        if reduction == MEAN:
            loss = loss / (d.type(classes.size) if weights is None else np.add.reduce(weights, None))
        return np.asarray(loss, self.dtype, order="C")

    return loss_of


def likelihood_gradient(spatial: bool) -> Callable[..., np.ndarray]:
    """The kernel of `nll_loss_backward`, or of `nll_loss2d_backward`: minus the weight at every target's class."""
    kernel = "nll_loss2d_backward_out_frame" if spatial else "nll_loss_backward_out_frame"

    def gradient(
        grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: int, ignore_index: int,
        total_weight: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        if spatial and not laid_out(self, dense_strides(self.shape, strides_of(self))).flags.c_contiguous:
            raise RuntimeError("grad_input must be contiguous")  # PyTorch differentiates contiguous images only
        if OF_NUMPY[self.dtype].category != 2:
            raise not_implemented(kernel, self)
        if spatial or not self.size:
            made = new(self.shape, dense_strides(self.shape, strides_of(self)) if spatial else row_major(self.shape), grad_output.dtype)
        else:
            made = empty(self.shape, grad_output.dtype)
        made.fill(0)
        places = in_rows(self, target, weight, ignore_index)
        if places is not None:
            g = -grad_output[()]
            made.reshape(-1)[places] = g / total_weight.astype(made.dtype, copy=False)[()] if reduction == MEAN else g
            return made
        key, counts = picked(self.shape, target, ignore_index)
        if not self.size:
            return made
        weights = weights_of(key[0 if self.ndim == 1 else 1], counts, weight, made.dtype)
        g = -grad_output / total_weight.astype(made.dtype, copy=False) if reduction == MEAN else -grad_output
        if self.ndim == 1:
            g = g.reshape(())
        if weights is not None:
            g = g * weights
        made[key] = g if counts is None else np.where(counts, g, made.dtype.type(0))
        return made

    return gradient


def total_weight(target: Any, weight: Any, ignore_index: int) -> Any:
    """The sum of the weights of all targets that count: no gradient flows into it, so it is computed on arrays in both modes."""
    recorded = isinstance(target, Tensor)
    array, given = target._array if recorded else target, weight._array if isinstance(weight, Tensor) else weight
    counts = array != constant(ignore_index, int64)
    if given is None:
        total = np.array(np.count_nonzero(counts), np.float32)
    else:
        total = np.asarray(np.add.reduce(given[array[counts].astype(np.int64)], None))
    return wrap(total, OF_NUMPY[total.dtype]) if recorded else total


def likelihood_steps(
    grad_output: Tensor, self: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int, total_weight: Tensor
) -> Tensor:
    """The gradient of a likelihood as PyTorch composes it for tangents."""
    dim = 1 if self.dim() > 1 else 0
    if reduction == MEAN:
        grad_output = grad_output / total_weight
    target = F.unsqueeze(target[0] if self.dim() == 1 and target.dim() else target, dim)
    counts = target != ignore_index
    made = F.scatter(F.zeros_like(self), dim, F.where(counts, target, 0), -1.0)
    if made.dim() > grad_output.dim() > 0:
        grad_output = F.unsqueeze(grad_output, dim)
    if weight is not None:
        grad_output = grad_output * F.reshape(weight, [-1 if i == dim else 1 for i in range(self.dim())])
    return made * F.where(counts, grad_output, 0)


def likelihood_of_samples(self: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int) -> Tensor:
    """A likelihood in ops of any dtype that are differentiable in every argument.

    Raises NoRule where a transform inside differentiates, and where a sample is refused for its shape.
    """
    level = innermost([self, target, weight])
    sizes = tuple(self.shape)
    if level is None or differentiated_inside(level) or (len(sizes) > 1 and (*sizes[:1], *sizes[2:]) != tuple(target.shape)):
        raise NoRule
    dim, counts = min(self.dim() - 1, 1), target != ignore_index
    weights = None
    if weight is not None:
        weights = F.view(weight, [-1 if d == dim else 1 for d in range(self.dim())])
        self = self * weights
    classes = F.unsqueeze(F.where(counts, target, 0), dim)
    try:
        scores = F.gather(self, dim, classes)
    except RuntimeError:  # for a target that is no class, which a sample refuses in words about targets
        raise NoRule from None
    loss = F.where(counts, -F.squeeze(scores, dim), 0)
    if reduction == NONE:
        return loss
    if reduction == SUM:
        return F.sum(loss)
    if weights is None:
        total = F.to(F.sum(counts), self.dtype)
    else:
        total = F.sum(F.where(counts, F.squeeze(F.gather(F.expand(weights, self.shape), dim, classes), dim), 0))
    made = F.sum(loss)
    if whole(total, level) is None:
        refuse_no_first([made], level)
    return made / total


for _key in ("nll_loss", "nll_loss2d"):
    taken_apart(_key)(likelihood_of_samples)


def refuse_weights(function: str) -> Callable[..., None]:
    """A look at the arguments that raises RuntimeError where weights require grad."""

    def look(self: Any, target: Any, weight: Any, reduction: int, ignore_index: int) -> None:
        if weight is not None and modes.is_grad_enabled():
            refuse_gradient(weight, "weight", function)

    return look


LIKELY: dict[str, Any] = {"complex_gradient": False, **INTERNAL}
STEPS: dict[str, Any] = {"constants": ("weight", "total_weight"), "jvp": Composition(likelihood_steps), **LIKELY}

op("nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor",
   plain(likelihood(False), node="NllLossBackward0", first=refuse_weights("nll_loss_forward"), jvp="linear", **LIKELY),
   self=lambda g, self, target, weight, reduction, ignore_index:
       F.nll_loss_backward(g, self, target, weight, reduction, ignore_index, total_weight(target, weight, ignore_index)))  # fmt: skip
op("nll_loss_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, int ignore_index, "
   "Tensor total_weight) -> Tensor",
   plain(likelihood_gradient(False), node="NllLossBackwardBackward0", **STEPS),
   grad_output=lambda g, target, weight, reduction, ignore_index: F.nll_loss(g, target, weight, reduction, ignore_index),
   self=lambda g, target, weight, total_weight: F.zeros_like(g))  # fmt: skip
op("nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor",
   plain(likelihood(True), node="NllLoss2DBackward0", first=refuse_weights("nll_loss2d_forward"), jvp="linear", **LIKELY),
   self=lambda g, self, target, weight, reduction, ignore_index:
       F.nll_loss2d_backward(g, self, target, weight, reduction, ignore_index, total_weight(target, weight, ignore_index)))  # fmt: skip
op("nll_loss2d_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, int ignore_index, "
   "Tensor total_weight) -> Tensor",
   plain(likelihood_gradient(True), node="NllLoss2DBackwardBackward0", **STEPS),
   grad_output=lambda g, target, weight, reduction, ignore_index: F.nll_loss2d(g, target, weight, reduction, ignore_index),
   self=lambda g, target, weight, total_weight: F.zeros_like(g))  # fmt: skip


@composite("nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor", **INTERNAL)
def nll_loss_nd(self: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int) -> Tensor:
    """The likelihood of classes at dimension 1 of scores of any rank."""
    rank, sizes = self.dim(), self._array.shape
    if rank < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {rank})")
    batch = target._array.shape[0] if target.dim() else 0
    if rank != 1 and sizes[0] != batch:
        raise ValueError(f"Expected input batch_size ({sizes[0]}) to match target batch_size ({batch}).")
    if rank < 3:
        return F.nll_loss(self, target, weight, reduction, ignore_index)
    if rank == 4:
        return F.nll_loss2d(self, target, weight, reduction, ignore_index)
    return _of_any_rank(self, target, weight, reduction, ignore_index)


def _of_any_rank(self: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int) -> Tensor:
    shape = (self.shape[0], *self.shape[2:])
    if not target.dim():
        raise RuntimeError("ArrayRef: invalid slice, N = 1; size = 0")
    if tuple(target.shape[1:]) != shape[1:]:
        raise RuntimeError(f"Expected target size {list(shape)}, got {list(target.shape)}")
    n, c = self.shape[:2]
    for t, size in ((self, [n, c, 1, -1]), (target, [n, 1, -1])):
        if t.numel():
            refuse_no_samples_of(t, size)
    flat = F.view(F.contiguous(self), (n, c, 1, -1) if self.numel() else (n, c, 0, 0))
    target = F.view(F.contiguous(target), (n, 1, -1) if target.numel() else (n, 0, 0))
    loss = F.nll_loss2d(flat, target, weight, reduction, ignore_index)
    return loss if reduction != NONE else F.view(loss, shape)


_CLASSES = (
    "Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? reduce=None, "
    'str reduction="mean"'
)


@composite(f"nn.functional.nll_loss({_CLASSES}) -> Tensor")
def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None, size_average: Any, ignore_index: int, reduce: Any, reduction: str
) -> Tensor:
    word = reduction_word(size_average, reduce, reduction)
    return native("nll_loss_nd", input, target, weight, reduction_number(word), ignore_index)


# -- cross entropy -----------------------------------------------------------------------------------------------------------------
def check_smoothing(label_smoothing: float) -> None:
    if label_smoothing > 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")


def share_of(number: float, classes: int) -> float:
    """What each class gets of a number, as C++ divides."""
    return number / classes if classes else math.inf


def along_classes(weight: Tensor, rank: int) -> Tensor:
    """Weights of classes, in a shape that broadcasts with scores."""
    return weight if rank < 2 else F.view(weight, [-1 if i == 1 else 1 for i in range(rank)])


def of_probabilities(self: Tensor, target: Tensor, weight: Tensor | None, reduction: int, label_smoothing: float) -> Tensor:
    """Cross entropy with the probability of every class."""
    class_dim = 0 if self.dim() == 1 else 1
    classes = self.size(class_dim)
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
            f"shape: {list(weight.shape)}"
        )
    scores = F._log_softmax(self, class_dim, False)
    if label_smoothing > 0:
        check_smoothing(label_smoothing)
        target = OPS["add.Scalar"].run([times(target, 1 - label_smoothing), share_of(label_smoothing, classes), 1])
    spread = None if weight is None else along_classes(weight, scores.dim())
    loss = scores * target if spread is None else scores * target * spread
    if reduction == NONE:
        return -F.sum(loss, [class_dim])
    total = F.sum(loss)
    if reduction == MEAN and not scores.numel():
        return -total.fill_(float("nan"))
    return -total if reduction == SUM else quotient(-total, scores.numel() // classes)


def counted_weights(target: Tensor, ignored: Tensor, weight: Tensor) -> Tensor:
    """The weights of all classes that are not ignored; where those are of samples, zeros for the others."""
    if innermost([weight]) is None:
        return F.gather(weight, 0, F.flatten(F.masked_select(target, F.logical_not(ignored))))
    return F.masked_fill(F.gather(weight, 0, F.flatten(F.masked_fill(target, ignored, 0))), F.flatten(ignored), 0)


def smoothed(self: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int, label_smoothing: float) -> Tensor:
    """Cross entropy with classes of which a share is spread over all."""
    check_smoothing(label_smoothing)
    class_dim = 0 if self.dim() == 1 else 1
    scores = F._log_softmax(self, class_dim, False)
    likely = nll_loss_nd(scores, target, weight, reduction, ignore_index)
    classes = scores.size(class_dim)
    smooth = -F.sum(scores if weight is None else scores * along_classes(weight, scores.dim()), [class_dim])
    ignored = target == ignore_index
    smooth.masked_fill_(ignored, 0.0)
    if reduction == MEAN:
        counted = F.sum(~ignored if weight is None else counted_weights(target, ignored, weight))
        smooth = F.sum(smooth) / counted
    elif reduction == SUM:
        smooth = F.sum(smooth)
    smooth = times(smooth, share_of(label_smoothing, classes))  # PyTorch's compiler has it evaluate right operands first
    return times(likely, 1 - label_smoothing) + smooth


@composite(
    "cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, "
    "float label_smoothing=0.) -> Tensor",
    **INTERNAL,
)
def cross_entropy_loss(
    self: Tensor, target: Tensor, weight: Tensor | None, reduction: int, ignore_index: int, label_smoothing: float
) -> Tensor:
    """Cross entropy with probabilities, where the target has the shape of the scores, else with classes."""
    shape = self._array.shape
    if shape == target._array.shape:
        if not target.is_floating_point():
            raise RuntimeError(f"Expected floating point type for target with class probabilities, got {target.dtype.scalar_name}")
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return of_probabilities(self, target, weight, reduction, label_smoothing)
    if label_smoothing > 0:
        return smoothed(self, target, weight, reduction, ignore_index, label_smoothing)
    return nll_loss_nd(F._log_softmax(self, 0 if len(shape) == 1 else 1, False), target, weight, reduction, ignore_index)


@composite(f"nn.functional.cross_entropy({_CLASSES}, float label_smoothing=0.0) -> Tensor")
def cross_entropy(
    input: Tensor, target: Tensor, weight: Any, size_average: Any, ignore_index: int, reduce: Any, reduction: str, label_smoothing: float
) -> Tensor:
    number = reduction_number(reduction_word(size_average, reduce, reduction))
    return native("cross_entropy_loss", input, target, weight, number, ignore_index, label_smoothing)
