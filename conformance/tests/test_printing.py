"""The printed text of tensors, character by character against PyTorch's, over drawn shapes, values and options."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch.autograd import forward_ad

from engine import dtypes, printing

MAGNITUDES = (0.0, -0.0, 1.0, -1.0, 0.5, 3.14159265, 100.0, 999.5, 1000.0, 1001.0, 12345.678, 1e-3, 1e-4, 9.99e-5, 1e8, 1.1e8, 1e30, 1e-40)
SPECIAL = (float("inf"), float("-inf"), float("nan"))
NUMBERS = st.one_of(st.sampled_from(MAGNITUDES + SPECIAL), st.floats(-2000, 2000), st.integers(-50, 50).map(float))
OPTIONS = {
    "profile": st.sampled_from(["default", "short", "full"]),
    "precision": st.integers(0, 10),
    "threshold": st.sampled_from([0, 5, 30, 5000]),
    "edgeitems": st.integers(0, 5),
    "linewidth": st.integers(1, 140),
    "sci_mode": st.sampled_from([None, True, False]),
}
SHAPES = st.one_of(
    st.lists(st.integers(0, 4), max_size=4),
    st.lists(st.integers(1, 40), min_size=1, max_size=2),
    st.sampled_from([[1001], [2000], [50, 50], [7, 200], [1001, 1], [1, 1001], [9, 9, 9, 9], [2, 600, 1], [10, 2, 60]]),
)


def options() -> st.SearchStrategy[dict[str, Any]]:
    """Keyword arguments of `set_printoptions`; half the time none."""
    return st.one_of(st.just({}), st.fixed_dictionaries({}, optional=OPTIONS))


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """A tensor of any dtype both sides have, its values drawn from few magnitudes so that widths and notations vary."""
    dtype = draw(st.sampled_from(dtypes.ALL))
    shape = draw(SHAPES)
    pool = draw(st.lists(NUMBERS, min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    size = int(np.prod(shape, dtype=int))
    if dtype.category < 2:
        low, high = draw(st.sampled_from([(0, 2), (0, 100), (-100, 100), (-(2**30), 2**30)]))
        return torch.from_numpy(rng.integers(low, high, size)).reshape(shape).to(getattr(torch, dtype.name))
    values = torch.tensor(pool, dtype=torch.float64)[torch.from_numpy(rng.integers(0, len(pool), size))]
    if dtype.is_complex:
        values = torch.complex(values, values[torch.from_numpy(rng.permutation(size))])
    return values.reshape(shape).to(getattr(torch, dtype.name))


def array_of(t: torch.Tensor) -> tuple[np.ndarray, dtypes.dtype]:
    """The same values and dtype on the engine's side."""
    dtype = dtypes.OF_NAME[str(t.dtype).removeprefix("torch.")]
    t = t.detach().resolve_conj()
    return (t.float().numpy().astype(dtype.np) if t.dtype is torch.bfloat16 else t.numpy()), dtype


@pytest.fixture(autouse=True)
def restored_options() -> Any:
    """Both sides start and end every test with their default options."""
    yield
    torch.set_printoptions(profile="default")
    printing.set_printoptions(profile="default")


@settings(max_examples=400, deadline=None)
@given(tensors(), options(), st.sampled_from(["plain", "leaf", "grad_fn"]))
def test_text(t: torch.Tensor, chosen: dict[str, Any], kind: str) -> None:
    if t.is_floating_point() or t.is_complex():
        t = t if kind == "plain" else t.requires_grad_() if kind == "leaf" else t.requires_grad_().clone()
    name = type(t.grad_fn).__name__ if t.grad_fn is not None else None
    array, dtype = array_of(t)
    with torch._tensor_str.printoptions(**chosen), printing.printoptions(**chosen):
        assert printing.tensor_text(array, dtype, requires_grad=t.requires_grad, grad_fn_name=name) == repr(t)


@settings(max_examples=30, deadline=None)
@given(tensors(), st.sampled_from([dtypes.float64, dtypes.float16, dtypes.bfloat16]))
def test_default_dtype_is_not_shown(t: torch.Tensor, default: dtypes.dtype) -> None:
    array, dtype = array_of(t)
    try:
        torch.set_default_dtype(getattr(torch, default.name))
        dtypes.set_default_dtype(default)
        assert printing.tensor_text(array, dtype) == repr(t)
    finally:
        torch.set_default_dtype(torch.float32)
        dtypes.set_default_dtype(dtypes.float32)


@settings(max_examples=30, deadline=None)
@given(tensors())
def test_subclass_name(t: torch.Tensor) -> None:
    class Measured(torch.Tensor):
        pass

    array, dtype = array_of(t)
    assert printing.tensor_text(array, dtype, class_name="Measured") == repr(t.as_subclass(Measured))


@pytest.mark.parametrize("shape", [(), (3,), (2, 30), (0, 2)])
def test_tangent(shape: tuple[int, ...]) -> None:
    with forward_ad.dual_level():
        tangent = torch.full(shape, 0.25)
        dual = forward_ad.make_dual(torch.ones(shape), tangent)
        assert printing.tensor_text(*array_of(dual), tangent=f"{tangent}") == repr(dual)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_inside_transforms(shape: tuple[int, ...]) -> None:
    seen = []
    x = torch.ones(shape)
    torch.func.vmap(lambda v: (seen.append(repr(v)), v)[1])(x)
    assert printing.wrapped_text("BatchedTensor", 1, printing.tensor_text(*array_of(x)), bdim=0) == seen[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(options(), max_size=3))
def test_options(changes: list[dict[str, Any]]) -> None:
    for chosen in changes:
        torch.set_printoptions(**chosen)
        printing.set_printoptions(**chosen)
        assert printing.get_printoptions() == torch._tensor_str.get_printoptions()
