"""One cell of the matrix: draw cases, run both sides, compare, and shrink what differs."""

from __future__ import annotations

import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import tee
from typing import Any

import numpy as np

from . import backends
from .case import Case
from .kinds import build
from .outcome import TRIALS, Comparison, Difference, Observations, Raised, Reference, compare
from .properties import PROPERTIES, Property, observe
from .script import script
from .source import shrink as minimise
from .source import stream
from .spec import Declaration, SpecError, declarations

__all__ = ["PROPERTIES", "CellResult", "Failure", "cells", "replay", "run_cell"]


@dataclass
class Failure:
    """One kind of difference, with the smallest case that shows it."""

    op: str
    property: str
    kind: str
    message: str
    case: dict[str, Any]
    subject: str
    truth: str
    script: str
    command: str


@dataclass
class CellResult:
    """What a cell came to. `comparisons` counts observables compared; none at all is `vacuous`."""

    op: str
    property: str
    status: str
    examples: int = 0
    comparisons: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    census: dict[str, int] = field(default_factory=dict)


@cache
def _declared() -> dict[str, Declaration]:
    return declarations()


def find(op: str | Declaration) -> Declaration:
    """The declaration of a key. Raises SpecError where there is none."""
    if isinstance(op, Declaration):
        return op
    try:
        return _declared()[op]
    except KeyError:
        raise SpecError(f"there is no op {op!r}; the engine declares {len(_declared())}") from None


def cells() -> list[tuple[str, str]]:
    """Every (op key, property name) that applies."""
    return [(key, name) for key, op in _declared().items() for name, made in PROPERTIES.items() if made.applies(op)]


class Trial:
    """Runs cases of one cell on both sides."""

    def __init__(self, op: Declaration, made: Property, subject: str | backends.Backend):
        self.op, self.property = op, made
        self.subject = backends.subject(subject) if isinstance(subject, str) else subject

    def build(self, src: Any) -> Case:
        return build(self.op, src, self.property.draws)

    def seen(self, B: backends.Backend, case: Case) -> Observations:
        return observe(self.property, B, self.op, case)

    def run(self, case: Case) -> Comparison:
        """Both outcomes compared."""
        return self.compared(case, self.seen(backends.truth, case), self.seen(self.subject, case))

    def run_all(self, cases: list[Case]) -> Iterator[Comparison]:
        """Both outcomes of each case compared. One side runs after the other: going to and fro both would lose the processor's caches."""
        rights = [self.seen(backends.truth, case) for case in cases]
        lefts = [self.seen(self.subject, case) for case in cases]
        return map(self.compared, cases, rights, lefts)

    def compared(self, case: Case, right: Observations, left: Observations) -> Comparison:
        """What the subject came to beside what PyTorch did."""
        spec = self.op.spec
        terms = self._terms(case)
        zeros = (spec.zeros(case) if callable(spec.zeros) else spec.zeros) and case.has_both_zeros()
        made = compare(left, right, Again(self, case), spec.ulp, spec.sums, terms, zeros)
        judged = self.property.judges_errors and Raised.by_design(right.get("raises"))
        if made.differences and self.property.either is not None and not judged:
            right = self.seen(self.property.either, case)
            other = compare(left, right, Again(self, case, self.property.either), spec.ulp, spec.sums, terms, zeros)
            made = made if other.differences else other
        made.raised = isinstance(right.get("raises"), Raised)
        if made.raised and not Raised.asserted(right["raises"]):
            made.observed += self.property.judges_errors or right["raises"].refuses
        return made

    def _terms(self, case: Case) -> int:
        """How many terms a sum was divided by, where how those overflow is open; 0 where it is not."""
        spec = self.op.spec
        if spec.overflow == "mean":
            return max((t.size for t in case.tensors().values()), default=1)
        if spec.overflow == "alpha":
            alpha = case.args.get("alpha")
            return int(isinstance(alpha, (int, float, complex)) and abs(alpha) > 1)
        return int(spec.overflow or spec.sums)

    def failure(self, case: Case, found: Difference) -> Failure:
        op, name = self.op.key, self.property.name
        text = script(self.op, name, case, self.subject.name)
        message = f"{found.message}  for {case}"
        return Failure(
            op, name, found.kind, message, case.to_json(), found.subject, found.truth, text, f"python -m conformance run '{op}::{name}'"
        )


class Again(Reference):
    """PyTorch asked again about one case, each way once."""

    def __init__(self, trial: Trial, case: Case, truth: backends.Backend = backends.truth) -> None:
        self.trial, self.case, self.truth = trial, case, truth
        self.answers: dict[Any, Any] = {}

    def _once(self, key: Any, ask: Callable[[], Any]) -> Any:
        if key not in self.answers:
            self.answers[key] = ask()
        return self.answers[key]

    def _seen(self, case: Case) -> Observations:
        return self.trial.seen(self.truth, case)

    def _in_double(self, *cases: Case) -> list[Observations]:
        with backends.truth.double():
            return [self._seen(case) for case in cases]

    @property
    def narrowest(self) -> str:  # type: ignore[override]  # nothing sets it
        return self.case.narrowest()

    def exact(self) -> Observations:
        return self._once("exact", lambda: self._in_double(self.case.upcast())[0])

    def moved(self, unit: float) -> Iterator[Observations]:
        """One run after the other, each made when it is asked for."""

        def runs() -> Iterator[Observations]:
            rng, wide = np.random.default_rng(7), self.case.upcast()
            return (self._in_double(wide.perturbed(rng, unit))[0] for _ in range(TRIALS))

        self.answers[unit], asked = tee(self._once(unit, runs))
        return asked

    def strided(self) -> Observations:
        def ask() -> Observations:
            with backends.ElementByElement():
                return self._seen(self.case.spaced())

        return self._once("strided", ask)

    def magnitudes(self) -> Observations:
        return self._once("magnitudes", lambda: self._in_double(self.case.magnitudes())[0])

    def stepped(self) -> Iterator[Observations]:
        """One run after the other, as `moved`."""

        def run(seed: int) -> Observations:
            with backends.RoundedOtherwise(seed):
                return self._seen(self.case)

        self.answers["stepped"], asked = tee(self._once("stepped", lambda: map(run, range(TRIALS))))
        return asked

    def beside(self) -> list[tuple[Observations, Observations]]:
        def ask() -> list[tuple[Observations, Observations]]:
            case = self.case.single() if self.narrowest == "float64" else self.case
            cases = [case.beside(seed) for seed in range(TRIALS)]
            exact = self._in_double(*(c.upcast() for c in cases))
            return list(zip(map(self._seen, cases), exact, strict=True))

        return self._once("beside", ask)


