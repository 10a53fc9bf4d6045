"""Programs run on a subject and on PyTorch: the cells of the ledger they fill, their failures made small, and their replay."""

from __future__ import annotations

import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from itertools import tee
from typing import Any
from unittest import SkipTest

import numpy as np

from .. import backends, outcome
from ..case import NAME, UNIT, least_precise
from ..source import ROOM, NpSource, Source
from ..source import shrink as minimise
from ..sweep import TOGETHER, CellResult, Failure
from .declare import LENGTH, PROGRAMS, Body, Program
from .draw import Beside, Draw, Further, Moved, Rounded
from .script import script_of
from .see import ENDED, ORDER, STOPPED, See, texts

TRIES = 200  # runs that making one failure small may cost

Subject = str | backends.Backend
Features = Callable[[outcome.Comparison, dict[str, Any], list[Any]], Iterable[str]]  # of a comparison, what PyTorch saw, and what was drawn


def _unheard() -> list[Any]:
    """Filters for the warnings that are no observation."""
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.filterwarnings("ignore", ".*torch.jit.script", DeprecationWarning)  # PyTorch loading a part of itself, once
        warnings.filterwarnings(
            "ignore", "There is a performance drop because we have not yet implemented the batching rule"
        )  # each has its own
        warnings.filterwarnings("ignore", "Attempted to insert a get_attr Node")  # PyTorch's own use of its tracer in linearize
        return list(warnings.filters)


UNHEARD = _unheard()


def module_of(subject: Subject) -> Any:
    """The module with PyTorch's namespace behind a subject or its name."""
    return (backends.subject(subject) if isinstance(subject, str) else subject).m


def observe(B: Any, body: Body, draw: Draw) -> dict[str, Any]:
    """What the program saw on backend `B`."""
    see = See(B)
    with warnings.catch_warnings(record=True) as elsewhere, _Repeating(B):
        warnings.filters[:] = UNHEARD  # type: ignore[index]  # a list, whose patterns are compiled once
        warnings.simplefilter("always", append=True)
        try:
            body(B, draw, see)
        except Exception as error:
            see.seen[ENDED] = outcome.Raised.of(error)
    if elsewhere:
        see("warnings nobody asked about", texts(elsewhere))
    if not B.is_grad_enabled():
        see("grad mode left behind", False)
        B.set_grad_enabled(True)
    return see.close()


class _Repeating:
    """Within it a backend repeats the warnings it would otherwise give once a process."""

    def __init__(self, B: Any):
        self.switch = getattr(B, "set_warn_always", None)

    def __enter__(self) -> None:
        if self.switch:
            self.switch(True)

    def __exit__(self, *_: object) -> None:
        if self.switch:
            self.switch(False)


