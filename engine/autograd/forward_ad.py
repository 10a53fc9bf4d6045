"""Forward mode as a user calls it: levels, and tensors with a tangent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import forward, modes, strided
from ..batching import Batched, batched, whole_or_spread
from ..geometry import root_of
from ..lazy import over, parts
from ..op import Op, view
from ..registry import F
from ..tensor import Apart, Tensor

NO_LEVEL = "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns: a view of the value without tangent, and the tangent or None."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Start a level; returns 0. Raises RuntimeError inside another level."""
    return forward.enter()


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level: no tensor has a tangent any more. Raises RuntimeError where there is none, or another is the last."""
    if level is not None and forward._levels and level != _current():
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created. This is not supported.")
    forward.leave()


def _current() -> int:
    """The number of the innermost level; -1 outside."""
    return len(forward._levels) - 1


def __getattr__(name: str) -> Any:
    if name == "_current_level":
        return _current()
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def _check_level(level: int | None, what: str) -> None:
    if level is not None and level >= 0 and level != _current():
        raise RuntimeError(f"Invalid level given to {what}")


class dual_level(modes._Decorator):
    """`with dual_level():` tangents exist inside only; also a decorator."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: Any) -> None:
        exit_dual_level()


def _is_fwd_grad_enabled() -> bool:
    return not modes.current() & modes.NO_TANGENTS


class _set_fwd_grad_enabled(modes._Decorator):
    """Whether tangents are seen and made: acts at once, and as a context restores what was before."""

    def __init__(self, mode: bool) -> None:
        self.previous = _is_fwd_grad_enabled()
        forward.enable(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: Any) -> None:
        forward.enable(self.previous)


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A view of `tensor` that carries `tangent`, of the same shape.

    Raises RuntimeError outside a level, for another shape, or where either carries a tangent already; ValueError where
    one is neither floating nor complex.
    """
    if not forward._levels or (level is not None and level < 0):
        raise RuntimeError(NO_LEVEL)
    _check_level(level, "_make_dual")
    check_dtypes(tensor, tangent)
    if forward.tangent_of(tensor) is not None:
        raise RuntimeError(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported."
        )
    check_shapes(tensor, tangent)
    if forward.tangent_of(tangent) is not None:
        raise RuntimeError("Setting a forward grad that itself has a forward gradient at the same level0 is not supported.")
    with forward.innermost():
        dual = F.view_as(tensor, tensor)
        whole = dual
        while type(whole) is Batched:
            tangent, whole = whole_or_spread(tangent, whole._level), whole._value
        as_it_is = type(tangent) is Batched or _same_layout(whole, tangent)
        forward._set(whole, tangent if as_it_is else _laid_out(whole, tangent))
    return dual


def check_dtypes(tensor: Tensor, tangent: Tensor) -> None:
    """Raises ValueError where one is neither floating nor complex."""
    for name, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {t.dtype}")


def check_shapes(tensor: Tensor, tangent: Tensor) -> None:
    """Raises RuntimeError where the shapes differ."""
    if tangent.shape != tensor.shape:
        raise RuntimeError(forward.MISSHAPEN.format(list(tensor.shape), list(tangent.shape)))


def _same_layout(primal: Tensor, tangent: Tensor) -> bool:
    """True where both lie alike in memory of one size; a side of 1 may have any step, and what has no elements lies anywhere."""
    (value, flips), (given, others) = parts(primal), parts(tangent)
    if flips != others or root_of(value).nbytes * tangent.itemsize != root_of(given).nbytes * primal.itemsize:
        return False
    steps = zip(primal.shape, primal.stride(), tangent.stride(), strict=True)
    return 0 in primal.shape or (all(n == 1 or a == b for n, a, b in steps) and primal.storage_offset() == tangent.storage_offset())


def _laid_out(primal: Tensor, tangent: Tensor) -> Tensor:
    """The tangent copied into memory like that of the value, so that views of both stay alike, whatever part they look at."""
    value, flips = parts(primal)
    memory = np.zeros(root_of(value).nbytes // primal.itemsize, tangent._array.dtype)
    made = strided.strided(memory, value.shape, primal.stride(), primal.storage_offset())
    return F.copy_(over(made, tangent._dtype, flips), tangent)


# The value of a dual, in the graph by a node of its own kind.
PRIMAL = Op(
    "_fw_primal(Tensor(a) self, int level) -> Tensor(a)",
    view(lambda self, level: self[...], node="torch::autograd::Identity"),
    {"self": lambda g: g},
)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent (None where `tensor` carries none or no level is active)."""
    if not forward._levels or (level is not None and level < 0):
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {typename(tensor)}")
    _check_level(level, "_fw_primal")
    tangent = _tangent(tensor) if modes.current() & modes.FORWARD else None
    with forward.innermost():
        primal = F.view_as(tensor, tensor) if type(tensor) is Batched else PRIMAL.run([tensor, 0])
        if primal._view is not None:
            primal._beside = Apart.like(primal._view, None)
        return UnpackedDualTensor(primal, tangent)


def _tangent(t: Tensor) -> Tensor | None:
    if type(t) is not Batched:
        return forward.tangent_of(t)
    found = _tangent(t._value)
    return None if found is None else batched(found, t._level)


def typename(value: Any) -> str:
    """The type of an argument as PyTorch's parser says it."""
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
