"""Judging a run against the ledger: what got worse, what got better unrecorded, which gaps are stale or unexplained.

Works from files alone; neither the engine nor PyTorch is imported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .badinput import BadInput
from .ledger import GAP, NONE, PASS, UNEXPLAINED, VACUOUS, Cell, Gap, Ledger
from .record import OPEN, STALE, Record

MEANING = {
    "worse": "cells that got worse",
    "gone": "recorded cells that no longer exist",
    "vacuous": "cells that compared nothing",
    "better": "cells that got better and are not recorded (accept them)",
    "stale": "known gaps whose case passes now (accept the run, or remove the entry)",
    "unexplained": "gaps without a reason (write it in gaps.toml)",
}
REGRESSIONS = ("worse", "gone")


@dataclass
class Finding:
    """One row that differs from what the ledger says."""

    kind: str  # a key of MEANING
    op: str
    property: str
    was: str
    now: str
    message: str = ""
    failure: dict[str, Any] | None = None

    @cached_property
    def cell(self) -> str:
        return f"{self.op}::{self.property}" if self.property else self.op

    @cached_property
    def regression(self) -> bool:
        return self.kind in REGRESSIONS or (self.kind == "vacuous" and self.was != VACUOUS)


def judge(record: Record, ledger: Ledger, gaps: list[Gap]) -> list[Finding]:
    """Everything the gate refuses in this run, worst first; empty where the run is what the ledger says.

    Raises BadInput for a run that was interrupted: it says nothing about the cells it did not reach.
    """
    if not record.complete:
        done = f"{len(record.cells)} of {record.header.get('planned')} cells"
        raise BadInput(f"the run {record.header.get('name', '')} is incomplete ({done}): not judged")
    findings = [*_cells(record, ledger, gaps), *_gone(record, ledger), *_unexplained(record, gaps)]
    order = list(MEANING)
    return sorted(findings, key=lambda f: (order.index(f.kind), f.op, f.property))


def _cells(record: Record, ledger: Ledger, gaps: list[Gap]) -> Iterator[Finding]:
    known, failures = by_cell(gaps), record.failures_by_cell()
    judged_by_ledger = record.header.get("subject") == "engine"
    for result in record.cells:
        cell = (result["op"], result["property"])
        if judged_by_ledger:
            yield from _cell(result, ledger.state(*cell), known.get(cell, []), failures.get(cell, []))
        else:  # another subject has no ledger: every cell must pass
            yield from _cell(result, PASS, [], failures.get(cell, []))


def _cell(result: dict[str, Any], was: str, known: list[Gap], failures: list[dict[str, Any]]) -> Iterator[Finding]:
    op, prop = result["op"], result["property"]
    kinds = {gap.kind for gap in known}
    new = [f for f in failures if f["kind"] not in kinds]
    stale = [gap for gap in known if result.get("known", {}).get(gap.kind) == STALE]
    for failure in new:
        said = failure["message"] if failure["message"].startswith(failure["kind"]) else f"{failure['kind']}: {failure['message']}"
        yield Finding("worse", op, prop, was, "fail", said, failure)
    if result["status"] == "fail" and not failures:
        yield Finding("worse", op, prop, was, "fail", "failed without saying how")
    if result["status"] == VACUOUS:
        yield Finding("vacuous", op, prop, was, VACUOUS, f"{result['examples']} examples, nothing compared")
    for gap in stale:
        yield Finding("stale", op, prop, was, result["status"], f"{gap.kind}: its recorded case passes")
    if result["status"] == PASS and not new and not known and was != PASS:
        yield Finding("better", op, prop, was, PASS)


def by_cell(gaps: list[Gap]) -> dict[Cell, list[Gap]]:
    found: dict[Cell, list[Gap]] = defaultdict(list)
    for gap in gaps:
        found[gap.cell].append(gap)
    return found


def _gone(record: Record, ledger: Ledger) -> Iterator[Finding]:
    if not record.whole:
        return
    seen = {(cell["op"], cell["property"]) for cell in record.cells}
    for op, prop in sorted(set(ledger.cells) - seen):
        yield Finding("gone", op, prop, ledger.state(op, prop), NONE, "the property no longer applies to this op")


def _unexplained(record: Record, gaps: list[Gap]) -> Iterator[Finding]:
    ran = {(cell["op"], cell["property"]) for cell in record.cells}
    for gap in gaps:
        if not gap.explained and (record.whole or gap.cell in ran):
            yield Finding("unexplained", gap.op, gap.property, GAP, GAP, f"{gap.kind}: why = {gap.why!r}")


def accept(record: Record, ledger: Ledger, gaps: list[Gap]) -> tuple[Ledger, list[Gap]]:
    """The ledger and gaps as this run saw them; reasons written by people are kept. A narrow run touches only its own cells."""
    if not record.complete or record.header.get("subject") != "engine":
        raise BadInput("only a complete run on the engine can be accepted")
    known, failures = by_cell(gaps), record.failures_by_cell()
    ran = {(cell["op"], cell["property"]) for cell in record.cells}
    new = Ledger(list(record.header["properties"]), {} if record.whole else {c: s for c, s in ledger.cells.items() if c not in ran})
    kept = [] if record.whole else [gap for gap in gaps if gap.cell not in ran]
    for result in record.cells:
        cell = (result["op"], result["property"])
        now = _accepted_gaps(result, known.get(cell, []), failures.get(cell, []))
        new.cells[cell] = GAP if now else VACUOUS if result["status"] == VACUOUS else PASS
        kept += now
    return new, kept


def _accepted_gaps(result: dict[str, Any], known: list[Gap], failures: list[dict[str, Any]]) -> list[Gap]:
    """Open gaps stay as they are; a stale one whose kind still fails gets the new case; a new kind waits for its reason."""
    failing = {failure["kind"]: failure for failure in failures}
    accepted = []
    for gap in known:
        failure = failing.pop(gap.kind, None)
        if result.get("known", {}).get(gap.kind, OPEN) == OPEN:
            accepted.append(gap)
        elif failure is not None:
            accepted.append(Gap(gap.op, gap.property, gap.kind, failure["case"], gap.why))
    accepted += [Gap(f["op"], f["property"], f["kind"], f["case"], UNEXPLAINED) for f in failing.values()]
    return accepted


def explain(findings: list[Finding], full: int = 8, most: int = 60) -> Iterator[str]:
    """The rows that differ, a line per cell; for the first `full` cells the smallest counterexample and the command that repeats it."""
    shown = 0
    for kind, meaning in MEANING.items():
        rows = most if kind != "better" else most // 4
        by_name: dict[str, list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.kind == kind:
                by_name[finding.cell].append(finding)
        if by_name:
            yield f"\n{len(by_name)} {meaning}:"
        for cell, group in list(by_name.items())[:rows]:
            yield _line(cell, group)
            if group[0].failure and shown < full:
                shown += 1
                yield from _counterexample(group[0].failure)
        if len(by_name) > rows:
            yield f"  ... and {len(by_name) - rows} more"


def _line(cell: str, group: list[Finding], width: int = 90) -> str:
    first = group[0]
    message = first.message if len(first.message) <= width else first.message[:width] + "..."
    others = f" (and {len(group) - 1} more)" if len(group) > 1 else ""
    return f"  {cell:<44} {first.was} -> {first.now}  {message}{others}".rstrip()


def _counterexample(failure: dict[str, Any], width: int = 800) -> Iterator[str]:
    for name, key in (("case", "message"), ("engine", "subject"), ("torch", "truth"), ("script", "path"), ("repeat", "command")):
        text = str(failure.get(key) or "")
        lines = (text[-width:] if failure["kind"] in ("crash", "suite", "timeout") else text[:width]).splitlines()
        for i, line in enumerate(lines):
            yield f"      {name + ':' if i == 0 else '':<8} {line}"
