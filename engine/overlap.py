"""Memory that what is written to shares with itself or with an operand: told as PyTorch tells it, and refused in its words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .geometry import address, strides_of
from .layout import dense
from .lazy import Lazy, parts
from .tensor import Tensor
from .unstored import refuse_writes

OVERLAP = (
    "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
    "Please clone() the tensor before performing the operation."
)
PARTIAL_OVERLAP = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. "
    "Please clone() the tensor before performing the operation."
)


def check_no_overlap(array: np.ndarray) -> None:
    """Raises RuntimeError where two elements of `array` are one place in memory, or none is in any."""
    refuse_writes(array)
    if 0 in array.strides and array.size and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True)):
        raise RuntimeError(OVERLAP)


def check_apart(written: Tensor, others: Iterable[Any]) -> None:
    """Raises RuntimeError where what is written to shares memory with itself, or with a tensor among the others.

    What reads as a conjugate shares none: PyTorch computes with a copy of it.
    """
    if type(written) is Lazy:
        return
    check_no_overlap(written._array)
    if any(isinstance(v, Tensor) and (v is written or overlaps(written._array, v._array)) for v in others):
        raise RuntimeError(PARTIAL_OVERLAP)


def check_no_partial_overlap(written: Tensor, values: Sequence[Any], exact: bool = True, as_stored: bool = False) -> None:
    """Raises RuntimeError where an operand shares part of the written tensor's memory: all of it, or none, is fine.

    Unless `exact` sides of 1 do not count, by which the shapes may differ. What reads as a conjugate shares none, as above, but
    `as_stored`.
    """
    out = parts(written)[0] if as_stored else written._array
    others = [v for v in values if isinstance(v, Tensor) and v is not written and v._array.size and out.size]
    start = address(out) if others else 0
    end = start + out.nbytes
    for v in others:
        a = parts(v)[0] if as_stored else v._array
        if a.base is None and out.base is None:  # each owns its memory
            continue
        begin = address(a)
        if begin < end and start < begin + a.nbytes and dense(a) and dense(out):
            if begin != start or a.nbytes != out.nbytes or _steps(a, exact) != _steps(out, exact):
                raise RuntimeError(PARTIAL_OVERLAP)


def _steps(array: np.ndarray, exact: bool) -> tuple[int, ...]:
    """The strides in elements; unless `exact` those that matter."""
    steps = strides_of(array)
    return steps if exact else tuple(s for s, n in zip(steps, array.shape, strict=True) if n != 1)


def same_elements(a: Any, b: Tensor) -> bool:
    """True for tensors that are the same elements of the same memory, in the same order."""
    if a is b:
        return True
    if not isinstance(a, Tensor) or type(a) is not type(b) or a._dtype is not b._dtype:
        return False
    (one, reads), (other, reads_too) = parts(a), parts(b)
    return reads == reads_too and one.shape == other.shape and one.strides == other.strides and address(one) == address(other)


def overlaps(self: np.ndarray, other: np.ndarray) -> bool:
    """True where some memory is part of both, as PyTorch tells: by the bounds of dense tensors."""
    if not self.size or not other.size or not dense(self) or not dense(other):
        return False
    return np.may_share_memory(self, other)
