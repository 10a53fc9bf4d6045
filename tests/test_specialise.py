"""The specialised calls and the generic one are the same meaning: bit for bit, forward, backward and in the graph."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.op import OPS
from engine.specialise import specialisable

NAMES = sorted(key for key, op in OPS.items() if specialisable(op) and op.differentiable and op.family.function)


def operands(count: int, dtype: str) -> list[engine.Tensor]:
    rng = np.random.default_rng(1)
    made = rng.uniform(0.1, 0.9, (count, 3, 4)).astype(dtype)
    if np.dtype(dtype).kind == "c":
        made = made + made[..., ::-1] * np.dtype(dtype).type(0.5j)
    return [engine.from_numpy(a.copy()).requires_grad_() for a in made]


def outcome(call, count: int, dtype: str) -> tuple:
    """Value, node name and gradients of a call, or the error it raises."""
    inputs = operands(count, dtype)
    try:
        result = call(*inputs)
    except (RuntimeError, NotImplementedError) as error:
        return type(error), str(error)
    if result.grad_fn is None:
        return result.numpy().tobytes(), None
    seed = engine.from_numpy(np.random.default_rng(2).standard_normal(result.shape).astype(result.detach().numpy().dtype))
    try:
        grads = engine.autograd.grad(result, inputs, seed, allow_unused=True)
    except (RuntimeError, NotImplementedError) as error:
        return type(error), str(error)
    return result.detach().numpy().tobytes(), result.grad_fn.name(), [None if g is None else g.numpy().tobytes() for g in grads]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("key", NAMES)
def test_specialised_call_equals_generic_call(key: str, dtype: str):
    op = OPS[key]
    count = specialisable(op)
    defaults = [a.default for a in op.schema.arguments[count:]]
    assert outcome(getattr(engine, op.schema.name), count, dtype) == outcome(lambda *inputs: op.run([*inputs, *defaults]), count, dtype)


def test_there_is_something_to_compare():
    assert len(NAMES) > 30
