"""What is special about the inputs of products: shapes that fit together, and one dtype."""

from typing import Any

from ..case import COMPLEX
from ..draft import Draft
from ..kinds import first_dtype, ranked, shaped
from ..source import Source
from ..spec import spec

_FACTORS = (2, 1, -1, 0.5, -1.5, 3, True, 2.0, -2, 1e-3, 2.5)


def _factor(src: Source, draft: Draft) -> complex:
    """A finite number other than 0: what a BLAS does with 0 times infinity depends on its size and dtype."""
    choices = (*_FACTORS, 1j, 1 - 2j) if draft.dtype in COMPLEX else _FACTORS
    return choices[src.u8() % len(choices)]


def _weight(src: Source, draft: Draft) -> complex:
    """Of what is added: 0, too."""
    return (0, 0.0, False)[src.u8() % 3] if src.u8() > 220 else _factor(src, draft)


ONE = {"dtype": first_dtype}
FACTORS: dict[str, Any] = {"beta": _weight, "alpha": _factor}
BLAS: dict[str, Any] = {"sums": True, "why": "a BLAS adds in an order of its own, which decides the sign of a zero"}

spec("mm", self=shaped("n", "k"), mat2=shaped("k", "m", **ONE), **BLAS)
spec("bmm", self=shaped("b", "n", "k"), mat2=shaped("b", "k", "m", **ONE), **BLAS)
spec("mv", self=shaped("n", "k"), vec=shaped("k", **ONE), **BLAS)
spec("dot", self=shaped("n"), tensor=shaped("n", **ONE), **BLAS)
spec("vdot", self=shaped("n"), other=shaped("n", **ONE), **BLAS)
spec("outer", self=ranked(1, 1), vec2=ranked(1, 1))
spec("addmm", self=shaped("n", "m"), mat1=shaped("n", "k", **ONE), mat2=shaped("k", "m", **ONE), **FACTORS, **BLAS)
spec("addmm[bias]", self=shaped("m"), mat1=shaped("n", "k", **ONE), mat2=shaped("k", "m", **ONE), **FACTORS, **BLAS)
spec("addmv", self=shaped("n"), mat=shaped("n", "k", **ONE), vec=shaped("k", **ONE), **FACTORS, **BLAS)
spec("baddbmm", self=shaped("b", "n", "m"), batch1=shaped("b", "n", "k", **ONE), batch2=shaped("b", "k", "m", **ONE), **FACTORS, **BLAS)
spec("addbmm", self=shaped("n", "m"), batch1=shaped("b", "n", "k", **ONE), batch2=shaped("b", "k", "m", **ONE), **FACTORS, **BLAS)
spec("matmul", self=shaped("n", "k"), other=shaped("k", "m", **ONE), **BLAS)
spec("matmul[vectors]", self=shaped("k"), other=shaped("k", **ONE), **BLAS)
spec("matmul[left vector]", self=shaped("k"), other=shaped("*", "k", "m", **ONE), **BLAS)
spec("matmul[right vector]", self=shaped("*", "n", "k"), other=shaped("k", **ONE), **BLAS)
spec("matmul[batch]", self=shaped("*", "n", "k"), other=shaped("*", "k", "m", **ONE), **BLAS)
spec("matmul[left batch]", self=shaped("*", "n", "k"), other=shaped("k", "m", **ONE), **BLAS)
spec("matmul[right batch]", self=shaped("n", "k"), other=shaped("*", "k", "m", **ONE), **BLAS)
for _name, _arguments in {"mm": ("self", "mat2"), "addmm": ("self", "mat1", "mat2")}.items():
    spec(f"{_name}.dtype", **{a: shaped("n", "n", **ONE) for a in _arguments})
for _name, _arguments in {"bmm": ("self", "mat2"), "baddbmm": ("self", "batch1", "batch2")}.items():
    spec(f"{_name}.dtype", **{a: shaped("b", "n", "n", **ONE) for a in _arguments})
