"""The graph as a user holds it: edges, hooks over several tensors, hooks of saved values, version counts."""

from __future__ import annotations

import functools
import threading
from abc import ABC
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from .. import graph, saved, walk
from ..graph import RemovableHandle, accumulator, extras
from ..registry import F
from ..tensor import LEAF, Tensor, counter_of
from ..views import node_of
from .backward import GradientEdge

__all__ = [
    "saved_tensors_hooks", "save_on_cpu", "disable_saved_tensors_hooks", "register_multi_grad_hook", "Node", "GradientEdge",
    "get_gradient_edge", "increment_version", "allow_mutation_on_saved_tensors",
]  # fmt: skip


class Node(ABC):  # noqa: B024  # nothing to implement: it is there for isinstance
    """What every node of the graph is an instance of."""


Node.register(graph.Node)
Node.register(graph.AccumulateGrad)


def node_or_accumulator(t: Any) -> Any:
    """The node that made `t`, or where its gradient is accumulated; the node of an edge itself."""
    if isinstance(t, GradientEdge):
        return t.node
    node = node_of(t) if t.requires_grad else None
    if node is LEAF:  # a view that only borrows from its base that it requires grad has no end of its own
        node = None if t._view is not None and t._view.borrowed else accumulator(t)
    if node is None:
        raise AssertionError("Expected gradient function to be set")
    return node


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of `tensor` arrives, to be given to `grad` and `backward` in its place.

    Raises RuntimeError where it requires no grad.
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node = node_or_accumulator(tensor)
    if isinstance(node, graph.Node):
        extras(node).shapes[tensor.output_nr] = tensor._array.shape, tensor._dtype
    return GradientEdge(node, tensor.output_nr)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count a write that the engine did not see. Inference tensors have no count and are left alone."""
    tensors: Iterable[Tensor] = (tensor,) if isinstance(tensor, Tensor) else tensor
    if not isinstance(tensors, Iterable):
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input")
    for t in tensors:
        if t._counter is not None:
            counter_of(t)[0] += 1


# -- hooks of saved values ---------------------------------------------------------------------------------------------
class saved_tensors_hooks:
    """Inside, what is saved for backward is what `pack_hook(tensor)` returns; `unpack_hook` makes a tensor of it when it is read."""

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        saved.push(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exc: object) -> None:
        saved.pop()


class save_on_cpu(saved_tensors_hooks):
    """Keeps what is saved as it is, there being one device only; a copy of it where memory is to be pinned."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__((lambda t: F.clone(t)) if pin_memory else (lambda t: t), lambda t: t)


class _Place:
    """Stands for a saved tensor; when nothing needs it any more, all that is known of it is gone."""

    __slots__ = ("__weakref__",)


class _Mutable:
    """What `allow_mutation_on_saved_tensors` knows: the saved tensors that are as they were, and the copies of the others."""

    def __init__(self) -> None:
        self.cloned: WeakKeyDictionary[_Place, Tensor] = WeakKeyDictionary()
        self.original: WeakKeyDictionary[_Place, Tensor] = WeakKeyDictionary()
        self.tid_to_weakhandle: WeakValueDictionary[Any, _Place] = WeakValueDictionary()
        self.sid_to_tid: dict[Any, set[Any]] = {}

    def pack(self, t: Tensor) -> _Place:
        sid = t.data_ptr(), t._version
        reads_as = t.shape, t.stride(), t.dtype, t.is_conj(), t.is_neg(), t._is_view()
        tid = *sid, *reads_as, id(t) if not t.numel() else None  # a result is given by another object to its own node
        self.sid_to_tid.setdefault(sid, set()).add(tid)
        place = self.tid_to_weakhandle.get(tid)
        if place is None:
            place = self.tid_to_weakhandle[tid] = _Place()
            self.original[place] = t
        return place

    def unpack(self, place: _Place) -> Tensor:
        if place in self.cloned:
            return self.cloned[place]
        if place not in self.original:
            raise AssertionError(OUTSIDE)
        return self.original[place]

    def before_write(self, t: Tensor) -> None:
        if t._counter is None:
            return
        for tid in self.sid_to_tid.get((t.data_ptr(), t._version), ()):
            place = self.tid_to_weakhandle.get(tid)
            if place is not None and place not in self.cloned:
                self.cloned[place] = F.clone(self.original.pop(place))

    def clear(self) -> None:
        for known in (self.cloned, self.original, self.tid_to_weakhandle, self.sid_to_tid):
            known.clear()


OUTSIDE = "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was originally recorded."
_mutable: ContextVar[bool] = ContextVar("mutation_allowed", default=False)


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Mutable]:
    """Inside, what is saved for backward is copied before it is written to, so that backward sees it as it was.

    Raises RuntimeError inside another; a graph recorded inside runs inside only (AssertionError).
    """
    known = _Mutable()
    if _mutable.get():
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    token = _mutable.set(True)
    try:
        with saved_tensors_hooks(known.pack, known.unpack), saved.told_before_writes(known.before_write):
            yield known
    finally:
        known.clear()
        _mutable.reset(token)


def disable_saved_tensors_hooks(error_message: str) -> AbstractContextManager[None]:
    """Inside, giving such hooks raises RuntimeError with this text."""
    return saved.disabled(error_message)


# -- hooks over several tensors ------------------------------------------------------------------------------------------
class _MultiHandle:
    """The handles of one hook on several tensors."""

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _MultiHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all") -> _MultiHandle:
    """`fn` once a backward: with the list of gradients when all have come ("all"), or with the first that does ("any")."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    return _on_all(tensors, fn) if mode == "all" else _on_any(tensors, fn)


def _current() -> walk.Walk:
    found = walk.active()
    if found is None:
        raise AssertionError("expected this hook to be called inside a backward call")
    return found


def _on_all(tensors: Sequence[Tensor], fn: Callable[[Sequence[Tensor | None]], Any]) -> _MultiHandle:
    ends = [graph.end_of(node_or_accumulator(t)) for t in tensors]
    arrived: dict[int, list[Any]] = {}  # by walk: how many came, how many will, the gradients
    lock = threading.Lock()

    def watch(at: int) -> Callable[[Tensor], None]:
        def hook(g: Tensor) -> None:
            run = _current()
            with lock:
                state = arrived.get(run.id)
                if state is None:
                    state = arrived[run.id] = [0, sum(map(run.will_run, ends)), [None] * len(tensors)]
                state[0] += 1
            state[2][at] = g
            if state[0] == state[1]:
                fn(state[2])
                del arrived[run.id]

        return hook

    return _MultiHandle(tuple(t.register_hook(watch(i)) for i, t in enumerate(tensors)))


def _on_any(tensors: Sequence[Tensor], fn: Callable[[Tensor], Any]) -> _MultiHandle:
    ran: set[int] = set()
    lock = threading.Lock()

    @functools.wraps(fn)
    def hook(g: Tensor) -> None:
        run = _current()
        with lock:
            if run.id in ran:
                return
            ran.add(run.id)
        fn(g)

    return _MultiHandle(tuple(t.register_hook(hook) for t in tensors if t.requires_grad))
