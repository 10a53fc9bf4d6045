"""From the types of a call's arguments straight to the op: what the parser planned, written as one function with the arguments in place.

`Form.__call__` is the meaning. A `front` looks its arguments' types up; of types seen for the second time a route is written
from the parser's plan and the lines of the op (`engine.lean`). Whatever a route cannot be sure of goes back to the form.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import CO_VARARGS, CO_VARKEYWORDS
from textwrap import indent
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from .lean import listed, names_of, straight
from .lean_inplace import lines_in_place, space_in_place
from .parser import Constant, Unfit, exact_int, exact_ints
from .specialise import plain_text
from .tensor import PLAIN, Tensor
from .texts import code_of, function_of

if TYPE_CHECKING:
    from .calls import Form
    from .op import Op
    from .parser import Plan


class Missing:
    """The type of what stands for an argument that was not given."""


MISSING = Missing()
LIMIT = 2**63
FEW = 2**30  # numbers of so many bits are compared in less, where they are written out
REMEMBERED = 256  # routes one front keeps before it starts again


class Row(dict):
    """Routes by the type of an argument, or of several; where there is none, what writes one."""

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


NAMES = ["_a", "_b", "_c", "_d", "_e", "_f"]
FRONT = """
{first}    if not _words and not _more:
        if {third} is _MISSING:
            return _one[type({one})]({one}) if {other} is _MISSING else _two[type({one})][type({other})]({one}, {other})
        if {last} is _MISSING:
            return _three[type({one}), type({other}), type({third})]({one}, {other}, {third})
    return _longer({all}, _words)
