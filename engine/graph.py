"""The backward graph: nodes, the values they keep, and the walk that sends gradients to the leaves."""

from __future__ import annotations

import heapq
import itertools
import weakref
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any, ClassVar

import numpy as np

from . import dtypes, modes
from .registry import F
from .silence import loud, quiet
from .tensor import LEAF, Tensor, rare, wrap

sequence = itertools.count(1).__next__

FREED_TWICE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
    "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to "
    "backward through the graph a second time or if you need to access saved tensors after calling backward."
)
HINT = (
    " Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
    "torch.autograd.set_detect_anomaly(True, check_nan=False)."
)


class Handle:
    """What registering a hook returns; `remove()` may be called more than once, and during the pass itself."""

    _ids = itertools.count().__next__

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self.id = self._ids()
        hooks[self.id] = hook
        self._hooks = weakref.ref(_keep(hooks))

    def remove(self) -> None:
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.remove()


class Hooks(dict):
    """A dict that can be referred to weakly."""

    __slots__ = ("__weakref__",)


def _keep(hooks: Any) -> Hooks:
    return hooks


class Extras:
    """What few nodes have: hooks on their outputs and on themselves, tensors that retain their gradient, metadata."""

    __slots__ = ("tensor_hooks", "retains", "pre", "post", "metadata")

    def __init__(self) -> None:
        self.tensor_hooks: dict[int, Hooks] = {}
        self.retains: dict[int, weakref.ref[Tensor]] = {}
        self.pre, self.post = Hooks(), Hooks()
        self.metadata: dict[str, Any] = {}


class Saved:
    """An output kept for backward: its array, not the tensor, so that node and tensor are no cycle."""

    __slots__ = ("array", "dtype", "nr", "counter", "tangent")

    def __init__(self, t: Tensor) -> None:
        self.array, self.dtype, self.nr, self.counter = t._array, t._dtype, t._nr, t._counter
        self.tangent: Tensor | None = None


class FreedValues(tuple):
    """What `saved` holds once a backward has used it up."""


FREED = FreedValues()


