"""How a run tells a person where it is: a bar on a terminal, a plain line now and then anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

STATES = ("pass", "gap", "fail", "vacuous")
_COLOUR = {"pass": "green", "gap": "yellow", "fail": "red", "vacuous": "magenta"}


def say(text: str = "") -> None:
    print(text, flush=True)


class Plain:
    """A line every `every` seconds."""

    def __init__(self, total: int, unit: str, every: float = 10.0):
        self.total, self.unit, self.every = total, unit, every
        self.done, self.failed, self.comparisons = 0, 0, 0
        self.start = self.spoke = time.monotonic()

    def __enter__(self) -> Plain:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def advance(self, result: dict[str, Any], state: str) -> None:
        self.done += 1
        self.failed += state == "fail"
        self.comparisons += result["comparisons"]
        if time.monotonic() - self.spoke >= self.every or self.done == self.total:
            self.spoke = time.monotonic()
            self.show(result)

    def show(self, result: dict[str, Any]) -> None:
        took = self.spoke - self.start
        say(f"{self.done:>6}/{self.total} {self.unit}  {self.failed} failed  {self.comparisons:,} comparisons  {took:.0f} s")


class Bar(Plain):
    """The same as a bar that stays on one line of the terminal."""

    def __init__(self, total: int, unit: str, console: Console):
        super().__init__(total, unit, every=0.1)
        words = TextColumn("{task.fields[note]}")
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), words, TimeElapsedColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, console=console, transient=True, refresh_per_second=8)
        self.task = self.progress.add_task(unit, total=total, note="")

    def __enter__(self) -> Bar:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, result: dict[str, Any]) -> None:
        failed = f"[red]{self.failed} failed[/]" if self.failed else "0 failed"
        note = f"{failed}  {self.comparisons:,} comparisons  [dim]{result['op']}[/]"
        self.progress.update(self.task, completed=self.done, note=note)


def meter(total: int, unit: str = "cells") -> Plain:
    console = Console()
    return Bar(total, unit, console) if console.is_terminal else Plain(total, unit)


def summary(rows: Iterable[tuple[str, dict[str, int]]]) -> None:
    """A table of counts by property; `rows` are (property, count by state)."""
    table = Table(box=None, pad_edge=False)
    table.add_column("property")
    for state in STATES:
        table.add_column(state, justify="right")
    totals = dict.fromkeys(STATES, 0)
    for name, counts in rows:
        table.add_row(name, *(_count(counts.get(state, 0), state) for state in STATES))
        for state in STATES:
            totals[state] += counts.get(state, 0)
    table.add_section()
    table.add_row("total", *(_count(totals[state], state) for state in STATES))
    console = Console()
    console.print(table) if console.is_terminal else Console(width=120).print(table)


def _count(count: int, state: str) -> str:
    return f"[{_COLOUR[state]}]{count}[/]" if count else "[dim]·[/]"
