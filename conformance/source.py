"""Bytes a case is built from: NumPy's for the fast sweep, Hypothesis's for shrinking; one builder reads both."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.errors import Flaky

BLOCK = 1 << 16
Bytes = bytes  # a source has a method of that name
ROOM = 1 << 13  # no case reads more than this; past it a source reads zeros


class Source(Protocol):
    """What a builder draws from. A smaller byte is always a simpler choice."""

    def u8(self) -> int: ...

    def bytes(self, count: int) -> Bytes: ...


class NpSource:
    """Bytes of a buffer from `position` on; zeros once it is used up."""

    __slots__ = ("buffer", "position")

    def __init__(self, buffer: bytes, position: int = 0):
        self.buffer, self.position = buffer, position

    def u8(self) -> int:
        at = self.position
        self.position = at + 1
        return self.buffer[at] if at < len(self.buffer) else 0

    def bytes(self, count: int) -> Bytes:
        at = self.position
        self.position = at + count
        return self.buffer[at : at + count].ljust(count, b"\0")

    def taken(self, start: int) -> Bytes:
        """The bytes read since `start`."""
        return self.buffer[start : self.position].ljust(self.position - start, b"\0")


_BYTE = st.integers(0, 255)


class HypSource:
    """The same choices drawn from Hypothesis, so that they shrink."""

    __slots__ = ("draw",)

    def __init__(self, draw: Callable[[Any], Any]):
        self.draw = draw

    def u8(self) -> int:
        return self.draw(_BYTE)

    def bytes(self, count: int) -> Bytes:
        return self.draw(st.binary(min_size=count, max_size=count))


def stream(build: Callable[[Source], Any], seed: int) -> Iterator[tuple[Any, bytes]]:
    """Endless pairs (case, the bytes it was built from)."""
    rng = np.random.Generator(np.random.SFC64(seed))
    while True:
        buffer = rng.bytes(BLOCK)
        source = NpSource(buffer)
        while source.position < BLOCK - ROOM:
            start = source.position
            yield build(source), source.taken(start)


class Failed(AssertionError):
    """Raised inside Hypothesis for one kind of failure."""


def shrink(build: Callable[[Source], Any], fails: Callable[[Any], bool], raw: bytes, tries: int = 150) -> Any:
    """The simplest case that still fails, found by Hypothesis from the bytes of a first one; None if it did not fail again.

    After `tries` cases were run the simplest so far is the answer: Hypothesis itself would go on for minutes.
    """
    last: list[Any] = []
    left = itertools.repeat(True, tries)
    strategy = st.composite(lambda draw: build(HypSource(draw)))()

    @settings(
        database=InMemoryExampleDatabase(),
        phases=[Phase.reuse, Phase.shrink],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(strategy)
    def attempt(case: Any) -> None:
        if next(left, False) and fails(case):
            last.append(case)
            raise Failed

    for run in (lambda: attempt.hypothesis.fuzz_one_input(raw), attempt):  # type: ignore[attr-defined]  # Hypothesis attaches it
        try:
            run()
        except (Failed, Flaky):  # flaky: the last case came after the last try
            continue
    return last[-1] if last else None
