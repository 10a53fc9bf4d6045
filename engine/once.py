"""Warnings that PyTorch's native code gives the first time only, with the switch that has it give them always; and once a call."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

_given: set[str] = set()
_always = [False]


def set_warn_always(always: bool) -> None:
    """Whether such warnings come every time."""
    _always[0] = bool(always)


def is_warn_always_enabled() -> bool:
    return _always[0]


def warn_once(text: str, stacklevel: int = 4) -> None:
    """A UserWarning the first time only (every time where the switch says so)."""
    if _always[0] or text not in _given:
        _given.add(text)
        say(text, stacklevel + 1)


class _Said(threading.local):
    """What the last kernels said, and whether the call that runs was tried before."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=4)
        self.again = False


_said = _Said()


def say(text: str, stacklevel: int) -> None:
    """A UserWarning of a kernel that may raise later on, but for what an earlier try at the same call said."""
    if not (_said.again and text in _said.last):
        _said.last.append(text)
        warnings.warn(text, UserWarning, stacklevel=stacklevel + 1)


def again(call: Callable[[list[Any]], Any], values: list[Any]) -> Any:
    """`call(values)`, where a compiled call has tried and raised: it may have warned before it did."""
    before, _said.again = _said.again, True
    try:
        return call(values)
    finally:
        _said.again = before
