"""Forward mode: tangents carried beside values, and how an op's tangent follows from its declaration."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import dtypes, lazy, modes
from .geometry import strides_of
from .graph import Node, Saved, edge_of, end_of, fit, made_by
from .registry import F
from .strided import new, overlaps
from .tensor import LEAF, Apart, Tensor, rare, wrap
from .transforms import born
from .views import replayed
from .walk import Walk

NO_FORMULA = (
    "Trying to use forward AD with {name} that does not support it because it has not been implemented yet.\n"
    "Please file an issue to PyTorch at https://github.com/pytorch/pytorch/issues/new?template=feature-request.yml so that we can "
    "prioritize its implementation or submit a PR adding the implementation to derivatives.yaml"
)
MISSHAPEN = (
    "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. "
    "Tensor is of size {} while the given forward gradient is of size {}."
)


class Level:
    """The tensors that carry a tangent of one level, which is dropped when the level ends."""

    def __init__(self) -> None:
        self.duals: list[weakref.ref[Tensor]] = []


@dataclass(frozen=True)
class Composition:
    """The rule of an op for which PyTorch has no formula of tangents but `steps`: on duals it runs them instead of the kernel."""

    steps: Callable[..., Any]


_levels: list[Level] = []
_visible = 0  # how many of the levels an op looks at: while the innermost computes tangents, those outside it
_at: Level | None = None  # the level whose tangents are read


def enter(nested: bool = False) -> int:
    """Start a level; returns its number. Raises RuntimeError inside another, unless that is `nested` on purpose."""
    if _levels and not nested:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels.append(Level())
    _look_at(len(_levels), _levels[-1])
    return len(_levels) - 1


def leave() -> None:
    """End the level and drop its tangents. Raises RuntimeError where there is none."""
    if not _levels:
        raise RuntimeError("Dual level must be a positive number.")
    level = _levels.pop()
    _look_at(len(_levels), _levels[-1] if _levels else None)
    for ref in level.duals:
        t = ref()
        if t is not None and t._rare is not None and t._rare.tangents is not None:
            t._rare.tangents.pop(level, None)


def _look_at(visible: int, at: Level | None) -> None:
    global _visible, _at
    _visible, _at, modes.in_level = visible, at, visible > 0
    modes.set_bit(modes.FORWARD, visible > 0 and not modes.current() & (modes.INFERENCE | modes.NO_TANGENTS))


def enable(on: bool) -> None:
    """From now on tangents are seen and made, or neither."""
    modes.set_bit(modes.NO_TANGENTS, not on)
    _look_at(_visible, _at)


def _whole_of(t: Tensor) -> Tensor | None:
    """What a view has its tangents of: its base, or a view of that which has its own; None for what has its own itself."""
    view = t._view
    return None if view is None else view.whole if type(view) is Apart else view.base


def carried(t: Any) -> dict[Level, Tensor]:
    """The tangents of `t` by level."""
    return t._rare.tangents or {} if isinstance(t, Tensor) and t._rare is not None else {}


def tangent_of(t: Any) -> Tensor | None:
    """What `t` carries at the level that is read; a view of what carries something, the part it covers."""
    tangent = carried(t).get(_at)  # type: ignore[arg-type]  # without a level nothing is found
    if tangent is None and _at is not None and isinstance(t, Tensor) and t._view is not None:
        whole = carried(_whole_of(t)).get(_at)
        if whole is not None and t._dtype.differentiable:
            tangent = replayed(whole, t)
            give_at(_at, t, tangent)
    return tangent


def give(t: Tensor, tangent: Tensor) -> None:
    """Let `t` carry `tangent`; through a view, the base carries it in the part the view covers."""
    whole = _whole_of(t)
    if whole is not None and tangent_of(t) is None and tangent_of(whole) is None:
        _set(whole, _for_each(_zeros_like(whole), tangent, whole))
        part: Tensor = tangent_of(t)  # type: ignore[assignment]  # the base carries one now
        F.copy_(part, tangent)
        return
    _set(t, tangent)


def _set(t: Tensor, tangent: Tensor) -> None:
    give_at(_at, t, _arranged(tangent, t))  # type: ignore[arg-type]  # there is a level


def give_at(level: Level, t: Tensor, tangent: Tensor) -> None:
    """Let `t` carry `tangent` as it is."""
    slot = rare(t)
    if slot.tangents is None:
        slot.tangents = {}
    slot.tangents[level] = tangent
    level.duals.append(weakref.ref(t))


def _arranged(tangent: Tensor, t: Tensor) -> Tensor:
    """The tangent in the layout of what it is of, as PyTorch keeps it: what is a view of one is a view of the other.

    Where that takes a copy, it is one of the dtype of what it is of.
    """
    (primal, flips), others = lazy.parts(t), lazy.parts(tangent)[1]
    shape, steps = primal.shape, strides_of(primal)
    if not primal.size or tangent._array.shape != shape:
        return tangent
    alike = all(n == 1 or a == b for n, a, b in zip(shape, steps, strides_of(tangent._array), strict=True))
    if (alike and flips == others) or overlaps(shape, steps):
        return tangent
    if type(tangent) not in (Tensor, lazy.Lazy):
        from .batching import Batched, laid_out_like

        return laid_out_like(tangent, primal) if type(tangent) is Batched else tangent
    made = lazy.over(new(shape, steps, t._array.dtype), t._dtype, flips)
    born([made])
    return F.copy_(made, tangent)


def tangents(op: Any, values: list[Any]) -> int:
    """The number of the innermost level at which some differentiable argument carries a tangent, counted from 1; 0 for none."""
    found = [t for i in op.diff for t in (values[i] if isinstance(values[i], list | tuple) else (values[i],)) if isinstance(t, Tensor)]
    bases = [_whole_of(t) for t in found if t._view is not None]
    for number in range(_visible, 0, -1):
        if any(_levels[number - 1] in carried(t) for t in (*found, *bases)):
            return number
    return 0


def any_tangent(v: Any) -> bool:
    if isinstance(v, list | tuple):
        return any(tangent_of(t) is not None for t in v)
    return tangent_of(v) is not None


class _Off:
    """Tangents of a level are computed while ops look only at the levels outside of it."""

    def __init__(self, number: int = 1) -> None:
        self.number = number

    def __enter__(self) -> None:
        self.before = _visible, _at
        _look_at(self.number - 1, _levels[self.number - 1] if self.number <= len(_levels) else _at)

    def __exit__(self, *exc: Any) -> None:
        _look_at(*self.before)


def hidden() -> _Off:
    """`with hidden():` no op looks at tangents."""
    return _Off()


def innermost() -> _Off:
    """`with innermost():` the tangents of the innermost level are read, and ops look at those of the others."""
    return _Off(len(_levels))


def run(op: Any, values: list[Any]) -> Any:
    """Call `op` and give its results the tangents that follow from those of its arguments."""
    _refuse(op, "")
    if isinstance(op.family.jvp, Composition):
        return _composed(op, values)
    with _Off(tangents(op, values)):
        result = op.run(values)
        outs = list(result) if isinstance(result, tuple | list) else [result]
        computed = _jvp(op, values, outs)
        for t, tangent in zip(outs, computed, strict=True):
            if tangent is not None and t._dtype.differentiable:
                (_set if op.schema.is_view else give)(t, tangent)
                _keep(t)
    return result


def _composed(op: Any, values: list[Any]) -> Any:
    """The results of the steps, tangents and all, in the graph as those of `op`."""
    made = op.family.jvp.steps(*values)
    recording = modes.current() & (modes.GRAD | modes.INFERENCE) == modes.GRAD
    needs = op.needs(values) if recording else None
    if needs is not None:
        op.record(values, [made] if isinstance(made, Tensor) else list(made), needs)
    return made


def _refuse(op: Any, suffix: str) -> None:
    """Raises NotImplementedError where there is no formula, before anything else is looked at."""
    if op.family.jvp is None and not op.family.underived:
        raise NotImplementedError(NO_FORMULA.format(name=op.schema.name))
    if op.family.underived:
        raise NotImplementedError(f"Trying to use forward AD with aten::{op.schema.name}{suffix} that does not support it.")


def _keep(t: Tensor) -> None:
    """Where a node kept its output for backward, it keeps that output's tangents, too."""
    node = made_by(t)
    if isinstance(node, Node) and node.op is not None:
        for value in node.saved:
            if type(value) is Saved and value.nr == t.output_nr:
                value.tangents = carried(t)


