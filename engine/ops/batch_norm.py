"""Batch norm: every channel less its mean over all samples, divided by its deviation; and instance norm, the same for each sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from ..batch_rules import batches_of, taken_apart
from ..batching import batched, whole_or_spread
from ..dtypes import OF_NUMPY, dtype
from ..forward import Composition
from ..fused import fused, fused_sum
from ..geometry import strides_of
from ..layout import channels_last, laid_out, row_major, suggested
from ..op import F, Op, composite, op, plain
from ..tangents import by, plus
from ..tensor import Tensor
from ..transforms import Outside, differentiating
from .arithmetic import more, not_implemented
from .loss import native, zeros_for
from .normalization import (
    beside_a_weight,
    check_agreement,
    constant_of,
    in_dtype_of,
    parameter_dtype,
    scaled_tangent,
    tangent_of_normalised,
    written_in_place,
)
from .reduce import MANY, averaged_dtype

PARTS = "input", "weight", "bias"  # what has a gradient
ONE_STATISTIC = "running_mean and running_var must either both be None or neither be None"
OF_ONE = (
    "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, were not batched.\n"
    "If you are using a module and do not need eval mode, please set `track_running_stats` to be False.If you are using a prebuilt module "
    "and do not need eval mode, please see the functorch website for resources on how to patch your module to work with vmap"
)
NO_DIMENSION = "Dimension out of range (expected to be in range of [-1, 0], but got 1)"
NO_DIMENSIONS = (
    "SmallVector unable to grow. Requested capacity (18446744073709551615) is larger than maximum value for size type (4294967295)"
)


# -- what goes together --------------------------------------------------------------------------------------------------------
def check_input(input: np.ndarray, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool) -> None:
    """Raises what PyTorch raises for statistics of which there is one, dtypes and no channels."""
    if (running_mean is None) != (running_var is None):
        raise ValueError(ONE_STATISTIC)
    if not input.ndim:
        raise RuntimeError(NO_DIMENSIONS)
    if input.ndim < 2:
        raise IndexError(NO_DIMENSION)
    first = next((t.dtype for t in (weight, bias, running_mean, running_var) if t is not None), input.dtype)
    if training and first == input.dtype and not in_one_piece(input):
        averaged_dtype(OF_NUMPY[input.dtype], None)
    if OF_NUMPY[input.dtype].category != 2:
        raise not_implemented("batch_norm", input)
    if training and not input.size:
        raise RuntimeError(f"input tensor must have at least one element, but got input_sizes = {list(input.shape)}")


def check_statistics(*statistics: np.ndarray | None) -> None:
    """Raises RuntimeError for running statistics that are no vectors."""
    for t in statistics:
        if t is not None and t.ndim != 1:
            raise RuntimeError(f"TensorAccessor expected 1 dims but tensor has {t.ndim}")


def others(t: Any) -> list[int]:
    """The dimensions of which there are statistics for each channel: all but dimension 1."""
    return [0, *range(2, t.ndim)]


def by_channel(t: Any, like: Any) -> Any:
    """A number for each channel, to be spread over the dimensions of `like`."""
    return None if t is None else F.reshape(t, (1, like.shape[1], *[1] * (like.ndim - 2)))


def in_one_piece(*arrays: np.ndarray | None) -> bool:
    """True where PyTorch goes through memory in order: all are row-major, or channels-last."""
    return all(t is None or lies(t, row_major(t.shape)) or (t.ndim in (4, 5) and lies(t, channels_last(t.shape))) for t in arrays)


def sums_in(t: np.ndarray, orderly: bool) -> np.dtype:
    """The dtype in which PyTorch adds up: double precision, but for 16 bits, and for what is channels-last."""
    d = OF_NUMPY[t.dtype]
    return d.wide if d.low or (orderly and not in_planes(t)) else np.dtype(np.float64)


def in_planes(t: np.ndarray) -> bool:
    """True of what is row-major and no channels-last as well, which it is without further dimensions."""
    return math.prod(t.shape[2:]) != 1 and lies(t, row_major(t.shape))


def lies(t: np.ndarray, steps: Sequence[int]) -> bool:
    """True where the elements lie as these strides say; that of a side of 1 may be any."""
    return 0 in t.shape or all(n == 1 or a == b for n, a, b in zip(t.shape, strides_of(t), steps, strict=True))


def kept_format(t: np.ndarray, orderly: bool) -> tuple[int, ...]:
    """Strides of a result: row-major or channels-last, as the input lies, or would lie to PyTorch's eye."""
    if not orderly:
        return suggested(t)
    return row_major(t.shape) if lies(t, row_major(t.shape)) else channels_last(t.shape)


