"""From a declaration to a call with its arguments in place, for ops of any family.

`Op.generic` is the meaning; what is written here does the same for up-to-date Tensors in a plain mode whose dtypes agree, in
straight lines compiled when the op is first called, and hands everything else to it. The argument at position i is `a<i>`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, modes
from .compiled import lean_plan
from .constants import constant
from .declaration import DTYPE, GEOMETRY, NEEDS, OUTPUT, SHAPE, TENSOR, TENSORS, VALUE, Plan
from .geometry import strides_of
from .graph import Saved, edge_of, sequence
from .kept import version_of
from .moves import Moves, Ways, remembers
from .once import again
from .operands import settle, shape_of
from .promotion import BY_NUMBER, BY_SHAPE, SMALL
from .registry import OPS
from .schema import Argument
from .silence import QUIET, policy, silent
from .specialise import edge_text, outdated_text, slots
from .strided import laid_out
from .tensor import FRESH, LEAF, PLAIN, Tensor, View, rows
from .texts import function_of
from .views import make_view, share, view_creation

if TYPE_CHECKING:
    from .op import Op

NUMBER = np.zeros(())
LEFT_OUT = ("write", "restride")  # exist in place alone


def lean(op: Op) -> Callable[..., Any]:
    """The call of an op with every argument in place."""
    lines, space = straight(op)
    return function_of(names_of(op), lines, op.key, space)


def straight(op: Op, certain: Collection[int] = ()) -> tuple[list[str], dict[str, Any]]:
    """What is done once the arguments are in place, and the names this uses; of a composite, what it usually comes to is in it.

    The arguments `certain` are plain Tensors.
    """
    if op.body is None:
        return lines_of(op, certain) or [f"return slow({listed(op)})"], space_of(op)
    otherwise = f"return body({', '.join(names_of(op))})"
    if op.usually is None:
        return [otherwise], {"body": op.body}
    key, where = op.usually
    target = OPS[key]
    places = {name: f"a{i}" for i, name in enumerate(op.schema.names)}
    condition = re.sub(r"\w+", lambda word: places.get(word[0], word[0]), where)
    others = {f"default{i}": a.default for i, a in enumerate(target.schema.arguments) if i >= len(places)}
    set_others = [f"a{name.removeprefix('default')} = {name}" for name in others]
    asked: list[str] = []
    if target.family.in_rows is not None and not others and set(certain) == {i for i, _ in target.tensors}:
        asked, condition = [asking(target)], f"way is not None or ({condition})"  # what is remembered says more
    lines = [*set_others, *(lines_of(target, certain, bool(asked)) or [])]
    return [*asked, f"if {condition}:", *(f"    {line}" for line in lines), otherwise], {**space_of(target), **others, "body": op.body}


def plain_node(op: Op) -> Callable[..., Any]:
    """What makes the node of a call in a plain mode, of its arguments and its result."""
    lines, space = [f"x{i} = a{i}._array; n{i} = a{i}._node" for i in op.diff] + new_node(op), space_of(op)
    return function_of([*names_of(op), "t"], [*lines, "return node"], f"node of {op.key}", space)


def lines_of(op: Op, certain: Collection[int] = (), asked: bool = False) -> list[str] | None:
    """What is done once the arguments are in place; None where the generic call does it: nothing is to gain, or a failure draws twice.

    `asked`: the line of `asking` is there already.
    """
    random = any(a.type.startswith("Generator") for a in op.schema.arguments)
    if op.family.plan in LEFT_OUT or op.family.flips or (op.family.underived and op.tensors) or random:
        return None
    return _lines(op, certain, asked)


def names_of(op: Op) -> list[str]:
    return [f"a{i}" for i in range(len(op.schema.arguments))]


def listed(op: Op) -> str:
    """The text of the list of all arguments, as the generic calls take them."""
    return f"[{', '.join(names_of(op))}]"


def lean_raw(op: Op) -> Callable[..., Any]:
    """The kernel of an op on arrays that need no conversion, where a rule has turned NumPy's warnings off already."""
    drawn = any(a.type.startswith("Generator") or (a.is_tensor and "[" in a.type) for a in op.schema.arguments)
    if op.body is not None or op.family.plan in LEFT_OUT or drawn or not op.tensors:
        return lambda *values: op.generic_raw(values)
    space = space_of(op) | {"slow": op.generic_raw, "policy": policy, "QUIET": QUIET, "GENERIC": modes.GENERIC}
    space["SAME"] = op.unpromoted and frozenset(d.np for d in op.unpromoted)
    space["BESIDE"] = op.unpromoted_beside and {kind: {d.np for d in taken} for kind, taken in op.unpromoted_beside.items()}
    return function_of(names_of(op), _raw_lines(op), op.key, space)


