"""Backward without what nobody asked for: gradients of plain tensors in a plain mode. What it comes to is told by `Walk.run`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import modes, saved
from .deep import DEPTH
from .geometry import root_of
from .graph import AccumulateGrad, Node
from .silence import loud, quiet
from .straight import captured_order, order_of, recorded_order, send, send_recorded
from .tensor import Tensor, counter_of
from .walk import ONE, Walk, running


class PlainWalk(Walk):
    """The walk from one root to all leaves in a plain mode, of which nobody asks more: see `run_plain`."""

    create_graph = recording = generic = False
    targets: Any = None
    accumulate = True

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.id = self._ids()
        self.arrived = {}
        self.waiting = {}
        self.sums = {}
        self.own = set()

    def go(self, send: Callable[[Any, Any], None], order: list[Any]) -> None:
        """What `run` does once the order is known; see there."""
        before = modes.current()
        modes.switch(modes.GRAD if self.create_graph else 0)
        token = quiet()
        walks = running()
        walks.append(self)
        try:
            send(self, order)
            for callback in self.callbacks:
                callback()
        finally:
            walks.pop()
            loud(token)
            if modes.current() & modes.SAVED_HOOKS:
                saved.restore(())
            modes.switch(before)


class CapturingWalk(PlainWalk):
    """The same to leaves and nodes, where the gradients stay that arrive there: see `run_captured`."""

    accumulate = False

    def __init__(self, keep: bool, create_graph: bool, ends: Sequence[Any]) -> None:
        super().__init__(keep)
        self.create_graph = self.recording = create_graph
        self.targets = {(end, 0): place for place, end in enumerate(ends)}


def run_plain(root: Any, t: Tensor, seed: Tensor | None, keep: bool) -> bool:
    """Send down the gradient of `t`, which `root` made: `seed`, or 1. `Walk.run` is the meaning.

    False, and nothing is done, where more than gradients of leaves is asked for.
    """
    if _is_odd():
        return False
    walk = PlainWalk(keep)
    order = order_of(walk, [root])
    if order is None:
        return False
    if seed is None:
        g = ONE[t._dtype].copy()
        walk.counters = {id(g): ([0], g)}
    else:
        g = seed._array
        memory = g if g.base is None else root_of(g)
        walk.counters = {id(memory): (counter_of(seed), memory)}
        walk.given = (seed,)
    walk.arrived[root] = g
    del g  # which is read as held by nobody but the walk and the seed
    walk.go(send, order)
    return True


def run_captured(starts: Mapping[Any, Tensor], keep: bool, create_graph: bool, ends: Sequence[Any]) -> Walk | None:
    """Send down these gradients of nodes to `ends`. `Walk.run` is the meaning; None, and nothing is done, where it has more to do."""
    if Node.astray or _is_odd():
        return None
    walk = CapturingWalk(keep, create_graph, ends)
    order = (recorded_order if create_graph else captured_order)(walk, [*starts], {*ends})
    if order is None:
        return None
    walk.arrived.update(starts if create_graph else {node: seed._array for node, seed in starts.items()})
    walk.go(send_recorded if create_graph else send, order)
    return walk


def _is_odd() -> bool:
    """True where a walk may have to look where edges lead, or is as deep inside others as this thread goes."""
    return Node.reshaped or Node.renumbered or AccumulateGrad.outgrown or len(running()) >= DEPTH
