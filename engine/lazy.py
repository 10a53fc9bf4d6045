"""Tensors that read as the conjugate or the negative of what their memory holds, so that `conj()` can be a view."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np

from . import dtypes
from .geometry import address, root_of, strides_of
from .strided import strided
from .tensor import Tensor, wrap


class Unreadable(np.ndarray):
    """Bools to be negated, which nobody can: they tell their shape, strides and memory, and refuse to be read."""

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("\"neg_cpu\" not implemented for 'Bool'")

    __array_ufunc__ = __array_function__ = tolist = copy = astype = item = __getitem__ = __setitem__ = _refuse


def negative(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.bool_:
        return array.view(Unreadable) if array.size else array
    return np.negative(array)


def readable(array: np.ndarray) -> np.ndarray:
    """The same array. Raises NotImplementedError where its elements cannot be told."""
    return array._refuse() if type(array) is Unreadable else array


FLIPS: dict[str, Any] = {"conj": np.conj, "neg": negative}


class Lazy(Tensor):
    """A tensor whose `_array` is worked out from `_stored`, the array in memory, whenever it is read.

    `_flips` says which of "conj" and "neg" stand between the two; each undoes itself, so writes apply them once more.
    """

    __slots__ = ("_stored", "_flips")

    _stored: np.ndarray
    _flips: frozenset[str]
    __class__ = Tensor  # type: ignore[assignment]  # it is one to every question but `type`

    @property
    def _array(self) -> np.ndarray:
        return flipped(self._stored, self._flips)

    @_array.setter
    def _array(self, array: np.ndarray) -> None:
        self._stored = array

    def _take(self, other: Tensor) -> None:
        self._stored, self._flips = parts(other)

    def _write(self, values: np.ndarray) -> None:
        self._stored[...] = flipped(np.asarray(values, self._stored.dtype), self._flips)

    def _alias(self) -> Tensor:
        return over(self._stored, self._dtype, self._flips)

    def storage_offset(self) -> int:
        return (address(self._stored) - address(root_of(self._stored))) // self._stored.itemsize

    def data_ptr(self) -> int:
        return address(self._stored) if self._stored.size else 0

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The values, which no array can share. Raises RuntimeError unless `force`."""
        if not self._flips:  # it was given other elements
            return super().numpy(force=force)
        if force:
            return readable(self._array)
        super().numpy()
        bit, resolve = ("conjugate", "resolve_conj") if "conj" in self._flips else ("negative", "resolve_neg")
        raise RuntimeError(f"Can't call numpy() on Tensor that has {bit} bit set. Use tensor.{resolve}().numpy() instead.")


Lazy.__name__ = Tensor.__name__  # as PyTorch prints it


def flipped(array: np.ndarray, flips: frozenset[str]) -> np.ndarray:
    """The values with every flip applied, in the strides of `array`."""
    steps = array.strides
    if array.size and not array.flags.c_contiguous:
        reach = 1 + sum((n - 1) * s for n, s in zip(array.shape, steps, strict=True)) // array.itemsize
        span = np.lib.stride_tricks.as_strided(array, (reach,), (array.itemsize,))
    else:
        span = array
    for name in flips:
        span = FLIPS[name](span)
    same = span.shape == array.shape and span.strides == steps
    return np.asanyarray(span) if same else np.ndarray(array.shape, array.dtype, span, 0, steps).view(type(span))


_conjugated: dict[int, tuple[Any, np.ndarray]] = {}


def conjugate(array: np.ndarray) -> np.ndarray:
    """The conjugates for a walk, in which PyTorch has a view: read-only, and `conjugate_of` tells what they are of as long as they live."""
    given = conjugate_of(array)
    if given is not None:
        return given
    made = flipped(array, frozenset(("conj",)))
    root = root_of(made)
    made.flags.writeable = root.flags.writeable = False
    key = id(root)
    _conjugated[key] = ref(root, lambda _: _conjugated.pop(key, None)), array
    return made


def conjugate_of(array: np.ndarray) -> np.ndarray | None:
    """What `conjugate` was given for this array, or the part of it that this is a view of; None where nothing was."""
    root = root_of(array)
    known, given = _conjugated.get(id(root), (None, None))
    if known is None or given is None or known() is not root or given.dtype != array.dtype or not array.size:
        return None
    return strided(given, array.shape, strides_of(array), (address(array) - address(root)) // array.itemsize)


def over(array: np.ndarray, dtype: dtypes.dtype, flips: frozenset[str]) -> Tensor:
    """A fresh tensor over `array` that reads as its values with `flips` applied; an ordinary one where there are none."""
    if not flips:
        return wrap(array, dtype)
    made = Lazy()
    made._stored, made._flips, made._dtype = array, flips, dtype
    made._node = made._gradient = made._beside = None
    made._rows, made._counter = False, [0]
    return made


def parts(t: Any) -> tuple[np.ndarray, frozenset[str]]:
    """What the memory of `t` holds, and what stands between that and its values."""
    return (t._stored, t._flips) if type(t) is Lazy else (t._array, frozenset())
