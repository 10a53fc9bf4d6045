"""Powers, with a tensor or a number on either side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import dtypes
from ..op import F, Op, composite, op, plain
from ..out import fit, put
from ..overlap import check_no_overlap, check_no_partial_overlap
from ..pieces import FEW, alike_in_rows, elementwise
from ..promotion import BY_NUMBER, common, without_half
from ..tangents import along
from ..tensor import Tensor
from ..views import check_cast
from .arithmetic import binary, cast_number, is_complex, less, not_implemented, of_kind, times


def recovered(product: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`product` of complex `x` and `y`, infinite where that came out as NaN of an infinity. Source: C11, annex G.5.1."""
    lost = np.isnan(product.real) & np.isnan(product.imag)
    if not lost.any():
        return product
    (a, b), (c, d) = ((v.real, v.imag) for v in np.broadcast_arrays(x, y))
    grows = np.isinf(a * c) | np.isinf(b * d) | np.isinf(a * d) | np.isinf(b * c)
    for first in (True, False):
        infinite = np.isinf(a) | np.isinf(b) if first else np.isinf(c) | np.isinf(d)
        boxed = [np.where(infinite, np.copysign(np.isinf(v), v), v) for v in ((a, b) if first else (c, d))]
        flat = [np.where(infinite, without_nan(v), v) for v in ((c, d) if first else (a, b))]
        (a, b), (c, d) = (boxed, flat) if first else (flat, boxed)
        grows = grows | infinite
    a, b, c, d = (np.where(grows, without_nan(v), v) for v in (a, b, c, d))
    made = np.array(product)
    made.real = np.where(lost & grows, np.inf * (a * c - b * d), product.real)
    made.imag = np.where(lost & grows, np.inf * (a * d + b * c), product.imag)
    return made


def without_nan(v: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(v), np.copysign(0, v), v)


