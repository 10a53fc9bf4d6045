"""What is special about the inputs of powers."""

from ..kinds import one_of
from ..spec import spec

for _key in ("pow.Tensor_Scalar", "pow.Tensor_Tensor", "square"):
    spec(_key)
spec("pow.Scalar", self=one_of(2, 0.5, 1, 0, -1, -1.5, 3, 2.5, 0.0, 1j, 1 - 2j, 10), why="a bool base breaks PyTorch's own backward")
