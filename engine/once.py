"""Warnings that PyTorch's native code gives the first time only, and the switch that has it give them always."""

from __future__ import annotations

import warnings

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
        warnings.warn(text, UserWarning, stacklevel=stacklevel + 1)
