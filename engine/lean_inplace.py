"""The in-place form of an op in straight lines, as `engine.lean` writes the others; `engine.inplace.run` is the meaning.

Left to it are a target that may share memory with another operand, a leaf, a mode that is not plain, dtypes that differ.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from .alike import result_dtypes, specialisable
from .compiled import fast_plan, lean_plan
from .constants import constant
from .declaration import TENSOR, Plan
from .inplace import MISFIT, copy_of
from .lean import KEEPING, computed, fit_text, held_in, kept_text, listed, names_of, operand, some, space_of
from .memory import recycled
from .operands import expands
from .overlap import same_elements
from .promotion import BY_DTYPE, BY_SHAPE
from .specialise import edge_text, outdated_text
from .texts import function_of
from .traced import as_ufunc
from .views import check_cast, check_inplace, rebase

if TYPE_CHECKING:
    from .op import Op

COUNT = ["if a0._counter is FRESH: a0._counter = [1]", "else: a0._counter[0] += 1"]
# Rounded exactly, whichever loop NumPy takes: the result may be the first operand. Not `negative`: NumPy 2.4 reads the wrong elements
# where it writes with gaps and those it reads are as many elements apart as one has bytes.
EXACT = {np.add, np.subtract, np.multiply, np.divide}


def lean_in_place(op: Op) -> Callable[..., Any]:
    """The in-place call of an op with every argument in place."""
    lines = lines_in_place(op)
    if lines is None:
        return lambda *values: op.generic_in_place([*values])
    return function_of(names_of(op), lines, f"{op.key} in place", space_in_place(op))


def space_in_place(op: Op, numbers: Collection[int] = ()) -> dict[str, Any]:
    """The names the text uses; `numbers` are the Tensor arguments for which Python numbers are given."""
    count = specialisable(op)
    exact = op.family.inplace and count and as_ufunc(op.kernel, count, [a.default for a in op.schema.arguments[count:]])
    direct = [d for d, result in result_dtypes(op, count).items() if result is d and d.is_floating_point] if count else []
    return space_of(op) | {
        "slow": op.generic_in_place, "look": op.family.inplace, "check_inplace": check_inplace, "rebase": rebase, "copy_of": copy_of,
        "check_cast": check_cast, "MISFIT": MISFIT, "expands": expands, "constant": constant, "may_share": may_share, "recycled": recycled,
        "same_elements": same_elements, "may_share_memory": np.may_share_memory, "exact": exact,
        "DIRECT": frozenset(direct), "kept": KeptBefore(op, numbers),
        **{f"default{i}": a.default for i, a in enumerate(op.schema.arguments)},
    }  # fmt: skip


def lines_in_place(op: Op, numbers: Collection[int] = (), certain: Collection[int] = ()) -> list[str] | None:
    """What is done once the arguments are in place; None where the generic call does it. The arguments `certain` are plain Tensors."""
    family, arguments = op.family, op.schema.arguments
    warns = family.promote is not None and family.promote not in BY_DTYPE | BY_SHAPE  # or may: it looks at more than it has to
    odd = warns or family.underived or family.into is not None or family.apart is True or op.takes_lists or len(op.schema.outputs) > 1
    if odd or family.plan == "restride" or any(a.type.startswith("Generator") or "Tensor[" in a.type for a in arguments):
        return None
    slow = f"return slow({listed(op)})"
    lines = ["mode = current()", f"if mode > 1: {slow}"]
    tensors = [i for i, _ in op.tensors if i not in numbers]
    unknown = [line for i in tensors for line in operand(op, i, arguments[i], i in certain)]
    lines += _alike(op, tensors, unknown, certain) if _is_exact(op) else unknown
    lines += _apart(op, numbers)
    if numbers:
        lines += [f"if a0._dtype not in DIRECT: {slow}", *(f"x{i} = constant(a{i}, a0._dtype); n{i} = None" for i in numbers)]
    lines += _allowed(op, numbers)
    return [
        *lines,
        *_written(op, numbers),
        "if a0._counter is FRESH: a0._counter = [1]",
        "else: a0._counter[0] += 1",
        *_rebased(op, numbers),
        "return a0",
    ]


def _is_exact(op: Op) -> bool:
    """True where the usual call writes the result of one ufunc right to the target."""
    count = specialisable(op)
    return bool(op.family.inplace and count and as_ufunc(op.kernel, count, [a.default for a in op.schema.arguments[count:]]) in EXACT)


def _alike(op: Op, tensors: list[int], otherwise: list[str], certain: Collection[int]) -> list[str]:
    """Sets `alike` to whether the tensors lie in one row-major order, which says, too, that they are plain, and of one dtype."""
    slow = f"return slow({listed(op)})"
    asked = ["alike = a0._rows if a0._rows is not None else rows(a0)"]
    for i in tensors[1:]:
        asked += [f"if alike and a{i}._rows is None: rows(a{i})", f"alike = alike and a{i}._rows is alike"]
    if any(i not in certain for i in tensors):
        asked = ["try:", *(f"    {line}" for line in asked), f"except AttributeError: {slow}"]
    return [
        *asked,
        "if alike:",
        f"    if {' or '.join(outdated_text(f'a{i}') for i in tensors)}: {slow}",
        *(f"    x{i} = a{i}._array; n{i} = a{i}._node" for i in tensors),
        "else:",
        *(f"    {line}" for line in otherwise),
    ]


def _apart(op: Op, numbers: Collection[int]) -> list[str]:
    """Leaves to the generic call what may share memory: within the target, or with another operand."""
    slow = f"return slow({listed(op)})"
    lines = [
        "root = x0",
        "if x0.base is not None:",
        "    if type(x0.base) is ndarray: root = x0.base",
        f"    if (root.base is not None and not recycled(root)) or 0 in x0.strides: {slow}",
    ]
    for i, _ in op.tensors[1:]:
        if i not in numbers:
            absent = f"x{i} is not None and " if op.schema.arguments[i].optional else ""
            itself = f" and not same_elements(a{i}, a0) and may_share_memory(x{i}, x0)" if i in op.copied else ""  # which moves nothing
            lines.append(f"if {absent}(x{i} is root or (x{i}.base is not None and may_share(x{i}, root))){itself}: {slow}")
    return lines


def may_share(array: np.ndarray, root: np.ndarray) -> bool:
    """True where a view may lie in the memory that `root` owns."""
    top = array.base if type(array.base) is np.ndarray else array
    return top is root or (top.base is not None and not (recycled(top) and top.base is not root.base))


def _allowed(op: Op, numbers: Collection[int]) -> list[str]:
    """Sets `recorded`; leaves to the generic call what may not be written to, which says why, and operands that share the target's count.

    They may do so with memory of their own, once `data` was assigned.
    """
    if not op.diff:
        return []
    odd = "not a0._dtype.differentiable or n0 is LEAF or type(n0) is tuple or (n0 is not None and n0.enters)"
    operands = [(f"a{i}", op.schema.arguments[i].optional) for i, _ in op.tensors[1:] if i not in numbers]
    shared = " or ".join(f"({f'{a} is not None and ' * optional}{a}._counter is counter)" for a, optional in operands)
    return [
        f"recorded = mode and ({some(op)})",
        "if recorded:",
        f"    if {odd}: return slow({listed(op)})",
        *[f"    if (counter := a0._counter) is not FRESH and ({shared}): return slow({listed(op)})"] * bool(shared),
        "    view = a0._beside",
        "    if view is not None and view.base is not None:",
        "        of = view.base._node",
        "        usual = of is not None and of is not LEAF and type(of) is not tuple and not of.enters",
        "        if view.creation is not None or n0 is None or not usual: check_inplace(a0, True)",
    ]


def _written(op: Op, numbers: Collection[int]) -> list[str]:
    """Computes, keeps what the rules want of the target as it was, and writes to its memory."""
    slow = f"return slow({listed(op)})"
    general = [*_result(op), *_before(op, "False"), "x0[...] = r"]
    if not _is_exact(op):
        return general
    count = specialisable(op)
    usual = [f"a{i} is default{i}" for i in range(count, len(op.schema.arguments))]
    same = [f"(alike or a{i}._dtype is a0._dtype)" for i in range(1, count) if i not in numbers]
    arrays = ", ".join(f"x{i}" for i in range(count))
    return [  # what else would look at the arguments finds nothing in these, but shapes that the ufunc refuses
        f"if {' and '.join(['a0._dtype in DIRECT', *same, *usual])}:",
        *(
            f"    {line}"
            for line in [
                *_before(op, "True if alike else False"),
                "try:",
                f"    silent(exact, {arrays}, x0)",
                f"except Exception: return again(slow, {listed(op)})",
            ]
        ),
        "else:",
        *(f"    {line}" for line in (["alike = False", *general] if not numbers else [slow])),
    ]


def _before(op: Op, alike: str) -> list[str]:
    """What is looked up, and copied, before the target is written to; `alike` is the text of whether all lie alike in row-major order."""
    if not op.diff:
        return []
    key = f"({', '.join(f'n{i} is not None' for i in op.diff)}, {alike})"
    return ["if recorded:", f"    plan, keep, copies = kept[{key}]", "    before = copy_of(a0) if copies else a0"]


def looks(op: Op) -> list[str]:
    """What looks at the arguments before anything is computed, and may refuse them."""
    given, family = ", ".join(names_of(op)), op.family
    return [f"first({given})"] * (family.first is not None) + [f"look({given})"] * callable(family.inplace)


def _result(op: Op) -> list[str]:
    """Sets `r` to what is to be written, in a shape and a dtype that the target takes."""
    head, call = computed(op, "_dtype", "silent(kernel, ", looks(op))
    fits = " and r.ndim and not expands(r.shape, x0.shape)" if op.family.plan == "write" else ""
    return [
        *head,
        "try:",
        *call,
        f"except Exception: return again(slow, {listed(op)})",
        "if type(r) is not ndarray: r = asarray(r)",
        f"if r.shape != x0.shape{fits}: raise RuntimeError(MISFIT.format(list(x0.shape), list(r.shape)))",
        "if r.dtype is not x0.dtype: check_cast(OF_NUMPY[r.dtype], a0._dtype)",
    ]


def _rebased(op: Op, numbers: Collection[int]) -> list[str]:
    """Gives the target its new history."""
    if not op.diff:
        return []
    edges = [edge_text(f"a{i}", f"n{i}") if i not in numbers else "None" for i in op.diff]
    joined = f"node.first, node.second = {', '.join(edges)}" if op.paired else f"node.edges = ({', '.join(edges)},)"
    fits = ", ".join(fit_text(op, i) if i not in numbers else "((), a0._dtype)" for i in op.diff)
    if op.paired and numbers:  # the other gradient is as the result
        fitted = "node.plan = plan"
    elif op.paired:
        fitted = f"node.plan = {'plan if alike else ' * _is_exact(op)}plan.fitted(({fits},))"
    else:
        fitted = f"node.plan = plan; node.fits = {'None if alike else ' * _is_exact(op)}({fits},)"
    return [
        "if recorded:",
        "    node = Node()",
        f"    {joined}",
        f"    {fitted}",
        f"    {held_in(op)} = keep({', '.join(['before', *names_of(op)[1:]])}, a0)",
        "    node.seq = sequence()",
        "    if a0._beside is None: a0._node = node",
        "    else: rebase(a0, node)",
    ]


class KeptBefore(dict):
    """The plan, what makes the tuple of what is kept, whether the target is, as it was.

    For each set of arguments that need a gradient, and whether all operands lie alike in row-major order.
    """

    def __init__(self, op: Op, numbers: Collection[int]) -> None:
        self.op, self.numbers = op, numbers

    def __missing__(self, key: tuple[bool, ...]) -> tuple[Plan, Callable[..., tuple[Any, ...]], bool]:
        *flags, alike = key
        needs = tuple(flags)
        if alike:
            plan = fast_plan(self.op, needs, "number" if self.numbers else "alike")
        else:
            plan = fast_plan(self.op, needs, "general") if self.numbers else lean_plan(self.op, needs)
        text = f"lambda {', '.join(names_of(self.op))}, t: {kept_text(self.op, needs, self.numbers)}"
        self[key] = made = plan, eval(text, KEEPING), any(kind == TENSOR and i == 0 for kind, i, _ in plan.save)
        return made
