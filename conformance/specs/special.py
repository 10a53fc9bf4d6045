"""What is special about the inputs of error functions, gamma functions and the logistic function."""

import numpy as np

from ..kinds import between, first_dtype, like, tensor
from ..spec import spec


def not_far_below(v):
    """At least -1000, or a whole number."""
    return np.where((v < -1000) & (v != np.floor(v)), -2.25, v)


for _key in ("sigmoid", "erf", "erfc", "lgamma", "digamma", "logit"):
    spec(_key)
spec("polygamma", n=between(0, 3), self=tensor(values_in=not_far_below), why="PyTorch counts up from a negative number one by one")


def moderate(v):
    """Between 1 and 17."""
    return 1 + np.abs(np.where(np.isfinite(v), v, 1)) % 16


for _key in ("igamma", "igammac"):
    spec(
        _key,
        self=tensor(values_in=moderate),
        other=tensor(values_in=moderate),
        ulp=256,
        why="SciPy's series and PyTorch's each lose up to two digits of float64; arguments far from one they lose more of",
    )
spec("logit_backward", self=like("grad_output", dtype=first_dtype))
