"""From the types of a call's arguments straight to the op: what the parser planned, written as one function with the arguments in place.

`Form.__call__` is the meaning. A `front` looks its arguments' types up; of types seen for the second time a route is written
from the parser's plan and the lines of the op (`engine.lean`). Whatever a route cannot be sure of goes back to the form.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import FunctionType
from typing import TYPE_CHECKING, Any

from .lean import lines_of, listed, names_of, space_of
from .lean_inplace import lines_in_place, space_in_place
from .parser import Constant, Unfit, exact_int, exact_ints
from .texts import function_of

if TYPE_CHECKING:
    from .calls import Form
    from .op import Op
    from .parser import Plan


class Missing:
    """The type of what stands for an argument that was not given."""


MISSING = Missing()
LIMIT = 2**63
REMEMBERED = 256  # routes one front keeps before it starts again


class Row(dict):
    """Routes by the type of the last argument; where there is none, what writes one."""

    def __init__(self, meet: Callable[..., Any]) -> None:
        self.meet = meet

    def __missing__(self, _: type) -> Any:
        return self.meet


class Table(dict):
    """Rows of two arguments, by the type of the first."""

    def __init__(self, meet: Callable[..., Any]) -> None:
        self.meet = meet

    def __missing__(self, cls: type) -> Row:
        self[cls] = row = Row(self.meet)
        return row


def front(form: Callable[[], Any]) -> Callable[..., Any]:
    """The public call of a form: of one or two arguments without keywords the shortest way, of others a longer one to their routes."""
    wide: dict[Any, Callable[..., Any]] = {}

    def call(a: Any = MISSING, b: Any = MISSING, c: Any = MISSING, /, *more: Any, **kwargs: Any) -> Any:
        if c is MISSING and not kwargs:
            return one[type(a)](a) if b is MISSING else two[type(a)][type(b)](a, b)
        args = (a, b, c, *more) if c is not MISSING else (a, b) if b is not MISSING else (a,) if a is not MISSING else ()
        key = (*map(type, args), *kwargs, *map(type, kwargs.values()))
        route = wide.get(key)
        return seen(args, kwargs, key) if route is None else route(*args, **kwargs)

    def meet(*args: Any) -> Any:
        args = () if args[0] is MISSING else args
        return seen(args, {}, tuple(map(type, args)))

    def seen(args: tuple[Any, ...], kwargs: dict[str, Any], key: tuple[Any, ...]) -> Any:
        made: Form = form()
        plan = made.parser.plans.get(key)
        if plan is None:  # which the parser makes now, where the types decide
            return made(*args, **kwargs)
        if len(wide) + len(one) + len(two) > REMEMBERED:
            wide.clear()
            one.clear()
            two.clear()
        route = route_of(made, plan, key, len(args), list(kwargs))
        if kwargs or len(args) not in (1, 2):
            wide[key] = route
        elif len(args) == 1:
            one[key[0]] = route
        else:
            two[key[0]][key[1]] = route
        return route(*args, **kwargs)

    one, two = Row(meet), Table(meet)
    return call


def route_of(form: Form, plan: Plan, key: tuple[Any, ...], count: int, words: list[str]) -> Callable[..., Any]:
    """The route of calls of these types, with `count` positional arguments and these keywords."""
    op = form.ops[plan.overload]
    in_place = form.inplace or op.writes
    text = _Arguments(op, plan, key, count, words)
    numbers = [place for place, cls in text.classes if cls in (int, float) and op.schema.arguments[place].type == "Tensor"]
    if plan.sources is None and not plan.binders and not numbers:
        return _filled(_straight(op, in_place), plan.tail)
    space = {} if op.body is not None else space_in_place(op, numbers) if in_place else space_of(op)
    space |= {**text.space, "odd": form, "Unfit": Unfit, "unfit": unfit, "op": op, "body": op.family.inplace if in_place else op.body}
    if text.has_out or not set(words).isdisjoint(space):
        return form
    lines = _calling(op, in_place, numbers)
    return function_of(text.parameters, text.lines + lines, f"{op.key} as called", space)


def _straight(op: Op, in_place: bool) -> Any:
    """What takes every argument in place."""
    if op.body is not None:
        return op.family.inplace if in_place else op.body
    return op.in_place if in_place else op.direct


def _filled(function: Any, tail: tuple[Any, ...]) -> Any:
    """The function with these values for its last arguments."""
    if not tail:
        return function
    if type(function) is not FunctionType or function.__code__.co_flags & (CO_VARARGS | CO_VARKEYWORDS) or function.__kwdefaults__:
        return lambda *args: function(*args, *tail)
    return FunctionType(function.__code__, function.__globals__, function.__name__, tail, function.__closure__)


def _calling(op: Op, in_place: bool, numbers: list[int]) -> list[str]:
    """What is done with the arguments in schema order."""
    if op.body is not None:
        return [f"return body({', '.join(names_of(op))})"]
    return (lines_in_place(op, numbers) if in_place else lines_of(op)) or [f"return slow({listed(op)})"]


def unfit() -> Any:
    raise Unfit


class _Arguments:
    """The text that puts a call's arguments in place: `parameters` of the route, the `lines` that convert, the names they use."""

    def __init__(self, op: Op, plan: Plan, key: tuple[Any, ...], count: int, words: list[str]) -> None:
        self.places = names_of(op)
        ordered = plan.sources is None
        self.sources = [(j, j) for j in range(count)] if ordered else list(plan.sources or ())
        self.has_out = any(place >= len(self.places) for place, _ in self.sources)
        types = dict(zip([*range(count), *words], [*key[:count], *key[len(key) - len(words) :]], strict=True))
        self.classes = [(place, types[source]) for place, source in self.sources if type(source) is not slice]
        loose = {place for place, source in self.sources if type(source) is slice and set(key[source]) == {int}}  # ints given one by one
        binders = [(place, binder) for place, binder in plan.binders if binder is not exact_ints or place not in loose]
        placed, converted = dict(self.sources), dict(binders)
        tail = [None] * count + list(plan.tail) if ordered else list(plan.tail)
        absent = [i for i in range(len(self.places)) if i not in placed]
        self.space: dict[str, Any] = {f"d{i}": tail[i] for i in absent}
        as_is = {source: place for place, source in self.sources if type(source) is int and place not in converted}
        self.given = [f"a{as_is[j]}" if j in as_is else f"p{j}" for j in range(count)]
        self.parameters = [*self.given, *(f"a{i}=d{i}" for i in absent), *(["*", *words] if words else [])]
        there = {*as_is.values(), *converted}
        moved = [f"a{place} = {self._value(source)}" for place, source in self.sources if place not in there]
        convert = [self._converted(place, binder, self._value(placed[place])) for place, binder in binders]
        again = ", ".join([*self.given, *(f"{w}={w}" for w in words)])
        self.lines = moved + (["try:", *(f"    {line}" for line in convert), f"except Unfit: return odd({again})"] if convert else [])

    def _value(self, source: Any) -> str:
        """What is given there, by name."""
        if type(source) is slice:
            return f"({''.join(f'{name}, ' for name in self.given[source])})"
        return source if type(source) is str else self.given[source]

    def _converted(self, place: int, binder: Any, text: str) -> str:
        """The line that makes of a value what the op takes."""
        if binder is exact_int:
            return f"a{place} = {text} if {-LIMIT} <= {text} < {LIMIT} else unfit()"
        constant = isinstance(binder, Constant)
        self.space[f"bind{place}"] = binder.value if constant else binder
        return f"a{place} = bind{place}" + ("" if constant else f"({text})")
