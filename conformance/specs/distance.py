"""What is special about the inputs of distances between rows."""

from ..draft import Draft
from ..kinds import floating, one_of, tensor
from ..source import Source
from ..spec import spec

_ORDERS = one_of(2.0, 1.0, 3.0, float("inf"), 0.0, 0.5, 2.5, 1.5, -1.0)
_OPEN = "the order of the additions is the library's own, and with it the sign of a sum that is zero"


def _some_rows(src: Source, draft: Draft) -> tuple[int, ...]:
    """A matrix of one row or more: of none PyTorch's backward reads beyond its memory, and the process may die."""
    return (draft.side(src, "n") or 1, draft.side(src, "m"))


_rows = tensor(_some_rows)
for _key, _name in (("pdist", "self"), ("nn.functional.pdist", "input")):
    spec(_key, sums=True, why=_OPEN, p=_ORDERS, **{_name: _rows})
spec("_pdist_forward", sums=True, why=_OPEN, self=tensor(_some_rows, dtype=floating, dense=True), p=_ORDERS)
