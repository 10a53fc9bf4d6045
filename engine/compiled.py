"""The rules of one plan as one function on arrays: what a specialised call's node runs in an ordinary backward.

`general` is right for whatever the specialised call let through. `alike` is for operands in row-major order that have the
dtype and shape of the result: what is left to look at is the gradient. Both are written and compiled when first run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from copy import copy
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, traced
from .constants import constant
from .declaration import OUTPUT, TENSOR, TENSORS, Plan
from .graph import FREED, FREED_TWICE, fit_array
from .kept import check_version, edges_text, fits_text, stale_text, unpacked
from .memory import ALONE, LARGE
from .on_tensors import on_tensors
from .pieces import short_buffers
from .programs import UFUNCS, gradients, on_large_gradients, twin
from .silence import unbuffered
from .straight import PARAMETERS, run_and_spread, sending
from .straight import SPACE as SENDING
from .strided import in_order
from .tensor import LEAF, PLAIN, Tensor
from .texts import function_of

if TYPE_CHECKING:
    from .op import Op

Mask = tuple[bool, ...]
SMALL = ("small", "few")
SPACE: dict[str, Any] = {
    "FREED": FREED, "FREED_TWICE": FREED_TWICE, "check": check_version, "Tensor": Tensor, "constant": constant, "ndarray": np.ndarray,
    "in_order": in_order, "np": np, "OF_NUMPY": dtypes.OF_NUMPY, "fit_array": fit_array, "PLAIN": PLAIN, "LEAF": LEAF,
    "LARGE": LARGE, "short_buffers": short_buffers, "unbuffered": unbuffered,
    "WIDE": frozenset(d.np for d in dtypes.ALL if d.differentiable and not d.low),
}  # fmt: skip


def fast_plan(op: Op, mask: Mask, variant: str) -> Plan:
    """The plan of `op` for `mask` whose rules are compiled.

    Of the variants "number" is "alike" with a number as second operand; "small" and "few" are the same for nodes of which is known,
    beside, that the arrays are small and that what a CompactPair holds has the version 0. "row" is "alike" for small operands of which
    the second is a row, the first a matrix of such rows. A variant may be texts, see `written_plan`.
    """
    plan = op.fast_plans.get((mask, variant))
    if plan is None:
        plan = op.fast_plans[mask, variant] = Plan(op, mask)
        plan.parts = Parts(op, mask, variant, plan)
        _compile_when_run(op, mask, variant, plan, mask)
    return plan


def _compile_when_run(op: Op, mask: Mask, variant: str, plan: Plan, wants: Mask) -> None:
    """Have the rules of the plan compiled when they first run; of what is sent on, the gradients that `wants` says.

    Those that are the same but for their `fits` have that in common: a node's own may be one of them.
    """
    specialised = variant != "lean" and ";" not in variant

    def once(write: Callable[..., Any], *how: Any, sent: Mask | None = None) -> Any:
        key = mask, variant, wants, write, sent
        if key not in op.written:
            op.written[key] = write(op, mask, plan, *how, sent=sent)
        return op.written[key]

    def put(slot: str, stub: Callable[..., Any], node: Any, made: Callable[..., Any]) -> Callable[..., Any]:
        for one in (plan, node.plan):
            if getattr(one, slot) is stub:
                setattr(one, slot, made)
        return made

    def first(node: Any, g: np.ndarray) -> Any:
        return put("fast", first, node, once(compiled, variant))(node, g)

    def first_on_tensors(node: Any, g: Tensor) -> Any:
        return put("on_tensors", first_on_tensors, node, once(on_tensors, specialised))(node, g)

    def first_gather(node: Any, g: np.ndarray) -> Any:
        plan.gather = gathering(op, mask, plan, variant)
        return plan.gather and plan.gather(node, g)

    def first_sent(node: Any, g: Any, walk: Any, arrived: Any, own: Any, waiting: Any) -> Any:
        made = run_and_spread if op.takes_lists else once(compiled, variant, sent=wants)
        run, given = put("send", first_sent, node, made), [g]
        del g  # as later: held by nobody but who runs the node
        return run(node, given.pop(), walk, arrived, own, waiting)

    def first_sent_on_tensors(node: Any, *given: Any) -> Any:
        return put("send_on_tensors", first_sent_on_tensors, node, once(on_tensors, specialised, sent=wants))(node, *given)

    plan.fast, plan.send, plan.on_tensors, plan.send_on_tensors = first, first_sent, first_on_tensors, first_sent_on_tensors
    if op.family.writes:  # which is to be told, where hooks may be
        plan.fast = None
    if variant in ("alike", "number"):
        plan.gather = first_gather


class Parts(dict[Mask, Plan]):
    """By which gradients are wanted: the plan of the same nodes that runs no rule of which none is. It is for sending them on alone."""

    def __init__(self, op: Op, mask: Mask, variant: str, plan: Plan) -> None:
        self.op, self.mask, self.variant, self.plan = op, mask, variant, plan

    def __missing__(self, wants: Mask) -> Plan:
        self[wants] = made = copy(self.plan)
        made.rules = [rule for rule in made.rules if any(wants[p] for p in rule[2])]
        made.texts, made.program, made.twin = [], None, None
        _compile_when_run(self.op, self.mask, self.variant, made, wants)
        return made


def lean_plan(op: Op, mask: Mask) -> Plan:
    """The plan of a call of one result of any op; what few rules do is left to the generic way."""
    plan = op.fast_plans.get((mask, "lean"))
    if plan is None:
        plan = fast_plan(op, mask, "lean")
        if any(kind == TENSORS for kind, _, _ in plan.save) or (op.takes_lists and len(op.diff) > 1):
            plan.fast = plan.send = plan.on_tensors = None
        elif op.takes_lists:
            plan.on_tensors = None
    return plan


def written_plan(op: Op, mask: Mask, texts: Sequence[str]) -> Plan:
    """The plan of calls on tensors whose forms are those of `fits`, with the texts of what the rules come to then."""
    return fast_plan(op, mask, "; ".join(texts))


def compiled(op: Op, mask: Mask, plan: Plan, variant: str, *, sent: Mask | None = None) -> Callable[..., Any]:
    """The rules as one function of a node and its gradient; with what becomes of the results where some are `sent`, those that it says."""
    space = SPACE | {f"rule{k}": rule for k, (rule, _, _) in enumerate(plan.rules)}
    space["careful"] = careful(op, mask, variant) if sent in (None, mask) else careful_part(sent or mask)
    if variant == "general":
        lines, results = general_lines(op, mask, plan)
    elif ";" in variant:
        space["dot"] = np.ndarray.dot
        lines, results = written_lines(op, mask, plan, variant.split("; "))
    elif variant == "lean":
        lines, results = lean_lines(op, mask, plan)
    else:
        lines, results = alike_lines(op, mask, plan, variant, space)
    lines = unpacked(plan, variant not in SMALL) + lines
    if sent or (not op.takes_lists and any("edge" in line for line in lines)):
        lines = edges_text(plan, len(mask)) + lines
    if sent:
        results = [text if wanted else "None" for text, wanted in zip(results, sent, strict=True)]
        return function_of(PARAMETERS, sending(plan, lines, results, sent, op), f"{op.node_name} of {op.key}, sent on", space | SENDING)
    ending = "return parts" if op.takes_lists else f"return {', '.join(results)},"
    return function_of(("node", "g"), [*lines, ending], f"{op.node_name} of {op.key}", space)


def careful(op: Op, mask: Mask, variant: str) -> Callable[[Any, np.ndarray], Any]:
    """What runs the node where a compiled function finds that it is not for what the node keeps."""
    if variant in ("general", "lean") or op.family.writes:
        return lambda node, g: node.apply([g], False)
    plan = lean_plan(op, mask) if ";" in variant else fast_plan(op, mask, "general")
    return lambda node, g: plan.fast(node, g)  # type: ignore[misc]  # a compiled plan


def careful_part(wants: Mask) -> Callable[[Any, np.ndarray], Any]:
    """The same where these gradients alone are wanted."""

    def run(node: Any, g: np.ndarray) -> Any:
        wanted = {e for e, want in zip(node.edges, wants, strict=True) if want}
        return node.apply([g], False, wanted.__contains__)

    return run


def gathering(op: Op, mask: Mask, plan: Plan, variant: str) -> Callable[..., Any] | None:
    """The arrays that the rules read, in the order of the program's names; None where the rules are more than arithmetic."""
    space = SPACE | {"careful": lambda node, g: None}
    lines, names = alike_lines(op, mask, plan, variant, space, gathered=True)
    lines = [*edges_text(plan, len(mask)), *unpacked(plan), *lines, f"return ({''.join(f'{name}, ' for name in names)})"]
    return function_of(("node", "g"), lines, f"what {op.node_name} of {op.key} reads", space) if plan.texts else None


