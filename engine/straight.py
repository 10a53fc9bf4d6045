"""The walk through a graph of which nobody asks more than gradients of leaves: the latest node first, without a queue.

`Walk._drain` is the meaning. A node is recorded after all that it leads to, so the numbers of nodes say in which order a queue would
hand them out, where no hook can tell in which order leaves follow that are ready together.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from .accumulate import accumulate
from .graph import FREED, Node
from .memory import LARGE, WITHIN
from .tensor import LEAF, Tensor
from .texts import function_of
from .together import MOST, run_together
from .views import PartPlan

if TYPE_CHECKING:
    from .declaration import Plan
    from .walk import Walk

number = attrgetter("seq")


def order_of(walk: Walk, starts: list[Any]) -> list[Any] | None:
    """The nodes in the order in which they run; None where one of them has no short way, or more is asked of it or of a leaf.

    `waiting` then says of every leaf how many gradients are to come.
    """
    waiting, order = walk.waiting, [*starts]
    seen: dict[Any, Any] = dict.fromkeys((None, *starts))
    if not all(isinstance(node, Node) for node in starts):
        return None
    for node in order:  # grows while it is read
        plan = node.plan
        if plan.send is None or node.extras is not None:
            return None
        for e in (node.first, node.second) if plan.paired else node.edges:
            if e in seen:
                continue
            if e in waiting:
                waiting[e] += 1
            elif isinstance(e, Node):
                seen[e] = None
                order.append(e)
            elif isinstance(e, Tensor) and e._rare is None and e._view is None:
                waiting[e] = 1
            else:
                return None
    order.sort(key=number, reverse=True)
    return order


def send(walk: Walk, order: list[Any]) -> None:
    """Run the nodes, each of which has a short way, and hand to every leaf what has arrived as soon as that is all."""
    arrived, waiting, own = walk.arrived, walk.waiting, walk.own
    take = arrived.pop
    ran: set[Any] = set()  # together with others
    at = 0
    for node in order:
        plan = node.plan
        if plan.gather is not None:
            if node in ran:
                continue
            g = arrived.get(node)
            if g is not None and g.size >= LARGE:
                g = None
                at = order.index(node, at)
                together = run_together(walk, order[at : at + MOST])
                if together is not None:
                    ran |= together.ran
                    for e in together.complete:
                        _complete(walk, e)
                        together.shared.pop(e, None)
                    together = None
                    continue
            g = None
        complete = plan.send(node, take(node, None), walk, arrived, own, waiting)
        if complete is not None:
            for e in complete:  # nobody but the walk holds what arrived
                _complete(walk, e)


# -- of gradients that are to be differentiated in turn, for leaves alone -------------------------------------------------
def recorded_order(walk: Walk, starts: list[Any]) -> list[Any] | None:
    """The nodes, `starts` first; None where one of them has no short way on Tensors, or more is asked of it or of a leaf."""
    if not all(isinstance(end, Tensor) for end, _ in walk.targets or ()):
        return None
    order = [*starts]
    seen: dict[Any, Any] = dict.fromkeys((None, *starts))
    for node in order:  # grows while it is read
        if not isinstance(node, Node):
            if not isinstance(node, Tensor) or node._rare is not None or node._view is not None:
                return None
        elif node.plan.on_tensors is None or node.extras is not None:
            return None
        else:
            for e in (node.first, node.second) if node.plan.paired else node.edges:  # type: ignore[attr-defined]  # a Pair
                if e not in seen:
                    seen[e] = None
                    order.append(e)
    return [node for node in order if isinstance(node, Node)]


def send_recorded(walk: Walk, order: list[Any]) -> None:
    """Run the nodes that lead to a target, and capture what has arrived at each of these."""
    arrived, apart, free = walk.arrived, walk.apart, not walk.keep
    order.sort(key=number, reverse=True)
    for node in order:
        g = arrived.pop(node, None)
        plan = node.plan
        if g is None or node in apart:
            results = walk.step(node, g)
            if results is None:
                continue
        else:
            results = plan.on_tensors(node, g)
            if free and plan.keeps_tensors:
                node.saved = FREED
        for e, r in zip((node.first, node.second) if plan.paired else node.edges, results, strict=True):
            if r is not None and e is not None:
                arrived[e] = arrived[e] + r if e in arrived else r
    walk.captured.update({place: arrived.get(leaf) for (leaf, _), place in walk.targets.items()})  # type: ignore[union-attr]  # there are some


def _complete(walk: Walk, leaf: Any) -> None:
    if leaf._node is LEAF and leaf in walk.arrived:
        accumulate(leaf, walk.arrived.pop(leaf), False, walk)
    else:
        walk.leaf(leaf)


def run_and_spread(node: Any, g: Any, walk: Walk, *_: Any) -> list[Any] | None:
    """What `send` of a plan comes to: run the node, send its results on; returns the leaves at which all has arrived."""
    return spread(walk, node, walk.step(node, None) if g is None else node.plan.fast(node, g))


def spread(walk: Walk, node: Any, results: Any) -> list[Any] | None:
    """Send the results of `node` along its edges, and drop what it keeps."""
    if not walk.keep and node.plan.keeps_tensors:
        node.saved = FREED
    arrived, own, waiting, complete = walk.arrived, walk.own, walk.waiting, None
    for e, r in zip(node.edges, results, strict=True):
        if r is None or e is None:
            if e in own and e in waiting:
                walk.sums[e] -= 1
        elif e in own:
            np.add(arrived[e], r, arrived[e])
        elif e in arrived:
            add_to(walk, e, r, results)
        else:
            arrived[e] = r
        if e in waiting:
            left = waiting[e] - 1
            if left:
                waiting[e] = left
            else:
                complete = [e] if complete is None else [*complete, e]
    return complete


def add_to(walk: Walk, e: Any, g: Any, held: Sequence[Any]) -> None:
    """Add a gradient to what has arrived at `e`; see `Walk.arrive`."""
    old = walk.arrived[e]
    # as `Walk` decides it, where nothing but the walk and this variable holds an array of its own
    if getrefcount(old) == WITHIN + 1 and old.base is None and old.dtype is g.dtype and old.ndim and old.dtype.kind == "f":
        flags: Any = old.flags
        if flags.c_contiguous and flags.writeable:
            np.add(old, g, old)
            walk.own.add(e)
            walk.sums[e] = walk.sums.get(e, 0) + walk.waiting.get(e, 1)  # what is still to come is added in place, too
            return
    old = flags = None
    walk.arrive(e, 0, g, held)
    if e in walk.own and e in walk.waiting:
        walk.sums[e] += walk.waiting[e] - 1


# -- the same written out for one plan ----------------------------------------------------------------------------------
PARAMETERS = "node", "g", "walk", "arrived", "own", "waiting"
SPACE = {"spread": spread, "add_to": add_to, "add": np.add}


def sending(plan: Plan, lines: Sequence[str], results: Sequence[str]) -> list[str]:
    """The text of `send`: what runs the node, by `lines` that end in its `results`, with the edges in turn.

    A result is the text of an array, "None" where no gradient is sent, or `r<p>`, which may be None. What the lines return before
    their end is spread as ever.
    """
    made = ["if g is None: return spread(walk, node, walk.step(node, None))"]
    made += [_elsewhere(line) for line in lines]
    names = [text if text.isidentifier() else f"r{p}" for p, text in enumerate(results)]
    made += [f"{name} = {text}" for name, text in zip(names, results, strict=True) if name != text]
    if plan.keeps_tensors:
        made.append(f"if not walk.keep: {'node.one, node.other = FREED, None' if plan.compact else 'node.saved = FREED'}")
    places = ("node.first", "node.second") if plan.paired else [f"edge{p}" for p in range(len(results))]
    if not plan.paired:
        made.append(f"{', '.join(places)}, = node.edges")
    if plan.paired and "None" not in results:
        made += _together(*names)
    made.append("complete = None")
    sent: list[str] = []
    for place, name, text in zip(places, names, results, strict=True):
        made += [f"e = {place}", *_along(name, name != text or text == "g", sent)]
        sent += [name] if name not in ("g", "None") else []
    return [*made, "return complete"]


def _together(one: str, other: str) -> list[str]:
    """Sends both results along two edges to one node, that of a tensor times itself, as their sum."""
    first = f"{one} is not None is not {other} and {one}.dtype.kind == 'f' and {one}.dtype is {other}.dtype"
    alike = f"{one}.strides == {other}.strides and {one}.flags.c_contiguous and 1 not in {one}.shape"
    return [
        "e = node.first",
        "if e is node.second and e is not None and e not in arrived and e not in waiting:",
        f"    if {first} and {alike}: arrived[e] = add({one}, {other}); return None",
    ]


def _elsewhere(line: str) -> str:
    before, word, result = line.partition("return ")
    return f"{before}return spread(walk, node, {result})" if word else line


def _along(r: str, sure: bool, sent: Sequence[str]) -> list[str]:
    """Sends the result of this name along the edge `e`; those `sent` before are forgotten where somebody asks who holds them."""
    none = ["if e in own and e in waiting: walk.sums[e] -= 1"]
    some = [
        "if e in own:",
        "    old = arrived[e]",
        f"    add(old, {r}, old)",
        f"elif e in arrived: {''.join(f'{name} = ' for name in sent)}old = None; add_to(walk, e, {r}, ())",
        f"elif e is not None: arrived[e] = {r}",
    ]
    if r == "None":
        lines = none
    elif sure:
        lines = some
    else:
        lines = [f"if {r} is None:", *(f"    {line}" for line in none), "else:", *(f"    {line}" for line in some)]
    return [
        *lines,
        "if e in waiting:",
        "    left = waiting[e] - 1",
        "    if left: waiting[e] = left",
        "    else: complete = [e] if complete is None else [*complete, e]",
    ]


def _part_sent() -> Any:
    """The same for writes through views, most of which have two edges."""
    fast = "node.plan.fast(node, g)"
    lines = [f"if len(node.edges) != 2: return {fast}", f"r0, r1 = {fast}"]
    return function_of(PARAMETERS, sending(PartPlan, lines, ["r0", "r1"]), "CopySlices, sent on", {**SPACE, "FREED": FREED})  # type: ignore[arg-type]  # it has what is asked of a plan


PartPlan.send = staticmethod(_part_sent())
