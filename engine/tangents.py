"""The words of formulas of tangents, one of which may be missing: what would come of it is left out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from . import dtypes
from .promotion import common
from .registry import F
from .tensor import Tensor


def plus(a: Any, b: Any) -> Any:
    """The sum of two tangents, either of which may be missing."""
    return b if a is None else a if b is None else F.add(a, b)


def minus(a: Any, b: Any) -> Any:
    """The difference of two tangents: less a missing one is a product with -1, which for complex zeros is no negation."""
    return a if b is None else b * -1 if a is None else a - b


def by(tangent: Any, factor: Callable[[], Any]) -> Any:
    """A tangent times a factor, made only where there is a tangent."""
    return None if tangent is None else tangent * factor()


def over(tangent: Any, divisor: Any) -> Any:
    return None if tangent is None else tangent / divisor


def along(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A formula of (arguments..., tangents..., result) as forward mode calls it: PyTorch's own, since they decide signs of zero and NaN.

    Where the first argument is called `_`, and so not read, an in-place form without a tangent of its own starts from stored zeros.
    """

    def rule(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
        return formula(*values, *tangents, outs[0])

    rule.from_zeros = next(iter(inspect.signature(formula).parameters)) == "_"  # type: ignore[attr-defined]  # functions have those they are given
    return rule


def beside_missing(tangent: Any, other: Any, of: Any, number: complex) -> Any:
    """A tangent to which PyTorch adds `other`, that of `of`, times a number that is not 1.

    Where none has dimensions and the other is missing, the number counts as a tensor: a float makes the tangent one of double precision.
    """
    if other is not None or tangent is None or number == 1 or (isinstance(of, Tensor) and of.shape):
        return tangent
    return as_beside(tangent, number, common([of]))


def as_beside(tangent: Any, number: Any, at_least: dtypes.dtype = dtypes.bool_) -> Any:
    """The tangent, without dimensions in the dtype it has beside a number that counts as a tensor."""
    if tangent is None or tangent.shape or isinstance(number, Tensor):
        return tangent
    factor = dtypes.complex128 if isinstance(number, complex) else dtypes.float64 if isinstance(number, float) else dtypes.bool_
    dtype = dtypes.promote_types(tangent._dtype, dtypes.promote_types(at_least, factor))
    return tangent if dtype is tangent._dtype else F.to(tangent, dtype)
