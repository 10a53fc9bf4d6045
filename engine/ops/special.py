"""Error functions, gamma functions and the logistic function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from ..modes import is_grad_enabled
from ..op import F, op, pointwise
from ..pieces import PIECE, elementwise
from ..promotion import floating, only
from ..tensor import Tensor
from .arithmetic import binary, less, number_less, times

TWO_BY_SQRT_PI = 2 / math.sqrt(math.pi)


def sigmoid_kernel(self: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-self))


def terms(*numbers: float) -> list[np.ndarray]:
    """Numbers of float32 as arrays: NumPy would make an array of a number at every use."""
    return [np.array(n, np.float32) for n in numbers]


# The inverse hyperbolic tangent of erf(x), over x: a continued fraction of x * x, so that one of few numbers is near enough for float32.
# Fitted to the least relative error of erf, 1.5e-9, up to 4, from where on erf rounds to 1 and the fraction only grows.
START, BELOW, ABOVE, *LEVELS, INNERMOST = terms(
    1.128379165, 0.01298409517, 3.656659349, 47.16517269, -106.785993, 5.66446071, 35.79290394, 3.278541216
)
FEW = 512  # elements of which SciPy's error function is not slower


def erf_kernel(self: np.ndarray) -> np.ndarray:
    """Of many numbers in float32 within 3 units of the last place, ten times faster than SciPy's, which rounds right."""
    return elementwise(erf_piece, self, scratch=1, piece=PIECE) if self.dtype == np.float32 and self.size > FEW else special.erf(self)


def erf_piece(self: np.ndarray, square: np.ndarray, out: np.ndarray) -> None:
    """By `start + s * (below + above / (s + d + c / (... / (s + innermost))))`, `s` being the square."""
    np.multiply(self, self, out=square)
    np.add(square, INNERMOST, out=out)
    for i in range(len(LEVELS) - 1, 0, -2):
        np.divide(LEVELS[i], out, out=out)
        np.add(out, square, out=out)
        np.add(out, LEVELS[i - 1], out=out)
    np.divide(ABOVE, out, out=out)
    np.add(out, BELOW, out=out)
    np.multiply(out, square, out=out)
    np.add(out, START, out=out)
    np.multiply(out, self, out=out)
    np.tanh(out, out=out)


DIGAMMA = (8.33333333333333333333e-2, -2.10927960927960927961e-2, 7.57575757575757575758e-3, -4.16666666666666666667e-3,
           3.96825396825396825397e-3, -8.33333333333333333333e-3, 8.33333333333333333333e-2)  # fmt: skip
PSI_10 = 2.25175258906672110764


def digamma_kernel(self: np.ndarray) -> np.ndarray:
    """NaN at the negative integers, infinite at the zeros with the opposite sign: PyTorch's convention. Source: psi of Cephes."""
    number = self.dtype.type
    whole = np.trunc(self)
    x = np.where(self < 0, 1 - self, self)
    result = np.zeros_like(x)
    while (below := x < 10).any():
        result = np.where(below, result - 1 / x, result)
        x = np.where(below, x + 1, x)
    z = 1 / (x * x)
    series = np.zeros_like(x)
    for a in DIGAMMA:
        series = series * z + number(a)
    tail = np.where(x < 1e17, z * series, number(0))
    result = np.where(x == 10, result + number(PSI_10), result + np.log(x) - number(0.5) / x - tail)
    turned = (math.pi / np.tan(math.pi * (self - whole).astype(np.float64))).astype(self.dtype)
    result = np.where(self < 0, np.where(self == whole, number(np.nan), result - turned), result)
    return np.where(self == 0, np.copysign(number(np.inf), -self), result)


def trigamma(self: np.ndarray) -> np.ndarray:
    """The derivative of digamma: reflected below 0.5, moved up by 6, then the first terms of the series at infinity, as PyTorch has it."""
    pi = self.dtype.type(math.pi)
    reflected = self < 0.5
    x = np.where(reflected, 1 - self, self)
    sine = np.sin(pi * self)
    result = np.where(reflected, -(pi * pi) / (sine * sine), self.dtype.type(0))
    for _ in range(6):
        result, x = result + 1 / (x * x), x + 1
    inverse = 1 / (x * x)
    result = result + (1 + 1 / (2 * x) + inverse * (1 / 6 - inverse * (1 / 30 - inverse * (1 / 42)))) / x
    return np.where(reflected, -result, result).astype(self.dtype, copy=False)


def lgamma_kernel(self: np.ndarray) -> np.ndarray:
    """The logarithm of the size of gamma; where SciPy's overflows, near 0 and at minus infinity, as C's does not."""
    near = np.abs(self) < np.finfo(self.dtype).tiny
    return np.where(near, -np.log(np.abs(self)), np.where(np.isneginf(self), np.inf, special.gammaln(self))).astype(self.dtype, copy=False)