def alike_lines(
    op: Op, mask: Mask, plan: Plan, variant: str, space: dict[str, Any], *, gathered: bool = False
) -> tuple[list[str], list[str]]:
    """Operands and result are alike and in row-major order: no layout, dtype or shape is looked at but the gradient's.

    The kernels of the ops that the rules call go into `space`. Second are the texts of the results; where `gathered`, what the rules read.
    """
    small, number, row = variant in SMALL, variant in ("number", "few"), variant == "row"
    lines, arrays, usual, side = [], [], "", "1 in g.shape"
    whole = []  # the names of what has the shape of the gradient
    for i, (kind, at, _) in enumerate(plan.save):
        version = "0" if small else f"v{i}"
        if kind == OUTPUT:
            lines.append(f"if s{i}.counter[0] != {version}: check(s{i}, {version}, node)")
            arrays.append(f"x{i} = s{i}.array")
            whole.append(f"x{i}")
        elif kind == TENSOR and number and at == 1:
            arrays.append(f"x{i} = constant(s{i}, OF_NUMPY[g.dtype])")
        elif kind == TENSOR:
            lines.append(f"if {stale_text(op, mask, i, kind, at, version)}: check(s{i}, {version}, node)")
            lines.append(f"if not (rows := s{i}._rows): return careful(node, g)")
            arrays.append(f"x{i} = s{i}._array")
            whole.append(f"x{i}")
            if not row:
                usual, side = "g.strides != rows.strides and ", "1 in rows.shape"  # which is that of all
    if arrays:
        # one element everywhere is laid out as any; a side of 1 may have a step that says that it lies elsewhere than its place tells
        if small:  # few elements may be repeated along some dimensions, too
            odd = f"(not g.flags.c_contiguous or {side}) and not in_order(g)"
        else:
            odd = f"(not g.flags.c_contiguous and any(g.strides)) or ({side} and not in_order(g))"
        lines.append(f"if {usual}({odd}): return careful(node, g)")
    check = len(lines) - 1
    results, readable = ["None"] * len(mask), True
    for k, (rule, sources, positions) in enumerate(plan.rules):
        texts = traced.read(rule, [_symbol(op, plan, s) for s in sources], len(positions), space)
        if texts is None and row:
            return general_lines(op, mask, plan)
        if texts is None:
            readable = False
            texts = [f"r{p}" for p in positions]
            given = ", ".join(_array_name(plan, s) for s in sources)
            arrays.append(f"{', '.join(texts)} = rule{k}({given})")
            arrays += [_fitted(r) for r in texts]
        for p, text in zip(positions, texts, strict=True):
            results[p] = text if mask[p] else "None"
    if readable and not arrays and not {*results} <= {"None", "g"}:
        lines.append("if 1 in g.shape and not in_order(g): return careful(node, g)")
    names = [line.partition(" ")[0] for line in arrays]
    if readable and not small and not row and not plan.texts:
        plan.texts, plan.program = results, gradients(results, names, space)
        plan.twin = twin(results, space) if plan.compact else None
    if gathered:
        return [*lines, *arrays], names
    if usual and readable and all(text == "None" or not set(re.findall(r"\w+", text)).isdisjoint(whole) for text in results):
        # that of a sum is one number, spread: with the number itself NumPy's products are quicker
        few = "" if small else " and g.size < LARGE"
        lines[check:] = [
            "if (steps := g.strides) != rows.strides:",
            f"    if steps != rows.still and ({odd}): return careful(node, g)",
            "    one = g.base",
            f"    if type(one) is ndarray and not one.ndim and one.dtype is g.dtype and g.dtype.kind == 'f'{few}: g = one",
        ]
        space["LARGE"] = LARGE
    if plan.program is not None:
        space |= {"large": on_large_gradients(plan.program, results), "ALONE": ALONE, "getrefcount": getrefcount}
        arrays.append(f"if g.size >= LARGE: return large({', '.join(['getrefcount(g) == ALONE', 'g', *names])})")
    if row and mask[1]:
        results[1] = f"node.plan.fits.add_rows({results[1]})"
    numbers, results = numbers_as_arrays(results, "g", space)
    return [*lines, *arrays, *numbers], called(results, space)


