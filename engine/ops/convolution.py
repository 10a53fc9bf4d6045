"""Convolutions: sums of products of a kernel with every window of an input, and the transposed ones, which spread where those gather."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..calls import FUNCTIONS
from ..dtypes import CPP_NAMES, OF_NUMPY
from ..geometry import strides_of
from ..graph import type_name
from ..layout import channels_last, dense_strides, is_channels_last, laid_out, row_major
from ..once import warn_once
from ..op import OPS, F, Op, composite, op, plain
from ..promotion import common
from ..tangents import plus
from ..tensor import Tensor
from ..views import check_cast
from .arithmetic import not_implemented
from .batch_norm import lies
from .loss import zeros_for

Sides = tuple[int, ...]
PARTS = "input", "weight", "bias"  # what has a gradient
GEOMETRY = "SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups"
NO_PRIMITIVE = (
    "could not create a primitive descriptor for the {} forward propagation primitive. Run workload with environment variable "
    "ONEDNN_VERBOSE=all to get additional diagnostic information."
)
UNEVEN = "Using padding='same' with even kernel lengths and odd dilation may require a zero-padded copy of the input be created"


# -- what goes together --------------------------------------------------------------------------------------------------------
def for_each_side(given: Sequence[int], name: str, count: int) -> Sides:
    """A number for each spatial dimension. Raises RuntimeError for neither one nor as many."""
    if len(given) == 1:
        return tuple(given) * count
    if len(given) != count:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {count} values to match the convolution dimensions, "
            f"but got {name}={list(given)}"
        )
    return tuple(given)


MOST = 2**62 - 1  # padding, which stands on both sides


def check_numbers(stride: Sides, padding: Sides, dilation: Sides, output_padding: Sides) -> None:
    """Raises RuntimeError for numbers that no window can have."""
    if any(n < 0 for n in padding):
        raise RuntimeError("negative padding is not supported")
    if any(n < 0 for n in output_padding):
        raise RuntimeError("negative output_padding is not supported")
    if any(n <= 0 for n in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(n < 0 for n in dilation):
        raise RuntimeError("dilation should be greater than zero")
    for at, n in enumerate(padding):
        if n > MOST:
            raise RuntimeError(f"Given padding={n} at dimension {at} , expected padding to be at most {MOST}")


def check_ranks(input: Any, weight: Any, word: str) -> None:
    """Raises RuntimeError where the input has not the dimensions of the weight; one of PyTorch's two texts lacks a space."""
    rank, sides = weight.ndim, list(input.shape)
    if input.ndim != rank:
        raise RuntimeError(
            f"Expected {rank}-dimensional input for {rank}-dimensional {word}{list(weight.shape)}, but got {input.ndim}-dimensional input "
            f"of size {sides} instead"
        )


def check_shapes(input: Any, weight: Any, bias: Any, padding: Sides, dilation: Sides, transposed: bool, groups: int) -> None:
    """Raises RuntimeError for tensors whose sides do not fit."""
    shape, sides = list(weight.shape), list(input.shape)
    check_ranks(input, weight, "weight ")
    if shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {shape} instead"
        )
    if shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{shape}] instead"
        )
    given = f"transposed={int(transposed)}" if transposed else f"groups={groups}"
    channels, made = (shape[0], shape[1] * groups) if transposed else (shape[1] * groups, shape[0])
    if sides[1] != channels:
        raise RuntimeError(
            f"Given {given}, weight of size {shape}, expected input{sides} to have {channels} channels, but got {sides[1]} channels instead"
        )
    if bias is not None and list(bias.shape) != [made]:
        given = f"Given {given}, weight" if transposed else "Given weight"
        raise RuntimeError(
            f"{given} of size {shape}, expected bias to be 1-dimensional with {made} elements, but got bias of size "
            f"{list(bias.shape)} instead"
        )
    padded = [n + 2 * p for n, p in zip(sides[2:], padding, strict=True)]
    spans = [d * (k - 1) + 1 for k, d in zip(shape[2:], dilation, strict=True)]
    if not transposed and any(n < k for n, k in zip(padded, spans, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). "
            f"Kernel size: ({' x '.join(map(str, spans))}). Kernel size can't be greater than actual input size"
        )


