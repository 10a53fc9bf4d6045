"""The hooks that a walk calls, and gradients as hooks see them: Tensors, with versions that tell how often each was written to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import getrefcount
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary, ref

import numpy as np

from . import dtypes
from .accumulate import retain
from .geometry import root_of
from .graph import Hooks, Node, type_name
from .memory import WITHIN
from .tensor import FRESH, Tensor, counter_of, wrap


def _nothing() -> None:
    return None


NEVER = _nothing, FRESH  # the count of what nobody wrote to, in place of a reference to it


class Hooked:
    """What a walk does where hooks are, and knows of gradients that users see and of writes to these."""

    given: Sequence[Any] = ()  # the cotangents a user gave, some of which may be None
    written: Any = MappingProxyType({})  # the version counts of gradients written to, by the `id` of their arrays
    shown: Any = None  # tensors that users got to see, by the `id` of their arrays, while they last
    replaced = False  # a hook of a tensor returned another gradient
    recording: bool  # gradients are Tensors then, and arrays otherwise
    sums: dict[Any, int]  # how often what arrived somewhere was added to in place

    def show(self, g: Any) -> Any:
        """The gradient as a user sees it: the same tensor as long as somebody holds it, so that its version tells of every write."""
        if g is None or isinstance(g, Tensor):
            return g
        if self.shown is None:
            self.shown = WeakValueDictionary((id(t._array), t) for t in self.given if t is not None)
        t = self.shown.get(id(g))
        if t is None or t._array is not g:
            t = self.shown[id(g)] = wrap(g, dtypes.OF_NUMPY[g.dtype])
            root = root_of(g)
            t._counter = next((counter_of(s) for s in self.given if s is not None and root_of(s._array) is root), self.count_of(g))
        return t

    def remember(self, t: Any) -> None:
        """Keep the version of a gradient that a user wrote to, for whoever sees it next."""
        if isinstance(t, Tensor) and t._counter is not None and t._counter[0]:
            self._count_writes(t._array, t._counter)

    def _count_writes(self, g: np.ndarray, count: Any) -> None:
        if not self.written:
            self.written = {}
        self.written[id(g)] = ref(g), count

    def tell_writes(self, node: Node, g: Any) -> None:
        """Keep, beside a gradient that hooks of a node see and that it may hand on, how often it was written to as it was added up."""
        if self.sums[node] and node.outputs is None:
            self._count_writes(root_of(g), self.count_at(node, g))

    def forget_writes(self, node: Node, g: Any, results: Sequence[Any]) -> None:
        """A result that was computed in the memory of `g` was not written to yet."""
        if node.plan.texts and "g" not in node.plan.texts and any(r is g for r in results):
            self.written.pop(id(g), None)

    def count_of(self, g: np.ndarray) -> Any:
        """The version count of a gradient, or of what it is a view of."""
        array, count = self.written.get(id(g), NEVER)
        if array() is g:
            return count
        return FRESH if g.base is None or root_of(g) is g else self.count_of(root_of(g))

    def count_at(self, end: Any, g: np.ndarray) -> Any:
        """The same of what has arrived at `end`, where it may have been added up in place."""
        count, sums = self.count_of(g) if self.written else FRESH, self.sums.get(end, 0)
        return [count[0] + sums] if sums else count

    def take(self, g: Any) -> Any:
        return g if g is None or self.recording else g._array

    def _tensor_hooks(self, node: Node, gs: list[Any]) -> None:
        more = node.extras
        for nr, hooks in list(more.tensor_hooks):  # type: ignore[union-attr]  # called where there are extras
            gs[nr] = self._run_hooks(hooks, gs[nr])
        for nr, kept in more.retains.items():  # type: ignore[union-attr]  # the same
            t = kept()
            if t is not None and gs[nr] is not None:
                retain(t, self.show(gs[nr]))

    def _run_hooks(self, hooks: dict[int, Callable[..., Any]], g: Any) -> Any:
        for hook in list(hooks.values()):
            shown = self.show(g)
            result = hook(shown)
            if result is not None and result is not shown:
                check_hook_result(hook, shown, result)
                given, g = g, self.take(result)
                self.replaced = True
                if g is given and not self.recording and getrefcount(result) <= WITHIN:
                    g = g.view()  # the same numbers in another tensor, which nobody else holds: no longer the one a user gave
        return g

    def _node_pre_hooks(self, hooks: Hooks, gs: list[Any]) -> list[Any]:
        for hook in list(hooks.values()):
            shown = tuple(map(self.show, gs))
            result = hook(shown)
            if result is not None:
                check_hook_results(hook, shown, result)
                gs = [self.take(r) for r in result]
        return gs

    def _node_post_hooks(self, hooks: Hooks, results: Sequence[Any], gs: list[Any]) -> Sequence[Any]:
        for hook in list(hooks.values()):
            shown = tuple(map(self.show, results))
            result = hook(shown, tuple(map(self.show, gs)))
            if result is not None:
                check_hook_results(hook, shown, result)
                results = [self.take(r) for r in result]
        return results


def check_hook_results(hook: Any, before: tuple[Any, ...], after: Any) -> None:
    """Raises TypeError where a hook of a node returned no tuple, RuntimeError where it has another length; see `check_hook_result`."""
    if not isinstance(after, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(after).__name__}'")
    if len(after) != len(before):
        name = getattr(hook, "__name__", "<unknown>")
        raise RuntimeError(f"hook '{name}' has returned an incorrect number of values (got {len(after)}, but expected {len(before)})")
    for b, a in zip(before, after, strict=True):
        if a is not None:
            check_hook_result(hook, b, a)


def check_hook_result(hook: Any, before: Tensor | None, after: Any) -> None:
    """Raises TypeError where a hook returned no tensor, RuntimeError where it changed dtype or shape, or stands for nothing."""
    name = getattr(hook, "__name__", "<unknown>")
    if before is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if not isinstance(after, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    if after._dtype is not before._dtype:
        raise RuntimeError(f"hook '{name}' has changed the type of value (was {type_name(before._dtype)} got {type_name(after._dtype)})")
    if after._array.shape != before._array.shape:
        raise RuntimeError(f"hook '{name}' has changed the size of value")
