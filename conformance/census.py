"""Random programs by the hundred thousand: run on workers, every kind of difference kept as a script, and what was drawn counted."""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import ledger
from .badinput import EXIT_FAILED, EXIT_INTERRUPTED, BadInput
from .progress import meter, say
from .run import Options, Signals, new_folder
from .workers import InProcess, Job, Pool, load

SUITE = "conformance.programs.many"
BATCH = 250  # programs of one job
LIMIT = 600.0  # seconds a job may take
SEEDS = 1 << 32  # how far apart the seeds of two batches are
PAGE = "census.md"
ORDERS: dict[str, Callable[[tuple[str, int]], Any]] = {  # of a table's rows; others begin with what was counted most
    "lines of a program": lambda row: int(row[0]),
    "choices": lambda row: (row[0].partition(": ")[0], -row[1]),  # those of one word together
}


@dataclass
class Found:
    """What a run of random programs came to."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, dict[str, Any]] = field(default_factory=dict)  # the first of each kind
    comparisons: int = 0
    seconds: float = 0.0

    def add(self, result: dict[str, Any]) -> None:
        self.counts.update(result["census"])
        self.comparisons += result["comparisons"]
        self.seconds += result["seconds"]
        for failure in result["failures"]:
            self.failures.setdefault(failure["kind"], failure)

    def ranked(self) -> list[dict[str, Any]]:
        """One failure of each kind, the most frequent kind first."""
        return sorted(self.failures.values(), key=lambda one: -self.counts[f"kinds: {one['kind']}"])


def random(options: Options, programs: int) -> int:
    """Run `programs` programs in each way they are watched; returns the exit code."""
    if isinstance(suite := load(SUITE), BadInput):
        raise suite
    found, seed = Found(), secrets.randbits(31) if options.seed is None else options.seed
    folder = new_folder(options.reports, options.name or f"{time.strftime('%Y%m%d-%H%M%S')}-random", bool(options.name))
    jobs = list(_jobs(suite.CELLS, programs, seed, options.subject))
    whole = True
    with Signals(), _pool(options) as pool, meter(len(jobs), "batches") as progress:
        pool.describe(options.subject)
        try:
            for result in pool.run(jobs):
                found.add(result)
                progress.advance(result, result["status"])
        except KeyboardInterrupt:
            whole = False
    _tell(suite, options, found, folder)
    ledger.write(folder, PAGE, "\n".join([f"# Random programs, seed {seed}\n", *tables(found.counts)]))
    return (EXIT_FAILED if found.failures else 0) if whole else EXIT_INTERRUPTED


def _jobs(cells: Iterable[str], programs: int, seed: int, subject: str) -> Iterator[Job]:
    for batch, start in enumerate(range(0, programs, BATCH)):
        for cell in cells:
            yield Job(cell, "program", min(BATCH, programs - start), seed + SEEDS * batch, subject, shrink=False)


def _pool(options: Options) -> Pool | InProcess:
    return Pool(SUITE, options.workers, LIMIT) if options.workers else InProcess(SUITE)


def _tell(suite: Any, options: Options, found: Found, folder: Path) -> None:
    """Print and keep the failures, those of the first kinds made small, then the census."""
    for number, failure in enumerate(found.ranked()):
        if failure["case"] and (options.shrinks is None or number < options.shrinks):
            failure = vars(suite.made_small(suite.Failure(**failure), options.subject))
        kind, path = failure["kind"], folder / "scripts" / (re.sub(r"[^\w.-]+", "_", f"{number}_{failure['kind']}")[:120] + ".py")
        say(f"\n{found.counts[f'kinds: {kind}']} times {kind}")
        say(f"    {options.subject}: {failure['subject'][:400]}\n    PyTorch: {failure['truth'][:400]}")
        if failure["script"]:
            ledger.write(path.parent, path.name, failure["script"].encode("utf-8", "backslashreplace").decode())
            say(f"    script: {path}")
    for line in tables(found.counts):
        say(line)
    programs, different, ended = (found.counts[f"programs: {which}"] for which in ("all", "different", "ended early"))
    say(f"\n{programs:,} runs of programs, {different:,} with a difference, in {len(found.failures)} kinds; {ended:,} ended early")
    say(f"{found.comparisons:,} comparisons in {found.seconds:,.0f} CPU-s; census: {folder / PAGE}")


def tables(counts: Counter[str]) -> Iterator[str]:
    """The census as Markdown: one table for each sort of thing that was counted, with how often PyTorch refused it."""
    for sort in ("programs", "steps", "choices", "ops", "dtypes of tensors", "lines of a program", "ends", "kinds"):
        rows = [(label.removeprefix(f"{sort}: "), count) for label, count in counts.items() if label.startswith(f"{sort}: ")]
        if not rows:
            continue
        ordered = sorted(rows, key=ORDERS.get(sort, lambda row: -row[1]))
        refusing = any(f"refused {sort}: {name}" in counts for name, _ in rows)
        yield f"\n| {sort} | count |" + (" refused |" if refusing else "")
        yield "|---|---:|" + ("---:|" if refusing else "")
        for name, count in ordered:
            yield f"| {name} | {count:,} |" + (f" {counts[f'refused {sort}: {name}']:,} |" if refusing else "")
