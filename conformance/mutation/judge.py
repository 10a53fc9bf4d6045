"""Which cells run which code, and whether one of them notices a planted change: each in a process of its own."""

from __future__ import annotations

import gc
import os
import random
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import engine

from ..cells import run_cell
from ..workers import MEMORY
from .change import Key, Mutant, changed_code, key_of

ENGINE = str(Path(engine.__file__).parent) + os.sep
Cell = tuple[str, str]
ROUNDS = ((12, 10), (30, 60))  # so many cells, so many examples of each: a change that survives the first round meets the second
LIMIT = 300  # seconds a change may take: one that makes a loop endless is noticed, too


@dataclass(frozen=True)
class Verdict:
    """What became of a change: the cell that noticed it, or "" where none of `cells` cells did."""

    mutant: Mutant
    noticed: str
    cells: int


def exercised(cells: Sequence[Cell], jobs: int, tell: Callable[[int], None]) -> dict[Key, list[Cell]]:
    """The cells that run each function of the engine, seen by running two examples of each."""
    found: dict[Key, list[Cell]] = defaultdict(list)
    parts = [list(cells[i :: jobs * 8]) for i in range(jobs * 8)]
    for done, answer in _in_children([(_profiled, (part,)) for part in parts if part], jobs):
        for key, seen in (answer or {}).items():
            found[key] += seen
        tell(len(parts[done]))
    return found


def _profiled(cells: Sequence[Cell]) -> dict[Key, list[Cell]]:
    found: dict[Key, list[Cell]] = defaultdict(list)
    for cell in cells:
        ran: set[CodeType] = set()

        def note(frame: Any, event: str, _: Any, ran: set[CodeType] = ran) -> None:
            if event == "call":
                ran.add(frame.f_code)

        sys.setprofile(note)
        try:
            run_cell(*cell, examples=2, shrink=False)
        finally:
            sys.setprofile(None)
        for code in ran:
            if code.co_filename.startswith(ENGINE):
                found[key_of(code)].append(cell)
    return found


def judged(mutants: Sequence[Mutant], cells: dict[Key, list[Cell]], known: dict[Cell, set[str]], jobs: int, seed: int) -> Iterator[Verdict]:
    """The verdict on each change, in the order they end. `known` are the kinds of difference that are recorded gaps."""
    functions = _live()
    tasks = [(_verdict, (m, functions, cells[m.function], known, seed)) for m in mutants]
    for number, answer in _in_children(tasks, jobs):
        yield answer if answer is not None else Verdict(mutants[number], "the process ended", 0)


def _live() -> dict[Key, list[FunctionType]]:
    """Every function of the engine there is, by its code."""
    found: dict[Key, list[FunctionType]] = defaultdict(list)
    gc.unfreeze()  # what is frozen is not among the objects
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename.startswith(ENGINE):
            found[key_of(one.__code__)].append(one)
    return found


def _verdict(
    mutant: Mutant, functions: dict[Key, list[FunctionType]], cells: list[Cell], known: dict[Cell, set[str]], seed: int
) -> Verdict:
    for key, code in changed_code(mutant).items():
        for function in functions.get(key, ()):
            function.__code__ = code
    shuffled = random.Random(seed).sample(cells, len(cells))
    for count, examples in ROUNDS:
        for op, prop in shuffled[:count]:
            result = run_cell(op, prop, examples=examples, shrink=False)
            if any(failure.kind not in known.get((op, prop), ()) for failure in result.failures):
                return Verdict(mutant, f"{op}::{prop}", count)
    return Verdict(mutant, "", min(len(cells), ROUNDS[-1][0]))


# -- processes -------------------------------------------------------------------------------------------------------------
def _in_children(tasks: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]], jobs: int) -> Iterator[tuple[int, Any]]:
    """(the task's number, what it returned) of each, in a fork of this very process; None where the child did not come to an end."""
    context, running, left = get_context("fork"), dict[Connection, tuple[int, Any, float]](), list(enumerate(tasks))[::-1]
    try:
        while left or running:
            while left and len(running) < jobs:
                number, (call, arguments) = left.pop()
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=_child, args=(there, call, arguments))
                process.start()
                there.close()
                running[here] = number, process, time.monotonic()
            ready = wait(list(running), timeout=1.0)
            for pipe in list(running):
                number, process, since = running[pipe]
                if pipe in ready or time.monotonic() - since > LIMIT:
                    yield number, _answer(pipe, process, pipe in ready)
                    del running[pipe]
    finally:
        for _, process, _ in running.values():
            process.kill()


def _answer(pipe: Connection, process: Any, ready: bool) -> Any:
    try:
        return pipe.recv() if ready else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()
        pipe.close()


def _child(pipe: Connection, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    pipe.send(call(*arguments))
    pipe.close()
