"""The Gaussian error linear unit: `x` times the probability of less than `x`, exactly or by a hyperbolic tangent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import special

from ..calls import FUNCTIONS, Form
from ..constants import constant
from ..dtypes import OF_NUMPY
from ..op import OPS, F, Op, composite, op, pointwise
from ..out import CHECKS
from ..overlap import check_no_partial_overlap
from ..pieces import elementwise
from ..promotion import only
from ..registry import OVERLOADS
from ..tangents import along, plus
from ..tensor import Tensor
from .activation import INTERNAL
from .arithmetic import number_less, number_over, times
from .special import FEW, terms
from .ternary import or_zeros

HALF_ROOT = math.sqrt(0.5)
PEAK = HALF_ROOT / math.sqrt(math.pi)  # of the density
SLOPE = math.sqrt(2 / math.pi)  # of the argument of the hyperbolic tangent, at 0
CUBIC = 0.044715
STEEP, HIGH = -0.5 * math.log2(math.e), math.log2(PEAK)  # the density is 2 to the power of `STEEP * x * x + HIGH`

# The inverse hyperbolic tangent of erf(x), over x, as a polynomial in x * x; fitted to the least absolute error of erf, 6e-8: that is near
# enough where 1 is added to it.
NEAR = (1.589510556e-07, -5.985566137e-06, 8.971198852e-05, -6.257183165e-04, -1.843848432e-04, 1.027654819e-01, 1.128379705)
SERIES = terms(*(number * HALF_ROOT ** (2 * (len(NEAR) - i) - 1) for i, number in enumerate(NEAR)))  # the same for `HALF_ROOT * x`


def check_way(*values: Any) -> None:
    """Raises RuntimeError for another approximation than PyTorch knows."""
    if values[-1] not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")


# -- of arrays, in pieces: `out` is the last, what is before it holds what is made on the way ------------------------------------
def gelu_kernel(self: np.ndarray, approximate: str) -> np.ndarray:
    return elementwise(by_tanh_piece if approximate == "tanh" else exact_piece, self, scratch=1)


def gelu_backward_kernel(grad_output: np.ndarray, self: np.ndarray, approximate: str) -> np.ndarray:
    if approximate == "tanh":
        return elementwise(by_tanh_backward_piece, grad_output, self, scratch=2)
    return elementwise(exact_backward_piece, grad_output, self, scratch=1)


def likely(self: np.ndarray, square: np.ndarray, out: np.ndarray) -> None:
    """The probability of less than `self`, of many in float32 by the hyperbolic tangent of a series; on the way the square."""
    half = constant(0.5, OF_NUMPY[out.dtype])
    np.multiply(self, self, square)
    if out.dtype == np.float32 and out.size > FEW:
        np.multiply(square, SERIES[0], out)
        for term in SERIES[1:-1]:
            np.add(out, term, out)
            np.multiply(out, square, out)
        np.add(out, SERIES[-1], out)
        np.multiply(out, self, out)
        np.tanh(out, out)
    else:
        np.multiply(self, HALF_ROOT, out)
        special.erf(out, out)
    np.multiply(out, half, out)
    np.add(out, half, out)


def exact_piece(self: np.ndarray, square: np.ndarray, out: np.ndarray) -> None:
    likely(self, square, out)
    np.multiply(out, self, out)


def exact_backward_piece(grad_output: np.ndarray, self: np.ndarray, square: np.ndarray, out: np.ndarray) -> None:
    """`g` times probability plus `self` times density, which is taken as a power of 2: NumPy has those in half the time."""
    likely(self, square, out)
    d = OF_NUMPY[out.dtype]
    np.multiply(square, constant(STEEP, d), square)
    np.add(square, constant(HIGH, d), square)
    np.exp2(square, square)
    np.multiply(square, self, square)
    np.add(out, square, out)
    np.multiply(out, grad_output, out)


def by_tanh_of(self: np.ndarray, square: np.ndarray, out: np.ndarray) -> None:
    """The hyperbolic tangent that stands for the error function."""
    np.multiply(self, self, out=square)
    np.multiply(square, self, out=out)
    out *= CUBIC
    out += self
    out *= SLOPE
    np.tanh(out, out=out)


def by_tanh_piece(self: np.ndarray, square: np.ndarray, out: np.ndarray) -> None:
    by_tanh_of(self, square, out)
    out += 1
    np.multiply(self, 0.5, out=square)
    out *= square


def by_tanh_backward_piece(grad_output: np.ndarray, self: np.ndarray, right: np.ndarray, square: np.ndarray, out: np.ndarray) -> None:
    by_tanh_of(self, square, right)
    square *= 3 * CUBIC
    square += 1
    square *= SLOPE
    np.subtract(1, right, out=out)  # with `1 + right` the difference from 1 of its square, rounded once as PyTorch does
    right += 1
    out *= right
    out *= square
    np.multiply(self, 0.5, out=square)
    out *= square
    right *= 0.5
    out += right
    out *= grad_output


# -- of Tensors and arrays: the derivative of the derivative --------------------------------------------------------------------
def more(x: Any, number: float) -> Any:
    """`x + number` in a rule, recorded as PyTorch's own code does."""
    return OPS["add.Scalar"].run([x, number, 1]) if isinstance(x, Tensor) else x + number


