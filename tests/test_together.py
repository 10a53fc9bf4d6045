"""Nodes of arithmetic on large arrays, which run together: bits, version counts and errors of the generic walk."""

from contextlib import nullcontext

import numpy as np
import pytest

import engine
from engine.memory import LARGE
from engine.op import generic
from engine.together import MOST, Together

SIZE = LARGE + 4097  # not a whole number of pieces
CHAINS = {
    "nine": lambda x, w: (lambda y: y / (y + 1))(engine.exp(engine.tanh(x * w + x) * w - x) * 0.5),
    "one node read twice": lambda x, w: (lambda a: a * a + a - a / w)(x * w),
    "leaves that share a gradient": lambda x, w: (x + w) * 2,
    "leaves that share a gradient, one of them later": lambda x, w: w + ((x + w) * 2 + x),
    "one leaf on both sides": lambda x, w: (x + x) * (w + w) * x,
    "what arrives is added to what is there": lambda x, w: engine.cumsum(x * w * x, 0) * w + x * x,
    "a node that is no arithmetic between": lambda x, w: engine.cumsum(x * w + x, 0) * w - (x / w) * 2,
    "one tensor times itself": lambda x, w: engine.cumsum(x * x, 0) * w,
    "a result times itself, and more": lambda x, w: (lambda a: a * a + a * w)(x / w) * (x * x),
    "a leaf that gets its gradient as it is": lambda x, w: -(x * w) * 2 + (-x),
}


@pytest.fixture
def ran(monkeypatch):
    """How many nodes ran together, in turn."""
    counts = []
    finish = Together.finish
    monkeypatch.setattr(Together, "finish", lambda self: (counts.append(len(self.ran)), finish(self))[1])
    return counts


def leaves(dtype="f4"):
    made = [np.random.default_rng(seed).uniform(0.5, 1.5, SIZE).astype(dtype) for seed in range(2)]
    made[0][:5] = [0, -0.0, np.inf, -np.inf, np.nan]
    return [engine.from_numpy(array).requires_grad_() for array in made]


def gradients(f, tensors, cotangent=None, **words):
    y = f(*tensors)
    (y.sum() if cotangent is None else y).backward(cotangent, **words)
    return [(t.grad.numpy().tobytes(), t.grad._version) for t in tensors]


@pytest.mark.parametrize("cotangent", ["one number", "given"])
@pytest.mark.parametrize("name", CHAINS)
def test_bits_and_versions(name, cotangent, ran):
    for dtype in ("f4", "f8"):
        g = engine.from_numpy(np.random.default_rng(9).uniform(-1, 1, SIZE).astype(dtype)) if cotangent == "given" else None
        before = None if g is None else (g.numpy().copy(), g._version)
        together = gradients(CHAINS[name], leaves(dtype), g)
        assert ran
        with generic():
            assert together == gradients(CHAINS[name], leaves(dtype), g)
        if g is not None:
            assert (g.numpy() == before[0]).all() and g._version == before[1]


@pytest.mark.parametrize("name", CHAINS)
def test_a_graph_that_is_kept_and_gradients_that_are_there(name):
    found = []
    for way in (nullcontext, generic):
        with way():
            x, w = leaves()
            y = CHAINS[name](x, w).sum()
            y.backward(retain_graph=True)
            first = [(t.grad.numpy().copy(), t.grad._version) for t in (x, w)]
            y.backward()
            found.append([(a.tobytes(), v) for a, v in first] + [(t.grad.numpy().tobytes(), t.grad._version) for t in (x, w)])
    assert found[0] == found[1]


def test_what_was_written_to_is_refused_after_the_nodes_before_it_ran(ran):
    x, w = leaves()
    a = x * w
    y = (a * w * 2 - x) / w
    a += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    assert ran == [3]


def test_freed_where_it_is_not_kept():
    x, w = leaves()
    y = ((x * w) * 3 / w).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_nothing_a_user_holds_is_written_to():
    x, w = leaves()
    held = [x * w]
    held.append(held[0] * w)
    held.append(held[1] - x)
    before = [t.detach().numpy().copy() for t in (x, w, *held)]
    (held[2] / w).sum().backward()
    for t, array in zip((x, w, *held), before, strict=True):
        np.testing.assert_array_equal(t.detach().numpy(), array)
    first = x.grad.numpy().copy()
    x.grad.numpy()[...] = 7
    assert (w.grad.numpy() != 7).any() and first.shape == (SIZE,)


def test_one_node_alone_runs_by_itself(ran):
    x, w = leaves()
    (x * w).sum().backward()
    assert ran == []


def test_long_chains_run_in_parts(ran):
    factors = [engine.full((SIZE,), 1 + i / 1000, requires_grad=True) for i in range(2 * MOST + 5)]
    y = engine.ones(SIZE)
    for factor in factors:
        y = y * factor
    y.sum().backward()
    assert ran == [MOST, MOST, 5]
    for factor in factors:
        np.testing.assert_allclose(factor.grad, (y / factor).detach(), rtol=1e-4)
