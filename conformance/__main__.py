"""The command line: run, gate, random, judge, report, list, show, op-db, upstream, mutants."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import gate, ledger
from .badinput import EXIT_BAD_INPUT, EXIT_FAILED, EXIT_INTERRUPTED, BadInput, nearest
from .record import PARTIAL, RUN, read_record

VERBS = ("run", "gate", "random", "judge", "report", "list", "show", "op-db", "upstream", "mutants")
_CELLS = "a cell (mul.Tensor::gradient), an op, a property, a program or a glob; everything where none is given"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m conformance", description="The engine checked op by op against the installed PyTorch.")
    verbs = made.add_subparsers(dest="verb", required=True, metavar="{" + ",".join(VERBS) + "}")
    _add_run(verbs.add_parser("run", help="run cells and compare with the ledger"))
    _add_run(verbs.add_parser("gate", help="run everything and refuse any difference from the ledger"))
    _add_random(verbs.add_parser("random", help="run random programs and count what was drawn"))
    for name, what in (("judge", "judge a finished run again, from its file"), ("report", "rebuild the pages of a finished run")):
        one = verbs.add_parser(name, help=what)
        one.add_argument("run", nargs="?", type=Path, help="run.jsonl.gz or its folder; the latest where none is given")
        _add_reports(one)
    listing = verbs.add_parser("list", help="print the cells that match")
    listing.add_argument("patterns", nargs="*", metavar="CELL", help=_CELLS)
    show = verbs.add_parser("show", help="print an op's declaration, spec, ledger row and a drawn example")
    show.add_argument("op")
    _add_reports(show)
    _add_reports(verbs.add_parser("op-db", help="store the names of PyTorch's op database"))
    _add_reports(verbs.add_parser("upstream", help="run the scripts that show where PyTorch contradicts itself, and write their page"))
    mutants = verbs.add_parser("mutants", help="plant small errors in the engine, one by one, and count those that the suite notices")
    mutants.add_argument("patterns", nargs="*", metavar="CELL", help=_CELLS)
    mutants.add_argument("--sample", type=_positive, default=500, help="how many errors, drawn at random")
    mutants.add_argument("--seed", type=_natural, default=1, help="which ones are drawn, and the cells each is put to")
    mutants.add_argument("--jobs", type=_positive, help="processes (all cores)")
    _add_reports(mutants)
    return made


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("patterns", nargs="*", metavar="CELL", help=_CELLS)
    run.add_argument("--examples", type=_positive, help="cases drawn for each cell (gate: 60, nightly: 2000)")
    run.add_argument("--jobs", type=_natural, help="worker processes (all cores); 0 runs in this process, for a debugger")
    run.add_argument("--seed", type=_natural, help="where the random cases start (gate: 0, nightly: random)")
    run.add_argument("--subject", default="engine", help="engine, torch, or an importable module with PyTorch's names")
    run.add_argument("--profile", choices=("gate", "nightly"), default="gate")
    run.add_argument("--shrinks", type=_natural, help="make at most this many failures small; the rest keep the smallest case met")
    run.add_argument("--accept", action="store_true", help="rewrite the ledger and the gaps from this run; the diff is the review")
    run.add_argument("--name", default="", help="the run's folder under reports/runs")
    _add_reports(run)


def _add_reports(one: argparse.ArgumentParser) -> None:
    one.add_argument("--reports", type=Path, default=Path("reports"), help="where the ledger is and pages are written")


def _add_random(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--programs", type=_positive, default=10_000, help="programs drawn; each is run twice, watched after each line and at its end"
    )
    one.add_argument("--jobs", type=_natural, help="worker processes (all cores); 0 runs in this process, for a debugger")
    one.add_argument("--seed", type=_natural, help="where the programs start (random)")
    one.add_argument("--subject", default="engine", help="engine, torch, or an importable module with PyTorch's names")
    one.add_argument("--shrinks", type=_natural, help="make at most this many failures small; the rest keep the first case met")
    one.add_argument("--name", default="", help="the run's folder under reports/runs")
    _add_reports(one)


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise ValueError
    return value


def _natural(text: str) -> int:
    if (value := int(text)) < 0:
        raise ValueError
    return value


def main(arguments: Sequence[str] | None = None, suite: str = "") -> int:
    """Do what the command line says; returns the exit code. `suite` names another module of cells, for the suite's own tests."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _refuse_unknown_verb(given)
        options = parser().parse_args(given)
        return _DO[options.verb](options, suite)
    except BadInput as error:
        print(f"conformance: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except ModuleNotFoundError as error:  # before any worker starts, only a dependency of the command line itself can be missing
        print(f"conformance: {error.name} is not installed: run `tox run`, or `python -m pip install -e .[conformance]`", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("conformance: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away: `list | head`
        sys.stderr.close()
        return 0


def _refuse_unknown_verb(given: list[str]) -> None:
    if given and not given[0].startswith("-") and given[0] not in VERBS:
        known = ", ".join(VERBS)
        raise BadInput(f"no verb is called {given[0]}{nearest(given[0], VERBS)}; there are {known} (`run {given[0]}` runs an op)")


def _run(options: argparse.Namespace, suite: str) -> int:
    from . import run

    asked = {key: value for key, value in vars(options).items() if key != "verb"}
    return run.run(run.Options(**asked, strict=options.verb == "gate", suite=suite or run.SUITE))


def _random(options: argparse.Namespace, suite: str) -> int:
    from . import census, run

    asked = {key: value for key, value in vars(options).items() if key not in ("verb", "programs")}
    return census.random(run.Options(**asked), options.programs)


def _latest(options: argparse.Namespace) -> Path:
    if options.run:
        return options.run
    folder = options.reports / "runs"
    runs = [p for p in folder.iterdir() if (p / RUN).exists() or (p / PARTIAL).exists()] if folder.is_dir() else []
    if not runs:
        raise BadInput(f"{folder}: there is no run yet; `python -m conformance run` makes one")
    return max(runs, key=lambda p: p.stat().st_mtime)


def _judge(options: argparse.Namespace, suite: str) -> int:
    record = read_record(_latest(options))
    recorded, gaps = ledger.read_ledger(options.reports), ledger.read_gaps(options.reports)
    findings = gate.judge(record, recorded, gaps)
    for line in gate.explain(findings):
        print(line)
    print(f"gate: {f'FAILED, {len(findings)} findings' if findings else 'ok'} (run {record.header['name']}, {len(record.cells)} cells)")
    return EXIT_FAILED if findings else 0


def _report(options: argparse.Namespace, suite: str) -> int:
    from . import publish

    path = _latest(options)
    record = read_record(path)
    folder = path if path.is_dir() else path.parent
    recorded, gaps = ledger.read_ledger(options.reports), ledger.read_gaps(options.reports)
    findings = gate.judge(record, recorded, gaps) if record.complete else []
    publish.run_pages(record, recorded, gaps, findings, folder, options.reports)
    if record.whole:
        publish.readme_page(record, recorded, gaps, options.reports)
    print(folder / "index.html")
    return 0


def _list(options: argparse.Namespace, suite: str) -> int:
    from .choose import choose
    from .run import SUITE
    from .workers import InProcess

    with InProcess(suite or SUITE) as pool:
        described = pool.describe()
    for op, prop in choose(options.patterns, [(o, p) for o, p in described["cells"]], described["properties"]):
        print(f"{op}::{prop}")
    return 0


def _show(options: argparse.Namespace, suite: str) -> int:
    from .workers import load

    shower = load("conformance.show")
    if isinstance(shower, BadInput):
        raise shower
    return shower.show(options.op, options.reports)


def _op_db(options: argparse.Namespace, suite: str) -> int:
    from . import opdb

    _needs_torch()
    return _written(options.reports, opdb.FILE, opdb.from_torch())


def _upstream(options: argparse.Namespace, suite: str) -> int:
    from . import pin, upstream

    _needs_torch()
    return _written(options.reports, upstream.PAGE, upstream.page(pin.TORCH))


def _mutants(options: argparse.Namespace, suite: str) -> int:
    _needs_torch()
    from .mutation import report

    return report.run(options.patterns, options.sample, options.seed, options.jobs, options.reports)


def _needs_torch() -> None:
    from .pin import installed_torch, torch_complaint

    if complaint := torch_complaint(installed_torch()):
        raise BadInput(complaint)


def _written(folder: Path, name: str, text: str) -> int:
    changed = ledger.write(folder, name, text)
    print(f"{folder / name}: {'rewritten' if changed else 'unchanged'}")
    return 0


_DO = {
    "run": _run, "gate": _run, "random": _random, "judge": _judge, "report": _report, "list": _list, "show": _show, "op-db": _op_db,
    "upstream": _upstream, "mutants": _mutants,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
