"""The rules of one plan as one function on Tensors: what a node runs where its gradient is to be differentiated in turn.

`OpNode.apply` is the meaning. Here the values are unpacked and the results fitted in straight lines, written and compiled when
first run; what is rare among the values (a number, nothing, a tensor of another type) is looked at by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .declaration import OUTPUT, TENSOR, Plan
from .graph import FREED, FREED_TWICE, fit
from .kept import check_version, stale_text, unpacked
from .tensor import LEAF, PLAIN
from .texts import function_of

if TYPE_CHECKING:
    from .op import Op

SPACE: dict[str, Any] = {
    "FREED": FREED, "FREED_TWICE": FREED_TWICE, "check": check_version, "fit": fit, "PLAIN": PLAIN, "LEAF": LEAF,
}  # fmt: skip


def on_tensors(op: Op, mask: tuple[bool, ...], plan: Plan) -> Callable[[Any, Any], Any]:
    """`run(node, g)` for nodes of one result that keep no lists of tensors."""
    space = SPACE | {f"rule{k}": rule for k, (rule, _, _) in enumerate(plan.rules)}
    return function_of(("node", "g"), unpacked(plan) + lines_of(op, mask, plan), f"{op.node_name} of {op.key} on Tensors", space)


def lines_of(op: Op, mask: tuple[bool, ...], plan: Plan) -> list[str]:
    lines: list[str] = []
    for i, (kind, at, _) in enumerate(plan.save):
        if kind == OUTPUT and at not in op.constant_results:
            lines += [f"if s{i}.counter[0] != v{i}: check(s{i}, v{i}, node)", f"s{i} = node._as_tensor(s{i})"]
        elif kind in (TENSOR, OUTPUT):
            lines += [f"if type(s{i}) not in PLAIN:", f"    check(s{i}, v{i}, node)", f"    s{i} = node._as_tensor(s{i})"]
            lines.append(f"elif {stale_text(op, mask, i, kind, at)}: check(s{i}, v{i}, node)")
    lines += ["alike = g._array.shape, g._dtype", "fits = node.fits"]  # no fits: a specialised call whose operands were as its result
    for k, (_, sources, positions) in enumerate(plan.rules):
        results = ", ".join(f"r{p}" for p in positions)
        lines.append(f"{results} = rule{k}({', '.join('g' if s < 0 else f's{s}' for s in sources)})")
    for p in (p for p, needed in enumerate(mask) if needed):  # after all rules, as in PyTorch: a second derivative adds up in that order
        lines += [f"if r{p} is not None:", f"    shape, dtype = alike if fits is None else fits[{p}]"]
        odd = f"type(r{p}) not in PLAIN or r{p}._array.shape != shape or r{p}._dtype is not dtype"
        lines.append(f"    if {odd}: r{p} = fit(r{p}, shape, dtype)")
    results = ", ".join(f"r{p}" if m else "None" for p, m in enumerate(mask))
    return [*lines, f"return {results},"]
