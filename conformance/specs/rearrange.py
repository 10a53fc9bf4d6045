"""What is special about the inputs of copied parts, unsafe pieces and spread diagonals."""

from ..kinds import always, between, dim_of, ranked
from ..spec import spec
from .part import _fitting, _parts, _split_dim, _split_self, _start

spec("narrow_copy", self=ranked(1), dim=always(dim_of()), start=_start, length=_fitting)
spec("unsafe_split.Tensor", self=ranked(1), split_size=between(1, 4))
spec("unsafe_split_with_sizes", self=_split_self, dim=always(_split_dim), split_sizes=_parts)
spec("unsafe_chunk", self=ranked(1), chunks=between(1, 4))
spec("diag_embed", self=ranked(1), offset=between(-2, 2), dim1=dim_of(extra=1), dim2=dim_of(extra=1))
for _rank in (1, 2, 3):
    spec(f"atleast_{_rank}d")
    spec(f"atleast_{_rank}d.Sequence")
