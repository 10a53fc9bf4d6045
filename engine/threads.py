"""How many threads work on one large array: those of NumPy's BLAS, and those that share the pieces of elementwise work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import Any

SHARED = 2**20  # elements of work below which waking a thread, some 80 microseconds, costs more than it saves


def _from_environment() -> int:
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if asked.isdecimal() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_count = _from_environment()


def get_num_threads() -> int:
    """How many threads may work on one operation: what `set_num_threads` was given, else OMP_NUM_THREADS, else the processors there are."""
    return _count


def set_num_threads(count: int, /) -> None:
    """Let at most `count` threads work on one operation, those of the process's BLAS included.

    Raises RuntimeError for what is no positive int.
    """
    global _count
    if type(count) is not int:
        raise RuntimeError(f"set_num_threads expects an int, but got {type(count).__name__}")
    if count < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _count = count
    _blas().limit(limits=count, user_api="blas")


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="engine")


def lanes(size: int) -> int:
    """Among how many threads to share `size` elements of work."""
    return _count if size >= SHARED else 1


def share(lane: Callable[[Sequence[int]], None], starts: Sequence[int], count: int) -> None:
    """`lane(some)` for `count` parts of `starts`, each on a thread of its own.

    The threads see the caller's NumPy settings, which are context variables. An error is raised once all have ended.
    """
    if count == 1 or len(starts) < 2:
        lane(starts)
        return
    first, *rest = (starts[i::count] for i in range(min(count, len(starts))))
    others = [_pool(count - 1).submit(copy_context().run, lane, part) for part in rest]
    try:
        lane(first)
    finally:
        errors = [done.exception() for done in others]
    for error in errors:
        if error is not None:
            raise error


if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
