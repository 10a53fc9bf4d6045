"""`rearrange`: dimensions named in a pattern, split, merged and put into another order ("b (h w) -> h b w")."""

from __future__ import annotations

import keyword
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from ..registry import F
from ..tensor import Tensor

ELLIPSIS = "…"
DOTS = "Expression may contain dots only inside ellipsis (...)"
TOKEN = re.compile(r"[()]|\w+|\S|" + ELLIPSIS)


class DimensionBindError(Exception):
    """Sizes in a pattern that do not fit the tensor."""


class _Side:
    """One side of a pattern: its dimensions, each a list of names that is empty for one of size 1, or an ellipsis."""

    def __init__(self, text: str) -> None:
        self.dims: list[Any] = []
        self.names: list[str] = []
        self.numbers = self.inside = False  # whether sizes stand for names, and whether the ellipsis is in brackets
        group: list[str] | None = None
        for token in _tokens(text):
            if token == "(":
                if group is not None:
                    raise ValueError("Axis composition is one-level (brackets inside brackets not allowed)")
                group = []
            elif token == ")":
                if group is None:
                    raise ValueError("Brackets are not balanced")
                self.dims.append(group)
                group = None
            elif token == "1":
                if group is None:
                    self.dims.append([])
            else:
                self._add(token, group)
        if group is not None:
            raise ValueError(f"Imbalanced parentheses in expression: '{text}'")

    def _add(self, name: str, group: list[str] | None) -> None:
        if name in self.names:
            raise ValueError(f"Indexing expression contains duplicate dimension '{name}'")
        if name.isdecimal():
            if int(name) < 1:
                raise ValueError(f"Anonymous axis should have positive length, not {int(name)}")
            self.numbers = True
        elif name != ELLIPSIS:
            _check_name(name)
        self.names.append(name)
        if group is not None:
            group.append(name)
            self.inside |= name == ELLIPSIS
        else:
            self.dims.append(name if name == ELLIPSIS else [name])


def _tokens(text: str) -> Iterator[str]:
    if "." in text:
        if "..." not in text:
            raise ValueError(DOTS)
        if text.count("...") != 1 or text.count(".") != 3:
            raise ValueError(DOTS + "; only one ellipsis for tensor ")
        text = text.replace("...", ELLIPSIS)
    for token in TOKEN.findall(text):
        if not (token in ("(", ")", ELLIPSIS) or token.replace("_", "a").isalnum()):
            raise ValueError(f"Unknown character '{token}'")
        yield token


def _check_name(name: str) -> None:
    """Raises ValueError for what is no name; warns of names that are words of Python, or "axis"."""
    if not name.isidentifier():
        raise ValueError(f"Invalid axis identifier: {name}\nnot a valid python identifier")
    if name[0] == "_" or name[-1] == "_":
        raise ValueError(f"Invalid axis identifier: {name}\naxis name should should not start or end with underscore")
    if keyword.iskeyword(name):
        warnings.warn(f"It is discouraged to use axes names that are keywords: {name}", RuntimeWarning, stacklevel=7)
    if name == "axis":
        warnings.warn("It is discouraged to use 'axis' as an axis name and will raise an error in future", FutureWarning, stacklevel=7)


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """The elements with their dimensions as on the right of `pattern`; several tensors are stacked first.

    Raises ValueError for a pattern that makes no sense, and `DimensionBindError` for sizes that do not fit.
    """
    t: Tensor = tensor if isinstance(tensor, Tensor) else F.stack(tensor)
    left, right, before, rest, lengths = _read(t.ndim, pattern, **axes_lengths)
    if not t.ndim or left.dims == right.dims == [ELLIPSIS]:
        return t
    names, sizes, steps = _split(t, before, lengths)
    order = [i for i, name in enumerate(names) if name.isdecimal()]  # those without a name are added up at the end
    alone = len(order)
    shape = [sizes[i] for i in order]
    for group in _groups(right, rest):
        members = [names.index(name) for name in group]
        order += members
        shape.append(math.prod(sizes[i] for i in members))
    split = t if left.dims == [ELLIPSIS] else F.as_strided(t, sizes, steps, t.storage_offset())
    if order != sorted(order):
        split = F.as_strided(split, [sizes[i] for i in order], [steps[i] for i in order], t.storage_offset())
    made = F.reshape(split, shape)
    return F.sum(made, list(range(alone))) if alone else made


