"""The figures of a run as a picture: bars of ratios to PyTorch on a logarithmic scale, and a mark where NumPy alone would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from .backends import LABELS

COLOURS = {"engine": "#1f6feb", "mygrad": "#d29922", "autograd": "#9aa4b2"}
LOW, HIGH = 0.05, 20.0


def lines(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any] | None]]:
    """What stands beside each other down the page: a group's name with nothing, then its workloads."""
    made: list[tuple[str, Mapping[str, Any] | None]] = []
    for group, members in groupby(rows, key=lambda r: r["group"]):
        made.append((group, None))
        made += [(r["name"], r) for r in members]
    return made


def halves(rows: Sequence[Mapping[str, Any]]) -> list[list[tuple[str, Mapping[str, Any] | None]]]:
    """Two columns of about the same height, cut between groups."""
    groups = [list(members) for _, members in groupby(rows, key=lambda r: r["group"])]
    heights = [1 + len(members) for members in groups]
    cut = min(range(1, len(groups) + 1), key=lambda k: max(sum(heights[:k]), sum(heights[k:])))
    columns = [lines([r for members in part for r in members]) for part in (groups[:cut], groups[cut:])]
    return [column for column in columns if column]


def draw(rows: Sequence[Mapping[str, Any]], backends: Sequence[str], title: str, path: Path) -> None:
    """Write an SVG that needs no font or script of its own."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    shown = [b for b in backends if b in COLOURS]
    columns = halves(rows)
    height = max(len(column) for column in columns)
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.family": "sans-serif", "font.size": 8}):
        figure, axes = plt.subplots(1, len(columns), figsize=(6.2 * len(columns), 0.24 * height + 1.1), squeeze=False, layout="constrained")
        for ax, column in zip(axes[0], columns, strict=True):
            _column(ax, column, shown, height)
        axes[0][0].legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(shown) + 1, frameon=False, fontsize=8)
        figure.suptitle(title, fontsize=10)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
        plt.close(figure)


def _column(ax: Any, column: Sequence[tuple[str, Mapping[str, Any] | None]], shown: Sequence[str], height: int) -> None:
    thick = 0.8 / len(shown)
    floors = [(r["backends"]["numpy"]["ratio"], y) for y, (_, r) in enumerate(column) if r is not None and "numpy" in r["backends"]]
    if floors:
        ax.scatter(*zip(*floors, strict=True), marker="|", s=60, color="#111111", linewidths=1.4, zorder=3, label=LABELS["numpy"])
    for k, backend in enumerate(shown):
        at, values, errors = [], [], []
        for y, (_, r) in enumerate(column):
            if r is not None and backend in r["backends"]:
                found = r["backends"][backend]
                at.append(y + (k - (len(shown) - 1) / 2) * thick)
                values.append(found["ratio"])
                errors.append([max(found["ratio"] - found["interval"][0], 0), max(found["interval"][1] - found["ratio"], 0)])
        widths = [v - 1 for v in values]  # bars start at 1, where PyTorch is
        ax.barh(at, widths, thick, left=1, color=COLOURS[backend], label=LABELS[backend])
        if errors:
            ax.errorbar(values, at, xerr=list(zip(*errors, strict=True)), fmt="none", ecolor="#333333", elinewidth=0.5)
    ax.set_xscale("log")
    ax.set_xlim(LOW, HIGH)
    ax.set_ylim(height - 0.4, -0.6)
    ax.axvline(1, color="#333333", linewidth=0.8)
    ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    ax.set_xticks(ticks, [f"{t:g}" for t in ticks])
    ax.minorticks_off()
    ax.set_yticks(range(len(column)), [name for name, _ in column])
    for label, (_, r) in zip(ax.get_yticklabels(), column, strict=True):
        label.set_fontweight("bold" if r is None else "normal")
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color="#dddddd", linewidth=0.5)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.set_xlabel("time / PyTorch's time (below 1 is faster)")
