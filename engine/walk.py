"""The walk that sends gradients from the roots to the leaves: in which order nodes run, and what hooks see on the way."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence, Set
from sys import getrefcount
from types import MappingProxyType
from typing import Any

import numpy as np

from . import anomaly, dtypes, modes, saved
from .accumulate import accumulate, added
from .deep import DEPTH, in_new_thread
from .geometry import root_of
from .graph import FREED, AccumulateGrad, Extras, Node, check_compatible, chooses, end_of, fit, fit_at_leaf, recorded_at
from .graph import looked_at as accumulator_of
from .hooked import Hooked, check_hook_result, check_hook_results
from .layout import dense
from .memory import ALONE, owned
from .operands import check_misfit
from .ready import LEAVES, Ready
from .silence import loud, quiet
from .straight import captured_order, number, order_of, recorded_order, send, send_recorded
from .strided import laid_out
from .tensor import LEAF, Tensor
from .views import CopySlices, node_of

NO_LEAF = (
    "A leaf node was passed to _will_engine_execute_node but we are currently running autograd.grad(). This is currently not supported."
)
ONE = {d: np.ones((), d.np) for d in dtypes.ALL if d.is_floating_point}
_active = threading.local()


def running() -> list[Walk]:
    """The walks of this thread, each inside of the one before."""
    try:
        walks: list[Walk] = _active.walks
    except AttributeError:
        walks = _active.walks = []
    return walks


def active() -> Walk | None:
    """The innermost walk of this thread, inside hooks and rules; None outside."""
    walks = running()
    return walks[-1] if walks else None


class Walk(Hooked):
    """One backward pass: which nodes run, what has arrived at each, and where gradients are captured.

    `targets` maps (node or leaf, output number) to the place in the result where its gradient goes; None accumulates
    into every leaf. `accumulate` says that targets are not captured: leaves are accumulated into, nodes run.
    """

    _ids = itertools.count().__next__
    needed: Set[Any] = frozenset()  # with targets: the nodes that run
    wanted: Set[Any] = frozenset()  # and those that are targets themselves
    apart: Set[Any] = frozenset()  # those that do more than run, or not even that
    parts: Mapping[Any, Any] = MappingProxyType({})  # on the short way: plans that run no rule of which nothing is wanted
    idle: Mapping[Any, Callable[..., Any]] = MappingProxyType({})  # nodes behind which nothing is wanted: what looks at what they keep
    starts: Set[Any] = frozenset()
    only_start: Any = None  # PyTorch's convention: the hooks of a single root run even where nothing behind it is wanted
    summed = False  # whether gradients of a node on the way were added up
    several: Set[Any] = frozenset()  # the nodes of several outputs
    captured: Any = MappingProxyType({})  # where there are targets a dict: what arrived, by place
    callbacks: Sequence[Callable[[], Any]] = ()
    looked_at = False  # some edges lead to leaves by what a user was shown, or to what has another shape by now

    def __init__(self, keep: bool, create_graph: bool, targets: dict[tuple[Any, int], int] | None, accumulate: bool) -> None:
        self.keep, self.create_graph, self.targets, self.accumulate = keep, create_graph, targets, accumulate
        mode = modes.current()
        self.recording = create_graph or bool(mode & modes.ON_TENSORS)
        self.looked_at = Node.reshaped
        self.generic = bool(mode & modes.GENERIC)
        self.arrived: dict[Any, Any] = {}  # a gradient, or for a node of several outputs one or None per output
        self.waiting: dict[Any, int] = {}  # how many consumers have not run yet
        self.id = self._ids()
        self.sums: dict[Any, int] = {}
        self.own: set[Any] = set()  # where what arrived is a sum nobody else holds, of real numbers
        if targets is not None:
            self.captured = {}
        self.counters: dict[int, tuple[list[int] | None, np.ndarray]] = {}  # of memory that several gradients may share

    def run(self, roots: list[tuple[Any, int, Any]]) -> dict[int, Any]:
        """Send `roots`' gradients down; returns what was captured, by place."""
        walks = running()
        if len(walks) >= DEPTH:
            return in_new_thread(lambda: self.run(roots))
        before = modes.current()
        packing = saved.active() if before & modes.SAVED_HOOKS else ()
        modes.switch(before & ~modes.GRAD | (modes.GRAD if self.create_graph else 0))
        token = quiet()
        walks.append(self)
        try:
            if len(roots) == 1:
                starts = [roots[0][0]]
                self.only_start = starts[0]
            else:
                starts = list(dict.fromkeys(node for node, _, _ in roots))
                self.starts = set(starts)
            straight = None
            if not (self.generic or self.looked_at or before & (modes.ANOMALY | modes.ON_TENSORS) or Node.renumbered):
                if self.targets is None:
                    straight = None if self.recording else order_of(self, starts)
                elif not self.accumulate and not Node.astray and not any(nr for _, nr in self.targets):
                    ends = {end for end, _ in self.targets}
                    straight = (recorded_order if self.recording else captured_order)(self, starts, ends)
            if straight is None:
                self.waiting.clear()
                order = self._count(starts)
                if AccumulateGrad.recast and any(map(chooses, self.waiting)):
                    self.generic = self.looked_at = True
                if self.targets is not None:
                    self._find_needed(order)
            for node, nr, g in roots:
                self.arrive(node, nr, g, roots)
            if straight is not None:
                (send_recorded if self.recording else send)(self, straight)
                if self.targets is not None:
                    self.captured = {place: self.arrived.get(end) for (end, _), place in self.targets.items()}
            else:
                self.ready = Ready()
                if len(starts) == 1:
                    self._drain(starts[0])
                else:
                    for node in starts:
                        if not self.waiting.get(node):
                            self._push(node)
                    self._drain(None)
            if self.callbacks:
                for callback in self.callbacks:  # which may ask for more
                    callback()
        except ValueError as error:
            if Node.reshaped or AccumulateGrad.outgrown:  # what a tensor that got another shape keeps for backward fits no longer
                check_misfit(error)
            raise
        finally:
            walks.pop()
            loud(token)
            if (before | modes.current()) & modes.SAVED_HOOKS:
                saved.restore(packing)
            modes.switch(before)
        return self.captured

    def call_last(self, callback: Callable[[], Any]) -> None:
        """Have `callback` called when all nodes have run."""
        if not self.callbacks:
            self.callbacks = []
        self.callbacks.append(callback)  # type: ignore[attr-defined]  # a list by now

    def will_run(self, node: Any) -> bool:
        """True where this walk runs `node` (or accumulates into that leaf). Raises RuntimeError for a leaf in `grad`, as PyTorch does."""
        if isinstance(node, Tensor) and self.targets is not None and not self.accumulate:
            raise RuntimeError(NO_LEAF)
        reached = self.waiting.get(node) or node in self.starts  # PyTorch's convention: no single root
        return bool(reached) and (self.targets is None or node in self.wanted)

    def _count(self, starts: list[Any]) -> list[Any]:
        """Count what each reachable node waits for; returns the nodes, `starts` first."""
        waiting = self.waiting
        several: set[Any] = set()
        order = [node for node in starts if isinstance(node, Node)]
        for node in starts:
            waiting[node] = 0
        for node in order:  # grows while it is read
            plan = node.plan
            if plan.paired:
                edges: Any = (node.first, node.second)  # type: ignore[attr-defined]  # a Pair
            else:
                edges = node.edges
                if node.outputs is not None:
                    several.add(node)
            for e in edges:
                if e in waiting:
                    waiting[e] += 1
                elif e is not None:
                    if not isinstance(e, Node):
                        kind = type(e)
                        if kind is tuple or kind is AccumulateGrad:
                            self.looked_at |= kind is AccumulateGrad
                            e = end_of(e)
                            if e in waiting:
                                waiting[e] += 1
                                continue
                        if not isinstance(e, Node):
                            waiting[e] = 1
                            continue
                    waiting[e] = 1
                    order.append(e)
        self.several = several
        return order

    def _find_needed(self, order: list[Any]) -> None:
        """The nodes that lead to a target, which run; a target that leads to no other is captured and not run."""
        targets = [node for node, _ in self.targets or ()]
        wanted: set[Any] = set(targets)
        leading: set[Any] = set()
        order = sorted(order, key=number)  # so that one look is enough, but for what has another number than that of its turn
        found = -1
        while found < len(leading):
            found = len(leading)
            for node in order:
                if node not in leading:
                    for e in (node.first, node.second) if node.plan.paired else node.edges:
                        if e in wanted or (e is not None and not isinstance(e, Node) and end_of(e) in wanted):
                            leading.add(node)
                            wanted.add(node)
                            break
        self.needed, self.wanted = (leading.union(targets) if self.accumulate else leading), wanted
        self.idle = {node: node._unpack for node in targets if node not in leading and isinstance(node, Node) and hasattr(node, "_unpack")}
        self.apart = {node for node in order if node not in self.needed or self._unwanted(node)}.union(() if self.accumulate else targets)

    def _push(self, node: Any) -> None:
        """Among ready nodes the latest recorded runs first, and leaves before all."""
        self.ready.push(node, node.seq if isinstance(node, Node) else LEAVES)

    def _drain(self, node: Any) -> None:
        """Run `node`, and what is ready, until nothing is. A node that is the only one made ready follows without the heap."""
        arrived, waiting, heap, several, own, sums = self.arrived, self.waiting, self.ready.heap, self.several, self.own, self.sums
        watched, free = bool(modes.current() & modes.ANOMALY), not self.keep
        plain, recording, apart = not self.generic and not watched, self.recording, self.apart
        add, looked_at, take = np.add, self.looked_at, arrived.pop
        while node is not None or heap:
            if node is None:
                node = self.ready.pop()
            while node is not None:
                if not isinstance(node, Node):
                    self.leaf(node)
                    node = None
                    break
                g = take(node, None)
                if isinstance(g, np.generic):
                    g = np.asarray(g)  # which views share, and whoever it is handed on to
                plan = node.plan
                fast = plan.on_tensors if recording else plan.fast
                if looked_at and self._refits(node):
                    fast = None
                if plain and fast is not None and g is not None and not (apart and node in apart):
                    if sums and node in sums and not recording:
                        self.tell_writes(node, g)
                    results = fast(node, g)
                    if self.written and not recording:
                        self.forget_writes(node, g, results)
                    if free and plan.keeps_tensors:
                        if plan.compact:
                            node.one, node.other = FREED, None  # type: ignore[attr-defined]  # a CompactPair
                        else:
                            node.saved = FREED
                else:
                    results = self._watched(node, g) if watched else self.step(node, g)
                    if results is None:
                        node = None
                        break
                follow = then = crowd = g = None  # what this made ready; a gradient handed on is held by nobody else any more
                edges = (node.first, node.second) if plan.paired else node.edges  # type: ignore[attr-defined]  # a Pair
                for e, r in zip(edges, results):  # noqa: B905  # strict costs, and a node's results match its edges
                    if e is None:
                        continue
                    nr = 0
                    if looked_at:
                        e, nr, r = self._led(node, e, r)
                    elif type(e) is tuple:
                        e, nr = e
                    if r is not None:
                        if e in arrived:
                            if e in own:
                                old = arrived[e]
                                add(old, r, old)
                                sums[e] += 1
                            elif recording and e not in several:
                                arrived[e] = arrived[e] + r
                            else:
                                old = None
                                self.arrive(e, nr, r, results)
                        elif several and e in several:
                            self.arrive(e, nr, r, results)
                        else:
                            arrived[e] = r
                    left = waiting[e] - 1
                    if left:
                        waiting[e] = left
                    elif crowd:
                        self._push(e)
                    elif follow is None:
                        follow = e
                    elif then is None:
                        then = e
                    else:
                        for end in (follow, then, e):
                            self._push(end)
                        follow = then = end = None
                        crowd = True
                results = r = old = None  # nobody but the walk holds what arrived
                if then is not None:
                    follow = self._first(follow, then)
                if follow is not None and heap:
                    if not isinstance(follow, Node):
                        self.leaf(follow)
                        follow = None
                    elif follow.seq <= -heap[0]:
                        self._push(follow)
                        follow = None
                node = follow

    def _refits(self, node: Node) -> bool:
        """True where a gradient is to have another shape than what the node was called with has by now."""
        return any(e is not None and recorded_at(e) is not None for e in node.edges)

    def _led(self, node: Node, edge: Any, g: Any) -> tuple[Any, int, Any]:
        """Where an edge leads, to which output, and the gradient as that was recorded."""
        end, nr = end_of(edge), edge[1] if type(edge) is tuple else 0
        known = recorded_at(edge)
        if g is not None and known is not None:
            what = f"Function {node.name()} returned an invalid gradient at index {list(node.edges).index(edge)}"
            check_compatible(g, known[0], what)
            g = (fit_at_leaf if chooses(end) else fit)(g, *known)
        return end, nr, g

    def _first(self, one: Any, other: Any) -> Any:
        """Of two that are ready, in the order in which they became so: a leaf is run at once, what is left to run is returned or queued."""
        if not isinstance(one, Node):
            self.leaf(one)
            return other
        if not isinstance(other, Node) and one.seq < LEAVES:
            self.leaf(other)
            return one
        priority = other.seq if isinstance(other, Node) else LEAVES
        if priority > one.seq:
            self._push(one)
            return other
        if one.seq == priority:  # numbers a user may set, or a node that only refuses to run
            self._push(one)
            one = None
        self._push(other)
        return one

    def arrive(self, node: Any, nr: int, g: Any, held: Sequence[Any]) -> None:
        """Add a gradient to what output `nr` of `node` (or a leaf) has received; `held` may hold that, too."""
        arrived = self.arrived
        if node not in self.several:
            old = arrived.get(node)
            arrived[node] = g if old is None else self._sum(old, g, held, node)
            return
        gs = arrived.get(node)
        if gs is None:
            gs = arrived[node] = [None] * len(node.outputs)
        old = gs[nr]
        gs[nr] = g if old is None else self._sum(old, g, held, None)

    def _sum(self, old: Any, g: Any, held: Sequence[Any], node: Any) -> Any:
        """Both added up: in place where nobody but the walk holds the first."""
        if self.recording:
            return old + g
        others = getrefcount(old) - ALONE - 1  # beside the caller's variable, by what has arrived; and by the results still to be sent
        for r in held:
            if r is old:
                others -= 1
                break
        flags = old.flags
        if old.base is None and flags.c_contiguous and flags.writeable and others <= 0 and old.dtype is g.dtype and old.dtype.kind == "f":
            self.sums[node] = self.sums.get(node, 0) + 1
            made = np.add(old, g, old)
            if node is not None and made.ndim:
                self.own.add(node)
            return made
        if isinstance(old, np.generic):  # a NumPy number cannot be added to, where PyTorch's tensor is
            self.sums[node] = self.sums.get(node, 0) + 1 if others <= 0 else 0
            made = np.asarray(added(old, g))
        elif others > 0 or not flags.writeable or not _owned(old):
            self.sums[node] = 0
            made = laid_out(np.asarray(added(old, g)), (old, g))
        else:
            self.sums[node] = self.sums.get(node, 0) + 1
            made = added(old, g, out=old if old.dtype is g.dtype else None)
            if made is not old:  # a leaf takes gradients of any dtype: the first that comes decides
                old[...] = made
                made = old
        if node is not None and made.dtype.kind == "f" and made.ndim and made.flags.c_contiguous and made.flags.writeable:
            self.own.add(node)
        return made

    def step(self, node: Node, g: Any) -> Sequence[Any] | None:
        """Run one node with everything that may be asked of it; None where nothing behind it is wanted."""
        if self.targets is not None and node not in self.wanted and node is not self.only_start:
            return None
        gs = g if node.outputs is not None and g is not None else [None] * len(node.outputs or " ") if g is None else [g]
        if node in self.sums and not self.recording:
            self.tell_writes(node, g)
        if self.targets is not None and not self.accumulate and node in self.needed:
            self._capture(node, gs)  # PyTorch's convention: hooks change what is captured only where the node does not run
        if type(node.plan) is Extras:
            self._tensor_hooks(node, gs)
        if self.targets is not None and node not in self.needed:
            self._capture(node, gs)
            return None
        return self._apply(node, gs)

    def _watched(self, node: Node, g: Any) -> Sequence[Any] | None:
        """The same in anomaly mode: an error is told, and NaN is one."""
        with anomaly.watching(node) as watch:
            results = self.step(node, g)
            watch.check(results)
        return results

    def _apply(self, node: Node, gs: Any) -> Sequence[Any]:
        more = node.extras
        if more is not None and more.pre:
            gs = self._node_pre_hooks(more.pre, gs)
        late = more is None or not more.post  # hooks that come while the node runs are called without what arrived
        held = None if late or self.recording else [self.show(g) for g in gs]  # so that hooks see what the node writes to them
        if all(g is None for g in gs) and not getattr(node, "runs_on_nothing", False):
            results: Sequence[Any] = (None,) * len(node.edges)
        elif node in self.idle:
            self.idle[node](self.recording, gs)  # it may have been written to, or freed
            results = (None,) * len(node.edges)
        else:
            plan = node.plan.plain if type(node.plan) is Extras else node.plan
            fast = None if self.generic or node.outputs is not None else plan.on_tensors if self.recording else plan.fast
            if self.looked_at and self._refits(node):
                fast = None
            if isinstance(node, CopySlices) and not self.recording:
                results = self.part(node, gs[0])
            elif self.targets is not None and self._unwanted(node):
                results = node.apply(gs, self.recording, self._wants)  # type: ignore[call-arg]  # the node of an op
            else:
                results = node.apply(gs, self.recording) if fast is None else fast(node, gs[0])
                if self.written and fast is not None and not self.recording:
                    self.forget_writes(node, gs[0], results)
            if node.op is not None and node.op.family.writes and not self.recording:
                self.count_written(node, gs, results)
        more = node.extras
        if more is not None and more.post:
            results = self._node_post_hooks(more.post, self._sent(node, results), [] if late else gs)
        del held
        if not self.keep:
            node.free()
        return results

    def part(self, node: Any, g: np.ndarray) -> Sequence[Any]:
        """Run a write through a view. PyTorch copies the base's gradient to new memory and writes over the part: two writes."""
        results: Sequence[Any] = node.apply([g], False) if self.generic else node.plan.short(node, g)
        whole = results[0]
        if whole is not None and self._shows(node.edges[0]):
            self._count_writes(root_of(whole), [2])
        return results

    def _shows(self, edge: Any) -> bool:
        """True where somebody may see how often a gradient sent along an edge was written to: not where it is multiplied, or copied."""
        plan = getattr(end_of(edge), "plan", None)
        return plan is None or plan.hands_on or type(plan) is Extras or self.targets is not None

    def count_written(self, node: Any, gs: Sequence[Any], results: Sequence[Any]) -> None:
        """Keep how often PyTorch has written to what the rules of a node give, where it was not summed or cast since."""
        asked = type(node.plan) is Extras  # and hooks may see it
        given: Any = next((g for g in gs if g is not None), None)
        for edge, r, count in zip(node.edges, results, node.op.family.writes, strict=False):
            if r is None or not count or edge is None or not (asked or self._shows(edge)):
                continue
            if not node.op.broadcasts or (r.shape == given.shape and r.dtype == given.dtype):
                self._count_writes(root_of(r), [count])

    def begin(self, end: Any, count: int) -> None:
        """The same on the short way, of what has just arrived at a node or leaf as the first."""
        if end in self.waiting:
            self.sums[end] = count
        elif end.plan.hands_on:
            self.sums[end], self.summed = count, True

    def _wants(self, edge: Any) -> bool:
        """True where what a rule sends along an edge is a gradient that was asked for, or leads to one."""
        return self.targets is None or (edge is not None and end_of(edge) in self.wanted)

    def _unwanted(self, node: Node) -> bool:
        """True for the node of an op with a formula of which nothing may be wanted: as in PyTorch it does not run then."""
        if node.op is None or len(node.plan.rules) < 2:
            return False
        wanted = self.wanted
        for e in (node.first, node.second) if node.plan.paired else node.edges:  # type: ignore[attr-defined]  # a Pair
            if e not in wanted and e is not None and (isinstance(e, Node) or not self._wants(e)):
                return True
        return False

    def _sent(self, node: Node, results: Sequence[Any]) -> Sequence[Any]:
        """What hooks see: without what nothing wants, but of a custom Function and of a list PyTorch shows all there is."""
        if self.targets is None or node.tells_all or (node.op is not None and node.op.takes_lists):
            return results
        return [r if self._wants(e) else None for e, r in zip(node.edges, results, strict=True)]

    # -- targets --------------------------------------------------------------------------------------------------
    def _capture(self, node: Any, gs: Any) -> None:
        for nr in range(len(gs) if gs is not None else 0):
            place = self.targets.get((node, nr))  # type: ignore[union-attr]  # called where there are targets
            if place is not None:
                self.captured[place] = gs[nr]

    # -- leaves -----------------------------------------------------------------------------------------------------
    def leaf(self, end: Any) -> None:
        """Hand what has arrived to a leaf, or to one of its accumulate nodes that it has no longer."""
        if modes.current() & modes.ANOMALY:
            with anomaly.watching_leaf(end.variable if type(end) is AccumulateGrad else end):
                self._accumulated(end)
        else:
            self._accumulated(end)

    def _accumulated(self, end: Any) -> None:
        g = self.arrived.pop(end, None)
        leaf: Tensor = end.variable if type(end) is AccumulateGrad else end
        plain = leaf._beside is None and leaf._node is LEAF and self.targets is None and not self.recording
        if g is not None and plain:  # as most are
            accumulate(leaf, g, False, self)
            return
        targets = self.targets
        if targets is not None and leaf._rare is None and (end, 0) in targets and not self.accumulate:
            self.captured[targets[end, 0]] = g
            return
        unwanted = targets is not None and end not in self.wanted
        if unwanted and end is not self.only_start:
            return
        more = leaf._rare
        if self.sums.get(end) and not self.recording:
            self._count_writes(g, self.count_at(end, g))  # which hooks may ask for
            self.sums[end] = 0
        if more is not None and more.hooks:
            g = self._run_hooks(more.hooks, g)
        if unwanted:
            return
        if self.targets is not None and not self.accumulate:
            self.captured[self.targets[end, 0]] = g
            return
        node = accumulator_of(leaf) if end is leaf else end
        if node and node.pre:
            [g] = self._node_pre_hooks(node.pre, [g])
        if isinstance(node_of(leaf), Node):
            raise RuntimeError("leaf variable has been moved into the graph interior")
        if g is not None and leaf._node is not None:  # it may have stopped to require grad since it was used
            if self.recording and not self.create_graph:
                g = g._array
            accumulate(leaf, g, self.create_graph, self)
        if more is not None and more.post_hooks:
            for hook in list(more.post_hooks.values()):
                result = hook(leaf)
                if result is not None and result is not leaf:
                    check_hook_result(hook, leaf, result)
                    raise RuntimeError("Tensor post accumulate grad hooks should return None.")
        if node and node.post:
            for hook in list(node.post.values()):
                result = hook((), (self.show(g),))
                if result is not None:
                    check_hook_results(hook, (), result)


def _owned(array: np.ndarray) -> bool:
    """True where nobody else holds the memory of a dense array. A view is none: PyTorch's holds what it is of."""
    if type(array.base) is np.ndarray and not _laid_out(array, array.base):
        return False
    return owned(array) and 0 not in array.strides and (array.flags.c_contiguous or dense(array))


def _laid_out(array: np.ndarray, base: np.ndarray) -> bool:
    """True for what `strided` lays out: over bytes, or with other steps for sides of 1 alone."""
    if base.dtype == np.uint8:
        return True
    alike = base.dtype == array.dtype and base.shape == array.shape and base.strides != array.strides
    return alike and all(n == 1 or s == t for n, s, t in zip(array.shape, array.strides, base.strides, strict=True))
