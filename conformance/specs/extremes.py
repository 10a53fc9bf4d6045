"""What is special about the inputs of the largest and smallest elements."""

from ..case import FLOATING, OMITTED, Case
from ..draft import broadcastable
from ..kinds import tensor
from ..spec import spec

LANES = {d: 4 if d == "float64" else 8 for d in FLOATING}  # of the shortest vectors that PyTorch's loop over all elements takes


def in_vectors(case: Case) -> bool:
    """True where all elements are reduced, and more than one vector holds."""
    return case.args.get("dim") in (None, OMITTED) and any(t.size > LANES.get(t.dtype, t.size) for t in case.tensors().values())


for _key in ("amax", "amin", "max.dim", "min.dim", "argmax", "argmin"):
    spec(_key)
for _key in ("max", "min", "aminmax"):
    spec(_key, zeros=in_vectors, why="which of two equal zeros PyTorch keeps depends on what its vector loop over all elements leaves over")
for _key in ("max.other", "min.other"):
    spec(_key, other=tensor(broadcastable))
