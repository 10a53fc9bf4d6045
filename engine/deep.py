"""Calls nested so deep that Python's stack would end: they go on in a thread of their own, as PyTorch's reentrant backwards do."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

DEPTH = 30  # backwards inside of each other in one thread: with a user's frames between them well within Python's limit of 1000 frames


def in_new_thread(function: Callable[[], Any]) -> Any:
    """What `function` returns, or raises, when it runs in another thread in the modes of this one."""
    context = contextvars.copy_context()
    results: list[Any] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(context.run(function))
        except BaseException as error:  # raised again where it is waited for
            errors.append(error)

    thread = threading.Thread(target=work, name="backward")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
