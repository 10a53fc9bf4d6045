"""The public denominator: PyTorch's own operator database, and which of its entries the ledger's rows cover.

`reports/op_db.csv` holds the names, so that the share can be computed where PyTorch is not installed.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .badinput import BadInput
from .choose import PROGRAM, without_overload
from .ledger import PASS, Ledger

FILE = "op_db.csv"
_FIELDS = ["name", "variant", "differentiable", "aliases"]
RULE = """\
An entry of the database is *covered* when the ledger has a row for an op of the same name, or of one of its aliases there;
the overload suffix of the row (`add.Tensor` is `add`) and the entry's variant (`var` / `unbiased`) are ignored, except where
a variant is a different overload: those must have a row of that very name. In-place entries (`fill`, `uniform`) are matched
by the row with an underscore, and reflected operators (`__radd__`) by the op whose `forms` property includes them. A covered
entry *passes* when every cell of every row it matches is `pass`: one gap anywhere and it does not count."""

# variants that are an overload of their own: the rows that count for them
_OVERLOADS = {
    ("max", "reduction_no_dim"): ("max",), ("max", "reduction_with_dim"): ("max.dim",), ("max", "binary"): ("max.other",),
    ("min", "reduction_no_dim"): ("min",), ("min", "reduction_with_dim"): ("min.dim",), ("min", "binary"): ("min.other",),
    ("div", "trunc_rounding"): ("div.Tensor_mode",), ("div", "floor_rounding"): ("div.Tensor_mode",),
    ("round", "decimals_0"): ("round.decimals",), ("round", "decimals_3"): ("round.decimals",),
    ("round", "decimals_neg_3"): ("round.decimals",),
    ("squeeze", "multiple"): ("squeeze.dims",), ("split", "list_args"): ("split.sizes", "split_with_sizes"),
    ("normal", "in_place"): ("normal_",), ("norm", "nuc"): (),
}  # fmt: skip
_REFLECTED = {
    "__radd__": "add", "__rsub__": "rsub", "__rmul__": "mul", "__rdiv__": "div", "__rmod__": "remainder", "__rpow__": "pow",
    "__rand__": "bitwise_and", "__ror__": "bitwise_or", "__rxor__": "bitwise_xor", "__rmatmul__": "matmul", "__getitem__": "index",
}  # fmt: skip
_IN_PLACE = ("cauchy", "exponential", "geometric", "log_normal", "uniform", "fill")


@dataclass(frozen=True)
class Entry:
    """One entry of the database: PyTorch's name, the variant its own tests call, and whether it says it is differentiable."""

    name: str
    variant: str
    differentiable: bool
    aliases: tuple[str, ...] = ()

    @property
    def namespace(self) -> str:
        return self.name.rpartition(".")[0] or "torch"


def read(folder: Path) -> list[Entry]:
    """The stored database. Raises BadInput where the file is missing or damaged."""
    path = folder / FILE
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != _FIELDS:
                raise BadInput(f"{path}: damaged: its columns must be {', '.join(_FIELDS)}; restore it with git")
            return [Entry(r["name"], r["variant"], r["differentiable"] == "yes", tuple(r["aliases"].split())) for r in reader]
    except (OSError, UnicodeDecodeError, AttributeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}; `python -m conformance op-db` writes it") from None


def from_torch() -> str:
    """The text of the stored database, made from the installed PyTorch."""
    from torch.testing._internal.common_methods_invocations import op_db

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_FIELDS)
    yes_no = {True: "yes", False: "no"}
    rows = {(o.name, o.variant_test_name, yes_no[o.supports_autograd], " ".join(sorted(a.name for a in o.aliases))) for o in op_db}
    writer.writerows(sorted(rows))
    return out.getvalue()


@dataclass
class Coverage:
    """Which entries are covered and which of those pass, in the order of the database."""

    covered: dict[Entry, list[str]]
    passing: set[Entry]
    entries: list[Entry]

    def by_namespace(self) -> list[tuple[str, int, int, int]]:
        """(namespace, entries, covered, passing), the largest first."""
        total, covered, passing = (Counter(e.namespace for e in group) for group in (self.entries, self.covered, self.passing))
        return [(name, count, covered[name], passing[name]) for name, count in sorted(total.items(), key=lambda kv: (-kv[1], kv[0]))]


def coverage(entries: list[Entry], ledger: Ledger) -> Coverage:
    """Match the ledger's rows to the database by RULE."""
    rows: dict[str, list[str]] = defaultdict(list)
    for op in ledger.ops:
        if not op.startswith(PROGRAM):
            for name in {without_overload(op), op.partition("[")[0] + "!"}:  # by name, and by exact overload with a mark
                rows[name].append(op)
    clean = set(ledger.ops) - {op for (op, _), state in ledger.cells.items() if state != PASS}
    covered = {entry: matched for entry in entries if (matched := _rows_of(entry, rows))}
    return Coverage(covered, {entry for entry, matched in covered.items() if clean.issuperset(matched)}, entries)


def _rows_of(entry: Entry, rows: dict[str, list[str]]) -> list[str]:
    overloads = _OVERLOADS.get((entry.name, entry.variant))
    if overloads is not None:
        return [op for overload in overloads for op in rows.get(overload + "!", [])]
    names: Iterable[str] = (_REFLECTED.get(entry.name, entry.name), *(a.removeprefix("torch.") for a in entry.aliases))
    if entry.name in _IN_PLACE:
        names = (*names, entry.name + "_")
    return next((rows[name] for name in names if name in rows), [])
