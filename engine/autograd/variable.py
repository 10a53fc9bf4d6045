"""`Variable`, the old name of Tensor, and what is still reached by way of it: callbacks at the end of a backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from ..walk import active


class ImperativeEngine:
    """What runs backward passes, as far as it is spoken to directly."""

    def queue_callback(self, callback: Callable[[], Any]) -> None:
        """Run `callback` once, at the end of the backward pass that is running. Raises RuntimeError outside of one."""
        walk = active()
        if walk is None:
            raise RuntimeError("Final callbacks can only be installed during backward pass.")
        walk.call_last(callback)


class VariableMeta(type):
    """Every Tensor is a Variable."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=VariableMeta):
    """The tensor itself, on its own, as a leaf."""

    _execution_engine = ImperativeEngine()

    def __new__(cls, data: Tensor, requires_grad: bool = False) -> Any:
        return data.detach().requires_grad_(requires_grad)


__all__ = ["ImperativeEngine", "Variable"]
