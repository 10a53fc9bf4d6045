"""From the arguments of a Python call to one overload, as PyTorch's argument parser chooses it and in its words.

A call is matched against each signature in turn (`Signature.match`); what was found is remembered under the types of the
arguments (`Plan`), so that the next call of the same types does no matching.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import dtypes, schema
from .device import device, layout, memory_format
from .mismatch import no_overload
from .parameter import INT_LISTS, MISSING, TYPES, Parameter, register
from .signature import NUMBERS_AS_TENSORS, Signature, python_order

__all__ = ["NUMBERS_AS_TENSORS", "Parser", "Signature", "python_order", "register"]

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
    "copy": ("self other non_blocking",),
    **{name: (f"beta self alpha {rest}", f"beta self {rest}") for name, rest in _SCALED.items()},
}
_REMEMBERED = 256  # plans one parser keeps before it starts again


class Unfit(Exception):
    """A remembered choice does not hold for these values: match again."""


class Plan(NamedTuple):
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
        self.plans: dict[tuple[Any, ...], Plan] = {}
        self._warned = False

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, list[Any], Any]:
        """(the overload's index, its bound values in schema order, `out` or None). Raises TypeError in PyTorch's words."""
        if kwargs:
            return self._with_keywords(args, kwargs)
        if len(args) == 2:  # most calls; a display of two is much quicker than a map
            plan = self.plans.get((type(args[0]), type(args[1])))
        elif len(args) == 1:
            plan = self.plans.get((type(args[0]),))
        else:
            plan = self.plans.get(tuple(map(type, args)))
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
        plan = self.plans.get((*map(type, args), *kwargs, *map(type, kwargs.values())))
        return self.choose(args, kwargs) if plan is None else self._from_sources(plan, args, kwargs)

    def _from_sources(self, plan: Plan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[int, list[Any], Any]:
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
        if len(self.plans) >= _REMEMBERED:
            self.plans.clear()
        key = (*map(type, args), *kwargs, *map(type, kwargs.values()))
        self.plans[key] = _plan(signature, given, args, kwargs)


_DECIDED = (int, float, complex, str, np.generic, dtypes.dtype, device, layout, memory_format)


def _decided_by_type(value: Any) -> bool:
    """True for the types of which a plan knows what any value of them does."""
    if isinstance(value, (list, tuple)):
        return True
    return value is None or isinstance(value, (TYPES["Tensor"], *_DECIDED))


def _plan(signature: Signature, given: Sequence[Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Plan:
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
            binders.append((place, Constant(param.none())))
        else:
            binders += [(place, bind) for bind in [_binder(param, value, signature.name)] if bind is not None]
    in_order = all(place == source for place, source in sources) and len(sources) == len(args) and not kwargs
    if in_order:
        return Plan(signature.index, tuple(tail[len(args) : count]), tuple(binders), None)
    return Plan(signature.index, tuple(tail), tuple(binders), tuple(sources))


def _used_keyword(param: Parameter, kwargs: Mapping[str, Any]) -> str:
    return next(name for name in (param.name, *param.aliases) if name in kwargs)


class Constant:
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
        return exact_ints
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


def exact_int(value: int) -> int:
    if -(2**63) <= value < 2**63:
        return value
    raise Unfit


_EXACT_INTS = {"int": exact_int, "SymInt": exact_int, "Scalar": exact_int, "Tensor": exact_int}


def exact_ints(value: Any) -> tuple[int, ...]:
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
