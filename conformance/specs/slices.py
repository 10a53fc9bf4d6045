"""What is special about the inputs of slices at positions and of flat positions."""

from __future__ import annotations

from ..case import TensorValue
from ..kinds import Draft, draw_shape, first_dtype, integer_index, integer_values, like, tensor
from ..source import Source
from ..spec import spec
from .arithmetic import FUSED

vector = integer_index(shape="vector")


def slices(src: Source, draft: Draft) -> tuple[int, ...]:
    """The shape of `self` with as many slices in `dim` as the index has positions."""
    self, count = draft.tensor("self"), draft.tensor("index").size
    if not self.ndim:
        return ()
    dim = draft.int("dim") % self.ndim
    return (*self.shape[:dim], count, *self.shape[dim + 1 :])


def flat(src: Source, draft: Draft) -> TensorValue:
    """Positions in the flattened tensor, from either end."""
    size = draft.tensor("self").size
    return integer_values(-size, size, lambda s, d: draw_shape(s, 0, 2) if size else (0,))(src, draft)


spec("index_select", index=vector)
spec("index_add", index=vector, source=tensor(slices, dtype=first_dtype), **FUSED)
spec("index_copy", index=vector, source=tensor(slices, dtype=first_dtype))
spec("index_fill.int_Scalar", index=vector)
spec("index_fill.int_Tensor", index=vector, value=tensor(lambda src, draft: ()))
spec("take", index=flat)
spec("put", index=flat, source=like("index", dtype=first_dtype))
spec("nonzero")
spec("argwhere")
