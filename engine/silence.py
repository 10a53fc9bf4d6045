"""NumPy's floating-point warnings, off inside the engine and as the user set them outside.

`numpy.errstate` costs more than a small operation; its policy is a context variable, which is set and reset directly
where this NumPy has it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

import numpy as np

try:
    from numpy._core.umath import _extobj_contextvar as _policy

    with np.errstate(all="ignore"):
        _ignore = _policy.get()

    # Turns the warnings off; what it returns is to be given to `loud`.
    quiet: Callable[[], Any] = partial(_policy.set, _ignore)
    loud = _policy.reset

    policy: Callable[[], Any] = _policy.get
    QUIET: Any = _ignore  # what it gives where they are off

    _buffered: dict[int, Any] = {}

    def buffered(size: int) -> Any:
        """Let NumPy copy no more than `size` elements at once; give what this returns to `unbuffered`.

        `numpy.setbufsize` makes a policy at every call, which takes several times as long.
        """
        before, made = _policy.get(), _buffered.get(size)
        if made is not None and (before is _ignore or before is made):
            return _policy.set(made)
        token = _policy.set(before)
        np.setbufsize(size)
        if before is _ignore:
            _buffered[size] = _policy.get()
        return token

    unbuffered: Callable[[Any], Any] = _policy.reset

    _context = Context()
    _context.run(_policy.set, _ignore)

    # `silent(function, *arguments)`: the quickest, for one call of one thread; a second thread at the same time gets a RuntimeError.
    silent = _context.run

except ImportError:  # another NumPy: the public way

    def quiet() -> Any:
        return np.seterr(all="ignore")

    def loud(token: Any) -> None:
        np.seterr(**token)

    def policy() -> Any:
        return None

    QUIET = object()

    buffered = unbuffered = np.setbufsize

    def silent(function: Callable[..., Any], *arguments: Any) -> Any:  # type: ignore[misc]  # what a context's `run` is
        with np.errstate(all="ignore"):
            return function(*arguments)


def quietly(function: Callable[..., Any], *arguments: Any) -> Any:
    """One call with the warnings off, of any thread and within others."""
    before = quiet()
    try:
        return function(*arguments)
    finally:
        loud(before)
