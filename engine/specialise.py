"""From a declaration to a call with its arguments in place: what a pointwise op does when its operands agree.

The generic `Op.run` is the meaning; a specialised call does the same for Tensors of one floating dtype in a plain mode
and hands everything else to it. Each op's source is written from the templates below and compiled when it is first called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import indent
from typing import TYPE_CHECKING, Any

import numpy as np

from . import modes
from .alike import result_dtypes, specialisable
from .compiled import fast_plan, numbers_as_arrays
from .constants import constant
from .declaration import OUTPUT, TENSOR, Plan
from .dtypes import OF_NUMPY, dtype
from .forms import Rows
from .graph import Saved, edge_of, fits_of_row, sequence
from .memory import LARGE
from .programs import Program, on_large, program
from .silence import silent
from .strided import laid_out
from .tensor import FRESH, LEAF, PLAIN, Tensor, rows, wrap
from .texts import code_of, function_of, written_when_called
from .traced import Symbol, as_ufunc, kernel_text

if TYPE_CHECKING:
    from .op import Op

MISSING = object()
LIMIT = 1024  # shapes of which a call remembers what it did

HEAD = """
def call({parameters}):
    {odd}
    try:
        alike = a._rows
    except AttributeError:
        return slow({names})
    if alike is None:
        alike = rows(a)
    mode = current()
"""
# Of operands of which `rows` says the same, which alone decides what is done, and it was done before.
KNOWN = """
    if {tensors}(kernel := few(alike)) is not None and mode <= 1 and {up_to_date}:
        try:
            r = silent(kernel, {given})
        except Exception:
            return slow({names})
        t = Tensor()
        t._array = r
        t._dtype = a._dtype
        t._rows = alike
        t._gradient = t._beside = t._node = None
        t._counter = FRESH
"""
KNOWN_RECORD = """
        if mode:
            {nodes}
            if {some}:
                node = Node()
                {edges}{unfitted}
                node.seq = sequence()
                t._node = node
                {versions}
{alike}
"""
# The same of two, the second of which may be broadcast with the first, or a number.
TWO_KNOWN = """
    if type(b) is Tensor or type(b) in PLAIN:
        if (other := b._rows) is None:
            other = rows(b)
{known}
        kernel = {agreed} = None
        order = alike
        if (way := few((alike, other))) is not None:
            kernel, order, {agreed} = way
            alike = False
        nb = b._node
        y = b._array
        other_version = b._counter
        number = False
    else:
        kernel = {agreed} = None
        order = alike
        if NUMBERS and (type(b) is float or (type(b) is int and -0x8000000000000000 <= b < 0x8000000000000000)):
            if (kernel := few(alike)) is not None:
                nb = None
                y = constant(b, a._dtype)
                other_version = FRESH
                number = True
"""
AS_BEFORE = """
    if kernel is not None and mode <= 1 and {up_to_date_or_number}:
        small = readable = True
        out = dtype = a._dtype
        version = a._counter
        na = a._node
        x = a._array
        try:
            r = silent(kernel, {arrays})
        except Exception:
            return slow({names})
    else:
"""
FIRST = """
if type(a) not in PLAIN:
    return slow({names})
dtype = a._dtype
out, kernel, large, readable, limit = RESULT[dtype]
version = a._counter
if out is None or mode > 1 or version is None or {outdated_a}:
    return slow({names})
na = a._node
x = a._array
form = alike
"""
SECOND = """
if type(b) in PLAIN:
    other_version = b._counter
    if b._dtype is not dtype or other_version is None or {outdated_b}:
        return slow(a, b)
    nb = b._node
    y = b._array
    other = rows(b)
    number = False
    if other is not form:
        alike = other and form and form.shape == other.shape and form
elif NUMBERS and (type(b) is float or (type(b) is int and -0x8000000000000000 <= b < 0x8000000000000000)):
    nb = None
    y = constant(b, dtype)
    other = form
    other_version = FRESH
    number = True
else:
    return slow(a, b)
"""
COMPUTE = """
try:
    small = x.size < limit{together}
    r = silent(kernel if small else large, {arrays})
except Exception:
    return slow({names})
