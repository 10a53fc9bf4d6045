"""Complex numbers: conjugates, parts, and complex seen as pairs of reals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..calls import FUNCTIONS
from ..dtypes import OF_NUMPY
from ..geometry import address, root_of, strides_of
from ..lazy import conjugate, parts
from ..op import F, Op, check_broadcast, composite, op, plain, view, write
from ..operands import array_of
from ..out import exactly
from ..overlap import check_no_overlap, check_no_partial_overlap
from ..strided import copied, laid_out, strided
from ..tensor import Tensor, method
from .arithmetic import times

PAIRS: dict[np.dtype, np.dtype] = {np.dtype(np.float32): np.dtype(np.complex64), np.dtype(np.float64): np.dtype(np.complex128)}
NO_COMPLEX_HALF = "NumPy has no complex numbers of two 16-bit floats (complex32)"


def as_real(self: np.ndarray) -> np.ndarray:
    if self.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return strided(self, (*self.shape, 2), [*(2 * s for s in strides_of(self)), 1], 0, self.real.dtype)


def as_complex(self: np.ndarray) -> np.ndarray:
    name = OF_NUMPY[self.dtype].scalar_name
    if self.dtype not in PAIRS and self.dtype != np.float16:
        raise RuntimeError(f"view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {name}")
    if not self.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if self.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    steps = strides_of(self)
    if steps[-1] != 1:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if any(s % 2 and n != 1 for s, n in zip(steps[:-1], self.shape[:-1], strict=True)):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    if (address(self) - address(root_of(self))) // self.itemsize % 2:
        raise RuntimeError("Tensor must have a storage_offset divisible by 2")
    if self.dtype == np.float16:
        raise NotImplementedError(NO_COMPLEX_HALF)
    return strided(self, self.shape[:-1], [s // 2 for s in steps[:-1]], 0, PAIRS[self.dtype])


def conjugated(self: np.ndarray) -> np.ndarray:
    """The conjugates, in memory of their own laid out as a copy is."""
    made = copied(self)
    return np.conjugate(made, out=made) if made.dtype.kind == "c" else made


def conjugate_in_place(self: np.ndarray) -> None:
    """Conjugate what is complex; real numbers are not written to, and so may share memory."""
    if self.dtype.kind == "c":
        check_no_overlap(self)
        np.conjugate(self, out=self)


def complex_of(real: np.ndarray, imag: np.ndarray) -> np.ndarray:
    """`real + i imag`. Raises RuntimeError unless both are of one floating dtype."""
    a, b = OF_NUMPY[real.dtype].scalar_name, OF_NUMPY[imag.dtype].scalar_name
    if any(v.dtype not in PAIRS and v.dtype != np.float16 for v in (real, imag)):
        raise RuntimeError(f"Expected both inputs to be Half, Float or Double tensors but got {a} and {b}")
    if real.dtype != imag.dtype:
        raise RuntimeError(f"Expected object of scalar type {a} but got scalar type {b} for second argument")
    if real.dtype == np.float16:
        raise NotImplementedError(NO_COMPLEX_HALF)
    check_broadcast([real.shape, imag.shape])
    made = np.empty(np.broadcast_shapes(real.shape, imag.shape), PAIRS[real.dtype])
    made.real, made.imag = real, imag
    return laid_out(made, (real, imag))


def polar_of(abs: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """`abs * exp(i angle)`."""
    made = complex_of(abs, angle)
    made.real, made.imag = abs * np.cos(angle), abs * np.sin(angle)
    return made


def polar_gradients(g: Any, result: Any) -> tuple[Any, Any]:
    """Of modulus and angle: the parts of the cotangent along the result, and across it."""
    g = g.conj() if isinstance(g, Tensor) else conjugate(g)  # of which NumPy would forget the steps of sides of 1
    return F.mul(g, F.sgn(result)).real, F.mul(g, times(result, 1j)).real


def polar_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """The tangent written out: unlike the rule's, its sign does not depend on that of the modulus."""
    (length, angle), (along, across) = values, tangents
    cos, sin = F.cos(angle), F.sin(angle)
    real = imag = None
    if along is not None:
        real, imag = along * cos, along * sin
    if across is not None:
        turned = -(across * length * sin), across * length * cos
        real, imag = turned if real is None else (real + turned[0], imag + turned[1])
    return F.complex(real, imag)


op("complex(Tensor real, Tensor imag) -> Tensor",
   plain(complex_of, method=False, out="Expected object of scalar type {result} but got scalar type {out} for argument 'out'"),
   real=lambda g, real: g.real, imag=lambda g, imag: g.imag)  # fmt: skip