def _raw_lines(op: Op) -> list[str]:
    """`x<i>` are the arguments themselves."""
    slow = f"return slow({listed(op)})"
    lines = [f"if policy() is not QUIET or current() & GENERIC: {slow}"]
    for i, _ in op.tensors:
        allowed = f"a{i} is not None and " if op.schema.arguments[i].optional else ""
        lines += [f"if {allowed}type(a{i}) is not ndarray: {slow}", f"x{i} = a{i}"]
    looks = [f"first({', '.join(names_of(op))})"] if op.family.first is not None else []
    before, call = computed(op, "dtype", "kernel(", looks)
    lines += [*before, "try:", *call, f"except Exception: return again(slow, {listed(op)})"]
    if _has_several(op):
        return [*lines, "return [settle(x, None) for x in r]"]
    return [*lines, *_settled(op, False), "return r"]


def space_of(op: Op) -> dict[str, Any]:
    """The names the text uses."""
    return KEEPING | {
        "slow": op.generic, "again": again, "current": modes.current, "PLAIN": PLAIN, "first": op.family.first, "kernel": op.kernel,
        "promote": op.promote, "silent": silent, "ndarray": np.ndarray, "asarray": np.asanyarray, "laid_out": laid_out, "Tensor": Tensor,
        "NUMBER": NUMBER, "FRESH": FRESH, "OF_NUMPY": dtypes.OF_NUMPY, "make_view": make_view, "share": share, "op": op, "settle": settle,
        "View": View, "creation": view_creation(op), "record": op.record, "Node": op.Node, "NodeOfSeveral": op.NodeOfSeveral,
        "kept_for": op.kept_for, "named": op.result_type if op.schema.returns.startswith("(") else None, "LEAF": LEAF, "edge_of": edge_of,
        "sequence": sequence, "rows": rows, "ways": Moves() if op.family.plan == "view" else Ways(),
        "SAME": op.unpromoted, "BESIDE": op.unpromoted_beside, "LISTS": op.unpromoted_lists, "constant": constant,
        "kept": Kept(op), **_plans(op), "only_plan": lean_plan(op, (True,)) if len(op.diff) == 1 else None, "known": set(),
    }  # fmt: skip


def _lines(op: Op, certain: Collection[int], asked: bool) -> list[str]:
    slow = f"return slow({listed(op)})"
    looks = [f"first({', '.join(names_of(op))})"] if op.family.first is not None else []
    before, call = computed(op, "_dtype", "kernel(" if op.family.plan == "view" else "silent(kernel, ", looks)
    made = [*before, "try:", *call, f"except Exception: return again(slow, {listed(op)})"]
    constant = [f"if mode and n{op.schema.names.index(name)} is not None: {slow}" for name in op.family.constants]
    lines = ["mode = current()", f"if mode > 1: {slow}"]
    lines += _remembered(op, made, constant, certain, asked) if remembers(op) else [*operands(op, certain), *constant, *made]
    return lines + (_several(op) if _has_several(op) else _single(op))


def asking(op: Op) -> str:
    """Sets `way` to what is remembered of such tensors, of which `rows` was asked before."""
    return f"way = ways.get({_key(op, [f'a{i}._rows' for i, _ in op.tensors])})"


def _key(op: Op, forms: Sequence[str]) -> str:
    """What a way is remembered by: the forms of tensors, which come first, and the other arguments; 1 and 1.0 are the same key."""
    others = [(i, a) for i, a in enumerate(op.schema.arguments) if not a.is_tensor]
    return f"({', '.join([*forms, *(f'a{i}, type(a{i})' if a.type == 'Scalar' else f'a{i}' for i, a in others)])})"


