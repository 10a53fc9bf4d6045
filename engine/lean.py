"""From a declaration to `run(values)` with its arguments in place, for ops of any family.

`Op.generic` is the meaning; `run` does the same for up-to-date Tensors in a plain mode whose dtypes agree, in straight lines
written from the declaration and compiled when the op is first run, and hands everything else to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, modes
from .compiled import lean_plan
from .declaration import DTYPE, GEOMETRY, NEEDS, OUTPUT, SHAPE, TENSOR, TENSORS, Plan
from .graph import Saved, edge_of, sequence
from .kept import version_of
from .operands import settle, shape_of
from .promotion import BY_SHAPE
from .schema import Argument
from .silence import is_quiet, loud, quiet
from .specialise import edge_text
from .strided import laid_out
from .tensor import LEAF, PLAIN, Tensor, strides_of, wrap
from .views import make_view, outdated, share, view_creation

if TYPE_CHECKING:
    from .op import Op

NUMBER = np.zeros(())
LEFT_OUT = ("write", "restride")  # exist in place alone


def lean(op: Op) -> Callable[[list[Any]], Any]:
    """`run(values)` of an op; the generic one itself where there is nothing to gain, or a failed kernel may have drawn random numbers."""
    random = any(a.type.startswith("Generator") for a in op.schema.arguments)
    if op.family.plan in LEFT_OUT or op.family.flips or op.family.underived or random or not op.tensors:
        return op.generic
    space = space_of(op)
    exec(compile(source_of(op), f"<{op.key}>", "exec"), space)
    return space["run"]


def lean_raw(op: Op) -> Callable[[list[Any]], Any]:
    """`raw(values)` of an op on arrays that need no conversion, where a rule has turned NumPy's warnings off already."""
    drawn = any(a.type.startswith("Generator") or (a.is_tensor and "[" in a.type) for a in op.schema.arguments)
    if op.family.plan in LEFT_OUT or drawn or not op.tensors:
        return op.generic_raw
    space = space_of(op) | {"slow": op.generic_raw, "is_quiet": is_quiet, "GENERIC": modes.GENERIC}
    space["SAME"] = op.unpromoted and frozenset(d.np for d in op.unpromoted)
    exec(compile(raw_source_of(op), f"<{op.key}>", "exec"), space)
    return space["raw"]


def raw_source_of(op: Op) -> str:
    """`x<i>` are the arguments themselves."""
    lines = [
        f"{', '.join(f'a{i}' for i in range(len(op.schema.arguments)))}, = values",
        "if not is_quiet() or current() & GENERIC: return slow(values)",
    ]
    for i, _ in op.tensors:
        allowed = f"a{i} is not None and " if op.schema.arguments[i].optional else ""
        lines += [f"if {allowed}type(a{i}) is not ndarray: return slow(values)", f"x{i} = a{i}"]
    if op.family.first is not None:
        lines.append(f"first({', '.join(f'a{i}' for i in range(len(op.schema.arguments)))})")
    before, call = _computed(op, "dtype")
    lines += [*before, "try:", *call, "except Exception: return slow(values)"]
    if len(op.schema.outputs) > 1 or op.schema.returns_list:
        lines.append("return [settle(x, None) for x in r]")
    else:
        lines += [*_settled(op), "return r"]
    return "def raw(values):\n" + "".join(f"    {line}\n" for line in lines)


def space_of(op: Op) -> dict[str, Any]:
    """The names the text uses."""
    return {
        "slow": op.generic, "current": modes.current, "PLAIN": PLAIN, "outdated": outdated, "first": op.family.first, "kernel": op.kernel,
        "promote": op.promote, "quiet": quiet, "loud": loud, "ndarray": np.ndarray, "asarray": np.asarray, "laid_out": laid_out,
        "NUMBER": NUMBER, "wrap": wrap, "OF_NUMPY": dtypes.OF_NUMPY, "make_view": make_view, "share": share, "op": op, "settle": settle,
        "creation": view_creation(op), "record": op.record, "Node": op.Node, "LEAF": LEAF, "edge_of": edge_of, "sequence": sequence,
        "SAME": op.unpromoted, "kept": Kept(op), "known": set(),
    }  # fmt: skip


