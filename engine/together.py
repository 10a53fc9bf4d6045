"""Nodes of arithmetic on large arrays that follow each other in a walk, run together: on pieces that stay in the cache.

What flows between two of them never becomes an array. The ufuncs, and the order in which what arrives at a node is added up, are
those of the nodes run one by one, so that the bits are, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .graph import FREED
from .memory import aligned, empty
from .pieces import SHARED_PIECE
from .threads import lanes, share

if TYPE_CHECKING:
    from .walk import Walk

PIECE = 2**15  # elements: there are more arrays than in the program of one node
FEWEST, MOST = 2, 32  # nodes: what they read is there, and all of their gradients, until the last of them has run


def run_together(walk: Walk, nodes: Sequence[Any]) -> Together | None:
    """Run as many of the first `nodes` as possible; what came of it, or None where these are better run one by one.

    One alone is, but where it computes once what it would compute twice.
    """
    g = walk.arrived[nodes[0]]
    if (not _of_one(nodes[0]) and (len(nodes) < FEWEST or nodes[1].plan.gather is None)) or 1 in g.shape or g.dtype.char not in "fd":
        return None
    made = Together(walk, g)
    for node in nodes:
        arrays = made.readable(node)
        if arrays is None or not made.follows(node):
            break
        made.add(node, arrays)
    if not made.ran:
        return None
    g = arrays = None
    made.finish()
    return made


class Together:
    """The work of several nodes as calls on registers: whole arrays, and memory of the size of a piece.

    A register is held by every node and leaf at which its value has arrived; one that nobody holds is written to again.
    """

    def __init__(self, walk: Walk, g: np.ndarray) -> None:
        self.walk, self.shape, self.dtype = walk, g.shape, g.dtype
        self.like_any = np.ndarray(g.shape, g.dtype, np.zeros((), g.dtype), 0, (0,) * g.ndim)
        self.arrays: list[np.ndarray | None] = []  # by register; None where it is of the size of a piece
        self.known: dict[int, int] = {}  # the registers of arrays, by identity
        self.free: list[int] = []
        self.held: list[int] = []  # by register
        self.arrived: dict[Any, int] = {}  # the register of what has arrived
        self.calls: list[tuple[Callable[..., Any], list[int]]] = []
        self.twin = -1  # the register of what stands for two gradients, each of which would have one of its own
        self.ran: set[Any] = set()
        self.complete: list[Any] = []  # the leaves at which all has arrived, in order
        self.shared: dict[Any, Any] = {}  # of those, what was not theirs alone then: as long as it is here, none of them takes it as it is

    # -- which nodes ---------------------------------------------------------------------------------------------------
    def readable(self, node: Any) -> Sequence[np.ndarray] | None:
        """What the rules of `node` read, once it is known that nothing was written to; None where they are no arithmetic on such arrays."""
        gather = node.plan.gather
        try:
            arrays: Sequence[np.ndarray] | None = gather and gather(node, self.like_any)
        except RuntimeError:  # which the node shall raise when it runs
            return None
        return arrays if arrays is not None and all(not a.ndim or self._fits(a) for a in arrays) else None

    def _fits(self, array: np.ndarray) -> bool:
        """True for what can be read in pieces: in row-major order, or one number everywhere."""
        return array.shape == self.shape and array.dtype is self.dtype and (array.flags.c_contiguous or not any(array.strides))

    def follows(self, node: Any) -> bool:
        """True where the gradient of `node` is known, and what becomes of it at leaves does not depend on what happens until then."""
        arrived, own = self.walk.arrived, self.walk.own
        given = node not in self.arrived
        if given and (node not in arrived or not self._fits(arrived[node])):
            return False
        given = given or self.arrays[self.arrived[node]] is not None
        for e, text in zip(_edges(node), node.plan.texts, strict=True):
            there = e in arrived
            if there and not self._fits(arrived[e]):
                return False
            held = self.walk.targets is None and e in self.walk.waiting and e._gradient is not None
            if held or (e in self.walk.waiting and ((there and e not in own) or (text == "g" and given))):
                return False
        return True

    # -- what they do --------------------------------------------------------------------------------------------------
    def add(self, node: Any, arrays: Sequence[np.ndarray]) -> None:
        """Add the calls of one node, and what becomes of its gradients."""
        texts, program, held = node.plan.texts, node.plan.program, self.held
        g = self._taken(node)
        held[g] -= 1
        outs: list[int] = []
        if program is not None:
            read = [self._register(a) for a in arrays]
            twins = _of_one(node)
            if twins:
                program, read = node.plan.twin, read[:1]
            own = self.arrays[g] is None and not held[g] and "g" not in texts
            outs = [self._scratch() for _ in range(program.outs - own)]
            if own:
                outs.append(g)
            buffers = [self._scratch() for _ in range(program.buffers)]
            self.calls.append((program.run, [g, *read, *outs, *buffers]))
            self.free += buffers
            if twins:
                self.twin, outs = outs[0], outs * 2
        given = iter(outs)
        results = [None if text == "None" else g if text == "g" else next(given) for text in texts]
        for r in results:
            if r is not None:
                held[r] += 1
        for e, r in zip(_edges(node), results, strict=True):
            if e is not None:
                self._send(e, r)
        if not held[g]:
            self._release(g, 0)
        self.twin = -1
        self.ran.add(node)

    def _send(self, e: Any, r: int | None) -> None:
        """What the walk does with a gradient at an edge; the register is held for it."""
        walk, own = self.walk, self.walk.own
        leaf = e in walk.waiting
        if r is not None and (e in self.arrived or e in walk.arrived):
            old = self._taken(e)
            alone = self.held[old] == 1 + (old == r == self.twin) and (self.arrays[old] is None or e in own)
            made = old if alone else self._scratch()
            self.calls.append((np.add, [old, r, made]))
            if not alone:
                self._release(old)
                self.held[made] += 1
            self.arrived[e] = made
            self._release(r)
            if leaf and e not in own:
                own.add(e)
                walk.sums[e] = (walk.sums.get(e, 0) + 1 if alone else 0) + walk.waiting[e] - 1
        elif r is not None:
            self.arrived[e] = r
        elif leaf and e in own:
            walk.sums[e] -= 1
        if leaf:
            left = walk.waiting[e] - 1
            if left:
                walk.waiting[e] = left
            else:
                self.complete.append(e)
                r = self.arrived.get(e)
                if r is not None and self.held[r] - sum(kept == r for kept in self.shared.values()) > 1:
                    self.shared[e] = r

    # -- registers -----------------------------------------------------------------------------------------------------
    def _register(self, array: np.ndarray) -> int:
        """The register of a whole array, or of a number."""
        r = self.known.get(id(array))
        if r is None:
            r = self.known[id(array)] = len(self.arrays)
            self.arrays.append(array)
            self.held.append(0)
        return r

    def _taken(self, e: Any) -> int:
        """The register of what has arrived at `e`, which is taken from there."""
        r = self.arrived.pop(e, None)
        if r is None:
            r = self._register(self.walk.arrived.pop(e))
            self.held[r] += 1
        return r

    def _scratch(self) -> int:
        if self.free:
            return self.free.pop()
        self.arrays.append(None)
        self.held.append(0)
        return len(self.arrays) - 1

    def _release(self, r: int, by: int = 1) -> None:
        self.held[r] -= by
        if not self.held[r] and self.arrays[r] is None and r not in self.free:
            self.free.append(r)

    # -- the work ------------------------------------------------------------------------------------------------------
    def finish(self) -> None:
        """Do the work; what has arrived at nodes that did not run, and at leaves, becomes arrays and is handed to the walk."""
        for r in set(self.arrived.values()):
            if self.arrays[r] is None:
                self.arrays[r] = empty(self.shape, self.dtype)
        self._work()
        for e, r in self.arrived.items():
            self.walk.arrived[e] = self.arrays[r]
        self.shared = {e: self.arrays[r] for e, r in self.shared.items()}
        self.arrays.clear()
        self.calls.clear()
        if not self.walk.keep:
            for node in self.ran:
                if node.plan.compact:
                    node.one, node.other = FREED, None
                elif node.plan.keeps_tensors:
                    node.saved = FREED

    def _work(self) -> None:
        calls, arrays, size = self.calls, self.arrays, self.like_any.size
        whole = [a if a is None or not a.ndim else a.reshape(-1) if a.flags.c_contiguous else a[(0,) * a.ndim + (...,)] for a in arrays]
        count = lanes(size * len(calls))
        piece = min(PIECE if count == 1 else SHARED_PIECE, size)
        dtype = self.dtype

        def lane(starts: Sequence[int]) -> None:
            spare = [aligned((piece,), dtype) if a is None else a for a in whole]
            for start in starts:
                part = slice(start, start + piece)
                left = slice(0, size - start)
                parts = [s[left] if a is None else a[part] if a.ndim else a for a, s in zip(whole, spare, strict=True)]
                for call, registers in calls:
                    call(*[parts[r] for r in registers])

        share(lane, range(0, size, piece), count)


def _edges(node: Any) -> tuple[Any, ...]:
    return (node.first, node.second) if node.plan.paired else node.edges


def _of_one(node: Any) -> bool:
    """True for a node of one tensor with itself whose two gradients are the same."""
    return node.plan.twin is not None and node.first is node.second and node.one is node.other
