"""What is special about the inputs of conjugates, parts and pairs of reals."""

from ..draft import broadcastable
from ..kinds import first_dtype, tensor
from ..spec import spec


def _complex(src, draft):
    """A complex dtype."""
    return ("complex64", "complex128")[src.u8() & 1]


def _pair_dtype(src, draft):
    return ("float32", "float64")[src.u8() & 1]


_complex_tensor = tensor(dtype=_complex)
for _key in ("view_as_real", "imag", "real", "conj", "conj_physical", "resolve_conj", "resolve_neg"):
    spec(_key, self=_complex_tensor)
_UNDERSCORE = "public in spite of its name"
spec("_conj", self=_complex_tensor, call=lambda m, self, **more: m._conj(self, **more), why=_UNDERSCORE)
spec("_conj_physical", self=_complex_tensor, call=lambda m, self, **more: m._conj_physical(self, **more), why=_UNDERSCORE)
spec("_neg_view", call=lambda m, self, **more: m._neg_view(self, **more), why=_UNDERSCORE)
spec("conj_physical_", self=_complex_tensor)
for _key, _first, _second in (("complex", "real", "imag"), ("polar", "abs", "angle")):
    spec(_key, **{_first: tensor(broadcastable, dtype=_pair_dtype), _second: tensor(broadcastable, dtype=first_dtype)})
spec("view_as_complex", self=tensor(lambda src, draft: (*draft.full(src)[:3], 2), dtype=_pair_dtype))
