"""The specialised calls and the generic one are the same meaning: bit for bit, forward, backward and in the graph."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import engine
from engine.op import OPS, generic
from engine.specialise import specialisable
from engine.tensor import rows

NAMES = sorted(key for key, op in OPS.items() if specialisable(op) and op.family.function)
LAYOUTS = {
    "row-major": lambda a: a,
    "transposed": lambda a: a.T,
    "sliced": lambda a: a[:, ::2],
    "one row": lambda a: a[:1],
    "vector": lambda a: a[0],
    "scalar": lambda a: a[0, 0],
    "empty": lambda a: a[:0],
    "channels last": lambda a: np.moveaxis(np.ascontiguousarray(a[:4].reshape(2, 2, 2, 2)), -1, 1),
}
PAIRS = [("row-major", name) for name in LAYOUTS] + [(name, name) for name in LAYOUTS] + [("one row", "transposed"), ("vector", "scalar")]


def observed(t: engine.Tensor | None) -> tuple | None:
    if t is None:
        return None
    return str(t.dtype), t.shape, t.stride(), t._version, t.detach().numpy().tobytes()


def operand(seed: int, dtype: str, layout: str) -> engine.Tensor:
    made = np.random.default_rng(seed).uniform(0.1, 0.9, (4, 4)).astype(dtype)
    if made.dtype.kind == "c":
        made = made + made[..., ::-1] * made.dtype.type(0.5j)
    return engine.from_numpy(np.asarray(LAYOUTS[layout](made)))


def outcome(call, dtype: str, layouts: tuple[str, ...]) -> tuple:
    """What a call gives, what is kept, and its gradients; or the error it raises."""
    inputs = [operand(i, dtype, layout).requires_grad_() for i, layout in enumerate(layouts)]
    try:
        result = call(*inputs)
    except (RuntimeError, NotImplementedError) as error:
        return type(error), str(error)
    if result.grad_fn is None:
        return (observed(result),)
    seed = engine.from_numpy(np.random.default_rng(2).standard_normal(result.shape).astype(result.detach().numpy().dtype))
    saved = {
        n: observed(getattr(result.grad_fn, n)) for n in ("_saved_self", "_saved_other", "_saved_result") if hasattr(result.grad_fn, n)
    }
    edges = [type(node).__name__ for node, _ in result.grad_fn.next_functions]
    try:
        (result * 2).backward(seed)
    except (RuntimeError, NotImplementedError) as error:
        return type(error), str(error)
    return observed(result), result.grad_fn.name(), saved, edges, [observed(t.grad) for t in inputs]


def same_both_ways(call, dtype: str, layouts: tuple[str, ...]) -> None:
    fast = outcome(call, dtype, layouts)
    as_before = outcome(call, dtype, layouts)  # by what the first call remembered
    with generic():
        assert fast == as_before == outcome(call, dtype, layouts)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("key", NAMES)
def test_specialised_call_equals_generic_call(key: str, dtype: str):
    op = OPS[key]
    call = getattr(engine, op.schema.name)
    for layouts in PAIRS if specialisable(op) == 2 else [(name,) for name in LAYOUTS]:
        same_both_ways(call, dtype, layouts)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("number", [0.5, 3, -0.0, 0, float("inf")])
@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_with_a_number_as_second_operand(name: str, number: float, dtype: str):
    for layout in LAYOUTS:
        same_both_ways(lambda t: getattr(engine, name)(t, number), dtype, (layout,))


def test_only_one_of_the_operands_requires_grad():
    for flags in ((True, False), (False, True)):

        def product(a, b, flags=flags):
            a, b = (t if flag else t.detach() for t, flag in zip((a, b), flags, strict=True))
            return a * b

        same_both_ways(product, "float32", ("row-major", "row-major"))


def test_a_parameter_is_an_operand_like_any_tensor():
    p = engine.nn.Parameter(engine.ones(3))
    (p * p).sum().backward()
    assert type(p * p) is engine.Tensor and p.grad.tolist() == [2, 2, 2]


def test_what_calls_remember_is_said_of_plain_tensors_in_row_major_order_alone():
    class Own(engine.nn.Parameter):
        pass

    x = engine.ones(2, 3)
    with engine.inference_mode():
        made_inside = engine.ones(2, 3)
    assert rows(x) is rows(engine.zeros(2, 3)) is rows(engine.nn.Parameter(x)) is not rows(x.double())
    assert not any(rows(t) for t in (Own(x), made_inside, x.T, x[:0], x.sum()))
    assert type(x * Own(x)) is type(made_inside * x) is engine.Tensor and not (made_inside * x).is_inference()
    x * x
    x.data = engine.ones(3, 2).T
    assert not rows(x) and (x * x).stride() == (1, 2)


def test_an_operand_given_other_memory_since_is_differentiated_as_it_is_now():
    def swapped(x, y):
        z = x * y
        x.data = engine.from_numpy(np.arange(16, dtype=np.float32).reshape(4, 4).T)
        return z

    same_both_ways(swapped, "float32", ("row-major", "row-major"))


def test_what_a_user_holds_is_never_written_to():
    """Gradients, cotangents and results that were looked at stay what they were, whatever is computed after."""
    held = []

    def remember(g):
        held.append((g, g.numpy().copy(), g.numpy()))

    x = engine.ones(8, 8).requires_grad_()
    for _ in range(3):
        y = x * 2
        y.register_hook(remember)
        z = y + y + x + y
        z.register_hook(remember)
        seed = engine.ones(8, 8)
        held.append((seed, seed.numpy().copy(), seed.numpy()))
        z.backward(seed)
        grad = engine.autograd.grad(x + x + x, x, seed)[0]
        held.append((grad, grad.numpy().copy(), grad.numpy()))
        view = z.detach().numpy()
        held.append((z.detach(), view.copy(), view))
    for t, before, array in held:
        assert np.array_equal(t.numpy(), before) and np.array_equal(array, before)
    assert x.grad.tolist() == [[21.0] * 8] * 8


def test_floating_point_warnings_are_silent_inside_and_as_the_user_set_them_outside(recwarn):
    big = engine.full((4,), 1e38)
    with np.errstate(all="raise"):
        assert (big * big).tolist() == [float("inf")] * 4
        with pytest.raises(FloatingPointError):
            np.float32(1e38) * np.float32(1e38)
    assert (big * big).tolist() == [float("inf")] * 4 and not recwarn.list


def test_threads_get_the_same_results():
    x = engine.from_numpy(np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32))
    expected, wrong = (x * x + x).tolist(), []

    def work():
        for _ in range(50):
            if (x * x + x).tolist() != expected:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_an_environment_variable_asks_for_the_generic_path():
    code = "import engine; from engine import modes; print(modes.current() & modes.GENERIC); print((engine.ones(2) * 3).tolist())"
    made = subprocess.run([sys.executable, "-c", code], env={**os.environ, "ENGINE_GENERIC": "1"}, capture_output=True, text=True)
    assert made.stdout.split() == ["32", "[3.0,", "3.0]"]


def test_there_is_something_to_compare():
    assert len(NAMES) > 30


def test_a_tensor_is_given_other_memory_by_one_function_alone():
    """`tensor.exchange`: specialised calls decide by layouts, and must hear of it."""
    root = Path(engine.__file__).parent
    allowed = {"tensor.py", "specialise.py", "lean.py", "lazy.py"}
    found = [p.name for p in root.rglob("*.py") if re.search(r"\._array(, [\w.]+)* = ", p.read_text(encoding="utf-8"))]
    assert set(found) <= allowed


def test_a_side_of_1_with_a_step_of_its_own_keeps_it_beside_a_number():
    def less(t):
        return t.as_strided((1, 4), (1, 1)) - 2.5

    same_both_ways(less, "float32", ("vector",))
    assert less(operand(0, "float32", "vector")).stride() == (1, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, mask: x[mask],
        lambda x, mask: engine.where(mask, x, x),
        lambda x, mask: engine.ones(3).masked_scatter(mask, x),
        lambda x, mask: engine.ones(2, 3).masked_scatter_(mask, x),
    ],
)
def test_a_call_that_is_refused_after_it_has_warned_does_not_warn_again_on_its_way_to_the_generic_one(call):
    x, mask = engine.ones(2, 2), engine.tensor([1, 0, 1], dtype=engine.uint8)
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught, pytest.raises((RuntimeError, IndexError)):
            warnings.simplefilter("always")
            call(x, mask)
        assert len(caught) == 1, [str(one.message) for one in caught]
