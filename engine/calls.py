"""From a Python call to one overload, and the forms an op appears in: function, method, operator, in place, `out=`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes
from .alike import specialisable
from .lean import names_of, straight
from .out import run_out
from .parser import NUMBERS_AS_TENSORS, Parser, python_order, register
from .routes import filled, front
from .schema import REQUIRED
from .specialise import plain_text, specialise
from .tensor import PLAIN, Tensor
from .texts import function_of, written_when_called

if TYPE_CHECKING:
    from .op import Op

register("Tensor", Tensor)
FUNCTIONS: dict[str, Callable[..., Any]] = {}  # what `engine.<name>` is to be
REFLECTED = {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul", "lshift", "rshift"}
COMMUTING = {"add", "mul", "and", "or", "xor"}  # reflected, PyTorch calls these on the tensor


class Form:
    """One way to call an op: as a function, a method, or in place; `ops` are the overloads that have this form."""

    def __init__(self, name: str, ops: list[Op], kind: str, inplace: bool) -> None:
        self.name, self.inplace, self.takes_out = name, inplace, kind == "function" and not inplace
        order = python_order(name, [o.schema for o in ops], form=kind, has_out=[self._has_out(o) for o in ops])
        self.ops = [ops[i] for i in order]
        self.parser = Parser(name, [o.schema for o in self.ops], form=kind, has_out=[self._has_out(o) for o in self.ops])

    def _has_out(self, op: Op) -> bool:
        return bool(op.family.out) and self.takes_out

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        index, values, out = self.parser(args, kwargs)
        op = self.ops[index]
        if out is not None:
            return run_out(op, values, out)
        return op.run_inplace(values) if self.inplace or op.writes else op.run(values)


class Overloads:
    """Every overload of one name and the forms they have, built when first called."""

    def __init__(self, path: str) -> None:
        self.path, self.name = path, path.rpartition(".")[2]
        self.ops: list[Op] = []
        self.forms: dict[str, Callable[..., Any]] = {}
        self.chosen: dict[Any, Op] = {}
        self.plain: dict[Any, Callable[..., Any]] = {}

    def add(self, op: Op) -> None:
        self.ops.append(op)
        self.forms.clear()
        self._attach(op)

    def form(self, kind: str) -> Callable[..., Any]:
        """The call of one form: "function", "method", "inplace", or "inplace function"."""
        if kind not in self.forms:
            self.forms[kind] = self._make(kind)
        return self.forms[kind]

    def _make(self, kind: str) -> Callable[..., Any]:
        if self.path.startswith("nn.functional."):
            return python_call(self.ops[0], {})
        if kind.startswith("inplace"):
            return Form(self.name + "_", [o for o in self.ops if o.family.inplace], "method" if kind == "inplace" else "function", True)
        having = [o for o in self.ops if (o.family.function if kind == "function" else o.family.method)]
        return Form(self.path.replace(".", "_"), having or self.ops, kind, False)  # as PyTorch's parser calls it: linalg_vector_norm

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.form("function")(*args, **kwargs)

    # -- inside rules -------------------------------------------------------------------------------------------------
    def either(self, *args: Any, **kwargs: Any) -> Any:
        """The op as a rule calls it: on arrays the kernel alone, on Tensors the recorded call."""
        if kwargs:
            known = self.plain.get((*map(type, args), *kwargs, *map(type, kwargs.values())))
            if known is not None:
                return known(*args, *kwargs.values())
        else:  # of two, as most are given, or of one, the types are asked for in a third of the time
            count = len(args)
            known = self.plain.get(
                (type(args[0]), type(args[1])) if count == 2 else (type(args[0]),) if count == 1 else (*map(type, args),)
            )
            if known is not None:
                return known(*args)
        op, values = self.resolve(args, kwargs)
        lists = any(is_list for _, is_list in op.tensors)
        recorded = any(isinstance(values[i], Tensor) for i, _ in op.tensors)
        if lists and not recorded:
            recorded = any(isinstance(t, Tensor) for i, is_list in op.tensors if is_list for t in values[i])
        result = op.raw(values) if not recorded else op.run_inplace(values) if op.writes else op.run(values)
        if not op.writes and not lists:
            self.plain[(*map(type, args), *kwargs, *map(type, kwargs.values()))] = self._given(op, args, kwargs, recorded)
        return result

    def _given(self, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], recorded: bool) -> Callable[..., Any]:
        """What runs calls like this one from now on, of the values that are given, in their order."""
        arguments = op.schema.arguments
        tail = tuple(a.default for a in arguments[len(args) :])
        if recorded and not kwargs and len(args) == specialisable(op) and all(type(v) in PLAIN for v in args):
            return FUNCTIONS[self.path] if self.path in FUNCTIONS else specialise(op, filled(op.direct, tail), False, True)
        run = op.direct if recorded else op.on_arrays
        places = [*range(len(args)), *(op.schema.names.index(word) for word in kwargs)]
        pairs = zip(places, (*args, *kwargs.values()), strict=True)
        singles = {i for i, v in pairs if type(v) is int and arguments[i].type.startswith("int[")}  # numbers that stand for lists
        if not singles and not kwargs:
            return filled(run, tail)
        values = [f"({name},)" if i in singles else name if i in places else f"d{i}" for i, name in enumerate(names_of(op))]
        space = {f"d{i}": a.default for i, a in enumerate(arguments)} | {"run": run}
        return function_of([f"a{i}" for i in places], [f"return run({', '.join(values)})"], f"{op.key} in a rule", space)

    def resolve(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Op, list[Any]]:
        """The first overload that takes the call, by the types of its arguments; and those in schema order."""
        key = (*map(type, args), *kwargs)
        op = self.chosen.get(key)
        if op is not None:
            return op, bind(op, args, kwargs)
        found: list[tuple[Op, list[Any]]] = []
        for op in self.ops:
            try:
                values = bind(op, args, kwargs)
            except TypeError:
                continue
            if all(accepts(a.type, v) for a, v in zip(op.schema.arguments, values, strict=True)):
                found.append((op, values))
        # As in PyTorch's own code a number is no Tensor, where an overload takes it as what it is.
        for op, values in sorted(found, key=lambda one: any(isinstance(one[1][i], int | float | complex) for i, _ in one[0].tensors)):
            self.chosen[key] = op
            return op, values
        raise TypeError(f"{self.name}: no overload takes {args} {kwargs}")

    # -- attaching --------------------------------------------------------------------------------------------------
    def _attach(self, op: Op) -> None:
        """Give Tensor and the namespace what this overload adds."""
        name, family = self.name, op.family
        if family.function:
            FUNCTIONS[self.path] = self._public("function", name)
        if op.schema.namespace:
            return
        if family.method:
            setattr(Tensor, name, self._public("method", name))
        if family.inplace:
            setattr(Tensor, name + "_", self._public("inplace", name + "_"))
            if family.inplace_function:
                FUNCTIONS[self.path + "_"] = self._public("inplace function", name + "_")
        if family.operator and op.schema.name == name:
            self._attach_operator(family.operator, bool(family.inplace))

    def _public(self, kind: str, name: str) -> Callable[..., Any]:
        if self.path.startswith("nn.functional."):
            call: Callable[..., Any] = written_when_called(lambda space: python_call(self.ops[0], space))
        else:
            call = front(lambda: self.form(kind))
        made = call if kind.startswith("inplace") else self._fast(call, False)
        made.__name__ = made.__qualname__ = name
        return made

    def _fast(self, slow: Callable[..., Any], operator: bool) -> Callable[..., Any]:
        """The specialised call of this name, where its overload of Tensors alone has one; `slow` where not."""
        candidates = [o for o in self.ops if specialisable(o)]
        return specialise(candidates[0], slow, self.name in NUMBERS_AS_TENSORS, operator) if len(candidates) == 1 else slow

    def _attach_operator(self, operator: str, inplace: bool) -> None:
        slow = front(lambda: self.form("function"), operator=True)
        call = self._fast(slow, True) if self.ops[-1].body is None else _direct(self.ops[-1], slow)
        setattr(Tensor, f"__{operator}__", call)
        if operator in REFLECTED and f"__r{operator}__" not in Tensor.__dict__:
            swapped = call if operator in COMMUTING else _operator(lambda t, other: self.form("function")(other, t))
            setattr(Tensor, f"__r{operator}__", swapped)
        if operator in REFLECTED and inplace:
            setattr(Tensor, f"__i{operator}__", front(lambda: self.form("inplace"), operator=True))


def _direct(op: Op, slow: Callable[..., Any]) -> Callable[..., Any]:
    """The operator of a composite of two Tensors: what is done with them, where there is nothing to choose or to convert."""
    if len(op.schema.arguments) != 2 or not all(a.type == "Tensor" for a in op.schema.arguments):
        return slow

    def write(space: dict[str, Any]) -> Any:
        lines, names = straight(op, (0, 1))
        space.update({**names, "PLAIN": PLAIN, "elsewhere": slow})
        taken = [f"if {plain_text('a1')} and {plain_text('a0')}:", *(f"    {line}" for line in lines)]
        return function_of(["a0", "a1", "/"], [*taken, "return elsewhere(a0, a1)"], f"{op.key} as an operator", space)

    return written_when_called(write)


def _operator(call: Callable[..., Any]) -> Callable[..., Any]:
    def operate(*args: Any) -> Any:
        try:
            return call(*args)
        except TypeError:
            return NotImplemented

    return operate


def python_call(op: Op, space: dict[str, Any]) -> Callable[..., Any]:
    """The op as a Python function of its arguments' names, which PyTorch's `nn.functional` is: errors of arguments are Python's own.

    It is written among the names of `space`.
    """
    arguments = op.schema.arguments
    names = [a.name for a in arguments]
    space |= {f"d{i}": a.default for i, a in enumerate(arguments)} | {"run": op.direct}
    parameters = [a.name if a.default is REQUIRED else f"{a.name}=d{i}" for i, a in enumerate(arguments)]
    count = len(op.schema.positional)
    if count < len(parameters):
        parameters.insert(count, "*")
    lists = [a.name for a in arguments if a.type.startswith("int[")]
    lines = [f"if type({name}) is int: {name} = ({name},)" for name in lists]
    made = function_of(parameters, [*lines, f"return run({', '.join(names)})"], op.schema.name, space)
    made.__name__ = made.__qualname__ = op.schema.name
    return made


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments in schema order. Raises TypeError, in Python's words, where the call does not fit."""
    positional, arguments, name = op.schema.positional, op.schema.arguments, op.schema.name
    if len(args) > len(positional):
        least = sum(a.default is REQUIRED for a in positional)
        takes = f"from {least} to {len(positional)}" if least != len(positional) else f"{len(positional)}"
        raise TypeError(f"{name}() takes {takes} positional arguments but {len(args)} were given")
    values, left = list(args), dict(kwargs)
    missing = []
    for a in arguments[len(args) :]:
        value = left.pop(a.name, a.default)
        if value is REQUIRED:
            missing.append(f"'{a.name}'")
        values.append(value)
    if missing:
        listed = " and ".join([", ".join(missing[:-1]), missing[-1]]) if len(missing) > 1 else missing[0]
        raise TypeError(f"{name}() missing {len(missing)} required positional argument{'s' * (len(missing) > 1)}: {listed}")
    for word in left:
        taken = word in op.schema.names
        raise TypeError(
            f"{name}() got multiple values for argument '{word}'" if taken else f"{name}() got an unexpected keyword argument '{word}'"
        )
    for i, a in enumerate(arguments):
        if type(values[i]) is int and a.type.startswith("int["):
            values[i] = (values[i],)
    return values


def accepts(kind: str, value: Any) -> bool:
    """True where a rule may give `value` for an argument of schema type `kind`."""
    if value is None:
        return kind.endswith("?") or kind in ("ScalarType", "Generator")
    kind = kind.rstrip("?")
    if kind == "Tensor":
        return isinstance(value, Tensor | bool | int | float | complex | np.ndarray | np.generic)
    if kind.startswith(("Tensor", "int[")):
        return isinstance(value, list | tuple)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    wanted = {"float": int | float, "Scalar": int | float | complex, "bool": bool, "str": str, "ScalarType": dtypes.dtype}.get(kind)
    return wanted is None or isinstance(value, wanted)