def _remembered(op: Op, otherwise: list[str], before: list[str], certain: Collection[int], asked: bool) -> list[str]:
    """Sets `r` in the way known of such tensors, or does what it has to `otherwise`; sets `order` to what `rows` says of `r`.

    Of what is no view `made` is the dtype, where it is known: `r` is an array then. `fits`, `held` and `plans` are those of a node, where
    known. What `rows` says of tensors says, too, that they are plain. `before` is what is looked at in any case.
    """
    arguments, view = op.schema.arguments, op.family.plan == "view"
    slow = f"return slow({listed(op)})"
    tensors = [i for i, _ in op.tensors]
    others = [i for i in range(len(arguments)) if i not in tensors]
    lists = [f"type(a{i}) is not list" for i in others if "[" in arguments[i].type]
    odd = [f"except AttributeError: {slow}"] * any(i not in certain for i in tensors)
    odd += ["except TypeError: way = None"] * bool(lists)  # a list is no key
    lines = [] if asked else [f"try: {asking(op)}", *odd] if odd else [asking(op)]
    found = f"way = ways.get(key := {_key(op, [f'order{i}' for i in tensors])})"
    missing = [f"order{i} = rows(a{i}) if a{i}._rows is None else a{i}._rows" for i in tensors]
    missing += [f"try: {found}", "except TypeError: pass"] if lists else [found]
    lines += ["if way is None:", *(f"    {line}" for line in missing)]
    if view:
        take = ["way, given, order, fits, held = way", "r = way(x0, given)"]
        learn = f"ways.learn(key, op, x0, r, a0, {_held(op)})"
        otherwise = [*otherwise, *_settled(op)]
    else:
        given = ", ".join(f"x{i}" for i in tensors)
        failed = f"except Exception: return again(slow, {listed(op)})"
        values = ", ".join(f"x{i}" if i in tensors else f"a{i}" for i in range(len(arguments)))
        take = ["way, order, fits, held, made, plans = way", f"try: r = silent(way, {given})", failed]
        learn = f"silent(ways.learn, key, op, ({values},), {_held(op)})"
    read = [f"x{i} = a{i}._array; n{i} = a{i}._node" for i in tensors]
    any_order = " is not False" * (view or op.family.rules_in_rows is not None)
    return [
        *lines,
        "if way is not None:",
        f"    if {' or '.join(outdated_text(f'a{i}') for i in tensors)}: {slow}",
        *(f"    {line}" for line in [*read, *before, *take]),
        "else:",
        *(f"    {line}" for line in [*operands(op, certain), *before, *otherwise]),
        f"    if {' and '.join([*(f'order{i}{any_order}' for i in tensors), *lists])}: {learn}",
        "    order = fits = held = None" if view else "    order = fits = held = made = plans = None",
    ]


def _held(op: Op) -> str:
    """What a node keeps, where all of it follows from the shapes, dtypes and arguments that a way is remembered by; else None."""
    follows = len(op.diff) == 1 and all(kind in (SHAPE, DTYPE, VALUE) for kind, _, _ in lean_plan(op, (True,)).save)
    return kept_text(op, (True,)) if follows else "None"


def _has_several(op: Op) -> bool:
    return len(op.schema.outputs) > 1 or op.schema.returns_list


def operands(op: Op, certain: Collection[int]) -> list[str]:
    return [line for i, _ in op.tensors for line in operand(op, i, op.schema.arguments[i], i in certain)]


def _unready(t: str, certain: bool = False) -> str:
    return f"{'' if certain else f'type({t}) not in PLAIN or '}{t}._counter is None or {outdated_text(t)}"


def operand(op: Op, i: int, a: Argument, certain: bool = False) -> list[str]:
    """Sets `x<i>` to the array and `n<i>` to the node of a Tensor argument; for a list to a list, and to the last node there is.

    `like<i>` is the dtype that all of a list have, False where they have several. One that is `certain` is known to be a plain Tensor.
    """
    if "[" in a.type:
        return [
            f"if a{i} is None: return slow({listed(op)})",
            f"x{i} = []; n{i} = like{i} = None",
            f"for t in a{i}:",
            f"    if t is None: x{i}.append(None); continue",
            f"    if {_unready('t')}: return slow({listed(op)})",
            f"    if t._dtype is not like{i}: like{i} = t._dtype if like{i} is None else False",
            f"    x{i}.append(t._array)",
            f"    if t._node is not None: n{i} = t._node",
        ]
    lines = [f"if {_unready(f'a{i}', certain)}: return slow({listed(op)})", f"x{i} = a{i}._array; n{i} = a{i}._node"]
    if a.optional and not certain:
        lines = [f"if a{i} is None: x{i} = n{i} = None", "else:", *(f"    {line}" for line in lines)]
    return lines


