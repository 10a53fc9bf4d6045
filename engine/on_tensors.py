"""The rules of one plan as one function on Tensors: what a node runs where its gradient is to be differentiated in turn.

`OpNode.apply` is the meaning. Here the values are unpacked and the results fitted in straight lines, written and compiled when
first run; what is rare among the values (a number, nothing, a tensor of another type) is looked at by the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .declaration import OUTPUT, TENSOR, VALUE, Plan
from .graph import FREED, FREED_TWICE, fit, without_imaginary
from .kept import check_version, edges_text, fits_text, stale_text, unpacked
from .tensor import LEAF, PLAIN
from .texts import function_of
from .traced import TensorSymbol, read_on_tensors

if TYPE_CHECKING:
    from .op import Op

Mask = tuple[bool, ...]
SPACE: dict[str, Any] = {
    "FREED": FREED, "FREED_TWICE": FREED_TWICE, "check": check_version, "fit": fit, "PLAIN": PLAIN, "LEAF": LEAF,
    "without_imaginary": without_imaginary,
}  # fmt: skip
UNKNOWN = object()


def on_tensors(op: Op, mask: Mask, plan: Plan, specialised: bool, *, sent: Mask | None = None) -> Callable[..., Any]:
    """`run(node, g)` for nodes of one result that keep no lists of tensors; `specialised`: what is no tensor is what its default says.

    Where of what it gives that is `sent` on which this says, it is `run(node, g, walk, arrived, wanted)`.
    """
    space = SPACE | {f"rule{k}": rule for k, (rule, _, _) in enumerate(plan.rules)}
    lines = unpacked(plan) + ([] if op.takes_lists else edges_text(plan, len(mask)))
    ruled, certain = _ruled(op, plan, specialised)
    lines += [*_taken(op, mask, plan), fits_text(plan), *ruled, *_fitted(sent or mask, plan, certain)]
    title = f"{op.node_name} of {op.key} on Tensors"
    if sent is None:
        results = ", ".join(f"r{p}" if m else "None" for p, m in enumerate(mask))
        return function_of(("node", "g"), [*lines, f"return {results},"], title, space)
    if plan.keeps_tensors:
        lines.append("if not walk.keep: node.saved = FREED")
    lines += [line for p in _needed(sent) for line in _sent(p, p in certain)]
    return function_of(("node", "g", "walk", "arrived", "wanted"), lines, f"{title}, sent on", space)


def _needed(mask: Mask) -> list[int]:
    return [p for p, needed in enumerate(mask) if needed]


def _taken(op: Op, mask: Mask, plan: Plan) -> list[str]:
    """Makes tensors of what is kept, once it is known that nothing was written to."""
    lines: list[str] = []
    for i, (kind, at, _) in enumerate(plan.save):
        if kind == OUTPUT and at not in op.constant_results:
            lines += [f"if s{i}.counter[0] != v{i}: check(s{i}, v{i}, node)", f"s{i} = node._as_tensor(s{i})"]
        elif kind in (TENSOR, OUTPUT):
            lines += [f"if type(s{i}) not in PLAIN:", f"    check(s{i}, v{i}, node)", f"    s{i} = node._as_tensor(s{i})"]
            lines.append(f"elif {stale_text(op, mask, i, kind, at)}: check(s{i}, v{i}, node)")
    return lines


def _ruled(op: Op, plan: Plan, specialised: bool) -> tuple[list[str], set[int]]:
    """Sets `r<p>` to the gradients that the rules give; second are those that are the result of arithmetic."""
    lines, certain = [], set[int]()
    for k, (_, _, positions) in enumerate(plan.rules):
        ruled, arithmetic = _by_rule(op, plan, k, ", ".join(f"r{p}" for p in positions), specialised)
        lines += ruled
        certain.update(positions if arithmetic else ())
    return lines, certain


def _fitted(mask: Mask, plan: Plan, certain: set[int]) -> list[str]:
    """Fits the gradients after all rules, as in PyTorch: a second derivative adds up in that order.

    There are no `fits` where all operands of a specialised call were as its result. What is arithmetic of these is as `g` then.
    """
    lines = []
    if not certain.issuperset(_needed(mask)):
        lines.append("alike = g._array.shape, g._dtype")
    for p in _needed(mask):
        fit = f"if type(r{p}) not in PLAIN or r{p}._array.shape != shape or r{p}._dtype is not dtype: r{p} = fit(r{p}, shape, dtype)"
        if p in certain:
            lines += ["if fits is not None:", f"    shape, dtype = fits[{p}]", f"    {fit}"]
        else:
            lines += [f"if r{p} is not None:", f"    shape, dtype = alike if fits is None else fits[{p}]", f"    {fit}"]
    return lines


def _sent(p: int, certain: bool) -> list[str]:
    """Sends a gradient along its edge."""
    lines = [
        f"if edge{p} in arrived: arrived[edge{p}] = arrived[edge{p}] + r{p}",
        f"elif edge{p} in wanted: arrived[edge{p}] = r{p}",
    ]
    return lines if certain else [f"if r{p} is not None:", *(f"    {line}" for line in lines)]


def _by_rule(op: Op, plan: Plan, k: int, results: str, specialised: bool) -> tuple[list[str], bool]:
    """Sets the results of a rule: its arithmetic in place where it is read and the numbers are real, else what it returns.

    Second is whether it was read.
    """
    rule, sources, positions = plan.rules[k]
    call = f"rule{k}({', '.join('g' if s < 0 else f's{s}' for s in sources)})"
    call = f"{results} = " + (f"without_imaginary({call}, fits, {positions[0]})" if op.family.drops_imaginary else call)
    symbols = [_symbol(op, plan, s, specialised) for s in sources]
    read = None if any(s is UNKNOWN for s in symbols) else read_on_tensors(rule, symbols, len(positions))
    if read is None:
        return [call], False
    lines, texts = read
    tensors = ["g", *(f"s{s}" for s in sources if s >= 0 and plan.save[s][0] in (TENSOR, OUTPUT))]
    done = "; ".join([*lines, f"{results} = {', '.join(texts)}"])
    return [f"if {' or '.join(f'{t}._dtype.is_complex' for t in tensors)}: {call}", f"else: {done}"], True


def _symbol(op: Op, plan: Plan, source: int, specialised: bool) -> Any:
    """What stands for an argument of a rule while it is read."""
    if source < 0:
        return TensorSymbol("g")
    kind, at, _ = plan.save[source]
    if kind in (TENSOR, OUTPUT) and not (kind == TENSOR and op.schema.arguments[at].optional):
        return TensorSymbol(f"s{source}")
    return op.schema.arguments[at].default if specialised and kind == VALUE else UNKNOWN
