"""Small wrong changes to Python source, one at a time: which there are, and the code objects each of them makes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any
from zlib import crc32

Key = tuple[str, str, int]
SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """The expression at a line of a file, and what it is changed to. `number` counts the changes of the file."""

    path: str
    number: int
    line: int
    before: str
    after: str
    function: Key  # the innermost function around it

    def __str__(self) -> str:
        return f"{self.path}:{self.line}  {self.before}  ->  {self.after}"


def key_of(code: CodeType) -> Key:
    """What tells a code object from others, in another process too: file, name, and where its instructions stand."""
    return code.co_filename, code.co_qualname, crc32(repr(list(code.co_positions())).encode())


def mutants(path: Path) -> list[Mutant]:
    """Every change of the functions of a file; what runs when the module is imported is left alone."""
    tree, where = _parsed(str(path))
    functions = _functions(tree, where)
    made = []
    for number, (node, other, around) in enumerate(_changes(tree)):
        key = functions.get(id(around))
        if key is not None:
            made.append(Mutant(str(path), number, node.lineno, _shown(node), _shown(other), key))
    return made


def changed_code(mutant: Mutant) -> dict[Key, CodeType]:
    """The code of every function around the change, under the key of the unchanged one."""
    tree, where = _parsed(mutant.path)
    changed = deepcopy(tree)
    node, other, _ = next(change for number, change in enumerate(_changes(changed)) if number == mutant.number)
    _Replace(node, other).visit(changed)
    ast.fix_missing_locations(changed)
    pairs = _side_by_side(where, compile(changed, mutant.path, "exec"))
    return {key_of(old): new for old, new in pairs if old != new}


@lru_cache(4)
def _parsed(path: str) -> tuple[ast.Module, CodeType]:
    text = Path(path).read_text(encoding="utf-8")
    return ast.parse(text), compile(text, path, "exec")


def _side_by_side(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The nested code objects of two modules that differ in one expression: they come in the same order."""
    inner = [[c for c in code.co_consts if isinstance(c, CodeType)] for code in (old, new)]
    for pair in zip(*inner, strict=True):
        yield pair
        yield from _side_by_side(*pair)


def _functions(tree: ast.Module, where: CodeType) -> dict[int, Key]:
    """For the node of each function the key of its code. Both are found in the order of the source."""
    nodes = [n for n in _in_order(tree) if isinstance(n, _SCOPES)]
    codes = [code for code, _ in _side_by_side(where, where)]
    names = {"GeneratorExp": "<genexpr>", "ListComp": "<listcomp>", "SetComp": "<setcomp>", "DictComp": "<dictcomp>", "Lambda": "<lambda>"}
    found: dict[int, Key] = {}
    for node in nodes:
        name = names.get(type(node).__name__, getattr(node, "name", ""))
        line = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        match = next((c for c in codes if c.co_name == name and c.co_firstlineno == line), None)
        if match is not None:
            codes.remove(match)
            found[id(node)] = key_of(match)
    return found


_COMPREHENSIONS = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, *_COMPREHENSIONS)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        yield from _in_order(child)


def _changes(tree: ast.Module) -> Iterator[tuple[Any, ast.AST, ast.AST]]:
    """(expression, what to put there, the function around it), in the order of the source."""

    def visit(node: ast.AST, around: ast.AST | None) -> Iterator[tuple[Any, ast.AST, ast.AST]]:
        if around is not None:
            for other in _alternatives(node):
                yield node, other, around
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            inside = node if isinstance(node, (ast.FunctionDef, ast.Lambda)) and name == "body" else around
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_text(child):
                    yield from visit(child, inside)

    yield from visit(tree, None)


def _is_text(node: ast.AST) -> bool:
    """A docstring, or another expression that does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPPED:
        yield _with(node, op=SWAPPED[type(node.op)]())
    elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPPED:
        yield _with(node, ops=[SWAPPED[type(node.ops[0])]()])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _with(node, value=not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield _with(node, value=node.value + 1)
    elif isinstance(node, ast.IfExp) and not any(isinstance(n, _SCOPES) for n in ast.walk(node)):
        yield _with(node, body=node.orelse, orelse=node.body)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "conj" and not node.args:
        yield node.func.value


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    made = type(node)(**dict(ast.iter_fields(node)) | fields)
    return ast.copy_location(made, node)


class _Replace(ast.NodeTransformer):
    def __init__(self, node: ast.AST, other: ast.AST) -> None:
        self.node, self.other = node, other

    def visit(self, node: ast.AST) -> Any:
        return self.other if node is self.node else self.generic_visit(node)


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."
