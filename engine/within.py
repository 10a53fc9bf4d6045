"""Results that a kernel of PyTorch makes as views of what nobody sees.

That shows where nothing stands above the kernel: of inference tensors, outside of inference mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import modes
from .registry import OPS
from .tensor import Tensor, wrap
from .views import make_view

Shape = tuple[int, ...]


def _stacked(tensors: Sequence[Tensor], dim: int) -> tuple[int, ...]:
    """Stacked along any dimension but a new last one they are joined first."""
    return () if dim in (-1, tensors[0].ndim) else (0,)


# By op: which of its results, of these arguments.
WITHIN: dict[str, Callable[..., tuple[int, ...]]] = {
    "roll": lambda self, shifts, dims: () if dims else (0,),
    "repeat": lambda self, repeats: () if 0 in repeats else (0,),
    "stack": _stacked,
    "native_layer_norm": lambda *_: (1, 2),
}


def mark(key: str, values: list[Any], outs: list[Tensor], mode: int) -> None:
    """Make the results of that op views of a tensor without dimensions but one, where PyTorch's are views."""
    tensors = [t for v in values for t in (v if isinstance(v, list | tuple) else [v]) if isinstance(t, Tensor)]
    if mode & modes.INFERENCE or not all(t._counter is None for t in tensors):
        return
    for i in WITHIN[key](*values):
        flat = wrap(outs[i]._array.reshape(-1), outs[i]._dtype)
        make_view(outs[i], flat, OPS["view"], [flat, outs[i]._array.shape], None)
