"""The node of a declared op: made when a call is recorded, it runs the rules on what it kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import anomaly, forward, modes, reading, saved
from .compiled import lean_plan
from .declaration import OUTPUT, TENSOR, TENSORS
from .dtypes import OF_NUMPY
from .graph import (
    FREED,
    FREED_TWICE,
    AccumulateGrad,
    Listed,
    Node,
    Saved,
    edge_of,
    fit_array,
    fit_to,
    output_of,
    recorded_at,
    sequence,
    without_imaginary,
)
from .graph import fit as fit_any
from .kept import as_made_by, check_version, keep, value_of, version_of
from .memory import seen_as_view
from .operands import array_of, as_it_is, cast_like, widened
from .ready import LEAVES
from .saved import Packed
from .strided import in_order
from .tensor import LEAF, Tensor, wrap, wrap_number
from .views import NO_PLAN, source_of

if TYPE_CHECKING:
    from .op import Op


def packed_before(op: Op, values: list[Any], needs: tuple[bool, ...] | None) -> dict[int, Any] | None:
    """What hooks make of the arguments that are kept, by place in the plan: they see them before anything is computed.

    None where there are no hooks. Raises RuntimeError for an argument that cannot be kept, which PyTorch finds out then, too.
    """
    if needs is None or op.family.underived:
        return None
    save = enumerate(op.kept_for(led(op, values, needs)).save)
    kept = {k: keep(op, kind, i, values, [], needs) for k, (kind, i, _) in save if kind in (TENSOR, TENSORS)}
    return {k: saved.packed(one) for k, one in kept.items()} if modes.current() & modes.SAVED_HOOKS else None


def led(op: Op, values: list[Any], needs: tuple[bool, ...]) -> tuple[bool, ...]:
    """Which of the arguments that need a gradient the plan is for: of several those for which it leads somewhere."""
    return needs if len(needs) == 1 else tuple([need and not leads_nowhere(values[i]) for need, i in zip(needs, op.diff, strict=True)])


def leads_nowhere(v: Any) -> bool:
    """True for a view that was not recorded, of a tensor that requires grad."""
    return isinstance(v, Tensor) and v._node is LEAF and v._beside is not None and v._beside.borrowed


def new_node(op: Op, values: list[Any], outs: list[Tensor], needs: tuple[bool, ...], early: dict[int, Any] | None = None) -> Any:
    """The node of this call; `outs` are read for what rules want of them, `early` is what was packed before there were any."""
    if op.family.underived:
        called = op.schema.name + "_" * (outs[0] is values[0] and not op.schema.is_inplace)
        return Underived(f"aten::{called}", tuple(edge_of(values[i]) for i, need in zip(op.diff, needs, strict=True) if need))
    live = [t for i, t in enumerate(outs) if t._dtype.differentiable and i not in op.constant_results]  # these come first
    several = len(live) > 1 or op.schema.returns_list
    node = op.NodeOfSeveral() if several else op.Node()
    hooked = bool(modes.current() & modes.SAVED_HOOKS)
    mask = led(op, values, needs)
    generic = several or hooked or mask != needs  # what is packed is unpacked in the generic way
    plan = op.kept_for(mask) if generic else lean_plan(op, needs)
    if several:
        node.outputs = [(t._array.shape, t._dtype) for t in live]
    node.plan = plan
    edges, fits = [], []
    for need, i in zip(needs, op.diff, strict=True):
        v = values[i]
        for t in v if isinstance(v, list | tuple) else (v,):
            is_tensor = isinstance(t, Tensor)
            edges.append(edge_of(t) if need and is_tensor else None)
            fits.append((t._array.shape, t._dtype) if is_tensor else None)
    node.edges, node.fits = tuple(edges), tuple(fits)
    held: list[Any] = []
    early = early or {}
    for k, (kind, i, _) in enumerate(plan.save):
        if k in early:
            value = early[k]
        elif hooked and kind == OUTPUT and i not in op.constant_results:
            value = saved.packed(as_made_by(node, outs[i], i), i)
        else:
            value = keep(op, kind, i, values, outs, needs)
            value = saved.packed(value) if hooked and kind in (TENSOR, TENSORS, OUTPUT) else value
        held += (value, version_of(value))
    node.saved = held
    node.seq = sequence()
    if modes.current() & modes.ANOMALY:
        anomaly.note(node)
    return node


class OpNode(Node):
    """The node of a declared op."""

    __slots__ = ()

    def name(self) -> str:
        return self.op.node_name

    def free(self) -> None:
        if self.plan.keeps_tensors:
            self.saved = FREED

    def __dir__(self) -> list[str]:
        others = [name for name in super().__dir__() if type(getattr(type(self), name, None)) is not reading.Shown]
        return [*others, *reading.names(self.op)]

    def force_edges(self, values: list[Any]) -> None:
        """Give every differentiable input an edge, so that `apply` computes its gradient whoever wants it."""
        flat = [t for i in self.op.diff for t in (values[i] if isinstance(values[i], list | tuple) else [values[i]])]
        self.edges = tuple(t if isinstance(t, Tensor) else None for t in flat)

    def apply_rule(self, g: Any, position: int) -> Any:
        """The gradient of one argument, on Tensors, with nothing fitted."""
        saved = self._unpack(True, [g])
        for function, sources, positions in self.plan.rules:
            if position in positions:
                result = function(*[g if s < 0 else saved[s] for s in sources])
                return result if len(positions) == 1 else result[positions.index(position)]
        return None

    def apply(self, gs: list[Any], recording: bool, wants: Callable[[Any], bool] | None = None, uncast: bool = False) -> Sequence[Any]:
        """The gradients of all edges; where it is said which edges want one, a rule that serves none of them does not run.

        `uncast`: the first keeps the dtype that its rule gives it. A write through a view casts it as it copies it back: of what runs
        within a node PyTorch fits nothing, only what leaves it.
        """
        if not recording and self.op.broadcasts and self._uneven(gs[0]):
            made = self.apply([wrap(gs[0], OF_NUMPY[gs[0].dtype])], True, wants)
            return [None if r is None else r._array if r._view is None else seen_as_view(r._array) for r in made]
        saved = self._unpack(recording, gs)
        parts: list[Any] = [None] * len(self.op.diff)
        if self.op.schema.returns_list:  # of lists that are made of lists each element has its own gradient, or none
            gs = [list(gs) if self.op.takes_lists else self._filled(gs, recording)]
        given = gs
        if not recording and not self.op.moves and not self.op.family.stepwise:
            gs = [widened(g) for g in gs]
        for function, sources, positions in self.plan.rules:
            if wants is not None and len(parts) == len(self.edges) and not any(wants(self.edges[p]) for p in positions):
                continue
            result = function(*[gs[-1 - s] if s < 0 else saved[s] for s in sources])
            if len(positions) == 1:
                parts[positions[0]] = without_imaginary(result, self.fits, *positions) if self.op.family.drops_imaginary else result
            else:
                for p, r in zip(positions, result, strict=True):
                    parts[p] = r
        if gs[0] is not given[0]:  # a rule that hands its gradient on does not round it
            parts = [given[0] if p is gs[0] else p for p in parts]
        return self._fitted(parts, gs[0], uncast)

    def _uneven(self, g: np.ndarray) -> bool:
        """True where what the rules read differs in dtype or order of dimensions: only Tensors promote and lay out as PyTorch does."""
        read = [v.array if isinstance(v, Saved) else v._array for v in self.saved[::2] if isinstance(v, Saved | Tensor)]
        if any(a.dtype != g.dtype and a.dtype.kind != "b" for a in read):
            return True
        return (1 in g.shape or any(a.strides != g.strides for a in read)) and not all(in_order(a) for a in (g, *read))

    def _fitted(self, parts: list[Any], g: Any, uncast: bool) -> list[Any]:
        """One gradient per edge, each of its input's shape and dtype."""
        if self.op.takes_lists:
            flat: list[Any] = []
            rest = len(self.edges) - sum(len(p) if isinstance(p, list | tuple) else 1 for p in parts if p is not None)
            for i, p in zip(self.op.diff, parts, strict=True):
                flat += [p] if "[" not in self.op.schema.arguments[i].type else [None] * rest if p is None else p
            parts = flat
        fits = self.fits
        if fits is None:  # a specialised call whose operands were all as its result
            fits = [(g.shape, g._dtype if isinstance(g, Tensor) else OF_NUMPY[g.dtype])] * len(parts)
        if uncast and isinstance(parts[0], Tensor) and parts[0]._dtype.is_complex == fits[0][1].is_complex:
            fits = [(fits[0][0], parts[0]._dtype), *fits[1:]]
        lists = self.op.takes_lists  # of a list PyTorch computes every gradient or none
        if Node.reshaped or AccumulateGrad.outgrown:
            # PyTorch sums to the shape that the edge's end was recorded with, once; the walk says where that cannot be
            fits = [
                f if p is None or e is None or recorded_at(e) is None else (tuple(p.shape), f[1])
                for p, e, f in zip(parts, self.edges, fits, strict=True)
            ]
        if AccumulateGrad.recast and not self.op.family.casts:
            return [
                None if p is None or (e is None and not lists) else fit_to(e, p, *f)
                for p, e, f in zip(parts, self.edges, fits, strict=True)
            ]
        return [
            None if p is None or (e is None and not lists) else fit_any(p, *f) if isinstance(p, Tensor) else fit_array(p, *f)
            for p, e, f in zip(parts, self.edges, fits, strict=True)
        ]

    def _filled(self, gs: list[Any], recording: bool) -> list[Any]:
        """A list of gradients with zeros for what has none; a rule that names the gradients of several outputs gets None."""
        zeros = [np.zeros(shape, d.np) if g is None else g for g, (shape, d) in zip(gs, self.outputs, strict=True)]
        return [wrap(z, OF_NUMPY[z.dtype]) if recording and type(z) is np.ndarray else z for z in zeros]

    def _unpack(self, recording: bool, gs: Sequence[Any]) -> list[Any]:
        if self.saved is FREED:
            raise RuntimeError(FREED_TWICE)
        values = []
        seen = as_it_is if self.op.family.stepwise else cast_like
        for value, version, (kind, _, promoted) in zip(self.saved[::2], self.saved[1::2], self.plan.save, strict=True):
            if kind > OUTPUT:
                values.append(value)
                continue
            check_version(value, version, self)
            if recording:
                values.append(self._as_tensor(value))
            elif kind == TENSORS:
                values.append([seen(array_of(value_of(t, self)), gs[0], promoted) for t in value])
            else:
                value = value_of(value, self)
                values.append(seen(value.array if type(value) is Saved else array_of(value), gs[0], promoted))
        return values

    def use_generic_plan(self) -> None:
        """From now on run as a node whose saved values may be packed."""
        more = self.extras
        held = self.plan if more is None else more.plain
        generic = self.op.kept_for(held.needs).fitted(held.fits)
        if more is None:
            self.plan = generic
        else:
            more.plain = generic

    def _as_tensor(self, value: Any) -> Any:
        if type(value) is not Saved:
            if type(value) is Packed:
                return value.tensor(self)
            if type(value) is list:
                return [self._as_tensor(v) for v in value]
            return wrap_number(value) if isinstance(value, int | float | complex) else value
        t = wrap(value.array, value.dtype)
        t._counter = value.counter
        if value.dtype.differentiable:
            t._node = output_of(self if value.through is None else source_of(value, self), value.nr)
        if value.tangents:
            forward.carry(t, value.tangents)
        return t


