"""Timing: the same work on every backend, in turns, and what the turns say about the ratio to PyTorch."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from .backends import Backend, Bare, Work
from .workload import Prepared, Workload

Clock = Callable[[], float]
SAMPLE = 0.004  # seconds of one timing; shorter ones are below the clocks' and the machine's noise
ROUNDS = 6, 25  # at least and at most; six are the fewest whose extremes are a 95 % interval of the median
AGREE = 2e-3  # of the largest element: enough to see that two backends do the same work


class Disagreement(Exception):
    """Two backends made different numbers of one workload: they are not doing the same."""


def prepared(workload: Workload, backends: Mapping[str, Backend | Bare]) -> dict[str, Prepared]:
    """The workload on every backend that can do it; run once, and compared with PyTorch's results."""
    made: dict[str, Prepared] = {}
    for name, backend in backends.items():
        try:
            made[name] = workload.on(backend)
            found = made[name].results()
        except NotImplementedError:  # ours, or HIPS autograd's own
            made.pop(name, None)
            continue
        if name == "torch":
            truth = found
        else:
            refuse_other_numbers(workload.name, name, found, truth)
    return made


def refuse_other_numbers(workload: str, name: str, found: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray]) -> None:
    """Raises Disagreement where a result that both have differs by more than rounding."""
    for key in found.keys() & truth.keys():
        right, left = truth[key], found[key]
        size = np.max(np.abs(right), initial=0)
        if left.shape != right.shape or not np.all(np.isfinite(right)) or not np.max(np.abs(left - right), initial=0) <= AGREE * size:
            raise Disagreement(f"{workload}: the {key} of {name} is not PyTorch's")


def seconds(work: Work, count: int, clock: Clock) -> float:
    """Seconds of one call, over `count` calls."""
    start = clock()
    for _ in repeat(None, count):
        work()
    return (clock() - start) / count


def calls(work: Work, clock: Clock) -> int:
    """How often to call `work` so that one timing takes about SAMPLE."""
    once = min(seconds(work, 1, clock) for _ in range(3))  # the first calls may prepare the others
    if once > SAMPLE / 20:
        return max(1, round(SAMPLE / once))
    return max(1, round(SAMPLE / max(seconds(work, 20, clock), 1e-9)))


def times(works: Mapping[str, Work], clock: Clock, budget: float) -> dict[str, list[float]]:
    """Seconds a call in every round. Every backend is timed in every round, and another one begins each, so that a slow moment hits all.

    A call before each timing has brought back what the others left in the processor's caches: of few calls it would be a large part.
    """
    counts = {name: calls(work, clock) for name, work in works.items()}
    made: dict[str, list[float]] = {name: [] for name in works}
    order = list(works)
    gc.collect()
    low, high = ROUNDS
    start = time.perf_counter()
    while len(made[order[0]]) < low or (len(made[order[0]]) < high and time.perf_counter() - start < budget):
        for name in order:
            works[name]()
            made[name].append(seconds(works[name], counts[name], clock))
        order.append(order.pop(0))
    return made


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """A confidence interval of the median without assumptions: two order statistics, or the extremes where there are few."""
    n, ordered = len(values), sorted(values)
    out, below = 0, 0.0
    while (below := below + math.comb(n, out) / 2**n) <= (1 - level) / 2:
        out += 1
    out = max(out - 1, 0)
    return ordered[out], ordered[n - 1 - out]


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def row(workload: Workload, made: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Microseconds and ratios to PyTorch of the same round, for every backend that took part."""
    columns: dict[str, Any] = {}
    for name, values in made.items():
        low, middle, high = (x * 1e6 for x in quartiles(values))
        columns[name] = {"us": middle, "quartiles_us": [low, high], "rounds": len(values)}
        if name != "torch":
            ratios = [v / t for v, t in zip(values, made["torch"], strict=True)]
            columns[name] |= {"ratio": statistics.median(ratios), "interval": list(interval(ratios))}
    return {"name": workload.name, "group": workload.group, "text": workload.text, "backends": columns}


def timed(workload: Workload, backends: Mapping[str, Backend | Bare], clock: Clock, budget: float) -> dict[str, Any]:
    """One row of the table."""
    works = {name: made.work for name, made in prepared(workload, backends).items()}
    return row(workload, times(works, clock, budget))
