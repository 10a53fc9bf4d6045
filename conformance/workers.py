"""Processes that run cells: one pipe each, a dead worker is replaced and its cell recorded as crashed; nothing else is lost."""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import importlib
import multiprocessing
import os
import resource
import signal
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from .badinput import BadInput
from .record import OPEN, STALE

MEMORY = 2 << 30  # bytes a worker may allocate
RECYCLE = 1 << 30  # bytes of peak memory after which a worker is replaced between two cells
TOGETHER = 64  # jobs of one op that a worker takes at most; no op has so many cells
DEATHS = 2  # a cell whose worker dies this often is recorded as crashed
_START = 180.0  # seconds a worker may take to import the suite


@dataclass(frozen=True)
class Job:
    """One cell to run; `known` holds kind and case of each recorded gap, which is replayed and not shrunk again."""

    op: str
    property: str
    examples: int = 60
    seed: int = 0
    subject: str = "engine"
    shrink: bool = True
    known: tuple[tuple[str, dict[str, Any]], ...] = ()


def work(suite: Any, job: Job) -> dict[str, Any]:
    """Run one cell and replay its known gaps; what the suite itself raises is a failure of kind `suite`."""
    start = time.process_time()
    try:
        result = plain(_run(suite, job))
        result["known"] = {kind: _replay(suite, job, kind, case, result) for kind, case in job.known}
    except Exception as error:
        lines = traceback.format_exception(error)
        return broken(job, "suite", f"{type(error).__name__}: {error}", "".join(lines), time.process_time() - start)
    return result


def _run(suite: Any, job: Job) -> Any:
    options: dict[str, Any] = {"examples": job.examples, "seed": job.seed, "subject": job.subject}
    result = suite.run_cell(job.op, job.property, shrink=job.shrink and not job.known, **options)
    known = {kind for kind, _ in job.known}
    if job.shrink and job.known and any(failure.kind not in known for failure in result.failures):
        result = suite.run_cell(job.op, job.property, shrink=True, **options)
    return result


def _replay(suite: Any, job: Job, kind: str, case: dict[str, Any], result: dict[str, Any]) -> str:
    if kind in ("crash", "timeout", "suite"):  # there is no case to replay: the cell having ended is the evidence
        return STALE if all(f["kind"] != kind for f in result["failures"]) else OPEN
    failures = suite.replay(case, job.op, job.property, subject=job.subject)
    return OPEN if any(failure.kind == kind for failure in failures) else STALE


def plain(result: Any) -> dict[str, Any]:
    """A CellResult as nested dicts, not copied."""
    return dict(result) if isinstance(result, dict) else vars(result) | {"failures": [vars(one) for one in result.failures]}


def broken(job: Job, kind: str, message: str, detail: str = "", seconds: float = 0.0) -> dict[str, Any]:
    """The result of a cell that did not come to an end."""
    line = next(iter(message.strip().splitlines()), kind)
    command = f"python -m conformance run '{job.op}::{job.property}' --jobs 0"
    failure = {
        "op": job.op, "property": job.property, "kind": kind, "message": line, "case": {},
        "subject": detail, "truth": "", "script": "", "command": command,
    }  # fmt: skip
    return {
        "op": job.op, "property": job.property, "status": "fail", "examples": 0, "comparisons": 0, "verdicts": {}, "failures": [failure],
        "seconds": seconds, "census": {}, "known": {kind: OPEN for kind, _ in job.known},
    }  # fmt: skip


