"""Wrong arguments: one of a valid case's is made invalid, so that errors are compared too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from engine.schema import REQUIRED, Schema

from .case import NUMPY, OMITTED, Named, TensorValue, row_major, tensor_value
from .source import Source


def spoil(src: Source, args: dict[str, Any], schema: Schema) -> str:
    """Change one argument of `args` for the worse; what was done, in words."""
    which = src.u8() % (len(schema.arguments) + 1)
    if which == len(schema.arguments):
        return _miscount(src, args, schema)
    argument = schema.arguments[which]
    value = args[argument.name]
    kind = argument.type.rstrip("?").split("[")[0]
    kind = "tensor" if isinstance(value, TensorValue) else "list" if isinstance(value, (list, tuple)) else kind
    choices = SPOILERS.get(kind, SPOILERS["other"])
    word, change = choices[src.u8() % len(choices)]
    args[argument.name] = change(value)
    return f"{argument.name}: {word}"


def _miscount(src: Source, args: dict[str, Any], schema: Schema) -> str:
    required = [a.name for a in schema.arguments if a.default is REQUIRED]
    if src.u8() & 1 or not required:
        args["nonsense"] = 1
        return "an unknown keyword"
    name = required[src.u8() % len(required)]
    args[name] = OMITTED
    return f"{name}: missing"


def _resized(value: TensorValue, shape: tuple[int, ...]) -> TensorValue:
    count = prod(shape)
    root = np.resize(value.root, count) if value.root.size else np.zeros(count, NUMPY[value.dtype])
    return TensorValue(value.dtype, root, shape, row_major(shape), 0, value.requires_grad)


def _cast(value: TensorValue, dtype: str) -> TensorValue:
    with np.errstate(all="ignore"):
        root = np.nan_to_num(value.root.astype(np.complex128).real, posinf=3, neginf=-3).clip(-100, 100).astype(NUMPY[dtype])
    return replace(value, dtype=dtype, root=root, requires_grad=False, same_as="")


def _grown(value: TensorValue) -> TensorValue:
    return _resized(value, tuple(n + 1 + (i % 2) for i, n in enumerate(value.shape)) or (2,))


def _constant(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


_WRONG_TYPES = [("a string", _constant("a")), ("None", _constant(None)), ("a list of strings", _constant(["a"]))]
SPOILERS: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {
    "tensor": [
        ("other sizes", _grown),
        ("one more dimension", lambda v: _resized(v, (7, *v.shape))),
        ("no dimensions", lambda v: _resized(v, ())),
        ("int64", lambda v: _cast(v, "int64")),
        ("bool", lambda v: _cast(v, "bool")),
        ("complex64", lambda v: _cast(v, "complex64")),
        ("float16", lambda v: _cast(v, "float16")),
        ("float64", lambda v: _cast(v, "float64")),
        ("a number", _constant(2)),
        *_WRONG_TYPES,
    ],
    "int": [
        ("too large", _constant(9)),
        ("too small", _constant(-9)),
        ("a float", _constant(1.5)),
        ("a bool", _constant(True)),
        *_WRONG_TYPES,
    ],
    "list": [
        ("out of range", _constant((9,))),
        ("repeated", _constant((0, 0))),
        ("same from both ends", _constant((0, -1, 0))),
        ("empty", _constant(())),
        ("floats", _constant((1.5,))),
        ("negative", _constant((-9, 2))),
        ("nested", _constant(((1,),))),
        *_WRONG_TYPES,
    ],
    "bool": [("a number", _constant(3)), ("a float", _constant(0.5)), *_WRONG_TYPES],
    "Scalar": [
        ("a list", _constant([1.0])),
        ("complex", _constant(2j)),
        ("a tensor", _constant(tensor_value(np.ones((2,), np.float32)))),
        *_WRONG_TYPES,
    ],
    "float": [("complex", _constant(2j)), ("a list", _constant([1.0])), *_WRONG_TYPES],
    "ScalarType": [
        ("int64", _constant(Named("int64"))),
        ("bool", _constant(Named("bool"))),
        ("a string", _constant("float32")),
        ("a number", _constant(6)),
    ],
    "other": _WRONG_TYPES,
}
