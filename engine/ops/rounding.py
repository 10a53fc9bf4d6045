"""Rounding to integers, and signs: flat almost everywhere, so their gradients are zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..batching import innermost
from ..op import F, Family, op, pointwise
from ..overlap import check_no_overlap
from ..pieces import elementwise, written_by
from ..promotion import Promote, only, without_complex
from ..tensor import Tensor, wrap
from ..unstored import unstored
from .arithmetic import modulus, times
from .masked import zeroed


def asked(promote: Promote) -> Callable[[Any], None]:
    """What the in-place forms ask first, before they look at their memory: whether there is a kernel."""

    def ask(self: Any) -> None:
        promote([self])

    return ask


def rounded(kernel: Any, name: str) -> Family:
    """A rounding of real numbers; integers are returned as they are."""
    real = without_complex(f"{name} is not supported for complex inputs")
    promote = only("integer real", f"{name}_vml_cpu", real)
    return pointwise(
        lambda self: self.copy(order="K") if self.dtype.kind in "iu" else kernel(self), promote, inplace=asked(real), out="exact"
    )


def flat(g: Any) -> Any:
    return F.zeros_like(g)


op("floor(Tensor self) -> Tensor", rounded(np.floor, "floor"), self=flat)
op("ceil(Tensor self) -> Tensor", rounded(np.ceil, "ceil"), self=flat)
op("trunc(Tensor self) -> Tensor", rounded(np.trunc, "trunc"), self=flat)

ROUND = only("integer real", "round_vml_cpu")
op("round(Tensor self) -> Tensor",
   pointwise(lambda self: self.copy(order="K") if self.dtype.kind in "iu" else np.rint(self), ROUND, out="exact"),
   self=flat)  # fmt: skip


def round_decimals(self: np.ndarray, decimals: int) -> np.ndarray:
    """Rounded to `decimals` places (tens, hundreds, ... where negative), halves to even after scaling.

    Raises NotImplementedError for what PyTorch cannot round: without decimals as `round`, with some only floats.
    """
    (only("real", "round_cpu") if decimals else only("real", "round_vml_cpu"))([self])
    if decimals == 0:
        return np.rint(self)
    ten = self.dtype.type(10 ** abs(decimals))
    return np.rint(self * ten) / ten if decimals > 0 else np.rint(self / ten) * ten


op("round.decimals(Tensor self, *, int decimals) -> Tensor",
   pointwise(round_decimals, inplace=lambda self, decimals: check_no_overlap(self._array), out="exact"),
   self=flat)  # fmt: skip
op("frac(Tensor self) -> Tensor",
   pointwise(lambda self: self - np.trunc(self), only("real", "frac_cpu"), out="exact"),
   self=lambda g: g)  # fmt: skip


def sign_kernel(self: np.ndarray) -> np.ndarray:
    """1, 0 or -1; 0 for NaN and for both zeros, as PyTorch has it."""
    if self.dtype.kind == "b":
        return self.copy(order="K")
    if self.dtype.kind == "u":
        return (self > 0).astype(self.dtype)
    return elementwise(sign_piece, self)


def sign_piece(self: np.ndarray, out: np.ndarray) -> None:
    """By bytes: `numpy.sign` takes five times as long."""
    sign = np.greater(self, 0).view(np.int8)
    sign -= np.less(self, 0).view(np.int8)
    out[...] = sign


@written_by(sign_piece)
def sgn_kernel(self: np.ndarray) -> np.ndarray:
    """The sign of a real number, `z / |z|` of a complex one (0 at 0)."""
    if self.dtype.kind != "c":
        return sign_kernel(self)
    size = modulus(self)
    return np.where(size == 0, self.dtype.type(0), self / np.where(size == 0, size.dtype.type(1), size)).astype(self.dtype)


def without_memory(g: Any) -> Any:
    """Zeros like a gradient, which PyTorch does not store: of samples of a batch they are stored here."""
    if not isinstance(g, Tensor):
        return unstored(g.shape, g.dtype)
    return flat(g) if innermost([g]) is not None else wrap(unstored(tuple(g.shape), g._dtype.np), g._dtype)


def sgn_backward(g: Any, self: Any, result: Any) -> Any:
    """Of a complex number only the turn counts: the part of `g` along `z` is taken out."""
    if "complex" not in str(self.dtype):
        return without_memory(g)
    size = F.abs(self)
    divisor = times(size, 2)  # PyTorch's compiler has it evaluate right operands first
    mirrored = g.conj()
    return zeroed((g - result * result * mirrored) / divisor, size == 0)


def sgn_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """The same along a tangent; PyTorch stores the zeros of more than one element when they become one."""
    made = sgn_backward(tangents[0], values[0], outs[0])
    return made if made.numel() == 1 else F.clone(made)


SIGN_OF_COMPLEX = "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
REAL = without_complex(SIGN_OF_COMPLEX)
op("sign(Tensor self) -> Tensor", pointwise(sign_kernel, REAL, inplace=asked(REAL), out="exact"), self=flat)
op(
    "sgn(Tensor self) -> Tensor",
    pointwise(sgn_kernel, out="exact", jvp=sgn_tangent),
    self=sgn_backward,
)
