"""In which order the elements of tensors lie, said once for all that are alike in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import dtype
from .geometry import strides_of

SLOTS = "shape", "strides", "still", "ndim", "dtype", "floating", "fit", "geometry"


class Form:
    """In which order elements lie: one object for the tensors of one shape and dtype of which that is said.

    Mostly one: two that are the same object say the same, two that are not may.
    """

    __slots__ = ()

    def __init__(self: Any, array: np.ndarray, dtype: dtype) -> None:
        self.shape, self.strides, self.ndim, self.dtype = array.shape, array.strides, array.ndim, dtype
        self.floating = dtype.np if dtype.is_floating_point else None
        self.still = None if 1 in array.shape else (0,) * array.ndim  # the strides of one number, spread
        self.fit = array.shape, dtype  # of a gradient
        self.geometry = array.shape, strides_of(array), 0  # of one that begins where its memory does: steps and offset in elements


class Rows(Form):
    """In row-major order."""

    __slots__ = SLOTS


class Steps(Form, float):
    """In any other order, with the steps of `strides`. This is not true, as a number 0: who asks whether there is a form asks for rows."""

    __slots__ = SLOTS
    __eq__, __hash__ = object.__eq__, object.__hash__

    def __new__(cls, *_: Any) -> Steps:
        return super().__new__(cls)


FORMS: dict[Any, Any] = {}  # Rows by shape and dtype, Steps by these and strides


def form_of(kind: type[Form], array: np.ndarray, dtype: dtype, key: Any) -> Any:
    """What is said of arrays of one shape, dtype and order."""
    known = FORMS.get(key)
    if known is None:
        if len(FORMS) >= 4096:
            FORMS.clear()
        known = FORMS[key] = kind(array, dtype)
    return known


def steps_usual(array: np.ndarray) -> bool:
    """True where each step is the number of elements behind it."""
    step = array.itemsize
    for n, s in zip(reversed(array.shape), reversed(array.strides), strict=True):
        if s != step:
            return False
        step *= n
    return True
