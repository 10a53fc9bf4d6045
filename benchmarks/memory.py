"""How much memory a graph takes: resident bytes a node of a long chain, each measured in a process of its own."""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .backends import load

NODES = 100_000
GROUP = "graph memory"


def keeping_nothing(x: Any, w: Any) -> Any:
    return x + w


def keeping_results(x: Any, w: Any) -> Any:
    return x * w


CHAINS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "memory_add": ("resident bytes a node of a chain of 1e5 additions, which keep nothing", keeping_nothing),
    "memory_mul": ("the same of multiplications, which keep both factors", keeping_results),
}


def resident() -> int:
    """Bytes of this process that are in memory; where the system does not say, the most there ever were."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def grown(backend: str, name: str) -> float:
    """Bytes a node, in this process."""
    import numpy as np

    made = load([backend])[backend]
    step = CHAINS[name][1]
    x, w = made.leaf(np.ones(1, np.float32)), made.leaf(np.ones(1, np.float32))
    y = step(step(x, w), w)
    start = resident()
    for _ in range(NODES):
        y = step(y, w)
    return (resident() - start) / NODES


def tell(backend: str, name: str) -> None:
    """Print the bytes and end at once: collecting the chain, then or on the way, takes longer than making it."""
    gc.disable()
    print(grown(backend, name), flush=True)
    os._exit(0)


def measured(name: str, backends: Sequence[str]) -> dict[str, Any]:
    """One row: bytes a node for every backend."""
    columns = {}
    for backend in backends:
        command = [sys.executable, "-c", f"from benchmarks.memory import tell; tell({backend!r}, {name!r})"]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        columns[backend] = {"bytes": float(ran.stdout)}
    for found in columns.values():
        found["ratio"] = found["bytes"] / columns["torch"]["bytes"]
    return {"name": name, "group": GROUP, "text": CHAINS[name][0], "backends": columns}
