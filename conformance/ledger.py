"""What is known to hold: `ledger.csv` (a cell per op and property) and `gaps.toml` (each gap's smallest case and reason).

Read and written from files alone; neither the engine nor PyTorch is imported. The files hold no times, seeds or counts, so
an unchanged engine gives an empty diff and two people who add ops merge cleanly.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tomllib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .badinput import BadInput, nearest

PASS, GAP, VACUOUS, NONE = "pass", "gap", "vacuous", "-"
STATES = (PASS, GAP, VACUOUS, NONE)
UNEXPLAINED = "UNEXPLAINED"
NOT_TRACED = "Not traced: "  # how a reason starts that says what differs and claims no cause
LEDGER, GAPS = "ledger.csv", "gaps.toml"
_REQUIRED = ("op", "property", "kind", "case", "why")
_HEADER = """\
# Known gaps: what the engine does not do as PyTorch does. One entry per op, property and kind of failure, with its smallest
# case. `python -m conformance run --accept` adds and removes entries; the reason in `why` is written by a person.
"""

Cell = tuple[str, str]


@dataclass
class Ledger:
    """State of every cell, by (op, property); a cell that is absent is `-`."""

    properties: list[str] = field(default_factory=list)
    cells: dict[Cell, str] = field(default_factory=dict)

    def state(self, op: str, prop: str) -> str:
        return self.cells.get((op, prop), NONE)

    @property
    def ops(self) -> list[str]:
        return sorted({op for op, _ in self.cells})

    def text(self) -> str:
        """The file: a header, then one row per op, sorted."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["op", *self.properties])
        for op in self.ops:
            writer.writerow([op, *(self.state(op, p) for p in self.properties)])
        return out.getvalue()


@dataclass
class Gap:
    """One known difference from PyTorch: `case` is the smallest input that shows it, `why` a person's reason."""

    op: str
    property: str
    kind: str
    case: dict[str, Any]
    why: str
    text: str = ""  # the entry as it stands in the file, kept when the file is rewritten

    @cached_property
    def cell(self) -> Cell:
        return (self.op, self.property)

    @cached_property
    def key(self) -> tuple[str, str, str]:
        return (self.op, self.property, self.kind)

    @cached_property
    def explained(self) -> bool:
        return bool(self.why.strip()) and self.why.strip() != UNEXPLAINED

    @cached_property
    def traced(self) -> bool:
        """Whether somebody found the cause."""
        return self.explained and not self.why.startswith(NOT_TRACED)

    def block(self) -> str:
        """The entry as TOML."""
        if self.text:
            return self.text
        case = json.dumps(self.case, sort_keys=True, separators=(",", ":"), default=str)
        rows = (("op", self.op), ("property", self.property), ("kind", self.kind), ("case", case), ("why", self.why))
        return "[[gap]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in rows)


def _toml(value: str) -> str:
    if "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value).replace("\x7f", "\\u007f")


def read_ledger(folder: Path) -> Ledger:
    """The ledger of a reports folder; empty where there is none yet. Raises BadInput naming the damaged line."""
    path = folder / LEDGER
    if not path.exists():
        return Ledger()
    try:
        rows = list(csv.reader(io.StringIO(_read(path))))
    except csv.Error as error:
        raise BadInput(f"{path}: damaged: {error}; restore it with git") from None
    if not rows or not rows[0] or rows[0][0] != "op":
        raise BadInput(f"{path}: damaged: the first line must be `op,<property>,...`; restore it with git")
    ledger = Ledger(rows[0][1:])
    if len(set(ledger.properties)) != len(ledger.properties):
        raise BadInput(f"{path}: damaged: a property is named twice in the first line")
    seen: set[str] = set()
    for number, row in enumerate(rows[1:], start=2):
        _read_row(ledger, row, f"{path}:{number}", seen)
    return ledger


def _read_row(ledger: Ledger, row: list[str], where: str, seen: set[str]) -> None:
    if not row:
        return
    if len(row) != len(ledger.properties) + 1:
        raise BadInput(f"{where}: damaged: {len(row)} fields where the first line has {len(ledger.properties) + 1}")
    if row[0] in seen:
        raise BadInput(f"{where}: damaged: a second row for {row[0]}")
    seen.add(row[0])
    for prop, state in zip(ledger.properties, row[1:], strict=True):
        if state not in STATES:
            raise BadInput(f"{where}: damaged: {row[0]}::{prop} is {state!r}, which is none of {' '.join(STATES)}")
        if state != NONE:
            ledger.cells[row[0], prop] = state


