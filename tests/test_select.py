"""Choosing by bits gives what NumPy's `where` gives, bit for bit."""

import numpy as np
import pytest

from engine.select import FEW, where

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1.5, -2.0]


def special(dtype, *shape):
    return np.resize(np.array(SPECIAL if np.dtype(dtype).kind != "i" else [0, 1, -1, 127, -128, 5]), shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16", "f2", "i4", "i8", "i2"])
@pytest.mark.parametrize("shape", [(FEW,), (FEW // 8, 9), (3,)])
def test_the_bits_are_those_of_where(dtype, shape):
    mask = np.random.default_rng(0).random(shape) < 0.5
    a = special(dtype, *shape)
    b = a[::-1].copy()
    for pair in (
        (a, b),
        (a, b[:1]),
        (b[:1], a),
        (a[..., :1], b),
        (np.zeros((), dtype), a),
        (np.full((), -0.0 if dtype[0] != "i" else 0, dtype), a),
    ):
        made, right = where(mask, *pair), np.where(mask, *pair)
        assert made.dtype == right.dtype
        assert made.strides == right.strides
        assert made.tobytes() == right.tobytes()


@pytest.mark.parametrize("number", [0, 0.0, -0.0, 2.5, float("nan")])
def test_numbers_take_the_dtype_of_the_array(number):
    mask, a = np.arange(FEW) % 3 == 0, special("f4", FEW)
    for pair in ((number, a), (a, number)):
        assert where(mask, *pair).dtype == np.float32
        assert where(mask, *pair).tobytes() == np.where(mask, *pair).tobytes()


def test_other_dtypes_promote_and_larger_operands_broadcast():
    mask = np.arange(FEW) % 2 == 0
    for a, b in (
        (special("f4", FEW), special("f8", FEW)),
        (special("f4", 2, FEW), special("f4", FEW)),
        (special("f4", FEW), np.arange(FEW)),
    ):
        made, right = where(mask, a, b), np.where(mask, a, b)
        assert (made.dtype, made.shape, made.tobytes()) == (right.dtype, right.shape, right.tobytes())


def test_a_transposed_mask_and_array():
    mask = (np.random.default_rng(1).random((64, 64)) < 0.5).T
    a = special("f4", 64, 64).T
    made, right = where(mask, 0, a), np.where(mask, np.float32(0), a)
    assert made.strides == right.strides
    assert (made.tobytes(), made.dtype) == (right.tobytes(), right.dtype)