# -- forward ---------------------------------------------------------------------------------------------------------------------
def batch_norm_kernel(
    input: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, running_mean: np.ndarray | None,
    running_var: np.ndarray | None, training: bool, momentum: float, eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """(result, mean, reciprocal of the deviation) of every channel; without training those that ran along, and nothing to keep.

    Training moves the running statistics, in place and, as PyTorch does, without a word to whoever counts writes.
    """
    orderly, parameters = in_one_piece(input), (weight, bias, running_mean, running_var)
    check_input(input, *parameters, training)
    to = parameter_dtype(input, parameters)
    check_agreement(input, *parameters)
    check_statistics(running_mean, running_var)
    if training:
        mean, rstd = statistics(input, to, eps, orderly, running_mean, running_var, momentum)
        kept = mean, rstd
    else:
        mean, rstd = running_mean, 1 / np.sqrt(running_var.astype(to.wide) + to.wide.type(eps))  # type: ignore[union-attr,assignment]  # given then
        kept = np.empty(0, to.np), np.empty(0, to.np)
    made = scaled(input, mean, rstd, weight, bias, orderly and in_one_piece(*parameters))
    return laid_out(np.asarray(made).astype(input.dtype, copy=False), kept_format(input, orderly)), *kept


def statistics(
    input: np.ndarray, to: dtype, eps: float, orderly: bool, running_mean: np.ndarray | None, running_var: np.ndarray | None,
    momentum: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Mean and reciprocal deviation of each channel, by which the running statistics move."""
    dims, n = tuple(others(input)), input.size // input.shape[1]
    double = sums_in(input, orderly)
    adding = double if orderly else to.wide  # out of order it is the mean of any tensor
    exact = np.add.reduce(input, dims, adding, keepdims=True) / adding.type(n)
    mean = exact.astype(to.np)
    apart = input.astype(double) - (exact if OF_NUMPY[input.dtype].low and orderly else mean.astype(double))
    squares = np.add.reduce(np.square(apart, out=apart), dims)
    squares = squares.astype(to.wide) if orderly else squares
    if math.prod(input.shape[2:]) == 1:  # the deviation is made in double precision, though what it is made of was not added up so
        double = sums_in(input, False)
    variance = (squares / squares.dtype.type(n)).astype(double)
    with_eps = variance + double.type(eps)
    rstd = np.where((variance != 0) | (eps != 0), 1 / np.sqrt(with_eps), 0).astype(to.np)
    mean = mean.reshape(-1)
    if running_mean is not None and running_var is not None:
        share = to.np.type(momentum) if orderly else double.type(momentum)
        rest = type(share)(1) - share
        running_mean[...] = share * mean + rest * running_mean
        running_var[...] = share * (squares / squares.dtype.type(n - 1)).astype(double) + rest * running_var
    return mean, rstd


def scaled(input: np.ndarray, mean: Any, rstd: Any, weight: Any, bias: Any, orderly: bool) -> np.ndarray:
    """`(input - mean) * rstd * weight + bias`: of memory in order a product and a sum of each element, elsewhere step by step."""
    wide = OF_NUMPY[input.dtype].wide
    if orderly:
        numbers = (None if t is None else by_channel(t.astype(wide, copy=False), input) for t in (mean, rstd, weight, bias))
        mean, rstd, weight, bias = numbers
        factor, level = rstd if weight is None else rstd * weight, wide.type(0) if bias is None else bias
        return scaled_and_moved(input.astype(wide, copy=False), factor, mean, level)
    d = input.dtype if mean.dtype == input.dtype else wide
    x, mean, rstd, weight, bias = (
        None if t is None else t.astype(d, copy=False)
        for t in (input, *(by_channel(t, input) for t in (mean, rstd.astype(mean.dtype), weight, bias)))
    )
    made = (x - mean) * rstd
    made = made if weight is None else made * weight
    return np.asarray(made + (made.dtype.type(0) if bias is None else bias))


def scaled_and_moved(x: np.ndarray, factor: Any, mean: Any, level: Any) -> np.ndarray:
    """`(x - mean) * factor + level` as `x * factor` and one number for each channel, each sum with its product rounded once."""
    if x.size >= MANY:
        made = x * factor
        made += level - mean * factor
        return made
    return fused(x, factor, fused(-factor, mean, level))


# -- backward --------------------------------------------------------------------------------------------------------------------
def batch_norm_rule(
    g: Any, input: Any, weight: Any, running_mean: Any, running_var: Any, training: bool, eps: float, result1: Any, result2: Any,
    needs: set[str],
) -> tuple[Any, Any, Any]:  # fmt: skip
    mask = [name in needs for name in PARTS]
    if isinstance(g, np.ndarray):
        made = batch_norm_gradients(g, input, weight, running_mean, running_var, result1, result2, training, eps, mask)
    else:
        made = BACKWARD.run([g, input, weight, running_mean, running_var, result1, result2, training, eps, mask])
    return tuple(t if wanted else None for t, wanted in zip(made, mask, strict=True))  # type: ignore[return-value]  # three of three


def batch_norm_gradients(
    grad_out: np.ndarray, input: np.ndarray, weight: np.ndarray | None, running_mean: np.ndarray | None,
    running_var: np.ndarray | None, save_mean: np.ndarray | None, save_invstd: np.ndarray | None, train: bool, eps: float,
    output_mask: Sequence[bool],
) -> list[Any]:  # fmt: skip
    """All three gradients; zeros for those of parameters that are not asked for. What is out of order PyTorch rounds after each step."""
    orderly = in_one_piece(input) and in_one_piece(grad_out)
    n = max(input.size // max(input.shape[1], 1), 1)
    mean, rstd = (save_mean, save_invstd) if train else (running_mean, deviation_of(running_var, eps))
    parts: list[Any] = [grad_out, input, *(by_channel(t, input) for t in (mean, rstd, weight))]
    if orderly:
        parts = [None if t is None else t.astype(OF_NUMPY[input.dtype].wide, copy=False) for t in parts]
    g, x, mean, rstd, scale = parts
    apart = x - mean
    total, along = sums_of_channels(apart, g, orderly, sums_in(input, False))
    made: list[Any] = [np.zeros(input.shape[1], input.dtype)] * 3
    if output_mask[0]:
        level = (total / total.dtype.type(n)).astype(x.dtype, copy=False)
        slope = along.astype(x.dtype, copy=False) * rstd * rstd
        slope = (slope / slope.dtype.type(n)).astype(x.dtype, copy=False)
        made[0] = (g - level - (apart * slope).astype(x.dtype, copy=False) if train else g) * rstd
        made[0] = made[0] if scale is None else made[0] * scale
        made[0] = laid_out(made[0].astype(input.dtype, copy=False), kept_format(input, orderly))
    like = next(t for t in (weight, running_mean, running_var, save_mean, input) if t is not None)  # PyTorch looks at the first there is
    for k, t in ((1, along * rstd), (2, total)):
        if output_mask[k]:
            made[k] = t.reshape(-1).astype(like.dtype)
    return made


def deviation_of(running_var: Any, eps: float) -> np.ndarray:
    """The reciprocal deviation of each channel, made in double precision."""
    return np.asarray(1 / np.sqrt(running_var.astype(np.float64) + eps)).astype(running_var.dtype)


def sums_of_channels(apart: np.ndarray, g: np.ndarray, orderly: bool, double: np.dtype) -> tuple[Any, Any]:
    """The sums of `g` and of `apart * g` over each channel.

    Channels-last and without further dimensions PyTorch adds row by row, product and sum rounded once; of planes it adds up each in the
    precision they have, and all in `double`; out of order the sum of `g` is that of any tensor.
    """
    dims = tuple(others(g))
    if not orderly:
        return F.sum(g, dims, True), np.add.reduce(apart * g, dims, double, keepdims=True)
    if in_planes(apart):
        total, along = (np.add.reduce(np.add.reduce(t, dims[1:], keepdims=True), 0, double, keepdims=True) for t in (g, apart * g))
        return total, along
    products = np.multiply(apart, g, dtype=np.float64)
    along = np.add.reduce(products, dims, keepdims=True)
    if apart.dtype == np.float32 and not np.abs(products, out=products).sum() < np.finfo(np.float32).max:  # the order may tell
        rows, factors = (np.moveaxis(t, 1, -1).reshape(-1, t.shape[1]) for t in (apart, g))
        along = fused_sum(rows, factors, 0).reshape(along.shape)
    return np.add.reduce(g, dims, np.float64, keepdims=True), along


def batch_norm_twice(
    g_result0: Any, g_result1: Any, g_result2: Any, grad_out: Any, input: Any, weight: Any, running_mean: Any, running_var: Any,
    save_mean: Any, save_invstd: Any, train: bool, eps: float,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The gradients of grad_out, input and weight of the three gradients. Source: PyTorch's `batchnorm_double_backward`, step by step."""
    g_result2 = beside_a_weight(g_result2, g_result0, weight)
    g, along, dims = grad_out, g_result0, others(input)
    size = math.prod(input.shape[d] for d in dims)
    scale, along_scale, along_level = (by_channel(t, input) for t in (weight, g_result1, g_result2))
    mean = in_dtype_of(save_mean, input) if train else running_mean
    rstd = in_dtype_of(save_invstd, input) if train else F.pow(more(running_var, eps), -0.5)
    apart, factor = input - by_channel(mean, input), by_channel(rstd, input)
    square, cube = F.pow(factor, 2), F.pow(factor, 3)

    def total(t: Any) -> Any:
        return F.sum(t, dims, True)

    def first(t: Any, times: Any) -> Any:
        """What the first backward makes of a cotangent for the input."""
        share = (factor if times is None else times * factor) / size
        return share * (t * size - total(t) - apart * square * total(t * apart))

    to_grad, to_input, to_weight = None, None, None
    if along is not None:
        g_total, g_apart = total(g), total(g * apart)
        if train:
            along_total, along_apart = total(along), total(along * apart)
            joint = along_total * g_total / size - total(g * along) + square * g_apart * along_apart * (3.0 / size)
            to_input = apart * cube * joint / size
            to_input = to_input + along_apart * cube / size * (g_total / size - g)
            to_input = to_input + g_apart * cube / size * (along_total / size - along)
            to_input = to_input if scale is None else to_input * scale
            to_grad = first(along, scale)
        else:
            to_grad = along * factor if scale is None else along * factor * scale
        if weight is not None:
            to_weight = F.sum(along * first(g, None) if train else along * g * factor, dims)
    if along_scale is not None and weight is not None:
        shares = g * factor - factor * total(g) / size - apart * cube * total(g * apart) / size if train else factor * g
        to_input = plus(to_input, along_scale * shares)
    if along_scale is not None:
        to_grad = plus(to_grad, along_scale * apart * factor)
    if along_level is not None:
        to_grad = plus(to_grad, F.expand(along_level, tuple(input.shape)))
    return to_grad, to_input, to_weight


def batch_norm_backward_steps(
    grad_out: Tensor, input: Tensor, weight: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    save_mean: Tensor, save_invstd: Tensor, train: bool, eps: float, output_mask: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """What PyTorch runs for tangents of the gradients. Source: `torch._decomp.decompositions_for_jvp`."""
    dims = others(input)
    share = 1.0 / (math.prod(input.shape[d] for d in dims) or math.nan)  # of no elements nothing is shared
    if train:
        variance, mean = F.var_mean(input, dims, correction=0, keepdim=False)
        beyond = (F.pow(1 / save_invstd, 2) - variance).detach()
        rstd = F.rsqrt(variance + beyond)
    else:
        mean, rstd = running_mean, F.rsqrt(more(running_var, eps))
    apart = input - by_channel(mean, input)
    total, along = F.sum(grad_out, dims), F.sum(grad_out * apart, dims)
    factor = by_channel(rstd if weight is None else rstd * weight, input)
    made = grad_out
    if train:
        made = grad_out - apart * by_channel(along * share * (rstd * rstd), input) - by_channel(total * share, input)
    nothing = F.new_zeros(input, ()) if weight is None else F.zeros_like(weight)
    return made * factor, along * rstd if output_mask[1] else nothing, total if output_mask[2] else F.zeros_like(total)


def batch_norm_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> list[Any]:
    """The tangent of the result; what it was made with has none."""
    (input, weight, _, running_mean, running_var, training, _, eps), (along_input, along_weight, along_bias) = values, tangents
    dims, along = others(input), zeros_for(along_input, input) if training else along_input
    scale, along_scale, along_level = (by_channel(t, input) for t in (weight, along_weight, along_bias))
    mean, rstd = outs[1:] if training else (running_mean, 1 / F.sqrt(more(running_var, eps)))
    apart, rstd = input - by_channel(mean, input), by_channel(rstd, input)
    made = tangent_of_normalised(along, apart, rstd, dims) if training else by(along, lambda: rstd)
    made = scaled_tangent(made, apart * rstd, scale, along_scale, along_level)
    made = made if made.shape == input.shape else F.clone(F.expand(made, tuple(input.shape)))
    return [in_dtype_of(made, input) if training and written_in_place(tangents, weight) else made, None, None]


# -- the ops ---------------------------------------------------------------------------------------------------------------------
op("native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
   "float momentum, float eps) -> (Tensor, Tensor, Tensor)",
   plain(batch_norm_kernel, method=False, constants=("running_mean", "running_var"), stepwise=True, jvp=batch_norm_tangent),
   {"input, weight, bias": batch_norm_rule})  # fmt: skip


@taken_apart("native_batch_norm")
def batch_norm_of_samples(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, training: bool,
    momentum: float, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The channels of all samples at once, then scale and level, as PyTorch does in a batch."""
    running = running_mean, running_var
    level, (inputs, _, _, *moved) = batches_of([input, weight, bias, *running])
    if training and inputs is not None and any(t is not None and m is None for t, m in zip(running, moved, strict=True)):
        raise RuntimeError(OF_ONE)
    alone = inputs is None and moved == [None, None]
    ones = F.new_ones(input if inputs is None else inputs, ((1 if alone else level.size) * input.size(1),))  # PyTorch's, too
    if alone:
        made = F.native_batch_norm(input, ones, None, *running, training, momentum, eps)
        result = F.transpose(made[0], 0, 1)
    else:
        count, channels, rest = input.size(0), input.size(1), tuple(input.shape[2:])
        joined = F.reshape(F.movedim(whole_or_spread(input, level), 0, 1), (count, level.size * channels, *rest))
        statistics = (None if t is None else F.reshape(whole_or_spread(t, level), (-1,)) for t in running)
        many = F.native_batch_norm(joined, ones, None, *statistics, training, momentum, eps)
        result = batched(F.reshape(F.transpose(many[0], 0, 1), (level.size, channels, count, *rest)), level)
        made = [result, *(batched(F.reshape(t, (level.size, -1)), level) for t in many[1:])]
    sides = (-1, *[1] * (input.ndim - 1))
    result = result if weight is None else result * F.reshape(weight, sides)
    result = result if bias is None else result + F.reshape(bias, sides)
    return F.transpose(result, 0, 1), made[1], made[2]


# What makes second derivatives; it is no op of its own here, for PyTorch's is called with all that belongs together only.
BACKWARD = Op(
    "native_batch_norm_backward(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, Tensor? running_var, "
    "Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[] output_mask) -> (Tensor, Tensor, Tensor)",
    plain(batch_norm_gradients, node="NativeBatchNormBackwardBackward0", stepwise=True, jvp=Composition(batch_norm_backward_steps)),
    {"grad_out, input, weight": batch_norm_twice, "save_mean": constant_of("native_batch_norm_backward save_mean"),
     "save_invstd": constant_of("native_batch_norm_backward save_invstd")},
)  # fmt: skip


@composite(
    "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, "
    "float eps, bool cudnn_enabled) -> Tensor",
    method=False,
)
def batch_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None, training: bool,
    momentum: float, eps: float, _: bool,
) -> Tensor:  # fmt: skip
    if not input.numel():
        return of_nothing(input, weight, bias)
    running = {"running_mean": running_mean, "running_var": running_var}
    channels = input.shape[1] if input.ndim > 1 else 0
    for name, t in {**running, "weight": weight, "bias": bias}.items():
        if t is not None and t.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {t.numel()}")
        if t is None and name in running and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    made: Tensor = F.native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]
    return made


def of_nothing(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """A copy of an input without elements, in the graph behind the parameters."""
    made: Tensor = F.clone(input)
    if weight is not None:
        made = made * F.select(weight, 0, 0)
    return made if bias is None else made + F.select(bias, 0, 0)


@composite(
    "nn.functional.batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight=None, Tensor? bias=None, "
    "bool training=False, float momentum=0.1, float eps=1e-05) -> Tensor"
)
def batch_norm_of(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None, bias: Tensor | None, training: bool,
    momentum: float, eps: float,
) -> Tensor:  # fmt: skip
    if training:
        check_batch_size(input.size())
    if training and eps <= 0.0:
        raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    if eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    made: Tensor = native("batch_norm", input, weight, bias, running_mean, running_var, training, momentum, eps, True)
    return made


def check_batch_size(size: Sequence[int]) -> None:
    """Raises ValueError for one value in each channel, which is its own mean."""
    count = size[0]
    for n in size[2:]:
        count *= n
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def needed(t: Tensor | None) -> Tensor:
    """A tensor that has to be there. Raises RuntimeError where it is not."""
    if t is None:
        raise RuntimeError("Expected a proper Tensor but got None (or an undefined Tensor in C++) for argument #0 'self'")
    return t


# -- instance norm -----------------------------------------------------------------------------------------------------------------
@composite(
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, "
    "float momentum, float eps, bool cudnn_enabled) -> Tensor",
    method=False,
)
def instance_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """Batch norm of one sample that has the channels of all."""
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    count, channels = input.size(0), input.size(1)
    statistics, d = [running_mean, running_var], (input if weight is None else weight).dtype
    if running_mean is not None and running_mean.dtype != d:  # PyTorch's convention: it decides for both
        statistics = [F.to(needed(t), d) for t in statistics]
    repeated = [None if t is None else F.repeat(t, (count,)) for t in (weight, bias, *statistics)]
    one = F.view(F.contiguous(input), (1, count * channels, *input.shape[2:]))
    made = F.batch_norm(one, *repeated, use_input_stats, momentum, eps, cudnn_enabled)
    differentiates = differentiating()
    with Outside(differentiates) if differentiates is not None else nullcontext():  # who wrote the function wrote no write
        for running, moved in zip((running_mean, running_var) if use_input_stats else (), repeated[2:], strict=False):
            if running is not None:
                F.copy_(F.alias(running), F.mean(F.view(moved, (count, channels)), [0], False))
    result: Tensor = F.view(made, tuple(input.shape))
    return result


@composite(
    "nn.functional.instance_norm(Tensor input, Tensor? running_mean=None, Tensor? running_var=None, Tensor? weight=None, "
    "Tensor? bias=None, bool use_input_stats=True, float momentum=0.1, float eps=1e-05) -> Tensor"
)
def instance_norm_of(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None, bias: Tensor | None,
    use_input_stats: bool, momentum: float, eps: float,
) -> Tensor:  # fmt: skip
    if use_input_stats:
        size = input.size()
        if math.prod(size[2:]) == 1:
            raise ValueError(f"Expected more than 1 spatial element when training, got input size {size}")
    made: Tensor = native("instance_norm", input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, True)
    return made
