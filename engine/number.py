"""Python numbers as elements of a tensor, with PyTorch's checks of what a dtype can hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .dtypes import CPP_NAMES, OF_NUMPY, dtype

NAMES = {**CPP_NAMES, "Byte": "uint8_t", "Char": "int8_t", "Short": "int16_t", "Long": "int64_t"}


def converted(value: Any, target: np.dtype, *, round_low: bool = False, word: str = "") -> np.ndarray:
    """A Python number, or a 0-dim array, as a 0-dim array of `target`.

    Raises RuntimeError, calling the type `word`, where it cannot hold the number; with `round_low` 16-bit floats become infinite instead.
    """
    if type(value) is float and target.char in _PLAIN and abs(value) <= _PLAIN[target.char]:
        return np.asarray(value, target)
    number = value.item() if isinstance(value, np.ndarray | np.generic) else value
    to = OF_NUMPY[target]
    if to.category == 0:
        return np.asarray(bool(number))
    if not isinstance(number, bool | int | float | complex):  # ml_dtypes' items
        number = float(number)
    if to.low and round_low and isinstance(number, complex) and number.imag:
        raise RuntimeError("value cannot be converted to type double without overflow")
    if not _holds(number, to, round_low):
        raise RuntimeError(f"value cannot be converted to type {word or NAMES[to.scalar_name]} without overflow")
    if isinstance(number, complex) and to.category < 3:
        number = number.real
    if to.category == 1:
        return np.asarray(int(number), np.int64).astype(target)
    return np.asarray(np.float32(number) if to.low else number).astype(target)


def filling(value: Any, array: np.ndarray) -> np.ndarray:
    """A Python number as PyTorch fills `array` with it: what is too large for 16 bits becomes infinite where that has one element only."""
    return converted(value, array.dtype, round_low=array.size == 1)


def _holds(number: complex, to: dtype, round_low: bool) -> bool:
    """True where `to` has a value for `number`: in range, or for floats not finite; unsigned dtypes also take negative ones and wrap."""
    if isinstance(number, complex):
        parts = (number.real, number.imag) if to.category == 3 else (number.real,)
        return (to.category == 3 or not number.imag) and all(_holds(p, to, round_low) for p in parts)
    if to.category == 1:
        info = np.iinfo(to.np)
        low = -info.max if info.min == 0 and isinstance(number, int) else info.min
        return math.isfinite(number) and low <= number <= info.max
    if isinstance(number, float) and not math.isfinite(number):
        return True
    return (to.low and round_low) or abs(number) <= _LARGEST[to.name]


_LARGEST = {
    "float16": 65504.0, "bfloat16": 3.3895313892515355e38,
    "float32": float(np.finfo(np.float32).max), "float64": float(np.finfo(np.float64).max),
    "complex64": float(np.finfo(np.float32).max), "complex128": float(np.finfo(np.float64).max),
}  # fmt: skip
_PLAIN = {"f": _LARGEST["float32"], "d": _LARGEST["float64"]}  # finite numbers there have nothing to be looked at