@dataclass
class Again(outcome.Reference):
    """The program on PyTorch in double precision, run only where values are too far apart to pass at sight.

    Where that is another program, it is run in its own precision.
    """

    body: Body
    data: bytes
    narrowest: str
    single: bool
    truth: dict[str, Any] = field(default_factory=dict)  # what PyTorch saw of the case itself
    runs: dict[float | str, Iterator[dict[str, Any]]] = field(default_factory=dict)

    def exact(self) -> dict[str, Any]:
        return self._double if self.faithful else self.truth

    @cached_property
    def _double(self) -> dict[str, Any]:
        return self._moved(0.0, 0)

    @cached_property
    def faithful(self) -> bool:
        """False where the program does something else in double precision: it may read the bits of its numbers in another dtype."""
        shapes = ({label: one.shape for label, one in seen.items() if isinstance(one, np.ndarray)} for seen in (self.truth, self._double))
        return next(shapes) == next(shapes)

    def moved(self, unit: float) -> Iterator[dict[str, Any]]:
        return self._runs(unit, partial(self._moved, unit))

    def rounded(self) -> Iterator[dict[str, Any]]:
        return self._runs("rounded", partial(self._otherwise, Rounded))

    def further(self) -> Iterator[dict[str, Any]]:
        return self._runs("further", partial(self._otherwise, Further), outcome.FURTHER)

    def stepped(self) -> Iterator[dict[str, Any]]:
        return self._runs("stepped", self._stepwise)

    def _stepwise(self, seed: int) -> dict[str, Any]:
        torch = backends.truth.m
        with backends.RoundedOtherwise(seed):
            return observe(torch, self.body, Draw(torch, NpSource(self.data)))

    def _otherwise(self, rounding: type[Rounded], seed: int) -> dict[str, Any]:
        torch = backends.truth.m
        return observe(torch, self.body, rounding(torch, NpSource(self.data), seed))

    def _runs(self, name: float | str, made: Callable[[int], dict[str, Any]], count: int = outcome.TRIALS) -> Iterator[dict[str, Any]]:
        """One run after the other, each made when it is asked for."""
        if name not in self.runs:
            self.runs[name] = map(made, range(count))
        self.runs[name], asked = tee(self.runs[name])
        return asked

    def beside(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        unit, torch = UNIT["float32"] ** 0.5, backends.truth.m
        own = [observe(torch, self.body, Beside(torch, NpSource(self.data), unit, seed)) for seed in range(outcome.TRIALS)]
        return list(zip(own, self.moved(unit), strict=True))

    def _moved(self, unit: float, seed: int) -> dict[str, Any]:
        torch = backends.truth.m
        if unit and not self.faithful:  # as near as its own precision allows
            return observe(torch, self.body, Beside(torch, NpSource(self.data), 2 * unit, seed))
        usual = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            return observe(torch, self.body, Moved(torch, NpSource(self.data), unit, seed, self.truth))
        finally:
            torch.set_default_dtype(usual)


Compared = tuple[outcome.Comparison, dict[str, Any], list[Any]]


def compared(tested: Any, program: Program, data: bytes) -> Compared:
    """One case on both sides: the comparison, what PyTorch saw, and what was drawn."""
    return next(compared_all(tested, program, (data,)))


def compared_all(tested: Any, program: Program, cases: Sequence[bytes]) -> Iterator[Compared]:
    """The same of each case, one side after the other, as `sweep.Trial.run_all` says why."""
    truth, body = backends.truth.m, program.body
    draws = [Draw(truth, NpSource(data)) for data in cases]
    theirs = [observe(truth, body, draw) for draw in draws]
    mine = [observe(tested, body, Draw(tested, NpSource(data))) for data in cases]
    for data, draw, left, right in zip(cases, draws, mine, theirs, strict=True):
        yield _comparison(program, data, left, right), right, draw.log


def _comparison(program: Program, data: bytes, mine: dict[str, Any], theirs: dict[str, Any]) -> outcome.Comparison:
    if STOPPED in theirs:
        mine = {label: one for label, one in mine.items() if label in theirs} | {STOPPED: theirs[STOPPED]}
    dtypes = {NAME.get(seen.dtype, "") for seen in theirs.values() if isinstance(seen, np.ndarray)}
    more = Again(program.body, data, least_precise(dtypes), bool(dtypes & {"float32", "complex64"}), theirs)
    made = outcome.compare(mine, theirs, more)
    made.differences = list(roots(made.differences))
    if program.cascades:  # the first alone, by the name of its step and not by its number
        made.differences = [replace(one, kind=re.sub(r" #?\d+", "", one.kind)) for one in made.differences[:1]]
    return made


def roots(differences: list[outcome.Difference]) -> Iterator[outcome.Difference]:
    """The differences without what follows from others: those of the parts of what differs as a whole, and the order."""
    whole = tuple(one.kind.removesuffix(" raises") + end for one in differences for end in (": ", "["))
    kinds = {one.kind for one in differences}
    return (one for one in differences if not one.kind.startswith(whole) and (one.kind != ORDER or kinds == {ORDER}))


def cells() -> list[tuple[str, str]]:
    """Every (op, property) this package fills: one cell a program."""
    return [(key, "program") for key in sorted(PROGRAMS)]


def features(made: outcome.Comparison, seen: dict[str, Any], log: list[Any]) -> Iterator[str]:
    """What a case contained, for the census."""
    yield "drew data" if log else "drew nothing"
    for label, observation in seen.items():
        if isinstance(observation, outcome.Raised):
            yield "error"
        elif label.endswith((": values", ": warnings", ": same object")):
            yield label.rpartition(": ")[2]


def run_cell(
    op: str,
    property: str = "program",
    *,
    examples: int = 60,
    seed: int = 0,
    subject: Subject = "engine",
    shrink: bool = True,
    counted: Features = features,
) -> CellResult:
    """Runs one program `examples` times. `subject` is a backend or the name of one; the truth is PyTorch."""
    started, program = time.process_time(), PROGRAMS[op]
    found: dict[str, tuple[bytes, outcome.Difference]] = {}
    verdicts: Counter[str] = Counter()
    census: Counter[str] = Counter()
    comparisons = 0
    drawn = cases(examples, seed, program.length)
    for at in range(0, len(drawn), TOGETHER):
        together = drawn[at : at + TOGETHER]
        for data, (made, theirs, log) in zip(together, compared_all(module_of(subject), program, together), strict=True):
            comparisons += made.observed
            verdicts.update(made.verdicts)
            census.update(counted(made, theirs, log))
            for difference in made.differences:
                found.setdefault(difference.kind, (data, difference))
    failures = [_failure(op, subject, data, difference, shrink) for data, difference in found.values()]
    status = "fail" if failures else "pass" if comparisons else "vacuous"
    return CellResult(op, property, status, examples, comparisons, dict(verdicts), failures, time.process_time() - started, dict(census))


def made_small(failure: Failure, subject: Subject) -> Failure:
    """The failure with the smallest case that shows it."""
    difference = outcome.Difference(failure.kind, failure.message, failure.subject, failure.truth)
    return _failure(failure.op, subject, bytes.fromhex(failure.case["bytes"]), difference, True)


def replay(case: dict[str, Any], op: str, property: str = "program", subject: Subject = "engine") -> list[Failure]:
    """The failures of one stored case: none where it now passes."""
    data = bytes.fromhex(case["bytes"])
    made, _, _ = compared(module_of(subject), PROGRAMS[op], data)
    return [_failure(op, subject, data, difference, False) for difference in made.differences]


@cache
def cases(examples: int, seed: int, length: int = LENGTH) -> tuple[bytes, ...]:
    """The bytes of each example: the simplest case first, then random ones, every fourth of them nearly simple."""

    def drawn() -> Iterator[bytes]:
        random = np.random.default_rng(seed)
        for index in range(examples):
            data = random.integers(0, 256, length, dtype=np.uint8)
            data[random.random(length) < (0.7, 0, 0, 0)[index % 4]] = 0
            yield data.tobytes() if index else bytes(length)

    return tuple(drawn())


class _Kept:
    """A source that remembers what was read from it."""

    def __init__(self, source: Source):
        self.source, self.read = source, bytearray()

    def u8(self) -> int:
        return self.bytes(1)[0]

    def bytes(self, count: int) -> bytes:
        taken = bytes([self.source.u8()]) if count == 1 else self.source.bytes(count)
        self.read += taken
        return taken


def _smallest(body: Body, data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Simpler bytes that fail too: all zero where that is enough, else what Hypothesis makes of them, draw by draw."""
    if fails(bytes(LENGTH)):
        return bytes(LENGTH)

    def drawn(source: Source) -> bytes:
        kept = _Kept(source)
        observe(backends.truth.m, body, Draw(backends.truth.m, kept))
        return bytes(kept.read)

    try:
        return minimise(drawn, fails, data.ljust(ROOM, b"\0"), TRIES) or data
    except SkipTest:  # Hypothesis found nothing to shrink: the failure did not come again
        return data


def told(program: Program, log: list[Any], subject: str) -> str:
    """A case, by what it drew, as a stand-alone script."""
    return program.script(program.key, log, subject) if program.script else script_of(program.key, program.body, log, subject)


def _failure(op: str, subject: Subject, data: bytes, difference: outcome.Difference, small: bool) -> Failure:
    program, tested = PROGRAMS[op], module_of(subject)
    body = program.body

    def again(candidate: bytes) -> outcome.Difference | None:
        return next((one for one in compared(tested, program, candidate)[0].differences if one.kind == difference.kind), None)

    if small:
        data = _smallest(body, data, lambda candidate: again(candidate) is not None)
        difference = again(data) or difference
    draw = Draw(backends.truth.m, NpSource(data))
    observe(backends.truth.m, body, draw)
    name = subject if isinstance(subject, str) else subject.name
    case = {"program": op, "bytes": data.rstrip(b"\0").hex(), "drawn": draw.log}
    command = f"python -m conformance run '{op}::program'" + ("" if name == "engine" else f" --subject {name}")
    return Failure(
        op=op, property="program", kind=difference.kind, message=difference.message, case=case, subject=difference.subject,
        truth=difference.truth, script=told(program, draw.log, name), command=command,
    )  # fmt: skip