def check_kernel(
    input: np.ndarray, weight: np.ndarray, bias: Any, stride: Sides, dilation: Sides, transposed: bool, spatial: Sides,
    output_padding: Sides, groups: int,
) -> None:  # fmt: skip
    """Raises what PyTorch's kernels do: of float32 and bfloat16 those of oneDNN mostly, of other dtypes its own."""
    d, sides = OF_NUMPY[input.dtype], list(weight.shape[2:])
    big = transposed and is_big(stride, dilation, output_padding)
    behind = transposed and any(o >= s for o, s in zip(output_padding, stride, strict=True))  # which oneDNN is not asked for
    if is_quick(input, weight, stride, dilation, groups) and not behind:
        for name, t in (("weight", weight), ("bias", bias)):
            if t is not None and t.dtype != input.dtype:
                raise RuntimeError(
                    f"Input type ({type_name(d)}) and {name} type ({type_name(OF_NUMPY[t.dtype])}) should be the same or input should be a "
                    f"MKLDNN tensor and {name} is a dense tensor"
                )
        if 0 in dilation and not transposed:
            raise RuntimeError("non-positive dilation is not supported")
        if 0 in sides or 0 in dilation or not weight.size:
            raise RuntimeError(NO_PRIMITIVE.format("deconvolution" if transposed else "convolution"))
        if min(spatial) < 0:
            raise RuntimeError("could not construct a memory descriptor using a format tag")
        return
    dilated = any(n != 1 for n in dilation)
    if 0 in sides:
        kernel = "kernel_height: {} kernel_width: {}".format(*sides) if len(sides) == 2 and (transposed or not dilated) else str(sides)
        raise RuntimeError(f"kernel size should be greater than zero, but got {kernel}")
    if 0 in dilation:
        told = "dilation_height: {}, dilation_width: {}".format(*dilation) if len(sides) == 2 and transposed else str(list(dilation))
        raise RuntimeError(f"dilation should be greater than zero, but got {told}")
    if transposed:
        if big:
            named = {"output_padding": output_padding, "stride": stride, "dilation": dilation}
            ends = ("depth", "height", "width")[3 - len(stride) :]
            text = (f"{name}_{end}: {n}" for name, steps in named.items() for end, n in zip(ends, steps, strict=True))
            raise RuntimeError(f"output padding must be smaller than either stride or dilation, but got {' '.join(text)}")
        if not weight.size:
            raise RuntimeError(f"non-empty 2D or 4D weight tensor expected, but got: {list(weight.shape)}")
        if min(spatial) < 1:
            raise RuntimeError(
                f"Given input size per channel: ({' x '.join(map(str, input.shape[2:]))}). Calculated output size per channel: "
                f"({' x '.join(map(str, spatial))}). Output size is too small"
            )
    kind = "_transpose{}d_out_cpu" if transposed else "_dilated<>" if dilated else "{}d_cpu"
    name = "slow_conv" + kind.format(len(sides))
    if d.category == 0 or d.is_complex or ((dilated or transposed) and d.category == 1 and d.name != "int64"):
        raise not_implemented(name, input)
    if weight.dtype != input.dtype:
        raise RuntimeError(f"expected scalar type {d.scalar_name} but found {OF_NUMPY[weight.dtype].scalar_name}")


def is_big(stride: Sides, dilation: Sides, output_padding: Sides) -> bool:
    """True for more room behind the result than a step leaves."""
    return any(o >= s and o >= d for o, s, d in zip(output_padding, stride, dilation, strict=True))


def is_quick(input: np.ndarray, weight: np.ndarray, stride: Sides, dilation: Sides, groups: int) -> bool:
    """True where PyTorch calls oneDNN: for bfloat16, and for float32 that is not small. Source: `use_mkldnn`, on one thread."""
    name, (*_, height, width) = OF_NUMPY[input.dtype].name, weight.shape
    several = any(n != 1 for n in (*stride, *dilation, height, width)) or input.shape[0] >= 16
    large = groups > 1 or min(height, width) > 3 or input.shape[0] > 1 or input.size > 20480
    return name == "bfloat16" or (name == "float32" and several and large)


