"""What is special about the inputs of the largest and smallest elements."""

from ..draft import broadcastable
from ..kinds import tensor
from ..spec import spec

for _key in ("max.dim", "min.dim", "argmax", "argmin"):
    spec(_key)
for _key in ("max", "min", "amax", "amin", "aminmax"):
    spec(_key, zeros=True, why="which of two equal zeros PyTorch keeps depends on whether its vector loop ran")
for _key in ("max.other", "min.other"):
    spec(_key, other=tensor(broadcastable))
