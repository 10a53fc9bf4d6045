"""Reductions of 1000x1000 by each dimension, and what is made of them: softmax, logsumexp, losses, normalisation."""

from __future__ import annotations

from typing import Any

from ..backends import Function
from ..workload import integers, signed, trained

REDUCE, SOFT = "reductions of 1000x1000", "softmax and losses of 1000x1000"
SQUARE = signed(1000, 1000)


def reduced(name: str, dim: int | None) -> Function:
    return lambda B, x: getattr(B, name)(x) if dim is None else getattr(B, name)(x, dim)


for _name in ("sum", "mean", "var", "amax"):
    for _dim in (None, 0, 1):
        _text = f"{_name} {'of all' if _dim is None else f'by dim {_dim}'} and its backward"
        trained(f"{_name}_{'all' if _dim is None else _dim}", REDUCE, _text, reduced(_name, _dim), SQUARE)

for _name in ("softmax", "log_softmax", "logsumexp"):
    for _dim in (0, 1):
        trained(f"{_name}_{_dim}", SOFT, f"{_name} by dim {_dim} and its backward", reduced(_name, _dim), SQUARE)


def cross_entropy(B: Any, x: Any, target: Any) -> Any:
    return B.nn.functional.cross_entropy(x, target)


trained("cross_entropy", SOFT, "cross entropy of 1000 classes and its backward", cross_entropy, SQUARE, integers(1000, 1000))
trained("layer_norm", SOFT, "layer norm of rows and its backward", lambda B, x, w, b: B.nn.functional.layer_norm(x, (1000,), w, b),
        SQUARE, signed(1000), signed(1000), needs="nn.functional.layer_norm")  # fmt: skip
