"""Which ops have a call of their own for operands that are alike, and in which dtypes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import dtypes
from .schema import REQUIRED
from .silence import silent
from .tensor import wrap

if TYPE_CHECKING:
    from .declaration import Declaration
    from .op import Op

FAST = (dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128)


def specialisable(op: Declaration) -> int:
    """How many leading Tensor arguments a specialised call of `op` takes; 0 where there can be none."""
    arguments = op.schema.arguments
    count = len([a for a in arguments if a.is_tensor])
    fits = op.family.plan == "pointwise" and op.body is None and not op.family.underived and 1 <= count <= 2
    fits = fits and all(a.type == "Tensor" for a in arguments[:count]) and all(a.default is not REQUIRED for a in arguments[count:])
    return count if fits and op.promoted == tuple(range(count)) else 0


def result_dtypes(op: Op, count: int) -> dict[dtypes.dtype, dtypes.dtype]:
    """The dtypes of operands that are not promoted, each with that of the result; the others PyTorch refuses or promotes."""
    taken = {}
    defaults = [a.default for a in op.schema.arguments[count:]]
    for d in FAST:
        ones = [np.ones(2, d.np)] * count
        try:
            if op.family.promote([wrap(a, d) for a in ones]) is d:  # type: ignore[misc]  # a specialisable op promotes
                taken[d] = dtypes.OF_NUMPY[silent(op.kernel, *ones, *defaults).dtype]
        except (RuntimeError, NotImplementedError, TypeError):
            continue
    return taken
