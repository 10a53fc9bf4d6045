"""Layer norm and embedding: what is part of the graph, what is refused, and that many elements give what few give."""

import numpy as np
import pytest

import engine
from engine.ops.normalization import layer_norm_gradients, layer_norm_kernel


def test_statistics_are_no_part_of_the_graph():
    x = engine.ones(4, 3).requires_grad_()
    y, mean, rstd = engine.native_layer_norm(x, [3], None, None, 1e-5)
    assert y.requires_grad and not mean.requires_grad and not rstd.requires_grad
    assert mean.grad_fn is None and rstd.grad_fn is None


def test_a_statistic_that_was_written_to_is_refused():
    x = engine.ones(4, 3).requires_grad_()
    y, mean, _ = engine.native_layer_norm(x, [3], None, None, 1e-5)
    mean.add_(1)
    with pytest.raises(RuntimeError, match=r"\[4, 1\]\] is at version 1; expected version 0"):
        y.sum().backward()


def test_many_elements_give_what_few_give():
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(2, 300, 100))
    w, b = rng.normal(size=(2, 100))
    needs = {"input", "weight", "bias"}
    made, mean, rstd = layer_norm_kernel(x, (100,), w, b, 1e-5)
    parts = [layer_norm_kernel(rows, (100,), w, b, 1e-5) for rows in np.split(x, 3)]
    np.testing.assert_allclose(made, np.concatenate([p[0] for p in parts]), rtol=1e-9)
    to_input, to_weight, to_bias = layer_norm_gradients(g, x, (100,), w, mean, rstd, needs)
    few = [
        layer_norm_gradients(d, rows, (100,), w, p[1], p[2], needs)
        for d, rows, p in zip(np.split(g, 3), np.split(x, 3), parts, strict=True)
    ]
    np.testing.assert_allclose(to_input, np.concatenate([f[0] for f in few]), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(to_weight, sum(f[1] for f in few), rtol=1e-9)
    np.testing.assert_allclose(to_bias, sum(f[2] for f in few), rtol=1e-9)


def test_sparse_gradients_of_a_table_are_refused():
    table = engine.ones(5, 3).requires_grad_()
    y = engine.nn.functional.embedding(engine.tensor([1, 2]), table, sparse=True)
    with pytest.raises(NotImplementedError, match="sparse"):
        y.sum().backward()
