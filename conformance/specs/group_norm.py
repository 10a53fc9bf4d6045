"""What is special about the inputs of group norm: channels, a divisor of their number, and numbers for each channel."""

from __future__ import annotations

from math import prod
from typing import Any

from ..draft import Draft, draw_shape
from ..kinds import one_of, tensor
from ..source import Source
from ..spec import spec
from .batch_norm import ORDER, channels, parameter_dtype


def with_channels(src: Source, draft: Draft) -> tuple[int, ...]:
    """A sample count, some channels, and dimensions behind them."""
    sides = draw_shape(src, 2, 5)
    return (sides[0], (2, 4, 3, 1, 6, 2, 4, 0)[src.u8() % 8], *sides[2:])


def divisor(src: Source, draft: Draft) -> int:
    """A number of groups that the channels can be put in."""
    count = draft.tensor("input").shape[1]
    fitting = [k for k in range(1, count + 1) if count % k == 0] or [1]
    return fitting[src.u8() % len(fitting)]


def size(of: str) -> Any:
    """A size of the input as the native op is told it."""
    shape = {"N": lambda sides: sides[0], "C": lambda sides: sides[1], "HxW": lambda sides: prod(sides[2:])}[of]
    return lambda src, draft: shape(draft.tensor("input").shape)


PARAMETER = tensor(channels, dtype=parameter_dtype)
GROUPED: dict[str, Any] = {"input": tensor(with_channels), "weight": PARAMETER, "bias": PARAMETER, "eps": one_of(1e-5, 0.1),
                           "samples": 1, "sums": True,
                           "why": f"of a batch without samples PyTorch's result has no rows; {ORDER}"}  # fmt: skip
DENSE: dict[str, Any] = {"weight": tensor(channels, dtype=parameter_dtype, dense=True)}  # next to each other, as the native op reads them
spec("native_group_norm", N=size("N"), C=size("C"), HxW=size("HxW"), group=divisor, **{**GROUPED, **DENSE, "bias": DENSE["weight"]})
spec("group_norm", num_groups=divisor, **GROUPED)
spec("nn.functional.group_norm", num_groups=divisor, **GROUPED)