def computed(op: Op, dtype: str, kernel: str, looks: list[str]) -> tuple[list[str], list[str]]:
    """What is looked at before, and what sets `r` to what the kernel gives. Errors are for the generic call, which knows their order.

    `looks` come last before the kernel: they may warn, and the generic call would warn again.
    """
    slow = f"return slow({listed(op)})"
    arguments = op.schema.arguments
    types = [a.type for a in arguments]
    given = [f"x{i}" if a.is_tensor else f"a{i}" for i, a in enumerate(arguments)]
    before: list[str] = []
    call = []
    if op.family.promote is not None and op.unpromoted is not None:
        head, *rest = op.promoted
        before.append(f"if a{head} is None or a{head}.{dtype} not in SAME: {slow}")
        before += [f"if a{i} is not None and a{i}.{dtype} is not a{head}.{dtype}: {slow}" for i in rest]
    elif op.family.promote is not None:
        changed = [f"xs[{i}] is not x{i}" for i in op.promoted if types[i].startswith("Tensor")]
        changed += [f"any(p is not q for p, q in zip(xs[{i}], x{i}))" for i in op.promotes_list]
        call = [f"xs = [{', '.join(given)}]", f"low = promote({listed(op)}, xs).low", f"if {' or '.join(['low', *changed])}: {slow}"]
        if op.family.promote in BY_SHAPE and all(types[i].startswith("Tensor") for i in op.promoted) and not op.promotes_list:
            absent = [f"a{i} is None or " if arguments[i].optional else "" for i in range(len(arguments))]
            before.append(f"seen = ({', '.join(f'{absent[i]}x{i}.shape, {absent[i]}a{i}.{dtype}' for i in op.promoted)})")
            call = ["if seen not in known:", *(f"    {line}" for line in call), "    if len(known) < 4096: known.add(seen)"]
        else:
            numbers = [i for i in op.promoted if not types[i].startswith("Tensor")]
            call += [f"x{i} = xs[{i}]" for i in numbers]
            given = [f"x{i}" if i in op.promoted else name for i, name in enumerate(given)]
            if op.unpromoted_beside:
                call = _beside_numbers(op, dtype, numbers, call)
            if op.unpromoted_lists:
                call = [f"if like{op.promotes_list[0]} not in LISTS:", *(f"    {line}" for line in call)]
    call += [*looks, f"r = {kernel}{', '.join(given)})"]
    return before, [f"    {line}" for line in call]


def _beside_numbers(op: Op, dtype: str, numbers: list[int], otherwise: list[str]) -> list[str]:
    """Makes Python numbers arrays of the dtype that all tensors have, where it is computed in; does what it has to `otherwise`."""
    head, *rest = [i for i in op.promoted if i not in numbers]
    usual = [f"a{head}.{dtype} in BESIDE.get(type(a{i}), ())" for i in numbers] + [f"a{i}.{dtype} is a{head}.{dtype}" for i in rest]
    known = f"a{head}._dtype" if dtype == "_dtype" else f"OF_NUMPY[a{head}.dtype]"
    if op.family.promote in BY_NUMBER:
        usual += [f"{-SMALL} < a{i} < {SMALL}" for i in numbers]
    converted = [f"    x{i} = constant(a{i}, {known})" for i in numbers]
    return [f"if {' and '.join(usual)}:", *converted, "else:", *(f"    {line}" for line in otherwise)]