def bending(self: Any, approximate: str) -> Any:
    """The second derivative; PyTorch's compiler has it evaluate right operands first, here those are variables."""
    if approximate == "none":
        square = self * self
        density = times(F.exp(times(square, -0.5)), PEAK)
        right = square * density
        return times(density, 2) - right
    argument = times(self + times(F.pow(self, 3), CUBIC), SLOPE)
    bent = F.tanh(argument)
    narrow = number_over(1, F.cosh(argument))
    half, rest = times(self, 0.5), number_less(1, bent * bent)
    inner = times(more(times(self, 3 * CUBIC) * self, 1), SLOPE)
    first = times(rest, 0.5) * inner
    falling = -narrow * bent
    narrower = times(narrow, 2) * falling * inner
    second = half * inner * narrower
    curved = times(times(self, 6 * CUBIC), SLOPE)
    third = half * rest * curved
    return times(first, 2) + second + third


def bent_backward(g: Any, grad_output: Any, self: Any, approximate: str) -> Any:
    bent = bending(self, approximate)
    return g * grad_output * bent


def gelu_backward_along(grad_output: Any, self: Any, approximate: str, g: Any, s: Any, result: Any) -> Any:
    moved = F.gelu_backward(or_zeros(g, grad_output), self, approximate=approximate)
    return plus(moved, None if s is None else bent_backward(s, grad_output, self, approximate))


op('gelu(Tensor self, *, str approximate="none") -> Tensor',
   pointwise(gelu_kernel, only("real", "GeluKernelImpl"), jvp="pointwise", first=check_way, **INTERNAL),
   self=lambda g, self, approximate: F.gelu_backward(g, self, approximate=approximate))  # fmt: skip
op('gelu_backward(Tensor grad_output, Tensor self, *, str approximate="none") -> Tensor',
   pointwise(gelu_backward_kernel, only("real", "GeluBackwardKernelImpl"), jvp=along(gelu_backward_along), first=check_way,
             stepwise=True, **INTERNAL),
   grad_output=lambda g, self, approximate, grad_output: F.gelu_backward(g, self, approximate=approximate),
   self=bent_backward)  # fmt: skip


def gelu_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The values for `out=`, which must be of their dtype."""
    dtype, [result] = OPS["gelu"].compute(values)
    CHECKS["exact"](dtype, outs[0].dtype)
    check_no_partial_overlap(outs[0], values[:1])
    return [result]


@composite('nn.functional.gelu(Tensor input, *, str approximate="none") -> Tensor', out=gelu_into)
def gelu(input: Tensor, approximate: str) -> Tensor:
    return F.gelu(input, approximate=approximate)


# PyTorch's is native, not Python: wrong arguments are refused in the words of the native parser.
FUNCTIONS["nn.functional.gelu"] = Form("gelu", OVERLOADS["nn.functional.gelu"].ops, "function", False)
