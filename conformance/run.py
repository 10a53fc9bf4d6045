"""One run from start to end: choose cells, run them on workers, keep what was seen, compare with the ledger, publish if it is complete."""

from __future__ import annotations

import itertools
import math
import os
import re
import secrets
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from . import gate, ledger, opdb, publish
from .badinput import EXIT_FAILED, EXIT_INTERRUPTED, BadInput
from .choose import choose
from .ledger import Cell, Gap, Ledger
from .pin import installed_torch, torch_complaint
from .progress import meter, say, summary
from .record import FORMAT, PARTIAL, Record, write_record
from .workers import InProcess, Job, Pool


@dataclass(frozen=True)
class Profile:
    """Settings of a kind of run: cases per cell, seed (None: a new one each time), wall seconds one cell may take."""

    examples: int
    seed: int | None
    limit: float


PROFILES = {"gate": Profile(60, 0, 300.0), "nightly": Profile(2000, None, 3600.0)}
SUITE = "conformance.cells"
SHRINKS = 200  # failures made small in one run; where more than this fails, more small cases help nobody


@dataclass
class Options:
    """What a person asked for."""

    patterns: list[str] = field(default_factory=list)
    examples: int | None = None
    jobs: int | None = None
    seed: int | None = None
    subject: str = "engine"
    accept: bool = False
    shrinks: int | None = None  # how many failures to make small
    profile: str = "gate"
    reports: Path = Path("reports")
    name: str = ""
    strict: bool = False  # as the gate judges, not only regressions
    suite: str = SUITE

    @property
    def workers(self) -> int:
        if self.jobs is not None:
            return self.jobs
        one_cell = len(self.patterns) == 1 and "::" in self.patterns[0] and "*" not in self.patterns[0]
        return 1 if one_cell else (os.cpu_count() or 1)


@dataclass
class Known:
    """The ledger and the gaps as they stood when the run began."""

    ledger: Ledger
    gaps: list[Gap]


def run(options: Options) -> int:
    """Do what the options say; returns the exit code. Raises BadInput before anything was done or written."""
    known = _read(options)
    with Signals() as signals:
        try:
            with _pool(options) as pool:
                suite = pool.describe(options.subject)
                chosen = _check(options, suite, known)
                record = _start(options, suite, chosen)
                folder = _folder(options, record)
                jobs = _jobs(
                    record, chosen, known, options.shrinks if options.shrinks is not None else math.inf if options.accept else SHRINKS
                )
                _run_cells(pool, jobs, record, folder, known, signals)
        except KeyboardInterrupt:
            signals.ended = True
            say("interrupted before the first cell: nothing was written")
            return EXIT_INTERRUPTED
        return _finish(options, record, folder, known)


def _read(options: Options) -> Known:
    if options.suite == SUITE and (complaint := torch_complaint(installed_torch())):
        raise BadInput(complaint)
    if options.accept and options.subject != "engine":
        raise BadInput("--accept records what the engine does; it cannot be used with another --subject")
    if options.name and not re.fullmatch(r"\w[\w.+-]*", options.name):
        raise BadInput(f"--name {options.name}: a name is letters, digits and . + - _")
    ledger.refuse_unwritable(options.reports)
    if (options.reports / opdb.FILE).exists():
        opdb.read(options.reports)  # damaged: say so before the work, not after it
    return Known(ledger.read_ledger(options.reports), ledger.read_gaps(options.reports))


def _pool(options: Options) -> Pool | InProcess:
    if options.workers == 0:
        return InProcess(options.suite)
    return Pool(options.suite, options.workers, PROFILES[options.profile].limit)


def _check(options: Options, suite: dict[str, Any], known: Known) -> list[Cell]:
    cells: list[Cell] = [(op, prop) for op, prop in suite["cells"]]
    if wrong := suite["mismatches"]:
        raise BadInput(wrong[0] + (f" (and {len(wrong) - 1} more of this sort)" if len(wrong) > 1 else ""))
    ops = {op for op, _ in cells}
    ledger.refuse_unknown(known.ledger, known.gaps, ops, suite["properties"], options.reports)
    return choose(options.patterns, cells, suite["properties"])