def _settled(op: Op, of_tensors: bool = True) -> list[str]:
    """Makes the one result `r` an array in PyTorch's layout, which is NumPy's of operands in row-major order: tensors may know they are."""
    lines = ["if type(r) is not ndarray:", f"    if isinstance(r, (tuple, list)): return slow({listed(op)})", "    r = asarray(r)"]
    if op.family.plan == "pointwise":
        single = [i for i, is_list in op.tensors if not is_list]
        arrays = [f"x{i}" for i in op.order if i in single]
        unlike = " or ".join(f"({x} is not None and r.strides != {x}.strides)" for x in arrays) or "True"
        known = " and ".join(
            f"(a{i} is None or a{i}._rows)" if op.schema.arguments[i].optional else f"a{i}._rows" for i in op.order if i in single
        )
        if of_tensors and known:
            unlike = f"(not ({known}) and ({unlike}))"
        numbers = [] if op.family.unary else ["NUMBER" for i in op.promoted if not op.schema.arguments[i].is_tensor]
        lines.append(f"if r.ndim and (r.ndim == 4 or {unlike}): r = laid_out(r, ({', '.join(arrays + numbers)},))")
    return lines


def _single(op: Op) -> list[str]:
    """Wraps and records the one result `r`."""
    known = remembers(op) and op.family.plan != "view"
    lines = _settled(op) if not remembers(op) else []  # which a way that is remembered was looked at for
    if known:
        lines = ["if made is None:", *(f"    {line}" for line in _settled(op)), "    made = OF_NUMPY[r.dtype]"]
    lines += _wrapped("r", "order" if remembers(op) else "None")
    if op.schema.is_view and not op.changes_dtype:
        lines += ["t._dtype = a0._dtype", *_viewed(op)]
    else:
        same = op.family.plan == "view" and not op.changes_dtype
        lines += [f"t._dtype = {'made' if known else 'a0._dtype' if same else 'OF_NUMPY[r.dtype]'}", "t._counter = FRESH"]
        if op.schema.is_view:
            lines.append(f"make_view(t, a0, op, {listed(op)}, creation)")
        # what shares memory and is no view by its signature is no inference tensor here, and one result: `share` has nothing to do
    lines += _recorded(op)
    return [*lines, "return named(t)" if op.schema.returns.startswith("(") else "return t"]


def _wrapped(array: str, order: str = "None") -> list[str]:
    """Makes `t` over an array, with no history; dtype, view and version are still to be set."""
    return ["t = Tensor()", f"t._array = {array}", f"t._rows = {order}", "t._gradient = t._beside = t._node = None"]


def _viewed(op: Op) -> list[str]:
    """What `make_view` does where the view is taken in grad mode and strides alone remake it."""
    return [
        "outer = a0._beside",
        "if mode and (outer is None or outer.replay is None):",
        "    t._beside = view = View()",
        "    if outer is None or outer.base is None: view.base = base = a0; view.creation = creation",
        "    else:",
        "        view.base = base = outer.base",
        "        view.creation = outer.creation if creation is None or outer.creation == 'inference' else creation",
        "    counter = base._counter",
        "    if counter is FRESH: counter = base._counter = [0]",
        "    t._counter = counter",
        "    view.version = counter[0]; view.replay = view.rare = None; view.borrowed = False",
        f"else: make_view(t, a0, op, {listed(op)}, creation)",
    ]


def _several(op: Op) -> list[str]:
    """Wraps and records the results, all of which `r` holds."""
    lines = ["outs = []", "for x in r:", *(f"    {line}" for line in [*_one_of_several(op), "outs.append(t)"])]
    return [*lines, *_recorded_together(op), "return tuple(outs)" if op.schema.returns_list else "return named(*outs)"]


def _one_of_several(op: Op) -> list[str]:
    """Wraps a result `x`."""
    lines = ["if type(x) is not ndarray: x = asarray(x)", *_wrapped("x")]
    if op.schema.is_view and not op.changes_dtype:
        return [*lines, "t._dtype = a0._dtype", *_viewed(op)]
    lines += ["t._dtype = OF_NUMPY[x.dtype]", "t._counter = FRESH"]
    if op.schema.is_view:
        return [*lines, f"make_view(t, a0, op, {listed(op)}, creation)"]
    return [*lines, f"share(t, a0, op, {listed(op)})"] if op.family.plan == "view" else lines