def power(self: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """`self ** exponent`; of integers to negative powers only 1 and -1 are not 0. Raises NotImplementedError for bools."""
    if self.dtype.kind == "b":
        raise not_implemented("pow", self)
    if self.dtype.kind == "c":  # as C's cpow does, whose zeros have the sign PyTorch's have
        logarithm = np.log(self)
        return np.exp(recovered(exponent * logarithm, exponent, logarithm))
    if self.dtype.kind not in "iu":
        if (exponent.size == 1 or 0 in exponent.strides) and (exponent == 0.5).any():  # of which NumPy would take the square root
            self = np.where((exponent == 0.5) & ((self == 0) | np.isinf(self)), np.abs(self), self)
        return np.power(self, exponent)
    result = np.power(self, np.maximum(exponent, 0))
    if not np.any(exponent < 0):
        return result
    unit = np.where(self == 1, 1, np.where(self == -1, 1 - 2 * (exponent & 1), 0)).astype(self.dtype)
    return np.where(exponent < 0, unit, result)


WRITTEN_OUT: dict[Any, Callable[[np.ndarray, np.ndarray], Any]] = {  # of pieces: where the result goes comes last
    0: lambda self, out: out.fill(1),
    1: lambda self, out: np.copyto(out, self),
    2: lambda self, out: np.multiply(self, self, out),
    3: lambda self, out: np.multiply(np.multiply(self, self, out), self, out),
    0.5: np.sqrt,
    -0.5: lambda self, out: np.divide(1, np.sqrt(self, out), out),
    -1: lambda self, out: np.divide(1, self, out),
    -2: lambda self, out: np.divide(1, np.multiply(self, self, out), out),
}


def power_of_number(self: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """`self ** exponent` for one exponent, of which PyTorch computes a few in another way."""
    kind = self.dtype.kind
    written_out = WRITTEN_OUT.get(exponent.item()) if kind in "fc" or exponent >= 0 else None
    if kind == "b" and exponent > 1:
        raise not_implemented("pow", self)
    if self.dtype == np.float16:  # in which PyTorch takes no square roots: a power of -0 or -inf is one of 0 or inf
        flat = np.where((self == 0) | np.isinf(self), np.abs(self), self)
        return power(flat.astype(np.float32), exponent.astype(np.float32)).astype(np.float16)
    if written_out is None:
        return power(self, exponent)
    if self.size >= FEW:
        return elementwise(written_out, self)
    made = np.empty(self.shape, self.dtype) if self.flags.c_contiguous else np.empty_like(self)
    written_out(self, made)
    return made


def steep_piece(exponent: complex, written_out: Callable[..., Any], g: np.ndarray, self: np.ndarray, out: np.ndarray) -> None:
    """Write the gradient of `self ** exponent`."""
    written_out(self, out)
    np.multiply(out, exponent, out)
    np.multiply(g, out, out)


def refuse_reciprocals(self: Any, exponent: complex) -> None:
    """Raises RuntimeError for a negative power of integers, which PyTorch refuses before it looks where the powers go."""
    if common([self, exponent]).category < 2 and exponent < 0:  # type: ignore[operator]  # no complex number
        raise RuntimeError("Integers to negative integer powers are not allowed.")


POWERS = without_half("pow")


def raising(operands: Any) -> dtypes.dtype:
    """The common dtype. Raises RuntimeError where an exponent is refused: negative for integers, or too large for 16 bits and integers."""
    d, exponent = POWERS(operands), operands[1]
    refuse_reciprocals(*operands)
    if d.low or d.category < 2:
        cast_number(exponent, d.np)
    return d.unwidened() if d is dtypes.float16 and abs(exponent) == 0.5 else d


BY_NUMBER.add(raising)


def from_base(g: Any, self: Any, exponent: Any) -> Any:
    """The gradient of `self ** exponent` in `self` for Tensors: none where the exponent is 0."""
    lower = less(exponent, 1)
    return of_kind(self, F.where(exponent == 0, 0.0, g * (exponent * F.pow(self, lower)).conj()))


def from_number_exponent(g: Any, self: Any, exponent: complex) -> Any:
    """The gradient of `self ** exponent` in `self` for a number: none where it is 0 (False is no such 0 to PyTorch)."""
    if exponent == 0 and not isinstance(exponent, bool):
        return F.zeros_like(g, memory_format="contiguous_format")
    power = exponent if isinstance(exponent, complex) else float(exponent)
    if isinstance(self, np.ndarray) and power - 1 in WRITTEN_OUT and self.dtype.char in "fd" and alike_in_rows(g, self):
        return elementwise(partial(steep_piece, power, WRITTEN_OUT[power - 1]), g, self)
    return of_kind(self, g * times(F.pow(self, power - 1), power).conj())


def not_negative(exponent: Any) -> Any:
    """Where an exponent is real and at least 0: there a power of 0 is taken to be flat."""
    return (exponent.imag == 0) & (exponent.real >= 0) if is_complex(exponent) else exponent >= 0


def from_exponent(g: Any, self: Any, exponent: Any, result: Any) -> Any:
    """The gradient of `self ** exponent` in the exponent."""
    d = common([self, exponent])
    base = F.to(self, d) if isinstance(self, Tensor) else self.astype(d.np, copy=False)
    return of_kind(exponent, F.mul(g, F.where((self == 0) & not_negative(exponent), 0.0, F.mul(result, F.log(base)).conj())))


def from_exponent_of_number(g: Any, self: complex, exponent: Any, result: Any) -> Any:
    """The gradient of `self ** exponent` in the exponent, for a number `self`."""
    logarithm = np.log(complex(self) if isinstance(self, complex) or is_complex(exponent) else float(self)).item()
    steep = times(result, logarithm).conj()
    # not `*`: NumPy lays out arrays of different orders in its own way, and the result is row-major whatever the gradient is
    return of_kind(exponent, F.mul(g, F.where(not_negative(exponent), 0.0, steep) if self == 0 else steep))


def power_by_tensor(self: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """`self ** exponent` for one base, row-major whatever the layout of the exponents."""
    if self == 1 and exponent.dtype.kind != "b":  # for which there are no powers
        return np.ones(exponent.shape, exponent.dtype)
    return np.ascontiguousarray(power(self, exponent)).reshape(exponent.shape)


def power_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray] | None:
    """The powers of a number for `out=`, of which those of 1 are filled in: in any dtype, and where elements share memory, too."""
    [target] = outs
    made = np.ones(values[1]._array.shape, target.dtype.np)
    fit(target, made)  # before anything else is looked at
    if values[0] == 1 and values[0] is not True:
        put(made, target)
        return None
    check_no_overlap(target._array)
    check_no_partial_overlap(target, values)
    _, [result] = op.compute(values)
    check_cast(dtypes.OF_NUMPY[result.dtype], target.dtype)
    return [result]


def power_along(self: Any, exponent: Any, s: Any, e: Any, result: Any) -> Any:
    """The tangent of a power of tensors; where the base has none, its part is zeros, which decide the sign of zero."""
    part = F.zeros_like(result) if s is None else from_base(s.conj(), self, exponent)
    return (part if e is None else part + from_exponent(e.conj(), self, exponent, result)).conj()


op("pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor",
   binary(power_of_number, raising, unary=True, stepwise=True, promotes=("self", "exponent"), inplace=refuse_reciprocals),
   self=from_number_exponent)  # fmt: skip
op("pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor",
   binary(power, POWERS, operator="pow", stepwise=True, jvp=along(power_along)),
   self=from_base,
   exponent=from_exponent)  # fmt: skip
op("pow.Scalar(Scalar self, Tensor exponent) -> Tensor",
   plain(power_by_tensor, common, stepwise=True, promotes=("self", "exponent"), method=False, out=power_into, jvp="pointwise"),
   exponent=from_exponent_of_number)  # fmt: skip


@composite("square(Tensor self) -> Tensor", out="pow.Tensor_Scalar", inplace=lambda self: self.pow_(2))
def square(self):
    return F.pow(self, 2)