def given_sides(rank: int, groups: int, **numbers: Sequence[int]) -> tuple[Sides, ...]:
    """Every list of numbers as one for each spatial dimension of a weight of this rank."""
    if rank < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    return tuple(for_each_side(given, name, rank - 2) for name, given in numbers.items())


def inner(sides: Iterable[slice]) -> Any:
    """The index of these slices of the last dimensions."""
    return (..., *sides)


# -- windows: gathered, spread, and what a kernel multiplies them with ----------------------------------------------------------
def windows(t: np.ndarray, sides: Sides, stride: Sides, padding: Sides, dilation: Sides) -> np.ndarray:
    """Every window of `sides` in a padded (N, C, *spatial), a view: (N, C, *sides, *positions)."""
    count = len(sides)
    if any(padding):
        padded = np.zeros((*t.shape[:2], *(n + 2 * p for n, p in zip(t.shape[2:], padding, strict=True))), t.dtype)
        padded[inner(slice(p, p + n) for n, p in zip(t.shape[2:], padding, strict=True))] = t
        t = padded
    spans = tuple(d * (k - 1) + 1 for k, d in zip(sides, dilation, strict=True))
    found = np.lib.stride_tricks.sliding_window_view(t, spans, tuple(range(2, 2 + count)))
    chosen = found[(slice(None), slice(None), *(slice(None, None, n) for n in (*stride, *dilation)))]
    return np.moveaxis(chosen, range(2, 2 + count), range(2 + count, 2 + 2 * count))


def in_columns(t: np.ndarray, groups: int, count: int) -> np.ndarray:
    """Windows (N, C, *sides, *positions) as matrices, one a sample and group: (N, groups, C / groups * sides, positions)."""
    terms = t.shape[1] // groups * math.prod(t.shape[2 : 2 + count])
    return t.reshape(t.shape[0], groups, terms, math.prod(t.shape[2 + count :]))