def _serve(pipe: Connection, suite_name: str, log: str) -> None:
    """What a worker does: describe the suite for a subject, run jobs, until the pipe closes."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    faulthandler.enable()
    _limit_memory()
    suite: Any = None
    with contextlib.suppress(EOFError, OSError):
        while (message := pipe.recv()) is not None:
            if suite is None:
                suite = load(suite_name)
            gc.collect()
            gc.freeze()  # what is left stays: no collection has to look at it again, even if a program thawed all there is
            if isinstance(suite, BadInput):
                pipe.send(("bad", str(suite), 0))
            else:
                pipe.send(_answer(suite, message))


def _answer(suite: Any, message: Any) -> tuple[str, Any, int]:
    if not isinstance(message, Job):
        described = sentence(lambda: suite.describe(message))
        return ("bad", str(described), 0) if isinstance(described, BadInput) else ("description", described, 0)
    print(f"{message.op}::{message.property} seed={message.seed}", flush=True)  # so that a crash names its cell
    result = work(suite, message)
    return ("result", result, peak_memory())


def peak_memory() -> int:
    """The most memory this process has held, in bytes (Linux counts in KiB: getrusage(2))."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def load(suite_name: str) -> Any:
    """The module that knows the cells, or BadInput with the one line that says why it cannot be imported."""
    return sentence(lambda: importlib.import_module(suite_name))


def sentence(call: Callable[[], Any]) -> Any:
    """What the call returns, or what it raised as the one line a person needs to mend the declaration or spec it names."""
    try:
        return call()
    except BadInput as error:
        return error
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "engine").partition(".")[0] not in ("engine", "conformance"):
            return BadInput(f"{error.name} is not installed: run `tox run`, or `python -m pip install -e .[conformance]`")
        frame = traceback.extract_tb(error.__traceback__)[-1]
        line = " ".join(str(error).split())
        where = f"{os.path.relpath(frame.filename)}:{frame.lineno}"
        return BadInput(f"the engine or the suite cannot be loaded: {type(error).__name__}: {line} ({where})")


