"""Short ways to what a kernel gives, remembered by `rows` and arguments, mostly for tensors in row-major order.

There shapes, dtypes and arguments alone decide what the kernel does. A view is one call of NumPy; of other ops a family says,
`in_rows`, what is left to do.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from .compiled import written_plan
from .declaration import Plan
from .dtypes import OF_NUMPY, dtype
from .geometry import address
from .graph import Fits
from .rows import adding_rows
from .tensor import Tensor, rows, wrap

if TYPE_CHECKING:
    from .declaration import Declaration
    from .op import Op

Held = tuple[Any, ...] | None  # what a node keeps, with versions, where it is the same for all such calls
Move = tuple[Callable[[np.ndarray, Any], np.ndarray], Any, Any, Any, Held]
PLACES = ("SymInt", "int?")  # an argument that tells of a place takes too many values for each to be remembered
LIMIT = 1024
TURNED = ndarray.T.__get__  # what reads the attribute, of an array and its type


def remembers(op: Declaration) -> bool:
    """True for an op of which short ways are remembered: each of its views is of few kinds, or its family says so."""
    arguments, tensors = op.schema.arguments, [i for i, _ in op.tensors]
    if op.family.in_rows is not None:
        return tensors == [*range(len(tensors))] and not any("[" in arguments[i].type or arguments[i].optional for i in tensors)
    usual = op.family.plan == "view" and not op.changes_dtype and not op.schema.returns_list and not op.family.flips
    return usual and tensors == [0] and not any(a.type in PLACES for a in arguments)


class Ways(dict[Any, tuple[Callable[..., Any], Any, Any, Held, dtype | None, "Plans | None"]]):
    """By `rows` of tensors and other arguments: a function of the arrays that gives what the kernel does, `rows` of the result, `fits`.

    `fits` are those of the node of such a call: the shape and dtype of each gradient. Then what it keeps; the dtype of the result, if
    that is an array; and the plans of nodes, for each set of arguments that need a gradient, if such calls have their own.
    """

    def learn(self, key: Any, op: Op, values: tuple[Any, ...], held: Held) -> None:
        """Remember what is left to do for calls like this one."""
        if len(self) >= LIMIT:
            return
        arrays, others = values[: len(op.tensors)], values[len(op.tensors) :]
        way = op.family.in_rows(*values)  # type: ignore[misc]  # asked where the family has one
        order = kind = None
        if way is None:
            way = op.kernel if not others else lambda *arrays: op.kernel(*arrays, *others)
        else:
            made = way(*arrays)
            kind = OF_NUMPY[made.dtype] if type(made) is np.ndarray else None
            order = rows(wrap(made, OF_NUMPY[made.dtype]))
        fits, plans = _fits(op, arrays), None
        if order and op.family.rules_in_rows is not None:
            texts = op.family.rules_in_rows(*values)
            if texts is not None:
                fits, plans = Fits(fits), Plans(op, texts)
                fits.forms = key[: len(arrays)]
                fits.add_rows = adding_rows(len(made), made.dtype)
        self[key] = way, order, fits, held, kind, plans


class Plans(dict[tuple[bool, ...], Plan]):
    """By which arguments need a gradient: the plan of calls whose rules come to these texts."""

    def __init__(self, op: Op, texts: tuple[str, ...]) -> None:
        self.op, self.texts = op, texts

    def __missing__(self, needs: tuple[bool, ...]) -> Plan:
        self[needs] = plan = written_plan(self.op, needs, self.texts)
        return plan


def _fits(op: Declaration, arrays: tuple[Any, ...]) -> Any:
    return tuple((arrays[i].shape, OF_NUMPY[arrays[i].dtype]) for i in op.diff)


class Moves(dict[Any, Move]):
    """By `rows` and the other arguments: the function that makes the view, what it is given, `rows` of the result, `fits`, what is kept."""

    def learn(self, key: Any, op: Declaration, array: np.ndarray, made: np.ndarray, like: Tensor, held: Held) -> None:
        """Remember how `made` came of `array`, where there is a short way and elements to tell by that it is the same."""
        if not made.size or len(self) >= LIMIT:
            return
        for function, given in _ways(array, made):
            if _same(function(array, given), made):
                self[key] = function, given, rows(wrap(made, like._dtype)), _fits(op, (array,)), held
                return


def _ways(array: np.ndarray, made: np.ndarray) -> list[tuple[Callable[[np.ndarray, Any], np.ndarray], Any]]:
    """What may make the view, the quickest first."""
    ways: list[tuple[Callable[[np.ndarray, Any], np.ndarray], Any]] = []
    start = address(made) - address(array)
    if made.size == array.size:
        if made.ndim == 1:
            ways.append((ndarray.ravel, "C"))
        ways.append((ndarray.reshape, made.shape))
    if made.ndim == array.ndim == 2:
        ways.append((TURNED, ndarray))
    if made.ndim == array.ndim:
        ways.append((ndarray.transpose, _order(array, made)))
    if made.ndim == array.ndim - 1:  # perhaps all at one place of a dimension
        places = [(d, *divmod(start, step)) for d, step in enumerate(array.strides) if step]
        ways += [(getitem, (*[slice(None)] * d, i, Ellipsis)) for d, i, rest in places if not rest and i < array.shape[d]]
    return [*ways, (_over, (made.shape, array.dtype, start, made.strides))] if array.flags.c_contiguous else ways


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
    return ndarray(shape, dtype, array, start, strides)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.strides == other.strides and address(one) == address(other)
