"""Layer norm: every sample less its mean, divided by its deviation, in the scale and about the level of each feature."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..batch_rules import batches_of, taken_apart
from ..batching import batched
from ..dtypes import CPP_NAMES, OF_NUMPY, dtype, float32
from ..forward import Composition
from ..fused import fused
from ..memory import empty
from ..once import warn_once
from ..op import F, Op, composite, op, plain
from ..pieces import PIECE, in_pieces
from ..rows import of_ones, sums_along
from ..tangents import plus
from ..tensor import Tensor
from .arithmetic import more, not_implemented
from .loss import native, zeros_for
from .reduce import MANY
from .statistics import updated_mean

Shape = tuple[int, ...]
Moments = tuple[int, np.ndarray, np.ndarray]  # how many elements, their mean, the sum of squared distances from it
Sums = list[np.ndarray]  # of the gradients of weight and bias
LANES = {2: 16, 4: 8, 8: 4}  # elements in a vector of PyTorch's, by their size
CHUNK = 16  # vectors
SEVERAL = 8 * PIECE  # elements of samples at a time: there are several steps with a number for each sample, which take as long for few
PARTS = "input", "weight", "bias"  # what has a gradient


# -- what goes together --------------------------------------------------------------------------------------------------------
def check_parameters(sides: Sequence[int], **parameters: Any) -> list[int]:
    """The sides as a list. Raises RuntimeError where there are none, and for a parameter of others."""
    shape = list(sides)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
        )
    for name, t in parameters.items():
        if t is not None and list(t.shape) != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {list(t.shape)} and "
                f"normalized_shape = {shape}"
            )
    return shape


def check_sizes(input: Any, sides: Sequence[int], **parameters: Any) -> None:
    """Raises RuntimeError where the sizes do not go together."""
    shape = check_parameters(sides, **parameters)
    if list(input.shape[-len(shape) :]) != shape:
        text = ", ".join(["*", *map(str, shape)])
        raise RuntimeError(f"Given normalized_shape={shape}, expected input with shape [{text}], but got input of size{list(input.shape)}")


def parameter_dtype(input: np.ndarray, parameters: Sequence[np.ndarray | None]) -> dtype:
    """The dtype of statistics: that of the parameters, which may be float32 where the input is of 16 bits.

    Raises RuntimeError for dtypes that do not go together.
    """
    mine, given = OF_NUMPY[input.dtype], [OF_NUMPY[t.dtype] for t in parameters if t is not None]
    if not given or given[0] is mine:
        return mine
    if any(d is not float32 for d in given):
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
    if not mine.low:
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    return float32


def check_agreement(input: np.ndarray, *parameters: np.ndarray | None) -> None:
    """Raises RuntimeError where the first of the parameters has the dtype of the input and another has not."""
    found = [t.dtype for t in parameters if t is not None]
    other = next((d for d in found if d != input.dtype), None)
    if other is not None and found[0] == input.dtype:
        raise RuntimeError(f"expected scalar type {OF_NUMPY[input.dtype].scalar_name} but found {OF_NUMPY[other].scalar_name}")


# -- forward ---------------------------------------------------------------------------------------------------------------------
def layer_norm_kernel(
    input: np.ndarray, normalized_shape: Sequence[int], weight: np.ndarray | None, bias: np.ndarray | None, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(result, mean, reciprocal of the deviation) of every sample."""
    to = parameter_dtype(input, (weight, bias))
    check_sizes(input, normalized_shape, weight=weight, bias=bias)
    lead, d = input.ndim - len(normalized_shape), OF_NUMPY[input.dtype]
    count, size = math.prod(input.shape[:lead]), math.prod(normalized_shape)
    if d.category != 2:
        raise not_implemented("LayerNormKernelImpl", input)
    check_agreement(input, weight, bias)
    rows = np.ascontiguousarray(input, d.wide).reshape(count, size)
    scale, level = (None if t is None else np.ascontiguousarray(t, d.wide).reshape(-1) for t in (weight, bias))
    made, mean, rstd = (empty((count, n), d.wide) for n in (size, 1, 1))
    if input.size < MANY or d.low:
        mean[...], variance = few_moments(rows, LANES[d.itemsize])
        np.divide(1, np.sqrt(np.maximum(variance, 0) + rows.dtype.type(eps)), out=rstd)
        made = fused(rows, rstd, -mean * rstd) if d.low else (rows - mean) * rstd
        made = made * (1 if scale is None else scale) + (made.dtype.type(0) if level is None else level)  # the sum is never -0
    else:
        in_pieces(partial(normalised, eps, scale, level), [rows, mean, rstd], made, piece=SEVERAL, scratch=1)
    sides = *input.shape[:lead], *[1] * len(normalized_shape)
    mean, rstd = (t.astype(to.np, copy=False).reshape(sides) for t in (mean, rstd))
    return made.reshape(input.shape).astype(d.np, copy=False), mean, rstd


