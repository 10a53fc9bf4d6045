"""What is special about the inputs of products added to a third tensor: shapes that fit together, one dtype, finite factors."""

from typing import Any

from ..case import COMPLEX
from ..draft import Draft
from ..kinds import shaped
from ..source import Source
from ..spec import spec
from .matmul import BLAS, ONE

_FACTORS = (2, 1, -1, 0.5, -1.5, 3, True, 2.0, -2, 1e-3, 2.5)


def _factor(src: Source, draft: Draft) -> complex:
    """A finite number other than 0: what a BLAS does with 0 times infinity depends on its size and dtype."""
    choices = (*_FACTORS, 1j, 1 - 2j) if draft.dtype in COMPLEX else _FACTORS
    return choices[src.u8() % len(choices)]


def _weight(src: Source, draft: Draft) -> complex:
    """Of what is added: 0, too."""
    return (0, 0.0, False)[src.u8() % 3] if src.u8() > 220 else _factor(src, draft)


FACTORS: dict[str, Any] = {"beta": _weight, "alpha": _factor}

spec("addmm", self=shaped("n", "m"), mat1=shaped("n", "k", **ONE), mat2=shaped("k", "m", **ONE), **FACTORS, **BLAS)
spec("addmm[bias]", self=shaped("m"), mat1=shaped("n", "k", **ONE), mat2=shaped("k", "m", **ONE), **FACTORS, **BLAS)
spec("addmv", self=shaped("n"), mat=shaped("n", "k", **ONE), vec=shaped("k", **ONE), **FACTORS, **BLAS)
spec("baddbmm", self=shaped("b", "n", "m"), batch1=shaped("b", "n", "k", **ONE), batch2=shaped("b", "k", "m", **ONE), **FACTORS, **BLAS)
spec("addbmm", self=shaped("n", "m"), batch1=shaped("b", "n", "k", **ONE), batch2=shaped("b", "k", "m", **ONE), **FACTORS, **BLAS)
spec("addmm.dtype", self=shaped("n", "n", **ONE), mat1=shaped("n", "n", **ONE), mat2=shaped("n", "n", **ONE))
_SQUARES = shaped("b", "n", "n", **ONE)
spec("baddbmm.dtype", self=_SQUARES, batch1=_SQUARES, batch2=_SQUARES)
_ADDR = "PyTorch's compiler adds `beta * self` in one rounding, in which it cannot overflow; the gradients are products of a BLAS"
spec("addr", self=shaped("n", "m"), vec1=shaped("n"), vec2=shaped("m"), sums=True, why=_ADDR)
spec("addr[number]", self=shaped(), vec1=shaped("n"), vec2=shaped("m"), sums=True, why=_ADDR)
spec("addr[row]", self=shaped("m"), vec1=shaped("n"), vec2=shaped("m"), sums=True, why=_ADDR)
