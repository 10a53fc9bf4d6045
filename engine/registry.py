"""Every declared op by name, and `F`: the ops as a rule sees them, on arrays or on Tensors alike."""

from __future__ import annotations

from typing import Any

OPS: dict[str, Any] = {}  # "mul.Tensor" -> Op
OVERLOADS: dict[str, Any] = {}  # "mul" -> Overloads


class _Either:
    """`F.cos(x)`: the raw kernel where `x` is an array, the recording op where it is a Tensor."""

    def __getattr__(self, name: str) -> Any:
        call = OVERLOADS[name].either
        setattr(self, name, call)
        return call


F = _Either()
