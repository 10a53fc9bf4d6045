"""The nodes behind a tensor, written out so that two graphs can be compared."""

from __future__ import annotations

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
