"""The figures of a run as tables for a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table

from .backends import LABELS

Row = Mapping[str, Any]


def ratios(rows: Iterable[Row], backend: str) -> list[float]:
    return [r["backends"][backend]["ratio"] for r in rows if backend in r["backends"]]


def geomean(rows: Sequence[Row], backend: str) -> float | None:
    """Nothing where there is no ratio, and none of a few lines for NumPy, which would look like the floor of all."""
    found = ratios(rows, backend)
    if not found or (backend == "numpy" and len(found) < len(rows)):
        return None
    return statistics.geometric_mean(found)


def number(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "-"
    return f"{value:,.{digits}f}" if value < 100 else f"{value:,.0f}"


def _coloured(value: float | None) -> str:
    if value is None:
        return "-"
    return f"[{'green' if value <= 1 else 'yellow' if value <= 1.6 else 'red'}]{number(value)}[/]"


def times(rows: Sequence[Row], backends: Sequence[str], title: str) -> Table:
    """A line for each workload, and the geometric mean of each group."""
    others = [b for b in backends if b not in ("engine", "torch")]
    shown = Table(title=title, box=None, pad_edge=False, header_style="bold")
    shown.add_column("workload")
    columns = ("PyTorch µs", "quartiles", "engine µs", "quartiles", "ratio", "95 %", *(LABELS[b] for b in others))
    for column in columns:
        shown.add_column(column, justify="right")
    for group, members in groupby(rows, key=lambda r: r["group"]):
        of_group = list(members)
        shown.add_section()
        means = [_coloured(geomean(of_group, "engine")), "", *(number(geomean(of_group, b)) for b in others)]
        shown.add_row(f"[bold]{group}[/]", *[""] * 4, *means)
        for r in of_group:
            shown.add_row(f"  {r['name']}", *_cells(r, others))
    return shown


def _cells(r: Row, others: Sequence[str]) -> list[str]:
    found, made = r["backends"], []
    for name in ("torch", "engine"):
        one = found.get(name)
        made += ["-", ""] if one is None else [number(one["us"]), f"[dim]{'–'.join(number(q) for q in one['quartiles_us'])}[/]"]
    engine = found.get("engine")
    made += ["-", ""] if engine is None else [_coloured(engine["ratio"]), "–".join(number(x) for x in engine["interval"])]
    return made + [number(found[b]["ratio"] if b in found else None) for b in others]


def memory(rows: Sequence[Row], backends: Sequence[str]) -> Table:
    shown = Table(title="resident bytes: a node of a chain of 1e5, and a training step", box=None, pad_edge=False, header_style="bold")
    shown.add_column("workload")
    backends = [b for b in backends if b in rows[0]["backends"]]
    for b in backends:
        shown.add_column(LABELS[b], justify="right")
    for r in rows:
        shown.add_row(r["name"], *(f"{r['backends'][b]['bytes']:,.0f}" for b in backends))
    return shown


def suite(found: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in found["shares"].items())
    rate = f"{found['comparisons_per_second']:,.0f} comparisons a CPU-second"
    return f"suite: {rate} over {found['cells']} cells ({found['examples']:,} cases); time in {shares}"


def summary(rows: Sequence[Row], backends: Sequence[str]) -> str:
    """The mean over everything, and the worst line of the engine."""
    with_engine = [r for r in rows if "engine" in r["backends"]]
    if not with_engine:
        return "the engine took part in none of these"
    worst = max(with_engine, key=lambda r: r["backends"]["engine"]["ratio"])
    means = ", ".join(f"{LABELS[b]} {number(geomean(rows, b))}" for b in backends if b != "torch" and geomean(rows, b))
    return f"geometric mean of the ratios: {means}; the engine's worst is {worst['name']}, {number(worst['backends']['engine']['ratio'])}"


def console() -> Console:
    made = Console()
    return made if made.is_terminal else Console(width=150)  # a file has room for the whole table