def carry(t: Tensor, tangents: dict[Level, Tensor]) -> None:
    """Let a tensor made anew from what was saved carry the tangents it had, while their levels last."""
    for level in _levels:
        if level in tangents:
            give_at(level, t, tangents[level])


def run_inplace(op: Any, values: list[Any], needs: Any) -> Tensor:
    """The same for an op that writes into its first argument."""
    _refuse(op, "" if op.schema.is_inplace else "_")
    into: Tensor = values[0]
    before = wrap(into._array.copy(), into._dtype)
    before._node = into._node
    with _Off(tangents(op, values)):
        old = tangent_of(into)
        for level, own in carried(into).items():
            give_at(level, before, F.clone(own))
        if old is None and _at is not None and getattr(op.family.jvp, "from_zeros", False):
            give_at(_at, before, _zeros_like(before))
        if tangents(op, values):
            run_inplace(op, values, needs)
        else:
            op.write_into(into, values, needs)
        if op.family.plan == "restride" and old is not None:
            tangent = op.write_into(old, [old, *values[1:]], None)  # another view of the same memory, as its value is
        else:
            [tangent] = _jvp(op, [before, *values[1:]], [into])
            if tangent is not None and old is not None:
                _change(into, old, tangent)
        if tangent is not None and old is None and into._dtype.differentiable:
            give(into, fit(tangent, into._array.shape, into._dtype))
        if carried(into):
            _keep(into)
    return into