def read_gaps(folder: Path) -> list[Gap]:
    """The known gaps of a reports folder. Raises BadInput where an entry is damaged, incomplete, has unknown keys or appears twice."""
    path = folder / GAPS
    if not path.exists():
        return []
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: damaged: {error}") from None
    if set(data) - {"gap"} or not isinstance(data.get("gap", []), list):
        unknown = ", ".join(sorted(set(data) - {"gap"})) or "gap"
        raise BadInput(f"{path}: unknown key {unknown}; the file is a list of [[gap]] entries")
    entries = data.get("gap", [])
    blocks = list(_blocks(text))
    texts = blocks if len(blocks) == len(entries) else [""] * len(entries)
    gaps = [_read_gap(entry, f"{path}: gap {i}", block) for i, (entry, block) in enumerate(zip(entries, texts, strict=True), start=1)]
    _refuse_twice(gaps, path)
    return gaps


def _read_gap(entry: Any, where: str, text: str) -> Gap:
    if not isinstance(entry, dict):
        raise BadInput(f"{where}: not a table")
    where = f"{where} ({entry.get('op', '?')}::{entry.get('property', '?')})"
    for key in entry:
        if key not in _REQUIRED:
            raise BadInput(f"{where}: unknown key {key}{nearest(key, _REQUIRED)}")
    for key in _REQUIRED:
        if key not in entry:
            raise BadInput(f"{where}: {key} is missing")
        if key != "case" and not isinstance(entry[key], str):
            raise BadInput(f"{where}: {key} must be a string")
    return Gap(entry["op"], entry["property"], entry["kind"], _read_case(entry["case"], where), entry["why"], text)


def _read_case(case: Any, where: str) -> dict[str, Any]:
    if isinstance(case, str):
        try:
            case = json.loads(case)
        except json.JSONDecodeError as error:
            raise BadInput(f"{where}: case is not JSON: {error}") from None
    if not isinstance(case, dict):
        raise BadInput(f"{where}: case must be a JSON object")
    return case


def _blocks(text: str) -> Iterator[str]:
    """The text of each [[gap]] entry, with the comments that stand in it."""
    current: list[str] | None = None
    for line in text.splitlines():
        if line.strip() == "[[gap]]":
            if current is not None:
                yield "\n".join(current).rstrip() + "\n"
            current = []
        if current is not None:
            current.append(line)
    if current is not None:
        yield "\n".join(current).rstrip() + "\n"


def _refuse_twice(gaps: Iterable[Gap], path: Path) -> None:
    seen: set[tuple[str, str, str]] = set()
    for gap in gaps:
        if gap.key in seen:
            raise BadInput(f"{path}: two entries for {gap.op}::{gap.property} of kind {gap.kind!r}")
        seen.add(gap.key)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: damaged: not UTF-8 at byte {error.start}; restore it with git") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None


def gaps_text(gaps: Iterable[Gap]) -> str:
    """The gaps file: sorted entries; what a person wrote in an entry stays as it was written."""
    blocks = [gap.block() for gap in sorted(gaps, key=lambda g: g.key)]
    return "\n".join([_HEADER, *blocks]) if blocks else _HEADER


def refuse_unknown(ledger: Ledger, gaps: Iterable[Gap], ops: Collection[str], properties: Collection[str], folder: Path) -> None:
    """Raises BadInput where the ledger or the gaps name an op or a property that does not exist, or contradict each other."""
    for prop in ledger.properties:
        if prop not in properties:
            hint = "; if it was removed on purpose, delete the file and accept a run of everything"
            raise BadInput(f"{folder / LEDGER}: no property is called {prop}{nearest(prop, properties)}{hint}")
    for op in ledger.ops:
        if op not in ops:
            hint = "; if it was removed on purpose, delete its row"
            raise BadInput(f"{folder / LEDGER}: no op or program is called {op}{nearest(op, ops)}{hint}")
    for gap in gaps:
        for name, known, what in ((gap.op, ops, "op or program"), (gap.property, properties, "property")):
            if name not in known:
                raise BadInput(f"{folder / GAPS}: no {what} is called {name}{nearest(name, known)}")
    if ledger.cells:  # a ledger started over takes the gaps as they stand
        _refuse_contradiction(ledger, gaps, folder)


def _refuse_contradiction(ledger: Ledger, gaps: Iterable[Gap], folder: Path) -> None:
    explained = {gap.cell for gap in gaps}
    for cell, state in sorted(ledger.cells.items()):
        if state == GAP and cell not in explained:
            name = "::".join(cell)
            raise BadInput(f"{folder / LEDGER}: {name} is a gap without an entry in {GAPS}; set it to - and `run {name} --accept`")
    for cell in sorted(explained):
        if ledger.cells.get(cell) != GAP:
            state = ledger.state(*cell)
            raise BadInput(f"{folder / GAPS}: {'::'.join(cell)} is {state} in {LEDGER}, not a gap; remove the entry")


def write(folder: Path, name: str, text: str) -> bool:
    """Write a file whole or not at all; True where its content changed. Raises BadInput where the folder cannot be written."""
    path = folder / name
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return False
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from None
    return True


def refuse_unwritable(folder: Path) -> None:
    """Raises BadInput before any work is done where the reports folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror or error}; name another folder with --reports") from None
