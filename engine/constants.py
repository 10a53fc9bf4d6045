"""Python numbers as arrays, kept so that a number used often is converted once."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .silence import quietly

_constants: dict[tuple[Any, Any, type], np.ndarray] = {}


def constant(value: bool | int | float, dtype: dtypes.dtype) -> np.ndarray:
    """A Python number as a zero-dimensional array of `dtype`, real where that is complex; the common ones are kept.

    The conjugate of a complex one would have an imaginary part of -0.
    """
    key = (value, dtype, type(value))
    try:
        return _constants[key]
    except KeyError:
        array: np.ndarray = quietly(np.asarray, value, dtype.to_real().np if dtype.is_complex else dtype.np)
        array.flags.writeable = False
        if (value or type(value) is int) and len(_constants) < 1024:  # 0.0 and -0.0 are one key
            _constants[key] = array
        return array
