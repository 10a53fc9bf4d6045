"""One op as a person sees it: its declaration, its spec, its row of the ledger, and an example drawn and run on both sides."""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

from . import cells, ledger
from .choose import PROGRAM, choose
from .programs import PROGRAMS
from .properties import PROPERTIES
from .script import script
from .source import stream
from .sweep import Trial, find

_ROOT = Path(__file__).parents[1]


def show(op: str, reports: Path) -> int:
    """Print everything known of the ops that `op` names. Raises BadInput with the nearest names where there is none."""
    recorded, gaps = ledger.read_ledger(reports), ledger.read_gaps(reports)
    described = cells.describe()
    chosen = choose([op], described["cells"], described["properties"])
    for key in dict.fromkeys(cell[0] for cell in chosen):
        print(_title(key))
        for part in _program(key) if key.startswith(PROGRAM) else _op(key):
            print(part, end="\n\n")
        print(_row(recorded, key, [prop for o, prop in chosen if o == key]))
        for gap in gaps:
            if gap.op == key:
                print(f"gap {gap.property}, {gap.kind}: {gap.why}")
        print()
    return 0


def _title(key: str) -> str:
    return f"{key}\n{'=' * len(key)}"


def _op(key: str) -> Iterator[str]:
    declared = key.partition("[")[0]
    yield _source("engine/ops", declared) or f"declared by a loop: {find(key).schema.text}"
    yield _source("conformance/specs", key) or f"{key}: no spec of its own"
    yield _example(key)


def _program(key: str) -> Iterator[str]:
    yield inspect.getsource(PROGRAMS[key].body).rstrip()


def _source(folder: str, key: str) -> str:
    """The statement in which `key` is declared, with its file and line."""
    for path in sorted((_ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if any(_declares(inner, key) for inner in _calls(node)):
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
                lines = text.splitlines()[first - 1 : node.end_lineno]
                return f"{path.relative_to(_ROOT)}:{first}\n" + "\n".join("    " + line for line in lines)
    return ""


def _calls(node: ast.stmt) -> list[ast.Call]:
    outer = [node.value] if isinstance(node, ast.Expr) else getattr(node, "decorator_list", [])
    return [call for call in outer if isinstance(call, ast.Call)]


def _declares(call: ast.Call, key: str) -> bool:
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.partition("(")[0] == key


def _example(key: str) -> str:
    """A drawn case of the property `value` as a script, and what the script printed."""
    trial = Trial(find(key), PROPERTIES["value"], "engine")
    drawn = [case for (case, _), _ in zip(stream(trial.build, 1), range(12), strict=False)]
    text = script(trial.op, "value", min(drawn, key=lambda case: abs(len(repr(case)) - 120)))
    body = text.partition("def program(torch):\n")[2].partition("\nfor module in")[0].rstrip()
    return f"an example\n{body}\n\n{_output(text)}"


def _output(text: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(text, "<example>", "exec"), {"__name__": "example"})
        except Exception:
            out.write(traceback.format_exc(limit=1))
    return "\n".join("    " + line for line in out.getvalue().rstrip().splitlines())


def _row(recorded: ledger.Ledger, key: str, properties: list[str]) -> str:
    states: dict[str, list[str]] = {}
    for prop in properties:
        states.setdefault(recorded.state(key, prop), []).append(prop)
    return "\n".join(f"{state if state != ledger.NONE else 'not recorded'}: {' '.join(props)}" for state, props in states.items())
