"""Large operands, which programs compute, have the bits that the generic way has; and a program writes only where it may."""

import numpy as np
import pytest

import engine
from engine.alike import specialisable
from engine.memory import LARGE
from engine.op import OPS, generic
from engine.programs import Program

SIZE = LARGE + 4097  # not a whole number of pieces
LEFT_OUT = ("lgamma", "digamma", "igamma", "igammac")  # take seconds and have no program; have no derivative
CALLED = [key for key, op in OPS.items() if specialisable(op) and op.diff and op.schema.name not in LEFT_OUT]


def operands(count, dtype, layout):
    made = []
    for seed in range(count):
        array = np.random.default_rng(seed).uniform(-2, 2, SIZE).astype(dtype)
        array[:6] = [0, -0.0, np.inf, -np.inf, np.nan, 1]
        if layout == "columns":
            array = np.asfortranarray(array[: SIZE - SIZE % 7].reshape(7, -1))
        made.append(engine.from_numpy(array).requires_grad_())
    return made


def seen(op, tensors, cotangents):
    for t in tensors:
        t.grad = None
    y = call(op, tensors)
    again = y * 1.5 if cotangents == "in the walk" else y  # then the gradient that arrives is nobody else's
    again.backward(engine.ones_like(y) if cotangents != "one number" else engine.ones(()).expand(y.shape))
    return [x if x is None else x.detach().numpy().tobytes() for x in (y, *(t.grad for t in tensors))]


def call(op, tensors):
    function = getattr(engine, op.schema.name, None)
    return function(*tensors) if function else op.run([*tensors, *(a.default for a in op.schema.arguments[len(tensors) :])])


@pytest.mark.parametrize("cotangents", ["given", "in the walk", "one number"])
@pytest.mark.parametrize("key", CALLED)
def test_bits_of_large_operands(key, cotangents):
    op = OPS[key]
    for dtype, layout in (("f4", "rows"), ("f8", "rows"), ("f4", "columns")):
        tensors = operands(specialisable(op), dtype, layout)
        compiled = seen(op, tensors, cotangents)
        with generic():
            assert compiled == seen(op, tensors, cotangents), (dtype, layout)


def test_a_program_writes_to_nothing_but_its_results():
    arrays = [np.random.default_rng(s).random(100_000).astype(np.float32) for s in range(3)]
    before = [a.copy() for a in arrays]
    made = Program(["((g * x) / (y + (x * x)))", "(-(g * np.exp((y - x))))"], ["g", "x", "y"], {})
    outs = [np.empty_like(arrays[0]) for _ in range(2)]
    made(arrays, outs)
    assert all((a == b).all() for a, b in zip(arrays, before, strict=True))
    g, x, y = arrays
    right = [(g * x) / (y + x * x), -(g * np.exp(y - x))]
    assert all((o == r).all() for o, r in zip(outs, right, strict=True))
    made(arrays, [outs[0], g])  # the last result may take the memory of an operand
    assert (outs[0] == right[0]).all() and (g == right[1]).all()
    assert (x == before[1]).all() and (y == before[2]).all()
