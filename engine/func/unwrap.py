"""`debug_unwrap`: what is behind a tensor inside of transforms, to be looked at."""

from __future__ import annotations

from .. import forward
from ..batching import Batched
from ..tensor import Tensor, alias
from ..transforms import Level, running
from ..views import node_of

NO_TENSOR = (
    "is_functorch_wrapped_tensor(): incompatible function arguments. The following argument types are supported:\n"
    "    1. (arg0: torch.Tensor) -> bool\n\nInvoked with: {!r}"
)


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """The tensor as it is outside of all running transforms, or of the innermost that knows it where not `recurse`.

    Raises TypeError for anything but a tensor.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(NO_TENSOR.format(tensor))
    for level in reversed(running()):
        outside = _outside(tensor, level)
        if not recurse and (outside is not tensor or (level.leave is not None and tensor.requires_grad)):
            return outside
        tensor = outside
    return _without_tangents(tensor) if recurse else tensor


def _outside(t: Tensor, level: Level) -> Tensor:
    if level.leave is not None:
        left: Tensor = level.leave(t)
        return left
    return t._value if type(t) is Batched and t._level is level else t


def _without_tangents(t: Tensor) -> Tensor:
    if type(t) is Batched or not forward.carried(t):
        return t
    made = alias(t)
    node_of(t)
    made._node = t._node
    return made
