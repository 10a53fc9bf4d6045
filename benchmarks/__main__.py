"""`python -m benchmarks [WORKLOAD ...]`: time workloads on the engine and on PyTorch, and print the ratios."""

from __future__ import annotations

import argparse
import difflib
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from .workloads import WORKLOADS, Work

ROUNDS, ROUND_SECONDS = 15, 0.03


def repeats(work: Work) -> int:
    """How often to call `work` so that one timing takes about ROUND_SECONDS."""
    work()
    start = time.process_time()
    work()
    once = max(time.process_time() - start, 1e-6)
    return max(1, int(ROUND_SECONDS / once))


def seconds(work: Work, count: int) -> float:
    """CPU seconds of one call, over `count` calls."""
    start = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - start) / count


def compare(prepare: Callable[[Any], Work], backends: dict[str, Any]) -> dict[str, list[float]]:
    """CPU seconds a call per backend, ROUNDS of them, interleaved so that a slow moment hits all."""
    works = {name: prepare(B) for name, B in backends.items()}
    counts = {name: repeats(work) for name, work in works.items()}
    gc.collect()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(seconds(work, counts[name]))
    return times


def row(times: dict[str, list[float]]) -> dict[str, float]:
    """Medians in microseconds, and the ratio engine / torch with the quartiles of its rounds."""
    ratios = sorted(e / t for e, t in zip(times["engine"], times["torch"], strict=True))
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "engine_us": statistics.median(times["engine"]) * 1e6,
        "torch_us": statistics.median(times["torch"]) * 1e6,
        "ratio": middle,
        "ratio_low": low,
        "ratio_high": high,
    }


def choose(names: list[str]) -> list[str]:
    """The named workloads, all where none is named. Exits with 2 and the nearest names for an unknown one."""
    for name in names:
        if name not in WORKLOADS:
            near = ", ".join(difflib.get_close_matches(name, WORKLOADS)) or ", ".join(WORKLOADS)
            sys.stderr.write(f"there is no workload '{name}'; did you mean: {near}\n")
            raise SystemExit(2)
    return names or list(WORKLOADS)


def table(rows: dict[str, dict[str, float]]) -> Table:
    shown = Table(title="CPU time, one thread; a ratio below 1 is faster than PyTorch")
    for title in ("workload", "engine us", "torch us", "ratio", "quartiles", "what"):
        shown.add_column(title, justify="left" if title in ("workload", "what") else "right")
    for name, r in rows.items():
        what = (WORKLOADS[name].__doc__ or "").strip()
        shown.add_row(
            name,
            f"{r['engine_us']:,.1f}",
            f"{r['torch_us']:,.1f}",
            f"{r['ratio']:.2f}",
            f"{r['ratio_low']:.2f}-{r['ratio_high']:.2f}",
            what,
        )
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"one of: {', '.join(WORKLOADS)}")
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    options = parser.parse_args()
    names = choose(options.workloads)
    import torch

    import engine

    torch.set_num_threads(1)
    rows = {}
    console = Console()
    if not console.is_terminal:
        console = Console(width=130)  # a file has room for the whole table
    for name in track(names, "timing", console=console, transient=True, disable=not console.is_terminal):
        rows[name] = row(compare(WORKLOADS[name], {"engine": engine, "torch": torch}))
    console.print(table(rows))
    geomean = statistics.geometric_mean(r["ratio"] for r in rows.values())
    console.print(f"geometric mean of the ratios: {geomean:.2f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
