"""What a floor is: a hand-written forward and backward of one workload into memory that is there already, without tensors or a graph.

An engine on NumPy makes new arrays for what it returns, besides, and decides what to call. Where a workload misses its target, the
floor says how much of the time NumPy's own kernels need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backends import Work
from ..workload import cotangent

PIECE = 2**15  # elements that, with what is made of them, stay in a core's cache

Floor = Callable[..., tuple[Work, dict[str, Any]]]
FLOORS: dict[str, Floor] = {}


def floor(name: str, *arguments: Any) -> Callable[[Floor], Floor]:
    """Register `make(*arrays, *arguments)`, which returns the work and the arrays it fills, by name."""

    def register(make: Floor) -> Floor:
        FLOORS[name] = lambda *arrays: make(*arrays, *arguments)
        return make

    return register


def like(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """Memory that has been touched: a first touch costs more than most kernels."""
    made = np.empty(array.shape, dtype or array.dtype)
    made.fill(0)
    return made


def pieces(array: np.ndarray, piece: int = PIECE) -> Iterator[slice]:
    """Slices of the first dimension of about `piece` elements each."""
    rows = max(1, piece * len(array) // array.size)
    return (slice(start, start + rows) for start in range(0, len(array), rows))


def pointwise(name: str, run: Callable[..., Any], inputs: int = 1, scratch: int = 0) -> None:
    """A floor whose `run(g, *inputs, result, *gradients, *scratch)` fills pieces of all of them, flat."""

    def make(*arrays: np.ndarray) -> tuple[Work, dict[str, Any]]:
        first = arrays[0]
        results = [like(first) for _ in range(1 + inputs)]
        whole = [cotangent(first.shape), *arrays, *results]
        spare = [np.zeros(PIECE, first.dtype) for _ in range(scratch)]

        def work() -> None:
            for part in pieces(first):
                parts = [a[part] for a in whole]
                run(*parts, *(s[: parts[0].size] for s in spare))

        return work, {"result": results[0]} | {f"gradient {i}": g for i, g in enumerate(results[1:])}

    floor(name)(make)
