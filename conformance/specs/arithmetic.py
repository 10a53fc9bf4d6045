"""What is special about the inputs of arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from engine.op import REGISTRY

from ..case import TensorValue
from ..draft import Draft
from ..kinds import one_of
from ..source import Source
from ..spec import spec


def scalar_overload(key: str) -> Callable[..., Any]:
    """The call of the overload of a tensor and a number, which only native code of PyTorch reaches."""
    name, overload = key.split(".")

    def call(m: Any, self: Any, other: Any, alpha: Any = 1) -> Any:
        values = [self, other, alpha] if name == "add" else [self, other]
        return getattr(getattr(m.ops.aten, name), overload)(*values) if m.__name__ == "torch" else REGISTRY[key].run(values)

    return call


def rounding_mode(src: Source, draft: Draft) -> str | None:
    """A mode, but not "trunc" for the least integer by -1, which ends PyTorch's process (upstream/truncated_quotient.py)."""
    mode: str | None = one_of("floor", "trunc", None, "nearest")(src, draft)
    over, by = _numbers(draft.args["self"]), _numbers(draft.args["other"])
    least = any((over == np.iinfo(dtype).min).any() for dtype in ("int32", "int64"))
    return "floor" if mode == "trunc" and least and (by == -1).any() else mode


def _numbers(operand: Any) -> np.ndarray:
    return np.asarray(operand.root if isinstance(operand, TensorValue) else operand)


for _key in (
    "neg", "positive", "mul.Tensor", "div.Tensor", "true_divide.Tensor",
    "true_divide.Scalar", "floor_divide", "floor_divide.Scalar", "multiply.Scalar", "divide.Scalar",
    "remainder.Scalar", "remainder.Tensor", "remainder.Scalar_Tensor", "fmod.Scalar", "fmod.Tensor", "reciprocal",
    "abs", "abs_", "atan2", "hypot", "copysign.Tensor", "copysign.Scalar", "logaddexp", "xlogy.Tensor",
    "xlogy.Scalar_Self", "xlogy.Scalar_Other",
):  # fmt: skip
    spec(_key)
for _key in ("div.Tensor_mode", "div.Scalar_mode", "divide.Scalar_mode"):
    spec(_key, rounding_mode=rounding_mode)

FUSED: dict[str, Any] = {"overflow": True, "why": "PyTorch's compiler adds a product in one rounding, in which it cannot overflow"}
for _key in ("add.Tensor", "sub.Tensor", "rsub.Tensor", "rsub.Scalar", "subtract.Scalar"):
    spec(_key, **FUSED | {"overflow": "alpha"})

_SECOND_NAME = "the second name PyTorch gives the op"
spec("neg[negative]", call=lambda m, self: m.negative(self), why=_SECOND_NAME)
spec("abs[absolute]", call=lambda m, self: m.absolute(self), why=_SECOND_NAME)
spec("sub.Tensor[subtract]", call=lambda m, self, other, **more: m.subtract(self, other, **more), overflow="alpha",
     why=f"{_SECOND_NAME}; {FUSED['why']}")  # fmt: skip
spec("mul.Tensor[multiply]", call=lambda m, self, other: m.multiply(self, other), why=_SECOND_NAME)
spec("div.Tensor[divide]", call=lambda m, self, other: m.divide(self, other), why=_SECOND_NAME)
spec("atan2[arctan2]", call=lambda m, self, other: m.arctan2(self, other), why=_SECOND_NAME)
_NATIVE = "reached only by native code, which multiplies by numbers in losses and gradients"
for _key in ("mul.Scalar", "div.Scalar"):
    spec(_key, call=scalar_overload(_key), why=_NATIVE)
spec("add.Scalar", call=scalar_overload("add.Scalar"), overflow="alpha", why=f"{_NATIVE}; {FUSED['why']}")