def _limit_memory() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """A process started in this block never sees Ctrl-C: the parent alone decides what it means."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


@dataclass
class Worker:
    """One process, its pipe, and the cell it is busy with."""

    process: Any
    pipe: Connection
    log: str
    job: Job | None = None
    since: float = field(default_factory=time.monotonic)
    waiting: deque[Job] = field(default_factory=deque)  # what it is to do next

    def give(self, message: Any) -> None:
        self.since = time.monotonic()
        self.job = message if isinstance(message, Job) else None
        with contextlib.suppress(OSError):  # a worker that is already dead is noticed by the next wait
            self.pipe.send(message)

    def stop(self) -> None:
        self.pipe.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        with contextlib.suppress(OSError):
            os.unlink(self.log)

    def last_words(self, lines: int = 40) -> str:
        with contextlib.suppress(OSError), open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
        return ""


class Queue:
    """Jobs in their order, but those of one op for one worker: what both sides make at the first call of an op is made once."""

    def __init__(self, jobs: Iterable[Job]):
        self.rest = iter(jobs)
        self.ahead = next(self.rest, None)

    def next(self, worker: Worker, workers: list[Worker]) -> Job | None:
        """What `worker` does next; where no op is left, the last job another worker has waiting."""
        worker.waiting.extend([] if worker.waiting else self._of_one_op())
        if worker.waiting:
            return worker.waiting.popleft()
        longest = max(workers, key=lambda one: len(one.waiting)).waiting
        return longest.pop() if longest else None

    def _of_one_op(self) -> Iterator[Job]:
        first = self.ahead
        for _ in range(TOGETHER):
            if first is None or self.ahead is None or self.ahead.op != first.op:
                return
            yield self.ahead
            self.ahead = next(self.rest, None)


class Pool:
    """`jobs` workers over the cells of one suite module; `limit` is the wall time in seconds that one cell may take."""

    def __init__(self, suite_name: str, jobs: int, limit: float = 300.0):
        self.suite_name, self.jobs, self.limit = suite_name, jobs, limit
        self.context = multiprocessing.get_context("spawn")
        self.peak = 0  # bytes of memory the largest worker has held
        self.workers: list[Worker] = []
        self.deaths: dict[Job, int] = {}

    def __enter__(self) -> Pool:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = "1"
        self.workers = [self._start() for _ in range(self.jobs)]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.stop()
        self.workers = []

    def _start(self) -> Worker:
        handle, log = tempfile.mkstemp(prefix="conformance-worker-")
        os.close(handle)
        here, there = self.context.Pipe()
        with _interrupts_held():
            process = self.context.Process(target=_serve, args=(there, self.suite_name, log), daemon=True)
            process.start()
        there.close()
        return Worker(process, here, log)

    def describe(self, subject: str = "engine") -> dict[str, Any]:
        """What the suite says of itself. Raises BadInput where it or the subject cannot be imported."""
        for worker in self.workers:
            worker.give(subject)
        answers = [self._described(worker) for worker in self.workers]
        return answers[0]

    def _described(self, worker: Worker) -> dict[str, Any]:
        try:
            if not worker.pipe.poll(_START):
                raise BadInput(f"the suite did not start within {_START:.0f} s")
            kind, value, _ = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(5)
            tail = " ".join(worker.last_words(3).split())
            raise BadInput(f"a worker died while it imported the suite (exit code {worker.process.exitcode}): {tail}") from None
        if kind == "bad":
            raise BadInput(value)
        return value

    def run(self, jobs: Iterable[Job]) -> Iterator[dict[str, Any]]:
        """The result of each job, in the order they end."""
        pending = Queue(jobs)
        for worker in self.workers:
            self._feed(worker, pending)
        while any(worker.job for worker in self.workers):
            busy = [worker for worker in self.workers if worker.job]
            ready = wait([worker.pipe for worker in busy], timeout=1.0)
            for worker in busy:
                if worker.pipe in ready:
                    yield from self._collect(worker, pending)
                elif time.monotonic() - worker.since > self.limit:
                    yield self._timed_out(worker, pending)

    def _feed(self, worker: Worker, pending: Queue) -> None:
        worker.job = None
        if (job := pending.next(worker, self.workers)) is not None:
            worker.give(job)

    def _collect(self, worker: Worker, pending: Queue) -> Iterator[dict[str, Any]]:
        assert worker.job is not None
        try:
            kind, result, peak = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._died(worker, pending)
            return
        self.peak = max(self.peak, peak)
        if kind == "bad":  # a replacement could not import what the first workers imported
            result = broken(worker.job, "suite", result)
        worker = self._replace(worker) if peak > RECYCLE else worker
        self._feed(worker, pending)
        yield result

    def _died(self, worker: Worker, pending: Queue) -> Iterator[dict[str, Any]]:
        """Try the cell once more in a fresh process; the second death is its result."""
        job = worker.job
        assert job is not None
        worker.process.join(5)
        code, words = worker.process.exitcode, worker.last_words()
        fresh = self._replace(worker)
        key = Job(job.op, job.property)
        self.deaths[key] = self.deaths.get(key, 0) + 1
        if self.deaths[key] < DEATHS:
            fresh.give(job)
            return
        self._feed(fresh, pending)
        yield broken(job, "crash", f"the process died ({_cause(code)})", words)

    def _timed_out(self, worker: Worker, pending: Queue) -> dict[str, Any]:
        job, words = worker.job, worker.last_words()
        assert job is not None
        self._feed(self._replace(worker), pending)
        return broken(job, "timeout", f"no result within {self.limit:.0f} s", words, self.limit)

    def _replace(self, worker: Worker) -> Worker:
        worker.stop()
        fresh = self._start()
        fresh.waiting = worker.waiting
        self.workers[self.workers.index(worker)] = fresh
        return fresh


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"


class InProcess:
    """The same as Pool in this very process, for a debugger: `--jobs 0`."""

    def __init__(self, suite_name: str):
        self.suite_name = suite_name
        self.suite: Any = None

    def __enter__(self) -> InProcess:
        os.environ["OMP_NUM_THREADS"] = "1"
        self.suite = load(self.suite_name)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def describe(self, subject: str = "engine") -> dict[str, Any]:
        described = self.suite if isinstance(self.suite, BadInput) else sentence(lambda: self.suite.describe(subject))
        if isinstance(described, BadInput):
            raise described
        return described

    @property
    def peak(self) -> int:
        return peak_memory()

    def run(self, jobs: Iterable[Job]) -> Iterator[dict[str, Any]]:
        return (work(self.suite, job) for job in jobs)
