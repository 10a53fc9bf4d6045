"""Grad modes by their other name, and the switch for threads."""

from __future__ import annotations

from typing import Any

from ..modes import enable_grad, inference_mode, no_grad, set_grad_enabled


class _Threads:
    enabled = True


def is_multithreading_enabled() -> bool:
    """What was last asked for. A backward runs in the thread that calls it, one node after the other, either way."""
    return _Threads.enabled


class set_multithreading_enabled:
    """Acts at once as a function; restores on exit as a context."""

    def __init__(self, mode: bool) -> None:
        self.prev, self.mode = _Threads.enabled, mode
        _Threads.enabled = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: Any) -> None:
        _Threads.enabled = self.prev

    def clone(self) -> set_multithreading_enabled:
        return type(self)(self.mode)


__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "set_multithreading_enabled"]