@lru_cache(256)
def _read(ndim: int, pattern: str, **lengths: int) -> tuple[_Side, _Side, Sequence[list[str]], list[str], dict[str, int]]:
    """What a pattern says of tensors with so many dimensions. As PyTorch's it is remembered: what it warns of is told once."""
    left, right = _sides(pattern)
    _check_sides(left, right, lengths)
    return left, right, *_spread(left, ndim), lengths


def _sides(pattern: str) -> tuple[_Side, _Side]:
    parts = pattern.split("->")
    if len(parts) != 2:
        raise ValueError("Pattern must contain a single '->' separator")
    left, right = _Side(parts[0]), _Side(parts[1])
    if ELLIPSIS in right.names and ELLIPSIS not in left.names:
        raise ValueError(f"Ellipsis found in right side, but not left side of a pattern {pattern}")
    if left.inside:
        raise ValueError(f"Ellipsis is parenthesis in the left side is not allowed: {pattern}")
    return left, right


def _check_sides(left: _Side, right: _Side, lengths: dict[str, int]) -> None:
    for length in lengths.values():
        if type(length) is not int:
            raise TypeError(f"rearrange axis lengths must be integers, got: {type(length)}")
    if left.numbers or right.numbers:
        raise ValueError("rearrange only supports unnamed axes of size 1")
    once = set(left.names) ^ set(right.names)
    if once:
        raise ValueError(f"Identifiers only on one side of rearrange expression (should be on both): {once}")
    unknown = lengths.keys() - set(left.names)
    if unknown:
        raise ValueError(f"Identifiers not found in rearrange expression: {unknown}")


def _spread(left: _Side, ndim: int) -> tuple[list[list[str]], list[str]]:
    """The names of each dimension of the tensor, and those that the ellipsis stands for."""
    if ELLIPSIS not in left.names:
        if len(left.dims) != ndim:
            raise ValueError(
                f"Number of dimensions in pattern ({len(left.dims)}) must be equal to the number of dimensions in the tensor ({ndim})"
            )
        return left.dims, []
    named = sum(not dim for dim in left.dims) + len(left.names) - 1
    if named > ndim:
        raise ValueError(
            f"Number of dimensions in pattern ({named}) must be less than or equal to the number of dimensions in the tensor ({ndim})"
        )
    rest = [f"{ELLIPSIS}{i}" for i in range(ndim - len(left.dims) + 1)]
    return _groups(left, rest), rest


def _groups(side: _Side, rest: list[str]) -> list[list[str]]:
    """The names of each dimension, those that the ellipsis stands for in its place."""
    made: list[list[str]] = []
    for dim in side.dims:
        made += [[name] for name in rest] if dim == ELLIPSIS else [[n for name in dim for n in (rest if name == ELLIPSIS else [name])]]
    return made


def _split(t: Tensor, spread: Sequence[list[str]], lengths: dict[str, int]) -> tuple[list[str], list[int], list[int]]:
    """Name, size and step of each dimension once those of several names are taken apart; one without a name is called by a number."""
    names: list[str] = []
    sizes: list[int] = []
    steps: list[int] = []
    for dim, size, step in zip(spread, t.shape, t.stride(), strict=True):
        own = dim or [str(len(names))]
        parts = _sizes(own, size, lengths, len(names))
        names += own
        sizes += parts
        steps += [step * math.prod(parts[i + 1 :]) for i in range(len(parts))]
    return names, sizes, steps


def _sizes(own: list[str], size: int, lengths: dict[str, int], first: int) -> list[int]:
    """The sizes of the dimensions that make up one; the only one that is not given is what is left."""
    parts = [lengths.get(name, -1) for name in own]
    called = [f"d{first + i}" for i in range(len(own))]
    free = [i for i, n in enumerate(parts) if n == -1]
    if len(free) > 1:
        raise DimensionBindError(f"cannot infer the sizes of two dimensions at once {called[free[0]]} and {called[free[1]]}")
    known = math.prod(n for n in parts if n != -1)
    if free:
        if not known or size % known:
            seen = tuple("?" if n == -1 else n for n in parts)
            raise DimensionBindError(f"inferred dimension does not evenly fit into larger dimension: {size} vs {seen}")
        parts[free[0]] = size // known
    elif known != size:
        pack = f"({', '.join(called)}{',' * (len(called) == 1)})"
        raise DimensionBindError(f"Dimension sizes to do not match ({size} != {known}) when matching dimension pack {pack}")
    return parts