def _change(t: Tensor, old: Tensor, tangent: Tensor) -> None:
    """Write to the tangent of `t`, and so to those of its views; where it was the same for a batch and is no more, after it is made one."""
    if type(tangent) is not Tensor and type(old) is Tensor:
        base = _whole_of(t) or t
        whole = tangent_of(base)
        _set(base, _for_each(_zeros_like(base) if whole is None else whole, tangent, base))
        old = tangent_of(base) if base is t else replayed(tangent_of(base), t)  # type: ignore[assignment]  # `_set` has just given it one
        _set(t, old)
    F.copy_(old, tangent)


def _for_each(whole: Tensor, tangent: Tensor, t: Tensor) -> Tensor:
    """A tangent of `t` for every sample that `tangent` is of."""
    from .batching import batch_like

    return whole if type(tangent) is Tensor else batch_like(whole, tangent, t._array)


def _jvp(op: Any, values: list[Any], outs: list[Tensor]) -> list[Tensor | None]:
    """One tangent (or None) per result."""
    rule = op.family.jvp
    if callable(rule):
        got = rule(values, [_tangents_of(values[i]) for i in op.diff], outs)
        if op.family.plan == "pointwise":
            return [_spread(_recorded(op, values, outs, got), outs[0], getattr(rule, "stays_real", False))]
        return list(got) if isinstance(got, tuple | list) else [got]
    got = {"linear": _linear, "multilinear": _multilinear, "pointwise": _pointwise, "transpose": _transpose}[rule](op, values, outs)
    return got if len(got) == len(outs) else [got[0], *[None] * (len(outs) - 1)]


