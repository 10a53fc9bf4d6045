"""What is special about the inputs of products: shapes that fit together, and one dtype."""

from typing import Any

from ..kinds import first_dtype, ranked, shaped
from ..spec import spec

ONE = {"dtype": first_dtype}
BLAS: dict[str, Any] = {"sums": True, "why": "a BLAS adds in an order of its own, which decides the sign of a zero and how sums overflow"}

spec("mm", self=shaped("n", "k"), mat2=shaped("k", "m", **ONE), **BLAS)
spec("bmm", self=shaped("b", "n", "k"), mat2=shaped("b", "k", "m", **ONE), **BLAS)
spec("mv", self=shaped("n", "k"), vec=shaped("k", **ONE), **BLAS)
spec("dot", self=shaped("n"), tensor=shaped("n", **ONE), **BLAS)
spec("vdot", self=shaped("n"), other=shaped("n", **ONE), **BLAS)
spec("outer", self=ranked(1, 1), vec2=ranked(1, 1))
spec("matmul", self=shaped("n", "k"), other=shaped("k", "m", **ONE), **BLAS)
spec("matmul[vectors]", self=shaped("k"), other=shaped("k", **ONE), **BLAS)
spec("matmul[left vector]", self=shaped("k"), other=shaped("*", "k", "m", **ONE), **BLAS)
spec("matmul[right vector]", self=shaped("*", "n", "k"), other=shaped("k", **ONE), **BLAS)
spec("matmul[batch]", self=shaped("*", "n", "k"), other=shaped("*", "k", "m", **ONE), **BLAS)
spec("matmul[left batch]", self=shaped("*", "n", "k"), other=shaped("k", "m", **ONE), **BLAS)
spec("matmul[right batch]", self=shaped("n", "k"), other=shaped("*", "k", "m", **ONE), **BLAS)
spec("mm.dtype", self=shaped("n", "n", **ONE), mat2=shaped("n", "n", **ONE))
spec("bmm.dtype", self=shaped("b", "n", "n", **ONE), mat2=shaped("b", "n", "n", **ONE))