"""


def front(form: Callable[[], Any], operator: bool = False) -> Callable[..., Any]:
    """The public call of a form: it leads to routes by the types of its arguments, and holds the first one itself.

    As an operator it leaves what it does not take to the other operand.

    The function stays the same object and gets that route's text when it is written.
    """
    longer_routes: dict[Any, Callable[..., Any]] = {}

    def longer(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        key = (*map(type, args), *kwargs, *map(type, kwargs.values()))
        route = longer_routes.get(key)
        return seen(args, kwargs, key) if route is None else route(*args, **kwargs)

    def meet(*args: Any) -> Any:
        args = () if args[0] is MISSING else args
        return seen(args, {}, tuple(map(type, args)))

    def seen(args: tuple[Any, ...], kwargs: dict[str, Any], key: tuple[Any, ...]) -> Any:
        made: Form = form()
        plan = made.parser.plans.get(key)
        if plan is None:  # which the parser makes now, where the types decide
            return made(*args, **kwargs)
        if sum(map(len, tables)) > REMEMBERED:
            for table in tables:
                table.clear()
        route = _written(call, made, plan, key, operator) if not kwargs and call.__code__ is at_first else None
        if route is None:
            route = route_of(made, plan, key, len(args), list(kwargs))
        if kwargs or not 0 < len(args) < 4:
            longer_routes[key] = route
        elif len(args) == 1:
            one[key[0]] = route
        elif len(args) == 2:
            two[key[0]][key[1]] = route
        else:
            three[key] = route
        return route(*args, **kwargs)

    one, two, three = Row(meet), Table(meet), Row(meet)
    tables: tuple[dict[Any, Any], ...] = one, two, three, longer_routes
    space = {"_one": one, "_two": two, "_three": three, "_longer": longer, "_MISSING": MISSING}
    at_first = _empty_front(operator)
    call = FunctionType(at_first, space, "call", (MISSING,) * len(NAMES))
    return call


@cache
def _empty_front(operator: bool) -> CodeType:
    return _code_of(NAMES, "", "front", operator)


def _code_of(names: list[str], first: str, title: str, operator: bool) -> CodeType:
    """The code of a front whose parameters have these names."""
    one, other, third, last, *_ = names
    given = ", ".join(f"{name}=_MISSING" for name in names)
    some = [f"({', '.join(names[:count])},) if {names[count - 1]} is not _MISSING else " for count in range(len(names) - 1, 0, -1)]
    everything = f"({', '.join(names)}, *_more) if {names[-1]} is not _MISSING else {''.join(some)}()"
    body = FRONT.format(first=first, all=everything, one=one, other=other, third=third, last=last)
    if operator:
        body = f"    try:\n{indent(body, '    ')}    except TypeError:\n        return NotImplemented\n"
    text = f"def call({given}, /, *_more, **_words):\n{body}"
    space: dict[str, Any] = {"_MISSING": MISSING}
    exec(code_of(text, title), space)
    made: CodeType = space["call"].__code__
    return made


def _written(call: FunctionType, form: Form, plan: Plan, key: tuple[Any, ...], operator: bool) -> Callable[..., Any] | None:
    """The front `call` itself, once the route of these positional arguments is part of it; None where it cannot be."""
    count, op = len(key), form.ops[plan.overload]
    if not 1 <= count <= len(NAMES):
        return None
    text = _Arguments(op, plan, key, count, [])
    if text.has_out:
        return None
    lines, space = _text_of(form, op, text)
    names = [*text.given, *NAMES[count:]]
    looks = [
        plain_text(name) if cls in PLAIN else f"type({name}) is _type{j}" for j, (name, cls) in enumerate(zip(text.given, key, strict=True))
    ]
    alone = "not _more" if count == len(names) else f"{names[count]} is _MISSING"
    taken = [f"if {' and '.join([*reversed(looks), alone, 'not _words'])}:", *(f"    {line}" for line in [*text.absent, *lines])]
    call.__globals__.update({**space, "PLAIN": PLAIN, "Tensor": Tensor, **{f"_type{j}": cls for j, cls in enumerate(key)}})
    call.__code__ = _code_of(names, "".join(f"    {line}\n" for line in taken), f"{op.key} as called", operator)
    return call


def route_of(form: Form, plan: Plan, key: tuple[Any, ...], count: int, words: list[str]) -> Callable[..., Any]:
    """The route of calls of these types, with `count` positional arguments and these keywords."""
    op = form.ops[plan.overload]
    text = _Arguments(op, plan, key, count, words)
    if plan.sources is None and not plan.binders and not text.numbers:
        return filled(_straight(op, form.inplace or op.writes), plan.tail)
    lines, space = _text_of(form, op, text)
    if text.has_out or not set(words).isdisjoint(space):
        return form
    return function_of(text.parameters, lines, f"{op.key} as called", space)


def _text_of(form: Form, op: Op, text: _Arguments) -> tuple[list[str], dict[str, Any]]:
    """Everything that is done with the arguments of a call, and the names this uses."""
    if form.inplace or op.writes:
        lines, space = _straight_in_place(op, text.numbers, text.certain)
    else:
        lines, space = straight(op, text.certain)
    return text.lines + lines, {**space, **text.space, "odd": form, "Unfit": Unfit, "unfit": unfit}


def _straight_in_place(op: Op, numbers: list[int], certain: set[int]) -> tuple[list[str], dict[str, Any]]:
    if op.body is not None:
        return [f"return body({', '.join(names_of(op))})"], {"body": op.family.inplace}
    return lines_in_place(op, numbers, certain) or [f"return slow({listed(op)})"], space_in_place(op, numbers)


def _straight(op: Op, in_place: bool) -> Any:
    """What takes every argument in place."""
    if op.body is not None and in_place:
        return op.family.inplace
    return op.in_place if in_place else op.direct


def filled(function: Any, tail: tuple[Any, ...]) -> Any:
    """The function with these values for its last arguments."""
    if not tail:
        return function
    if type(function) is not FunctionType or function.__code__.co_flags & (CO_VARARGS | CO_VARKEYWORDS) or function.__kwdefaults__:
        return lambda *args: function(*args, *tail)
    return FunctionType(function.__code__, function.__globals__, function.__name__, tail, function.__closure__)


def unfit() -> Any:
    raise Unfit


class _Arguments:
    """The text that puts a call's arguments in place: `parameters` of the route, the `lines` that convert, the names they use.

    `given` are the names of positional arguments, `absent` the lines for those that are not given, `numbers` the Tensor arguments
    for which a number is, `certain` those for which a plain Tensor is.
    """

    def __init__(self, op: Op, plan: Plan, key: tuple[Any, ...], count: int, words: list[str]) -> None:
        self.places = names_of(op)
        ordered = plan.sources is None
        self.sources = [(j, j) for j in range(count)] if ordered else list(plan.sources or ())
        self.has_out = any(place >= len(self.places) for place, _ in self.sources)
        types = dict(zip([*range(count), *words], [*key[:count], *key[len(key) - len(words) :]], strict=True))
        self.classes = [(place, types[source]) for place, source in self.sources if type(source) is not slice]
        self.numbers = [place for place, cls in self.classes if cls in (int, float) and op.schema.arguments[place].type == "Tensor"]
        loose = {place for place, source in self.sources if type(source) is slice and set(key[source]) == {int}}  # ints given one by one
        binders = [(place, binder) for place, binder in plan.binders if binder is not exact_ints or place not in loose]
        placed, converted = dict(self.sources), dict(binders)
        plain = {place for place, cls in self.classes if cls in PLAIN and place not in converted}
        self.certain = plain & {i for i, is_list in op.tensors if not is_list}
        tail = [None] * count + list(plan.tail) if ordered else list(plan.tail)
        absent = [i for i in range(len(self.places)) if i not in placed]
        self.space: dict[str, Any] = {f"d{i}": tail[i] for i in absent}
        as_is = {source: place for place, source in self.sources if type(source) is int and place not in converted}
        self.given = [f"a{as_is[j]}" if j in as_is else f"p{j}" for j in range(count)]
        self.absent = [f"a{i} = d{i}" for i in absent]
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
            return f"a{place} = {text} if {-FEW} < {text} < {FEW} or {-LIMIT} <= {text} < {LIMIT} else unfit()"
        constant = isinstance(binder, Constant)
        self.space[f"bind{place}"] = binder.value if constant else binder
        return f"a{place} = bind{place}" + ("" if constant else f"({text})")