def _recorded(op: Any, values: list[Any], outs: list[Tensor], total: Tensor | None) -> Tensor | None:
    """The tangent of an elementwise result, in the graph as PyTorch's, where missing tangents are zeros times what requires grad."""
    if total is None or not modes.is_grad_enabled() or not any(_requires(values[i]) for i in op.diff):
        return total
    missing = [position for position, i in enumerate(op.diff) if tangent_of(values[i]) is None]
    node: Any = _unrecorded(op, values, outs, tuple(True for _ in op.diff)) if missing else None
    for position in missing:
        node.saved = [outs[v.nr] if type(v) is Saved else v for v in node.saved]
        total = with_missing(total, node.apply_rule(_zeros_for(values[op.diff[position]], outs[0]), position))
    return total


def with_missing(total: Tensor, nothing: Tensor | None) -> Tensor:
    """The same tangent, in the graph of `nothing`, too: of zeros that stand for a missing tangent, times what may require grad."""
    if nothing is None or not nothing.requires_grad:
        return total
    if not nothing._dtype.is_complex:  # -0, which leaves -0 what it is, also for zero times infinity
        return total + F.masked_fill(nothing, F.ones_like(nothing, dtype=dtypes.bool_), -0.0)
    lost = F.isnan(nothing)
    return total + (F.masked_fill(nothing, lost, 0) if bool(lost.any()) else nothing)


def _tangents_of(v: Any) -> Any:
    return [tangent_of(t) for t in v] if isinstance(v, list | tuple) else tangent_of(v)


def _zeros_like(t: Tensor) -> Tensor:
    return wrap(np.zeros(t._array.shape, t._array.dtype), t._dtype)


def _zeros_for(v: Any, out: Tensor) -> Tensor:
    """A zero cotangent of `out` for an argument: real for a real one, whose rule may refuse a complex one."""
    to = out._dtype.to_real() if isinstance(v, Tensor) and not v._dtype.is_complex else out._dtype
    return wrap(np.zeros(out._array.shape, to.np), to)


def _tangent_or_zeros(t: Any) -> Any:
    if isinstance(t, list | tuple):
        return [_tangent_or_zeros(x) for x in t]
    tangent = tangent_of(t)
    return tangent if tangent is not None else _zeros_like(t) if isinstance(t, Tensor) else 0


def _linear(op: Any, values: list[Any], outs: list[Tensor]) -> list[Any]:
    """The op itself, on tangents."""
    changed = list(values)
    for i in op.diff:
        changed[i] = _tangent_or_zeros(values[i])
    result = op.run(changed)
    return list(result) if isinstance(result, tuple | list) else [result]


def _multilinear(op: Any, values: list[Any], outs: list[Tensor]) -> list[Any]:
    """One call per argument, with its tangent in its place and the others as they are; summed.

    A missing tangent counts as zeros, which times infinity are NaN; elementwise PyTorch leaves it out.
    """
    total: Any = None
    for i in op.diff:
        tangent = tangent_of(values[i]) if op.family.plan == "pointwise" else _tangent_or_zeros(values[i])
        if tangent is not None:
            part = op.run([*values[:i], tangent, *values[i + 1 :]])
            total = part if total is None else total + part
    return [total]


def _pointwise(op: Any, values: list[Any], outs: list[Tensor]) -> list[Any]:
    """Elementwise, the rule is the derivative: `conj(rule(conj(t)))`, summed over the arguments."""
    node = _node(op, values, outs)
    total: Any = None
    for position, i in enumerate(op.diff):
        tangent = tangent_of(values[i])
        if tangent is None:
            continue
        part = node.apply_rule(tangent.conj(), position).conj()
        total = part if total is None else total + part
    total = _recorded(op, values, outs, total)
    of_reals = not any(isinstance(values[i], complex) or (isinstance(values[i], Tensor) and values[i]._dtype.is_complex) for i in op.diff)
    return [_spread(total, outs[0], of_reals)]


