"""Memory is used again only when nobody refers to it, however a result is held; a gradient is overwritten only by the walk that owns it."""

import contextlib
import gc
import queue
import threading

import numpy as np
import pytest

import engine
from engine import memory
from engine.op import generic

SIZE = 2**17  # elements: large enough for every way of saving memory once the bound below is lower


@pytest.fixture(autouse=True)
def everything_is_recycled(monkeypatch):
    monkeypatch.setattr(memory, "_blocks", memory.Blocks())
    monkeypatch.setattr(memory, "RETURNED", 2**12)


def leaf(seed=0, size=SIZE):
    return engine.from_numpy(np.random.default_rng(seed).uniform(0.5, 1.5, size).astype(np.float32)).requires_grad_()


def work(x):
    """Several steps, with formulas of several steps each."""
    y = engine.exp(engine.tanh(x * x + x) / x - x) * 0.5
    return y / (y + 1)


def churn(times=3):
    """Much that asks for memory of the sizes that the tests use."""
    for seed in range(times):
        x = leaf(100 + seed)
        work(x).sum().backward()


HOLD = {
    "tensor": lambda t: t,
    "detached": lambda t: t.detach(),
    "view": lambda t: t.detach()[5:][::2],
    "reshaped": lambda t: t.detach().reshape(2, -1)[1],
    "array": lambda t: t.detach().numpy(),
    "part of the array": lambda t: t.detach().numpy()[7:99],
    "memoryview": lambda t: memoryview(t.detach().numpy()),
    "bytes of the array": lambda t: t.detach().numpy().view(np.uint8)[3:],
    "array interface": lambda t: np.asarray(t.detach().numpy()),
    "torch's way": lambda t: engine.from_numpy(t.detach().numpy()),
    "owner of the memory": lambda t: np.frombuffer(owner(t.detach().numpy()), np.uint8),
}


def owner(array):
    """What is behind all arrays."""
    while isinstance(array, np.ndarray) and array.base is not None:
        array = array.base
    return array


def values(held):
    return np.array(held.detach().numpy() if isinstance(held, engine.Tensor) else held)


@pytest.mark.parametrize("way", HOLD)
def test_what_is_held_keeps_its_values(way):
    x = leaf()
    made = {"result": x * 2, "in pieces": engine.tanh(x) / x, "of two": x / (x + 1)}
    work(x).sum().backward()
    held = {name: HOLD[way](t) for name, t in {**made, "gradient": x.grad}.items()}
    before = {name: values(h) for name, h in held.items()}
    del made, x
    churn()
    for name, h in held.items():
        assert (values(h) == before[name]).all(), name


def test_memory_is_used_again():
    gc.collect()  # or what others left becomes free on the way
    places = set()
    for _ in range(5):
        y = leaf() * 2
        places.add(y.data_ptr())
        del y
    assert len(places) == 1