def gathered(input: np.ndarray, weight: np.ndarray, stride: Sides, padding: Sides, dilation: Sides, groups: int) -> np.ndarray:
    """The convolution of (N, C, *spatial) with (K, C / groups, *sides)."""
    found = windows(input, weight.shape[2:], stride, padding, dilation)
    made = np.matmul(weight.reshape(groups, weight.shape[0] // groups, -1), in_columns(found, groups, len(stride)))
    return made.reshape(input.shape[0], weight.shape[0], *found.shape[2 + len(stride) :])


def spread(g: np.ndarray, weight: np.ndarray, spatial: Sides, stride: Sides, padding: Sides, dilation: Sides, groups: int) -> np.ndarray:
    """What `gathered` makes of an input with these spatial sides, transposed: every number of `g` goes to its whole window."""
    sides, positions = weight.shape[2:], g.shape[2:]
    matrices = weight.reshape(groups, weight.shape[0] // groups, -1).mT
    shares = np.matmul(matrices, g.reshape(g.shape[0], groups, g.shape[1] // groups, -1))
    shares = shares.reshape(g.shape[0], weight.shape[1] * groups, *sides, *positions)
    reached = (
        max(n + 2 * p, d * (k - 1) + s * (m - 1) + 1)
        for n, p, d, k, s, m in zip(spatial, padding, dilation, sides, stride, positions, strict=True)
    )
    made = np.zeros((*shares.shape[:2], *reached), shares.dtype)
    for at in np.ndindex(*sides):
        to = (slice(i * d, i * d + s * (m - 1) + 1, s) for i, d, s, m in zip(at, dilation, stride, positions, strict=True))
        made[inner(to)] += shares[(slice(None), slice(None), *at)]
    return made[inner(slice(p, p + n) for p, n in zip(padding, spatial, strict=True))]


def weights(input: np.ndarray, g: np.ndarray, sides: Sides, stride: Sides, padding: Sides, dilation: Sides, groups: int) -> np.ndarray:
    """The gradient of `gathered` for a weight of these sides."""
    found = windows(input, sides, stride, padding, dilation)
    found = found[inner(slice(n) for n in g.shape[2:])]
    columns = in_columns(found, groups, len(sides)).transpose(1, 0, 3, 2).reshape(groups, -1, input.shape[1] // groups * math.prod(sides))
    rows = g.reshape(g.shape[0], groups, g.shape[1] // groups, -1).transpose(1, 2, 0, 3).reshape(groups, g.shape[1] // groups, -1)
    return np.matmul(rows, columns).reshape(g.shape[1], input.shape[1] // groups, *sides)


def sides_of_result(
    input: Any, weight: Any, stride: Sides, padding: Sides, dilation: Sides, transposed: bool, output_padding: Sides
) -> Sides:
    """The spatial sides of the result."""
    several = zip(input.shape[2:], weight.shape[2:], stride, padding, dilation, output_padding, strict=True)
    if transposed:
        return tuple((n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, k, s, p, d, o in several)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d, o in several)


def kept_format(t: np.ndarray, *like: np.ndarray) -> np.ndarray:
    """Channels-last where the input or the weight lies so, row-major elsewhere."""
    last = t.ndim in (4, 5) and any(is_channels_last(x) for x in like)
    return laid_out(t, channels_last(t.shape) if last else row_major(t.shape))


def laid_in_groups(
    t: np.ndarray, axis: int, input: np.ndarray, weight: np.ndarray, groups: int, quick: bool, like_weight: bool = False
) -> np.ndarray:
    """The same where PyTorch calls its own kernel for each group and joins what they give along `axis`: sides of 1 tell it nothing.

    `like_weight`: it lies as the weight does once that is in one piece, which is what all kernels but the dilated make of its gradient.
    """
    if quick or t.ndim != 4:
        return kept_format(t, input, weight)
    last = is_channels_last(input) or is_channels_last(weight)
    x, w = (form_of_group(in_one_piece(s, last), d, groups) for s, d in ((input, 1), (weight, 0)))
    last = is_channels_last(x) or is_channels_last(w)
    if last and like_weight:
        last = is_channels_last(in_one_piece(w, True))
    elif last and groups > 1:
        last = is_channels_last(form(tuple(n // groups if d == axis else n for d, n in enumerate(t.shape)), True))
    return laid_out(t, channels_last(t.shape) if last else row_major(t.shape))


def form(shape: Sides, last: bool) -> np.ndarray:
    """An array of no memory to speak of, with the strides of one of the two formats."""
    steps = channels_last(shape) if last else row_major(shape)
    return np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), shape, steps)


def in_one_piece(t: np.ndarray, last: bool) -> np.ndarray:
    """What `contiguous` gives, as far as its strides go: the tensor itself, where it lies so but for sides of 1."""
    steps = channels_last(t.shape) if last else row_major(t.shape)
    return t if lies(t, steps) else form(t.shape, last)


def form_of_group(t: np.ndarray, axis: int, groups: int) -> np.ndarray:
    """The first of the groups in which PyTorch takes a tensor apart, with the strides it has then."""
    if groups == 1:
        return t
    return in_one_piece(t[(slice(None),) * axis + (slice(t.shape[axis] // groups),)], is_channels_last(t))


def is_empty(input: Any) -> bool:
    """True where PyTorch calls no kernel: no samples or no channels. Raises RuntimeError where other sides are 0."""
    if 0 in input.shape[:2]:
        return True
    if 0 in input.shape:
        shape = list(input.shape)
        shape[2:2] = [1] * (len(shape) == 3)  # PyTorch has made it one of matrices
        raise RuntimeError(f"Only zero batch or zero channel inputs are supported, but got input shape: {shape}")
    return False


# -- forward -------------------------------------------------------------------------------------------------------------------
def convolution_kernel(
    input: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, stride: Sides, padding: Sides, dilation: Sides, transposed: bool,
    output_padding: Sides, groups: int,
) -> np.ndarray:  # fmt: skip
    """The sum of products for every window, in single precision where elements have 16 bits, rounded once."""
    given = given_sides(weight.ndim, groups, stride=stride, padding=padding, dilation=dilation, output_padding=output_padding)
    stride, padding, dilation, output_padding = given
    check_numbers(*given)
    check_shapes(input, weight, bias, padding, dilation, transposed, groups)
    spatial = sides_of_result(input, weight, stride, padding, dilation, transposed, output_padding)
    channels = weight.shape[1] * groups if transposed else weight.shape[0]
    if is_empty(input):
        return of_nothing(input, weight, bias, (input.shape[0], channels if input.shape[1] else 0, *spatial))
    one = (1,) * (input.ndim == 3)  # one side is to PyTorch the second of two
    x, w = (np.expand_dims(t, 2) if one else t for t in (input, weight))
    check_kernel(x, w, bias, (*one, *stride), (*one, *dilation), transposed, (*one, *spatial), (*(0 for _ in one), *output_padding), groups)
    wide = OF_NUMPY[input.dtype].wide
    x, w = (t.astype(wide, copy=False) for t in (input, weight))
    if transposed:
        made = spread(x, w, spatial, stride, padding, dilation, groups)
    else:
        made = gathered(x, w, stride, padding, dilation, groups)
    if bias is not None:
        if transposed:  # PyTorch adds it in place, which drops no imaginary part
            check_cast(common([made, bias]), OF_NUMPY[made.dtype])
        made = made + bias.astype(wide, copy=False).reshape(-1, *[1] * len(spatial))
    quick = is_quick(input, weight, stride, dilation, groups)
    return laid_in_groups(made.astype(input.dtype, copy=False), 1, input, weight, groups, quick)


def of_nothing(input: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, shape: Sides) -> np.ndarray:
    """A result without elements, of the dtype that PyTorch's product has: with all weights, or with the first where there are channels.

    Raises IndexError where there is no first weight, RuntimeError where the bias cannot be added in place or a side is negative.
    """
    if not weight.size and input.shape[1]:
        raise IndexError("select(): index 0 out of range for tensor of size [0] at dimension 0")
    d = common([input, weight.reshape(-1)[0] if input.shape[1] else weight])
    made = np.zeros(0, d.np)
    if bias is not None:
        check_cast(common([made, bias[0]]), d)
    if min(shape) < 0:
        at = next(i for i, n in enumerate(shape) if n < 0)
        raise RuntimeError(f"invalid shape dimension {shape[at]} at index {at} of shape {list(shape)}")
    return made.reshape(shape)


def convolution_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """The tangent of a result that is linear in the input, and in weight and bias; a missing one is zeros."""
    (input, weight, bias, *rest), (along_input, along_weight, along_bias) = values, tangents
    level = None if bias is None else zeros_for(along_bias, bias)
    return F.convolution(zeros_for(along_input, input), weight, None, *rest) + F.convolution(
        input, zeros_for(along_weight, weight), level, *rest
    )


# -- backward ------------------------------------------------------------------------------------------------------------------
def convolution_rule(
    g: Any, input: Any, weight: Any, bias_shape: Any, stride: Sides, padding: Sides, dilation: Sides, transposed: bool,
    output_padding: Sides, groups: int, needs: set[str],
) -> tuple[Any, Any, Any]:  # fmt: skip
    mask = [name in needs for name in PARTS]
    run: Callable[..., Any] = BACKWARD.raw if isinstance(input, np.ndarray) else BACKWARD.run
    made = run([g, input, weight, bias_shape, stride, padding, dilation, transposed, output_padding, groups, mask])
    return tuple(t if wanted else None for t, wanted in zip(made, mask, strict=True))  # type: ignore[return-value]  # three of three


def convolution_gradients(
    grad_output: np.ndarray, input: np.ndarray, weight: np.ndarray, bias_sizes: Sides | None, stride: Sides, padding: Sides,
    dilation: Sides, transposed: bool, output_padding: Sides, groups: int, output_mask: Sequence[bool],
) -> list[Any]:  # fmt: skip
    """The three gradients; nothing for one that is not asked for. Raises RuntimeError for room behind what is no transposed result."""
    if any(output_padding) and not transposed:
        told = " ".join(map(str, output_padding))
        raise RuntimeError(f"output_padding is not supported for non-transposed convolutions; got: {told}")
    stride, padding, dilation = (tuple(n) * (weight.ndim - 2) if len(n) == 1 else tuple(n) for n in (stride, padding, dilation))
    made: list[Any] = [np.zeros(0, input.dtype)] * 3
    if is_empty(input):
        zeros = [laid_out(np.zeros(t.shape, input.dtype), dense_strides(t.shape, strides_of(t))) for t in (input, weight)]
        zeros.append(np.zeros(bias_sizes or (), input.dtype))
        return [t if wanted else none for t, wanted, none in zip(zeros, output_mask, made, strict=True)]
    wide, rest = OF_NUMPY[input.dtype].wide, (stride, padding, dilation, groups)
    g, x, w = (t.astype(wide, copy=False) for t in (grad_output, input, weight))
    as_before = input, weight, groups, is_quick(input, weight, stride, dilation, groups)
    close = transposed or all(n == 1 for n in dilation)
    if output_mask[0]:
        found = gathered(g, w, *rest) if transposed else spread(g, w, input.shape[2:], *rest)
        made[0] = laid_in_groups(found.astype(input.dtype, copy=False), 1, *as_before)
    if output_mask[1]:
        found = weights(g, x, weight.shape[2:], *rest) if transposed else weights(x, g, weight.shape[2:], *rest)
        made[1] = laid_in_groups(found.astype(input.dtype, copy=False), 0, *as_before, close)
    if output_mask[2]:
        made[2] = np.add.reduce(g, (0, *range(2, g.ndim))).astype(input.dtype, copy=False)
    return made


def convolution_twice(
    g_result0: Any, g_result1: Any, g_result2: Any, grad_output: Any, input: Any, weight: Any, stride: Sides, padding: Sides,
    dilation: Sides, transposed: bool, output_padding: Sides, groups: int, needs: set[str],
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The gradients of grad_output, input and weight of the three gradients, by convolutions. Source: `_convolution_double_backward`."""
    numbers = given_sides(weight.ndim, groups, stride=stride, padding=padding, dilation=dilation, output_padding=output_padding)
    stride, padding, dilation, output_padding = numbers
    rest = stride, padding, dilation, transposed, output_padding, groups
    there, to_grad, to_input, to_weight = bool(math.prod(input.shape)), None, None, None
    if there and g_result0 is not None:
        to_grad = F.convolution(g_result0, weight, None, *rest)
    if there and g_result1 is not None:
        to_grad = plus(to_grad, F.convolution(input, g_result1, None, *rest))
    if g_result2 is not None:
        level = F.view(F.contiguous(g_result2), (1, g_result2.shape[0], *[1] * (grad_output.ndim - 2)))
        to_grad = plus(to_grad, F.expand(level, tuple(grad_output.shape)))
    if there and g_result0 is not None and "weight" in needs:
        to_weight = weight_of(grad_output, g_result0, weight, stride, padding, dilation, transposed, output_padding, groups)
    if there and g_result1 is not None and "input" in needs:
        left_over = output_padding
        if not transposed:
            reached = sides_of_result(grad_output, weight, stride, padding, dilation, True, (0,) * len(stride))
            left_over = tuple(n - m for n, m in zip(input.shape[2:], reached, strict=True))
        to_input = F.convolution(grad_output, g_result1, None, stride, padding, dilation, not transposed, left_over, groups)
    return to_grad, to_input, to_weight


def weight_of(
    g: Any, along: Any, weight: Any, stride: Sides, padding: Sides, dilation: Sides, transposed: bool, output_padding: Sides, groups: int
) -> Any:
    """The gradient for the weight where `along` stands for the input: a convolution of the samples, each channel by itself."""
    pair = F.transpose(along, 0, 1), F.transpose(g, 0, 1)
    left, right = pair[::-1] if transposed else pair
    parts = []
    for k in range(groups):
        of_group = [t if groups == 1 else F.narrow(t, 0, k * (t.shape[0] // groups), t.shape[0] // groups) for t in (left, right)]
        parts.append(F.convolution(*of_group, None, dilation, padding, stride, False, output_padding, 1))
    made = F.transpose(parts[0] if groups == 1 else F.cat(parts, 1), 0, 1)
    for d in range(2, weight.ndim):
        if made.shape[d] > weight.shape[d]:
            made = F.narrow(made, d, 0, weight.shape[d])
    return made


def tangent_of_gradients(values: list[Any], tangents: list[Any], outs: list[Any]) -> list[Any]:
    """The tangents of the three gradients: the first two are linear in the cotangent and in the other factor, the third sums it."""
    g, input, weight, sizes, *rest, mask = values
    along_g, along_input, along_weight = (zeros_for(t, v) for t, v in zip(tangents, (g, input, weight), strict=True))
    made: list[Any] = [None, None, None]
    for i, (other, x, w) in enumerate(((2, input, along_weight), (1, along_input, weight))):
        if mask[i] and not (tangents[0] is None and tangents[other] is None):
            only = [k == i for k in range(3)]
            made[i] = BACKWARD.run([g, x, w, sizes, *rest, only])[i] + BACKWARD.run([along_g, input, weight, sizes, *rest, only])[i]
    if mask[2] and tangents[0] is not None:
        made[2] = F.sum(along_g, [0, *range(2, g.ndim)])
    return made


# -- the ops -------------------------------------------------------------------------------------------------------------------
op(f"convolution(Tensor input, Tensor weight, Tensor? bias, {GEOMETRY}) -> Tensor",
   plain(convolution_kernel, method=False, complex_gradient=False, stepwise=True, jvp=convolution_tangent),
   {"input, weight, bias": convolution_rule})  # fmt: skip

# What makes second derivatives; it is no op of its own here, for PyTorch's is called with all that belongs together only.
BACKWARD = Op(
    f"convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, {GEOMETRY}, bool[] output_mask) "
    "-> (Tensor, Tensor, Tensor)",
    plain(convolution_gradients, node="ConvolutionBackwardBackward0", stepwise=True, jvp=tangent_of_gradients),
    {"grad_output, input, weight": convolution_twice},
)  # fmt: skip


# -- conv2d --------------------------------------------------------------------------------------------------------------------
def check_bias(input: Tensor, bias: Tensor | None) -> None:
    """Raises RuntimeError for a bias of another dtype."""
    if bias is not None and bias.dtype is not input.dtype:
        names = [CPP_NAMES.get(t.dtype.scalar_name, t.dtype.scalar_name) for t in (input, bias)]
        raise RuntimeError(f"Input type ({names[0]}) and bias type ({names[1]}) should be the same")


def in_a_batch(input: Tensor, spatial: int, name: str) -> tuple[Tensor, bool]:
    """The input as samples, and whether it was some. Raises RuntimeError for another number of dimensions."""
    if input.ndim not in (spatial + 1, spatial + 2):
        raise RuntimeError(
            f"Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to {name}, but got input of size: {list(input.shape)}"
        )
    batched = input.ndim == spatial + 2
    return input if batched else F.unsqueeze(input, 0), batched


def parts_of(t: Tensor) -> tuple[Tensor, Tensor]:
    """The real and the imaginary part, as PyTorch takes a tensor apart here."""
    pairs = F.view_as_real(F.resolve_conj(t))
    return F.select(pairs, -1, 0), F.select(pairs, -1, 1)


def complex_convolution(input: Tensor, weight: Tensor, bias: Tensor | None, convolve: Callable[..., Tensor]) -> Tensor:
    """Three real convolutions. Source: `complex_convolution` in PyTorch's Convolution.cpp."""
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.dtype is not input.dtype:
            raise RuntimeError(f"Input type ({type_name(input.dtype)}) and {name} type ({type_name(t.dtype)}) should be the same")
    (x, xi), (w, wi) = parts_of(input), parts_of(weight)
    b, bi = (None, None) if bias is None else parts_of(bias)
    real, imaginary = convolve(x, w, b), convolve(xi, wi, None)
    shift = None if b is None or bi is None else b + bi  # compiled code has the last argument first
    weights = w + wi
    both = convolve(x + xi, weights, shift)
    turned = OPS["mul.Scalar"].run([both - real - imaginary, 1j])  # before the other difference, as compiled code has it
    made: Tensor = real - imaginary + turned
    return made


def convolved(input: Tensor, weight: Tensor, bias: Tensor | None, convolve: Callable[..., Tensor]) -> Tensor:
    """What `convolve` makes of 2-dimensional images, by parts where numbers are complex."""
    samples, batched = in_a_batch(input, 2, "conv2d")
    if input.dtype.is_complex:
        made = complex_convolution(samples, weight, bias, convolve)
    else:
        made = convolve(samples, weight, bias)
    return made if batched else F.squeeze(made, 0)


@composite(
    "conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] padding=0, SymInt[2] dilation=1, "
    "SymInt groups=1) -> Tensor",
    method=False,
)
def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sides, padding: Sides, dilation: Sides, groups: int) -> Tensor:
    check_bias(input, bias)
    return convolved(input, weight, bias, lambda x, w, b: F.convolution(x, w, b, stride, padding, dilation, False, (0, 0), groups))


@composite(
    'conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, str padding="valid", SymInt[2] dilation=1, '
    "SymInt groups=1) -> Tensor",
    method=False,
)
def conv2d_padded(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sides, padding: str, dilation: Sides, groups: int
) -> Tensor:  # fmt: skip
    def convolve(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        if padding == "same":
            return same_size(x, w, b, stride, dilation, groups)
        if padding != "valid":
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        made: Tensor = F.convolution(x, w, b, stride, (0,), dilation, False, (0,), groups)
        return made

    return convolved(input, weight, bias, convolve)


def same_size(input: Tensor, weight: Tensor, bias: Tensor | None, stride: Sides, dilation: Sides, groups: int) -> Tensor:
    """The convolution whose result has the sides of its input. Raises RuntimeError where windows move by more than 1."""
    count = weight.ndim - 2
    given_sides(weight.ndim, groups)
    check_ranks(input, weight, "weight")
    for name, steps in (("stride", stride), ("dilation", dilation)):
        if len(steps) not in (1, count):
            raise RuntimeError(f"{name} cannot broadcast to {count} dimensions")
    if any(n != 1 for n in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(for_each_side(dilation, "dilation", count), weight.shape[2:], strict=True)]
    if any(n % 2 for n in total):
        warn_once(UNEVEN)
        input = PAD.run([input, [n for k in reversed(total) for n in (0, k % 2)], 0])
    made: Tensor = F.convolution(input, weight, bias, stride, [n // 2 for n in total], dilation, False, (0,) * count, groups)
    return made


def padded_with(self: np.ndarray, pad: Sequence[int], value: Any) -> np.ndarray:
    """More on both ends of the last dimensions, the last first; less where a number is negative."""
    ends = [(0, 0)] * (self.ndim - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    taken = self[tuple(slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in zip(self.shape, ends, strict=True))]
    made = np.full([n + max(low, 0) + max(high, 0) for n, (low, high) in zip(taken.shape, ends, strict=True)], value, self.dtype)
    made[tuple(slice(max(low, 0), max(low, 0) + n) for n, (low, _) in zip(taken.shape, ends, strict=True))] = taken
    if min(pad) < 0 == max(0, *pad):
        return laid_out(made, dense_strides(made.shape, strides_of(taken)))
    return kept_format(made, self)


def padded_rule(g: Any, pad: Sequence[int]) -> Any:
    return (PAD.raw if isinstance(g, np.ndarray) else PAD.run)([g, [-n for n in pad], 0])


def padded_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    return PAD.run([tangents[0], values[1], 0])


# It is no op of its own here yet, for all its other uses are those of `pad`.
PAD = Op(
    "constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor",
    plain(padded_with, jvp=padded_tangent),
    {"self": padded_rule},
)
FUNCTIONS["nn.functional.conv2d"] = FUNCTIONS["conv2d"]  # PyTorch gives the same object a second name
