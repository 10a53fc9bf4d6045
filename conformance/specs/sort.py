"""What is special about the inputs of sorting and choosing by rank."""

from dataclasses import replace

import numpy as np

from ..case import TensorValue
from ..draft import Draft
from ..kinds import between, tensor
from ..source import Source
from ..spec import spec

_dense = tensor(dense=True)


def distinct(src: Source, draft: Draft) -> TensorValue:
    """A tensor without ties (nor NaN), none of whose elements is shown twice."""
    made = _dense(src, draft)
    order = np.argsort(np.frombuffer(src.bytes(made.root.size), np.uint8), kind="stable")
    low = 0 if made.dtype in ("uint8", "bool") else order.size // 3
    return replace(made, root=(order - low).astype(made.root.dtype))


_OPEN = "PyTorch leaves open which of equal elements is chosen"

for _key in ("sort", "sort.stable", "argsort", "argsort.stable", "msort", "median", "nanmedian"):
    spec(_key)
spec("topk", self=distinct, k=between(0, 2), why=_OPEN)
spec("kthvalue", self=distinct, k=between(1, 3), why=_OPEN)
spec("median.dim", self=distinct, why=_OPEN)
spec("nanmedian.dim", self=distinct, why=_OPEN)
