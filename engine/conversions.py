"""What a tensor is to Python: a number, nested lists, an array that shares its memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes, modes
from .once import warn_once
from .tensor import Tensor, method
from .unstored import stored

TO_SCALAR = (
    "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\nConsider using tensor.detach() first."
)


@method
def item(self: Tensor) -> Any:
    """The one element as a Python number. Raises RuntimeError where there is not exactly one."""
    if self._array.size != 1:
        raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
    value = self._array.item()
    return float(value) if self._dtype.is_floating_point else value


@method
def tolist(self: Tensor) -> Any:
    """Nested lists of Python numbers; a number where there are no dimensions."""
    return (self._array.astype(np.float32) if self._dtype is dtypes.bfloat16 else self._array).tolist()


@method
def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """The values as an array that shares memory. Raises RuntimeError where the tensor requires grad (unless `force`)."""
    if force:
        return _given(self._array)
    if self.requires_grad and modes.is_grad_enabled():
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if self._dtype is dtypes.bfloat16:
        raise TypeError("Got unsupported ScalarType BFloat16")
    return _given(self._array)


def _given(array: np.ndarray) -> np.ndarray:
    """The array for NumPy, of which one without elements has steps of 0."""
    return stored(array) if array.size else np.ndarray(array.shape, array.dtype, array, 0, (0,) * array.ndim)


@method
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    return np.asarray(self.numpy(), dtype)


@method
def __len__(self: Tensor) -> int:
    if not self._array.ndim:
        raise TypeError("len() of a 0-d tensor")
    return self._array.shape[0]


@method
def __bool__(self: Tensor) -> bool:
    if self._array.size != 1:
        values = "more than one value" if self._array.size else "no values"
        raise RuntimeError(f"Boolean value of Tensor with {values} is ambiguous")
    return bool(self._array.item())


Tensor.__nonzero__ = __bool__  # its name of old


def _scalar(self: Tensor, to: type) -> Any:
    if self._array.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    if self.requires_grad and to is not int and modes.is_grad_enabled():
        warn_once(TO_SCALAR)
    value = self.item()
    if isinstance(value, complex) and to is not complex:
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {'double' if to is float else 'int64_t'} without overflow")
        value = value.real
        if to is int and not -(2.0**63) <= value < 2.0**63:
            raise RuntimeError("value cannot be converted to type int64_t without overflow")
    return to(value)


@method
def __int__(self: Tensor) -> int:
    return _scalar(self, int)


@method
def __float__(self: Tensor) -> float:
    return _scalar(self, float)


@method
def __complex__(self: Tensor) -> complex:
    return _scalar(self, complex)


@method
def __index__(self: Tensor) -> int:
    if self._dtype.category > 1 or self._array.size != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self._array.item())


@method
def __format__(self: Tensor, spec: str) -> str:
    if self._array.ndim == 0 and type(self) is Tensor:
        return format(self.item(), spec)
    return object.__format__(self, spec)
