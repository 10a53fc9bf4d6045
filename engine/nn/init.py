"""First values of parameters."""

from __future__ import annotations

import math

import numpy as np

from ..modes import no_grad
from ..randomness import numbers
from ..tensor import Tensor, counter_of


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Fill with numbers drawn evenly from `a <= x < b`; returns the tensor."""
    with no_grad():
        drawn = numbers().uniform(a, b, tuple(tensor.shape)) if tensor.numel() else np.empty(tuple(tensor.shape))
        tensor._array[...] = drawn
        if tensor._counter is not None:
            counter_of(tensor)[0] += 1
    return tensor


def fan_in_and_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs reach an output of a weight, and outputs an input. Raises ValueError for fewer than two dimensions."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def kaiming_uniform_(tensor: Tensor, a: float = 0.0) -> Tensor:
    """Fill evenly within the bound that keeps variances through leaky rectifiers of slope `a`. Source: He et al. 2015."""
    if not tensor.numel():
        return tensor
    bound = math.sqrt(2.0 / (1 + a * a)) * math.sqrt(3.0 / fan_in_and_out(tensor)[0])
    return uniform_(tensor, -bound, bound)
