"""What is special about the inputs of layer norm: the last dimensions, a scale and a level for each of their elements."""

from __future__ import annotations

from ..draft import Draft
from ..kinds import first_dtype, one_of, tensor
from ..source import Source
from ..spec import spec
from .batch_norm import ORDER


def last_dimensions(src: Source, draft: Draft) -> tuple[int, ...]:
    """The last one or more sizes of the input; of a number one that does not fit."""
    sides = draft.tensor("input").shape
    return sides[src.u8() % len(sides) :] if sides else (1,)


def sides(src: Source, draft: Draft) -> tuple[int, ...]:
    return tuple(draft.args["normalized_shape"])


FEATURES = tensor(sides, dtype=first_dtype)
for _key in ("native_layer_norm", "layer_norm", "nn.functional.layer_norm"):
    spec(_key, normalized_shape=last_dimensions, weight=FEATURES, bias=FEATURES, eps=one_of(1e-5, 0.1), sums=True, why=ORDER)
for _key in ("rms_norm", "nn.functional.rms_norm"):
    spec(_key, normalized_shape=last_dimensions, weight=FEATURES, eps=one_of(1e-5, 0.1), sums=True, why=ORDER)
