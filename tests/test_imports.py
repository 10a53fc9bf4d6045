"""Imports point one way, and what must work without PyTorch does not import it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "numpy", "scipy", "ml_dtypes", "hypothesis", "engine", "rich", "jinja2"}
FILES_ONLY = ("badinput", "ledger", "record", "gate", "choose", "opdb", "readme", "junit")


def imported(path: Path, *, anywhere: bool = True) -> set[str]:
    """Dotted names a file imports, relative ones made absolute; `anywhere=False` leaves out those inside functions and for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    nodes = ast.walk(tree) if anywhere else _outside_functions(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found.update({stem, *(f"{stem}.{alias.name}" for alias in node.names)})
    return found


def _outside_functions(tree):
    for node in ast.iter_child_nodes(tree):
        for_types = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if not for_types and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from _outside_functions(node)


def files(package):
    return sorted((ROOT / package).rglob("*.py"))


def named(path):
    return str(path.relative_to(ROOT))


def tops(names):
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("path", files("engine"), ids=named)
def test_the_engine_imports_neither_torch_nor_the_suite(path):
    assert not tops(imported(path)) & {"torch", "conformance", "hypothesis"}


@pytest.mark.parametrize("path", files("engine"), ids=named)
def test_the_engine_has_no_bare_assert(path):
    assert not [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]


LAYERS = [
    ({"errors", "dtypes", "schema", "modes"}, "the vocabulary and the modes"),
    ({"geometry"}, "where elements lie"),
    ({"tensor"}, "tensors"),
    ({"graph"}, "the graph"),
    ({"views", "forward"}, "views and forward mode"),
    ({"family", "operands"}, "what a call is made of"),
    ({"declaration"}, "what is declared"),
    ({"kept", "node"}, "nodes of declared ops"),
    ({"inplace", "specialise", "out"}, "forms of a call"),
    ({"calls"}, "every form of a name"),
    ({"op"}, "declaring ops"),
    ({"ops"}, "the op table"),
    ({"autograd", "func"}, "the autograd namespace"),
    ({"nn"}, "modules"),
    ({"optim"}, "optimisers"),
]
LEVEL = {name: level for level, (names, _) in enumerate(LAYERS) for name in names}


@pytest.mark.parametrize("path", [p for p in files("engine") if p != ROOT / "engine" / "__init__.py"], ids=named)
def test_layers_of_the_engine_import_only_lower_ones(path):
    """At module level; a function may reach up at the time it is called, which is how the layers meet."""
    own = path.relative_to(ROOT / "engine").with_suffix("").parts[0]
    if own not in LEVEL:
        return
    parts = {name.split(".")[1] for name in imported(path, anywhere=False) if name.startswith("engine.")}
    higher = {part for part in parts if LEVEL.get(part, -1) > LEVEL[own]}
    assert not higher, f"{named(path)} ({LAYERS[LEVEL[own]][1]}) imports {sorted(higher)}"


@pytest.mark.parametrize("module", FILES_ONLY)
def test_judging_files_needs_no_engine_and_no_pytorch(module):
    seen: set[str] = set()
    todo = [f"conformance.{module}", "conformance"]
    while todo:
        name = todo.pop()
        path = ROOT.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in seen or not path.exists():
            continue
        seen.add(name)
        found = imported(path, anywhere=False)
        assert not tops(found) & HEAVY, f"{name} imports {sorted(tops(found) & HEAVY)}"
        todo += [n for n in found if n.startswith("conformance.")]


@pytest.mark.parametrize("path", [*files("engine"), *files("conformance")], ids=named)
def test_every_module_says_what_it_owns(path):
    assert ast.get_docstring(ast.parse(path.read_text())) or path.name == "__init__.py"
