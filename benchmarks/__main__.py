"""`python -m benchmarks [WORKLOAD ...]`: time workloads on the engine, PyTorch, MyGrad and HIPS autograd, and print the ratios."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from conformance.badinput import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, BadInput, nearest

BACKENDS = ("torch", "engine", "numpy", "mygrad", "autograd")
FOLDER = Path("reports/benchmarks")
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks", description="The engine's speed beside PyTorch's and others', in one run.")
    made.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help="a workload or a glob of them (--list); everything where none is given"
    )
    made.add_argument("--threads", default="1", help="how many threads PyTorch, BLAS and the engine may use, or `all`")
    made.add_argument("--seconds", type=float, default=1.2, help="how long to time each workload, if its rounds allow")
    made.add_argument("--only", nargs="+", choices=BACKENDS, metavar="BACKEND", help="PyTorch, the engine, and these")
    made.add_argument(
        "--against", metavar="REVISION", help="the engine of a commit, in the same process: what a change made slower or faster"
    )
    made.add_argument("--into", type=Path, help=f"where to write the figures and the picture ({FOLDER} after a whole run)")
    made.add_argument("--list", action="store_true", help="print the workloads")
    return made


def limit_threads(asked: str) -> int:
    """Before NumPy is imported: its BLAS reads the number once. Raises BadInput for what is no number."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if asked != "all" and not (asked.isdecimal() and int(asked)):
        raise BadInput(f"--threads {asked}: it is a number from 1, or `all`")
    count = available if asked == "all" else int(asked)
    os.environ.update(dict.fromkeys(VARIABLES, str(count)))
    return count


def choose(asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """The workloads that are named, in the order of the table. Raises BadInput for a name that fits none."""
    from fnmatch import fnmatchcase

    for name in asked:
        if not any(fnmatchcase(k, name) for k in known):
            raise BadInput(f"no workload is called {name}{nearest(name, known)}; `--list` shows all {len(known)}")
    return [k for k in known if not asked or any(fnmatchcase(k, name) for name in asked)]


@contextmanager
def meter(total: int) -> Iterator[Any]:
    """A function to call with the name of what is timed next: a bar on a terminal, a line now and then elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("timing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("[dim]{task.description}"))
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=total, completed=-1)
            yield lambda name: progress.update(task, description=name, advance=1)
        return
    start, said, done = time.monotonic(), time.monotonic(), 0

    def say(name: str) -> None:
        nonlocal said, done
        if time.monotonic() - said > 20:
            said = time.monotonic()
            print(f"{done:>4}/{total} workloads  {said - start:.0f} s", file=sys.stderr, flush=True)
        done += 1

    yield say


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "processor": processor()}
    for package in ("torch", "numpy", "scipy", "mygrad", "autograd"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def figures(names: Sequence[str], backends: Sequence[str], threads: int, budget: float) -> dict[str, Any]:
    """Everything asked for, as plain data."""
    import gc

    from . import measure, memory, throughput
    from .backends import load
    from .workloads import WORKLOADS

    loaded = load(backends)
    for backend in loaded.values():
        backend.threads(threads)
    clock = clock_of(threads)
    made: dict[str, Any] = {
        "threads": threads,
        "load": load_before(),
        "versions": versions(),
        "backends": list(loaded),
        "workloads": [],
        "memory": [],
        "disagreements": [],
    }
    gc.collect()
    gc.freeze()  # four libraries in one process would make each other's collections longer
    with meter(len(names)) as tell:
        for name in names:
            tell(name)
            if name in memory.TEXTS:
                made["memory"].append(memory.measured(name, [b for b in loaded if b != "numpy"]))
            elif name == throughput.NAME:
                made["suite"] = throughput.measured()
            else:
                try:
                    made["workloads"].append(measure.timed(WORKLOADS[name], loaded, clock, budget))
                except measure.Disagreement as error:
                    made["disagreements"].append(str(error))
    return made


def title(found: dict[str, Any]) -> str:
    threads = "one thread, CPU time" if found["threads"] == 1 else f"{found['threads']} threads, elapsed time"
    return f"Time as a multiple of PyTorch {found['versions']['torch']}'s: {threads}"


def load_before() -> float:
    """How many others wanted a processor in the last minute; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def show(found: dict[str, Any]) -> None:
    from . import table

    if found["threads"] > 1 and found["load"] > 0.5:
        print(f"benchmarks: others were at work (load {found['load']:.1f}): elapsed times say little", file=sys.stderr)

    console = table.console()
    if found["workloads"]:
        console.print(table.times(found["workloads"], found["backends"], title(found)))
        console.print(table.summary(found["workloads"], found["backends"]))
    if found["memory"]:
        console.print(table.memory(found["memory"], found["backends"]))
    if "suite" in found:
        console.print(table.suite(found["suite"]), soft_wrap=True)


def write(found: dict[str, Any], folder: Path) -> list[Path]:
    """The figures as JSON and the picture; the paths written."""
    name = "one-thread" if found["threads"] == 1 else "all-threads"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.json"]
    paths[0].write_text(json.dumps(rounded(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if found["workloads"]:
        from .picture import draw

        try:
            draw(found["workloads"], found["backends"], title(found), folder / f"{name}.svg")
            paths.append(folder / f"{name}.svg")
        except ModuleNotFoundError as error:
            print(f"benchmarks: no picture: {error.name} is not installed", file=sys.stderr)
    return paths


def rounded(found: Any) -> Any:
    """Four digits: what a timing is worth."""
    if isinstance(found, float):
        return float(f"{found:.4g}")
    if isinstance(found, dict):
        return {key: rounded(value) for key, value in found.items()}
    return [rounded(value) for value in found] if isinstance(found, list) else found


def names_and_texts() -> dict[str, str]:
    from . import memory, throughput
    from .workloads import WORKLOADS

    lines = {w.name: f"{w.group}: {w.text}" for w in WORKLOADS.values()}
    return lines | memory.TEXTS | {throughput.NAME: throughput.TEXT}


def show_against(revision: str, names: Sequence[str], threads: int, budget: float) -> int:
    """Time the engine of a commit and that of the working tree, and print how they compare."""
    import gc

    from . import against, table
    from .workloads import WORKLOADS

    chosen = [WORKLOADS[name] for name in names if name in WORKLOADS]
    gc.collect()
    gc.freeze()
    with meter(len(chosen)) as tell:
        rows = against.compared(chosen, revision, threads, clock_of(threads), budget, tell)
    console = table.console()
    console.print(against.table(rows, revision))
    console.print(against.summary(rows), soft_wrap=True)
    return 0


def clock_of(threads: int) -> Callable[[], float]:
    """CPU time where one thread works, else what passes."""
    return time.process_time if threads == 1 else time.perf_counter


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        threads = limit_threads(options.threads)
        known = names_and_texts()
        names = choose(options.workloads, list(known))
        if options.list:
            for name in names:
                print(f"{name:<22} {known[name]}")
            return 0
        if options.against:
            return show_against(options.against, names, threads, options.seconds)
        backends = [b for b in BACKENDS if not options.only or b in ("torch", "engine", *options.only)]
        found = figures(names, backends, threads, options.seconds)
    except BadInput as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("benchmarks: interrupted; nothing is written", file=sys.stderr)
        return EXIT_INTERRUPTED
    show(found)
    folder = options.into or (FOLDER if not options.workloads else None)
    for path in write(found, folder) if folder else ():
        print(path)
    for line in found["disagreements"]:
        print(f"benchmarks: not timed: {line}", file=sys.stderr)
    return EXIT_FAILED if found["disagreements"] else 0


if __name__ == "__main__":
    sys.exit(main())