def _start(options: Options, suite: dict[str, Any], chosen: list[Cell]) -> Record:
    profile, now = PROFILES[options.profile], datetime.now(UTC)
    seed = options.seed if options.seed is not None else profile.seed
    header = {
        "format": FORMAT,
        "name": options.name or f"{now:%Y%m%d-%H%M%S}-{options.profile}",
        "started": now.isoformat(timespec="seconds"),
        "complete": False,
        "all_cells": len(chosen) == len(suite["cells"]),
        "planned": len(chosen),
        "patterns": options.patterns,
        "profile": options.profile,
        "examples": options.examples or profile.examples,
        "seed": secrets.randbits(32) if seed is None else seed,
        "subject": options.subject,
        "jobs": options.workers,
        "commit": _commit(),
        **{key: suite[key] for key in ("properties", "docs", "widenings", "versions")},
    }
    return Record(header)


def _commit() -> str:
    """The commit the run was made from, with `+` where the checkout had changes; empty outside a checkout."""
    try:
        commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        changes = subprocess.run(["git", "status", "--porcelain", "-uno"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit.stdout.strip() + ("+" if changes.stdout.strip() else "")


def _folder(options: Options, record: Record) -> Path:
    """A new folder for the run, which is then called as its folder is."""
    folder = new_folder(options.reports, record.header["name"], bool(options.name))
    record.header["name"] = folder.name
    return folder


def new_folder(reports: Path, name: str, fixed: bool) -> Path:
    """A new folder; two runs that start in the same second get different ones. Raises BadInput where a `fixed` name is taken."""
    for number in itertools.count(2):
        folder = reports / "runs" / (name if number == 2 else f"{name}-{number - 1}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if fixed:
                raise BadInput(f"{folder}: there is a run of this name already; choose another --name") from None
        except OSError as error:
            raise BadInput(f"{folder}: cannot be written: {error.strerror or error}") from None
    raise AssertionError("counting ends nowhere")


def _jobs(record: Record, chosen: list[Cell], known: Known, shrinks: float) -> Iterator[Job]:
    """A job per cell, made when a worker is free: after `shrinks` failures the rest are reported as they were met."""
    header, gaps = record.header, gate.by_cell(known.gaps) if record.header["subject"] == "engine" else {}
    replays = {cell: tuple((gap.kind, gap.case) for gap in found) for cell, found in gaps.items()}
    for cell in chosen:
        shrink = len(record.failures) < shrinks
        yield Job(*cell, header["examples"], header["seed"], header["subject"], shrink, replays.get(cell, ()))


def _run_cells(pool: Pool | InProcess, jobs: Iterable[Job], record: Record, folder: Path, known: Known, signals: Signals) -> None:
    """Run the cells into the record; after Ctrl-C the record holds those that ended."""
    start, gaps = time.monotonic(), {cell: {gap.kind for gap in group} for cell, group in gate.by_cell(known.gaps).items()}
    with (folder / PARTIAL).open("w", encoding="utf-8") as partial, meter(record.header["planned"]) as progress:
        partial.writelines(Record(record.header).lines())
        try:
            for result in pool.run(jobs):
                cell, kinds = (result["op"], result["property"]), {failure["kind"] for failure in result["failures"]}
                state = publish.displayed(result, kinds, gaps.get(cell, set()))
                _keep(record, result, partial)
                progress.advance(result, state)
            record.header["complete"] = True
        except KeyboardInterrupt:
            signals.ended = True
        signals.ignore()  # writing what there is takes a moment; a second Ctrl-C must not lose it
    record.header["wall_seconds"] = round(time.monotonic() - start, 2)
    record.header["peak_memory"] = pool.peak


def _keep(record: Record, result: dict[str, Any], partial: IO[str]) -> None:
    partial.writelines(record.add(dict(result)))
    partial.flush()


def _finish(options: Options, record: Record, folder: Path, known: Known) -> int:
    write_record(folder, record)
    if not record.complete:
        publish.scripts(record, folder)
        kept = f"{len(record.cells)} of {record.header['planned']} cells are kept"
        say(f"interrupted: {kept}, marked incomplete, in {folder}; nothing was published")
        return EXIT_INTERRUPTED
    findings = gate.judge(record, known.ledger, known.gaps)
    if options.accept:
        _accept(options, record, known)
        findings = gate.judge(record, known.ledger, known.gaps)
    publish.run_pages(record, known.ledger, known.gaps, findings, folder, options.reports)
    if record.whole:
        publish.project_pages(record, known.ledger, known.gaps, options.reports)
    elif options.accept:
        publish.readme_page(record, known.ledger, known.gaps, options.reports)
    refused = [f for f in findings if f.regression or (options.strict and f.kind in gate.MEANING)]
    _print(record, known, findings, folder)
    verdict = "gate" if options.strict else "run"
    say(f"{verdict}: {f'FAILED, {len(refused)} findings' if refused else 'ok'}")
    return EXIT_FAILED if refused else 0


def _accept(options: Options, record: Record, known: Known) -> None:
    known.ledger, known.gaps = gate.accept(record, known.ledger, known.gaps)
    for name, text in ((ledger.LEDGER, known.ledger.text()), (ledger.GAPS, ledger.gaps_text(known.gaps))):
        if ledger.write(options.reports, name, text):
            say(f"rewrote {options.reports / name}; review it with git diff")


def _print(record: Record, known: Known, findings: list[gate.Finding], folder: Path) -> None:
    summary(counts(record, known.gaps))
    for line in gate.explain(findings):
        say(line)
    for line in _effort(record):
        say(line)
    if record.header["all_cells"]:
        say(f"power: a difference that shows in 1 of {_found(record.header['examples'])} cases of a cell is met with probability 0.95")
    say(f"page: {folder / 'index.html'}")


def _effort(record: Record) -> list[str]:
    """What the run compared, and what it cost."""
    totals, header = record.totals(), record.header
    examples, comparisons = (totals[key] / max(totals["seconds"], 1e-9) for key in ("examples", "comparisons"))
    return [
        f"\n{totals['cells']:,} cells, {totals['examples']:,} examples, {totals['comparisons']:,} comparisons",
        f"{totals['seconds']:.1f} CPU-s: {examples:,.0f} examples, {comparisons:,.0f} comparisons a CPU-second",
        f"{header['wall_seconds']:.1f} s with {header['jobs']} workers, the largest of {header['peak_memory'] / 2**30:.2f} GiB",
    ]


def _found(examples: int, probability: float = 0.95) -> int:
    """The largest k such that what shows in one of k random cases is met at least once in `examples` of them."""
    return math.floor(1 / (1 - (1 - probability) ** (1 / examples)))


def counts(record: Record, gaps: list[Gap]) -> list[tuple[str, dict[str, int]]]:
    """Per property, how many cells are in each state."""
    table: dict[str, Counter[str]] = {prop: Counter() for prop in record.header["properties"]}
    for (_, prop), state in publish.states(record, gaps).items():
        table.setdefault(prop, Counter())[state] += 1
    return [(prop, dict(states)) for prop, states in table.items() if states]


class Signals:
    """SIGTERM, as a CI system sends it, means what Ctrl-C means. Both are as before at the end; after an interrupted run, which
    ends the process, they stay ignored."""

    ended = False

    def __enter__(self) -> Signals:
        self.before = {signal.SIGINT: signal.getsignal(signal.SIGINT), signal.SIGTERM: signal.signal(signal.SIGTERM, self._interrupt)}
        return self

    @staticmethod
    def _interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    def ignore(self) -> None:
        for number in self.before:
            signal.signal(number, signal.SIG_IGN)

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, signal.SIG_IGN if self.ended else handler)