if not alike:
    if type(r) is not ndarray:
        r = asarray(r)
    elif r.ndim == 4 or ((r.ndim != 1 or r.size < 2) and {unlike}):  # PyTorch lays four dimensions out as channels last where they can be
        r = laid_out(r, ({in_turn},)){several}
elif small:
    learn(form, kernel)
order = alike if alike and out is dtype else None
"""
MADE = """
    t = Tensor()
    t._array = r
    t._dtype = out
    t._rows = order
    t._gradient = t._beside = t._node = None
    t._counter = FRESH
"""
TOGETHER = """
            elif small and form and other:
                learn_together(form, other, kernel, r, dtype)"""
# of operands in row-major order the result is, too
UNLIKE = "(not (form and other) and (r.strides != x.strides or r.strides != y.strides))"
RECORD = """
    if mode and ({some}):
        node = Node()
        {edges}
        node.seq = sequence()
        t._node = node
{usual}
        alike = alike and readable
        {fitted}
{result}{saves}
    return t
"""
USUAL = """
        if alike and small:
{result}{saves}
"""


KEPT = """
        kept = Saved()
        kept.array = r
        kept.dtype = t._dtype
        kept.nr = 0
        kept.tangents = kept.through = None
        kept.counter = t._counter = [0]
"""


def edge_text(t: str, node: str) -> str:
    """What `edge_of` says, for the tensor and the node of these names."""
    leaf = f"({t} if {t}._beside is None else edge_of({t}))"
    return f"({leaf} if {node} is LEAF else {node})"


def plain_text(t: str) -> str:
    """Whether what has this name is a plain tensor; most are of the first type."""
    return f"(type({t}) is Tensor or type({t}) in PLAIN)"


def outdated_text(t: str) -> str:
    """What `views.outdated` says, and whether the view leads nowhere, for the tensor of this name; sets `view`."""
    borrowed = f"view.borrowed or (view.base._node is not None and {t}._node is None)"
    written = f"(view := {t}._beside).base is not None and (view.version != {t}._counter[0] or ({borrowed}))"
    return f"({t}._beside is not None and {written})"


def source_of(op: Op, count: int, numbers: bool, operator: bool) -> str:
    """The text of the specialised call of `op`, whose first `count` arguments are its Tensors; an operator gets no other arguments."""
    names, arrays = ("a", "b")[:count], ("x", "y")[:count]
    learns = any(_readable(made, d) for d, made in result_dtypes(op, count).items())
    current = [f"not {outdated_text(n)}" for n in names]
    fill = {
        "parameters": ", ".join(names) + ", /, *more" if operator else ", ".join(f"{n}=MISSING" for n in names) + ", /, *args, **kwargs",
        "odd": "if more: return NotImplemented"
        if operator
        else f"if {names[-1]} is MISSING or args or kwargs: return slow(*given({', '.join(names)}), *args, **kwargs)",
        "names": ", ".join(names),
        "agreed": "plans" if op.paired else "fits",
        "tensors": "other is alike and " if count == 2 else "",
        "given": ", ".join(f"{n}._array" for n in names),
        "outdated_a": outdated_text("a"),
        "outdated_b": outdated_text("b"),
        "up_to_date": " and ".join(current),
        "up_to_date_or_number": f"{current[0]} and (number or {current[-1]})",
        "several": TOGETHER if learns and count == 2 else "",
        "together": " and (alike or x.size * y.size < limit or broadcast(x, y).size < limit)" if count == 2 else "",
        "arrays": ", ".join(arrays),
        "in_turn": ", ".join(arrays[i] for i in op.order if i < count),
        "unlike": "r.strides != x.strides" if count == 1 else UNLIKE,
    }
    live = [("a", "b")[i] for i in op.diff]
    if live:
        _fill_records(fill, op, live, count, numbers and count == 2)
    fill["known"] = indent((KNOWN + KNOWN_RECORD * bool(live) + "        return t\n").format(**fill), " " * 4 * (count - 1))
    otherwise = FIRST + (SECOND if count == 2 else "") + COMPUTE
    if not learns:
        text = "    {agreed} = None\n" + indent(otherwise, " " * 4)
    elif count == 1:
        text = "{known}    {agreed} = None\n" + indent(otherwise, " " * 4)
    else:
        text = TWO_KNOWN + AS_BEFORE + indent(otherwise, " " * 8)
    return (HEAD + text + MADE + (RECORD if live else "    return t\n")).format(**fill)


def _fill_records(fill: dict[str, str], op: Op, live: list[str], count: int, numbers: bool) -> None:
    """Add what the templates say of a recorded call, in which the operands `live` may need a gradient."""
    fill["nodes"] = "; ".join(f"n{n} = {n}._node" for n in live)
    fill["versions"] = "version = a._counter" + "; other_version = b._counter" * (count == 2)
    fill["some"] = " or ".join(f"n{n} is not None" for n in live)
    edges = [edge_text(n, f"n{n}") for n in live]
    fill["edges"] = f"node.first = {edges[0]}; node.second = {edges[1]}" if op.paired else f"node.edges = ({', '.join(edges)},)"
    fill["unfitted"] = "" if op.paired else "; node.fits = None"
    same = "alike or (out is dtype" + " and x.shape == r.shape and (number or y.shape == r.shape)" * (count > 1) + ")"
    fits = f"({', '.join(f'({x}.shape, dtype)' for x in ('x' if n == 'a' else 'y' for n in live))},)"
    if op.paired:
        fill["fitted"] = f"if not plans: plans = PLANS if {same} else fitted[x.shape, y.shape, dtype]"
    else:
        fill["fitted"] = f"node.fits = fits or (None if {same} else {fits})"
    fill["result"] = KEPT if any(kind == OUTPUT for kind, _, _ in fast_plan(op, (True,) * len(live), "general").save) else ""
    masks = _masks(len(live))
    fill["saves"] = "".join(_save_text(op, live, mask, numbers) for mask in masks)
    usual = "".join(_usual_text(op, live, mask, numbers) for mask in masks) if op.compact else ""
    fill["usual"] = usual and USUAL.format(result=indent(fill["result"], "    "), saves=usual)
    fill["alike"] = indent(fill["result"], " " * 8) + "".join(_alike_text(op, live, mask) for mask in masks)


def _readable(made: dtype, of: dtype) -> bool:
    """True where what is made of operands of a dtype is computed by what is remembered, and its rules are read as arithmetic."""
    return made is of and of.is_floating_point


def _masks(count: int) -> list[tuple[bool, ...]]:
    return [(True,)] if count == 1 else [(True, True), (True, False), (False, True)]


def _plan_name(mask: tuple[bool, ...], variant: str) -> str:
    return f"{variant}_{''.join('1' if m else '0' for m in mask)}"


def _save_text(op: Op, live: list[str], mask: tuple[bool, ...], numbers: bool) -> str:
    """Where these operands need a gradient: the plan for how they agree, and what it keeps."""
    otherwise = f"plans[{_masks(2).index(mask)}]" if op.paired else _plan_name(mask, "general")
    plan = f"{_plan_for(mask, 'alike', 'number', numbers)} if alike else {otherwise}"
    return _where(live, mask, _saving(op, mask, plan), "        ")


def _saving(op: Op, mask: tuple[bool, ...], plan: str) -> list[str]:
    saved = _saved(op, mask)
    if op.compact:
        kept = f"node.one, node.other = {slots(saved)}"
    elif _reads_operands(op, mask):
        kept = f"node.saved = ({', '.join(f'{value}, {version}' for value, version in saved)},)"
    else:
        kept = f"node.saved = {_plan_name(mask, 'constants')}"
    return [f"node.plan = {plan}", kept]


def _usual_text(op: Op, live: list[str], mask: tuple[bool, ...], numbers: bool) -> str:
    """The same for small operands that are alike, where nothing that a CompactPair holds was ever written to."""
    return _where(live, mask, _usually(op, mask, _plan_for(mask, "small", "few", numbers)), "            ")


def _usually(op: Op, mask: tuple[bool, ...], plan: str) -> list[str]:
    saved = _saved(op, mask)
    versions = " or ".join(version for _, version in saved if version != "0")
    first, second = [*(value for value, _ in saved), "None", "None"][:2]
    kept = f"node.plan = {plan}; node.one = {first}; node.other = {second}; return t"
    return [f"if not ({versions}): {kept}" if versions else kept]


def _alike_text(op: Op, live: list[str], mask: tuple[bool, ...]) -> str:
    """Both for tensors that are alike and small."""
    usually = _usually(op, mask, _plan_name(mask, "small")) if op.compact else []
    return _where(live, mask, [*usually, *_saving(op, mask, _plan_name(mask, "alike"))], " " * 16)


def _saved(op: Op, mask: tuple[bool, ...]) -> list[tuple[str, str]]:
    """What is kept, with the versions."""
    of_argument = [("a", "version[0]"), ("b", "other_version[0]")]
    return [
        ("kept", "0") if kind == OUTPUT else of_argument[i] if kind == TENSOR else (f"d{i}", "0")
        for kind, i, _ in fast_plan(op, mask, "general").save
    ]


def _where(live: list[str], mask: tuple[bool, ...], lines: list[str], space: str) -> str:
    """The text of what is done where exactly these operands need a gradient."""
    only = " and ".join(f"n{n} is {'not ' if m else ''}None" for n, m in zip(live, mask, strict=True)) if len(mask) > 1 else "True"
    return f"{space}{'if' if all(mask) else 'elif'} {only}:\n" + "".join(f"{space}    {line}\n" for line in lines)


def _plan_for(mask: tuple[bool, ...], usual: str, beside: str, numbers: bool) -> str:
    """The text of the plan of operands that are alike, where the second may be a number: if it requires no grad."""
    name = _plan_name(mask, usual)
    return f"({_plan_name(mask, beside)} if number else {name})" if numbers and not mask[-1] else name


def slots(saved: list[tuple[str, str]]) -> str:
    """What a CompactPair holds of values with their versions."""
    held = [value if version == "0" else f"(({value}, v) if (v := {version}) else {value})" for value, version in saved]
    return ", ".join([*held, "None", "None"][:2])


def _reads_operands(op: Op, mask: tuple[bool, ...]) -> bool:
    """Whether anything is kept that not every call has in common."""
    return fast_plan(op, mask, "general").keeps_tensors


def given(*arguments: Any) -> tuple[Any, ...]:
    return tuple(a for a in arguments if a is not MISSING)


def specialise(op: Op, slow: Callable[..., Any], numbers: bool, operator: bool) -> Callable[..., Any]:
    """`call(a[, b])`: the specialised op where the operands agree, `slow` elsewhere. An operator takes nothing but its operands."""

    def write(space: dict[str, Any]) -> Any:
        space.update({**space_of(op, numbers), "slow": slow})
        exec(code_of(source_of(op, specialisable(op), numbers, operator), op.key), space)
        return space["call"]

    return written_when_called(write)


class Known(dict[Any, Any]):
    """By what `rows` says of all operands: the kernel that small ones of them were given to.

    By the pair of what it says of two that are broadcast: the kernel, what it says of the result, and the plans of the node or,
    where it has a place for them, its `fits`.
    """

    def __init__(self, op: Op) -> None:
        self.op, self.fitted = op, Fitted(op)

    def learn(self, key: Any, way: Any) -> None:
        if len(self) >= LIMIT:
            self.clear()
        self[key] = way

    def learn_together(self, form: Rows, other: Rows, kernel: Callable[..., Any], r: np.ndarray, dtype: Any) -> None:
        """Remember what became of two operands of one dtype, where the result has it, too, and is one of few elements."""
        order = rows(wrap(r, OF_NUMPY[r.dtype]))
        if order and order.dtype is dtype and r.size < LARGE and r.ndim != 4:
            operands = (form.shape, dtype), (other.shape, dtype)
            if not self.op.paired:
                agreed: Any = tuple(operands[i] for i in self.op.diff)
            elif (of_row := fits_of_row(operands, order.shape)) is not None:
                agreed = plans_of(self.op, "row", of_row)
            else:
                agreed = self.fitted[form.shape, other.shape, dtype]
            self.learn((form, other), (kernel, order, agreed))


class Fitted(dict[Any, tuple[Plan, ...]]):
    """By the shapes of two operands and their dtype: the plans of the node."""

    def __init__(self, op: Op) -> None:
        self.op = op

    def __missing__(self, key: Any) -> tuple[Plan, ...]:
        one, other, dtype = key
        if len(self) >= LIMIT:
            self.clear()
        self[key] = made = plans_of(self.op, "general", ((one, dtype), (other, dtype)))
        return made


def plans_of(op: Op, variant: str, fits: Any) -> tuple[Plan, ...]:
    """The plans of an op with two differentiable operands, for each set of those that need a gradient."""
    return tuple(fast_plan(op, mask, variant).fitted(fits) for mask in _masks(2))


class Computed(dict[Any, tuple[Any, ...]]):
    """By the dtype of the operands: that of the result, the kernel, that for large arrays, whether rules are read as arithmetic there.

    Last, how many elements are few for that.
    """

    def __missing__(self, dtype: Any) -> tuple[Any, ...]:
        return None, None, None, False, 0


def kernels_of(op: Op, count: int) -> tuple[Callable[..., Any], Callable[..., Any], Program | None]:
    """What computes on `count` real arrays, and on complex ones: the kernel with its other arguments, or the ufunc it comes to.

    Third, the program for large real arrays, if there is one.
    """
    defaults = [a.default for a in op.schema.arguments[count:]]
    whole = op.kernel if not defaults else lambda *arrays: op.kernel(*arrays, *defaults)
    names = ["x", "y"][:count]
    read = kernel_text(op.kernel, [Symbol(name) for name in names], defaults)
    if read is None:
        return as_ufunc(op.kernel, count, defaults) or whole, whole, None
    return as_ufunc(op.kernel, count, defaults) or with_arrays(read.text, names) or whole, whole, program([read.text], names, {})


def with_arrays(text: str, names: Sequence[str]) -> Callable[..., Any] | None:
    """What the text of a kernel does, with arrays for the numbers in it; None where there are none."""
    space: dict[str, Any] = {"np": np}
    lines, (made,) = numbers_as_arrays([text], names[0], space)
    return function_of(names, [*lines, f"return {made}"], text, space) if lines else None


def space_of(op: Op, numbers: bool) -> dict[str, Any]:
    """The names the text of a specialised call uses."""
    count = specialisable(op)
    result = result_dtypes(op, count)
    real, general, large = kernels_of(op, count)
    computed, known = Computed(), Known(op)
    for d, made in result.items():
        kernel = general if d.is_complex else real
        with_large = kernel if large is None or made is not d or d.is_complex else on_large(large, kernel, d.np)
        readable = _readable(made, d)
        computed[d] = made, kernel, with_large, readable, LARGE if readable else 0
    space: dict[str, Any] = {f"d{i}": a.default for i, a in enumerate(op.schema.arguments) if i >= count}
    for mask in _masks(len(op.diff)) if op.diff else ():
        plans = {v: fast_plan(op, mask, v) for v in ("general", "alike", "number", "small", "few")}
        space |= {_plan_name(mask, v): plan for v, plan in plans.items()}
        if not _reads_operands(op, mask):
            defaults = [op.schema.arguments[i].default for _, i, _ in plans["general"].save]
            space[_plan_name(mask, "constants")] = tuple(x for default in defaults for x in (default, 0))
    return space | {
        "Tensor": Tensor, "PLAIN": PLAIN, "RESULT": computed, "NUMBERS": numbers,
        "current": modes.current, "few": known.get, "learn": known.learn,
        "PLANS": plans_of(op, "general", None) if op.paired else None, "fitted": known.fitted,
        "learn_together": known.learn_together,
        "MISSING": MISSING, "given": given, "silent": silent, "rows": rows, "constant": constant,
        "asarray": np.asanyarray, "broadcast": np.broadcast, "laid_out": laid_out,
        "ndarray": np.ndarray, "Node": op.Node, "FRESH": FRESH, "Saved": Saved, "LEAF": LEAF, "edge_of": edge_of, "sequence": sequence,
    }  # fmt: skip
