"""From the arguments of a Python call to one overload, as PyTorch's argument parser chooses it and in its words.

A call is matched against each signature in turn (`Signature.match`); what was found is remembered under the types of the
arguments (`_Plan`), so that the next call of the same types does no matching.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import dtypes, schema
from .device import device, layout, memory_format
from .mismatch import no_overload
from .parameter import INT_LISTS, LISTS, MISSING, TYPES, Parameter, register, tensors_in, type_name

__all__ = ["Parser", "Signature", "python_order", "register"]

NUMBERS_AS_TENSORS = frozenset(
    name + form
    for name in ("add", "div", "divide", "floor_divide", "mul", "multiply", "sub", "subtract", "true_divide", "copy")
    for form in ("", "_")
) | {"to"}

# Calls PyTorch still takes with a warning and shows in no error: the order of their positional arguments.
_SCALED = {
    "addbmm": "batch1 batch2", "addmm": "mat1 mat2", "addmv": "mat vec", "addr": "vec1 vec2", "baddbmm": "batch1 batch2",
    "sspaddmm": "mat1 mat2",
}  # fmt: skip
_DEPRECATED = {
    "add": ("self alpha other",),
    "sub": ("self alpha other",),
    "addcdiv": ("self value tensor1 tensor2",),
    "addcmul": ("self value tensor1 tensor2",),
    **{name: (f"beta self alpha {rest}", f"beta self {rest}") for name, rest in _SCALED.items()},
}
_NEW_TENSOR = ("dtype", "layout", "device", "pin_memory", "requires_grad")
_REMEMBERED = 256  # plans one parser keeps before it starts again


class Unfit(Exception):
    """A remembered choice does not hold for these values: match again."""


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


class _Plan(NamedTuple):
    """What to do with a call whose argument types were seen before."""

    overload: int
    tail: tuple[Any, ...]  # the values of the arguments that were not given
    binders: tuple[tuple[int, Any], ...]  # (position, what to make of the value there)
    sources: tuple[Any, ...] | None  # where each value comes from, when it is not simply the positional arguments in order


class Parser:
    """The overloads of one name in one form, called with the arguments of a call.

    `form` is "function" (an argument `self` is called `input`) or "method" (`self` is the first of `args`, already
    bound). `has_out[i]` says whether overload i takes `out=`.
    """

    def __init__(self, name: str, overloads: Sequence[schema.Schema], *, form: str = "function", has_out: Sequence[bool] = ()) -> None:
        self.name, self.overloads, self.method = name, tuple(overloads), form == "method"
        self.has_out = tuple(has_out) or (False,) * len(self.overloads)
        self._signatures: list[Signature] | None = None
        self._plans: dict[tuple[Any, ...], _Plan] = {}
        self._warned = False

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, list[Any], Any]:
        """(the overload's index, its bound values in schema order, `out` or None). Raises TypeError in PyTorch's words."""
        if kwargs:
            return self._with_keywords(args, kwargs)
        if len(args) == 2:  # most calls; a display of two is much quicker than a map
            plan = self._plans.get((type(args[0]), type(args[1])))
        elif len(args) == 1:
            plan = self._plans.get((type(args[0]),))
        else:
            plan = self._plans.get(tuple(map(type, args)))
        if plan is None:
            return self.choose(args, kwargs)
        index, tail, binders, sources = plan
        if sources is not None:
            return self._from_sources(plan, args, kwargs)
        if not binders:
            return index, [*args, *tail], None
        values = [*args, *tail]
        try:
            for i, bind in binders:
                values[i] = bind(values[i])
        except Unfit:
            return self.choose(args, kwargs)
        return index, values, None

    @property
    def signatures(self) -> list[Signature]:
        """Built at the first call: most names a program imports are never called."""
        if self._signatures is None:
            each = [Signature(self.name, o, i, method=self.method, has_out=self.has_out[i]) for i, o in enumerate(self.overloads)]
            self._signatures = each + self._deprecated()
        return self._signatures

    def choose(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[int, list[Any], Any]:
        """The meaning of a call: the first signature that fits. Remembers it where types alone decide."""
        bound, rest = (args[0], args[1:]) if self.method else (None, args)
        signature, given = self._first(bound, rest, kwargs)
        if signature.deprecated:
            self._warn(signature)
        values = signature.values(given, bound)
        if not signature.deprecated and all(map(_decided_by_type, (*args, *kwargs.values()))) and self._surely(signature, rest, kwargs):
            self._remember(signature, given, args, kwargs)
        out = values.pop()
        return signature.index, values, out

    # -- choosing ---------------------------------------------------------------------------------------------------
    def _first(self, bound: Any, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Signature, list[Any]]:
        signatures = self.signatures
        if len(signatures) == 1:
            self._no_arguments(bound, rest, kwargs)
            return signatures[0], signatures[0].match(rest, kwargs, explain=True) or []
        for signature in signatures:
            given = signature.match(rest, kwargs)
            if given is not None:
                return signature, given
        raise self._error(rest, kwargs)

    def _no_arguments(self, bound: Any, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """A method that takes nothing is refused by Python itself, in its own words."""
        if not self.method or self.signatures[0].params or not (rest or kwargs):
            return
        start = f"{type(bound).__name__}.{self.name}() takes no "
        raise TypeError(start + ("keyword arguments" if kwargs else f"arguments ({len(rest)} given)"))

    def _error(self, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> TypeError:
        """Why nothing fits: in the words of the one signature with the right number of arguments, else all of them."""
        shown = [s for s in self.signatures if not s.deprecated]
        plausible = [s for s in shown if s.least <= len(rest) + len(kwargs) <= len(s.params)]
        if len(plausible) == 1:
            try:
                plausible[0].match(rest, kwargs, explain=True)
            except TypeError as error:
                return error
        return TypeError(no_overload(self.name, rest, kwargs, [str(s) for s in shown]))

    def _deprecated(self) -> list[Signature]:
        base = self.name.removesuffix("_")
        if base not in _DEPRECATED or not self.overloads:
            return []
        orders = [order for order in _DEPRECATED[base] if set(order.split()) <= set(self.overloads[0].names)]
        return [Signature(self.name, self.overloads[0], 0, method=self.method, has_out=self.has_out[0], order=order) for order in orders]

    def _warn(self, signature: Signature) -> None:
        if self._warned:
            return
        self._warned = True
        better = "".join(f"\n\t{self.name}{s}" for s in self.signatures if not s.deprecated)
        text = f"This overload of {self.name} is deprecated:\n\t{self.name}{signature}\n"
        warnings.warn(f"{text}Consider using one of the following signatures instead:{better}", UserWarning, stacklevel=4)

    # -- remembering ------------------------------------------------------------------------------------------------
    def _with_keywords(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, list[Any], Any]:
        plan = self._plans.get((*map(type, args), *kwargs, *map(type, kwargs.values())))
        return self.choose(args, kwargs) if plan is None else self._from_sources(plan, args, kwargs)

    def _from_sources(self, plan: _Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, list[Any], Any]:
        values: list[Any] = [*plan.tail]
        for place, source in plan.sources or ():
            values[place] = kwargs[source] if type(source) is str else args[source]
        try:
            for i, bind in plan.binders:
                values[i] = bind(values[i])
        except Unfit:
            return self.choose(args, kwargs)
        out = values.pop()
        return plan.overload, values, out

    def _surely(self, chosen: Signature, rest: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """True where the types alone rule out every signature before the chosen one."""
        before = self.signatures[: self.signatures.index(chosen)]
        return all(s.match(rest, kwargs, types_only=True) is None for s in before)

    def _remember(self, signature: Signature, given: Sequence[Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        if len(self._plans) >= _REMEMBERED:
            self._plans.clear()
        key = (*map(type, args), *kwargs, *map(type, kwargs.values()))
        self._plans[key] = _plan(signature, given, args, kwargs)


_DECIDED = (int, float, complex, str, np.generic, dtypes.dtype, device, layout, memory_format)


def _decided_by_type(value: Any) -> bool:
    """True for the types of which a plan knows what any value of them does."""
    if isinstance(value, (list, tuple)):
        return True
    return value is None or isinstance(value, (TYPES["Tensor"], *_DECIDED))


def _plan(signature: Signature, given: Sequence[Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> _Plan:
    """What `signature.values` does, for any call with arguments of these types."""
    count = len(signature.arguments)
    tail: list[Any] = [*signature.defaults, None]
    binders: list[tuple[int, Any]] = []
    sources: list[tuple[int, Any]] = []
    if signature.bound is not None:
        sources.append((signature.bound, 0))
    position = len(sources)
    for param, place, value in zip(signature.params, signature.places, given, strict=True):
        by_keyword = position >= len(args)
        if value is MISSING:
            continue
        if not by_keyword and signature.varargs and value is not args[position]:  # `x.view(2, 3)`: one list of all that is positional
            sources.append((place, slice(position, None)))
            position = len(args)
        else:
            sources.append((place, _used_keyword(param, kwargs) if by_keyword else position))
            position += not by_keyword
        if value is None and param.allow_none:
            binders.append((place, _Constant(param.none())))
        else:
            binders += [(place, bind) for bind in [_binder(param, value, signature.name)] if bind is not None]
    in_order = all(place == source for place, source in sources) and len(sources) == len(args) and not kwargs
    if in_order:
        return _Plan(signature.index, tuple(tail[len(args) : count]), tuple(binders), None)
    return _Plan(signature.index, tuple(tail), tuple(binders), tuple(sources))


def _used_keyword(param: Parameter, kwargs: Mapping[str, Any]) -> str:
    return next(name for name in (param.name, *param.aliases) if name in kwargs)


class _Constant:
    """Binds any value to one: None to what it stands for."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, _: Any) -> Any:
        return self.value


def _binder(param: Parameter, value: Any, function: str) -> Any:
    """What turns a value of the type of `value` into the bound one, or None where it stays as it is.

    Where the type does not decide, the binder looks again and raises Unfit.
    """
    kind = param.kind
    if isinstance(value, (list, tuple)) and kind in INT_LISTS:
        return _exact_ints
    if isinstance(value, (list, tuple)) and kind.startswith("Tensor"):
        return _exact_tensors if not param.size else _checked(param, function)
    if param.depends_on_value(value):
        return _checked(param, function)
    if type(value) is int and kind in _EXACT_INTS:
        return _EXACT_INTS[kind]
    return None if _stays(type(value), kind) or isinstance(value, TYPES["Tensor"]) else param.bind


_KEPT = {"float": float, "str": str, "bool": bool, "ScalarType": dtypes.dtype, "Layout": layout, "MemoryFormat": memory_format}


def _stays(cls: type, kind: str) -> bool:
    """True where any value of this class is bound as it is."""
    if kind in ("Scalar", "Tensor"):
        return cls in (bool, float, complex)
    return cls is _KEPT.get(kind)


def _exact_int(value: int) -> int:
    if -(2**63) <= value < 2**63:
        return value
    raise Unfit


_EXACT_INTS = {"int": _exact_int, "SymInt": _exact_int, "Scalar": _exact_int, "Tensor": _exact_int}


def _exact_ints(value: Any) -> tuple[int, ...]:
    for v in value:
        if type(v) is not int:
            raise Unfit
    return tuple(value)


def _exact_tensors(value: Any) -> list[Any]:
    tensor = TYPES["Tensor"]
    for v in value:
        if not isinstance(v, tensor):
            raise Unfit
    return list(value)


def _checked(param: Parameter, function: str) -> Any:
    def bind(value: Any) -> Any:
        if not param.accepts(value) or (param.kind.startswith("Tensor") and not all(isinstance(v, TYPES["Tensor"]) for v in value)):
            raise Unfit
        return param.unpack(value, function)

    return bind


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
