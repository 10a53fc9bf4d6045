"""Zeros that nobody stored: what PyTorch calls a ZeroTensor. A product with one is one, a sum is the other operand, none is written to."""

from __future__ import annotations

from typing import Any

import numpy as np

from .geometry import strides_of
from .layout import dense_strides, iterated, laid_out

IMMUTABLE = "ZeroTensors are immutable. Please use the materialized zero tensor obtained using .clone() if you want a mutable tensor."


class Unstored(np.ndarray):
    """Read-only zeros. NumPy's functions take them for zeros, but for products, quotients of them, sums and differences."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and "out" not in kwargs and len(inputs) == 2:
            made = _known(ufunc, *inputs)
            if made is not None:
                return made
        return getattr(ufunc, method)(*map(stored, inputs), **_stored_in(kwargs))

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return func(*_stored_in(args), **_stored_in(kwargs))

    def copy(self, order: Any = "C") -> np.ndarray:  # type: ignore[override]  # zeros that are there are no longer such an array
        """Zeros to write to."""
        return stored(self).copy(order)

    def astype(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """The same in another dtype."""
        return np.array(stored(self).astype(*args, **kwargs))


def unstored(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeros that are not there."""
    made = np.zeros(shape, dtype).view(Unstored)
    made.flags.writeable = False
    return made


def stored(x: Any) -> Any:
    """The zeros as an array like others; anything else as it is."""
    return x.view(np.ndarray) if type(x) is Unstored else x


def cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An array in another dtype, for who does not write to it."""
    return unstored(array.shape, dtype) if type(array) is Unstored else array.astype(dtype)


def refuse_writes(array: np.ndarray) -> None:
    """Raises RuntimeError where there is nothing to write to."""
    if type(array) is Unstored:
        raise RuntimeError(IMMUTABLE)


def _known(ufunc: np.ufunc, a: Any, b: Any) -> np.ndarray | None:
    """What such zeros and another operand come to without looking at elements; None for ufuncs that look."""
    first, second = type(a) is Unstored, type(b) is Unstored
    if ufunc is np.multiply or (ufunc is np.true_divide and not second) or (ufunc in (np.add, np.subtract) and first and second):
        return unstored(np.broadcast_shapes(np.shape(a), np.shape(b)), np.result_type(stored(a), stored(b)))
    if ufunc in (np.add, np.subtract):  # a copy, and laid out as one
        given = np.asarray(b if first else a, np.result_type(stored(a), stored(b)))
        other = np.broadcast_to(given, np.broadcast_shapes(np.shape(a), np.shape(b)))
        same = other.shape == given.shape  # what is spread has no steps of its own in sides of 1
        steps = dense_strides(given.shape, strides_of(given)) if same else iterated(other.shape, [strides_of(other)])
        negated = ufunc is np.subtract and first
        return laid_out(-other, iterated(other.shape, [steps])) if negated else laid_out(other, steps)
    return None


def _stored_in(values: Any) -> Any:
    """The same with every such array, in lists and tuples too, as one like others."""
    if isinstance(values, dict):
        return {name: _stored_in(v) for name, v in values.items()}
    return type(values)(map(_stored_in, values)) if type(values) in (list, tuple) else stored(values)