def _recorded_together(op: Op) -> list[str]:
    """Records the results `outs`, where they require grad: those of a dtype that has gradients, and that some rule has one for."""
    if not op.diff:
        return []
    needs = f"({', '.join(f'n{i} is not None' for i in op.diff)},)"
    among = "" if not op.constant_results else f" and i not in {set(op.constant_results)}"
    recordable = "live" + ("" if op.family.complex_gradient else " and not outs[0]._dtype.is_complex")
    several = [
        "node = NodeOfSeveral()",
        "node.outputs = [(t._array.shape, t._dtype) for i, t in live]",
        f"node.plan = kept_for({needs})",
        "for i, t in live: t._node = (node, i) if i else node",
    ]
    alone = [
        "node = Node()",
        f"node.plan = {'only_plan' if len(op.diff) == 1 else f'kept[{needs}][0]'}",
        "[(i, t)] = live",
        "t._node = (node, i) if i else node",
    ]
    if op.schema.returns_list:
        made = several
    else:
        made = ["if len(live) > 1:", *(f"    {line}" for line in several), "else:", *(f"    {line}" for line in alone)]
    kept = f"kept[{needs}][1]({', '.join(names_of(op))}, outs)" if len(op.diff) > 1 else kept_text(op, (True,))
    return [
        f"if mode and ({some(op)}):",
        f"    live = [(i, t) for i, t in enumerate(outs) if t._dtype.differentiable{among}]",
        f"    if {recordable}:",
        *(f"        {line}" for line in made),
        f"        node.edges, node.fits = {_edges(op)}, {_fits(op)}",
        f"        node.saved = {kept}",
        "        node.seq = sequence()",
        f"    else: record({listed(op)}, outs, {needs})",
    ]


def some(op: Op) -> str:
    return " or ".join(f"n{i} is not None" for i in op.diff)


def _recorded(op: Op) -> list[str]:
    """Records the one result `t`, where it requires grad."""
    if not op.diff:
        return []
    record = f"record({listed(op)}, [t], ({', '.join(f'n{i} is not None' for i in op.diff)},))"
    recordable = "t._dtype.differentiable" + ("" if op.family.complex_gradient else " and not t._dtype.is_complex")
    return [
        f"if mode and ({some(op)}):",
        f"    if {recordable}:",
        *(f"        {line}" for line in new_node(op, remembers(op))),
        "        t._node = node",
        f"    else: {record}",
    ]


def new_node(op: Op, known: bool = False) -> list[str]:
    """Makes `node`, that of the result `t`; an argument may be None, or a number where it has no node.

    With `known` its `fits` are, what is `held`, and `plans`, or None.
    """
    written = known and op.family.rules_in_rows is not None
    lines, fits = ["node = Node()", f"node.edges = {_edges(op)}"], f"node.fits = {'fits or ' * known}{_fits(op)}"
    if len(op.diff) == 1:
        lines += ["node.plan = only_plan", f"node.saved = {'held or ' * known}{kept_text(op, (True,))}"]
    elif len(op.diff) == 2:
        first, second = (f"n{i}" for i in op.diff)
        for look, needs in zip((f"if {second} is None", f"elif {first} is None", "else"), NEEDS_OF_TWO, strict=True):
            plan = _plan_name(needs) + f" if plans is None else plans[{needs}]" * written
            lines.append(f"{look}: node.plan = {plan}; {held_in(op)} = {kept_text(op, needs)}")
    else:
        asked = ", ".join(f"n{i} is not None" for i in op.diff)
        lines += [f"node.plan, keep = kept[{asked}]", *[f"if plans is not None: node.plan = plans[{asked}]"] * written]
        lines.append(f"{held_in(op)} = keep({', '.join(names_of(op))}, t)")
    return [*lines, fits, "node.seq = sequence()"]


NEEDS_OF_TWO = (True, False), (False, True), (True, True)


def _plans(op: Op) -> dict[str, Plan]:
    """The plans of an op with two differentiable arguments, by name."""
    return {_plan_name(needs): lean_plan(op, needs) for needs in NEEDS_OF_TWO} if len(op.diff) == 2 else {}


def _plan_name(needs: tuple[bool, ...]) -> str:
    return "plan_" + "".join("1" if need else "0" for need in needs)


def _edges(op: Op) -> str:
    return f"({', '.join(_edge(op, i) for i in op.diff)},)"


def _edge(op: Op, i: int) -> str:
    """Where the gradient of an argument goes; of a list, one after the other."""
    return f"*[{edge_text('t', 't._node')} for t in a{i}]" if _is_list(op, i) else edge_text(f"a{i}", f"n{i}")


