"""The queue of nodes ready to run: a binary heap that breaks ties as PyTorch's (C++'s `std::priority_queue`) does.

Leaves all have one priority, so the way the heap is kept decides in which order their hooks run. Items are (priority, node).
"""

from __future__ import annotations

from typing import Any

Heap = list[tuple[int, Any]]


def push(heap: Heap, item: tuple[int, Any]) -> None:
    """Add an item."""
    heap.append(item)
    if len(heap) > 1:
        _rise(heap, len(heap) - 1, item)


def pop(heap: Heap) -> tuple[int, Any]:
    """Remove and return an item of the highest priority."""
    last = heap.pop()
    if not heap:
        return last
    first = heap[0]
    hole, n = 0, len(heap)
    while 2 * hole + 2 < n:  # the hole sinks to a leaf, the later of two equal children rising
        child = 2 * hole + 2
        if heap[child][0] < heap[child - 1][0]:
            child -= 1
        heap[hole] = heap[child]
        hole = child
    if 2 * hole + 2 == n:
        heap[hole] = heap[n - 1]
        hole = n - 1
    _rise(heap, hole, last)
    return first


def _rise(heap: Heap, hole: int, item: tuple[int, Any]) -> None:
    while hole and heap[(hole - 1) // 2][0] < item[0]:
        heap[hole] = heap[(hole - 1) // 2]
        hole = (hole - 1) // 2
    heap[hole] = item
