"""Work on small tensors, where the cost is the call: single ops, chains, fan-outs, views and writes."""

from __future__ import annotations

from typing import Any

from ..backends import Work
from ..workload import Input, Uniform, constant, near_one, signed, single, trained, uniform

# -- one op ------------------------------------------------------------------------------------------------------------------
# `call(B, x, w)` returns the work, a closure whose own cost is 40 ns


def mul(B: Any, x: Any, w: Any) -> Work:
    return lambda: x * w


def mul_number(B: Any, x: Any) -> Work:
    return lambda: x * 2.5


def exp(B: Any, x: Any) -> Work:
    function = B.exp
    return lambda: function(x)


def matmul(B: Any, x: Any, w: Any) -> Work:
    return lambda: x @ w


def total(B: Any, x: Any) -> Work:
    return lambda: x.sum()


def reshape(B: Any, x: Any) -> Work:
    return lambda: x.reshape(64)


def index(B: Any, x: Any) -> Work:
    return lambda: x[1:5]


ONE, TWO = [uniform(8, 8)], [uniform(8, 8), uniform(8, 8)]
SINGLE: list[tuple[str, str, Any, list[Uniform]]] = [
    ("mul", "x * w", mul, TWO),
    ("mul_number", "x * 2.5", mul_number, ONE),
    ("exp", "exp(x)", exp, ONE),
    ("matmul", "x @ w", matmul, TWO),
    ("sum", "x.sum()", total, ONE),
    ("reshape", "x.reshape(64)", reshape, ONE),
    ("slice", "x[1:5]", index, ONE),
]
for _name, _text, _call, _inputs in SINGLE:
    single(f"{_name}_8x8", "one op, not recorded", f"{_text} of 8x8", _call, *_inputs, recorded=False)
for _name, _text, _call, _inputs in SINGLE:
    single(f"{_name}_8x8_recorded", "one op, recorded", f"{_text} of 8x8", _call, *_inputs)

# -- many ops --------------------------------------------------------------------------------------------------------------
CHAINS = "chains, fan-outs, small networks"


def chain(length: int) -> Any:
    def f(B: Any, x: Any, w: Any) -> Any:
        y = x
        for _ in range(length):
            y = y * w
        return y.sum()

    return f


for _length in (10, 100, 1000):
    _text = f"{_length:,} multiplications of 8x8, sum, backward"
    trained(f"chain_{_length}", CHAINS, _text, chain(_length), near_one(8, 8), near_one(8, 8))


def used_often(B: Any, x: Any, w: Any) -> Any:
    total = x * w
    for _ in range(999):
        total = total + x
    return total.sum()


def out_and_in(B: Any, x: Any, w: Any) -> Any:
    parts = [x * w for _ in range(100)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total.sum()


trained("fan_out_1000", CHAINS, "one 8x8 tensor used 1,000 times, backward", used_often, uniform(8, 8), uniform(8, 8))
trained("fan_out_in_100", CHAINS, "100 branches of one 8x8 tensor, summed, backward", out_and_in, uniform(8, 8), uniform(8, 8))


def rnn(B: Any, h: Any, w: Any, u: Any, b: Any, *steps: Any) -> Any:
    for x in steps:
        h = B.tanh(x @ w + h @ u + b)
    return (h * h).sum()


def tiny_mlp(B: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any) -> Any:
    error = B.tanh(x @ w1 + b1) @ w2 + b2 - y
    return (error * error).mean()


SMALL_MLP: list[Input] = [signed(8, 16), signed(16), signed(16, 4), signed(4), constant(signed(4, 8)), constant(signed(4, 4))]
RNN: list[Uniform] = [signed(4, 16), signed(8, 16, scale=0.3), signed(16, 16, scale=0.3), signed(16)]
trained("rnn_10", CHAINS, "a recurrent net of 10 steps, batch 4, 16 hidden, backward", rnn, *RNN, *[constant(signed(4, 8))] * 10)
trained("mlp_tiny", CHAINS, "4x8 -> 16 -> 4 with tanh and a squared error, backward", tiny_mlp, *SMALL_MLP)

# -- views and writes ----------------------------------------------------------------------------------------------------
VIEWS = "views and in-place"


def views(B: Any, x: Any) -> Any:
    y = B.transpose(x, 0, 1)[2:].reshape(-1)[::2]
    return (y * y).sum()


def written(B: Any, x: Any, w: Any) -> Any:
    y = x * w
    y *= 2
    y += x
    y *= w
    return y.sum()


def written_through_view(B: Any, x: Any, w: Any) -> Any:
    y = x * w
    y[1:3] *= 3
    y[:, 2] = 0.5
    return y.sum()


trained("views_8x8", VIEWS, "transpose, slice, reshape, stride, square, sum, backward", views, uniform(8, 8))
for _name, _text, _f, _shape in (
    ("inplace_8x8", "three in-place ops on a product, sum, backward", written, (8, 8)),
    ("inplace_view_8x8", "writes through two views of a product, sum, backward", written_through_view, (8, 8)),
    ("inplace_1e6", "three in-place ops on 1e6 elements, sum, backward", written, (1_000_000,)),
):
    trained(_name, VIEWS, _text, _f, uniform(*_shape), uniform(*_shape), without=("autograd",))
