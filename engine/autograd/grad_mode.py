"""Grad modes by their other name, and the switch for threads."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from ..modes import enable_grad, inference_mode, no_grad, set_grad_enabled

_enabled: ContextVar[bool] = ContextVar("multithreading", default=True)


def is_multithreading_enabled() -> bool:
    """What this thread was last asked for. A backward runs in the thread that calls it, one node after the other, either way."""
    return _enabled.get()


def _set(enabled: Any) -> None:
    if type(enabled) is not bool:
        kind = type(enabled).__name__
        raise TypeError(f"set_multithreading_enabled(): argument 'enabled' (position 1) must be bool, not {kind}")
    _enabled.set(enabled)


class set_multithreading_enabled:
    """Acts at once as a function; restores on exit as a context. Raises TypeError for anything but a bool."""

    def __init__(self, mode: bool) -> None:
        self.prev = _enabled.get()
        _set(mode)
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: Any) -> None:
        _set(self.prev)

    def clone(self) -> set_multithreading_enabled:
        return type(self)(self.mode)


__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "set_multithreading_enabled"]
