"""Rules read as text: what is plain arithmetic is, what asks for more is called as it was written."""

from __future__ import annotations

import pytest

import engine
from engine.op import F
from engine.traced import Opaque, TensorSymbol, hands_on, read_on_tensors

ARITHMETIC = {
    "(g * x)": lambda g, x: g * x.conj(),
    "((-g) / (x * x))": lambda g, x: -g / (x * x),
    "(g - (2 * x))": lambda g, x: g - 2 * x,
    "g": lambda g, x: g,
}
MORE = [
    lambda g, x: g * (x > 0),
    lambda g, x: g * x.shape[0],
    lambda g, x: g.real,
    lambda g, x: g if x else -g,
    lambda g, x: F.exp(g),
    lambda g, x: g * float("nan"),
]


@pytest.mark.parametrize("text", ARITHMETIC)
def test_arithmetic_on_tensors_is_read(text: str):
    assert read_on_tensors(ARITHMETIC[text], [TensorSymbol("g"), TensorSymbol("x")], 1) == ([], [text])


def test_what_is_read_runs_in_the_order_of_the_rule_and_once():
    def rule(g, x):
        ratio = x / x
        return -g * ratio, ratio

    lines = ["t0 = (x / x)", "t1 = (-g)", "t2 = (t1 * t0)"]
    assert read_on_tensors(rule, [TensorSymbol("g"), TensorSymbol("x")], 2) == (lines, ["t2", "t0"])


@pytest.mark.parametrize("rule", MORE)
def test_what_asks_for_more_is_not(rule):
    assert read_on_tensors(rule, [TensorSymbol("g"), TensorSymbol("x")], 1) is None


def test_a_gradient_is_handed_on_where_nothing_is_asked_of_it():
    assert hands_on(lambda g, x: g, [Opaque(), Opaque()])
    for rule in (lambda g, x: g.conj(), lambda g, x: x, lambda g, x: g if x else -g, lambda g, x: g * 1):
        assert not hands_on(rule, [Opaque(), Opaque()])


@pytest.mark.parametrize("dtype", [engine.float64, engine.complex128])
def test_of_complex_numbers_every_conjugate_is_recorded(dtype):
    x, w = (engine.tensor([2.0, 3.0], dtype=dtype, requires_grad=True) for _ in range(2))
    [g] = engine.autograd.grad((x * w).sum(), x, engine.ones((), dtype=dtype), create_graph=True)
    names = {node.name() for node, _ in g.grad_fn.next_functions if node is not None}
    assert ("ConjBackward0" in names) is dtype.is_complex
