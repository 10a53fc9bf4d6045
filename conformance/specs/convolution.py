"""What is special about the inputs of convolutions: channels in groups, and windows that fit into the padded input."""

from __future__ import annotations

from typing import Any

from .. import values
from ..draft import SIDE_OF, Draft
from ..kinds import Kind, always, first_dtype, one_of, tensor
from ..source import Source
from ..spec import spec


def numbers(src: Source, draft: Draft) -> dict[str, int]:
    """Groups, channels of a group that go in and come out, and whether the convolution is transposed: drawn once for a case."""
    sides = draft._sides
    if "groups" not in sides:
        sides["groups"] = (1, 2, 1, 3)[src.u8() // 64]
        sides["in"], sides["out"] = (1, 2, 3, 2)[src.u8() % 4] if src.u8() < 245 else 0, (1, 2, 3, 2)[src.u8() % 4]
        sides["transposed"] = int(src.u8() >= 170) if "transposed" in draft.op.schema.names else 0
    return sides


def image(src: Source, draft: Draft) -> tuple[int, ...]:
    """Samples, channels and two sides; conv2d may get one sample alone."""
    given = numbers(src, draft)
    lead = (SIDE_OF[src.u8()],) if draft.op.key == "convolution" or src.u8() < 200 else ()
    return (*lead, given["groups"] * given["in"], *(max(SIDE_OF[src.u8()], 1) for _ in range(2)))


def kernel(src: Source, draft: Draft) -> tuple[int, ...]:
    """As many rows as channels come out, and sides that are rarely longer than the image's."""
    given = numbers(src, draft)
    shape = draft.tensor("input").shape
    sides = [1 + src.u8() % (min(n, 3) if src.u8() < 240 else 3) for n in shape[-2:]]
    rows, columns = (given["in"], given["out"]) if given["transposed"] else (given["out"], given["in"])
    return (given["groups"] * rows, columns, *sides)


def per_channel(src: Source, draft: Draft) -> tuple[int, ...]:
    given = numbers(src, draft)
    return (given["groups"] * given["out"],)


def room(src: Source, draft: Draft) -> tuple[int, int]:
    """Padding that leaves a transposed convolution at least one position."""
    found = (0, 0), (1, 1), (0, 1)
    sides, kernel = draft.tensor("input").shape[2:], draft.tensor("weight").shape[2:]
    drawn = found[src.u8() % 3]
    fits = all(n - 1 + k > 2 * p for n, k, p in zip(sides, kernel, drawn, strict=True))
    return drawn if fits or not numbers(src, draft)["transposed"] else (0, 0)


def given(name: str) -> Kind:
    return always(lambda src, draft: numbers(src, draft)[name])


FACTOR: dict[str, Any] = {"dtype": first_dtype, "values_in": values.small}
NUMBERS: dict[str, Any] = {
    "input": tensor(image, values_in=values.small),
    "weight": tensor(kernel, **FACTOR),
    "bias": tensor(per_channel, **FACTOR),
    "groups": given("groups"),
    "sums": True,
    "why": "oneDNN adds in an order of its own, and whether what it multiplies with infinity is a padded zero is its choice as well",
}

spec("conv2d", stride=one_of(1, 2, (1, 2), (3, 1)), padding=one_of(0, 1, (0, 1), (2, 1)), dilation=one_of(1, 1, 2, (1, 2)), **NUMBERS)
spec("convolution", stride=one_of((1, 1), (2, 2), (1, 2)), padding=room, dilation=one_of((1, 1), (1, 1), (2, 1)),
     transposed=lambda src, draft: bool(numbers(src, draft)["transposed"]), output_padding=one_of((0, 0)), **NUMBERS)  # fmt: skip
spec("conv2d.padding", stride=one_of(1, 1, 1, 2), padding=one_of("valid", "same", "same"), dilation=one_of(1, 1, 2, (1, 2)), **NUMBERS)
