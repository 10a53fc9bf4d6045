"""Which cells a person means by `mul.Tensor`, `mul`, `gradient`, `mul.Tensor::gradient`, `program:modes.*` or a glob."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from .badinput import BadInput, nearest
from .ledger import Cell

PROGRAM = "program:"
NAMESPACES = ("nn.functional.", "linalg.", "special.", "fft.", "masked.", "sparse.", "signal.windows.")


def choose(patterns: Sequence[str], cells: Iterable[Cell], properties: Iterable[str]) -> list[Cell]:
    """The cells that any of the patterns names, in the suite's order. Raises BadInput for a pattern that names none."""
    cells, properties = list(cells), list(properties)
    if not patterns:
        return cells
    chosen: set[Cell] = set()
    for pattern in patterns:
        found = [cell for cell in cells if _matches(pattern, cell)]
        if not found:
            raise BadInput(_unknown(pattern, cells, properties))
        chosen.update(found)
    return [cell for cell in cells if cell in chosen]


def _matches(pattern: str, cell: Cell) -> bool:
    op, prop = cell
    if "::" in pattern:
        left, _, right = pattern.partition("::")
        return _names_op(left, op) and fnmatchcase(prop, right)
    return fnmatchcase(prop, pattern) or _names_op(pattern, op)


def _names_op(pattern: str, op: str) -> bool:
    """An op by its whole name, by its name without the overload (`mul`), or by a glob; a program also without `program:`."""
    if pattern == op or fnmatchcase(op, pattern):
        return True
    if op.startswith(PROGRAM):
        return fnmatchcase(op.removeprefix(PROGRAM), pattern)
    return without_overload(op) == pattern


def without_overload(op: str) -> str:
    """`mul` for `mul.Tensor`, `amax` for the further spec `amax[ties]`, `nn.functional.relu` for itself."""
    namespace = next((n for n in NAMESPACES if op.startswith(n)), "")
    return namespace + op.removeprefix(namespace).partition("[")[0].partition(".")[0]


def _unknown(pattern: str, cells: list[Cell], properties: list[str]) -> str:
    ops = sorted({op for op, _ in cells})
    names = [*ops, *(op.removeprefix(PROGRAM) for op in ops if op.startswith(PROGRAM)), *sorted({without_overload(o) for o in ops})]
    if "::" not in pattern:
        return f"no op, property or program is called {pattern}{nearest(pattern, dict.fromkeys([*properties, *names]))}"
    op, _, prop = pattern.partition("::")
    of_op = [p for o, p in cells if _names_op(op, o)]
    if not of_op:
        return f"no op or program is called {op}{nearest(op, dict.fromkeys(names))}"
    if prop in properties:
        return f"the property {prop} does not apply to {op}; those that do: {' '.join(dict.fromkeys(of_op))}"
    return f"no property is called {prop}{nearest(prop, properties)}"
