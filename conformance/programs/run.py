"""Programs run on a subject and on PyTorch: the cells of the ledger they fill, their failures made small, and their replay."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .compare import CellResult, Difference, Failure, compare
from .declare import PROGRAMS, Body
from .draw import Bytes, Draw
from .script import script_of
from .see import See, raised, warned

LENGTH = 96  # bytes drawn for one case; a program that asks for more reads zeros, the simplest choices
SHRINKS = 400  # runs of a program that one failure may cost while it is made small


def backend(name: str) -> Any:
    """The module with PyTorch's namespace that `name` stands for."""
    if name == "torch":
        import torch

        return torch
    import engine

    return engine


def observe(B: Any, body: Body, data: bytes) -> tuple[list[tuple[str, Any]], list[Any]]:
    """What the program saw on backend `B` with the data of these bytes, and the log of what was drawn."""
    draw, see = Draw(B, Bytes(data)), See(B)
    with warnings.catch_warnings(record=True) as elsewhere, _every_warning(B):
        warnings.simplefilter("always")
        try:
            body(B, draw, see)
        except Exception as error:
            see.seen.append(("the end", raised(error)))
    if elsewhere:
        see.seen.append(("warnings nobody asked about", {"warns": [warned(one) for one in elsewhere]}))
    if not B.is_grad_enabled():
        see.seen.append(("grad mode after the program", {"enabled": False}))
        B.set_grad_enabled(True)
    return see.seen, draw.log


class _every_warning:
    """Within it a backend repeats the warnings it would otherwise give once per process."""

    def __init__(self, B: Any):
        self.switch = getattr(B, "set_warn_always", None)

    def __enter__(self) -> None:
        if self.switch:
            self.switch(True)

    def __exit__(self, *_: object) -> None:
        if self.switch:
            self.switch(False)


def cells() -> list[tuple[str, str]]:
    """Every (op, property) this package fills: one cell a program."""
    return [(key, "program") for key in sorted(PROGRAMS)]


def run_cell(op: str, property: str = "program", *, examples: int = 60, seed: int = 0, subject: Any = "engine", shrink: bool = True) -> CellResult:
    """Runs one program `examples` times. `subject` is the name of a backend, or a module; the truth is PyTorch."""
    started = time.process_time()
    body, truth = PROGRAMS[op].body, backend("torch")
    tested = backend(subject) if isinstance(subject, str) else subject
    found: dict[str, tuple[bytes, Difference]] = {}
    verdicts: Counter[str] = Counter()
    census: Counter[str] = Counter()
    comparisons = 0
    for data in _cases(examples, seed):
        wanted, log = observe(truth, body, data)
        comparisons += len(wanted)
        census.update(_features(wanted, log))
        differences, counts = compare(observe(tested, body, data)[0], wanted)
        verdicts.update(counts)
        for difference in differences:
            found.setdefault(difference.kind, (data, difference))
    failures = [_failure(op, tested, subject, *one, shrink) for one in found.values()]
    status = "fail" if failures else "pass" if comparisons else "vacuous"
    seconds = time.process_time() - started
    return CellResult(op, property, status, examples, comparisons, dict(verdicts), failures, seconds, dict(census))


def replay(case: dict[str, Any], op: str, property: str = "program", subject: Any = "engine") -> list[Failure]:
    """The failures of one stored case: none where it now passes."""
    tested = backend(subject) if isinstance(subject, str) else subject
    data = bytes.fromhex(case["bytes"])
    return [_failure(op, tested, subject, data, difference, False) for difference in _differences(tested, PROGRAMS[op].body, data)]


def _cases(examples: int, seed: int) -> Iterator[bytes]:
    """Bytes for each example: the simplest case first, then random ones, of which every fourth is nearly simple."""
    random = np.random.default_rng(seed)
    for index in range(examples):
        data = random.integers(0, 256, LENGTH, dtype=np.uint8)
        if index % 4 == 0:
            data[random.random(LENGTH) < 0.7] = 0
        yield bytes(LENGTH) if index == 0 else data.tobytes()


def _features(seen: list[tuple[str, Any]], log: list[Any]) -> Iterator[str]:
    """What a case contained, for the census."""
    yield "drew data" if log else "drew nothing"
    for _, observation in seen:
        if isinstance(observation, dict):
            yield "tensor" if "is_leaf" in observation else next(iter(observation), "value")
        else:
            yield "value"


def _differences(tested: Any, body: Body, data: bytes) -> list[Difference]:
    return compare(observe(tested, body, data)[0], observe(backend("torch"), body, data)[0])[0]


def _failure(op: str, tested: Any, subject: Any, data: bytes, difference: Difference, shrink: bool) -> Failure:
    body = PROGRAMS[op].body

    def same_kind(candidate: bytes) -> Difference | None:
        return next((one for one in _differences(tested, body, candidate) if one.kind == difference.kind), None)

    if shrink:
        data = smallest(data, lambda candidate: same_kind(candidate) is not None)
        difference = same_kind(data) or difference
    _, log = observe(backend("torch"), body, data)
    case = {"program": op, "bytes": data.rstrip(b"\0").hex(), "drawn": log}
    name = subject if isinstance(subject, str) else subject.__name__
    message = f"{op} at {difference.kind}\n  torch:   {difference.truth}\n  {name + ':':<8} {difference.subject}\n  drawn:   {log}"
    command = f"python -m conformance run '{op}::program' --subject {name}"
    return Failure(op, "program", difference.kind, message, case, difference.subject, difference.truth, script_of(op, body, log, name), command)


def smallest(data: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Simpler bytes that still fail: bytes turned to zero, in blocks and then one by one, then lowered."""
    runs = 0

    def better(candidate: bytes) -> bool:
        nonlocal runs, data
        if candidate == data or runs >= SHRINKS:
            return False
        runs += 1
        if fails(candidate):
            data = candidate
            return True
        return False

    if better(bytes(len(data))):
        return data
    width = len(data) // 2
    while width:
        for start in range(0, len(data), width):
            if any(data[start : start + width]):
                better(data[:start] + bytes(len(data[start : start + width])) + data[start + width :])
        width //= 2
    for position in range(len(data)):
        for value in (*range(1, 8), 16, 32, 64):
            if value >= data[position] or better(data[:position] + bytes([value]) + data[position + 1 :]):
                break
    return data