WRITES = {
    "itself": lambda y: y.mul_(y),
    "a part to the whole": lambda y: y[: SIZE // 2].add_(y[SIZE // 2 :]),
    "the whole to a part": lambda y: y.view(2, -1).mul_(y[: SIZE // 2]),
    "overlapping parts": lambda y: y[1:].add_(y[:-1]),
    "spread out": lambda y: y[:1].expand(3).add_(1),
    "another result": lambda y: y.add_(y * 3).sub_(2),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes_to_such_memory_are_those_of_the_generic_way(name):
    found = []
    for way in (generic, contextlib.nullcontext):
        y = leaf().detach() * 2
        with way():
            try:
                WRITES[name](y)
            except RuntimeError as refusal:
                found.append(str(refusal))
        found.append(y.numpy().tobytes())
    assert found[: len(found) // 2] == found[len(found) // 2 :]


def kept():
    """Bytes that this thread may use again."""
    return sum(len(block) for blocks in memory._blocks.held.values() for block in blocks)


def test_a_thread_keeps_no_more_than_its_share(monkeypatch):
    monkeypatch.setattr(memory, "KEPT", 5 * SIZE * 4)
    x = leaf()
    results = [x * k for k in range(20)]
    assert all((r.detach().numpy() == x.detach().numpy() * k).all() for k, r in enumerate(results))
    assert kept() <= memory.KEPT
    del results
    half = leaf(size=SIZE // 2)
    several = [half * k for k in range(12)]  # of another size: what is free makes room
    assert kept() <= memory.KEPT
    assert all((r.detach().numpy() == half.detach().numpy() * k).all() for k, r in enumerate(several))


def held_by_hooks(x, kept):
    """`work`, where hooks of tensors and nodes keep every gradient that passes, beside a copy of it."""

    def keep(t):
        if t is not None:
            kept.append((t, t.detach().numpy().copy()))

    y = work(x)
    node = y.grad_fn
    while node is not None:
        node.register_prehook(lambda gs: [keep(g) for g in gs] and None)
        node.register_hook(lambda gs, outs: [keep(g) for g in (*gs, *outs)] and None)
        node = next((n for n, _ in node.next_functions if n is not None and n.next_functions), None)
    y.register_hook(keep)
    return y


def test_gradients_that_hooks_keep_are_not_overwritten():
    kept = []
    x = leaf()
    held_by_hooks(x, kept).sum().backward()
    churn()
    assert len(kept) > 10
    assert all((t.detach().numpy() == copy).all() for t, copy in kept)


class Keeping(engine.autograd.Function):
    """The identity; its backward hands the gradient on and keeps it."""

    kept: list = []

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        Keeping.kept.append((g, g.detach().numpy().copy()))
        return g


def test_gradients_that_a_function_keeps_are_not_overwritten():
    Keeping.kept = []
    x = leaf()
    work(Keeping.apply(work(Keeping.apply(x) * x))).sum().backward()
    churn()
    assert len(Keeping.kept) == 2 and all((g.numpy() == copy).all() for g, copy in Keeping.kept)


def test_cotangents_and_retained_gradients_stay():
    x, seed = leaf(), leaf(3).detach()
    before = seed.numpy().copy()
    y = x * x
    y.retain_grad()
    z = engine.exp(y) / y
    z.retain_grad()
    z.backward(seed, retain_graph=True)
    grads = [t.grad for t in (x, y, z)]
    copies = [g.numpy().copy() for g in grads]
    for t in (x, y, z):
        t.grad = None
    z.backward(seed)
    churn()
    assert (seed.numpy() == before).all()
    assert all((g.numpy() == c).all() for g, c in zip(grads, copies, strict=True))
    assert all((t.grad.numpy() == c).all() for t, c in zip((x, y, z), copies, strict=True))


FORMULAS = {
    "one tensor many times": lambda x: (x * x + x) * x - x / x,
    "the same gradient to both": lambda x: engine.exp(x) + engine.log(x),
    "views on the way": lambda x: (x.reshape(2, -1).t() * 3).t().reshape(-1) * x,
    "parts": lambda x: engine.cat([engine.tanh(x[: SIZE // 2]), x[SIZE // 2 :] / 3]) * x,
    "a number spread out": lambda x: engine.sigmoid(x) * x.sum(),
    "a saved result": lambda x: (lambda y: y * engine.exp(y) / y)(engine.exp(x)),
    "negated": lambda x: -(-engine.sin(x) - x),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_gradients_are_those_of_the_generic_way(name):
    found = []
    for way in range(3):
        x = leaf()
        if way == 0:
            with generic():
                FORMULAS[name](x).sum().backward()
        elif way == 1:
            FORMULAS[name](x).sum().backward()
        else:  # twice over one graph: what it keeps has not changed
            y = FORMULAS[name](x).sum()
            y.backward(retain_graph=True)
            x.grad = None
            y.backward()
        found.append(x.grad.numpy().tobytes())
        churn(1)
    assert found[0] == found[1] == found[2]


def test_results_that_pass_between_threads_stay():
    given, wrong = queue.Queue(maxsize=4), []

    def produce(seed):
        for k in range(8):
            x = leaf(seed * 10 + k)
            y = work(x)
            y.sum().backward()
            given.put((y, y.detach().numpy().copy(), x.grad.numpy()[3:], x.grad.numpy()[3:].copy()))
            del x, y

    def consume():
        held = []
        for _ in range(16):
            held.append(given.get())
            churn(1)
            for y, copy, g, g_copy in held[-3:]:
                if not ((y.detach().numpy() == copy).all() and (g == g_copy).all()):
                    wrong.append(len(held))

    threads = [threading.Thread(target=produce, args=(s,)) for s in range(2)] + [threading.Thread(target=consume)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