def source_of(op: Op) -> str:
    lines = [f"{', '.join(f'a{i}' for i in range(len(op.schema.arguments)))}, = values", "mode = current()"]
    lines.append("if mode > 1: return slow(values)")
    for i, _ in op.tensors:
        lines += _operand(op, i, op.schema.arguments[i])
    for name in op.family.constants:
        lines.append(f"if mode and n{op.schema.names.index(name)} is not None: return slow(values)")
    if op.family.first is not None:
        lines.append(f"first({', '.join(f'a{i}' for i in range(len(op.schema.arguments)))})")
    before, call = _computed(op, "_dtype")
    lines += before
    if op.family.plan == "view":
        lines += ["try:", *call, "except Exception: return slow(values)"]
    else:
        lines += [
            "token = quiet()",
            "try:",
            *call,
            "except Exception: r = None",
            "finally: loud(token)",
            "if r is None: return slow(values)",
        ]
    several = len(op.schema.outputs) > 1 or op.schema.returns_list
    lines += _several(op) if several else _single(op)
    return "def run(values):\n" + "".join(f"    {line}\n" for line in lines)


def _unready(t: str) -> str:
    return f"type({t}) not in PLAIN or {t}._counter is None or ({t}._view is not None and outdated({t}))"


def _operand(op: Op, i: int, a: Argument) -> list[str]:
    """Sets `x<i>` to the array and `n<i>` to the node of a Tensor argument; for a list to a list, and to the last node there is."""
    if "[" in a.type:
        return [
            f"if a{i} is None: return slow(values)",
            f"x{i} = []; n{i} = None",
            f"for t in a{i}:",
            f"    if t is None: x{i}.append(None); continue",
            f"    if {_unready('t')}: return slow(values)",
            f"    x{i}.append(t._array)",
            f"    if t._node is not None: n{i} = t._node",
        ]
    lines = [f"if {_unready(f'a{i}')}: return slow(values)", f"x{i} = a{i}._array; n{i} = a{i}._node"]
    if a.optional:
        lines = [f"if a{i} is None: x{i} = n{i} = None", "else:", *(f"    {line}" for line in lines)]
    return lines


def _computed(op: Op, dtype: str) -> tuple[list[str], list[str]]:
    """What is looked at before, and what sets `r` to what the kernel gives. Errors are for the generic call, which knows their order."""
    types = [a.type for a in op.schema.arguments]
    given = [f"x{i}" if a.is_tensor else f"a{i}" for i, a in enumerate(op.schema.arguments)]
    before: list[str] = []
    call = []
    if op.family.promote is not None and op.unpromoted is not None:
        head, *rest = op.promoted
        before.append(f"if a{head} is None or a{head}.{dtype} not in SAME: return slow(values)")
        before += [f"if a{i} is not None and a{i}.{dtype} is not a{head}.{dtype}: return slow(values)" for i in rest]
    elif op.family.promote is not None:
        changed = [f"xs[{i}] is not x{i}" for i in op.promoted if types[i].startswith("Tensor")]
        changed += [f"any(p is not q for p, q in zip(xs[{i}], x{i}))" for i in op.promotes_list]
        call = [f"xs = [{', '.join(given)}]", "low = promote(values, xs).low", f"if {' or '.join(['low', *changed])}: return slow(values)"]
        if op.family.promote in BY_SHAPE and all(types[i].startswith("Tensor") for i in op.promoted) and not op.promotes_list:
            before.append(f"key = ({', '.join(f'a{i} is None or (x{i}.shape, a{i}.{dtype})' for i in op.promoted)},)")
            call = ["if key not in known:", *(f"    {line}" for line in call), "    if len(known) < 4096: known.add(key)"]
        else:
            given = [f"xs[{i}]" if i in op.promoted else name for i, name in enumerate(given)]
    call.append(f"r = kernel({', '.join(given)})")
    return before, [f"    {line}" for line in call]


def _settled(op: Op) -> list[str]:
    """Makes the one result `r` an array in PyTorch's layout."""
    lines = ["if type(r) is not ndarray:", "    if isinstance(r, (tuple, list)): return slow(values)", "    r = asarray(r)"]
    if op.family.plan == "pointwise":
        arrays = [f"x{i}" for i, is_list in op.tensors if not is_list]
        unlike = " or ".join(f"({x} is not None and r.strides != {x}.strides)" for x in arrays) or "True"
        numbers = [] if op.family.unary else ["NUMBER" for i in op.promoted if not op.schema.arguments[i].is_tensor]
        lines.append(f"if r.ndim and (r.ndim == 4 or {unlike}): r = laid_out(r, ({', '.join(arrays + numbers)},))")
    return lines


