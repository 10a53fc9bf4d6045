"""What is special about the inputs of masked filling, picking out and writing."""

from ..kinds import broadcastable, draw_shape, first_dtype, like, tensor
from ..spec import spec


def enough(src, draft):
    """A size for all elements of the first tensor and a few more."""
    return tuple((draft.first().shape[0] + src.u8() % 2, *draft.first().shape[1:]) if draft.first().shape else (1 + src.u8() % 3,))


mask = tensor(broadcastable, dtype="bool")
spec("masked_fill.Scalar", mask=mask)
spec("masked_fill.Tensor", mask=mask, value=tensor(lambda src, draft: ()))
spec("masked_select", mask=mask)
spec(
    "masked_scatter", mask=mask, source=tensor(lambda src, draft: draft.full(src) if src.u8() < 160 else draw_shape(src), dtype=first_dtype)
)
spec("masked_scatter_backward", mask=like("grad_output", dtype="bool"), sizes=enough)
