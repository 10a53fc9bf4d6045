"""Calls straight from the types of their arguments, and writes in straight lines, are what the form and the generic write are."""

from __future__ import annotations

import numpy as np
import pytest

import engine
from engine.op import generic
from engine.registry import OVERLOADS

AGAIN = 3  # the first call of some types is parsed, the second writes the route, the third takes it
CALLS = [
    ("sum", [()], [(1,), (-1,), (7,), (2**70,)], [((0, 1),), ([0, 1],), ((0, 0),), ((0, 1.5),), ((),)], [("x",)]),
    ("reshape", [(16,), (-1,), (5,), (-2,)], [(2, 8), (-1, 2), (-1, -1), (3, 2**70)], [((4, 4),), ((2, "a"),), ((2.0, 8),)]),
    ("transpose", [(0, 1), (0, -1), (0, 2), (2**70, 0)], [(0, None), (0,)]),
    ("permute", [(1, 0), (0, 0)], [((1, 0),), ((0,),)]),
    ("clamp", [(0.2, 0.5), (0.5, 0.2)], [(1,), (2**70,)], [(None, 0.5), (None, None)]),
    ("mul", [(2,), (2**70,)], [(0.5,)], [(True,)], [("a",)], [([1],)]),
    ("unsqueeze", [(0,), (-3,), (5,)]),
    ("softmax", [(0,), (1, None)], [(3,)]),
    ("matmul", [(engine.ones(4, 2),), (engine.ones(3, 2),), (engine.ones(4),)]),
]
KEYWORDS = [
    ("sum", {"dim": 1}), ("sum", {"dim": (0, 1), "keepdim": True}), ("sum", {"axis": 0}), ("sum", {"dim": 9}), ("sum", {"dims": 1}),
    ("sum", {"dtype": engine.float64}), ("sum", {"dim": 0, "out": engine.empty(4)}), ("mean", {"dim": [0], "keepdims": True}),
    ("transpose", {"dim0": 0, "dim1": 1}), ("transpose", {"dim0": 0, "dim1": 2**70}), ("clamp", {"max": 0.5}), ("clamp", {"min": None}),
    ("add", {"other": 2, "alpha": 3}), ("add", {"other": engine.ones(4), "alpha": 0.5}), ("reshape", {"shape": (2, 8)}),
]  # fmt: skip
POSITIONAL = [(name, args) for name, *groups in CALLS for group in groups for args in group]


def matrix() -> engine.Tensor:
    return engine.from_numpy(np.random.default_rng(0).random((4, 4), np.float32)).requires_grad_()


def outcome(call) -> tuple:
    """Values, geometry and node of what a call gives, or its error."""
    try:
        t = call()
    except Exception as error:
        return type(error), str(error)
    return t.tolist(), t.shape, t.stride(), t.dtype, t.grad_fn and t.grad_fn.name(), t._version


@pytest.mark.parametrize(("name", "args", "kwargs"), [(n, a, {}) for n, a in POSITIONAL] + [(n, (), k) for n, k in KEYWORDS])
def test_a_call_is_what_its_form_makes_of_it_every_time(name, args, kwargs):
    x = matrix()
    for kind, public in (("method", getattr(type(x), name)), ("function", getattr(engine, name))):
        form = OVERLOADS[name].form(kind)
        defined = outcome(lambda form=form: form(x, *args, **kwargs))
        assert [outcome(lambda public=public: public(x, *args, **kwargs)) for _ in range(AGAIN)] == [defined] * AGAIN


def test_a_route_takes_back_what_its_types_do_not_decide():
    """Of two lists one holds ints and one does not: the types are those of the calls before."""
    x = matrix()
    for _ in range(AGAIN):
        assert x.sum([0, 1]).shape == () and x.reshape([2, 8]).shape == (2, 8)
    with pytest.raises(TypeError):
        x.sum([0, "a"])
    with pytest.raises(TypeError):
        x.reshape([2, 8.0])


# -- writes ----------------------------------------------------------------------------------------------------------------
def write_leaf(x, w):
    x.mul_(2.0)


def write_view_of_leaf(x, w):
    x[1].mul_(2.0)


def write_product(x, w):
    y = x * w
    y *= 2
    y += x
    y.mul_(w)
    y.add_(w, alpha=3)
    return y


def write_through_views(x, w):
    y = x * w
    y[1:3] *= 3
    y[:, 2] = 0.5
    y[0] = y[3]
    y[..., 1:].t()[0].sub_(w[0, 0])
    return y


def write_overlapping(x, w):
    y = x * w
    y[0:3] += y[1:4]
    return y


def write_itself(x, w):
    y = x * w
    y.mul_(y)
    y[1].copy_(y[1])
    return y


def write_wider(x, w):
    y = (x * w)[0]
    y += w
    return y


def write_expanded(x, w):
    y = (x * w)[0, :1].expand(4)
    y.add_(1.0)
    return y


def write_under_no_grad_then_read(x, w):
    y = x * w
    with engine.no_grad():
        y.mul_(3.0)
        w.sub_(0.1)
    return y


def write_view_made_without_grad(x, w):
    y = x * w
    with engine.no_grad():
        part = y[0]
    part += 1
    return y


def write_one_of_several(x, w):
    parts = (x * w).unbind()
    parts[0].add_(1)
    return parts[0]


def write_what_is_kept(x, w):
    y = (x * w).exp()
    y.mul_(2)
    return y


def write_integers(x, w):
    n = engine.arange(4)
    n += 1
    n *= engine.arange(4)
    n.add_(0.5)
    return n


def write_inference(x, w):
    with engine.inference_mode():
        y = x * w
        y += 1
    y += 1
    return y


WRITES = [f for name, f in list(globals().items()) if name.startswith("write_")]


def written(write) -> tuple:
    """The result of a write, how often it was written to, the nodes behind it and the gradients; or the error and what stood then."""
    x, w = matrix(), matrix()
    try:
        y = write(x, w)
        node = y.grad_fn
        names = node and [node.name(), *[n and n.name() for n, _ in node.next_functions]]
        if node is not None:
            (y * y).sum().backward()
    except RuntimeError as error:
        return str(error), x.tolist(), w.tolist(), x._version, w._version
    return outcome(lambda: y), names, *(t.grad if t.grad is None else t.grad.tolist() for t in (x, w)), x._version, w._version


@pytest.mark.parametrize("write", WRITES)
def test_a_write_is_the_generic_one_every_time(write):
    with generic():
        defined = written(write)
    assert [written(write) for _ in range(AGAIN)] == [defined] * AGAIN