def _single(op: Op) -> list[str]:
    """Wraps and records the one result `r`."""
    lines = _settled(op)
    lines.append("t = wrap(r, OF_NUMPY[r.dtype])")
    if op.schema.is_view:
        lines.append("make_view(t, a0, op, values, creation)")
    elif op.family.plan == "view":
        lines.append("share(t, a0, op, values)")
    lines += _recorded(op, "t", "[t]")
    return [*lines, "return op.named([t])" if op.schema.returns.startswith("(") else "return t"]


def _several(op: Op) -> list[str]:
    lines = ["outs = op._wrap(values, [settle(x, None) for x in r], None)"]
    lines += _recorded(op, "", "outs")
    return [*lines, "return tuple(outs)" if op.schema.returns_list else "return op.named(outs)"]


def _recorded(op: Op, single: str, outs: str) -> list[str]:
    if not op.diff:
        return []
    needs = f"({', '.join(f'n{i} is not None' for i in op.diff)},)"
    lines = [f"if mode and ({' or '.join(f'n{i} is not None' for i in op.diff)}):", f"    needs = {needs}"]
    if not single or op.takes_lists:
        return [*lines, f"    record(values, {outs}, needs)"]
    recordable = f"{single}._dtype.differentiable" + ("" if op.family.complex_gradient else f" and not {single}._dtype.is_complex")
    edges = ", ".join(edge_text(f"a{i}", f"n{i}") for i in op.diff)
    fits = ", ".join(f"(None if a{i} is None else (x{i}.shape, a{i}._dtype))" for i in op.diff)
    return [
        *lines,
        f"    if {recordable}:",
        "        node = Node()",
        "        node.plan, keep = kept[needs]",
        f"        node.edges, node.fits, node.extras = ({edges},), ({fits},), None",
        "        node.saved = keep(values, t)",
        "        node.seq = sequence()",
        "        t._node = node",
        f"    else: record(values, {outs}, needs)",
    ]


_steps: dict[Any, tuple[int, ...]] = {}


def geometry(t: Tensor) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Shape, strides in elements and offset of a tensor."""
    array = t._array
    key = array.shape, array.strides, array.itemsize
    steps = _steps.get(key)
    if steps is None:
        if len(_steps) > 4096:
            _steps.clear()
        steps = _steps[key] = strides_of(array)
    return key[0], steps, t.storage_offset()


class Kept(dict):
    """For each set of arguments that need a gradient: the plan, and what makes of a call the list of all that is kept."""

    def __init__(self, op: Op) -> None:
        self.op = op

    def __missing__(self, needs: tuple[bool, ...]) -> tuple[Plan, Callable[[list[Any], Tensor], list[Any]]]:
        plan = lean_plan(self.op, needs)
        wanted = {name for name, need in zip(self.op.differentiable, needs, strict=True) if need}
        texts = [_kept_text(self.op.schema.arguments[i] if kind != OUTPUT else None, kind, i, wanted) for kind, i, _ in plan.save]
        space = {"Saved": Saved, "shape_of": shape_of, "version_of": version_of, "geometry": geometry}
        self[needs] = made = plan, eval(f"lambda values, t: [{', '.join(texts)}]", space)
        return made


def _kept_text(a: Argument | None, kind: int, i: int, wanted: set[str]) -> str:
    """The value kept for one thing the rules want, and its version."""
    v, is_list = f"values[{i}]", a is not None and "[" in a.type and a.is_tensor
    if kind == OUTPUT:
        return "Saved(t), t._counter[0]"
    if kind == TENSOR:
        return f"{v}, version_of({v})" if a.optional else f"{v}, {v}._counter[0]"  # type: ignore[union-attr]  # a TENSOR is an argument
    if kind == TENSORS:
        return f"list({v}), version_of({v})"
    if kind == SHAPE:
        return (f"[shape_of(x) for x in {v}]" if is_list else f"shape_of({v})") + ", 0"
    if kind == DTYPE:
        return (f"[x._dtype for x in {v}]" if is_list else f"{v}._dtype") + ", 0"
    if kind == GEOMETRY:
        return f"geometry({v}), 0"
    return f"{wanted!r}, 0" if kind == NEEDS else f"{v}, 0"
