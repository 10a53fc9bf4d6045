"""What one run saw, on disk: `run.jsonl.gz` with a header, a line per cell and a line per failure.

Everything that judges or shows a run reads this file and nothing else, so a run can be judged again on a machine without PyTorch.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .badinput import BadInput
from .ledger import Cell

RUN, PARTIAL = "run.jsonl.gz", "run.jsonl.partial"
FORMAT = 1
OPEN, STALE = "open", "stale"
_KEYS = {"op", "property"}


@dataclass
class Record:
    """A run: `header` says with what it was done, `cells` what each cell saw, `failures` the smallest case of each kind of failure."""

    header: dict[str, Any]
    cells: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return bool(self.header.get("complete"))

    @property
    def whole(self) -> bool:
        """True where every cell there is was run, on the engine: only such a run says anything about cells it does not mention."""
        return self.complete and bool(self.header.get("all_cells")) and self.header.get("subject") == "engine"

    def failures_by_cell(self) -> dict[Cell, list[dict[str, Any]]]:
        found: dict[Cell, list[dict[str, Any]]] = {}
        for failure in self.failures:
            found.setdefault((failure["op"], failure["property"]), []).append(failure)
        return found

    def add(self, result: dict[str, Any]) -> list[str]:
        """Take in one result as a worker sends it; returns its lines, for the file kept while the run goes on."""
        failures = result.pop("failures", [])
        self.cells.append(result)
        self.failures += failures
        return [_line("cell", result), *(_line("failure", f) for f in failures)]

    def lines(self) -> Iterator[str]:
        yield _line("header", self.header)
        self.cells.sort(key=lambda c: (c["op"], c["property"]))
        self.failures.sort(key=lambda f: (f["op"], f["property"], f["kind"]))
        yield from (_line("cell", cell) for cell in self.cells)
        yield from (_line("failure", failure) for failure in self.failures)

    def totals(self) -> dict[str, Any]:
        """Counts of states, examples, comparisons and seconds over the run."""
        states: dict[str, int] = {}
        for cell in self.cells:
            states[cell["status"]] = states.get(cell["status"], 0) + 1
        sums = {key: sum(cell.get(key, 0) for cell in self.cells) for key in ("examples", "comparisons", "seconds")}
        return {"cells": len(self.cells), "states": states, **sums}


def _line(kind: str, data: dict[str, Any]) -> str:
    return json.dumps({"record": kind, **data}, separators=(",", ":"), default=str) + "\n"


def write_record(folder: Path, record: Record) -> Path:
    """Write the run's file and remove the one kept while it went on. The bytes depend on the content alone."""
    path = folder / RUN
    draft = path.with_name("." + path.name)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as file:
        file.writelines(line.encode() for line in record.lines())
    draft.write_bytes(packed.getvalue())
    draft.replace(path)
    (folder / PARTIAL).unlink(missing_ok=True)
    return path


def read_record(path: Path) -> Record:
    """A run from its file, its folder, or what a killed run left. Raises BadInput where it is missing or damaged."""
    path = _locate(path)
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as a run: {error}") from None
    return _parse(text.splitlines(), path)


def _locate(path: Path) -> Path:
    if path.is_dir():
        path = next((path / name for name in (RUN, PARTIAL) if (path / name).exists()), path / RUN)
    if not path.exists():
        raise BadInput(f"{path}: no such run; `python -m conformance run` makes one")
    return path


def _parse(lines: list[str], path: Path) -> Record:
    found: dict[str, list[dict[str, Any]]] = {"header": [], "cell": [], "failure": []}
    for number, line in enumerate(lines, start=1):
        try:
            data = json.loads(line)
            found[data.pop("record")].append(data)
        except (json.JSONDecodeError, KeyError, AttributeError, TypeError):
            if path.name == PARTIAL and number == len(lines):
                break  # the line being written when the run was killed
            raise BadInput(f"{path}: line {number} is damaged") from None
    if len(found["header"]) != 1 or found["header"][0].get("format") != FORMAT:
        raise BadInput(f"{path}: not a run of this suite (its header is missing or of another format)")
    for row in (*found["cell"], *found["failure"]):
        if not _KEYS.issubset(row):
            raise BadInput(f"{path}: damaged: a line names no op or property")
    if path.name == PARTIAL:
        found["header"][0]["complete"] = False
    return Record(found["header"][0], found["cell"], found["failure"])