PATIENCE = 20  # how many times the asked number of cases a cell may draw while nothing was compared yet
TOGETHER = 100  # cases at most that each side runs one after the other


def run_cell(
    op: str | Declaration,
    property: str,
    *,
    examples: int = 60,
    seed: int = 0,
    subject: str | backends.Backend = "engine",
    shrink: bool = True,
) -> CellResult:
    """Draw `examples` cases of one cell (a single one where that is all there is) and compare; the smallest case of every kind of
    failure, shrunk unless told not to."""
    started = time.process_time()
    trial = Trial(find(op), PROPERTIES[property], subject)
    examples = 1 if trial.property.fixed else examples
    result = CellResult(trial.op.key, property, "pass")
    verdicts: Counter[str] = Counter()
    words: list[str] = []
    worst: dict[str, tuple[bytes, Case, Difference]] = {}
    with quiet():
        cases = stream(trial.build, zlib.crc32(f"{trial.op.key}::{property}".encode()) + seed)
        while result.examples < examples or (result.examples < PATIENCE * examples and not (result.comparisons or worst)):
            try:
                drawn = [_whole(*next(cases)) for _ in range(min(max(examples - result.examples, 1), TOGETHER))]
            except Exception as error:
                return _undrawn(result, error)
            result.examples += len(drawn)
            for (case, raw), made in zip(drawn, trial.run_all([case for case, _ in drawn]), strict=True):
                result.comparisons += made.observed
                for verdict, count in made.verdicts.items():
                    verdicts[verdict] += count
                words += case.census()
                words += ["PyTorch raised"] * made.raised
                for found in made.differences:
                    if found.kind not in worst or len(raw) < len(worst[found.kind][0]):
                        worst[found.kind] = (raw, case, found)
        for kind, (raw, case, found) in worst.items():
            case, found = _shrunk(trial, kind, raw, case, found) if shrink else (case, found)
            result.failures.append(trial.failure(case, found))
    result.verdicts, result.census = dict(verdicts), dict(Counter(words))
    result.status = "fail" if worst else "pass" if result.comparisons else "vacuous"
    result.seconds = time.process_time() - started
    return result


def _whole(case: Case, raw: bytes) -> tuple[Case, bytes]:
    """A case that was drawn. Raises ValueError or TypeError where a domain made strides that leave the buffer."""
    for t in case.tensors().values():
        if not t.plain:
            t.view()
    return case, raw


def _undrawn(result: CellResult, error: Exception) -> CellResult:
    """The result of a cell whose cases cannot be drawn: a missing kind, or a domain that raises."""
    words, cell = f"no case can be drawn: {type(error).__name__}: {error}", (result.op, result.property)
    result.failures = [Failure(*cell, "spec", words, {}, words, "", "", f"python -m conformance run '{'::'.join(cell)}'")]
    result.status = "fail"
    return result


def _shrunk(trial: Trial, kind: str, raw: bytes, case: Case, found: Difference) -> tuple[Case, Difference]:
    def of_kind(c: Case) -> Difference | None:
        return next((d for d in trial.run(c).differences if d.kind == kind), None)

    simplest = minimise(trial.build, lambda c: of_kind(c) is not None, raw)
    again = None if simplest is None else of_kind(simplest)
    return (case, found) if simplest is None or again is None else (simplest, again)


def replay(case: dict[str, Any], op: str | Declaration, property: str, subject: str | backends.Backend = "engine") -> list[Failure]:
    """Run one stored case again: every failure it shows now."""
    trial, stored = Trial(find(op), PROPERTIES[property], subject), Case.from_json(case)
    names = [*trial.op.schema.names, *stored.args]  # a file keeps no order; a spoiled call may have arguments of its own
    rebuilt = replace(stored, args={n: stored.args[n] for n in names if n in stored.args})
    with quiet():
        made = trial.run(rebuilt)
    return [trial.failure(rebuilt, found) for found in made.differences]


class quiet:
    """Warnings off on both sides and NumPy's too, but where a property asks for them."""

    def __enter__(self) -> None:
        self.stack = warnings.catch_warnings()
        self.stack.__enter__()
        warnings.simplefilter("ignore")
        self.numpy = np.errstate(all="ignore")
        self.numpy.__enter__()

    def __exit__(self, *reason: Any) -> None:
        self.numpy.__exit__(*reason)
        self.stack.__exit__(*reason)
