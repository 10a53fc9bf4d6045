"""What is special about the inputs of batch and instance norm: a channel dimension, and numbers for each channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import values
from ..draft import Draft, draw_shape
from ..kinds import Kind, always, boolean, first_dtype, one_of, ranked, tensor
from ..source import Source
from ..spec import spec


def channels(src: Source, draft: Draft) -> tuple[int, ...]:
    """As many numbers as there are channels."""
    return draft.tensor("input").shape[1:2]


def parameter_dtype(src: Source, draft: Draft) -> str:
    """That of the input; for one of 16 bits in half of the cases float32 in all parameters."""
    wide = draft._sides.setdefault("wide parameters", src.u8()) >= 128
    return "float32" if wide and draft.tensor("input").dtype in ("float16", "bfloat16") else first_dtype(src, draft)


def moved(kind: Kind, least: int = 60) -> Kind:
    """A running statistic, which may not require grad; both are there or none is."""

    def draw(src: Source, draft: Draft) -> Any:
        there = draft._sides.setdefault("statistics", src.u8()) >= least
        return replace(kind(src, draft), requires_grad=False) if there else None

    draw.always = True  # type: ignore[attr-defined]  # a kind's attribute on a function
    return draw


def with_channels(src: Source, draft: Draft) -> tuple[int, ...]:
    """Some samples, some channels, and any dimensions behind them."""
    sides = draw_shape(src, 2, 5)
    return (max(sides[0], 1), max(sides[1], 1), *sides[2:])


# Dense, for PyTorch's backward reads the numbers next to each other whatever their strides.
PARAMETER = tensor(channels, dtype=parameter_dtype, dense=True)
POSITIVE = tensor(channels, dtype=parameter_dtype, values_in=values.nonnegative, dense=True)
NUMBERS: dict[str, Any] = {"weight": PARAMETER, "bias": PARAMETER, "momentum": one_of(0.1, 0.5, 1.0, 0.0, -1.2), "eps": one_of(1e-5, 0.1)}
SAMPLES: dict[str, Any] = {"input": ranked(2, 5), "running_mean": moved(PARAMETER), "running_var": moved(POSITIVE)}


def native(m: Any, **given: Any) -> Any:
    """The native op, where what is given has the sizes it reads."""
    input, training = given.get("input"), given.get("training", True)
    for name in ("weight", "bias", "running_mean", "running_var"):
        t = given.get(name)
        if hasattr(t, "numel") and hasattr(input, "ndim") and (input.ndim < 2 or t.numel() != input.shape[1]):
            raise ValueError(f"{name} would be read beyond its end")
        if t is None and name.startswith("running") and not training:
            raise ValueError(f"{name} would be read where there is none")
    return m.native_batch_norm(**given)


ORDER = "mean and variance are sums in an order of the library's own"
spec("native_batch_norm", call=native, samples=1, sums=True,
     why=f"PyTorch does not look whether sizes fit, divides by them, and crashes; {ORDER}",
     input=tensor(with_channels), running_mean=moved(PARAMETER, 0), running_var=moved(POSITIVE, 0), **NUMBERS)  # fmt: skip
CRASH: dict[str, Any] = {
    "samples": 1, "sums": True,
    "why": f"in a batch without samples PyTorch's backward divides the integer 0 by itself and crashes; {ORDER}",
}  # fmt: skip
spec("batch_norm", **SAMPLES, **NUMBERS, **CRASH)
spec("nn.functional.batch_norm", training=always(boolean), **SAMPLES, **NUMBERS, **CRASH)
spec("instance_norm", **SAMPLES, **NUMBERS, **CRASH)
spec("nn.functional.instance_norm", **SAMPLES, **NUMBERS, **CRASH)