ZETA = (12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9, 7.47242496e10, -2.950130727918164224e12,
        1.1646782814350067249e14, -4.5979787224074726105e15, 1.8152105401943546773e17, -7.1661652561756670113e18)  # fmt: skip
PRECISION = 1.11022302462515654042e-16
TOGETHER = 64  # terms of all elements at once; of one that needs more, a chunk of its own terms
CHUNK = 2**18


def zeta(n: int, q: np.ndarray) -> np.ndarray:
    """The sum of `(q + k) ** -n` over all k from 0; infinite where one of them is. Source: zeta of Cephes, by Euler and Maclaurin."""
    if not q.ndim:  # steps of its own are written to
        return zeta(n, q.reshape(1)).reshape(())
    x = float(n)
    total = np.power(q, q.dtype.type(-x)).astype(np.float64)
    q = a = q.astype(np.float64)
    term = np.zeros_like(q)
    running, steps = ~((q <= 0) & (q == np.floor(q))), 0
    done = ~running
    while (counted := running & ((steps < 9) | (a <= 9))).any():
        if steps == TOGETHER:  # far below 0
            for at in np.ndindex(a.shape):
                if counted[at]:
                    a[at], term[at], total[at], done[at] = up_to_nine(float(a[at]), float(total[at]), x)
            break
        steps += 1
        a = np.where(counted, a + 1, a)
        term = np.where(counted, np.power(a, -x), term)
        total = np.where(counted, total + term, total)
        done = done | (counted & (np.abs(term) < np.abs(PRECISION * total)))
        running = counted & ~done
    factor, k = np.ones_like(q), 0.0
    sum_ = np.where(done, total, total + term * a / (x - 1) - 0.5 * term)
    for divisor in ZETA:
        factor, term = factor * (x + k), term / a
        part = factor * term / divisor
        sum_ = np.where(done, sum_, sum_ + part)
        done = done | (np.abs(part / sum_) < PRECISION)
        k = k + 1
        factor, term = factor * (x + k), term / a
        k = k + 1
    return np.where((q <= 0) & (q == np.floor(q)), np.inf, sum_)


def up_to_nine(a: float, total: float, x: float) -> tuple[float, float, float, bool]:
    """The loop of `zeta` from `a` on: where it ends, its last term, the sum, and whether no further term would change that."""
    while True:
        steps = a + np.arange(1, min(CHUNK, math.floor(9 - a) + 1) + 1)
        terms = np.power(steps, -x)
        sums = np.add.accumulate(np.concatenate(([total], terms)))[1:]
        small = np.abs(terms) < np.abs(PRECISION * sums)
        last = int(small.argmax()) if small.any() else len(steps) - 1
        a, total = float(steps[last]), float(sums[last])
        if small[last] or a > 9:
            return a, float(terms[last]), total, bool(small[last])