class Node:
    """One recorded call: where its gradients go, and what its rules asked to keep.

    `edges` holds per input a Node, a leaf Tensor (or the AccumulateGrad somebody asked for), a pair (node, output
    number) where that number is not 0, or None. `saved` is flat: value, version, value, version, ... `fits` holds the
    (shape, dtype) each gradient must have, or None where all are those of the output. A concrete class per op carries
    the op and is named as PyTorch names it.
    """

    __slots__ = ("edges", "saved", "plan", "fits", "seq", "extras", "__weakref__")
    op: ClassVar[Any] = None
    outputs: ClassVar[Any] = None  # a node of several results has a slot of this name, with the (shape, dtype) of each

    edges: tuple[Any, ...]
    saved: Any
    plan: Any
    fits: Any
    seq: int
    extras: Extras | None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"

    def name(self) -> str:
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        self.edges = tuple(accumulator(e) if isinstance(e, Tensor) else e for e in self.edges)
        return tuple(e if type(e) is tuple else (e, 0) for e in self.edges)

    @property
    def metadata(self) -> dict[str, Any]:
        return extras(self).metadata

    requires_grad = property(lambda self: True)

    def _sequence_nr(self) -> int:
        return self.seq

    def _set_sequence_nr(self, number: int) -> None:
        self.seq = number

    def register_hook(self, hook: Callable[..., Any]) -> Handle:
        """`hook(grad_inputs, grad_outputs)` after the node has run; a returned tuple replaces the gradients."""
        return Handle(extras(self).post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Handle:
        """`hook(grad_outputs)` before the node runs; a returned tuple replaces them."""
        return Handle(extras(self).pre, hook)

    def apply(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        """Gradients for `edges`, in order, from one gradient (or None) per output: arrays, or Tensors when recording."""
        raise NotImplementedError

    def free(self) -> None:
        """Drop what was kept for backward."""

    def __call__(self, *gs: Any) -> Any:
        expected = 1 if self.outputs is None else len(self.outputs)
        if len(gs) != expected:
            raise TypeError(f"expected {expected} arguments, got {len(gs)} instead")
        results = tuple(self.apply(list(gs), True))
        return results[0] if len(results) == 1 else results


class AccumulateGrad:
    """The end of the walk at a leaf, as a user sees it. The graph itself points at the leaf."""

    __slots__ = ("variable", "pre", "post", "metadata", "__weakref__")

    def __init__(self, variable: Tensor) -> None:
        self.variable, self.pre, self.post, self.metadata = variable, Hooks(), Hooks(), {}  # type: ignore[var-annotated]

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    next_functions = property(lambda self: ())
    requires_grad = property(lambda self: True)

    def _sequence_nr(self) -> int:
        return 2**64 - 1

    def register_hook(self, hook: Callable[..., Any]) -> Handle:
        return Handle(self.post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> Handle:
        return Handle(self.pre, hook)


def extras(node: Node) -> Extras:
    if node.extras is None:
        node.extras = Extras()
    return node.extras


def accumulator(leaf: Tensor) -> AccumulateGrad:
    """The leaf's accumulate node: the same object as long as anybody holds it."""
    slot = rare(leaf)
    node = slot.accumulate and slot.accumulate()
    if node is None:
        node = AccumulateGrad(leaf)
        slot.accumulate = weakref.ref(node)
    return node


# -- fitting a rule's result to its input ------------------------------------------------------------------------------
def fit(g: Any, shape: tuple[int, ...], dtype: dtypes.dtype) -> Any:
    """Undo broadcasting and casting of a gradient: written once, so no rule has to."""
    return fit_array(g, shape, dtype) if not isinstance(g, Tensor) else _fit_tensor(g, shape, dtype)


def fit_array(g: Any, shape: tuple[int, ...], dtype: dtypes.dtype) -> np.ndarray:
    if type(g) is not np.ndarray:
        g = np.asarray(g)
    if g.shape != shape:
        lead, dims = broadcast_dims(g.shape, shape)
        if dims:
            g = np.asarray(np.add.reduce(g, dims, keepdims=True))
        g = g.reshape(shape) if lead else g
        if g.shape != shape:
            g = np.broadcast_to(g, shape)
    if g.dtype != dtype.np:
        g = (g.real if g.dtype.kind == "c" and not dtype.is_complex else g).astype(dtype.np)
    return g


def _fit_tensor(g: Tensor, shape: tuple[int, ...], dtype: dtypes.dtype) -> Tensor:
    if g._array.shape != shape:
        lead, dims = broadcast_dims(g._array.shape, shape)
        if dims:
            g = F.sum(g, dims, True)
        if lead:
            g = F.view(g, shape)
        if g._array.shape != shape:
            g = F.expand(g, shape)
    if g._dtype.is_complex and not dtype.is_complex:
        g = F.real(g)
    return g if g._dtype is dtype else F.to(g, dtype)


def broadcast_dims(wide: tuple[int, ...], narrow: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """How many leading dimensions broadcasting added, and every dimension to sum over."""
    lead = max(len(wide) - len(narrow), 0)
    return lead, tuple(range(lead)) + tuple(i + lead for i, n in enumerate(narrow) if n == 1 and i + lead < len(wide) and wide[i + lead] != 1)


# -- the walk ----------------------------------------------------------------------------------------------------------
class Walk:
    """One backward pass: which nodes run, what has arrived at each, and where gradients are captured.

    `targets` maps (node or leaf, output number) to the place in the result where its gradient goes; None accumulates
    into every leaf. `accumulate` says that leaves among the targets are accumulated into rather than captured.
    """

    def __init__(self, keep: bool, create_graph: bool, targets: dict[tuple[Any, int], int] | None, accumulate: bool) -> None:
        self.keep, self.create_graph, self.targets, self.accumulate = keep, create_graph, targets, accumulate
        self.recording = create_graph or bool(modes.current() & modes.FORWARD)  # on Tensors, which know their tangents
        self.arrived: dict[Any, Any] = {}  # a gradient, or for a node of several outputs one or None per output
        self.waiting: dict[Any, int] = {}  # how many consumers have not run yet
        self.captured: dict[int, Any] = {}
        self.needed: set[Any] = set()
        self.ready: list[tuple[int, int, Any]] = []

    def run(self, roots: list[tuple[Any, int, Any]]) -> dict[int, Any]:
        """Send `roots`' gradients down; returns what was captured, by place."""
        before = modes.current()
        modes.switch(before & ~modes.GRAD | (modes.GRAD if self.create_graph else 0))
        token = quiet()
        try:
            starts = list(dict.fromkeys(node for node, _, _ in roots))
            order = self._count(starts)
            if self.targets is not None:
                self._find_needed(order)
            for node, nr, g in roots:
                self._arrive(node, nr, g)
            for node in starts:
                if not self.waiting.get(node):
                    self._push(node)
            self._drain()
        finally:
            loud(token)
            modes.switch(before)
        return self.captured

    def _count(self, starts: list[Any]) -> list[Any]:
        """Count what each reachable node waits for; returns the nodes, `starts` first."""
        waiting, order, first = self.waiting, list(starts), set(starts)
        for node in order:  # grows while it is read
            if isinstance(node, Tensor):
                continue
            for e in node.edges:
                if e is None:
                    continue
                if type(e) is tuple:
                    e = e[0]
                elif type(e) is AccumulateGrad:
                    e = e.variable
                if e in waiting:
                    waiting[e] += 1
                else:
                    waiting[e] = 1
                    if e not in first:
                        order.append(e)
        return order

    def _find_needed(self, order: list[Any]) -> None:
        """The nodes that lead to a target, which run; a target that leads to no other is captured and not run."""
        parents: dict[Any, list[Any]] = {}
        for node in order:
            for e in () if isinstance(node, Tensor) else node.edges:
                parents.setdefault(end_of(e), []).append(node)
        stack = [node for node, _ in self.targets or ()]
        while stack:
            for parent in parents.get(stack.pop(), ()):
                if parent not in self.needed:
                    self.needed.add(parent)
                    stack.append(parent)

    def _push(self, node: Any) -> None:
        """Among ready nodes the latest recorded runs first, and leaves before all."""
        heapq.heappush(self.ready, (-(2**63) if isinstance(node, Tensor) else -node.seq, id(node), node))

    def _drain(self) -> None:
        """Run what is ready until nothing is. A node that is the only one made ready follows without the heap."""
        arrived, waiting, ready, keep = self.arrived, self.waiting, self.ready, self.keep
        plain = self.targets is None and not self.recording
        while ready:
            node = heapq.heappop(ready)[2]
            while node is not None:
                if isinstance(node, Tensor):
                    self._leaf(node)
                    break
                g = arrived.pop(node, None)
                fast = node.plan.fast if plain and g is not None and node.extras is None else None
                if fast is not None:
                    results = fast(node, g)
                    if not keep:
                        node.free()
                else:
                    results = self._step(node, g)
                    if results is None:
                        break
                follow = None
                for e, r in zip(node.edges, results):  # noqa: B905  # strict costs, and a node's results match its edges
                    if e is None:
                        continue
                    nr = 0
                    if type(e) is tuple:
                        e, nr = e
                    elif type(e) is AccumulateGrad:
                        e = e.variable
                    if r is not None:
                        if nr or e in arrived or (not isinstance(e, Tensor) and e.outputs is not None):
                            self._arrive(e, nr, r)
                        else:
                            arrived[e] = r
                    left = waiting[e] - 1
                    if left:
                        waiting[e] = left
                    elif follow is None:
                        follow = e
                    else:
                        self._push(e)
                results = r = None  # nobody but the walk holds what arrived
                if follow is not None and ready:
                    self._push(follow)
                    break
                node = follow

    def _arrive(self, node: Any, nr: int, g: Any) -> None:
        """Add a gradient to what output `nr` of `node` (or a leaf) has received."""
        arrived = self.arrived
        if isinstance(node, Tensor) or node.outputs is None:
            old = arrived.get(node)
            arrived[node] = g if old is None else self._sum(old, g)
            return
        gs = arrived.get(node)
        if gs is None:
            gs = arrived[node] = [None] * len(node.outputs)
        gs[nr] = g if gs[nr] is None else self._sum(gs[nr], g)

    def _sum(self, old: Any, g: Any) -> Any:
        return old + g if self.recording else np.asarray(np.add(old, g))

    def _step(self, node: Node, g: Any) -> Sequence[Any] | None:
        """Run one node with everything that may be asked of it; None where nothing behind it is wanted."""
        gs = g if node.outputs is not None else None if g is None else [g]
        if gs is not None and node.extras is not None:
            self._tensor_hooks(node, gs)
        if self.targets is not None:
            self._capture(node, gs)
            if node not in self.needed:
                return None
        if gs is None and not getattr(node, "runs_on_nothing", False):
            return (None,) * len(node.edges)
        return self._apply(node, gs)

    def _apply(self, node: Node, gs: Any) -> Sequence[Any]:
        more = node.extras
        if more is not None and more.pre:
            gs = self._node_pre_hooks(more.pre, gs)
        results = node.apply(gs, self.recording)
        if more is not None and more.post:
            results = self._node_post_hooks(more.post, results, gs)
        if not self.keep:
            node.free()
        return results

    # -- hooks see Tensors, whatever flows ------------------------------------------------------------------------
    def show(self, g: Any) -> Any:
        return g if g is None or isinstance(g, Tensor) else wrap(g, dtypes.OF_NUMPY[g.dtype])

    def take(self, g: Any) -> Any:
        return g if g is None or self.recording else g._array

    def _tensor_hooks(self, node: Node, gs: list[Any]) -> None:
        more = node.extras
        for nr, hooks in list(more.tensor_hooks.items()):  # type: ignore[union-attr]
            if gs[nr] is not None:
                gs[nr] = self._run_hooks(hooks, gs[nr])
        for nr, ref in more.retains.items():  # type: ignore[union-attr]
            t = ref()
            if t is not None and gs[nr] is not None:
                g = self.show(gs[nr])
                t._gradient = F.clone(g) if t._gradient is None else t._gradient + g

    def _run_hooks(self, hooks: dict[int, Callable[..., Any]], g: Any) -> Any:
        for hook in list(hooks.values()):
            shown = self.show(g)
            result = hook(shown)
            if result is not None:
                check_hook_result(hook, shown, result)
                g = self.take(result)
        return g

    def _node_pre_hooks(self, hooks: Hooks, gs: list[Any]) -> list[Any]:
        for hook in list(hooks.values()):
            result = hook(tuple(map(self.show, gs)))
            if result is not None:
                gs = [self.take(r) for r in (result if isinstance(result, tuple) else (result,))]
        return gs

    def _node_post_hooks(self, hooks: Hooks, results: Sequence[Any], gs: list[Any]) -> Sequence[Any]:
        for hook in list(hooks.values()):
            result = hook(tuple(map(self.show, results)), tuple(map(self.show, gs)))
            if result is not None:
                results = [self.take(r) for r in (result if isinstance(result, tuple) else (result,))]
        return results

    def _capture(self, node: Any, gs: Any) -> None:
        for nr in range(len(gs) if gs is not None else 0):
            place = self.targets.get((node, nr))  # type: ignore[union-attr]
            if place is not None:
                self.captured[place] = gs[nr]

    # -- leaves -----------------------------------------------------------------------------------------------------
    def _leaf(self, leaf: Tensor) -> None:
        g = self.arrived.pop(leaf, None)
        place = None if self.targets is None else self.targets.get((leaf, 0))
        if g is None or (self.targets is not None and place is None):
            return
        more = leaf._rare
        if more is not None and more.hooks:
            g = self._run_hooks(more.hooks, g)
        node = more and more.accumulate and more.accumulate()
        if node and node.pre:
            [g] = self._node_pre_hooks(node.pre, [g])
        if place is not None and not self.accumulate:
            self.captured[place] = g
            return
        if self.recording and not self.create_graph:
            g = g._array
        accumulate(leaf, g, self.create_graph)
        if more is not None and more.post_hooks:
            for hook in list(more.post_hooks.values()):
                hook(leaf)
        if node and node.post:
            for hook in list(node.post.values()):
                hook((), (self.show(g),))


def end_of(edge: Any) -> Any:
    """The node or leaf an edge leads to."""
    return edge[0] if type(edge) is tuple else edge.variable if type(edge) is AccumulateGrad else edge


def accumulate(leaf: Tensor, g: Any, recording: bool) -> None:
    """Store the first gradient, add later ones: in place, or out of place when recording."""
    old = leaf._gradient
    if recording:
        leaf._gradient = F.clone(g) if old is None else old + g
    elif old is None:
        # Taken as it is only where nobody else holds it: the argument here, the caller's variable, and ours.
        taken = getrefcount(g) <= 3 and _laid_out_as(g, leaf._array) and g.flags.writeable
        leaf._gradient = wrap(g, leaf._dtype) if taken else _copied_for(leaf, g)
    elif old._node is None:
        np.add(old._array, g, out=old._array)
        if old._counter is not None:
            old._counter[0] += 1
    else:
        leaf._gradient = wrap(np.asarray(old._array + g), leaf._dtype)


def dense(array: np.ndarray) -> bool:
    """True where the elements fill their memory without gap or overlap, in some order of dimensions."""
    expected = array.itemsize
    for step, n in sorted((s, n) for s, n in zip(array.strides, array.shape, strict=True) if n != 1):
        if step != expected:
            return False
        expected *= n
    return True


def _laid_out_as(g: np.ndarray, leaf: np.ndarray) -> bool:
    """PyTorch's layout contract: strides of a dense leaf, row-major otherwise."""
    if leaf.flags.c_contiguous or not dense(leaf):
        return g.flags.c_contiguous
    return all(n == 1 or a == b for n, a, b in zip(g.shape, g.strides, leaf.strides, strict=True))


def _copied_for(leaf: Tensor, g: np.ndarray) -> Tensor:
    """A copy of `g` in the layout a gradient of `leaf` has; PyTorch writes it into new memory where the leaf is dense, so version 1."""
    packed = dense(leaf._array)
    array = np.empty_like(leaf._array, order="K") if packed and not leaf._array.flags.c_contiguous else np.empty(g.shape, g.dtype)
    array[...] = g
    made = wrap(array, leaf._dtype)
    made._counter = [int(packed)]
    return made


def check_hook_result(hook: Any, before: Tensor, after: Any) -> None:
    """Raises TypeError where a hook returned no tensor, RuntimeError where it changed dtype or shape."""
    name = getattr(hook, "__name__", type(hook).__name__)
    if not isinstance(after, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    if after._dtype is not before._dtype:
        raise RuntimeError(f"hook '{name}' has changed the type of value (was {type_name(before._dtype)} got {type_name(after._dtype)})")
    if after._array.shape != before._array.shape:
        raise RuntimeError(f"hook '{name}' has changed the size of value")


def type_name(d: dtypes.dtype) -> str:
    """`torch.FloatTensor`, as PyTorch's messages say it; dtypes younger than those classes have a longer name."""
    return f"CPU{d.scalar_name}Type" if d.is_complex or d in (dtypes.bfloat16, dtypes.bool_) else f"torch.{d.scalar_name}Tensor"


def modified(kind: dtypes.dtype, shape: Sequence[int], made_by: Node | None, nr: int, now: int, then: int) -> RuntimeError:
    """The error of a saved value that was written to since."""
    by = f", which is output {nr} of {short_name(made_by)}," if made_by is not None else ""
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: [{type_name(kind)} {list(shape)}]"
        f"{by} is at version {now}; expected version {then} instead.{HINT}"
    )


def short_name(node: Any) -> str:
    """A node's name as PyTorch's error messages give it: `Exp` of ExpBackward0, `Pow1` of PowBackward1."""
    name = node.name()
    head, mark, tail = name.rpartition("Backward")
    return head + tail.removesuffix("0") if mark and tail.isdigit() else name


def edge_of(t: Tensor) -> Any:
    """Where gradients of `t` flow to, as `Node.edges` holds it. `t`'s node must be up to date."""
    node = t._node
    if node is LEAF:
        view = t._view
        if view is not None and view.creation is not None and view.base._node is not None:
            return None  # an unrecorded view of what requires grad: PyTorch's convention is that its gradient goes nowhere
        live = t._rare is not None and t._rare.accumulate and t._rare.accumulate()
        return live or t
    return (node, t._nr) if t._nr and node is not None else node