def numbers_as_arrays(texts: Sequence[str], like: str, space: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Lines that make arrays of the numbers in arithmetic, in the dtype of `like`, and the texts with those: NumPy takes half the time."""
    numbers = Numbers()
    made = [ast.unparse(numbers.visit(ast.parse(text, mode="eval"))) for text in texts]
    space |= {f"of_{name}": InDtypes(value) for name, value in numbers.found.items()}
    return [f"{name} = of_{name}[{like}.dtype]" for name in numbers.found], made


class Numbers(ast.NodeTransformer):
    """Gives the numbers in arithmetic names."""

    def __init__(self) -> None:
        self.found: dict[str, int | float] = {}

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        node.left, node.right = self._named(node.left), self._named(node.right)
        return node

    def _named(self, operand: ast.expr) -> ast.expr:
        try:
            value = ast.literal_eval(operand)
        except ValueError:
            return operand
        name = f"c{str(value).translate(LETTERS)}"
        self.found[name] = value
        return ast.Name(name)


LETTERS = str.maketrans("-.+", "mpe")


def called(texts: Sequence[str], space: dict[str, Any]) -> list[str]:
    """The texts with calls of ufuncs for the operators between names: to find them by the operands' type takes longer."""
    calls = Calls()
    made = [ast.unparse(calls.visit(ast.parse(text, mode="eval"))) for text in texts]
    space |= {f"np_{name}": getattr(np, name) for name in calls.found}
    return made


class Calls(ast.NodeTransformer):
    """Makes calls of operators, but where an operand has no name: NumPy's operators write to large ones that nobody else holds."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        named = isinstance(node.left, ast.Name) and isinstance(node.right, ast.Name) and type(node.op) in UFUNCS
        return ast.Call(self._name(UFUNCS[type(node.op)].__name__), [node.left, node.right], []) if named else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        of_numpy = isinstance(node.value, ast.Name) and node.value.id == "np"
        return self._name(node.attr) if of_numpy else node

    def _name(self, name: str) -> ast.Name:
        self.found.add(name)
        return ast.Name(f"np_{name}")


class InDtypes(dict[np.dtype, np.ndarray]):
    """A number as an array, by dtype."""

    def __init__(self, value: int | float) -> None:
        self.value = value

    def __missing__(self, dtype: np.dtype) -> np.ndarray:
        self[dtype] = made = constant(self.value, dtypes.OF_NUMPY[dtype])
        return made


def _symbol(op: Op, plan: Plan, source: int) -> Any:
    """What stands for an argument of a rule while it is read: the default where that is what it always is."""
    if source < 0:
        return traced.Symbol("g", True)
    kind, at, _ = plan.save[source]
    return traced.Symbol(f"x{source}") if kind in (TENSOR, OUTPUT) else op.schema.arguments[at].default


def _opaque(op: Op, plan: Plan, source: int) -> Any:
    """What stands for an argument of a rule to see whether it hands its gradient on."""
    if source < 0:
        return traced.Opaque()
    kind, at, _ = plan.save[source]
    return traced.Opaque() if kind in (TENSOR, OUTPUT) else op.schema.arguments[at].default


def _array_name(plan: Plan, source: int) -> str:
    return "g" if source < 0 else f"{'x' if plan.save[source][0] in (TENSOR, OUTPUT) else 's'}{source}"


def _fitted(r: str) -> str:
    odd = f"type({r}) is not ndarray or {r}.dtype is not g.dtype or {r}.shape != g.shape"
    return f"if {r} is not None and ({odd}): {r} = fit_array({r}, g.shape, OF_NUMPY[g.dtype])"


def general_lines(op: Op, mask: Mask, plan: Plan) -> tuple[list[str], list[str]]:
    """Unpack, check versions, compute, and fit what may differ in shape or dtype."""
    lines, read = [], []
    for i, (kind, at, _) in enumerate(plan.save):
        if kind == OUTPUT:
            lines += [f"if s{i}.counter[0] != v{i}: check(s{i}, v{i}, node)", f"s{i} = s{i}.array"]
        elif kind == TENSOR:
            lines += [
                f"if isinstance(s{i}, Tensor):",
                f"    if {stale_text(op, mask, i, kind, at)}: check(s{i}, v{i}, node)",
                f"    s{i} = s{i}._array",
                f"else: s{i} = constant(s{i}, OF_NUMPY[g.dtype])",
            ]
        if kind in (OUTPUT, TENSOR):
            read.append(f"s{i}")
    if read:  # only Tensors lay out operands in another order of dimensions as PyTorch does
        differ = " or ".join(f"({s}.strides or g.strides) != g.strides" for s in read)
        ordered = " and ".join(f"in_order({s})" for s in ("g", *read))
        lines.append(f"if g.ndim > 1 and ({differ} or 1 in g.shape) and not ({ordered}): return careful(node, g)")
    # an error ends the walk, which sets the buffers back as well
    lines += [fits_text(plan), "before = short_buffers(g) if g.size >= LARGE else None"]
    for k, (rule, sources, positions) in enumerate(plan.rules):
        call = f"rule{k}({', '.join('g' if s < 0 else f's{s}' for s in sources)})"
        if len(positions) == 1 and sources[0] < 0 and traced.hands_on(rule, [_opaque(op, plan, s) for s in sources]):
            call = "g"
        lines.append(", ".join(f"r{p}" for p in positions) + f" = {call}")
        for p in positions:
            odd = f"type(r{p}) is not ndarray or r{p}.shape != shape or r{p}.dtype is not dtype.np"
            lines += ["if fits is None:", "    " + _fitted(f"r{p}"), f"elif r{p} is not None:", f"    shape, dtype = fits[{p}]"]
            lines.append(f"    if {odd}: r{p} = fit_array(r{p}, shape, dtype)")
    lines.append("if before is not None: unbuffered(before)")
    return lines, [f"r{p}" if m else "None" for p, m in enumerate(mask)]


def lean_lines(op: Op, mask: Mask, plan: Plan) -> tuple[list[str], list[str]]:
    """The rules as written, where nothing has to be converted before them; what they give is fitted where it is not as it should be."""
    lines, read = ["if g.dtype not in WIDE: return careful(node, g)"], []
    for i, (kind, at, promoted) in enumerate(plan.save):
        if kind == OUTPUT and at not in op.constant_results:
            lines += [f"if s{i}.counter[0] != v{i}: check(s{i}, v{i}, node)", f"x{i} = s{i}.array"]
            lines.append(f"if s{i}.dtype.low: return careful(node, g)")
        elif kind in (TENSOR, OUTPUT):
            other = f"x{i}.dtype is not g.dtype" if promoted else f"s{i}._dtype.low"
            certain = kind == TENSOR and not op.schema.arguments[at].optional
            there = [
                f"if {stale_text(op, mask, i, kind, at)}: check(s{i}, v{i}, node)",
                f"x{i} = s{i}._array",
                f"if {other}: return careful(node, g)",
            ]
            if certain:
                lines += [f"if type(s{i}) not in PLAIN: return careful(node, g)", *there]
            else:
                lines += [f"if s{i} is None: x{i} = None", f"elif type(s{i}) not in PLAIN: return careful(node, g)", "else:"]
                lines += [f"    {line}" for line in there]
        if kind in (OUTPUT, TENSOR):
            read.append(f"x{i}")
    if read and op.broadcasts:
        of_another = " or ".join(f"({x} is not None and {x}.dtype is not g.dtype and {x}.dtype.kind != 'b')" for x in read)
        differ = " or ".join(f"({x} is not None and {x}.strides != g.strides)" for x in read)
        ordered = " and ".join(["in_order(g)", *(f"({x} is None or in_order({x}))" for x in read)])
        lines.append(f"if {of_another} or (g.ndim > 1 and ({differ} or 1 in g.shape) and not ({ordered})): return careful(node, g)")
    lines.append(fits_text(plan))
    if op.takes_lists:
        return [*lines, *_fitted_list(plan)], ["parts"]
    for k, (rule, sources, positions) in enumerate(plan.rules):
        given = ", ".join(_array_name(plan, s) for s in sources)
        hands_on = len(positions) == 1 and sources == [-1] and traced.hands_on(rule, [traced.Opaque()])
        lines.append(f"{', '.join(f'r{p}' for p in positions)} = {'g' if hands_on else f'rule{k}({given})'}")
        for p in (p for p in positions if mask[p]):
            odd = f"type(r{p}) is not ndarray or r{p}.shape != shape or r{p}.dtype is not dtype.np"
            lines += [f"if r{p} is not None:", f"    shape, dtype = fits[{p}]", f"    if {odd}: r{p} = fit_array(r{p}, shape, dtype)"]
    return lines, [f"r{p}" if m else "None" for p, m in enumerate(mask)]


def written_lines(op: Op, mask: Mask, plan: Plan, texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """The results are the `texts`: nothing is looked at but whether what is kept and its form are as they were, and the gradient dense."""
    kept = {at: i for i, (kind, at, _) in enumerate(plan.save) if kind == TENSOR}
    lines = ["if not g.flags.forc: return careful(node, g)", fits_text(plan)]
    lines.append(f"{', '.join(f'form{i}' for i, _ in op.tensors)} = fits.forms")
    for at, i in kept.items():
        lines.append(f"if {stale_text(op, mask, i, TENSOR, at)}: check(s{i}, v{i}, node)")
        lines += [f"if s{i}._rows is not form{at}: return careful(node, g)", f"x{i} = s{i}._array"]
    names = {op.schema.names[at]: f"x{i}" for at, i in kept.items()}
    results = [re.sub(r"\w+", lambda word: names.get(word[0], word[0]), text) for text in texts]
    return lines, [text if m else "None" for text, m in zip(results, mask, strict=True)]


def _fitted_list(plan: Plan) -> list[str]:
    """The gradients of one list of tensors."""
    [(_, sources, _)] = plan.rules
    odd = "type(p) is not ndarray or p.shape != f[0] or p.dtype is not f[1].np"
    return [
        f"parts = rule0({', '.join(_array_name(plan, s) for s in sources)})",
        f"parts = [p if p is None or not ({odd}) else fit_array(p, *f) for p, f in zip(parts, fits, strict=True)]",
    ]