def normalised(
    eps: float, scale: Any, level: Any, x: np.ndarray, mean: np.ndarray, rstd: np.ndarray, factors: np.ndarray, out: np.ndarray
) -> None:
    """Write some samples normalised to `out`, and their statistics.

    Scale and deviations are multiplied with each other first: what reads a row and a column takes half the time of what reads an array.
    """
    size = x.shape[1]
    np.divide(sums_along(x, 1), size, out=mean)
    np.subtract(x, mean, out=out)
    squares = np.vecdot(out, out)
    squares /= size
    squares += eps
    np.divide(1, np.sqrt(squares, squares), out=rstd[:, 0])
    if scale is None:
        out *= rstd
    else:
        np.multiply(rstd, scale, out=factors)
        out *= factors
    if level is not None:
        out += level


def few_moments(rows: np.ndarray, lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each row as PyTorch updates them, which shows where something overflows or is infinite.

    Of rows longer than what it updates at a time they are those in double precision.
    """
    count, size = rows.shape
    vectors = size // lanes
    if vectors > CHUNK:
        exact = updated_mean(rows.astype(np.float64), (1,), size)
        variance = np.add.reduce(np.square(rows - exact), 1, keepdims=True) / size
        return np.where(np.isfinite(exact), exact, np.nan).astype(rows.dtype), variance.astype(rows.dtype)
    width = lanes if rows.dtype.itemsize == 8 else LANES[4]  # of 16 bits a vector is two in float32
    part: Moments = (0, *np.zeros((2, count, width), rows.dtype))
    for first in range(0, lanes if vectors else 0, width):
        more = updated([rows[:, k : k + width] for k in range(first, vectors * lanes, lanes)], part)
        part = together(part, more) if first else more
    rest = [rows[:, k : k + 1] for k in range(vectors * lanes, size)]
    made = updated(rest, (0, *np.zeros((2, count, 1), rows.dtype)), np.divide)
    for k in range(width):
        made = together(made, (part[0], part[1][:, k : k + 1], part[2][:, k : k + 1]))
    return made[1], made[2] / rows.dtype.type(size)


def times_reciprocal(array: np.ndarray, count: int) -> np.ndarray:
    """An array divided by a count as PyTorch divides vectors: times the reciprocal, rounded first."""
    return array * array.dtype.type(1 / count)


def updated(steps: list[np.ndarray], like: Moments, share: Callable[[np.ndarray, int], np.ndarray] = times_reciprocal) -> Moments:
    """The moments of what one step after the other brings: PyTorch divides single elements by their count, vectors it multiplies."""
    mean, squares = np.zeros_like(like[1]), np.zeros_like(like[2])
    for i, x in enumerate(steps):
        apart = x - mean
        mean = mean + share(apart, i + 1)
        squares = squares + apart * (x - mean)
    return len(steps), mean, squares


def together(a: Moments, b: Moments) -> Moments:
    """The moments of the elements of both, of which there may be none: what overflows is NaN then."""
    count = a[0] + b[0]
    share = a[1].dtype.type(b[0] / count if count else 0)
    apart = b[1] - a[1]
    return count, a[1] + share * apart, a[2] + (b[2] + apart * apart * share * a[1].dtype.type(a[0]))


# -- backward --------------------------------------------------------------------------------------------------------------------
def layer_norm_rule(
    g: Any, input: Any, normalized_shape: Sequence[int], weight: Any, bias: Any, eps: float, result1: Any, result2: Any, needs: set[str]
) -> tuple[Any, Any, Any]:
    if isinstance(g, np.ndarray):
        return layer_norm_gradients(g, input, tuple(normalized_shape), weight, result1, result2, needs)
    mask = [name in needs for name in PARTS]
    made = BACKWARD.run([g, input, normalized_shape, result1, result2, weight, bias, mask])
    return tuple(t if wanted else None for t, wanted in zip(made, mask, strict=True))  # type: ignore[return-value]  # three of three


def layer_norm_backward(
    grad_out: np.ndarray,
    input: np.ndarray,
    normalized_shape: Sequence[int],
    mean: np.ndarray,
    rstd: np.ndarray,
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    output_mask: Sequence[bool],
) -> list[np.ndarray]:
    """All three gradients; zeros for one that is not asked for, where PyTorch has none."""
    wide = OF_NUMPY[input.dtype].wide
    arrays: list[Any] = [None if t is None else t.astype(wide, copy=False) for t in (grad_out, input, weight, mean, rstd)]
    wanted = {name for name, there in zip(PARTS, output_mask, strict=True) if there}
    g, x, scale, level, factor = arrays
    made = layer_norm_gradients(g, x, tuple(normalized_shape), scale, level, factor, wanted)
    like = input, *(input if t is None else t for t in (weight, bias))
    shapes = input.shape, *[tuple(normalized_shape)] * 2
    return [np.zeros(n, t.dtype) if x is None else x.astype(t.dtype, copy=False) for n, x, t in zip(shapes, made, like, strict=True)]


def beside_a_weight(along_bias: Any, along_input: Any, weight: Any) -> Any:
    """What the second derivative of a norm takes into account of a cotangent for the gradient of the bias: nothing without a weight.

    Raises RuntimeError where there is one for the gradient of the input, too: PyTorch then asks for the gradient of the missing weight.
    """
    if weight is not None or along_bias is None:
        return along_bias
    if along_input is not None:
        raise RuntimeError("Expected a proper Tensor but got None (or an undefined Tensor in C++) for argument #1 'other'")
    return None


def layer_norm_twice(
    g_result0: Any, g_result1: Any, g_result2: Any, grad_out: Any, input: Any, normalized_shape: Any, mean: Any, rstd: Any, weight: Any,
    needs: set[str],
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """The gradients of grad_out, input and weight of the three gradients. Source: PyTorch's `layer_norm_double_backward`, step by step."""
    g_result2 = beside_a_weight(g_result2, g_result0, weight)
    shape, size = tuple(input.shape), math.prod(normalized_shape)
    rows = math.prod(shape[: len(shape) - len(normalized_shape)])
    g, x, along = (None if t is None else F.reshape(t, (rows, size)) for t in (grad_out, input, g_result0))
    scale, along_scale, along_level = (None if t is None else F.reshape(t, (1, size)) for t in (weight, g_result1, g_result2))
    factor = in_dtype_of(F.reshape(rstd, (rows, 1)), input)
    apart = x - in_dtype_of(F.reshape(mean, (rows, 1)), input)
    square, cube = F.pow(factor, 2), F.pow(factor, 3)

    def total(t: Any) -> Any:
        return F.sum(t, [1], True)

    def first(t: Any, times: Any) -> Any:
        """What the first backward makes of a cotangent for the input."""
        share = (factor if times is None else times * factor) / size
        return share * (t * size - total(t) - apart * square * total(t * apart))

    to_grad, to_input, to_weight = None, None, None
    if along is not None:
        scaled = g if scale is None else g * scale
        scaled_apart, scaled_total = total(scaled * apart), total(scaled)
        along_total, along_apart = total(along), total(along * apart)
        joint = (
            along_total * scaled_total / size
            - total(along * scaled)
            + square * scaled_apart * along_apart * (3.0 / size if size else math.inf)
        )
        to_input = apart * cube * joint / size
        to_input = to_input + along_apart * cube / size * (scaled_total / size - scaled)
        to_input = to_input + scaled_apart * cube / size * (along_total / size - along)
        to_grad = first(along, scale)
        to_weight = F.reshape(F.sum(g * first(along, None), [0]), tuple(normalized_shape))
    if along_scale is not None:
        to_input = plus(to_input, first(along_scale * g, None))
        to_grad = plus(to_grad, along_scale * apart * factor)
    if along_level is not None:
        to_grad = plus(to_grad, along_level)
    if to_input is not None:
        to_input = F.reshape(to_input, shape)
    if to_grad is not None:
        to_grad = F.reshape(F.expand(to_grad, (rows, size)), shape)
    return to_grad, to_input, to_weight if weight is not None else None, None


def in_dtype_of(t: Any, other: Any) -> Any:
    """Statistics in the dtype of the input."""
    return t if t.dtype == other.dtype else F.to(t, other.dtype) if isinstance(t, Tensor) else t.astype(other.dtype)


def layer_norm_backward_steps(
    grad_out: Tensor, input: Tensor, normalized_shape: Sequence[int], mean: Tensor, rstd: Tensor, weight: Tensor | None,
    bias: Tensor | None, output_mask: Sequence[bool],
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """What PyTorch runs for tangents of the gradients. Source: `torch._decomp.decompositions_for_jvp`."""
    lead, sides = input.ndim - len(normalized_shape), tuple(normalized_shape)
    inner, outer, size = list(range(lead, input.ndim)), list(range(lead)), math.prod(sides)
    if not input.numel():
        return F.new_zeros(input, tuple(input.shape)), F.new_zeros(input, sides), F.new_zeros(input, sides)
    variance, level = F.var_mean(input, inner, correction=0, keepdim=True)
    eps = (F.pow(1 / rstd, 2) - variance).detach()
    factor = F.rsqrt(variance + eps)
    even = (input - level) * factor
    scaled = grad_out if weight is None else grad_out * weight
    slope = scaled * size - F.sum(scaled, inner, True) - even * F.sum(scaled * even, inner, True)
    to_input = (factor / size) * slope if output_mask[0] else F.zeros_like(input)

    def of_parameter(t: Tensor | None, wanted: bool, share: Any) -> Tensor:
        if t is None or not wanted:
            return F.new_zeros(input, ()) if t is None else F.zeros_like(t)
        made: Tensor = F.sum(share(), outer) if outer else share()
        return made

    to_weight = of_parameter(weight, output_mask[1], lambda: grad_out * even)
    return to_input, to_weight, of_parameter(bias, output_mask[2], lambda: grad_out if outer else F.clone(grad_out))


def layer_norm_gradients(
    g: np.ndarray, input: np.ndarray, sides: Shape, weight: Any, mean: np.ndarray, rstd: np.ndarray, needs: set[str]
) -> tuple[Any, Any, Any]:
    """The gradients of input, weight and bias."""
    count, size = mean.size, math.prod(sides)
    d = input.dtype
    grads, rows = (np.ascontiguousarray(t, d).reshape(count, size) for t in (g, input))
    means, factors = (t.reshape(count, 1).astype(d, copy=False) for t in (mean, rstd))
    scale = np.ones(size, d) if weight is None else np.ascontiguousarray(weight, d).reshape(-1)
    made, sums = empty(input.shape, d), [np.zeros(size, d) for _ in range(2)]
    if rows.size < MANY:
        shares(scale, sums, needs, grads, rows, means, factors, made.reshape(count, size))
    else:
        sums = shares_of_many(scale, needs, [grads, rows, means, factors], made.reshape(count, size))
    return (
        made if "input" in needs else None,
        sums[0].reshape(sides) if "weight" in needs else None,
        sums[1].reshape(sides) if "bias" in needs else None,
    )


def shares(
    scale: np.ndarray, sums: Sums, needs: set[str], g: np.ndarray, x: np.ndarray, mean: np.ndarray, rstd: np.ndarray, out: np.ndarray
) -> None:
    """Write the gradient of some samples to `out`, add their shares of those of weight and bias: step by step as PyTorch does."""
    share = x.dtype.type(1) / x.dtype.type(x.shape[1])
    if "weight" in needs:
        sums[0] += np.add.reduce(g * (rstd * x - rstd * mean), 0)
    if "bias" in needs:
        sums[1] += np.add.reduce(g, 0)
    if "input" in needs:
        along, total = (np.add.reduce(t, 1, keepdims=True) for t in (g * x * scale, g * scale))
        slope = fused(total, mean, -along) * rstd * rstd * rstd * share
        np.add(fused(slope, x, rstd * g * scale), fused(-slope, mean, -(total * rstd * share)), out=out)


def shares_of_many(scale: np.ndarray, needs: set[str], arrays: Sequence[np.ndarray], made: np.ndarray) -> Sums:
    """The same where speed counts, for all samples: every sum is a product with a vector. Returns those for weight and bias."""
    share = arrays[3] / arrays[3].dtype.type(made.shape[1])
    found: dict[int, Sums] = {}
    work = partial(shares_of_piece, scale, found, needs)
    in_pieces(work, [np.arange(len(made)), *arrays, share, share * arrays[3] * arrays[3]], made, piece=SEVERAL, scratch=1)
    return [np.add.reduce(parts, 0) for parts in zip(*(found[start] for start in sorted(found)), strict=True)]


def shares_of_piece(
    scale: np.ndarray, found: dict[int, Sums], needs: set[str], places: np.ndarray, g: np.ndarray, x: np.ndarray, mean: np.ndarray,
    rstd: np.ndarray, share: np.ndarray, cube: np.ndarray, products: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """Write the gradient of some samples to `out`; shares of weight and bias are `found` by the first of them.

    `share` is `rstd`, and `cube` its cube, by the number of features.
    """
    nothing = np.zeros_like(scale)
    np.subtract(x, mean, out=out)
    np.multiply(g, out, out=products)
    found[int(places[0])] = [
        rstd[:, 0] @ products if "weight" in needs else nothing,
        of_ones(len(g), g.dtype) @ g if "bias" in needs else nothing,
    ]
    if "input" in needs:
        out *= (products @ scale)[:, None] * cube
        out += (g @ scale)[:, None] * share
        np.multiply(rstd, scale, out=products)
        products *= g
        np.subtract(products, out, out=out)


def constant_of(name: str) -> Callable[[Any], Any]:
    """The rule of a statistic, in which PyTorch has no derivative."""

    def refuse(g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return refuse


# -- the ops ---------------------------------------------------------------------------------------------------------------------
def layer_norm_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> list[Any]:
    """The tangent of the result; what it was made with has none."""
    (input, sides, weight, _, eps), (along_input, along_weight, along_bias) = values, tangents
    dims = list(range(-len(sides), 0))
    apart = input - F.mean(input, dims, True)
    rstd = F.rsqrt(F.mean(apart * apart, dims, True) + eps)
    rstd = F.where(F.isnan(outs[2]), math.nan, rstd)  # PyTorch's statistics are those of the result: what overflowed in them is NaN
    made = tangent_of_normalised(zeros_for(along_input, input), apart, rstd, dims)
    return [scaled_tangent(made, apart * rstd, weight, along_weight, along_bias), None, None]


def written_in_place(tangents: Sequence[Any], weight: Any) -> bool:
    """True where PyTorch writes the tangent of a result into that of the input, so that it keeps its dtype."""
    return tangents[0] is not None and (weight is None or tangents[1] is not None)


def tangent_of_normalised(along: Any, apart: Any, rstd: Any, dims: list[int]) -> Any:
    """The tangent of `apart * rstd`, of which the first is the distance from the mean along `dims`."""
    return (along - F.mean(along, dims, True)) * rstd + apart * tangent_of_rstd(along, apart, rstd, dims)


def tangent_of_rstd(along: Any, apart: Any, rstd: Any, dims: list[int]) -> Any:
    """The tangent of the reciprocal of the deviation, multiplied with its cube before it is added up, as PyTorch does."""
    level = along - F.mean(along, dims, True)
    return F.sum(level * apart * -F.pow(rstd, 3), dims, True) / math.prod(along.shape[d] for d in dims)


def scaled_tangent(along: Any, even: Any, weight: Any, along_weight: Any, along_bias: Any) -> Any:
    """The tangent of `even * weight + bias`, `along` being that of `even`; what is missing counts for nothing, whatever its factor."""
    made = along if weight is None or along is None else along * weight
    if along_weight is not None:
        made = plus(made, even * along_weight)
    return plus(made, along_bias)


op("native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)",
   plain(layer_norm_kernel, method=False, jvp=layer_norm_tangent),
   {"input, weight, bias": layer_norm_rule})  # fmt: skip


@taken_apart("native_layer_norm")
def layer_norm_of_samples(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """A batch is no other than more rows; parameters that differ by sample come after it, as PyTorch has it."""
    level, (rows, *own) = batches_of([input, weight, bias])
    shared = own == [None, None]
    check_sizes(input, normalized_shape, weight=weight, bias=bias)
    parameters = (weight, bias) if shared else (None, None)
    made = F.native_layer_norm(input if rows is None else rows, normalized_shape, *parameters, eps)
    result, *statistics = made if rows is None else [batched(t, level) for t in made]
    if not shared:
        result = result if weight is None else result * weight
        result = result if bias is None else result + bias
    return result, *statistics


# What makes second derivatives; it is no op of its own here, for PyTorch's is called with all that belongs together only.
BACKWARD = Op(
    "native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, Tensor? weight, "
    "Tensor? bias, bool[] output_mask) -> (Tensor, Tensor, Tensor)",
    plain(layer_norm_backward, node="NativeLayerNormBackwardBackward0", stepwise=True, jvp=Composition(layer_norm_backward_steps)),
    {
        "grad_out, input, weight, bias": layer_norm_twice,
        "mean": constant_of("native_layer_norm_backward mean"),
        "rstd": constant_of("native_layer_norm_backward rstd"),
    },
)


@composite(
    "layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) "
    "-> Tensor",
    method=False,
)
def layer_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float, _: bool) -> Tensor:
    made: Tensor = F.native_layer_norm(input, normalized_shape, weight, bias, eps)[0]
    return made


@composite(
    "nn.functional.layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor"
)
def layer_norm_of(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    return native("layer_norm", input, normalized_shape, weight, bias, eps)


# -- root mean square ------------------------------------------------------------------------------------------------------------


UNFUSED = "Mismatch dtype between input and weight: input dtype = {}, weight dtype = {}, Cannot dispatch to fused implementation."


@composite(
    "rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
    method=False,
)
def rms_norm(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, eps: float | None) -> Tensor:
    """By the root of the mean square alone, in at least single precision. Source: `rms_norm_composite` in PyTorch's layer_norm.cpp."""
    shape, d = check_parameters(normalized_shape, weight=weight), input._dtype
    if input.ndim < len(shape):
        raise ValueError(f"Input tensor must have at least {len(shape)} dimensions, but got {input.ndim}")
    if list(input.shape[-len(shape) :]) != shape:
        text = ", ".join(map(str, shape))
        raise RuntimeError(f"Given normalized_shape={shape}, expected input with shape [*{text}], but got input of size{list(input.shape)}")
    if weight is not None and weight._dtype is not d and not d.is_complex:
        warn_once(UNFUSED.format(*(CPP_NAMES[one.scalar_name] for one in (d, weight._dtype))))
    if d.category < 2:
        raise NotImplementedError(f"\"rms_norm\" not implemented for '{d.scalar_name}'")
    wide = F.to(input, float32) if d.low else input
    limits = np.finfo(wide._array.dtype)
    smallest = float(limits.eps) if eps is None else float(limits.dtype.type(eps).real)
    dims = [input.ndim - 1 - k for k in range(len(normalized_shape))]
    mean = F.mean(F.pow(wide, 2), dims, True)
    made = wide * F.rsqrt(more(mean, smallest))
    made = made if weight is None else made * weight
    return F.to(F.contiguous(made), d)  # what is contiguous keeps the steps it has for sides of 1


@composite("nn.functional.rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor")
def rms_norm_of(input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, eps: float | None) -> Tensor:
    return native("rms_norm", input, normalized_shape, weight, eps)
