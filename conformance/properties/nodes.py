"""The nodes behind a tensor, written out so that two graphs can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def leaf_of(node: Any) -> Any:
    """The leaf a node accumulates in, or None."""
    return getattr(node, "variable", None) if "AccumulateGrad" in node.name() else None


def whole_graph(t: Any, leaves: dict[str, Any]) -> str:
    """All nodes behind `t`, as one text: a call per node, leaves by name, and a number for what was written before, in that order.

    Then the numbers in the order in which the nodes were made: backward runs them by that.
    """
    if t is None or t.grad_fn is None:
        return next((name for name, x in leaves.items() if x is t), "nothing")
    seen: dict[Any, int] = {}

    def text(node: Any, output: int) -> str:
        if node is None:
            return "None"
        variable = leaf_of(node)
        if variable is not None:
            return next((name for name, x in leaves.items() if x is variable), "another leaf")
        place = f"[{output}]" if output else ""
        if node in seen:
            return f"#{seen[node]}{place}"
        seen[node] = len(seen)
        return f"{node.name()}{place}({', '.join(text(n, index) for n, index in node.next_functions)})"

    written = text(t.grad_fn, t.output_nr)
    made = " ".join(str(seen[node]) for node in sorted(seen, key=lambda node: node._sequence_nr()))
    return f"{written}, made in the order {made}"


def in_order_made(tensors: Sequence[Any]) -> list[str]:
    """The names of all nodes behind these tensors, together, as they were made."""
    found = dict.fromkeys(t.grad_fn for t in tensors if t is not None and t.grad_fn is not None)
    nodes = list(found)
    for node in nodes:  # grows while it is walked
        behind = {n: None for n, _ in node.next_functions if n is not None and n not in found and leaf_of(n) is None}
        found |= behind
        nodes += behind
    return [node.name() for node in sorted(found, key=lambda node: node._sequence_nr())]
