"""Activations as modules."""

from __future__ import annotations

from ..calls import FUNCTIONS
from ..tensor import Tensor
from . import functional
from .module import Module


class ReLU(Module):
    """The positive part; `inplace` writes it into the input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Sigmoid(Module):
    def forward(self, input: Tensor) -> Tensor:
        return FUNCTIONS["sigmoid"](input)


class Tanh(Module):
    def forward(self, input: Tensor) -> Tensor:
        return FUNCTIONS["tanh"](input)


class Softmax(Module):
    """Softmax over `dim`."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmax(input, self.dim, _stacklevel=5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
