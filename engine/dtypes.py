"""Element types and the rules by which they combine.

Source of the rules: PyTorch's type promotion document (`docs/source/tensor_attributes.rst`): a dimensioned tensor beats
a zero-dimensional one beats a Python number, unless the other is of a higher category (bool < int < float < complex).
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np


class dtype:
    """One element type, printed as PyTorch prints it.

    `np` is the NumPy dtype that stores it, `category` 0 bool, 1 integer, 2 floating, 3 complex, `scalar_name` the
    word PyTorch's error messages use ("Float", "Long", ...). `low` is True for the 16-bit floats, whose arithmetic is
    done in float32 and rounded once.
    """

    __slots__ = (
        "name",
        "np",
        "category",
        "scalar_name",
        "is_floating_point",
        "is_complex",
        "is_signed",
        "itemsize",
        "low",
        "differentiable",
        "wide",
        "order",
        "_real",
        "_complex",
    )

    def __init__(self, name: str, storage: Any, category: int, scalar_name: str, order: int):
        self.name, self.np, self.category, self.scalar_name, self.order = name, np.dtype(storage), category, scalar_name, order
        self.is_floating_point, self.is_complex = category == 2, category == 3
        self.is_signed = name not in ("bool", "uint8", "uint16", "uint32", "uint64")
        self.itemsize = self.np.itemsize
        self.low = category == 2 and self.itemsize == 2
        self.differentiable = category >= 2
        self.wide = np.dtype(np.float32) if self.low else self.np

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name

    def unwidened(self) -> dtype:
        """The same for an op whose kernel gets numbers of 16 bits as they are: one that PyTorch rounds after every step."""
        return UNWIDENED.get(self, self)

    def to_real(self) -> dtype:
        return {complex64: float32, complex128: float64}.get(self, self)

    def to_complex(self) -> dtype:
        return {float32: complex64, float64: complex128, bfloat16: complex64, float16: complex64}.get(self, self)


bool_ = dtype("bool", np.bool_, 0, "Bool", 0)
uint8 = dtype("uint8", np.uint8, 1, "Byte", 1)
int8 = dtype("int8", np.int8, 1, "Char", 2)
int16 = dtype("int16", np.int16, 1, "Short", 3)
int32 = dtype("int32", np.int32, 1, "Int", 4)
int64 = dtype("int64", np.int64, 1, "Long", 5)
float16 = dtype("float16", np.float16, 2, "Half", 6)
bfloat16 = dtype("bfloat16", ml_dtypes.bfloat16, 2, "BFloat16", 7)
float32 = dtype("float32", np.float32, 2, "Float", 8)
float64 = dtype("float64", np.float64, 2, "Double", 9)
complex64 = dtype("complex64", np.complex64, 3, "ComplexFloat", 10)
complex128 = dtype("complex128", np.complex128, 3, "ComplexDouble", 11)

UNWIDENED = {d: dtype(d.name, d.np, d.category, d.scalar_name, d.order) for d in (float16, bfloat16)}
for _d in UNWIDENED.values():
    _d.wide = _d.np
# What PyTorch calls the type of a 16-bit tensor with a complex number (complex32). NumPy has none: what is computed is in complex64.
COMPLEX_HALF = dtype("complex64", np.complex64, 3, "ComplexHalf", 10)
ALL = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64, complex128)
OF_NUMPY = {d.np: d for d in ALL}
OF_NAME = {d.name: d for d in ALL}
SYNONYMS = {
    "float": float32,
    "double": float64,
    "half": float16,
    "int": int32,
    "long": int64,
    "short": int16,
    "cfloat": complex64,
    "cdouble": complex128,
}

_default = [float32]


def get_default_dtype() -> dtype:
    return _default[0]


def set_default_dtype(d: dtype) -> None:
    """Sets the dtype of Python floats and of floating results of integers. Raises TypeError where `d` is not floating."""
    if not isinstance(d, dtype):
        raise TypeError("invalid dtype object: only floating-point types are supported as the default type")
    if not d.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    _default[0] = d


def of_number(value: bool | int | float | complex) -> dtype:
    """The dtype a Python number has on its own."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    if isinstance(value, float):
        return _default[0]
    return _default[0].to_complex()


def of_array(array: np.ndarray) -> dtype:
    """The engine's dtype of an array. Raises TypeError for an element type PyTorch has not."""
    try:
        return OF_NUMPY[array.dtype]
    except KeyError:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only supported types are: float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        ) from None


def _promote(a: dtype, b: dtype) -> dtype:
    """The join of PyTorch's lattice."""
    if a is b:
        return a
    if a.category == b.category == 1 and uint8 in (a, b):
        other = b if a is uint8 else a
        return int16 if other is int8 else other
    if {a, b} == {float16, bfloat16}:
        return float32
    top, rest = (a, b) if (a.category, a.order) >= (b.category, b.order) else (b, a)
    return complex128 if top is complex64 and rest is float64 else top


PROMOTED = {(a, b): _promote(a, b) for a in ALL for b in ALL} | {(a, COMPLEX_HALF): COMPLEX_HALF for a in ALL if a.category < 2}


def promote_types(a: dtype, b: dtype) -> dtype:
    """The smallest dtype of at least the category and size of both."""
    return PROMOTED[a, b]


def combine(dimensioned: dtype | None, zero_dim: dtype | None, number: dtype | None) -> dtype:
    """The result type of operands grouped by priority; each group is already promoted within itself, None where empty."""
    return _lower(dimensioned, _lower(zero_dim, number))  # type: ignore[return-value]  # one of the three is always there


def _lower(high: dtype | None, low: dtype | None) -> dtype | None:
    """`high`, unless `low` is of a higher category (`combine_categories` in PyTorch's TypeProperties.cpp)."""
    if high is None or low is None:
        return low if high is None else high
    if high.is_complex:
        return high
    if high.is_floating_point:
        return high if not low.is_complex else COMPLEX_HALF if high is float16 else high.to_complex()
    if high is bool_ or low.category >= 2:
        return PROMOTED[high, low]
    return high


# How C++ calls the type with a `scalar_name`, as some errors do.
CPP_NAMES = {
    "Double": "double", "Float": "float", "Half": "c10::Half", "BFloat16": "c10::BFloat16", "ComplexFloat": "c10::complex<float>",
    "ComplexDouble": "c10::complex<double>", "Long": "long int", "Int": "int", "Short": "short int", "Char": "signed char",
    "Byte": "unsigned char", "Bool": "bool",
}  # fmt: skip
