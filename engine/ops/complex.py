"""Complex numbers: conjugates, parts, and complex seen as pairs of reals."""

from __future__ import annotations

import numpy as np

from ..op import F, composite, op, plain, view

op("_conj(Tensor(a) self) -> Tensor(a)", plain(np.conj, method=False, function=False), self=lambda g: g.conj())


@composite("conj(Tensor(a) self) -> Tensor(a)")
def conj(self):
    return F._conj(self) if self.is_complex() else self
