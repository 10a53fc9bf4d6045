"""`Parameter`: a leaf that a module finds among its attributes."""

from __future__ import annotations

from typing import Any

from ..calls import FUNCTIONS
from ..graph import Hooks
from ..tensor import LEAF, PLAIN, Tensor, alias, rare


class Parameter(Tensor):
    """A tensor over the same memory as `data`, with no history, that requires grad unless told not to.

    Raises RuntimeError for a dtype that has no gradient.
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        source = alias(FUNCTIONS["empty"](0) if data is None else data)
        if requires_grad and not source.dtype.differentiable:
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        made = super().__new__(cls)
        for slot in ("_array", "_dtype", "_gradient", "_counter", "_beside", "_rows"):
            setattr(made, slot, getattr(source, slot))
        made._node = LEAF if requires_grad else None
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuilt_parameter, (type(self), self.data, self.requires_grad), self.__dict__ or None

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


PLAIN.add(Parameter)


def _rebuilt_parameter(cls: type[Parameter], data: Tensor, requires_grad: bool) -> Parameter:
    made = cls(data, requires_grad)
    rare(made).hooks = Hooks()  # PyTorch's convention: none, but a place for them
    return made


def typename(value: Any) -> str:
    """What a value's type is called in errors: `torch.FloatTensor`, `str`, `package.Class`."""
    if isinstance(value, Tensor):
        return f"torch.{value.dtype.scalar_name}Tensor"
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
