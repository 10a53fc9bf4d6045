"""Values a node keeps for backward through the hooks a user gave: packed when kept, unpacked when read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from . import modes
from .graph import FREED, accumulator, output_of
from .tensor import LEAF, Tensor, WrappedNumber, as_read, counter_of, rare, wrap
from .views import node_of

Pair = tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]
_hooks: ContextVar[tuple[Pair, ...]] = ContextVar("saved_tensors_hooks", default=())
_disabled: ContextVar[str | None] = ContextVar("saved_tensors_hooks_disabled", default=None)
PACKED_IN_PLACE = (
    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified "
    "by in-place operations "
    "as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place operations on the "
    "input to a pack hook."
)

FREED_HERE = (
    "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are freed "
    "when you call .backward() "
    "or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved "
    "variables after calling backward."
)
HOOK_PAIR = (
    "register_hooks(): incompatible function arguments. The following argument types are supported:\n    1. (self: "
    "torch._C._autograd.SavedTensor, arg0: collections.abc.Callable, arg1: collections.abc.Callable) -> None\n\nInvoked with: "
)
ALREADY = "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is allowed at a time."


_before_write: ContextVar[Callable[[Tensor], None] | None] = ContextVar("before_write", default=None)


def about_to_write(t: Tensor) -> None:
    """Tell who keeps saved tensors as they were that `t` is about to be written to."""
    tell = _before_write.get()
    if tell is not None:
        tell(t)


@contextmanager
def told_before_writes(tell: Callable[[Tensor], None]) -> Iterator[None]:
    """Inside, `tell(t)` is called before a tensor is written to."""
    token = _before_write.set(tell)
    try:
        yield
    finally:
        _before_write.reset(token)


def push(pack: Callable[[Tensor], Any], unpack: Callable[[Any], Tensor]) -> None:
    """Have values saved from now on packed. Raises RuntimeError where such hooks are disabled."""
    message = _disabled.get()
    if message is not None:
        raise RuntimeError(message)
    _hooks.set((*_hooks.get(), (pack, unpack)))
    modes.set_bit(modes.SAVED_HOOKS, True)


def pop() -> None:
    """Go back to the hooks before the last ones. Raises RuntimeError where there are none."""
    if not _hooks.get():
        raise RuntimeError("saved_tensors_hooks: there are no hooks to leave, they were left more often than entered")
    _hooks.set(_hooks.get()[:-1])
    modes.set_bit(modes.SAVED_HOOKS, bool(_hooks.get()))


active = _hooks.get


def restore(hooks: tuple[Pair, ...]) -> None:
    """Have the hooks that were active before a backward active again, whatever was entered or left during it."""
    if _hooks.get() is not hooks:
        _hooks.set(hooks)


@contextmanager
def disabled(message: str) -> Iterator[None]:
    """Inside, giving hooks is an error with this text. Raises it at once where some are active."""
    if _hooks.get():
        raise RuntimeError(message)
    token = _disabled.set(message)
    try:
        yield
    finally:
        _disabled.reset(token)


class Packed:
    """What a hook made of a saved tensor, and what puts the tensor's place in the graph back when it is unpacked."""

    __slots__ = ("data", "pair", "node", "leaf", "output")

    def __init__(self, t: Tensor, pair: Pair, output: int | None = None) -> None:
        self.pair = pair
        node = None if output is not None else node_of(t)
        self.output = output
        self.node = None if node is None or node is LEAF else t._node
        self.leaf = accumulator(t) if node is LEAF else None
        self.data: tuple[Any, ...] = ()  # nothing where packing failed: what unpacks is then called without arguments

    def pack(self, t: Tensor) -> Packed:
        """Keep what the hook makes of `t`. Raises RuntimeError where that writes to it."""
        before, version = modes.current(), t._counter[0] if t._counter else None
        modes.switch(before & ~modes.GRAD)
        try:
            self.data = (self.pair[0](t),)
        finally:
            modes.switch(before)
        if t._counter and t._counter[0] != version:
            raise RuntimeError(PACKED_IN_PLACE)
        return self

    def tensor(self, owner: Any) -> Tensor:
        """The saved tensor, in its place in the graph; `owner` is the node that kept it."""
        data = self.pair[1](*self.data)
        if not isinstance(data, Tensor):
            raise TypeError(f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(data).__name__}")
        node = self.node
        if self.output is not None and data._dtype.differentiable:
            node = output_of(owner, self.output)
        if node is None and self.leaf is None and not data.requires_grad:
            return data
        made = wrap(data._array, data._dtype)
        made._counter = counter_of(data)
        if node is not None:
            made._node = node
        elif self.leaf is not None:
            made._node = LEAF
            rare(made).accumulate = lambda leaf=self.leaf: leaf
        return made


def packed(value: Any, output: int | None = None) -> Any:
    """A value about to be kept, through the hooks that are active. Wrapped numbers and None are kept as they are."""
    hooks = _hooks.get()
    if isinstance(value, list):
        return [packed(v) for v in value]
    if not hooks or not isinstance(value, Tensor) or type(value) is WrappedNumber:
        return value
    return Packed(value, hooks[-1], output).pack(value)


class SavedTensor:
    """One value kept by a node, to give hooks to."""

    def __new__(cls, *args: Any) -> Any:
        if len(args) != 4:
            raise RuntimeError("Trying to create a SavedTensor object from Python is forbidden.")
        return super().__new__(cls)

    def __init__(self, node: Any, at: int | None, within: int | None, output: int | None) -> None:
        self._node, self._at, self._within, self._output = node, at, within, output

    def __repr__(self) -> str:
        return f"<torch._C._autograd.SavedTensor object at {id(self):#x}>"

    def register_hooks(self, *hooks: Any) -> None:
        """Pack the value with the first hook now and unpack it with the second when it is read.

        Raises TypeError for anything but two functions, RuntimeError the second time, or where the value was freed.
        """
        if len(hooks) != 2 or not all(map(callable, hooks)):
            raise TypeError(HOOK_PAIR + ", ".join(map(repr, (self, *hooks))))
        node = self._node
        if node.saved is FREED:
            raise RuntimeError(FREED_HERE)
        kept: Any = None if self._at is None else node.saved[self._at]
        value = kept if self._within is None or kept is None else kept[self._within]
        if value is None or self._at is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        if isinstance(value, Packed):
            raise RuntimeError(ALREADY)
        t = as_read(node._as_tensor(value))
        bare = t if type(t) is WrappedNumber else t._alias()
        bare._counter = counter_of(t)
        made = Packed(t, hooks, self._output)
        node.use_generic_plan()
        if self._within is None:
            node.saved = [*node.saved[: self._at], made, 0, *node.saved[self._at + 2 :]]
        else:
            node.saved = list(node.saved)
            node.saved[self._at] = [*kept[: self._within], made, *kept[self._within + 1 :]]
            node.saved[self._at + 1] = [*node.saved[self._at + 1][: self._within], 0, *node.saved[self._at + 1][self._within + 1 :]]
        made.pack(bare)
