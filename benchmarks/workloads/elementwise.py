"""Elementwise work: chains at three sizes, single ops at 1e6, and broadcasting whose gradients are summed back."""

from __future__ import annotations

from typing import Any

from ..backends import Function
from ..workload import signed, trained, truths, uniform

CHAIN, UNARY, BINARY, BROADCAST = "elementwise chains", "unary ops at 1e6", "binary ops at 1e6", "broadcasting, gradients reduced"


def nine(B: Any, x: Any, w: Any) -> Any:
    y = B.exp(B.tanh(x * w + x) * w - x) * 0.5
    return (y / (y + 1)).sum()


for _size, _name in ((1_000, "1e3"), (100_000, "1e5"), (1_000_000, "1e6"), (10_000_000, "1e7")):
    trained(f"elementwise_{_name}", CHAIN, f"9 elementwise ops on {_name} elements, sum, backward", nine, uniform(_size), uniform(_size))


def named(name: str) -> Function:
    return lambda B, *x: getattr(B, name)(*x)


def cube(B: Any, x: Any) -> Any:
    return x**3


def where(B: Any, a: Any, b: Any, mask: Any) -> Any:
    return B.where(mask, a, b)


MILLION = 1_000_000
POSITIVE, SIGNED = uniform(MILLION), signed(MILLION, scale=3)
for _name in ("exp", "log", "sqrt"):
    trained(f"{_name}_1e6", UNARY, f"{_name} and its backward", named(_name), POSITIVE)
for _name in ("tanh", "sin", "sigmoid", "relu", "abs", "erf"):
    trained(f"{_name}_1e6", UNARY, f"{_name} and its backward", named(_name), SIGNED)
trained("gelu_1e6", UNARY, "gelu and its backward", lambda B, x: B.nn.functional.gelu(x), SIGNED, needs="nn.functional.gelu")
trained("pow3_1e6", UNARY, "x ** 3 and its backward", cube, SIGNED)
trained("mul_number_1e6", UNARY, "x * 2.5 and its backward", lambda B, x: x * 2.5, SIGNED)
trained("add_1e6", BINARY, "a + b and its backward", lambda B, a, b: a + b, POSITIVE, POSITIVE)
trained("mul_1e6", BINARY, "a * b and its backward", lambda B, a, b: a * b, POSITIVE, POSITIVE)
trained("div_1e6", BINARY, "a / b and its backward", lambda B, a, b: a / b, POSITIVE, POSITIVE)
trained("where_1e6", BINARY, "where(mask, a, b) and its backward", where, POSITIVE, POSITIVE, truths(MILLION))

trained("broadcast_outer", BROADCAST, "(1000, 1) * (1, 1000) + (1000,), sum, backward", lambda B, c, r, b: (c * r + b).sum(),
        uniform(1000, 1), uniform(1, 1000), uniform(1000))  # fmt: skip
trained("broadcast_bias", BROADCAST, "(1000, 1000) + (1000,) and its backward", lambda B, x, b: x + b, uniform(1000, 1000), uniform(1000))
trained("broadcast_column", BROADCAST, "(1000, 1000) * (1000, 1) and its backward", lambda B, x, c: x * c,
        uniform(1000, 1000), uniform(1000, 1))  # fmt: skip
