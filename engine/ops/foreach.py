"""Ops on every tensor of a list at once: their largest elements beside a number, a number for each, or the tensors of another list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import gt, lt
from typing import Any

import numpy as np

from ..graph import Node
from ..op import OPS, F, op, plain
from ..operands import unwrapped, wrapped
from ..reading import attributes
from ..tensor import Tensor
from .compare import extreme_along, shared


# -- what goes together --------------------------------------------------------------------------------------------------------
def check_count(self: Sequence[Any], others: Any) -> None:
    """Raises RuntimeError for an empty list and for another count of numbers."""
    if not self:
        raise RuntimeError("Tensor list must have at least one tensor.")
    if isinstance(others, list | tuple) and len(others) != len(self):
        raise RuntimeError("Tensor list must have same number of elements as scalar list.")


def check_counts(self: Sequence[Any], other: Sequence[Any]) -> None:
    """Raises RuntimeError for lists of different lengths, which PyTorch compares first, and for empty ones."""
    if len(other) != len(self):
        raise RuntimeError(f"Tensor lists must have the same number of tensors, got {len(self)} and {len(other)}")
    check_count(self, other)


def beside(self: Sequence[Any], others: Any) -> Sequence[Any]:
    """What each tensor of the list is put beside: a number is the same for all."""
    return others if isinstance(others, list | tuple) else [others] * len(self)


# -- maximum ---------------------------------------------------------------------------------------------------------------------
def maximum_kernel(self: list[np.ndarray], others: Any) -> list[np.ndarray]:
    """The larger of two, of each pair on its own: PyTorch runs `clamp_min`, which is what decides dtypes and of two zeros."""
    made = []
    for t, other in zip(self, beside(self, others), strict=True):
        made += OPS["clamp_min.Tensor" if isinstance(other, np.ndarray) else "clamp_min"].compute([t, other])[1]
    return made


def maximum_rule(g: Any, self: Sequence[Any], others: Any, loses: Callable[[Any, Any], Any]) -> list[Any]:
    """The gradient of each tensor whose result has one; computed on Tensors, which promote and lay out as PyTorch does."""
    made: list[Any] = []
    for one, t, other in zip(g, self, beside(self, others), strict=True):
        mine, theirs = wrapped(t), wrapped(other)
        made.append(None if one is None else shared(wrapped(one), mine, theirs, loses(mine, theirs)))
    return made if any(isinstance(one, Tensor) for one in g) else unwrapped(made)


def maximum_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> list[Any]:
    """The tangent of each result of which one operand has one. To a number PyTorch gives itself as the tangent, and not zero."""
    self, others = values
    second = tangents[1] if len(tangents) > 1 else beside(self, others)
    made: list[Any] = []
    for t, other, s, o in zip(self, beside(self, others), tangents[0], second, strict=True):
        if s is None and (o is None or len(tangents) == 1):
            made.append(None)
        else:
            made.append(extreme_along(F.zeros_like(t) if s is None else s, o, t > other, t == other))
    return made


OF_LISTS = op("_foreach_maximum.List(Tensor[] self, Tensor[] other) -> Tensor[]",
   plain(maximum_kernel, first=check_counts, method=False, node="ForeachMaximumBackward0List", stepwise=True, jvp=maximum_tangent),
   self=lambda g, self, other: maximum_rule(g, self, other, lt),
   other=lambda g, self, other: maximum_rule(g, self, other, gt))  # fmt: skip
op("_foreach_maximum.Scalar(Tensor[] self, Scalar scalar) -> Tensor[]",
   plain(maximum_kernel, first=check_count, method=False, node="ForeachMaximumBackward0", stepwise=True, jvp=maximum_tangent),
   self=lambda g, self, scalar: maximum_rule(g, self, scalar, lt))  # fmt: skip
op("_foreach_maximum.ScalarList(Tensor[] self, Scalar[] scalars) -> Tensor[]",
   plain(maximum_kernel, first=check_count, method=False, node="ForeachMaximumBackward1", stepwise=True, jvp=maximum_tangent),
   self=lambda g, self, scalars: maximum_rule(g, self, scalars, lt))  # fmt: skip

# PyTorch has no class of its own in Python for the nodes of two lists, so that nobody can read there what they keep.
for _class in (OF_LISTS.Node, OF_LISTS.NodeOfSeveral):
    _class.__name__ = "CppFunction"
    _class.__dir__ = Node.__dir__  # type: ignore[method-assign,assignment]  # of a class made for this op alone
    for _name in attributes(OF_LISTS):
        delattr(_class, _name)
