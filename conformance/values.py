"""Tables of numbers a byte selects from, simplest first: friendly, special, tied and wide-ranging."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from .case import NUMPY

Transform = Callable[[np.ndarray], np.ndarray]
MODES = [("friendly", "friendly", "special", "friendly", "ties", "friendly", "wide", "special")[b // 32] for b in range(256)]
_SIMPLE = [0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, -0.0]
_SPECIAL = [
    np.inf,
    -np.inf,
    np.nan,
    1e-45,
    -1e-45,
    1e-40,
    1.1754944e-38,
    3.4028235e38,
    -3.4028235e38,
    1e-20,
    1e20,
    65504.0,
    -65504.0,
    5e-324,
    1e300,
    6e-8,
]
NUMBERS = (2, 1, 0, -1, 0.5, -1.5, 3, True, 2.0, -2, 1e-3, False, 2.5, 1j, float("inf"), 300, float("nan"), 1 - 2j, 1e20)
REALS = (0.5, 1.0, 2.0, 0.0, -0.5, 1e-3, 0.1, 3.0, -1.0, 10.0)


@cache
def _base(mode: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    tails = {
        "friendly": lambda: rng.standard_normal(246).round(2),
        "special": lambda: rng.permutation(np.resize([*_SPECIAL, *_SIMPLE, *rng.standard_normal(14).round(2)], 246)),
        "wide": lambda: 10.0 ** rng.uniform(-12, 8, 246) * rng.choice([-1, 1], 246),
    }
    if mode == "ties":
        return np.resize(np.array([0.0, 1.0, -1.0, 2.0]), 256)
    return np.concatenate([_SIMPLE, tails[mode]()]).astype(np.float64)


@cache
def table(mode: str, dtype: str, transform: Transform | None = None) -> np.ndarray:
    """256 values of `dtype`, the first the simplest."""
    base = _base(mode)
    if dtype.startswith("complex"):
        imaginary = np.concatenate([[0, 0, 0, 1, -1, 2, -0.5, 0.0, 1, -0.0], np.random.default_rng(5).permutation(base[10:])])
        imaginary = np.where(np.arange(256) % 3 == 0, 0.0, imaginary)
        if transform is not None:
            base = transform(base)
        with np.errstate(all="ignore"):
            made = np.empty(256, NUMPY[dtype])
            made.real, made.imag = base, imaginary
            return made
    if transform is not None:
        base = transform(base)
    with np.errstate(all="ignore"):
        if dtype == "bool":
            return base > 0
        if NUMPY[dtype].kind in "iu":
            return _integers(base, NUMPY[dtype])
        return base.astype(NUMPY[dtype])


def _integers(base: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Rounded away from 0 and held inside the dtype; infinities become its extremes."""
    limits = np.iinfo(dtype)
    low, high = max(limits.min, -(2**53)), min(limits.max, 2**53)
    held = np.clip(np.nan_to_num(np.copysign(np.ceil(np.abs(base)), base), nan=7, posinf=high, neginf=low), low, high)
    made = held.astype(dtype)
    made[np.isposinf(base)], made[np.isneginf(base)] = limits.max, limits.min
    return made


# -- domains: each maps any number into one --------------------------------------------------------------------------------
def nonnegative(v: np.ndarray) -> np.ndarray:
    return np.abs(v)


def positive(v: np.ndarray) -> np.ndarray:
    return np.where(v == 0, 0.75, np.abs(v))


def nonzero(v: np.ndarray) -> np.ndarray:
    return np.where(v == 0, 1.25, v)


def finite(v: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(v) & (np.abs(v) < 1e30), v, 1.5)


def small(v: np.ndarray) -> np.ndarray:
    """At most 4 in size."""
    return np.where(np.abs(v) <= 4, v, 0.25)


def signed_unit_interval(v: np.ndarray) -> np.ndarray:
    """Inside (-1, 1)."""
    v = np.where(np.isfinite(v), v, 1.0)
    return np.where(np.abs(v) < 0.99, v, v / (np.abs(v) * 1.25 + 0.5))


def unit_interval(v: np.ndarray) -> np.ndarray:
    """Inside (0, 1)."""
    return np.where(v == 0, 0.5, np.abs(signed_unit_interval(v)))


def above_one(v: np.ndarray) -> np.ndarray:
    return 1 + np.abs(np.where(np.isfinite(v), v, 1.0))