def _spread(tangent: Tensor | None, out: Tensor, of_reals: bool = False) -> Tensor | None:
    """The tangent of an elementwise result: of its shape and dtype.

    Where only a number made the result complex, the tangent stays real: PyTorch copies it, and casts, where the layouts differ.
    Without dimensions one of more precision stays as it is, too.
    """
    if tangent is None:
        return None
    kept = of_reals and out._dtype.is_complex and not tangent._dtype.is_complex and (not out._array.size or _same_layout(tangent, out))
    if not out.shape and not tangent.shape and tangent._dtype.is_complex == out._dtype.is_complex:
        kept = dtypes.promote_types(tangent._dtype, out._dtype) is not out._dtype
    dtype = tangent._dtype if kept else out._dtype
    return fit(F.expand(tangent, out.shape) if tangent.shape != out.shape else tangent, out._array.shape, dtype)


def _same_layout(a: Tensor, b: Tensor) -> bool:
    return a._view is None and a.shape == b.shape and all(n == 1 or s == t for n, s, t in zip(a.shape, a.stride(), b.stride(), strict=True))


def _node(op: Any, values: list[Any], outs: list[Tensor]) -> Any:
    flags = tuple(any_tangent(values[i]) for i in op.diff)
    node = _unrecorded(op, values, outs, flags)
    node.saved = [outs[v.nr] if type(v) is Saved else v for v in node.saved]  # what was returned, and not of this node's making
    return node


def _unrecorded(op: Any, values: list[Any], outs: list[Tensor], flags: tuple[bool, ...]) -> Any:
    """A node for its rules alone: what they read is packed by no hook."""
    before = modes.current()
    modes.switch(before & ~modes.SAVED_HOOKS)
    try:
        return op.make_node(values, outs, flags)
    finally:
        modes.switch(before)


def _transpose(op: Any, values: list[Any], outs: list[Tensor]) -> list[Any]:
    """The adjoint of the rule `v -> <rule(v), .>`: differentiate it with respect to `v` along the tangents."""
    flat = [t for i in op.diff for t in (values[i] if isinstance(values[i], list | tuple) else [values[i]])]
    recording = modes.is_grad_enabled() and any(_requires(t) or _requires(tangent_of(t)) for t in flat)
    before = modes.current()
    modes.switch(before | modes.GRAD)
    try:
        cotangents = [_start(_zeros_like(t)) if t._dtype.differentiable else None for t in outs]
        node = _node(op, values, outs)
        node.force_edges(values)
        back = node.apply(list(cotangents), True)
        starts = []
        for t, g in zip(flat, back, strict=True):
            tangent = tangent_of(t)
            if tangent is not None and g is not None and g.requires_grad:
                starts.append((end_of(edge_of(g)), g.output_nr, tangent if tangent._dtype is g._dtype else F.to(tangent, g._dtype)))
        targets = {(c, 0): i for i, c in enumerate(cotangents) if c is not None}
        if not starts:
            return [_zeros_like(t) for t in outs]
        modes.switch(before)
        got = Walk(True, True, targets, False).run(starts) if recording else _without_recording(starts, targets)
    finally:
        modes.switch(before)
    return [got[i] if i in got else _zeros_like(t) for i, t in enumerate(outs)]


def _start(t: Tensor) -> Tensor:
    """`t` as a leaf that requires grad."""
    t._node = LEAF
    return t


def _requires(t: Any) -> bool:
    return isinstance(t, Tensor) and t.requires_grad


def _without_recording(starts: list[Any], targets: dict[Any, int]) -> dict[int, Any]:
    walk = Walk(True, False, targets, False)
    got = walk.run(starts if walk.recording else [(node, nr, t._array) for node, nr, t in starts])
    return {i: g if isinstance(g, Tensor) else wrap(g, dtypes.OF_NUMPY[g.dtype]) for i, g in got.items()}
