"""The page of a run: one self-contained HTML file with every cell, what was compared in it, and each smallest failing case."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from .choose import PROGRAM
from .gate import MEANING, Finding, by_cell
from .ledger import Cell, Gap
from .opdb import Coverage
from .record import Record

STATES = ("pass", "gap", "fail", "vacuous")
_FAILURE_FIELDS = ("kind", "message", "case", "subject", "truth", "script", "command")
_LONGEST = 20_000  # characters of one text on the page; the whole is in run.jsonl.gz


def page(record: Record, states: dict[Cell, str], gaps: list[Gap], findings: list[Finding], coverage: Coverage) -> str:
    """The file's text."""
    environment = Environment(loader=PackageLoader("conformance", "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    data = {
        **_matrix(record, states),
        "failures": _failures(record),
        "gaps": {"::".join(c): [{"kind": g.kind, "why": g.why} for g in group] for c, group in by_cell(gaps).items() if c in states},
        "findings": _findings(findings),
        "docs": record.header["docs"],
    }
    template = environment.get_template("page.html")
    return template.render(header=record.header, cards=_cards(record, states, coverage), tiers=_tiers(record), data=_embedded(data))


def _findings(findings: list[Finding]) -> list[dict[str, Any]]:
    """A group per kind of finding, with a row (cell, was, now, message, further messages) per cell."""
    groups: dict[str, dict[str, list[Any]]] = {}
    for f in findings:
        row = groups.setdefault(f.kind, {}).setdefault(f.cell, [f.cell, f.was, f.now, _short(f.message), -1])
        row[4] += 1
    return [{"kind": kind, "words": MEANING[kind], "rows": list(rows.values())} for kind, rows in groups.items()]


def _embedded(data: dict[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, separators=(",", ":"), default=str, ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c"))


def _matrix(record: Record, states: dict[Cell, str]) -> dict[str, Any]:
    """Every cell as a short list of numbers: names are given once, and cells point to them."""
    verdicts, census = _Names(), _Names()
    ops = sorted({cell["op"] for cell in record.cells})
    index = {op: i for i, op in enumerate(ops)}
    properties = [p for p in record.header["properties"] if any(cell["property"] == p for cell in record.cells)]
    cells = [
        [
            index[c["op"]], properties.index(c["property"]), STATES.index(states[c["op"], c["property"]]), c["examples"], c["comparisons"],
            round(c["seconds"] * 1000), verdicts.pairs(c["verdicts"]), census.pairs(c["census"]),
        ]
        for c in record.cells
    ]  # fmt: skip
    return {"ops": ops, "properties": properties, "cells": cells, "verdicts": verdicts.names, "census": census.names}


class _Names:
    """Strings that appear in many cells, stored once."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._index: dict[str, int] = {}

    def pairs(self, counts: dict[str, int]) -> list[int]:
        flat = []
        for name, count in counts.items():
            if name not in self._index:
                self._index[name] = len(self.names)
                self.names.append(name)
            flat += [self._index[name], count]
        return flat


def _failures(record: Record) -> dict[str, list[dict[str, Any]]]:
    return {
        "::".join(cell): [{key: _short(failure.get(key, "")) for key in _FAILURE_FIELDS} for failure in group]
        for cell, group in record.failures_by_cell().items()
    }


def _short(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    if len(text) <= _LONGEST:
        return value
    return text[:_LONGEST] + f"\n... {len(text) - _LONGEST:,} more characters in run.jsonl.gz"


def _cards(record: Record, states: dict[Cell, str], coverage: Coverage) -> list[dict[str, Any]]:
    counts, totals = Counter(states.values()), record.totals()
    entries = len(coverage.entries) or 1
    rate = totals["comparisons"] / max(totals["seconds"], 1e-9)
    ops = {op for op, _ in states if not op.startswith(PROGRAM)}
    return [
        {
            "label": "of PyTorch's op database pass", "value": f"{len(coverage.passing) / entries:.1%}",
            "note": f"{len(coverage.passing)} of {len(coverage.entries)} entries; {len(coverage.covered)} covered",
            "bar": [("pass", len(coverage.passing) / entries), ("gap", (len(coverage.covered) - len(coverage.passing)) / entries)],
        },
        {
            "label": "cells pass", "value": f"{counts['pass']:,}", "note": f"of {len(states):,}; {len(ops)} op overloads",
            "bar": [(state, counts[state] / max(len(states), 1)) for state in STATES],
        },
        _card("cells fail", f"{counts['fail']:,}", f"{counts['vacuous']} vacuous", "fail" if counts["fail"] else ""),
        _card("known gaps", f"{counts['gap']:,}", "each replayed from its smallest case", "gap" if counts["gap"] else ""),
        _card("comparisons", _short_number(totals["comparisons"]), f"{totals['examples']:,} examples"),
        _card("comparisons a CPU-second", f"{rate:,.0f}", _cost(totals, record.header)),
    ]  # fmt: skip


def _cost(totals: dict[str, Any], header: dict[str, Any]) -> str:
    return f"{totals['seconds']:.0f} CPU-s, {header.get('wall_seconds', 0):.0f} s, {header.get('peak_memory', 0) / 2**30:.2f} GiB a worker"


def _card(label: str, value: str, note: str, state: str = "") -> dict[str, Any]:
    return {"label": label, "value": value, "note": note, "state": state}


def _short_number(value: int) -> str:
    for size, unit in ((1_000_000, "M"), (10_000, "k")):
        if value >= size:
            return f"{value / (1_000_000 if unit == 'M' else 1000):.1f}{unit}"
    return str(value)


def _tiers(record: Record) -> list[tuple[str, int, float]]:
    """How equality was decided over the whole run: (verdict, count, share), the most frequent first."""
    counts: Counter[str] = Counter()
    for cell in record.cells:
        counts.update(cell["verdicts"])
    total = sum(counts.values()) or 1
    return [(name, count, count / total) for name, count in counts.most_common()]
