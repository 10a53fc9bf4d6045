"""From a declaration to a call with its arguments in place: what a pointwise op does when its operands agree.

The generic `Op.run` is the meaning; a specialised call does the same for Tensors of one floating dtype in a plain mode
and hands everything else to it. Each op's source is written from the templates below and compiled once, at import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, modes
from .declaration import OUTPUT, TENSOR, Plan
from .graph import FREED, FREED_TWICE, Saved, edge_of, fit_array, sequence
from .kept import check_version
from .schema import REQUIRED
from .silence import loud, quiet
from .strided import in_order, laid_out
from .tensor import LEAF, Tensor, wrap

if TYPE_CHECKING:
    from .op import Op

FAST = frozenset((dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128))
_constants: dict[tuple[Any, Any, type], np.ndarray] = {}


def constant(value: bool | int | float, dtype: dtypes.dtype) -> np.ndarray:
    """A Python number as a zero-dimensional array of `dtype`; the common ones are kept."""
    key = (value, dtype, type(value))
    try:
        return _constants[key]
    except KeyError:
        array = np.asarray(value, dtype.np)
        array.flags.writeable = False
        if value and len(_constants) < 1024:  # 0.0 and -0.0 are one key
            _constants[key] = array
        return array


HEAD = """
def call({names}, /):
    if type(a) is not Tensor or a._dtype not in FAST:
        return slow({names})
    dtype = a._dtype
    mode = current()
    view = a._view
    version = a._counter
    na = a._node
    if mode > 1 or version is None or (view is not None and (view.version != version[0] or (na is None and view.base._node is not None))):
        return slow({names})
    x = a._array
"""
SECOND = """
    kind = type(b)
    if kind is Tensor:
        view = b._view
        other_version = b._counter
        nb = b._node
        if b._dtype is not dtype or other_version is None:
            return slow(a, b)
        if view is not None and (view.version != other_version[0] or (nb is None and view.base._node is not None)):
            return slow(a, b)
        y = b._array
    elif NUMBERS and (kind is float or kind is int):
        nb = None
        y = constant(b, dtype)
    else:
        return slow(a, b)
"""
COMPUTE = """
    token = quiet()
    try:
        r = kernel({arrays}{defaults})
    except Exception:
        r = None
    finally:
        loud(token)
    if r is None:
        return slow({names})
    if type(r) is not ndarray:
        r = asarray(r)
    elif r.strides != x.strides{other} or r.ndim == 4:  # PyTorch lays four dimensions out as channels last where they can be
        r = laid_out(r, ({arrays},))
    t = Tensor()
    t._array = r
    t._dtype = out = dtype if r.dtype is dtype.np else OF_NUMPY[r.dtype]
    t._gradient = t._view = t._rare = t._node = None
    t._nr = 0
    t._counter = [0]
"""
RECORD = """
    if mode and ({some}):
        node = Node()
        node.edges = ({edges},)
        node.extras = None
        node.fits = None if out is dtype{same} else ({fits},)
{saves}
        node.seq = sequence()
        t._node = node
    return t
"""
SAVE = """
        {condition}
            node.plan = plan_{mask}
            node.saved = ({saved})
"""


def edge_text(n: str) -> str:
    leaf = f"({n} if {n}._rare is None and {n}._view is None else edge_of({n}))"
    return f"({leaf} if n{n} is LEAF else n{n} if n{n} is None or not {n}._nr else (n{n}, {n}._nr))"


def source_of(op: Op, count: int) -> str:
    """The text of the specialised call of `op`, whose first `count` arguments are its Tensors."""
    names = ("a", "b")[:count]
    fill = {
        "names": ", ".join(names),
        "arrays": ", ".join(("x", "y")[:count]),
        "other": " or (r.strides != y.strides and kind is Tensor)" if count == 2 else "",
        "defaults": "".join(f", d{i}" for i in range(count, len(op.schema.arguments))),
    }
    text = HEAD + (SECOND if count == 2 else "") + COMPUTE
    if not op.diff:
        return (text + "    return t\n").format(**fill)
    live = [("a", "b")[i] for i in op.diff]
    fill["some"] = " or ".join(f"n{n} is not None" for n in live)
    fill["edges"] = ", ".join(edge_text(n) if n == "a" else f"(None if nb is None else {edge_text('b')})" for n in live)
    fill["same"] = "".join(f" and {x}.shape == r.shape" for x in ("x", "y")[:count]) if count > 1 else ""
    fill["fits"] = ", ".join(f"({'x' if n == 'a' else 'y'}.shape, dtype)" for n in live)
    fill["saves"] = "".join(_save_text(op, live, mask) for mask in _masks(len(live)))
    return (text + RECORD).format(**fill)


def _masks(count: int) -> list[tuple[bool, ...]]:
    return [(True,)] if count == 1 else [(True, True), (True, False), (False, True)]


def _mask_name(mask: tuple[bool, ...]) -> str:
    return "".join("1" if m else "0" for m in mask)


def _save_text(op: Op, live: list[str], mask: tuple[bool, ...]) -> str:
    saved = []
    for kind, i, _ in fast_plan(op, mask).save:
        if kind == OUTPUT:
            saved.append("Saved(t), 0")
        elif kind == TENSOR:
            saved.append("a, version[0]" if i == 0 else "b, (other_version[0] if kind is Tensor else 0)")
        else:
            saved.append(f"d{i}, 0")
    condition = "if " + " and ".join(f"n{n} is {'not ' if m else ''}None" for n, m in zip(live, mask, strict=True)) + ":"
    body = ", ".join(saved) + ("," if saved else "")
    return SAVE.format(condition=condition if len(mask) > 1 else "if True:", mask=_mask_name(mask), saved=body).strip("\n") + "\n"


BACK = """
def fast(node, g):
    saved = node.saved
    if saved is FREED:
        raise RuntimeError(FREED_TWICE)
{unpack}
{rules}
    return {results},
