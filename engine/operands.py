"""Operands on their way into a kernel or a rule, and results on their way out: Tensors, arrays, numbers, precision."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .dtypes import OF_NUMPY, dtype
from .silence import quietly
from .strided import recast
from .tensor import Tensor, wrap
from .unstored import cast


def array_of(v: Any) -> Any:
    return v._array if isinstance(v, Tensor) else v


def shape_of(v: Any) -> tuple[int, ...]:
    return v._array.shape if isinstance(v, Tensor) else ()


def requires(v: Any) -> bool:
    if isinstance(v, Tensor):
        return v.requires_grad
    return isinstance(v, list | tuple) and any(isinstance(t, Tensor) and t.requires_grad for t in v)


def refuse_gradient(v: Any, argument: str, function: str) -> None:
    """Raises RuntimeError where an argument without a derivative formula requires grad."""
    if requires(v):
        raise RuntimeError(
            f"The function '{function}' is not differentiable with respect to argument '{argument}'. "
            "This input cannot have requires_grad True."
        )


def number_of(value: Any, wide: np.dtype) -> np.ndarray:
    """A Python number as an array of the compute dtype; integers wrap as PyTorch's casts do."""
    if isinstance(value, int) and not isinstance(value, bool) and wide.kind in "iu":
        return np.asarray(value).astype(wide)
    if isinstance(value, complex) and wide.kind != "c":
        value = value.real
    made: np.ndarray = quietly(np.asarray, value, wide)  # one too large for the dtype is infinite
    return made


def settle(result: Any, low: dtype | None) -> np.ndarray:
    """A kernel's result as an array; a float32 one of a 16-bit call is rounded, once."""
    if not isinstance(result, np.ndarray):
        result = np.asarray(result)
    if low is not None and result.dtype == np.float32:
        return recast(result, low.np) if 1 in result.shape else cast(result, low.np)
    return result


def widened(g: Any) -> Any:
    """A 16-bit gradient in float32, in which rules compute; lists by element."""
    if isinstance(g, list):
        return [widened(x) for x in g]
    if g is None or g.dtype.itemsize != 2 or not OF_NUMPY[g.dtype].low:
        return g
    return recast(g, np.dtype(np.float32))


def cast_like(a: Any, g: Any, promoted: bool) -> Any:
    """A kept array as the rule should see it: 16-bit floats widened, promoted operands in the precision of `g`."""
    if type(a) is not np.ndarray:
        if not promoted or a is None:
            return a
        a = np.asarray(a)
    wide = OF_NUMPY[a.dtype].wide
    if promoted and g is not None:
        target = OF_NUMPY[g.dtype]
        if a.dtype.kind == "c":
            wide = target.to_complex().np
        elif a.dtype.kind != "b" or g.dtype != a.dtype:
            wide = target.to_real().wide
    return a if a.dtype == wide else recast(a, wide)


def check_broadcast(shapes: Sequence[tuple[int, ...]]) -> None:
    """Raises RuntimeError for the first shape that does not broadcast with those before it, at the last dimension that does not."""
    seen: tuple[int, ...] = ()
    for shape in shapes:
        rank = max(len(seen), len(shape))
        for dim in range(1, min(len(seen), len(shape)) + 1):
            a, b = seen[-dim], shape[-dim]
            if a != b and 1 not in (a, b):
                raise RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {rank - dim}"
                )
        seen = np.broadcast_shapes(seen, shape)


def check_misfit(error: ValueError) -> None:
    """Raises RuntimeError in place of NumPy's error for shapes that do not broadcast; does nothing for others."""
    told = re.fullmatch(r"operands could not be broadcast together with shapes ((\([\d,]*\) ?)+)", str(error))
    if told is not None:
        check_broadcast([tuple(map(int, re.findall(r"\d+", shape))) for shape in told[1].split()])


def as_it_is(a: Any, g: Any, promoted: bool) -> Any:
    """The same kept array for a rule that calls ops, which promote and round themselves; a number in the precision of `g`."""
    return a if type(a) is np.ndarray else cast_like(a, g, promoted)


def expands(narrow: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    return len(narrow) <= len(wide) and all(n in (1, w) for n, w in zip(narrow[::-1], wide[::-1], strict=False))


def wrapped(v: Any) -> Any:
    if isinstance(v, np.ndarray | np.generic):
        return wrap(np.asarray(v), OF_NUMPY[v.dtype])
    return [wrapped(x) for x in v] if isinstance(v, list) else v


def unwrapped(v: Any) -> Any:
    return v._array if isinstance(v, Tensor) else [unwrapped(x) for x in v] if isinstance(v, list | tuple) else v
