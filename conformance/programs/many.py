"""The random programs as a suite of their own, which counts what was drawn: what the workers of `conformance random` import."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from .. import cells
from ..outcome import Comparison, Raised
from ..sweep import Failure
from . import run
from .see import OPEN, STOPPED
from .sequences import unwatched, watched

CELLS = tuple(f"program:{body.__module__.rpartition('.')[2]}.{body.__name__}" for body in (watched, unwatched))
STEP = re.compile(r"step (\d+) .*: error$")


def drawn(made: Comparison, seen: dict[str, Any], log: list[Any]) -> Iterator[str]:
    """A program's steps, ops, choices and length, the dtypes of the tensors it leaves, what PyTorch refused, and whether it differed."""
    yield "programs: all"
    yield f"lines of a program: {len(log)}"
    refused = {int(step[1]) for label, one in seen.items() if isinstance(one, Raised) and (step := STEP.match(label))}
    for number, (_, _, name, op, chosen) in enumerate(log):
        words = [f"steps: {name}"] + [f"ops: {op}"] * bool(op) + [f"choices: {word}" for word in chosen]
        yield from words
        yield from (f"refused {word}" for word in words if number in refused)
    for label, one in seen.items():
        if label.startswith("at the end: tensor") and isinstance(one, list) and one[0].startswith("torch."):
            yield f"dtypes of tensors: {one[0]}"
    for why in (seen[label] for label in (OPEN, STOPPED) if label in seen):
        yield "programs: ended early"
        yield f"ends: {why}"
    if made.differences:
        yield "programs: different"
        yield f"kinds: {made.differences[0].kind}"


__all__ = ["CELLS", "Failure", "describe", "drawn", "made_small", "replay", "run_cell"]

describe = cells.describe
replay = cells.replay
run_cell = partial(run.run_cell, counted=drawn)
made_small = run.made_small
