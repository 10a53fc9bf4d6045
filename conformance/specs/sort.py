"""What is special about the inputs of sorting and choosing by rank."""

from ..kinds import between, distinct
from ..spec import spec

_OPEN = "PyTorch leaves open which of equal elements is chosen"

for _key in ("sort", "sort.stable", "argsort", "argsort.stable", "msort", "median", "nanmedian"):
    spec(_key)
spec("topk", self=distinct, k=between(0, 2), why=_OPEN)
spec("kthvalue", self=distinct, k=between(1, 3), why=_OPEN)
spec("median.dim", self=distinct, why=_OPEN)
spec("nanmedian.dim", self=distinct, why=_OPEN)
