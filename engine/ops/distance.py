"""Distances between rows: the p-norm of the difference of every pair of rows of one matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..calls import FUNCTIONS, Form
from ..op import OPS, F, Op, composite, op, plain
from ..registry import OVERLOADS
from ..tensor import Tensor
from .arithmetic import not_implemented
from .normalization import constant_of


# -- forward ---------------------------------------------------------------------------------------------------------------------
def pdist_kernel(self: np.ndarray, p: float) -> np.ndarray:
    """The distances of the rows (0, 1), (0, 2), ..., (1, 2), ...: as many as there are pairs."""
    if not self.flags.c_contiguous:
        raise RuntimeError("_pdist_forward requires contiguous input")
    first, second = np.triu_indices(len(self), 1)
    if not first.size or not self.shape[1]:
        return np.zeros(first.size, self.dtype)
    check_dtype(self, "pdist")
    apart = np.abs(self[first] - self[second])
    return np.asarray(norms(apart, self.dtype.type(p)))


def check_dtype(self: np.ndarray, name: str) -> None:
    """Raises NotImplementedError for all but single and double precision."""
    if self.dtype.char not in "fd":
        raise not_implemented(name, self)


def norms(apart: np.ndarray, p: Any) -> np.ndarray:
    """The norm of order `p` of every row of absolute values; of order 0 how many are not zero."""
    if p == 0:
        return np.minimum(np.ceil(apart), 1).sum(1)
    if p == 1:
        return apart.sum(1)
    if p == 2:
        return np.sqrt((apart * apart).sum(1))
    if p == math.inf:
        return apart.max(1)
    return ((apart**p).sum(1) ** (1 / np.float64(p))).astype(apart.dtype)  # of which PyTorch takes the last power in double precision


# -- backward --------------------------------------------------------------------------------------------------------------------
def pdist_backward(grad: np.ndarray, self: np.ndarray, p: float, pdist: np.ndarray) -> np.ndarray:
    """What arrives at each row: from each pair the same with two signs, added up in the order of the pairs as PyTorch does."""
    check_dtype(self, "pdist_backward")
    made = np.zeros(self.shape, self.dtype)
    if not grad.size or not self.size or p == 0:
        return made
    start, order = 0, self.dtype.type(p)
    for i in range(len(self) - 1):
        pairs = slice(start, start + len(self) - 1 - i)
        parts = slopes(self[i] - self[i + 1 :], grad[pairs, None], pdist[pairs, None], order)
        made[i + 1 :] -= parts
        made[i] = np.add.accumulate(np.concatenate([made[i : i + 1], parts]))[-1]
        start = pairs.stop
    return made


def slopes(apart: np.ndarray, grad: np.ndarray, dist: np.ndarray, p: Any) -> np.ndarray:
    """The gradient of each distance with respect to the first of its two rows; zero where they are one, PyTorch's subgradient.

    Of order infinity each difference that is the distance gets all of it, and any other nothing.
    """
    sign = np.sign(apart)
    if p == 1:
        return np.asarray(grad * sign)
    if p == math.inf:
        return np.asarray(grad * sign * (1 - np.minimum(1, np.ceil(np.abs(np.abs(apart) - dist)))))
    if p == 2:
        found = grad * apart / dist
    elif p < 2:
        found = sign * np.abs(apart) ** (p - 1) * grad / dist ** (p - 1)
        found = np.where((apart == 0) & (p < 1), 0, found)
    else:
        found = apart * np.abs(apart) ** (p - 2) * grad / dist ** (p - 1)
    return np.where(dist == 0, 0, found).astype(apart.dtype, copy=False)


# -- the ops ---------------------------------------------------------------------------------------------------------------------
BACKWARD = Op(
    "_pdist_backward(Tensor grad, Tensor self, float p, Tensor pdist) -> Tensor",
    plain(pdist_backward, jvp=None),
    dict.fromkeys(("grad", "self", "pdist"), constant_of("_pdist_backward")),
)


def pdist_rule(g: Any, self: Any, p: float, result: Any) -> Any:
    return pdist_backward(g, self, p, result) if isinstance(g, np.ndarray) else BACKWARD.run([g, self, p, result])


op("_pdist_forward(Tensor self, float p=2.) -> Tensor",
   plain(pdist_kernel, node="PdistBackward0", function=False, method=False, stepwise=True, jvp=None),
   self=pdist_rule)  # fmt: skip


def distances(self: Tensor, p: float) -> Tensor:
    if self.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {self.ndim}D")
    if not self._dtype.is_floating_point:
        raise RuntimeError("pdist only supports floating-point dtypes")
    if not p >= 0:
        raise RuntimeError("pdist only supports non-negative p values")
    made: Tensor = OPS["_pdist_forward"].run([F.contiguous(self), p])
    return made


composite("pdist(Tensor self, float p=2.) -> Tensor", method=False)(distances)
composite("nn.functional.pdist(Tensor input, float p=2) -> Tensor")(distances)
# PyTorch's two are one function.
FUNCTIONS["nn.functional.pdist"] = Form("pdist", OVERLOADS["nn.functional.pdist"].ops, "function", False)
