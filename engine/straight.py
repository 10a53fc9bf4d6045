"""The walk through a graph of which nobody asks more than gradients of leaves: the latest node first, without a queue.

`Walk._drain` is the meaning. A node is recorded after all that it leads to, so the numbers of nodes say in which order a queue would
hand them out, where no hook can tell in which order leaves follow that are ready together.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from .accumulate import accumulate
from .graph import FREED
from .memory import LARGE
from .tensor import LEAF
from .together import MOST, run_together

if TYPE_CHECKING:
    from .walk import Walk

number = attrgetter("seq")


def send(walk: Walk, order: list[Any]) -> None:
    """Run the nodes, each of which has a short way, and hand to every leaf what has arrived as soon as that is all."""
    arrived, waiting, leaves, own, sums = walk.arrived, walk.waiting, walk.leaves, walk.own, walk.sums
    take, add, free = arrived.pop, np.add, not walk.keep
    order.sort(key=number, reverse=True)
    ran: set[Any] = set()  # together with others
    at = 0
    results: Any
    for node in order:
        g = take(node, None)
        plan = node.plan
        if plan.gather is not None:
            if node in ran:
                continue
            if g is not None and g.size >= LARGE:
                arrived[node], g = g, None
                at = order.index(node, at)
                together = run_together(walk, order[at : at + MOST])
                if together is not None:
                    ran |= together.ran
                    for e in together.complete:
                        _complete(walk, e)
                        together.shared.pop(e, None)
                    together = None
                    continue
                g = take(node)
        if g is None:
            results = walk.step(node, g)
        else:
            results = plan.fast(node, g)
            if free and plan.keeps_tensors:
                if plan.compact:
                    node.one, node.other = FREED, None
                else:
                    node.saved = FREED
        complete = None
        i = 0
        for e in (node.first, node.second) if plan.paired else node.edges:
            r = results[i]
            i += 1  # noqa: SIM113  # quicker than `enumerate` or `zip`, and this is where a backward spends its time
            if r is not None and e is not None:
                if e in arrived:
                    if e in own:
                        old = arrived[e]
                        add(old, r, old)
                    else:
                        old = None
                        walk.arrive(e, 0, r, results)
                        if e in own:  # what is still to come is added in place, too
                            sums[e] += waiting[e] - 1
                else:
                    arrived[e] = r
            elif e in own:
                sums[e] -= 1
            if e in leaves:
                left = waiting[e] - 1
                if left:
                    waiting[e] = left
                else:
                    complete = [e] if complete is None else [*complete, e]
        results = r = g = old = None  # nobody but the walk holds what arrived
        if complete:
            for e in complete:
                _complete(walk, e)


def _complete(walk: Walk, leaf: Any) -> None:
    if leaf._node is LEAF and leaf in walk.arrived:
        accumulate(leaf, walk.arrived.pop(leaf), False, walk)
    else:
        walk.leaf(leaf)
