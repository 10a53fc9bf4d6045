"""What is special about the inputs of copies, casts and writes."""

from engine.dtypes import OF_NAME

from ..case import Named
from ..draft import broadcastable
from ..kinds import dtype_name, one_of, tensor
from ..spec import spec


def _same_width(src, draft):
    """A dtype as wide as that of `self`, or one that its last dimension divides into."""
    of = {
        1: ("uint8", "int8", "bool"),
        2: ("int16", "float16", "bfloat16"),
        4: ("int32", "float32"),
        8: ("int64", "float64", "complex64"),
        16: ("complex128",),
    }
    width = OF_NAME[draft.first().dtype].itemsize
    how = src.u8()
    width = width if how < 150 else (1, 2, 4, 8, 16)[how % 5]
    return Named(of[width][src.u8() % len(of[width])])


_FORMAT = one_of(Named("contiguous_format"), Named("preserve_format"), None)
spec("clone", memory_format=_FORMAT)
spec("contiguous", memory_format=one_of(Named("contiguous_format")))
spec("_to_copy", dtype=dtype_name, non_blocking=one_of(False), memory_format=_FORMAT)
_PYTHON = "Python's `to` takes its arguments in an order of its own"
spec("to.dtype", memory_format=_FORMAT, call=lambda m, self, **more: self.to(**more), why=_PYTHON)
spec("to.device", device=one_of("cpu"), memory_format=_FORMAT, call=lambda m, self, **more: self.to(**more), why=_PYTHON)
spec("to.other", memory_format=_FORMAT, call=lambda m, self, other, **more: self.to(other, **more), why=_PYTHON)
for _key in ("alias", "type_as", "detach", "detach_", "zero_", "fill.Scalar", "fill_.Scalar"):
    spec(_key)
spec("view.dtype", dtype=_same_width)
spec("copy_", src=tensor(broadcastable))
for _key in ("fill.Tensor", "fill_.Tensor"):
    spec(_key, value=tensor(lambda src, draft: ()))
