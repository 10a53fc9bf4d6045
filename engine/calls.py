"""From a Python call to one overload, and the forms an op appears in: function, method, operator, in place, `out=`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, modes
from .size import Size
from .tensor import Tensor
from .views import check_inplace, check_no_overlap, node_of

if TYPE_CHECKING:
    from .op import Op

FUNCTIONS: dict[str, Callable[..., Any]] = {}  # what `engine.<name>` is to be
REFLECTED = {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul", "lshift", "rshift"}
BINARY = REFLECTED | {"eq", "ne", "lt", "le", "gt", "ge"}


class Overloads:
    """Every overload of one name, tried in PyTorch's order."""

    def __init__(self, path: str) -> None:
        self.path, self.name = path, path.rpartition(".")[2]
        self.ops: list[Op] = []

    def add(self, op: Op) -> None:
        self.ops.append(op)
        self.attach(op)

    # -- choosing ---------------------------------------------------------------------------------------------------
    def resolve(self, args: tuple[Any, ...], kwargs: dict[str, Any], ops: list[Op] | None = None) -> tuple[Op, list[Any]]:
        """The first overload that takes the call, and its arguments in schema order. Raises TypeError where none does."""
        error: TypeError | None = None
        for op in ops or self.ops:
            try:
                values = bind(op, args, kwargs)
            except TypeError as e:
                error = error or e
                continue
            if all(accepts(a.type, v) for a, v in zip(op.schema.arguments, values, strict=True)):
                return op, values
        raise error or TypeError(f"{self.name}() received an invalid combination of arguments")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        op, values = self.resolve(args, kwargs)
        if out is not None:
            return run_out(op, values, out)
        return op.run_inplace(values) if op.schema.is_inplace else op.run(values)

    def either(self, *args: Any, **kwargs: Any) -> Any:
        """The op as a rule calls it: on arrays the kernel alone, on Tensors the recorded call."""
        if any(isinstance(a, Tensor) or (isinstance(a, list) and a and isinstance(a[0], Tensor)) for a in args):
            return self(*args, **kwargs)
        op, values = self.resolve(args, kwargs)
        return op.raw(values)

    def call_inplace(self, *args: Any, **kwargs: Any) -> Any:
        op, values = self.resolve(args, kwargs, [o for o in self.ops if o.family.inplace])
        return op.run_inplace(values)

    # -- forms --------------------------------------------------------------------------------------------------------
    def attach(self, op: Op) -> None:
        """Give Tensor and the namespace what this overload adds."""
        name, family = self.name, op.family
        if family.function:
            FUNCTIONS[self.path] = named(self.__call__, name)
        if op.schema.namespace:
            return
        if family.method:
            setattr(Tensor, name, named(lambda t, *args, **kwargs: self(t, *args, **kwargs), name))
        if family.inplace:
            inplace = named(lambda t, *args, **kwargs: self.call_inplace(t, *args, **kwargs), name + "_")
            setattr(Tensor, name + "_", inplace)
            FUNCTIONS[self.path + "_"] = inplace
        if family.operator:
            self._attach_operator(family.operator, family.inplace)

    def _attach_operator(self, operator: str, inplace: bool) -> None:
        setattr(Tensor, f"__{operator}__", _operator(self.__call__))
        if operator in REFLECTED:
            setattr(Tensor, f"__r{operator}__", _operator(lambda t, other: self(other, t)))
            if inplace:
                setattr(Tensor, f"__i{operator}__", _operator(self.call_inplace))


def named(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def _operator(call: Callable[..., Any]) -> Callable[..., Any]:
    def operate(*args: Any) -> Any:
        try:
            return call(*args)
        except TypeError:
            return NotImplemented

    return operate


def bind(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """The arguments in schema order. Raises TypeError where the call does not fit."""
    from .schema import REQUIRED

    positional, arguments = op.schema.positional, op.schema.arguments
    if positional and args and positional[-1].type.startswith("int[") and all(type(a) is int for a in args[len(positional) - 1 :]):
        args = (*args[: len(positional) - 1], args[len(positional) - 1 :]) if len(args) >= len(positional) else args
    if len(args) > len(positional):
        raise TypeError(f"{op.schema.name}() takes {len(positional)} positional arguments but {len(args)} were given")
    values = list(args)
    used = 0
    for a in arguments[len(args) :]:
        if a.name in kwargs:
            values.append(kwargs[a.name])
            used += 1
        elif a.name == "self" and "input" in kwargs:
            values.append(kwargs["input"])
            used += 1
        elif a.default is REQUIRED:
            raise TypeError(f'{op.schema.name}() missing 1 required positional arguments: "{a.name}"')
        else:
            values.append(a.default)
    if used != len(kwargs):
        raise TypeError(f"{op.schema.name}() got an unexpected keyword argument")
    for i, a in enumerate(arguments):
        if a.type.startswith("int[") and type(values[i]) is int:
            values[i] = (values[i],)
    return values


def accepts(kind: str, value: Any) -> bool:
    if value is None:
        return kind.endswith("?") or kind in ("ScalarType", "Generator")
    kind = kind.rstrip("?")
    if kind == "Tensor":
        return isinstance(value, Tensor | bool | int | float | complex | np.ndarray)
    if kind.startswith("Tensor"):
        return isinstance(value, list | tuple)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind.startswith("int["):
        return isinstance(value, list | tuple)
    if kind == "float":
        return isinstance(value, int | float)
    if kind == "Scalar":
        return isinstance(value, int | float | complex)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "str":
        return isinstance(value, str)
    if kind == "ScalarType":
        return isinstance(value, dtypes.dtype)
    return True


# -- out= ----------------------------------------------------------------------------------------------------------------
def run_out(op: Op, values: list[Any], out: Any) -> Any:
    """Compute into `out` (a tensor, or one per result); returns it.

    Raises RuntimeError where anything requires grad, or where `out` cannot hold the result's dtype.
    """
    outs = out if isinstance(out, tuple | list) else (out,)
    if modes.is_grad_enabled() and op.differentiable and any(_needs(v) for v in (*values, *outs)):
        raise RuntimeError(f"{op.schema.name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.")
    from .op import check_cast

    results = op.compute(values)[1] if op.body is None else [t._array for t in _as_tuple(op.body(*values))]
    for result, t in zip(results, outs, strict=True):
        check_cast(dtypes.OF_NUMPY[result.dtype], t._dtype)
        check_inplace(t, False)
        if t._array.shape != result.shape:
            resize_out(t, result.shape)
        check_no_overlap(t._array)
        t._array[...] = result
        if t._counter is not None:
            t._counter[0] += 1
    return out


def _needs(v: Any) -> bool:
    return node_of(v) is not None if isinstance(v, Tensor) else isinstance(v, list | tuple) and any(map(_needs, v))


def _as_tuple(v: Any) -> tuple[Tensor, ...]:
    return v if isinstance(v, tuple) else (v,)


def resize_out(t: Tensor, shape: tuple[int, ...]) -> None:
    """Give `out=` the result's shape; warns (UserWarning) where it held elements."""
    if t._array.size:
        warnings.warn(
            f"An output with one or more elements was resized since it had shape {list(t._array.shape)}, which does not match the required output "
            f"shape {list(shape)}. This behavior is deprecated, and in a future PyTorch release outputs will not be resized unless they have zero "
            "elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
            UserWarning,
            stacklevel=4,
        )
    t._array = np.empty(shape, t._array.dtype)


__all__ = ["FUNCTIONS", "Overloads", "Size"]
