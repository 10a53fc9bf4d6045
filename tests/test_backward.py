"""The backward walk by identities that need no PyTorch: what sums, what is freed, what survives."""

from __future__ import annotations

import gc
import math
import sys
import threading
import weakref

import numpy as np
import pytest

import engine


def leaf(*values: float) -> engine.Tensor:
    return engine.tensor(list(values), requires_grad=True)


def test_gradient_of_a_square_is_twice_the_value():
    x = leaf(1.0, -2.0, 3.0)
    (x * x).backward(engine.tensor([1.0, 10.0, -1.0]))
    assert x.grad.tolist() == [2.0, -40.0, -6.0]


def test_a_second_backward_adds_in_place():
    x = leaf(3.0)
    (x * 2).backward()
    first = x.grad
    (x * 2).backward()
    assert x.grad is first
    assert x.grad.tolist() == [4.0]


def test_a_graph_of_100_000_nodes_needs_no_stack():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.0
    y.backward()
    assert x.grad.tolist() == [1.0]


def test_a_graph_dies_with_its_last_reference_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        product = x * x
        y = product.sin()
        refs = weakref.ref(product), weakref.ref(y)
        del product
        assert refs[0]() is not None  # the graph keeps what was used
        del y
        assert refs[0]() is None and refs[1]() is None
        alive = weakref.ref(x)
        del x
        assert alive() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("used_up", [False, True])
def test_a_graph_of_a_hundred_thousand_nodes_dies_at_once(used_up):
    gc.collect()
    gc.disable()
    try:
        x = y = leaf(1.0)
        refs = []
        for n in range(100_000):
            y = y * x
            if n % 10_000 == 0:
                refs.append(weakref.ref(y))
        assert all(ref() is not None for ref in refs)
        if used_up:
            y.backward()
        else:
            del y
        assert all(ref() is None for ref in refs)
    finally:
        gc.enable()


@pytest.mark.parametrize("frozen", [False, True])
def test_what_was_recorded_from_a_leaf_is_found_and_no_more_thawed_than_has_to_be(frozen):
    gc.freeze()
    try:
        x = leaf(1.0, 2.0)
        y = x * 3.0
        if frozen:
            gc.freeze()
        with engine.no_grad():
            x.set_(x[1:])
        assert (gc.get_freeze_count() == 0) == frozen
        y.backward(engine.tensor([1.0, 10.0]))
        assert x.grad.tolist() == [3.0, 30.0]
    finally:
        gc.unfreeze()


def test_a_recorded_product_is_small():
    y = engine.ones(1, requires_grad=True) * engine.ones(1, requires_grad=True)
    assert sys.getsizeof(y) <= 112
    assert sys.getsizeof(y.grad_fn) <= 80


def test_nobody_can_refer_to_a_node_weakly():
    with pytest.raises(TypeError, match="cannot create weak reference to 'MulBackward0' object"):
        weakref.ref((leaf(1.0) * 2).grad_fn)


def test_backward_from_many_threads_adds_up_exactly():
    x = leaf(1.0, 2.0)

    def work() -> None:
        for _ in range(50):
            engine.autograd.grad((x * 3).sum(), x)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert engine.autograd.grad((x * 3).sum(), x)[0].tolist() == [3.0, 3.0]


def test_a_view_written_to_keeps_the_rest_of_the_base():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1
    y[1:].mul_(10)
    y.sum().backward()
    assert y.tolist() == [1.0, 20.0, 30.0]
    assert x.grad.tolist() == [1.0, 10.0, 10.0]


def test_a_stale_saved_value_is_an_error_and_not_a_wrong_gradient():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_numpy_shares_memory_and_refuses_a_recorded_tensor():
    array = np.zeros(3, np.float32)
    t = engine.from_numpy(array)
    t.add_(1)
    assert array.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(RuntimeError, match="requires grad"):
        t.requires_grad_().numpy()


def test_numpy_keeps_its_own_warning_policy():
    with np.errstate(divide="raise"):
        assert engine.tensor([1.0]).div(0.0).tolist() == [float("inf")]
        with pytest.raises(FloatingPointError):
            np.array([1.0]) / np.array([0.0])


def test_an_array_a_user_holds_is_never_written_by_backward():
    x = leaf(1.0, 2.0)
    seed = engine.tensor([1.0, 1.0])
    (x + 0).backward(seed)
    held = x.grad.numpy().copy()
    (x + 0).backward(seed)
    assert seed.tolist() == [1.0, 1.0]
    assert x.grad.tolist() == (2 * held).tolist()


def test_an_output_without_gradient_is_no_zero():
    """What a rule would multiply by zero may be infinite."""
    x = engine.tensor([1.0, math.inf], requires_grad=True)
    engine.var_mean(x)[1].backward()
    assert x.grad.tolist() == [0.5, 0.5]


def test_inference_mode_makes_no_inference_tensor_of_normal_memory():
    x = engine.ones(4, requires_grad=True)
    with engine.inference_mode():
        parts = engine.unsafe_split(x, 2)
        made = x * 2
    assert not parts[0].is_inference()
    assert made.is_inference()


def test_packed_values_are_unpacked_after_the_rule_was_compiled() -> None:
    x = engine.ones(2, requires_grad=True)
    x.exp().backward(engine.ones(2))
    with engine.autograd.graph.saved_tensors_hooks(lambda t: (t, 1), lambda packed: packed[0]):
        y = x.exp()
    y.backward(engine.ones(2))
    assert (x.grad == 2 * x.exp()).all()


@pytest.mark.parametrize("dtype", [engine.float16, engine.bfloat16])
def test_a_gradient_of_16_bits_is_summed_over_what_was_broadcast_and_rounded_once(dtype):
    """A running sum of 16 bits stands still where the next term is less than half its last digit."""
    x = engine.zeros(1, 2, dtype=dtype).requires_grad_()
    x.expand(3000, 2).backward(engine.full((3000, 2), 0.125, dtype=dtype))
    total = 375.0 if dtype is engine.float16 else 376.0
    assert x.grad.tolist() == [[total, total]]


def graph_behind(node):
    """The names of the nodes behind a gradient, each with what it leads to."""
    return (node.name(), [None if n is None else graph_behind(n) for n, _ in node.next_functions])


@pytest.mark.parametrize("keep", [None, False])
def test_gradients_to_be_differentiated_are_the_same_with_a_queue_and_without(keep):
    found = []
    for watched in (False, True):
        x, w, b = leaf(1.0, -2.0, 3.0), leaf(0.5, 4.0, -1.0), leaf(2.0)
        y = ((x * w + b).tanh() * x - (w * w + x)).sum()
        if watched:  # what a hook sees goes through the queue
            y.grad_fn.register_hook(lambda *_: None)
        first = engine.autograd.grad(y, (b, x), retain_graph=keep, create_graph=True)
        seen = [(g.tolist(), graph_behind(g.grad_fn)) for g in first]
        if keep is None:
            seen += [g.tolist() for g in engine.autograd.grad(sum((g * g).sum() for g in first), (x, w, b))]
        found.append(seen)
    assert found[0] == found[1]
