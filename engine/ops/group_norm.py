"""Group norm: the channels of each sample in groups, each group less its mean, divided by its deviation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import modes
from ..batch_rules import NoRule, batches_of, taken_apart
from ..batching import batched
from ..device import channels_last
from ..dtypes import OF_NUMPY
from ..fused import fused, fused_sum
from ..layout import laid_out, row_major, suggested
from ..op import F, Op, composite, op, plain
from ..operands import unwrapped, wrapped
from ..tangents import plus
from ..tensor import Tensor
from ..transforms import differentiated_inside
from .arithmetic import not_implemented, quotient, times
from .batch_norm import check_batch_size, lies, scaled_and_moved
from .loss import native, zeros_for
from .normalization import (
    LANES,
    check_agreement,
    few_moments,
    in_dtype_of,
    parameter_dtype,
    scaled_tangent,
    tangent_of_normalised,
    tangent_of_rstd,
    written_in_place,
)

PARTS = "input", "weight", "bias"  # what has a gradient


def in_words(name: str) -> str:
    """What PyTorch says of a condition it has no words for."""
    please = "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
    return f"Expected {name} to be true, but got false.  {please}"


def check_groups(input: Any, weight: Any, bias: Any, channels: int, group: int) -> None:
    """Raises RuntimeError for groups and parameters that do not go with the channels."""
    shape = list(input.shape)
    if group <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {group}")
    if channels % group:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {shape} and num_groups={group}"
        )
    for name, t in {"weight": weight, "bias": bias}.items():
        if t is not None and list(t.shape) != [channels]:
            told = [0] if weight is None else list(weight.shape)  # whichever it is, PyTorch tells of the weight
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
                f"{told} and input of shape {shape}"
            )


# -- forward ---------------------------------------------------------------------------------------------------------------------
def group_norm_kernel(
    input: np.ndarray, weight: np.ndarray | None, bias: np.ndarray | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(result, mean, reciprocal of the deviation) of every group of every sample."""
    check_groups(input, weight, bias, C, group)
    d = OF_NUMPY[input.dtype]
    if not lies(input, suggested(input)):
        raise RuntimeError(in_words("X.is_contiguous(memory_format)"))
    to = parameter_dtype(input, (weight, bias))
    if N < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {N}: [{N}, {group}]")
    if d.category != 2:
        raise not_implemented("GroupNormKernelImpl", input)
    check_agreement(input, weight, bias)
    if input.size != N * C * HxW:
        raise RuntimeError(in_words("X.numel() == N * C * HxW"))
    rows = np.ascontiguousarray(input, d.wide).reshape(N * group, C // group * HxW)
    mean, variance = few_moments(rows, LANES[d.itemsize]) if rows.size else np.zeros((2, N * group, 1), d.wide)
    rstd = (1 / np.sqrt(np.maximum(variance, 0) + np.float64(eps)) if rows.size else np.full_like(mean, math.nan)).astype(d.wide)
    if weight is None and bias is None:
        made = (rows - mean) * rstd
    else:
        scale = np.ones(C, d.wide) if weight is None else weight.astype(d.wide, copy=False)
        level = np.zeros(C, d.wide) if bias is None else bias.astype(d.wide, copy=False)
        scale, level = (t.reshape(1, group, C // group, 1) for t in (scale, level))
        shift, factor = (t.reshape(N, group, 1, 1) for t in (mean, rstd))
        made = scaled_and_moved(rows.reshape(N, group, C // group, HxW), factor * scale, shift, level)
    mean, rstd = (t.astype(to.np).reshape(N, group) for t in (mean, rstd))
    return laid_out(made.reshape(input.shape).astype(input.dtype, copy=False), suggested(input)), mean, rstd


# -- backward --------------------------------------------------------------------------------------------------------------------
def group_norm_rule(
    g_result0: Any, g_result1: Any, g_result2: Any, input: Any, weight: Any, N: int, C: int, HxW: int, group: int, eps: float,
    result1: Any, result2: Any, needs: set[str],
) -> tuple[Any, Any, Any]:  # fmt: skip
    mask = [name in needs for name in PARTS]
    if g_result1 is None and g_result2 is None and (isinstance(input, np.ndarray) or not modes.is_grad_enabled()):
        run = BACKWARD.raw if isinstance(input, np.ndarray) else BACKWARD.run
        made = run([g_result0, input, result1, result2, weight, N, C, HxW, group, mask])
        return tuple(t if wanted else None for t, wanted in zip(made, mask, strict=True))  # type: ignore[return-value]  # three of three
    g, g_mean, g_rstd, x, mean, rstd, scale = (
        None if t is None else wrapped(t) for t in (g_result0, g_result1, g_result2, input, result1, result2, weight)
    )
    steps = group_norm_steps(g, g_mean, g_rstd, x, mean, rstd, scale, N, C, HxW, group, mask)
    return steps if isinstance(input, Tensor) else tuple(None if t is None else unwrapped(t) for t in steps)  # type: ignore[return-value]  # three


def group_norm_backward(
    grad_out: np.ndarray, input: np.ndarray, mean: np.ndarray, rstd: np.ndarray, weight: np.ndarray | None, N: int, C: int, HxW: int,
    group: int, output_mask: Sequence[bool],
) -> list[Any]:  # fmt: skip
    """All three gradients; zeros for one that is not asked for. PyTorch's steps: where they cancel, what they round is what is left."""
    check_parameters(weight, output_mask)
    d, shape = OF_NUMPY[input.dtype].wide, (N, group, C // group, HxW)
    g, x = (np.ascontiguousarray(t, d).reshape(shape) for t in (grad_out, input))
    level, factor = (t.astype(d, copy=False).reshape(N, group, 1, 1) for t in (mean, rstd))
    scale = (np.ones(C, d) if weight is None else weight.astype(d, copy=False)).reshape(1, group, C // group, 1)
    along, total = (np.add.reduce(t, 3, keepdims=True) for t in (g * x, g))
    made: list[Any] = [np.zeros(input.shape, d), np.zeros(C, d), np.zeros(C, d)]
    if output_mask[0] and input.size:
        share = d.type(1) / d.type(C // group * HxW)
        of_group, of_level = (fused_sum(t, scale, 2) for t in (along, total))
        slope = fused(of_level, level, -of_group) * factor * factor * factor * share
        rest = fused(-(of_level * factor), share, -slope * level)
        if input.dtype == np.float16:  # there it is the other product that is not rounded
            made[0] = (fused(slope, x, g * (factor * scale)) + rest).reshape(input.shape)
        else:
            made[0] = (fused(g, factor * scale, slope * x) + rest).reshape(input.shape)
    if output_mask[1]:
        made[1] = np.add.reduce((along - total * level) * factor, 0).reshape(C)
    if output_mask[2]:
        made[2] = np.add.reduce(total, 0).reshape(C)
    return [laid_out(made[0], suggested(input)), *made[1:]]


def check_parameters(weight: Any, output_mask: Sequence[bool]) -> None:
    """Raises RuntimeError as PyTorch does for a gradient of bias where there is no weight, of which it would have the shape."""
    if output_mask[2] and weight is None:
        raise RuntimeError("tensor does not have a device")


def group_norm_steps(
    g: Any, g_mean: Any, g_rstd: Any, input: Any, mean: Any, rstd: Any, weight: Any, N: int, C: int, HxW: int, group: int,
    output_mask: Sequence[bool],
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The gradients in steps that have gradients, of operands the right one first, as in arithmetic.py.

    Source: `infinitely_differentiable_native_group_norm_backward`.
    """
    shape, share = (N, group, C // group, HxW), 1.0 / (C // group * HxW) if C * HxW else math.inf
    x, level, factor = F.reshape(input, shape), F.reshape(mean, (N, group, 1, 1)), F.reshape(rstd, (N, group, 1, 1))
    both = g_mean is not None and g_rstd is not None  # PyTorch looks at the two together only
    to_input, to_weight, to_bias = None, None, None
    if g is not None:
        g = F.reshape(g, shape)
        along, total = (F.unsqueeze_(F.sum(t, [3]), -1) for t in (g * x, g))
    if output_mask[0]:
        scale = None if weight is None else F.reshape(weight, (1, group, C // group, 1))
        cube = factor * factor * factor
        if g_rstd is not None:
            g_rstd = F.view(g_rstd, (N, group, 1, 1))
            along_variance = times(cube, -0.5) * g_rstd
        if g is not None:
            each = factor if scale is None else factor * scale
            b, c = (F.unsqueeze_(F.sum(t if scale is None else t * scale, [2]), -2) for t in (along, total))
            b = times((c * level - b) * cube, share)
            moved = times(c * factor, share)
            c = -b * level - moved
            scaled = b * x
            to_input = each * g + scaled + c
        if both:
            g_mean, apart = F.view(g_mean, (N, group, 1, 1)), x - F.mean(x, [2, 3], True)
            spread = times(along_variance, 2 * share) * apart
            to_input = plus(to_input, spread + quotient(F.expand(g_mean, shape), C // group * HxW))
        to_input = None if to_input is None else F.reshape(to_input, tuple(input.shape))
    if output_mask[1] and g is not None:
        to_weight = F.reshape(F.sum((along - total * level) * factor, [0]), (C,))
    if output_mask[2] and g is not None:
        to_bias = F.reshape(F.sum(total, [0]), (C,) if weight is not None else (0,))  # PyTorch asks the weight for its shape
    return to_input, to_weight, to_bias


def group_norm_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> list[Any]:
    """The tangents of the result and of the statistics it was made with."""
    (input, weight, _, N, C, HxW, group, _), (along_input, along_weight, along_bias) = values, tangents
    shape, dims = (N, group, C // group, HxW), [2, 3]
    x, along = F.reshape(input, shape), F.reshape(zeros_for(along_input, input), shape)
    mean, rstd = (F.reshape(t, (N, group, 1, 1)) for t in outs[1:])
    scale, along_scale, along_level = (
        None if t is None else F.reshape(t, (1, group, C // group, 1)) for t in (weight, along_weight, along_bias)
    )
    apart = x - mean
    made = scaled_tangent(tangent_of_normalised(along, apart, rstd, dims), apart * rstd, scale, along_scale, along_level)
    made = F.reshape(made, tuple(input.shape))
    made = in_dtype_of(made, input) if written_in_place(tangents, weight) else made
    if along_input is None:
        return [made, None, None]
    of_statistics = F.mean(along, dims), in_dtype_of(tangent_of_rstd(along, apart, rstd, dims), input)
    return [made, *(F.reshape(t, (N, group)) for t in of_statistics)]


# -- the ops ---------------------------------------------------------------------------------------------------------------------
# What is run where no second derivative is asked for; PyTorch has no tangents of it.
BACKWARD = Op(
    "native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, int N, int C, int HxW, int group, "
    "bool[] output_mask) -> (Tensor, Tensor, Tensor)",
    plain(group_norm_backward, underived=True, jvp=None),
    dict.fromkeys(("grad_out", "input", "mean", "rstd", "weight"), lambda g: None),
)
op("native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) "
   "-> (Tensor, Tensor, Tensor)",
   plain(group_norm_kernel, method=False, stepwise=True, jvp=group_norm_tangent),
   {"input, weight, bias": group_norm_rule})  # fmt: skip


@taken_apart("native_group_norm")
def group_norm_of_samples(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The groups of all samples at once, then scale and level, as PyTorch does in a batch.

    Raises NoRule where a transform inside differentiates by a bias beside no weight, which each sample refuses.
    """
    level, (inputs, _, _) = batches_of([input, weight, bias])
    if weight is None and bias is not None and bias.requires_grad and differentiated_inside(level):
        raise NoRule
    if inputs is None:
        made = F.native_group_norm(input, None, None, N, C, HxW, group, eps)
    else:
        count: Any = level.size
        shape = (count * N, *input.shape[1:])
        many = F.native_group_norm(F.reshape(F.movedim(inputs, 0, 0), shape), None, None, count * N, C, HxW, group, eps)
        made = [batched(F.reshape(t, (count, N, *t.shape[1:])), level) for t in many]
    sides = (C, *[1] * (input.ndim - 2))
    result = made[0] if weight is None else made[0] * F.reshape(weight, sides)
    return result if bias is None else result + F.reshape(bias, sides), made[1], made[2]


@composite(
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True) -> Tensor",
    method=False,
)
def group_norm(input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float, _: bool) -> Tensor:
    count, channels = input.size(0), input.size(1)
    check_groups(input, weight, bias, channels, num_groups)
    rest = math.prod(input.shape[2:])
    steps = suggested(input._array)
    if not lies(input._array, steps):
        input = F.contiguous(input) if steps == row_major(input.shape) else F.contiguous(input, memory_format=channels_last)
    weight, bias = (None if t is None else F.contiguous(t) for t in (weight, bias))
    made: Tensor = F.native_group_norm(input, weight, bias, count, channels, rest, num_groups, eps)[0]
    return made


@composite("nn.functional.group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor")
def group_norm_of(input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    if input.dim() < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.dim()}")
    check_batch_size([input.size(0) * input.size(1) // num_groups, num_groups, *input.size()[2:]])
    made: Tensor = native("group_norm", input, num_groups, weight, bias, eps, True)
    return made
