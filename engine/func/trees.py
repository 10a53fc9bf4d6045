"""Nested tuples, lists and dicts: taken apart into leaves and a structure, and put together again."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

from ..size import Size


class Structure:
    """What is left of a tree without its leaves. Prints as PyTorch's TreeSpec; `kind` is None for a leaf."""

    def __init__(self, kind: Any = None, context: Any = None, children: tuple[Structure, ...] = ()) -> None:
        self.kind, self.context, self.children = kind, context, children
        self.leaves: int = sum(c.leaves for c in children) if kind else 1

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return NotImplemented
        return (self.kind, self.context, self.children) == (other.kind, other.context, other.children)

    __hash__ = object.__hash__

    def __repr__(self, indent: int = 0) -> str:
        if self.kind is None:
            return "*"
        inner = (",\n" + " " * (indent + 2)).join(c.__repr__(indent + 2) for c in self.children)
        name = "namedtuple" if hasattr(self.kind, "_fields") else self.kind.__name__
        return f"TreeSpec({name}, {self.context}, [{inner}])"


class _Star:
    def __repr__(self) -> str:
        return "*"


def taken_apart(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, and the structure they stand in."""
    found = _children(tree)
    if found is None:
        return [tree], LEAF
    context, children = found
    leaves: list[Any] = []
    structures = []
    for child in children:
        own, structure = taken_apart(child)
        leaves += own
        structures.append(structure)
    return leaves, Structure(type(tree), context, tuple(structures))


LEAF = Structure()


def _children(tree: Any) -> tuple[Any, list[Any]] | None:
    """What besides its children makes the node, and the children; None for a leaf."""
    kind = type(tree)
    if kind in (dict, OrderedDict):
        return list(tree), list(tree.values())
    if kind is defaultdict:
        return [tree.default_factory, list(tree)], list(tree.values())
    if kind in (tuple, list, Size):
        return None, list(tree)
    if kind is deque:
        return tree.maxlen, list(tree)
    return (kind, list(tree)) if isinstance(tree, tuple) and hasattr(kind, "_fields") else None


def put_together(leaves: Any, structure: Structure) -> Any:
    """The tree of that structure with these leaves."""
    return _built(iter(leaves), structure)


def _built(leaves: Iterator[Any], structure: Structure) -> Any:
    kind = structure.kind
    if kind is None:
        return next(leaves)
    children = [_built(leaves, c) for c in structure.children]
    if kind in (dict, OrderedDict):
        return kind(zip(structure.context, children, strict=True))
    if kind is defaultdict:
        return defaultdict(structure.context[0], zip(structure.context[1], children, strict=True))
    if kind is deque:
        return deque(children, maxlen=structure.context)
    return kind(*children) if hasattr(kind, "_fields") else kind(children)


def mapped(change: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with every leaf changed."""
    leaves, structure = taken_apart(tree)
    return put_together(map(change, leaves), structure)


def spread_over(prefix: Any, structure: Structure) -> list[Any] | None:
    """One leaf of `prefix` per leaf of the structure it is the upper part of; None where it is not."""
    found = _children(prefix)
    if found is None:
        return [prefix] * structure.leaves
    _, children = found
    if structure.kind is not type(prefix) or len(children) != len(structure.children):
        return None
    if isinstance(prefix, dict):
        if set(prefix) != set(_keys(structure)):
            return None
        children = [prefix[key] for key in _keys(structure)]
    parts = [spread_over(child, own) for child, own in zip(children, structure.children, strict=True)]
    return None if any(p is None for p in parts) else [leaf for p in parts for leaf in p or ()]


def _keys(structure: Structure) -> list[Any]:
    return structure.context[1] if structure.kind is defaultdict else structure.context


def sketch(structure: Structure) -> str:
    """The structure as it would print with `*` for every leaf."""
    return repr(put_together([_Star()] * structure.leaves, structure)) if structure.kind is not Size else repr(tuple(structure.children))
