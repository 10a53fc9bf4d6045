"""What is special about the inputs of views taken in place."""

from ..kinds import dim_of, dims_of, ranked
from ..spec import spec
from .part import _bounded_offset, _bounded_size, _bounded_stride

spec("squeeze_.dims", dim=dims_of())
spec("unsqueeze_", dim=dim_of(extra=1))
spec("t_", self=ranked(0, 2))
spec("swapaxes_", axis0=dim_of(), axis1=dim_of())
spec("as_strided_", size=_bounded_size, stride=_bounded_stride, storage_offset=_bounded_offset)
for _key in ("squeeze_", "squeeze_.dim", "transpose_", "swapdims_"):
    spec(_key)
