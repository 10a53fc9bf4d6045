"""What a user sees of the node that is his `ctx`: PyTorch's names and his own. Every other name is free for him."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from ..graph import Listed

PACKAGE = __name__.partition(".")[0]
put = object.__setattr__  # for what the engine itself sets: without a look at who asks
SLOTS = ("edges", "saved", "fits", "plan", "seq")
put_edges, put_saved, put_fits, put_plan, put_seq = (getattr(Listed, name).__set__ for name in SLOTS)

SHOWN = frozenset((
    "_forward_cls", "_get_user_fn", "_input_metadata", "_materialize_non_diff_grads", "_raw_saved_tensors", "_sequence_nr",
    "_set_sequence_nr", "apply", "apply_boxed", "apply_jvp", "dirty_tensors", "mark_dirty", "mark_non_differentiable",
    "mark_shared_storage", "materialize_grads", "maybe_clear_saved_tensors", "metadata", "name", "needs_input_grad", "next_functions",
    "non_differentiable", "register_hook", "register_prehook", "save_for_backward", "save_for_forward", "saved_for_forward",
    "saved_tensors", "saved_variables", "set_materialize_grads", "to_save",
))  # fmt: skip
READ_ONLY = frozenset(("saved_tensors", "saved_variables", "_raw_saved_tensors", "_input_metadata", "next_functions", "metadata"))
SWITCHES = {"materialize_grads": "set_materialize_grads", "_materialize_non_diff_grads": "set_materialize_non_diff_grads"}
NO_SWITCH = "{} received an invalid combination of arguments - got (), but expected (bool)"
NOT_THERE = "attribute '{}' of 'torch._C._FunctionBase' objects is not {}"


def _asked_by_user() -> bool:
    """True where the attribute is read or set by code outside of this package."""
    return sys._getframe(2).f_globals.get("__name__", "").partition(".")[0] != PACKAGE


def own_of(ctx: Any) -> frozenset[str]:
    """The names the engine uses on this node, and PyTorch does not."""
    cls: Any = type(ctx)
    return own(cls)


class Named:
    """Keeps a user's attribute of a name the engine uses apart, in the instance's dict; refuses what PyTorch refuses."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in READ_ONLY:
            raise AttributeError(NOT_THERE.format(name, "writable"))
        if name in SWITCHES and not isinstance(value, bool):
            raise TypeError(NO_SWITCH.format(SWITCHES[name]))
        if name in own_of(self) and _asked_by_user():
            self.__dict__[name] = value
            show_to_user(self)
        else:
            put(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in READ_ONLY:
            raise AttributeError(NOT_THERE.format(name, "writable"))
        if name in own_of(self) and _asked_by_user():
            if self.__dict__.pop(name, self) is self:
                raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        else:
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        hidden = own_of(self) - self.__dict__.keys()
        return [name for name in object.__dir__(self) if name not in hidden]


@cache
def own(cls: Any) -> frozenset[str]:
    """The same of nodes of a class."""
    return frozenset(name for name in dir(cls) if not name.startswith("__")) - SHOWN


class _ForUser:
    """Marks the class that a node has while its user's code runs."""

    __slots__ = ()


def show_to_user(ctx: Any) -> None:
    """From now on, a user who asks for one of the engine's names gets what he set. Each look at these costs the engine time."""
    cls: Any = type(ctx)
    put(ctx, "__class__", _for_user(cls))


def show_to_engine(ctx: Any, cls: Any) -> None:
    """No longer, unless he did set one."""
    if own(cls).isdisjoint(ctx.__dict__):
        put(ctx, "__class__", cls)


@cache
def _for_user(cls: Any) -> Any:
    if issubclass(cls, _ForUser):
        return cls
    apart = {name: _apart(name, cls) for name in own(cls)}
    return type(cls.__name__, (_ForUser, cls), {"__slots__": (), "__module__": cls.__module__, **apart})


def _apart(name: str, cls: type) -> property:
    """An attribute that is the engine's for the engine, and for users what they set."""
    mine: Any = next(c.__dict__[name] for c in cls.__mro__ if name in c.__dict__)

    def read(self: Any) -> Any:
        if not _asked_by_user():
            return mine.__get__(self, type(self)) if hasattr(mine, "__get__") else mine
        if name not in self.__dict__:
            raise AttributeError(f"'{cls.__name__}' object has no attribute '{name}'")
        return self.__dict__[name]

    return property(read, mine.__set__ if hasattr(mine, "__set__") else None)
