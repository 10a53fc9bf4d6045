"""What is special about the inputs of ops on every tensor of a list at once."""

from ..draft import Draft
from ..kinds import number, tensors
from ..source import Source
from ..spec import spec


def _numbers(src: Source, draft: Draft) -> list[complex]:
    """A number for each tensor of the list, now and then one more."""
    return [number(src, draft) for _ in range(len(draft.args["self"]) + (src.u8() > 240))]


def _as_many(src: Source, draft: Draft):
    """A list of as many tensors, now and then of more."""
    count = len(draft.args["self"]) + (src.u8() > 240)
    return tensors(count, count)(src, draft)


WHY = "public in spite of its name"
for _key, _domain in (("List", {"other": _as_many}), ("Scalar", {}), ("ScalarList", {"scalars": _numbers})):
    spec(f"_foreach_maximum.{_key}", call=lambda m, self, *args, **more: m._foreach_maximum(self, *args, **more), why=WHY, **_domain)
