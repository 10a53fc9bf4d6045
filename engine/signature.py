"""One overload as Python sees it: its parameters, whether a call fits, why not, and the order overloads are tried in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import schema
from .parameter import INT_LISTS, LISTS, MISSING, Parameter, tensors_in, type_name

NUMBERS_AS_TENSORS = frozenset(
    name + form
    for name in ("add", "div", "divide", "floor_divide", "mul", "multiply", "sub", "subtract", "true_divide", "copy")
    for form in ("", "_")
) | {"to"}
_NEW_TENSOR = ("dtype", "layout", "device", "pin_memory", "requires_grad")


class Signature:
    """One overload as Python sees it.

    `params` in Python's order, `places` the schema position of each (`out` is one past the last). `bound` is the
    position of a method's `self`, which is never matched, or None.
    """

    def __init__(self, name: str, overload: schema.Schema, index: int, *, method: bool, has_out: bool, order: str | None = None) -> None:
        self.name, self.index, self.deprecated = name, index, order is not None
        self.arguments = overload.arguments
        self.params, self.places = _parameters(name, overload, method, has_out, order)
        self.bound = overload.names.index("self") if method else None
        self.least = sum(not p.optional for p in self.params)
        self.positional = sum(not p.kwarg_only for p in self.params)
        self.varargs = self.positional == 1 and self.params[0].kind in INT_LISTS
        self.defaults = _defaults(overload)

    def __str__(self) -> str:
        return f"({self._listed(list(map(str, self.params)))})"

    def cpp(self) -> str:
        """The text PyTorch first sorts overloads by."""
        return f"{self.name}({self._listed([p.cpp() for p in self.params])})"

    def _listed(self, parts: list[str]) -> str:
        if len(parts) > self.positional:
            parts.insert(self.positional, "*")
        return ", ".join(parts)

    def match(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, explain: bool = False, types_only: bool = False) -> list[Any] | None:
        """What each parameter is given (MISSING for a default), or None where the call does not fit.

        With `explain` it raises the TypeError that says why instead. With `types_only` it accepts what some value of the
        same type would make acceptable.
        """
        if len(args) > self.positional and not self.varargs:
            return self._refuse(explain, self._too_many, len(args))
        given: list[Any] = []
        used, left = 0, len(kwargs)
        for param in self.params:
            by_keyword = used >= len(args)
            if not by_keyword and param.kwarg_only:
                return self._refuse(explain, self._too_many, len(args))
            value = _keyword(param, kwargs) if by_keyword else args[used]
            if (value is MISSING and param.optional) or (value is None and param.allow_none):
                given.append(value)
            elif value is MISSING:
                return self._refuse(explain, self._missing, len(given))
            elif (types_only and param.depends_on_value(value)) or self._accepts(param, value, len(given)):
                given.append(value)
            elif self.varargs and not used and not by_keyword and param.accepts(args):
                given.append(tuple(args))
                used = len(args)
                continue
            else:
                return self._refuse(explain, self._wrong_type, param, value, None if by_keyword else used, len(args))
            used += not by_keyword
            left -= by_keyword and value is not MISSING
        if used < len(args):
            return self._refuse(explain, self._too_many, len(args))
        return self._refuse(explain, self._unknown_keyword, kwargs, len(args)) if left > 0 else given

    def values(self, given: Sequence[Any], bound: Any) -> list[Any]:
        """The bound values in schema order, and `out` after them."""
        values = [*self.defaults, None]
        if self.bound is not None:
            values[self.bound] = bound
        uses = [*zip(self.params, self.places, given, strict=True)]
        uses.sort(key=lambda use: -use[1])  # PyTorch unpacks `out` first, then from the right: that decides which error is seen
        for param, place, value in uses:
            if value is None and param.allow_none:
                values[place] = param.none()
            elif value is not MISSING:
                values[place] = param.unpack(value, self.name)
        return values

    @staticmethod
    def _accepts(param: Parameter, value: Any, position: int) -> bool:
        if not param.accepts(value):
            return False
        if param.kind in ("Tensor[]", "Tensor?[]"):
            tensors_in(value, position)
        return True

    # -- why not ------------------------------------------------------------------------------------------------------
    @staticmethod
    def _refuse(explain: bool, reason: Any, *details: Any) -> None:
        if explain:
            raise TypeError(reason(*details))

    def _too_many(self, count: int) -> str:
        if self.least != self.positional:
            return f"{self.name}() takes from {self.least} to {self.positional} positional arguments but {count} were given"
        plural, were = "" if self.positional == 1 else "s", "was" if count == 1 else "were"
        return f"{self.name}() takes {self.positional} positional argument{plural} but {count} {were} given"

    def _missing(self, start: int) -> str:
        names = [f'"{p.name}"' for p in self.params[start:] if not p.optional]
        plural = "s" if len(names) == 1 else ""  # the wrong way round in PyTorch
        return f"{self.name}() missing {len(names)} required positional argument{plural}: {', '.join(names)}"

    def _wrong_type(self, param: Parameter, value: Any, position: int | None, count: int) -> str:
        if position is not None and count > self.positional:
            return self._too_many(count)
        where = "" if position is None else f" (position {position + 1})"
        start = f"{self.name}(): argument '{param.name}'{where} must be {param.word()}, "
        if position is not None and param.kind in LISTS and isinstance(value, (list, tuple)):
            wrong = next((i for i, v in enumerate(value) if param.kind == "Scalar[]" and not param.accepts([v])), 0)
            return f"{start}but found element of type {type_name(value[wrong])} at pos {wrong}"
        return f"{start}not {type_name(value)}"

    def _unknown_keyword(self, kwargs: Mapping[str, Any], count: int) -> str:
        names = [p.name for p in self.params]
        for name in kwargs:
            if name not in names:
                return f"{self.name}() got an unexpected keyword argument '{name}'"
            if names.index(name) < count:
                return f"{self.name}() got multiple values for argument '{name}'"
        return "invalid keyword arguments"


def _keyword(param: Parameter, kwargs: Mapping[str, Any]) -> Any:
    for name in (param.name, *param.aliases):
        if name in kwargs:
            return kwargs[name]
    return MISSING


def _parameters(name: str, overload: schema.Schema, method: bool, has_out: bool, order: str | None) -> tuple[list[Parameter], list[int]]:
    """The parameters in Python's order and the schema position of each."""
    texts = _default_texts(overload)
    names = [n for n in order.split() if n in overload.names] if order else _options_last(overload.names)
    numbers = name in NUMBERS_AS_TENSORS
    params, places = [], []
    for n in names:
        place = overload.names.index(n)
        argument = overload.arguments[place]
        if method and n == "self":
            continue
        if order:
            argument = schema.Argument(argument.type, n)
        shown = "input" if n == "self" and argument.type == "Tensor" and not method else n
        params.append(Parameter(argument, shown, texts[n], numbers=numbers))
        places.append(place)
    if has_out:
        at = next((i for i, p in enumerate(params) if p.name == "dtype" and _makes_new(overload.names)), len(params))
        params.insert(at, _out(overload, numbers))
        places.insert(at, len(overload.arguments))
    return params, places


