"""`gradcheck(fast_mode=True)`: gradients and differences compared along one random direction of each input and output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import modes
from ..dtypes import OF_NUMPY
from ..registry import F
from ..tensor import Tensor, wrap
from . import forward_ad
from .backward import grad
from .gradcheck import (
    ANOTHER_DTYPE,
    NOT_REENTRANT,
    Check,
    GradcheckError,
    as_tuple,
    by_differences,
    by_gradients,
    by_tangents,
    check_alike,
    differentiable,
    mismatch,
)

SEED = 67280421310721 & 0xFFFFFFFF  # of a generator in PyTorch that nobody has seeded
SLOW = """
The above quantities relating the numerical and analytical jacobians are computed \n\
in fast mode. See: https://github.com/pytorch/pytorch/issues/53876 for more background \n\
about fast mode. Below, we recompute numerical and analytical jacobians in slow mode:

Numerical:
 {}
Analytical:
{}

The max per-element difference (slow mode) is: {}.
"""
WOULD_PASS = """Fast gradcheck failed but element-wise differences are small. This means that the
test might've passed in slow_mode!

If you are adding a new operator, please file an issue and then use one of the
workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck:

If the test
- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck
  with `fast_mode=False` as a keyword argument.
- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test
  to have `gradcheck_fast_mode=False`
- is a Module test (e.g., in common_nn.py), then modify the corresponding
  module_test entry to have `gradcheck_fast_mode=False`"""


class _Directions:
    """Random vectors of length 1 with no negative entries, the same in every check: those of PyTorch's generator."""

    def __init__(self) -> None:
        self.bits = np.random.MT19937()
        self.bits._legacy_seeding(SEED)  # as the generator was seeded before NumPy had others

    def of(self, t: Tensor) -> np.ndarray:
        values = ((self.bits.random_raw(t.numel()) & 0xFFFFFF) / 2**24).astype(t._array.real.dtype)
        return values / np.sqrt((values * values).sum())

    def of_input(self, t: Tensor) -> tuple[np.ndarray, ...]:
        """One direction, and one for the imaginary part where there is one."""
        return tuple(self.of(t) for _ in range(2 if t.is_complex() else 1))


def compare(check: Check, outputs: tuple[Any, ...]) -> None:
    """Raises GradcheckError where a gradient differs from the difference; complex outputs are looked at part by part."""
    if not any(o.is_complex() for o in outputs):
        _compare(check, outputs, "", ())
        return
    complex_at = [i for i, o in enumerate(differentiable(outputs)) if o.is_complex()]
    for part, take in (("imaginary", F.imag), ("real", F.real)):
        varied = replace(check, func=_taking(check.func, take))
        _compare(varied, varied.called(), part, complex_at)


