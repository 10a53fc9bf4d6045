"""What is special about the inputs of the largest and smallest elements."""

from ..draft import broadcastable
from ..kinds import tensor
from ..spec import spec

for _key in ("amax", "amin", "max", "max.dim", "min", "min.dim", "argmax", "argmin", "aminmax"):
    spec(_key)
for _key in ("max.other", "min.other"):
    spec(_key, other=tensor(broadcastable))
