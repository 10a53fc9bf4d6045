"""How NumPy makes the views of an op, remembered by shape, dtype and arguments, for tensors whose elements lie in row-major order.

There a view's geometry follows from these alone, and one call of NumPy makes what the op's kernel has to work out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .geometry import address
from .tensor import Tensor, rows, wrap

if TYPE_CHECKING:
    from .declaration import Declaration

Move = tuple[Callable[[np.ndarray, Any], np.ndarray], Any, Any]
PLACES = ("SymInt", "int?")  # an argument that tells of a place takes too many values for each to be remembered
LIMIT = 1024


def remembers(op: Declaration) -> bool:
    """True for an op each of whose views is of few kinds."""
    arguments = op.schema.arguments
    usual = op.schema.is_view and not op.changes_dtype and not op.schema.returns_list and not op.family.flips
    return usual and [i for i, _ in op.tensors] == [0] and not any(a.type in PLACES for a in arguments)


class Moves(dict[Any, Move]):
    """By (shape, dtype, the other arguments): the function that makes the view, what it is given, and `rows` of the result."""

    def learn(self, key: Any, array: np.ndarray, made: np.ndarray, like: Tensor) -> None:
        """Remember how `made` came of `array`, where there is a short way and elements to tell by that it is the same."""
        if not made.size or len(self) >= LIMIT:
            return
        for function, given in _ways(array, made):
            if _same(function(array, given), made):
                self[key] = function, given, rows(wrap(made, like._dtype))
                return


def _ways(array: np.ndarray, made: np.ndarray) -> list[tuple[Callable[[np.ndarray, Any], np.ndarray], Any]]:
    """What may make the view, the quickest first."""
    ways: list[tuple[Callable[[np.ndarray, Any], np.ndarray], Any]] = []
    if made.size == array.size:
        ways.append((np.ndarray.reshape, made.shape))
    if made.ndim == array.ndim:
        ways.append((np.ndarray.transpose, _order(array, made)))
    return [*ways, (_over, (made.shape, array.dtype, address(made) - address(array), made.strides))]


def _order(array: np.ndarray, made: np.ndarray) -> tuple[int, ...]:
    """The dimensions of `array` in an order in which their steps may be those of `made`."""
    steps, left = list(made.strides), list(range(array.ndim))
    order = []
    for n, step in zip(made.shape, steps, strict=True):
        found = next((d for d in left if (array.shape[d], array.strides[d]) == (n, step)), left[0])
        left.remove(found)
        order.append(found)
    return tuple(order)


def _over(array: np.ndarray, given: tuple[Any, ...]) -> np.ndarray:
    shape, dtype, start, strides = given
    return np.ndarray(shape, dtype, array, start, strides)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.strides == other.strides and address(one) == address(other)