class Refusing(Listed):
    """A node that only refuses to run, before all others as leaves do, and also where nothing arrives."""

    __slots__ = ("text",)
    runs_on_nothing = True

    def __init__(self, text: str, edges: tuple[Any, ...]) -> None:
        self.text, self.edges, self.saved, self.plan, self.fits, self.seq = text, edges, (), NO_PLAN, None, LEAVES

    def apply(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        raise RuntimeError(self.text)


class Error(Refusing):
    """Stands where a gradient may not be differentiated."""

    __slots__ = ()

    def __init__(self, text: str, tensors: Sequence[Tensor | None]) -> None:
        sequence()  # of the node by which PyTorch makes this one
        super().__init__(text, tuple(None if t is None else edge_of(t) for t in tensors))
        if modes.current() & modes.ANOMALY:
            anomaly.note(self)

    def name(self) -> str:
        return "torch::autograd::Error"


class Underived(Refusing):
    """The node of a call PyTorch records without a derivative formula, of the name `called`: it has edges to what requires grad."""

    __slots__ = ()

    def __init__(self, called: str, edges: tuple[Any, ...]) -> None:
        super().__init__(f"derivative for {called} is not implemented", edges)

    def name(self) -> str:
        return "torch::autograd::NotImplemented"


Underived.__name__ = "NotImplemented"  # as PyTorch prints it
