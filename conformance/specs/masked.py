"""What is special about the inputs of masked filling, picking out and writing."""

from ..kinds import broadcastable, draw_shape, first_dtype, tensor
from ..spec import spec

mask = tensor(broadcastable, dtype="bool")
spec("masked_fill.Scalar", mask=mask)
spec("masked_fill.Tensor", mask=mask, value=tensor(lambda src, draft: ()))
spec("masked_select", mask=mask)
spec(
    "masked_scatter", mask=mask, source=tensor(lambda src, draft: draft.full(src) if src.u8() < 160 else draw_shape(src), dtype=first_dtype)
)
