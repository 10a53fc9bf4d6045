"""`--against REVISION`: the engine as it was and as it is, in one process and in turns.

Two copies of the same code differ by a few hundredths, by where their memory happens to lie, so today's engine takes part twice: what is
slower is slower both times.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from conformance.badinput import BadInput

from . import measure
from .backends import Eager
from .table import number
from .workload import Workload

ROOT = Path(__file__).parents[1]
BEFORE, NOW, AGAIN = "engine_before", "engine", "engine_again"
Row = Mapping[str, Any]


@contextmanager
def engines(revision: str) -> Iterator[dict[str, Eager]]:
    """PyTorch and the three engines, by name. Raises BadInput where git knows no engine at that revision."""
    asked = ["git", "-C", str(ROOT), "archive", "--format=tar", revision, "engine"]
    try:
        found = subprocess.run(asked, capture_output=True, check=True).stdout
    except FileNotFoundError:
        raise BadInput("--against: git, which keeps the engine as it was, is not installed") from None
    except subprocess.CalledProcessError as error:
        raise BadInput(f"--against {revision}: {error.stderr.decode().strip().splitlines()[-1]}") from None
    with TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(found)) as archive:
            archive.extractall(folder, filter="data")
        (Path(folder) / "engine").rename(Path(folder) / BEFORE)
        shutil.copytree(ROOT / "engine", Path(folder) / AGAIN)
        sys.path.insert(0, folder)
        try:
            yield {name: Eager(name) for name in ("torch", NOW, BEFORE, AGAIN)}
        finally:
            sys.path.remove(folder)
            for name in [name for name in sys.modules if name.partition(".")[0] in (BEFORE, AGAIN)]:
                del sys.modules[name]


def timed(workload: Workload, loaded: Mapping[str, Eager], clock: measure.Clock, budget: float) -> Row | None:
    """Both engines as multiples of PyTorch's time, and today's, each time, of that before; None where one cannot do it."""
    works = {name: made.work for name, made in measure.prepared(workload, loaded).items()}
    if len(works) < len(loaded):
        return None
    made = measure.times(works, clock, budget)

    def ratio(name: str, of: str) -> tuple[float, tuple[float, float]]:
        ratios = [a / b for a, b in zip(made[name], made[of], strict=True)]
        return statistics.median(ratios), measure.interval(ratios)

    return {
        "name": workload.name,
        **{name: ratio(name, "torch")[0] for name in (BEFORE, NOW)},
        "changes": [ratio(NOW, BEFORE), ratio(AGAIN, BEFORE)],
    }


def compared(
    workloads: Sequence[Workload], revision: str, threads: int, clock: measure.Clock, budget: float, tell: Callable[[str], None]
) -> list[Row]:
    """A row for each workload that both engines can do."""
    with engines(revision) as loaded:
        for backend in loaded.values():
            backend.threads(threads)
        rows = []
        for workload in workloads:
            tell(workload.name)
            rows.append(timed(workload, loaded, clock, budget))
    return [row for row in rows if row is not None]


def slower(row: Row) -> bool:
    """True where both times the whole interval is above 1."""
    return all(low > 1 for _, (low, _) in row["changes"])


def table(rows: Sequence[Row], revision: str) -> Table:
    shown = Table(title=f"the engine against {revision}: time as a multiple", box=None, pad_edge=False, header_style="bold")
    for column in ("workload", f"{revision} / PyTorch", "now / PyTorch", f"now / {revision}", "95 %", "again", "95 %"):
        shown.add_column(column, justify="left" if column == "workload" else "right")
    for row in rows:
        cells = [cell for middle, ends in row["changes"] for cell in (number(middle), "–".join(number(x) for x in ends))]
        shown.add_row(row["name"], number(row[BEFORE]), number(row[NOW]), *cells, style="red" if slower(row) else "")
    return shown


def summary(rows: Sequence[Row]) -> str:
    """The geometric means of the changes, and what is slower."""
    if not rows:
        return "none of these can be done by both engines"
    means = (statistics.geometric_mean(row["changes"][time][0] for row in rows) for time in (0, 1))
    worse = [f"{row['name']} {number(min(middle for middle, _ in row['changes']))}" for row in rows if slower(row)]
    return f"geometric mean of the changes: {', again '.join(number(m, 3) for m in means)}; slower: {', '.join(worse) or 'nothing'}"
