"""Names that a node needs for itself and a user of custom Functions may want for `ctx`: each gets what it set."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from ..graph import Listed, Node

OWN = frozenset({*Node.__slots__, *Listed.__slots__, "op", "outputs", "free", "apply", "runs_on_nothing"})
OF_CLASS = ("plan", "op", "free", "apply", "runs_on_nothing")
PACKAGE = __name__.partition(".")[0]
put = object.__setattr__  # for what the engine itself sets: without a look at who asks
SLOTS = ("edges", "saved", "fits", "extras", "seq")
put_edges, put_saved, put_fits, put_extras, put_seq = (getattr(Listed, name).__set__ for name in SLOTS)


def _asked_by_user() -> bool:
    """True where the attribute is read or set by code outside of this package."""
    return sys._getframe(2).f_globals.get("__name__", "").partition(".")[0] != PACKAGE


class Named:
    """Keeps a user's attribute of a name the engine uses apart: in the instance's dict, where a slot hides it from the engine."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OWN and _asked_by_user():
            self.__dict__[name] = value
            put(self, "__class__", _collided(type(self)))  # type: ignore[arg-type]  # classes are hashable
        else:
            put(self, name, value)


class _Collided:
    """Shows a user what he set. Only contexts in which names did collide pay for the look at who asks."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name in OWN and _asked_by_user():
            mine = object.__getattribute__(self, "__dict__")
            if name in mine:
                return mine[name]
        if name == "outputs":
            return object.__getattribute__(self, "_outputs")
        if name in OF_CLASS:  # what is in the dict is the user's
            found = getattr(type(self), name)
            return found.__get__(self) if hasattr(found, "__get__") else found
        return object.__getattribute__(self, name)


@cache
def _collided(cls: type) -> type:
    return cls if issubclass(cls, _Collided) else type(cls.__name__, (_Collided, cls), {"__slots__": (), "__module__": cls.__module__})
