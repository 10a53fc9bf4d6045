"""`NestedIOFunction`, a Function of old whose arguments and results may be nested. As in PyTorch, nothing runs it but its own methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..tensor import Tensor
from . import function
from .forward_ad import typename
from .function import Function

UNKNOWN = "Auto nesting doesn't know how to process an input object of type {}. Accepted types: {}, or lists/tuples of them"


def _flat(value: Any, keep_none: bool = False) -> Iterator[Any]:
    """The tensors in `value`, which may be nested; with `keep_none` what is None, too. Raises ValueError for anything else."""
    if isinstance(value, Tensor) or (value is None and keep_none):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _flat(one, keep_none)
    elif value is not None:
        raise ValueError(UNKNOWN.format(typename(value), "Tensors or None" if keep_none else "Tensors"))


def _nested(flat: Sequence[Any], like: Any) -> Any:
    """`flat` nested as `like` is, with None where that is None. Raises IndexError where there are too few."""
    return _taken(flat, like)[0]


def _taken(flat: Sequence[Any], like: Any) -> tuple[Any, Sequence[Any]]:
    if not isinstance(like, (list, tuple)):
        return flat[0], flat[1:]
    made: list[Any] = []
    for one in like:
        part = None
        if one is not None:
            part, flat = _taken(flat, one)
        made.append(part)
    return type(like)(made), flat


def _data(value: Any) -> Any:
    """The same with the data of every tensor in its place."""
    if isinstance(value, Tensor):
        return value.data
    if isinstance(value, (list, tuple)):
        return type(value)(map(_data, value))
    if isinstance(value, dict):
        return {key: _data(one) for key, one in value.items()}
    if value is None:
        return None
    raise ValueError(UNKNOWN.format(typename(value), "Tensors"))


class NestedIOFunction(Function):
    """There for old programs alone: subclasses override `forward_extended` and `backward_extended`. Use `Function` instead.

    `apply` hands the context to `forward`, which has no arguments kept for it: AttributeError, as in PyTorch.
    """

    to_save: tuple[Any, ...]
    _nested_input: Any
    _nested_output: Any
    _to_save_nested: Any

    def _do_forward(self, *input: Any) -> Any:
        self._nested_input = input
        return _nested(super()._do_forward(*_flat(input)), self._nested_output)  # type: ignore[misc]  # which PyTorch's has no more, either

    __call__ = _do_forward

    def forward(self, *args: Any) -> Any:  # type: ignore[override]  # what is static today was no static method
        """The tensors that `forward_extended` returns for the arguments as they were nested."""
        given = _data(self._nested_input)
        result = self.forward_extended(*given)  # type: ignore[func-returns-value]  # a subclass returns something
        del self._nested_input
        self._nested_output = result
        return tuple(_flat(result))

    def backward(self, *gradients: Any) -> Any:  # type: ignore[override]  # the same
        """The gradients that `backward_extended` returns for those of the results as they were nested."""
        given = _nested(gradients, self._nested_output)
        result = self.backward_extended(*given)  # type: ignore[func-returns-value]  # the same
        return tuple(_flat(result, True))

    def save_for_backward(self, *args: Any) -> None:
        """Keep tensors, which may be nested."""
        self.to_save, self._to_save_nested = tuple(_flat(args)), args

    @property
    def saved_tensors(self) -> Any:
        """What was kept, nested as it was. Raises IndexError: without a context there is nothing to read it from."""
        return _nested((), self._to_save_nested)

    def mark_dirty(self, *args: Any, **kwargs: Any) -> None:
        """Say which tensors `forward_extended` wrote to."""
        self.dirty_tensors = tuple(_flat((args, kwargs)))

    def mark_non_differentiable(self, *args: Any, **kwargs: Any) -> None:
        """Say which results have no gradient."""
        self.non_differentiable = tuple(_flat((args, kwargs)))

    def forward_extended(self, *input: Any) -> None:
        """To be overridden. Raises NotImplementedError."""
        raise NotImplementedError

    def backward_extended(self, *grad_output: Any) -> None:
        """To be overridden. Raises NotImplementedError."""
        raise NotImplementedError


function.NestedIOFunction = NestedIOFunction  # type: ignore[attr-defined]  # where PyTorch has it

__all__ = ["NestedIOFunction"]
