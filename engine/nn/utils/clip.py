"""Bounds on gradients: on their common norm, or on every element."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable

from ...calls import FUNCTIONS
from ...modes import no_grad
from ...tensor import Tensor


def gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients there are; warns (UserWarning) for a generator that gave nothing."""
    listed = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    if isinstance(parameters, types.GeneratorType) and not listed:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=4)
    return [p.grad for p in listed if p.grad is not None]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients so that their common norm is at most `max_norm`; returns the norm they had.

    Raises RuntimeError, where asked to, for a norm that is not finite.
    """
    with no_grad():
        found, order = gradients(parameters), float(norm_type)
        if not found:
            return FUNCTIONS["tensor"](0.0)
        norm = FUNCTIONS["linalg.vector_norm"]
        total = norm(FUNCTIONS["stack"]([norm(g, order) for g in found]), order)
        if error_if_nonfinite and not total.isfinite():
            raise RuntimeError(
                f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be clipped. To disable this "
                "error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`"
            )
        factor = (float(max_norm) / (total + 1e-6)).clamp(max=1.0)  # PyTorch's epsilon
        for g in found:
            g.mul_(factor)
        return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Bound every element of every gradient by `clip_value` on both sides."""
    with no_grad():
        for g in gradients(parameters):
            g.clamp_(min=-float(clip_value), max=float(clip_value))
