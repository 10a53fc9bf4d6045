"""A rule read once, on symbols, as the text of the arithmetic it does on real arrays.

`lambda g, other: g * other.conj()` reads as "(g * x0)". A rule that does more than arithmetic is not read, but called.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from .alike import result_dtypes, specialisable
from .dtypes import float32, float64
from .registry import OVERLOADS
from .tensor import Tensor


class Unreadable(Exception):
    """The rule asks more of an array than a symbol can tell."""


class Real:
    """The dtype of a symbol, of which only the kind is known."""

    kind = "f"

    def __eq__(self, other: object) -> bool:
        raise Unreadable


class Symbol:
    """Stands for a real array. `follows_g`: the text has the shape and dtype of the gradient."""

    __slots__ = ("text", "follows_g")

    def __init__(self, text: str, follows_g: bool = False) -> None:
        self.text, self.follows_g = text, follows_g

    def conj(self) -> Symbol:
        return self

    real = property(conj)
    dtype = Real()

    def __neg__(self) -> Symbol:
        return Symbol(f"(-{self.text})", self.follows_g)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **words: Any) -> Symbol:
        if method != "__call__" or words or getattr(np, ufunc.__name__, None) is not ufunc:
            raise Unreadable
        return Symbol(f"np.{ufunc.__name__}({', '.join(map(_text, inputs))})", any(type(x) is Symbol and x.follows_g for x in inputs))

    def _refuse(self, *_: Any) -> Any:
        raise Unreadable

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __array__ = _refuse


def _binary(symbol: str) -> tuple[Callable[..., Symbol], Callable[..., Symbol]]:
    def join(a: Any, b: Any) -> Symbol:
        follows = any(type(x) is Symbol and x.follows_g for x in (a, b))
        return Symbol(f"({_text(a)} {symbol} {_text(b)})", follows)

    return join, lambda a, b: join(b, a)


OPERATORS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}
for _name, _symbol in OPERATORS.items():
    _forward, _swapped = _binary(_symbol)
    setattr(Symbol, f"__{_name}__", _forward)
    setattr(Symbol, f"__r{_name}__", _swapped)


def stands_for_array(x: Any) -> bool:
    """True of what a rule is given while it is read."""
    return type(x) is Symbol


def _text(value: Any) -> str:
    if type(value) is Symbol:
        return value.text
    if type(value) not in (int, float) or value != value or value in (float("inf"), -float("inf")):
        raise Unreadable
    return repr(value)


class Opaque:
    """Stands for an array of which nothing is asked at all."""

    def _refuse(self, *_: Any) -> Any:
        raise Unreadable

    __bool__ = __eq__ = __ne__ = __hash__ = __array__ = __array_ufunc__ = _refuse


class TensorSymbol:
    """Stands for a Tensor of real numbers, of which nothing is asked but arithmetic. Its conjugate is itself.

    `text` is that of the operation on what it is `of`, and `made` tells which of two symbols the rule made first.
    """

    __slots__ = ("text", "of", "made")
    __class__ = Tensor  # type: ignore[assignment]  # it is one to every question but `type`

    def __init__(self, text: str, *of: Any) -> None:
        self.text, self.of, self.made = text, of, next(MADE)

    def conj(self) -> TensorSymbol:
        return self

    def __neg__(self) -> TensorSymbol:
        return TensorSymbol("(-{})", self)

    def _refuse(self, *_: Any) -> Any:
        raise Unreadable

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = __array__ = __getattr__ = _refuse


MADE = itertools.count()


def _joined(symbol: str) -> tuple[Callable[..., TensorSymbol], Callable[..., TensorSymbol]]:
    def join(a: Any, b: Any) -> TensorSymbol:
        return TensorSymbol(f"({{}} {symbol} {{}})", *(x if type(x) is TensorSymbol else _text(x) for x in (a, b)))

    return join, lambda a, b: join(b, a)


for _name, _symbol in OPERATORS.items():
    _on_tensors, _reflected = _joined(_symbol)
    setattr(TensorSymbol, f"__{_name}__", _on_tensors)
    setattr(TensorSymbol, f"__r{_name}__", _reflected)


def in_order_made(results: Sequence[TensorSymbol]) -> tuple[list[str], list[str]]:
    """Assignments, and the texts of `results` after these: every operation once, in the order of the rule, which backward goes by, too.

    There are no assignments where the operands of nested operations were made in the order in which Python evaluates them.
    """
    met: list[TensorSymbol] = []
    nested = [_nested(x, met) for x in results]
    in_order = sorted({x.made: x for x in met}.items())
    if [x.made for x in met] == [made for made, _ in in_order]:
        return [], nested
    names: dict[int, str] = {}

    def named(x: Any) -> str:
        return x if type(x) is str else names.get(x.made, x.text)

    lines: list[str] = []
    for made, x in in_order:
        names[made], text = f"t{len(lines)}", x.text.format(*map(named, x.of))
        lines.append(f"{names[made]} = {text}")
    return lines, [named(x) for x in results]


def _nested(x: Any, met: list[TensorSymbol]) -> str:
    """The text of a symbol with those of what it is of in it; `met` gets the operations as Python evaluates them."""
    if type(x) is str or not x.of:
        return x if type(x) is str else x.text
    text: str = x.text.format(*[_nested(part, met) for part in x.of])
    met.append(x)
    return text


class Ops:
    """`F` while a rule is read: an op of operands alike is what its kernel does, or the call of its kernel, which goes into `space`."""

    def __init__(self, space: dict[str, Any]) -> None:
        self.space = space

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        def call(*operands: Any) -> Symbol:
            made = [op for op in OVERLOADS[name].ops if specialisable(op) == len(operands)]
            if len(made) != 1 or not all(type(x) is Symbol for x in operands) or not _keeps_dtype(made[0], len(operands)):
                raise Unreadable
            [op] = made
            inside = kernel_text(op.kernel, operands, [a.default for a in op.schema.arguments[len(operands) :]])
            if inside is not None:
                return inside
            given = {f"{name}_{a.name}": a.default for a in op.schema.arguments[len(operands) :]}
            self.space.update({f"{name}_kernel": op.kernel, **given})
            return Symbol(f"{name}_kernel({', '.join([*map(_text, operands), *given])})", any(x.follows_g for x in operands))

        return call


def _keeps_dtype(op: Any, count: int) -> bool:
    result = result_dtypes(op, count)
    return all(result.get(d) is d for d in (float32, float64))


def read(rule: Callable[..., Any], arguments: Sequence[Any], count: int, space: dict[str, Any]) -> list[str] | None:
    """The texts of the `count` gradients `rule` gives for `arguments` (Symbols and constants); None where it cannot be read.

    `space` gets the names that the texts use.
    """
    if not isinstance(rule, FunctionType):
        return None
    on_symbols = FunctionType(rule.__code__, rule.__globals__ | {"F": Ops(space)}, rule.__name__, rule.__defaults__, rule.__closure__)
    try:
        result = on_symbols(*arguments)
    except Exception:  # whatever a rule does to what is no array
        return None
    results = [result] if count == 1 else result
    if not all(r is None or (type(r) is Symbol and r.follows_g) for r in results):
        return None
    return ["None" if r is None else r.text for r in results]


def hands_on(rule: Callable[..., Any], arguments: Sequence[Any]) -> bool:
    """True where a rule of one gradient returns the first of its `arguments` (Opaques and constants) as it is."""
    try:
        return bool(arguments) and rule(*arguments) is arguments[0]
    except Exception:  # whatever a rule does to what is no array
        return False


def read_on_tensors(rule: Callable[..., Any], arguments: Sequence[Any], count: int) -> tuple[list[str], list[str]] | None:
    """The same of a rule on Tensors of real numbers, where it does no more than arithmetic with them: as `in_order_made`."""
    if not isinstance(rule, FunctionType) or "F" in rule.__code__.co_names:
        return None
    try:
        result = rule(*arguments)
    except Exception:  # whatever a rule does to what is no tensor
        return None
    results = [result] if count == 1 else result
    if not isinstance(results, list | tuple) or not all(type(r) is TensorSymbol for r in results):
        return None
    return in_order_made(results)


def kernel_text(kernel: Callable[..., Any], operands: Sequence[Symbol], defaults: Sequence[Any]) -> Symbol | None:
    """What `kernel` does to real arrays and these further arguments, where it can be read."""
    try:
        result = kernel(*operands, *defaults)
    except Exception:  # whatever a kernel does to what is no array
        return None
    return result if type(result) is Symbol else None


def as_ufunc(kernel: Callable[..., Any], count: int, defaults: Sequence[Any]) -> np.ufunc | None:
    """The ufunc that `kernel` comes to on `count` real arrays and these further arguments, if it is one."""
    names = ["x", "y"][:count]
    read = kernel_text(kernel, [Symbol(name) for name in names], defaults)
    name, _, given = ("" if read is None else read.text.removeprefix("np.")).partition("(")
    found = getattr(np, name, None)
    return found if given == f"{', '.join(names)})" and isinstance(found, np.ufunc) else None
