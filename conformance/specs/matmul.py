"""What is special about the inputs of products: shapes that fit together, and one dtype."""

from ..kinds import first_dtype, ranked, shaped
from ..spec import spec

ONE = {"dtype": first_dtype}

spec("mm", self=shaped("n", "k"), mat2=shaped("k", "m", **ONE))
spec("bmm", self=shaped("b", "n", "k"), mat2=shaped("b", "k", "m", **ONE))
spec("mv", self=shaped("n", "k"), vec=shaped("k", **ONE))
spec("dot", self=shaped("n"), tensor=shaped("n", **ONE))
spec("vdot", self=shaped("n"), other=shaped("n", **ONE))
spec("outer", self=ranked(1, 1), vec2=ranked(1, 1))
spec("addmm", self=shaped("n", "m"), mat1=shaped("n", "k", **ONE), mat2=shaped("k", "m", **ONE))
spec("addmm[bias]", self=shaped("m"), mat1=shaped("n", "k", **ONE), mat2=shaped("k", "m", **ONE))
spec("addmv", self=shaped("n"), mat=shaped("n", "k", **ONE), vec=shaped("k", **ONE))
spec("baddbmm", self=shaped("b", "n", "m"), batch1=shaped("b", "n", "k", **ONE), batch2=shaped("b", "k", "m", **ONE))
spec("addbmm", self=shaped("n", "m"), batch1=shaped("b", "n", "k", **ONE), batch2=shaped("b", "k", "m", **ONE))
spec("matmul", self=shaped("n", "k"), other=shaped("k", "m", **ONE))
spec("matmul[vectors]", self=shaped("k"), other=shaped("k", **ONE))
spec("matmul[left vector]", self=shaped("k"), other=shaped("*", "k", "m", **ONE))
spec("matmul[right vector]", self=shaped("*", "n", "k"), other=shaped("k", **ONE))
spec("matmul[batch]", self=shaped("*", "n", "k"), other=shaped("*", "k", "m", **ONE))
spec("matmul[left batch]", self=shaped("*", "n", "k"), other=shaped("k", "m", **ONE))
spec("matmul[right batch]", self=shaped("n", "k"), other=shaped("*", "k", "m", **ONE))
