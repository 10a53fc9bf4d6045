"""How much memory a graph takes: resident bytes a node of a long chain, and the most during a training step.

Each is measured in a process of its own.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .backends import Bare, load
from .names import Inexpressible
from .workload import Input, bind, constant, given, integers, leaves_of, signed

NODES = 100_000
GROUP = "graph memory"


def keeping_nothing(x: Any, w: Any) -> Any:
    return x + w


def keeping_results(x: Any, w: Any) -> Any:
    return x * w


CHAINS: dict[str, Callable[[Any, Any], Any]] = {"memory_add": keeping_nothing, "memory_mul": keeping_results}
STEP = "memory_step"
TEXTS = {
    "memory_add": "resident bytes a node of a chain of 1e5 additions, which keep nothing",
    "memory_mul": "the same of multiplications, which keep both factors",
    STEP: "bytes at the peak of a training step, 4096x784 -> 256 -> 10, beyond its parameters and data",
}


def resident() -> int:
    """Bytes of this process that are in memory; where the system does not say, the most there ever were."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def peak() -> int:
    """The most bytes of this process that were in memory since `forget_peak`, or ever where the system cannot forget."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak() -> None:
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # proc(5): the peak is what is resident now


def grown_in_a_step(backend: str) -> float:
    """Bytes at the peak of a training step above those before it, in this process."""
    from .workloads.products import mlp

    made = load([backend])[backend]
    if isinstance(made, Bare):
        raise Inexpressible(STEP)

    def prepared(batch: int) -> Callable[[], Any]:
        parameters: list[Input] = [signed(784, 256, scale=0.05), signed(256), signed(256, 10, scale=0.1), signed(10)]
        inputs = [*parameters, constant(signed(batch, 784)), integers(10, batch)]
        tensors = given(made, inputs)
        return made.step(bind(mlp, tensors, inputs), leaves_of(tensors, inputs), None)

    prepared(8)()  # what a first step loads
    work = prepared(4096)
    gc.collect()
    forget_peak()
    start = resident()
    work()
    return peak() - start


def grown(backend: str, name: str) -> float:
    """Bytes a node, in this process."""
    import numpy as np

    made = load([backend])[backend]
    step = CHAINS[name]
    x, w = made.leaf(np.ones(1, np.float32)), made.leaf(np.ones(1, np.float32))
    y = step(step(x, w), w)
    start = resident()
    for _ in range(NODES):
        y = step(y, w)
    return (resident() - start) / NODES


def tell(backend: str, name: str) -> None:
    """Print the bytes and end at once: collecting the chain, then or on the way, takes longer than making it."""
    if name in CHAINS:
        gc.disable()
    print(grown(backend, name) if name in CHAINS else grown_in_a_step(backend), flush=True)
    os._exit(0)


def measured(name: str, backends: Sequence[str]) -> dict[str, Any]:
    """One row: bytes for every backend."""
    columns = {}
    for backend in backends:
        command = [sys.executable, "-c", f"from benchmarks.memory import tell; tell({backend!r}, {name!r})"]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        columns[backend] = {"bytes": float(ran.stdout)}
    for found in columns.values():
        found["ratio"] = found["bytes"] / columns["torch"]["bytes"]
    return {"name": name, "group": GROUP, "text": TEXTS[name], "backends": columns}
