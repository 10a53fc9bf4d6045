"""How fast the suite compares: comparisons a CPU-second over a sample of its cells, and where the time goes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

NAME, TEXT = "suite", "full comparisons a CPU-second, over a sample of the suite's cells"
CELLS, EXAMPLES = 150, 30


class Stopwatch:
    """CPU seconds inside of named functions; what a function calls is counted under the inner name alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stack: list[float] = []

    def around(self, name: str | Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            key = name if isinstance(name, str) else name(*args)
            self._stack.append(0.0)
            start = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.process_time() - start
                self.seconds[key] = self.seconds.get(key, 0.0) + took - self._stack.pop()
                if self._stack:
                    self._stack[-1] += took

        return call


def measured(cells: int = CELLS, examples: int = EXAMPLES) -> dict[str, Any]:
    """The figures as plain data; `shares` are of the CPU time of the sample."""
    from conformance import programs, sweep
    from conformance.cells import PROGRAM, run_cell

    known = sorted([*sweep.cells(), *programs.cells()])
    chosen = random.Random(1).sample(known, min(cells, len(known)))
    for op, prop in chosen[:3]:
        run_cell(op, prop, examples=2, shrink=False)  # what is made once
    watch = Stopwatch()

    def side(_: Any, B: Any, case: Any) -> str:
        return "torch" if B.name == "torch" else "engine"

    comparisons = drawn = 0
    start = time.process_time()
    with (
        mock.patch.object(sweep.Trial, "build", watch.around("build", sweep.Trial.build)),
        mock.patch.object(sweep.Trial, "seen", watch.around(side, sweep.Trial.seen)),
        mock.patch.object(sweep, "compare", watch.around("compare", sweep.compare)),
    ):
        for op, prop in chosen:
            made = watch.around(PROGRAM + "s" if prop == PROGRAM else "rest", run_cell)(op, prop, examples=examples, shrink=False)
            comparisons, drawn = comparisons + made.comparisons, drawn + made.examples
    took = time.process_time() - start
    shares = {name: value / took for name, value in sorted(watch.seconds.items(), key=lambda item: -item[1])}
    return {
        "cells": len(chosen),
        "examples": drawn,
        "comparisons": comparisons,
        "seconds": took,
        "comparisons_per_second": comparisons / took,
        "shares": shares,
    }