def _fits(op: Op) -> str:
    return f"({', '.join(fit_text(op, i) for i in op.diff)},)"


def _is_list(op: Op, i: int) -> bool:
    return "[" in op.schema.arguments[i].type


def fit_text(op: Op, i: int) -> str:
    if _is_list(op, i):
        return f"*[(t._array.shape, t._dtype) for t in a{i}]"
    fit = f"(a{i}._rows.fit if a{i}._rows else (x{i}.shape, a{i}._dtype))"
    return f"(None if a{i} is None else {fit})" if op.schema.arguments[i].optional else fit


Geometry = tuple[tuple[int, ...], tuple[int, ...], int]
_steps: dict[Any, tuple[int, ...]] = {}


def geometry(t: Tensor) -> Geometry:
    """Shape, strides in elements and offset of a tensor."""
    array = t._array
    base = array.base
    whole = base is None or (type(base) is np.ndarray and base.base is None and base.nbytes == array.nbytes)
    form = rows(t)
    if whole and (form or (form is not False and array.flags.forc)):
        return form.geometry
    key = array.shape, array.strides, array.itemsize
    steps = _steps.get(key)
    if steps is None:
        if len(_steps) > 4096:
            _steps.clear()
        steps = _steps[key] = strides_of(array)
    return key[0], steps, 0 if whole and array.flags.forc else t.storage_offset()


class Kept(dict):
    """For each set of arguments that need a gradient: the plan, and what makes of a call the tuple of all that is kept.

    That is a function of the arguments, and of the result or of all results.
    """

    def __init__(self, op: Op) -> None:
        self.op = op

    def __missing__(self, needs: tuple[bool, ...]) -> tuple[Plan, Callable[..., tuple[Any, ...]]]:
        text = f"lambda {', '.join(names_of(self.op))}, {'outs' if _has_several(self.op) else 't'}: {kept_text(self.op, needs)}"
        self[needs] = made = lean_plan(self.op, needs), eval(text, KEEPING)
        return made


def kept_text(op: Op, needs: tuple[bool, ...], numbers: Collection[int] = ()) -> str:
    """The tuple of what is kept of a call whose result is `t`, or results `outs`; for the arguments `numbers` Python numbers are given."""
    wanted = {name for name, need in zip(op.differentiable, needs, strict=True) if need}
    pairs = [
        (f"a{i}", "0") if kind == TENSOR and i in numbers
        else _kept_output(op, i) if kind == OUTPUT
        else _kept(op.schema.arguments[i], kind, i, wanted)
        for kind, i, _ in lean_plan(op, needs).save
    ]  # fmt: skip
    return f"({slots(pairs)})" if op.compact else f"({''.join(f'{value}, {version}, ' for value, version in pairs)})"


def held_in(op: Op) -> str:
    """Where a node holds what is kept."""
    return "node.one, node.other" if op.compact else "node.saved"


def _kept_output(op: Op, i: int) -> tuple[str, str]:
    """The value kept of a result, and its version."""
    if not _has_several(op):
        return "Saved.of(t)", "t._counter[0]"
    return f"outs[{i}]" if i in op.constant_results else f"Saved.of(outs[{i}], {i})", f"outs[{i}]._counter[0]"


def _kept(a: Argument, kind: int, i: int, wanted: set[str]) -> tuple[str, str]:
    """The value kept of an argument, and its version."""
    v, is_list = f"a{i}", "[" in a.type and a.is_tensor
    certain = not is_list and not a.optional
    if kind == TENSOR:
        return v, f"{v}._counter[0]" if certain else f"(0 if {v} is None else version_of({v}))"
    if kind == TENSORS:
        return f"list({v})", f"version_of({v})"
    if kind == SHAPE:
        return f"[shape_of(x) for x in {v}]" if is_list else f"({v}._rows or {v}._array).shape" if certain else f"shape_of({v})", "0"
    if kind == DTYPE:
        return f"[x._dtype for x in {v}]" if is_list else f"{v}._dtype", "0"
    if kind == GEOMETRY:
        return f"({v}._rows.geometry if {v}._rows and {v}._array.base is None else geometry({v}))", "0"
    return f"{wanted!r}" if kind == NEEDS else v, "0"


KEEPING = {"Saved": Saved, "shape_of": shape_of, "version_of": version_of, "geometry": geometry}
