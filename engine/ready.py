"""The queue of nodes ready to run, the latest recorded first, and leaves before all.

Leaves have one priority, so the way a heap is kept decides in which order their hooks run. `heapq` keeps one as PyTorch's
(C++'s `std::priority_queue`) is kept, ties included, as long as nothing but priorities is compared: so the heap holds numbers, and
which node each stands for is looked up by the number's identity. In which order nodes lie below the leaves never matters.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Any

LEAVES = 2**64 - 1


class Ready:
    """`heap` holds negative priorities, the first of them that of what runs next."""

    __slots__ = ("heap", "nodes")

    def __init__(self) -> None:
        self.heap: list[int] = []
        self.nodes: dict[int, Any] = {}

    def push(self, node: Any, priority: int) -> None:
        """Add a node, or a leaf with the priority of LEAVES."""
        number = -priority  # a number of its own, also where another is equal
        self.nodes[id(number)] = node
        heappush(self.heap, number)

    def pop(self) -> Any:
        """Remove and return what runs next."""
        return self.nodes.pop(id(heappop(self.heap)))
