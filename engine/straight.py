"""The walk through a graph of which nobody asks more than gradients of leaves: the latest node first, without a queue.

`Walk._drain` is the meaning. A node is recorded after all that it leads to, so the numbers of nodes say in which order a queue would
hand them out, where no hook can tell in which order leaves follow that are ready together.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence, Set
from operator import attrgetter
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from .accumulate import accumulate
from .graph import FREED
from .memory import HANDED, LARGE, WITHIN
from .modes import GRAD, current
from .tensor import LEAF, PLAIN, wrap_in_rows
from .texts import function_of
from .together import MOST, run_together
from .views import PartPlan

if TYPE_CHECKING:
    from .declaration import Plan
    from .op import Op
    from .walk import Walk

number = attrgetter("seq")


def order_of(walk: Walk, starts: list[Any]) -> list[Any] | None:
    """The nodes in the order in which they run; None where one of them has no short way, or more is asked of it or of a leaf.

    `waiting` then says of every leaf how many gradients are to come.
    """
    order = [*starts]
    if not collect(order, walk.waiting):
        return None
    if len(order) > 1:
        order.sort(key=number, reverse=True)
    return order


def captured_order(walk: Walk, starts: list[Any], targets: Set[Any]) -> list[Any] | None:
    """The same where gradients are captured at `targets`, leaves and nodes: the nodes that lead there.

    None, too, where one of these leads to another. `waiting` then tells of these nodes what it tells of leaves.
    """
    order = order_of(walk, starts)
    if order is None:
        return None
    inner = {end for end in targets if type(end) not in PLAIN}
    if not inner and walk.waiting.keys() <= targets:
        walk.needed = walk.wanted = {*order, *walk.waiting}
        return order
    order = leading(walk, order, targets)
    if inner and order is not None:
        walk.waiting.update(Counter(e for node in order for e in node.edges if e in inner))
    return order


def _collecting() -> Callable[[list[Any], dict[Any, int]], bool]:
    """Adds to a list all that its nodes lead to, and to a dict the leaves, with how many edges lead there. False as `order_of` says.

    Written out, because a tuple of two edges takes as long as to look at them.
    """

    def look_at(indent: str) -> list[str]:
        lines = [
            "if e in seen: seen[e] += 1",
            "elif type(e) not in PLAIN: seen[e] = 1; order.append(e)",
            "elif e._beside is None: seen[e] = 1; leaves.append(e)",
            "else: return False",
        ]
        return [f"{indent}{line}" for line in lines]

    lines = [
        "seen = {None: 0}",
        "for node in order: seen[node] = 0",
        "leaves = []",
        "try:",
        "    for node in order:",
        "        plan = node.plan",
        "        if plan.send is None: return False",
        "        if plan.paired:",
        "            e = node.first",
        *look_at("            "),
        "            e = node.second",
        *look_at("            "),
        "        else:",
        "            for e in node.edges:",
        *look_at("                "),
        "except AttributeError: return False",  # an end that is no node
        "for e in leaves: waiting[e] = seen[e]",
        "return True",
    ]
    return function_of(("order", "waiting"), lines, "the nodes of a walk", {"PLAIN": PLAIN})


collect = _collecting()


def send(walk: Walk, order: list[Any]) -> None:
    """Run the nodes, each of which has a short way, and hand to every leaf what has arrived as soon as that is all.

    What is to be captured stays where it arrived.
    """
    if walk.parts:
        send_some(walk, order)
        return
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
        run = plan.send  # no method
        complete = run(node, take(node, None), walk, arrived, own, waiting)
        if complete is not None:
            for e in complete:  # nobody but the walk holds what arrived
                _complete(walk, e)


def send_some(walk: Walk, order: Sequence[Any]) -> None:
    """The same where of some nodes not all is wanted that their rules give."""
    arrived, own, waiting, parts = walk.arrived, walk.own, walk.waiting, walk.parts
    for node in order:
        run = parts.get(node, node.plan).send  # no method
        run(node, arrived.pop(node, None), walk, arrived, own, waiting)


# -- of gradients that are to be differentiated in turn, for leaves alone -------------------------------------------------
def recorded_order(walk: Walk, starts: list[Any], targets: Set[Any]) -> list[Any] | None:
    """The nodes that lead to these leaves and nodes, in the order in which they run; what `Walk._find_needed` finds is found, too.

    None where one of the nodes has no short way on Tensors, or more is asked of it or of a leaf, or where one target leads to another.
    """
    order, seen = [*starts], {None, *starts}
    unasked = any(type(end) not in PLAIN for end in targets)  # or a leaf is reached that is no target
    try:
        for node in order:  # grows while it is read
            plan = node.plan
            if plan.on_tensors is None:
                return None
            edges = (node.first, node.second) if plan.paired else node.edges
            for e in edges:
                if e not in seen:
                    seen.add(e)
                    if type(e) not in PLAIN:
                        order.append(e)
                    elif e._beside is None:
                        unasked = unasked or e not in targets
                    else:
                        return None
    except AttributeError:  # an end that is no node
        return None
    seen.remove(None)
    order.sort(key=number, reverse=True)
    if unasked:
        return leading(walk, order, targets)
    walk.needed = walk.wanted = seen
    return order


def leading(walk: Walk, order: Sequence[Any], targets: Set[Any]) -> list[Any] | None:
    """The nodes that lead to one of these targets, in order; None where a target is among them, which were to be captured before it runs.

    The walk is told what `Walk._find_needed` finds, and which nodes run in part.
    """
    needed, wanted, parts = [], {*targets}, {}
    for node in reversed(order):
        plan = node.plan
        edges = (node.first, node.second) if plan.paired else node.edges
        if not wanted.isdisjoint(edges):
            if node in targets:
                return None
            needed.append(node)
            wanted.add(node)
            if len(plan.rules) > 1 and any(e is not None and e not in wanted for e in edges):
                parts[node] = plan.parts[tuple([e in wanted for e in edges])]
    walk.needed, walk.wanted, walk.parts = {*needed}, wanted, parts
    return needed[::-1]


def send_recorded(walk: Walk, order: list[Any]) -> None:
    """Run the nodes; what has arrived at the targets stays there."""
    arrived, wanted, parts = walk.arrived, walk.wanted, walk.parts
    take = arrived.pop
    for node in order:
        g = take(node, None)
        if g is None:
            walk.step(node, g)
        else:
            run = parts.get(node, node.plan).send_on_tensors  # no method
            run(node, g, walk, arrived, wanted)


def _complete(walk: Walk, leaf: Any) -> None:
    """Hand to a leaf what has arrived there. What is its own, laid out as it is, becomes its first gradient, as `accumulate` has it."""
    if walk.targets is not None:
        return
    g = walk.arrived.pop(leaf, None) if leaf._node is LEAF else None
    if g is None:
        walk.leaf(leaf)
        return
    form = leaf._rows
    if (
        leaf._gradient is None
        and form
        and g.base is None
        and getrefcount(g) == HANDED
        and g.strides == form.strides
        and g.dtype is form.floating
        and g.shape == form.shape
        and current() <= GRAD
    ):
        made = wrap_in_rows(g, form)
        if walk.written and id(g) in walk.written:
            made._counter = [walk.count_at(leaf, g)[0]]
        elif leaf in walk.sums:
            made._counter = [walk.sums[leaf]]
        leaf._gradient = made
    else:
        accumulate(leaf, g, False, walk)


def run_and_spread(node: Any, g: Any, walk: Walk, *_: Any) -> list[Any] | None:
    """What `send` of a plan comes to: run the node, send its results on; returns the leaves at which all has arrived."""
    if g is not None and walk.summed and node in walk.sums:
        walk.tell_writes(node, g)
    results = walk.step(node, None) if g is None else node.plan.fast(node, g)
    g = None  # no longer held, where a result is the gradient itself
    return spread(walk, node, results)


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
            walk.sums[e] = walk.sums.get(e, 0) + walk.waiting.get(e, 1)  # what is still to come is added in place, too
            if e in walk.waiting:
                walk.own.add(e)
            else:
                walk.summed = True
            return
    old = flags = None
    walk.arrive(e, 0, g, held)
    if e not in walk.waiting:
        walk.own.discard(e)  # each that comes is counted
        walk.summed = True
    elif e in walk.own:
        walk.sums[e] += walk.waiting[e] - 1


# -- the same written out for one plan ----------------------------------------------------------------------------------
PARAMETERS = "node", "g", "walk", "arrived", "own", "waiting"
SPACE = {"spread": spread, "add_to": add_to, "add": np.add, "ndarray": np.ndarray, "asarray": np.asarray, "ALONE": HANDED}


def sending(plan: Plan, lines: Sequence[str], results: Sequence[str], mask: Sequence[bool], op: Op | None = None) -> list[str]:
    """The text of `send`: what runs the node, by `lines` that end in its `results`, with the edges in turn, which are `edge<p>`.

    A result is the text of an array, "None" where no gradient is sent, or `r<p>`, which may be None. What the lines return before
    their end is spread as ever. Where the `mask` is not set there is no edge.
    """
    writes = op.family.writes if op is not None else ()
    made = ["if g is None: return spread(walk, node, walk.step(node, None))"]
    if writes and op is not None and op.broadcasts:
        made.append("kind = g.shape, g.dtype")
    made += [_elsewhere(line, bool(writes)) for line in lines]
    names = [text if text.isidentifier() else f"r{p}" for p, text in enumerate(results)]
    given = [text for name, text in zip(names, results, strict=True) if name != text]
    if any((text.isidentifier() and text != "None") or re.search(r"\bg[.\[]", text) for text in results):
        # one may be the gradient itself, or a view of it
        made.insert(1, "if type(g) is not ndarray: g = asarray(g)")  # which views share, as NumPy's numbers are not
        made.insert(2, "if walk.summed and node in walk.sums: walk.tell_writes(node, g)")
    both = plan.paired and all(mask)
    if both:
        made.append("joined = edge0 is edge1 and edge0 is not None and edge0 not in arrived and edge0 not in waiting")
    again = ""
    if both and len(given) == 2 and given[1] != given[0] == given[1].replace("x1", "x0"):  # the same of a tensor times itself
        again, given[1] = given[1], f"r0 if joined and x1 is x0 else {given[1]}"
    made += [f"{name} = {text}" for name, text in zip([n for n in names if n not in results], given, strict=True)]
    if plan.keeps_tensors:
        made.append(f"if not walk.keep: {'node.one, node.other = FREED, None' if plan.compact else 'node.saved = FREED'}")
    if both:
        made += _together(names[0], names[1], again)
    live = [p for p, needed in enumerate(mask) if needed]
    if len(live) > 1:
        made.append("complete = None")
    for p in live:
        name, text = names[p], results[p]
        done = {"g", *(names[q] for q in live if q < p)} - {"None", *(names[q] for q in live if q >= p)}
        count = writes[p] if p < len(writes) else 0
        told = f"if (e in waiting or e.plan.hands_on): walk.begin(e, {count})"
        if op is not None and op.broadcasts:
            told = told.replace(":", f" and ({name}.shape, {name}.dtype) == kind:")
        made += _along(f"edge{p}", name, name != text or text == "g", sorted(done), told if count else "")
        made.append("    else: return [e]" if len(live) == 1 else "    else: complete = [e] if complete is None else [*complete, e]")
    return [*made, "return complete"] if len(live) > 1 else made


def _together(one: str, other: str, again: str) -> list[str]:
    """Sends both results along two edges to one node, that of a tensor times itself, as their sum.

    Where they are not added here and one array stands for both, the text `again` makes the other. That PyTorch adds the second to the
    first in place is not told: it would cost every squared error more than what it tells, the version of a gradient handed on, is worth.
    """
    usual = f"{one} is not None and {one}.dtype.kind == 'f' and {one}.flags.c_contiguous and 1 not in {one}.shape"
    alike = f"{other} is {one} or ({other} is not None and {other}.dtype is {one}.dtype and {other}.strides == {one}.strides)"
    return [
        "if joined:",
        f"    if {usual} and ({alike}):",
        f"        arrived[edge0] = add({one}, {other})",
        "        return None",
        *([f"    if r1 is r0: r1 = {again}"] if again else []),
    ]


def _elsewhere(line: str, writes: bool) -> str:
    before, word, result = line.partition("return ")
    told = "walk.count_written(node, [g], results)" if writes else "walk.written and walk.forget_writes(node, g, results)"
    return f"{before}results = {result}; {told}; g = None; return spread(walk, node, results)" if word else line


def _along(edge: str, r: str, sure: bool, done: Sequence[str], told: str = "") -> list[str]:
    """Sends the result of this name along an edge; those `done` with are forgotten where somebody asks who holds them.

    Of one that arrives as the first is `told` how often it was written to. The last line is that of a leaf at which more is to arrive.
    """
    none = ["if e in own and e in waiting: walk.sums[e] -= 1"]
    some = [
        "if e in arrived:",
        "    if e in own:",
        "        old = arrived[e]",
        f"        add(old, {r}, old)",
        f"    else: {''.join(f'{name} = ' for name in done)}old = None; add_to(walk, e, {r}, ())",
        "elif e is not None:",
        f"    arrived[e] = {r}",
        *([f"    {told}"] if told else []),
    ]
    if r == "None":
        lines = none
    elif sure:
        lines = some
    else:
        lines = [f"if {r} is None:", *(f"    {line}" for line in none), "else:", *(f"    {line}" for line in some)]
    return [f"e = {edge}", *lines, "if e in waiting:", "    left = waiting[e] - 1", "    if left: waiting[e] = left"]


def _part_sent() -> Any:
    """The same for writes through views, most of which have two edges."""
    run = "walk.part(node, g)"
    lines = [f"if len(node.edges) != 2: return {run}", "edge0, edge1 = node.edges", f"r0, r1 = {run}"]
    text = sending(PartPlan, lines, ["r0", "r1"], (True, True))  # type: ignore[arg-type]  # it has what is asked of a plan
    return function_of(PARAMETERS, text, "CopySlices, sent on", {**SPACE, "FREED": FREED})


PartPlan.send = staticmethod(_part_sent())
