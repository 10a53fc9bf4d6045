"""The tangents of a custom Function's outputs: what its `jvp` returns, checked in PyTorch's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import forward
from ..tensor import Tensor
from .forward_ad import check_shapes
from .names import show_to_engine, show_to_user

COUNT = "Function's jvp returned an invalid number of forward gradients (expected {} but got {})"
NO_TENSOR = "expected Variable or None (got {}) for grad output {}."
FOR_NOTHING = (
    "Function's jvp returned a gradient at position {}, but  the corresponding forward output is not a differentiable Tensor.You should "
    "return None at that position instead."
)
NOT_IN_PLACE = (
    "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is modifying an input inplace, then "
    "the jvp function must modify the corresponding gradient inplace."
)
NOT_AS_IS = (
    "An inplace custom Function is not returning the forward mode gradients as-is. If the forward is modifying an input inplace, then the "
    "jvp function must modify the gradient inplace and return it as-is."
)
NO_VIEW = "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view."
OTHER_VIEW = "A custom Function is returning a view but the jvp is not returning a view of {}the given grad input."


def give(ctx: Any, values: Sequence[Any], returned: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Give `outputs`, made of what `forward` `returned`, the tangents that `jvp` makes of those of the arguments.

    Raises RuntimeError for tangents that do not fit, or are no views or not written where the outputs are.
    """
    tensors = [v for v in values if isinstance(v, Tensor)]
    before = {id(t): tangent for t in tensors if (tangent := forward.tangent_of(t)) is not None}
    if not before:
        return
    versions = {key: None if tangent._counter is None else tangent._counter[0] for key, tangent in before.items()}
    with forward.innermost():
        results = _users(ctx, [_given(ctx, v) for v in values])
        results = results if isinstance(results, tuple) else (results,)
        _check(results, len(outputs))
        for i, (source, o, tangent) in enumerate(zip(returned, outputs, results, strict=True)):
            if not isinstance(o, Tensor):
                continue
            if not o._dtype.differentiable or any(source is t for t in ctx.non_differentiable or ()):
                if tangent is not None:
                    raise RuntimeError(FOR_NOTHING.format(i))
            elif any(source is d for d in ctx.dirty_tensors or ()) and id(source) in before:
                _check_written(before[id(source)], versions[id(source)], tangent)
            elif tangent is not None:
                check_shapes(o, tangent)
                (forward._set if _is_view_of_dual(o, tangent, tensors) else forward.give)(o, tangent)


def _users(ctx: Any, given: list[Any]) -> Any:
    """What the user's `jvp` returns."""
    cls = type(ctx)
    show_to_user(ctx)
    try:
        return ctx._forward_cls.jvp(ctx, *given)
    finally:
        show_to_engine(ctx, cls)


def _given(ctx: Any, value: Any) -> Tensor | None:
    tangent = forward.tangent_of(value)
    if tangent is None and isinstance(value, Tensor) and ctx._materializes:
        return forward._zeros_like(value)
    return tangent


def _check(results: tuple[Any, ...], count: int) -> None:
    for i, r in enumerate(results):
        if r is not None and not isinstance(r, Tensor):
            raise RuntimeError(NO_TENSOR.format(type(r).__name__, i))
    if len(results) != count:
        raise RuntimeError(COUNT.format(count, len(results)))


def _check_written(before: Tensor, version: int | None, tangent: Tensor | None) -> None:
    # PyTorch's convention: it looks at the writes to what is returned, whichever tensor that is
    if tangent is None or tangent._counter is None or tangent._counter[0] == version:
        raise RuntimeError(NOT_IN_PLACE)
    if tangent is not before:
        raise RuntimeError(NOT_AS_IS)


def _is_view_of_dual(o: Tensor, tangent: Tensor, tensors: list[Tensor]) -> bool:
    """True where `o` is no view of an argument without tangent. Raises RuntimeError where it is a view and its tangent is not."""
    view = o._view
    if view is None:
        return True
    for t in tensors:
        if view.base is not t and (t._view is None or t._view.base is not view.base):
            continue
        given = forward.tangent_of(t)
        if given is None:
            return False
        if tangent._view is None:
            raise RuntimeError(NO_VIEW)
        if given._view is not None and given._view.base is not tangent._view.base:
            raise RuntimeError(OTHER_VIEW.format("the same base as "))
        if given._view is None and tangent._view.base is not given:
            raise RuntimeError(OTHER_VIEW.format(""))
    return True