def check_polygamma(n: int, self: Any) -> None:
    """Raises RuntimeError for a negative n, NotImplementedError for complex numbers."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    only("bool integer real", ("digamma", "trigamma", "polygamma")[min(n, 2)], floating)([self])


def polygamma_kernel(n: int, self: np.ndarray) -> np.ndarray:
    """The n-th derivative of digamma."""
    if n < 2:
        return trigamma(self) if n else digamma_kernel(self)
    scale = np.exp(special.gammaln(self.dtype.type(n + 1)))
    return (scale if n % 2 else -scale) * zeta(n + 1, self).astype(self.dtype)


def erfc_kernel(self: np.ndarray) -> np.ndarray:
    """The complement of erf: SciPy's, and the C library's where that is 0 already, from the least of the normal numbers on."""
    made = np.asarray(special.erfc(self))
    if self.dtype == np.float64:
        lost = (made == 0) & (self < 28)
        if lost.any():
            made[lost] = [math.erfc(x) for x in self[lost].tolist()]
    return made


op("sigmoid(Tensor self) -> Tensor", pointwise(sigmoid_kernel, floating), self=lambda g, result: F.sigmoid_backward(g, result))
op("erf(Tensor self) -> Tensor",
   pointwise(erf_kernel, only("bool integer real", "erf_vml_cpu", floating), stepwise=True),
   self=lambda g, self: times(F.exp(-F.pow(self, 2)), TWO_BY_SQRT_PI) * g)  # fmt: skip
op("erfc(Tensor self) -> Tensor",
   pointwise(erfc_kernel, only("bool integer real", "erfc_vml_cpu", floating), stepwise=True),
   self=lambda g, self: times(F.exp(-F.pow(self, 2)), -TWO_BY_SQRT_PI) * g)  # fmt: skip
op("lgamma(Tensor self) -> Tensor",
   pointwise(lgamma_kernel, only("bool integer real", "lgamma_vml_cpu", floating), stepwise=True),
   self=lambda g, self: g * F.digamma(self))  # fmt: skip
op("digamma(Tensor self) -> Tensor",
   pointwise(digamma_kernel, only("bool integer real", "digamma", floating), stepwise=True),
   self=lambda g, self: g * F.polygamma(1, self))  # fmt: skip
op("polygamma(int n, Tensor self) -> Tensor",
   pointwise(polygamma_kernel, floating, inplace=False, stepwise=True, first=check_polygamma),
   self=lambda g, n, self: g * F.polygamma(n + 1, self))  # fmt: skip


def without_derivative(name: str) -> Callable[..., Any]:
    """The rule of an argument for which PyTorch has no formula."""

    def rule(g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")

    return rule


# -- the inverse of the logistic function ------------------------------------------------------------------------------------------
def logit_kernel(self: np.ndarray, eps: float | None) -> np.ndarray:
    """The logarithm of the odds, of what is brought between `eps` and `1 - eps` first; a negative `eps` is none to PyTorch."""
    if eps is not None and eps >= 0:
        low = self.dtype.type(eps)
        high = self.dtype.type(1) - low
        self = np.where(self < low, low, np.where(self > high, high, self))
    return np.log(self / (1 - self))


def logit_backward_kernel(grad_output: np.ndarray, self: np.ndarray, eps: float | None) -> np.ndarray:
    """None outside of the bounds, or NaN where there are none but 0 and 1."""
    one, bounded = self.dtype.type(1), eps is not None and eps >= 0
    low = self.dtype.type(eps if bounded else 0)
    steep = np.where((self == 0) | (self == one), grad_output * math.inf, grad_output / (self * (one - self)))
    return np.where((self < low) | (self > one - low), self.dtype.type(0 if bounded else math.nan), steep)


def logit_rule(g: Any, self: Any, eps: float | None) -> Any:
    """By an op without derivatives where none are asked for: then a negative `eps` is a bound to PyTorch, too."""
    if not isinstance(self, Tensor) or not is_grad_enabled():
        return F.logit_backward(g, self, eps)
    low = 0.0 if eps is None else eps
    inside = (self >= low) & (self <= 1.0 - low)
    return F.where(inside, g / (self * number_less(1, self)), math.nan if eps is None else 0.0)


op("logit_backward(Tensor grad_output, Tensor self, float? eps=None) -> Tensor",
   pointwise(logit_backward_kernel, only("real", "logit_backward_cpu"), underived=True, jvp=None, function=False, method=False,
             inplace=False, out=False),
   {"grad_output, self": without_derivative("logit_backward")})  # fmt: skip
op("logit(Tensor self, float? eps=None) -> Tensor",
   pointwise(logit_kernel, only("bool integer real", "logit_cpu", floating), stepwise=True),
   self=logit_rule)  # fmt: skip


# -- incomplete gamma functions ---------------------------------------------------------------------------------------------------
def incomplete(function: Callable[..., np.ndarray], before: float) -> Callable[..., np.ndarray]:
    """The kernel: `before` where `other` is 0. There, and at infinity, PyTorch does not look whether the rest is a number."""

    def kernel(self: np.ndarray, other: np.ndarray) -> np.ndarray:
        found = function(self, other)
        odd = np.isnan(self) | np.isnan(other)
        if not odd.any():
            return found
        near, far = found.dtype.type(before), found.dtype.type(1 - before)
        return np.where(odd & ((other == 0) | np.isposinf(self)), near, np.where(odd & np.isposinf(other), far, found))

    return kernel


# PyTorch's compiler has it evaluate right operands first: here those are variables.
def lower_rule(g: Any, self: Any, other: Any) -> Any:
    """The slope with respect to where the function ends."""
    rest, log = F.lgamma(self), F.log(other)
    density = F.exp(less(self, 1) * log - other - rest)
    return g * density


def upper_rule(g: Any, self: Any, other: Any) -> Any:
    rest, log = F.lgamma(self), F.log(other)
    density = F.exp(less(self, 1) * log - other - rest)
    return -g * density


op("igamma(Tensor self, Tensor other) -> Tensor",
   binary(incomplete(special.gammainc, 0), only("real", "igamma_cpu"), stepwise=True, jvp=None),
   self=without_derivative("igamma"),
   other=lower_rule)  # fmt: skip
op("igammac(Tensor self, Tensor other) -> Tensor",
   binary(incomplete(special.gammaincc, 1), only("real", "igammac_cpu"), stepwise=True, jvp=None),
   self=without_derivative("igammac"),
   other=upper_rule)  # fmt: skip
