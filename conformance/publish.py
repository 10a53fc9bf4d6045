"""What a finished run leaves behind: its pages, and for a complete run of every cell the project's README of results and its history."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from . import ledger, opdb, readme
from .gate import Finding, by_cell
from .junit import junit
from .ledger import Cell, Gap, Ledger
from .record import Record
from .report import page

HISTORY = "history/nightly.csv"
_STATES = ("pass", "gap", "fail", "vacuous")
_COLUMNS = ("date", "commit", "torch", "seed", "examples", "cells", *_STATES, "comparisons", "cpu_seconds", "covered", "passing", "entries")


def displayed(result: dict[str, Any], kinds: set[str], known: set[str]) -> str:
    """pass, gap, fail or vacuous, where a failure of known kinds only is a gap."""
    if kinds - known or (result["status"] == "fail" and not kinds):
        return "fail"
    if kinds or "open" in result.get("known", {}).values():
        return "gap"
    return result["status"]


def states(record: Record, gaps: list[Gap]) -> dict[Cell, str]:
    """What to show for every cell of the run."""
    known, failures = by_cell(gaps), record.failures_by_cell()
    found = {}
    for result in record.cells:
        cell = (result["op"], result["property"])
        found[cell] = displayed(result, {f["kind"] for f in failures.get(cell, [])}, {g.kind for g in known.get(cell, [])})
    return found


def scripts(record: Record, folder: Path) -> None:
    """A runnable file for each failure that has one; the failure then says where it is."""
    for failure in record.failures:
        if failure.get("script"):
            name = re.sub(r"[^\w.-]+", "_", "__".join(failure[key] for key in ("op", "property", "kind")))[:150] + ".py"
            ledger.write(folder / "scripts", name, failure["script"].encode("utf-8", "backslashreplace").decode())
            failure["path"] = str(folder / "scripts" / name)


def run_pages(record: Record, recorded: Ledger, gaps: list[Gap], findings: list[Finding], folder: Path, reports: Path) -> None:
    """`junit.xml`, `index.html` and the scripts of one run."""
    scripts(record, folder)
    shown = states(record, gaps)
    ledger.write(folder, "junit.xml", junit(record, shown))
    ledger.write(folder, "index.html", page(record, shown, gaps, findings, _coverage(recorded, reports)))


def project_pages(record: Record, recorded: Ledger, gaps: list[Gap], reports: Path) -> None:
    """The README of results; a nightly run also adds its row to the history. Only for a complete run of every cell."""
    readme_page(record, recorded, gaps, reports)
    if record.header["profile"] == "nightly":
        _add_history(record, gaps, _coverage(recorded, reports), reports)


def readme_page(record: Record, recorded: Ledger, gaps: list[Gap], reports: Path) -> None:
    """`reports/README.md`, from the ledger and what the run says of the suite."""
    ledger.write(reports, "README.md", readme.text(recorded, gaps, _coverage(recorded, reports), record.header))


def _coverage(recorded: Ledger, reports: Path) -> opdb.Coverage:
    entries = opdb.read(reports) if (reports / opdb.FILE).exists() else []
    return opdb.coverage(entries, recorded)


def _add_history(record: Record, gaps: list[Gap], covered: opdb.Coverage, reports: Path) -> None:
    totals, shown, header = record.totals(), list(states(record, gaps).values()), record.header
    row = [header["started"][:10], header["commit"], header["versions"].get("torch", ""), header["seed"], header["examples"]]
    row += [totals["cells"], *(shown.count(state) for state in _STATES)]
    row += [totals["comparisons"], round(totals["seconds"]), len(covered.covered), len(covered.passing), len(covered.entries)]
    path = reports / HISTORY
    before = path.read_text(encoding="utf-8") if path.exists() else ",".join(_COLUMNS) + "\n"
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(row)
    ledger.write(path.parent, path.name, before + line.getvalue())
