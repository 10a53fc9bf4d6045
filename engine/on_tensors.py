"""The rules of one plan as one function on Tensors: what a node runs where its gradient is to be differentiated in turn.

`OpNode.apply` is the meaning. Here the values are unpacked and the results fitted in straight lines, written and compiled when
first run; what is rare among the values (a number, nothing, a tensor of another type) is looked at by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .declaration import OUTPUT, TENSOR, VALUE, Plan
from .graph import FREED, FREED_TWICE, fit
from .kept import check_version, edges_text, stale_text, unpacked
from .tensor import LEAF, PLAIN
from .texts import function_of
from .traced import TensorSymbol, read_on_tensors

if TYPE_CHECKING:
    from .op import Op

SPACE: dict[str, Any] = {
    "FREED": FREED, "FREED_TWICE": FREED_TWICE, "check": check_version, "fit": fit, "PLAIN": PLAIN, "LEAF": LEAF,
}  # fmt: skip
UNKNOWN = object()


def on_tensors(op: Op, mask: tuple[bool, ...], plan: Plan, specialised: bool) -> Callable[[Any, Any], Any]:
    """`run(node, g)` for nodes of one result that keep no lists of tensors; `specialised`: what is no tensor is what its default says."""
    space = SPACE | {f"rule{k}": rule for k, (rule, _, _) in enumerate(plan.rules)}
    lines = unpacked(plan) + ([] if op.takes_lists else edges_text(plan, len(mask))) + lines_of(op, mask, plan, specialised)
    return function_of(("node", "g"), lines, f"{op.node_name} of {op.key} on Tensors", space)


def lines_of(op: Op, mask: tuple[bool, ...], plan: Plan, specialised: bool) -> list[str]:
    lines: list[str] = []
    for i, (kind, at, _) in enumerate(plan.save):
        if kind == OUTPUT and at not in op.constant_results:
            lines += [f"if s{i}.counter[0] != v{i}: check(s{i}, v{i}, node)", f"s{i} = node._as_tensor(s{i})"]
        elif kind in (TENSOR, OUTPUT):
            lines += [f"if type(s{i}) not in PLAIN:", f"    check(s{i}, v{i}, node)", f"    s{i} = node._as_tensor(s{i})"]
            lines.append(f"elif {stale_text(op, mask, i, kind, at)}: check(s{i}, v{i}, node)")
    lines += ["alike = g._array.shape, g._dtype", "fits = node.fits"]  # no fits: a specialised call whose operands were as its result
    for k, (_, _, positions) in enumerate(plan.rules):
        results = ", ".join(f"r{p}" for p in positions)
        lines += _ruled(op, plan, k, results, specialised)
    for p in (p for p, needed in enumerate(mask) if needed):  # after all rules, as in PyTorch: a second derivative adds up in that order
        lines += [f"if r{p} is not None:", f"    shape, dtype = alike if fits is None else fits[{p}]"]
        odd = f"type(r{p}) not in PLAIN or r{p}._array.shape != shape or r{p}._dtype is not dtype"
        lines.append(f"    if {odd}: r{p} = fit(r{p}, shape, dtype)")
    results = ", ".join(f"r{p}" if m else "None" for p, m in enumerate(mask))
    return [*lines, f"return {results},"]


def _ruled(op: Op, plan: Plan, k: int, results: str, specialised: bool) -> list[str]:
    """Sets the results of a rule: its arithmetic in place where it is read and the numbers are real, else what it returns."""
    rule, sources, positions = plan.rules[k]
    call = f"{results} = rule{k}({', '.join('g' if s < 0 else f's{s}' for s in sources)})"
    symbols = [_symbol(op, plan, s, specialised) for s in sources]
    texts = None if any(s is UNKNOWN for s in symbols) else read_on_tensors(rule, symbols, len(positions))
    if texts is None:
        return [call]
    tensors = ["g", *(f"s{s}" for s in sources if s >= 0 and plan.save[s][0] in (TENSOR, OUTPUT))]
    return [f"if {' or '.join(f'{t}._dtype.is_complex' for t in tensors)}: {call}", f"else: {results} = {', '.join(texts)}"]


def _symbol(op: Op, plan: Plan, source: int, specialised: bool) -> Any:
    """What stands for an argument of a rule while it is read."""
    if source < 0:
        return TensorSymbol("g")
    kind, at, _ = plan.save[source]
    if kind in (TENSOR, OUTPUT) and not (kind == TENSOR and op.schema.arguments[at].optional):
        return TensorSymbol(f"s{source}")
    return op.schema.arguments[at].default if specialised and kind == VALUE else UNKNOWN
