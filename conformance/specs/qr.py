"""What is special about the inputs of the QR decomposition."""

import numpy as np

from ..case import DIFFERENTIABLE, NUMPY, TensorValue
from ..draft import Draft
from ..kinds import one_of, shaped
from ..source import Source
from ..spec import spec

_OPEN = "the order of the additions is LAPACK's own, and with it the sign of a sum that is zero"
_any = shaped("*", "m", "n")


def _regular(src: Source, draft: Draft) -> TensorValue:
    """Matrices far from singular ones, of which rounding alone decides what the factors are."""
    drawn = _any(src, draft)
    if drawn.dtype not in DIFFERENTIABLE:
        return drawn
    count = int(np.prod(drawn.shape))
    parts = (np.frombuffer(src.bytes(2 * count), np.uint8) % 33).astype(np.float64) / 16 - 1
    numbers = parts[:count] + (1j * parts[count:] if drawn.dtype.startswith("complex") else 0)
    matrices = numbers.reshape(drawn.shape)
    side = min(drawn.shape[-2:])
    matrices[..., range(side), range(side)] += 12
    by_column = src.u8() > 160
    root = (matrices.swapaxes(-1, -2) if by_column else matrices).reshape(-1).astype(NUMPY[drawn.dtype])
    m, n = drawn.shape[-2:]
    outer = [int(np.prod(drawn.shape[d + 1 :])) for d in range(len(drawn.shape) - 2)]
    return TensorValue(drawn.dtype, root, drawn.shape, (*outer, *((1, m) if by_column else (n, 1))), 0, drawn.requires_grad)


spec("linalg.qr", sums=True, why=_OPEN, A=_regular, mode=one_of("reduced", "complete"))
spec("linalg.qr[r]", sums=True, why=_OPEN, A=_regular, mode="r")
spec("qr", sums=True, why=_OPEN, self=_regular)