"""


def backward_source(op: Op, mask: tuple[bool, ...], plan: Plan) -> str:
    """The text of the rules of one plan, on arrays: unpack, check versions, compute, fit."""
    unpack = ["    " + ", ".join(f"s{i}, v{i}" for i in range(len(plan.save))) + ", = saved"] if plan.save else []
    for i, (kind, at, _) in enumerate(plan.save):
        if kind == OUTPUT:
            unpack += [f"    if s{i}.counter[0] != v{i}: check(s{i}, v{i}, node)", f"    s{i} = s{i}.array"]
        elif kind == TENSOR:
            gone = f" or s{i}._node is None" if at in op.diff and mask[op.diff.index(at)] else ""  # detached since
            unpack += [
                f"    if type(s{i}) is Tensor:",
                f"        if s{i}._counter[0] != v{i}{gone}: check(s{i}, v{i}, node)",
                f"        s{i} = s{i}._array",
                f"    else: s{i} = constant(s{i}, OF_NUMPY[g.dtype])",
            ]
    read = [f"s{i}" for i, (kind, _, _) in enumerate(plan.save) if kind in (0, 2)]
    if read:  # only Tensors lay out operands in another order of dimensions as PyTorch does
        differ = " or ".join(f"({s}.strides or g.strides) != g.strides" for s in read)
        ordered = " and ".join(f"in_order({s})" for s in ("g", *read))
        unpack.append(f"    if ({differ}) and not ({ordered}): return node.apply([g], False)")
    rules = ["    fits = node.fits"]
    for k, (_, sources, positions) in enumerate(plan.rules):
        call = f"rule{k}({', '.join('g' if s < 0 else f's{s}' for s in sources)})"
        rules.append("    " + ", ".join(f"r{p}" for p in positions) + f" = {call}")
        for p in positions:
            rules += [
                f"    if r{p} is None: pass",
                f"    elif fits is not None: r{p} = fit_array(r{p}, *fits[{p}])",
                f"    elif type(r{p}) is not ndarray or r{p}.dtype is not g.dtype or r{p}.shape != g.shape:",
                f"        r{p} = fit_array(r{p}, g.shape, OF_NUMPY[g.dtype])",
            ]
    results = ", ".join(f"r{p}" if m else "None" for p, m in enumerate(mask))
    return BACK.format(unpack="\n".join(unpack), rules="\n".join(rules), results=results)


def fast_plan(op: Op, mask: tuple[bool, ...]) -> Plan:
    """The plan of `op` for `mask` whose rules are compiled; the generic call has plans of its own."""
    plan = op.fast_plans.get(mask)
    if plan is None:
        plan = op.fast_plans[mask] = Plan(op, mask)
        space: dict[str, Any] = {f"rule{k}": rule for k, (rule, _, _) in enumerate(plan.rules)}
        space |= {"FREED": FREED, "FREED_TWICE": FREED_TWICE, "check": check_version, "Tensor": Tensor, "constant": constant}
        space |= {"in_order": in_order, "OF_NUMPY": dtypes.OF_NUMPY, "fit_array": fit_array, "ndarray": np.ndarray}
        exec(compile(backward_source(op, mask, plan), f"<{op.node_name} of {op.key}>", "exec"), space)
        plan.fast = space["fast"]
    return plan


def specialisable(op: Op) -> int:
    """How many leading Tensor arguments a specialised call of `op` takes; 0 where there can be none."""
    arguments = op.schema.arguments
    count = len([a for a in arguments if a.is_tensor])
    fits = op.family.plan == "pointwise" and op.body is None and not op.family.underived and 1 <= count <= 2
    fits = fits and all(a.type == "Tensor" for a in arguments[:count]) and all(a.default is not REQUIRED for a in arguments[count:])
    return count if fits and op.promoted == tuple(range(count)) else 0


def fast_dtypes(op: Op, count: int) -> frozenset[dtypes.dtype]:
    """The dtypes in which operands of one dtype give a result computed in it; the others PyTorch refuses or promotes."""
    taken = set()
    for d in FAST:
        try:
            if op.family.promote([wrap(np.zeros(1, d.np), d)] * count) is d:  # type: ignore[misc]  # a specialisable op promotes
                taken.add(d)
        except (RuntimeError, NotImplementedError):
            continue
    return frozenset(taken)


def specialise(op: Op, slow: Any, numbers: bool) -> Any:
    """`call(a[, b])`: the specialised op where the operands agree, `slow` elsewhere; None where `op` has no such form."""
    count = specialisable(op)
    if not count:
        return None
    space: dict[str, Any] = {f"d{i}": a.default for i, a in enumerate(op.schema.arguments) if i >= count}
    space |= {f"plan_{_mask_name(m)}": fast_plan(op, m) for m in (_masks(len(op.diff)) if op.diff else ())}
    space |= {
        "Tensor": Tensor,
        "FAST": fast_dtypes(op, count),
        "current": modes.current,
        "slow": slow,
        "quiet": quiet,
        "loud": loud,
        "kernel": op.kernel,
    }
    space |= {"ndarray": np.ndarray, "asarray": np.asarray, "OF_NUMPY": dtypes.OF_NUMPY, "Saved": Saved, "LEAF": LEAF, "edge_of": edge_of}
    space |= {"Node": op.Node, "laid_out": laid_out, "sequence": sequence, "constant": constant, "NUMBERS": numbers}
    exec(compile(source_of(op, count), f"<{op.key}>", "exec"), space)
    return space["call"]