def _taking(func: Callable[..., Any], take: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    return lambda *inputs: tuple(take(o) if o.is_complex() else o for o in as_tuple(func(*inputs)))


def _compare(check: Check, outputs: tuple[Any, ...], part: str, complex_at: Sequence[int]) -> None:
    random, inputs, live = _Directions(), check.watched(), differentiable(outputs)
    along = [random.of_input(t) for t in inputs]
    seeds = [random.of(o) for o in live]
    changes = [_changes(check, t, u, outputs) for t, u in zip(inputs, along, strict=True)]
    for t, u in () if live else zip(inputs, along, strict=True):  # PyTorch looks once more
        if any(d.size and np.abs(d).max() > check.nondet_tol for d in _changes(check, t, u, outputs)):
            raise GradcheckError("Numerical gradient for function expected to be zero")
    slopes = [_slopes(check, o, v) for o, v in zip(live, seeds, strict=True)]
    for i, (u, own) in enumerate(zip(along, changes, strict=True)):
        for j, (v, change) in enumerate(zip(seeds, own, strict=False)):
            n, a = _number((v * change).sum()), _number(_product(slopes[j][i], u))
            if not _close(check, a, n, u, v):
                text = mismatch(a, n, j, i, part if j in complex_at else "")
                loose = replace(check, nondet_tol=float("inf"))
                whole = by_differences(check, np.asarray)[j][i], by_gradients(loose, live[j], 1)[i]
                raise GradcheckError(text + _slowly(check, *whole))


def compare_tangents(check: Check, outputs: tuple[Any, ...], part: str) -> None:
    """Raises GradcheckError where a tangent differs from the difference."""
    random, inputs = _Directions(), check.watched()
    along = [random.of_input(t) for t in inputs]
    changes = [_changes(check, t, u, outputs) for t, u in zip(inputs, along, strict=True)]
    for i, (u, own, found) in enumerate(zip(along, changes, _tangents(check, along), strict=True)):
        for j, (change, tangent) in enumerate(zip(own, found, strict=False)):
            n, a = _vector(change), _vector(tangent)
            if not _close(check, a, n, u, np.ones(1)):
                where = f"While considering the {part} part of complex inputs only, " if part else ""
                text = where + mismatch(a, n, j, i, "", "computed with forward mode ")
                whole = by_differences(check, np.asarray)[j][i], by_tangents(_alone(check, inputs[i]), np.asarray, 1)[j][0]
                raise GradcheckError(text + _slowly(check, *whole))


def _close(check: Check, a: Tensor, n: Tensor, u: tuple[np.ndarray, ...], v: np.ndarray) -> bool:
    """The tolerance is for each element; here many are added up."""
    return replace(check, atol=check.atol * float(sum(part.sum() for part in u)) * float(v.sum())).close(a, n)


def _changes(check: Check, t: Tensor, along: tuple[np.ndarray, ...], outputs: Sequence[Tensor]) -> list[np.ndarray]:
    """How each output that has a gradient changes along a direction of one input."""
    found = _quotients(check, t, along[0])
    if len(along) > 1:
        found = [a + 1j * b for a, b in zip(found, _quotients(check, t, along[1] * 1j), strict=True)]
    return [d for d, o in zip(found, outputs, strict=True) if o._dtype.differentiable]


def _quotients(check: Check, t: Tensor, direction: np.ndarray) -> list[np.ndarray]:
    array, step = t._array, check.eps * direction.reshape(t._array.shape)
    before, sides = array.copy(), []
    with modes.no_grad():
        for moved in (before - step, before + step):
            array[...] = moved
            sides.append([F.clone(o) for o in check.called()])
    array[...] = before
    for a, b in zip(*sides, strict=True):
        check_alike(a, b, None, check.eps)
    return [_quotient(a, b, 2 * check.eps) for a, b in zip(*sides, strict=True)]


def _quotient(a: Tensor, b: Tensor, step: float) -> np.ndarray:
    """Integers have no differences."""
    return np.asarray((b._array - a._array) / step if b._dtype.differentiable else 0.0).reshape(-1)


def _slopes(check: Check, out: Tensor, seed: np.ndarray) -> list[np.ndarray]:
    """The gradients of one output for one cotangent, twice, which must agree."""
    inputs = check.watched()
    cotangent = wrap(seed.astype(out.dtype.np).reshape(out.size()), out.dtype)
    first, second = (grad(out, inputs, cotangent, retain_graph=True, allow_unused=True) for _ in range(2))
    if any(g is not None and g.dtype is not t.dtype for g, t in zip(first, inputs, strict=True)):
        raise GradcheckError(ANOTHER_DTYPE)
    both = [(_flat(a, t), _flat(b, t)) for a, b, t in zip(first, second, inputs, strict=True)]
    if any(a.size and np.abs(a - b).max() > check.nondet_tol for a, b in both):
        raise GradcheckError(NOT_REENTRANT.format(check.nondet_tol))
    return [a for a, _ in both]


def _flat(g: Tensor | None, t: Tensor) -> np.ndarray:
    return np.zeros(t.numel(), t.dtype.np) if g is None else g.detach()._array.reshape(-1)


def _product(slope: np.ndarray, along: tuple[np.ndarray, ...]) -> Any:
    return (slope.real * along[0]).sum() + 1j * (slope.imag * along[1]).sum() if len(along) > 1 else (slope * along[0]).sum()


def _alone(check: Check, t: Tensor) -> Check:
    """The check with respect to one of its inputs."""
    return replace(check, inputs=tuple(o.detach() if isinstance(o, Tensor) and o is not t else o for o in check.inputs))


def _tangents(check: Check, along: Sequence[tuple[np.ndarray, ...]]) -> list[list[np.ndarray]]:
    """By input, then output: the tangents along a direction of that input."""
    made, watched = [], [i for i, t in enumerate(check.inputs) if isinstance(t, Tensor) and t.requires_grad]
    for at, u in zip(watched, along, strict=True):
        with forward_ad.dual_level():
            inputs = list(check.inputs)
            for i in watched:
                t = inputs[i]
                values = u[0].reshape(t._array.shape).astype(t.dtype.np) if i == at else np.zeros(t.size(), t.dtype.np)
                inputs[i] = forward_ad.make_dual(t.detach(), wrap(values, t.dtype))
            pairs = [forward_ad.unpack_dual(o) for o in as_tuple(check.func(*inputs)) if o._dtype.differentiable]
            made.append([(F.zeros_like(p.primal) if p.tangent is None else p.tangent).detach()._array.reshape(-1) for p in pairs])
    return made


def check_missing_tangents(check: Check) -> None:
    """Raises GradcheckError where an input without a tangent gives another result than one whose tangent is zero."""
    random = _Directions()
    given = {i: (t, random.of_input(t)[0]) for i, t in enumerate(check.inputs) if isinstance(t, Tensor) and t.requires_grad}
    with forward_ad.dual_level():
        duals = list(check.inputs)
        for i, (t, u) in given.items():
            duals[i] = _dual(t, u)
        for i, (t, u) in given.items():
            both = []
            for dual in (_dual(t, np.zeros_like(u)), t.detach()):
                outputs = as_tuple(check.func(*duals[:i], dual, *duals[i + 1 :]))
                both.append([forward_ad.unpack_dual(o).tangent for o in outputs if o._dtype.differentiable])
            for nr, (zero, missing) in enumerate(zip(*both, strict=False)):
                if zero is not None and missing is not None and not bool(F.allclose(zero, missing)):
                    where = "Mismatch in tangent values for output with index: ", nr, " when input: ", t
                    raise GradcheckError(*where, " has an undefined tangent value. ", " Got: ", zero, " but expected: ", missing)


def _dual(t: Tensor, tangent: np.ndarray) -> Tensor:
    return forward_ad.make_dual(t.detach(), wrap(tangent.reshape(t._array.shape).astype(t.dtype.np), t.dtype))


def _slowly(check: Check, n: Tensor, a: Tensor) -> str:
    """What the whole Jacobians say."""
    text = SLOW.format(n, a, F.max(F.abs(n - a)))
    return text + WOULD_PASS if bool(F.allclose(a, n, check.rtol, check.atol)) else text


def _number(value: Any) -> Tensor:
    return _vector(np.asarray(value))


def _vector(values: np.ndarray) -> Tensor:
    return wrap(values, OF_NUMPY[values.dtype])