def _out(overload: schema.Schema, numbers: bool) -> Parameter:
    count = len(overload.outputs)
    return Parameter(schema.Argument("Tensor" if count == 1 else f"Tensor[{count}]", "out", None, True), "out", "None", numbers=numbers)


def _makes_new(names: Sequence[str]) -> bool:
    """True where the arguments include the options of a new tensor."""
    return set(_NEW_TENSOR[:4]) <= set(names)


def _options_last(names: Sequence[str]) -> list[str]:
    """Python's order: the options of a new tensor come after everything else, `out` included."""
    if not _makes_new(names):
        return list(names)
    return [n for n in names if n not in _NEW_TENSOR] + [n for n in _NEW_TENSOR if n in names]


def _defaults(overload: schema.Schema) -> list[Any]:
    """What each schema position holds when nothing is given."""
    texts = _default_texts(overload)
    return [None if a.default is schema.REQUIRED else Parameter(a, a.name, texts[a.name]).default for a in overload.arguments]


def _default_texts(overload: schema.Schema) -> dict[str, str]:
    """The defaults as the schema writes them."""
    inside = overload.text.partition("(")[2].rpartition(") -> ")[0]
    parts = [part.partition("=") for part in schema.split(inside) if part not in ("", "*")]
    return {head.split(" ")[-1]: default for head, _, default in parts}


# -- the order in which PyTorch tries overloads ------------------------------------------------------------------------
def python_order(name: str, overloads: Sequence[schema.Schema], *, form: str = "function", has_out: Sequence[bool] = ()) -> list[int]:
    """The positions of `overloads` in the order PyTorch's parser tries them.

    By signature text first; then an overload comes after every one it would shadow (a Scalar one after the Tensor one).
    """
    outs = tuple(has_out) or (False,) * len(overloads)
    signatures = [Signature(name, o, i, method=form == "method", has_out=outs[i]) for i, o in enumerate(overloads)]
    signatures.sort(key=Signature.cpp)
    types = [[p.type_text for p, place in zip(s.params, s.places, strict=True) if place < len(s.arguments)] for s in signatures]
    later = {i: {j for j in range(len(types)) if _yields(types[i], types[j])} for i in range(len(types))}
    order = [i for i in later if not later[i]]
    waiting = {i: js for i, js in later.items() if js}
    for i in order:  # grows while it is walked
        for j in sorted(waiting):
            waiting[j].discard(i)
            if not waiting[j]:
                del waiting[j]
                order.append(j)
    return [signatures[i].index for i in order]


def _yields(mine: list[str], other: list[str]) -> bool:
    """True where the overload with types `mine` is tried after the one with types `other`."""
    return mine != other and len(mine) == len(other) and all(a == b or _shadows(a, b) for a, b in zip(mine, other, strict=True))


def _shadows(a: str, b: str) -> bool:
    return (a, b) in _AFTER or (a == "Tensor[]" and "[]" in b)


_AFTER = {
    ("Scalar", "Tensor"), ("Scalar?", "Tensor?"), ("int[]", "int"), ("int[]", "int?"), ("SymInt[]", "int[]"), ("SymInt", "Tensor"),
    ("int", "Tensor"),
}  # fmt: skip
