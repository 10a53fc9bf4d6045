"""Python numbers as arrays, kept so that a number used often is converted once."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes

_constants: dict[tuple[Any, Any, type], np.ndarray] = {}


def constant(value: bool | int | float, dtype: dtypes.dtype) -> np.ndarray:
    """A Python number as a zero-dimensional array of `dtype`; the common ones are kept."""
    key = (value, dtype, type(value))
    try:
        return _constants[key]
    except KeyError:
        array = np.asarray(value, dtype.np)
        array.flags.writeable = False
        if value and len(_constants) < 1024:  # 0.0 and -0.0 are one key
            _constants[key] = array
        return array
