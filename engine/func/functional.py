"""`functionalize`: a function as one that writes to nothing but its arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..batching import Batched
from ..tensor import Tensor, alias
from ..views import node_of
from .trees import mapped

REMOVE = (
    "functionalize(f, remove='mutations'): received invalid argument for remove={}. Valid options are:\n"
    "     remove='mutations': all inplace and out= operators will be removed from the program, and replaced with their out-of-place "
    "equivalents.\n"
    "     remove='mutations_and_views': In addition to the above, all aliasing operators {{view}} will be replaced with their non-aliasing "
    "counterparts, {{view}}_copy.\n"
)


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """`func` with the same results, gradients and writes to its arguments; what it wrote to before returning it counts no writes.

    PyTorch replaces what happens in between, for whoever records the operations; nothing here records them, so nothing is replaced.
    Raises RuntimeError for another word than "mutations" or "mutations_and_views".
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise RuntimeError(REMOVE.format(remove))

    @functools.wraps(func)
    def functional(*args: Any, **kwargs: Any) -> Any:
        return mapped(_fresh, func(*args, **kwargs))

    return functional


def _fresh(t: Any) -> Any:
    """A result as if nothing had been written to it."""
    if not isinstance(t, Tensor) or type(t) is Batched or not t._counter or not t._counter[0]:
        return t
    made = alias(t)
    node_of(t)
    made._node, made._counter = t._node, [0]
    return made