op("polar(Tensor abs, Tensor angle) -> Tensor",
   plain(polar_of, method=False, jvp=polar_tangent,
         out="Expected object of scalar type {result} but got scalar type {out} for argument 'out'"),
   {"abs, angle": polar_gradients})  # fmt: skip
op("view_as_real(Tensor(a) self) -> Tensor(a)",
   view(as_real, method=False, changes_dtype=True),
   self=lambda g: F.view_as_complex(F.contiguous(g)))  # fmt: skip
op("view_as_complex(Tensor(a) self) -> Tensor(a)",
   view(as_complex, method=False, changes_dtype=True),
   self=lambda g: F.view_as_real(F.resolve_conj(F.contiguous(g))))  # fmt: skip
op("_conj(Tensor(a) self) -> Tensor(a)",
   view(np.conj, flips="conj", changes_dtype=True),
   self=lambda g: g.conj() if isinstance(g, Tensor) else conjugate(g))  # fmt: skip
op("_neg_view(Tensor(a) self) -> Tensor(a)",
   view(np.negative, flips="neg", changes_dtype=True),
   self=lambda g: -g)  # fmt: skip
op("_conj_physical(Tensor self) -> Tensor",
   plain(conjugated, node="ConjPhysicalBackward0", jvp="linear"),
   self=lambda g: F.conj_physical(g))  # fmt: skip
op("conj_physical_(Tensor(a!) self) -> Tensor(a!)",
   write(conjugated, into=conjugate_in_place, node="ConjPhysicalBackward1"),
   self=lambda g: F.conj_physical(g))  # fmt: skip


@composite("conj(Tensor(a) self) -> Tensor(a)")
def conj(self: Tensor) -> Tensor:
    return F._conj(self) if self._dtype.is_complex else self


def conjugated_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The conjugates for `out=`, laid out as elementwise results are."""
    exactly(values[0].dtype, outs[0].dtype)
    array = array_of(values[0])
    check_no_partial_overlap(outs[0], values)
    return [laid_out(np.conjugate(array), [array])]


@composite("conj_physical(Tensor self) -> Tensor", out=conjugated_into, underived=True)
def conj_physical(self: Tensor) -> Tensor:
    return F._conj_physical(self) if self.is_complex() else self


@composite("resolve_conj(Tensor(a) self) -> Tensor(a)")
def resolve_conj(self: Tensor) -> Tensor:
    return F.clone(self) if is_conj(self) else self


@composite("resolve_neg(Tensor(a) self) -> Tensor(a)")
def resolve_neg(self: Tensor) -> Tensor:
    return F.clone(self) if is_neg(self) else self


@composite("real(Tensor(a) self) -> Tensor(a)", method=False)
def real(self: Tensor) -> Tensor:
    if not self.is_complex():
        return self
    return F.select(F.view_as_real(F._conj(self) if is_conj(self) else self), self.ndim, 0)


@composite("imag(Tensor(a) self) -> Tensor(a)", method=False)
def imag(self: Tensor) -> Tensor:
    if not self.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    pairs = F._neg_view(F.view_as_real(F._conj(self))) if is_conj(self) else F.view_as_real(self)
    return F.select(pairs, self.ndim, 1)


@method
def is_conj(self: Tensor) -> bool:
    """True where the elements in memory are the conjugates of what they read as."""
    return "conj" in parts(self)[1]


@method
def is_neg(self: Tensor) -> bool:
    """True where the elements in memory are the negatives of what they read as."""
    return "neg" in parts(self)[1]


UNRESOLVED = (
    "view_as_real doesn't work on unresolved conjugated tensors.  To resolve the conjugate tensor so you can view it as real, use "
    "self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original."
)
_view_as_real = FUNCTIONS["view_as_real"]


def view_as_real(*args: Any, **kwargs: Any) -> Tensor:
    """A view with a last dimension of (real, imaginary). Raises RuntimeError for a conjugate that memory does not hold."""
    for t in (*args, *kwargs.values()):
        if isinstance(t, Tensor) and is_conj(t):
            raise RuntimeError(UNRESOLVED)
    return _view_as_real(*args, **kwargs)


FUNCTIONS["view_as_real"] = view_as_real


def _set_real(self: Tensor, value: Tensor) -> None:
    F.copy_(real(self), value)


def _set_imag(self: Tensor, value: Tensor) -> None:
    F.copy_(imag(self), value)


Tensor.real = property(real, _set_real)  # type: ignore[attr-defined]  # a slot for data until now
Tensor.imag = property(imag, _set_imag)  # type: ignore[attr-defined]  # the same
