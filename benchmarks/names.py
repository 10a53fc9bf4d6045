"""PyTorch's names for what MyGrad and HIPS autograd call otherwise; a name one of them cannot give says so."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

SAME = "exp log sin sqrt abs where cumsum matmul maximum reshape"


class Inexpressible(NotImplementedError):
    """A workload that this backend has no words for; its column shows `-`."""


class Partial(SimpleNamespace):
    """A namespace that knows a few names and says so of the others."""

    def __getattr__(self, name: str) -> Any:
        raise Inexpressible(name)


class Names(Partial):
    """What both adapters share: NumPy's functions under PyTorch's names, and softmax and its relatives from their parts."""

    def __init__(self, numpy: Any):
        self.numpy = numpy
        for name in SAME.split():
            setattr(self, name, getattr(numpy, name))
        self.bmm = self.mm = numpy.matmul
        self.cat = numpy.concatenate
        self.nn = Partial(functional=Partial(linear=self._linear, cross_entropy=self._cross_entropy))

    def sum(self, x: Any, dim: Any = None) -> Any:
        return self.numpy.sum(x, axis=dim)

    def mean(self, x: Any, dim: Any = None) -> Any:
        return self.numpy.mean(x, axis=dim)

    def var(self, x: Any, dim: Any = None) -> Any:
        return self.numpy.var(x, axis=dim, ddof=1)

    def amax(self, x: Any, dim: Any = None) -> Any:
        return self.numpy.max(x, axis=dim)

    def transpose(self, x: Any, dim0: int, dim1: int) -> Any:
        return self.numpy.swapaxes(x, dim0, dim1)

    def index_select(self, x: Any, dim: int, index: Any) -> Any:
        return x[(slice(None),) * dim + (index,)]

    def gather(self, x: Any, dim: int, index: Any) -> Any:
        """Along the last dimension of a matrix, which is what the workloads gather along."""
        return x[np.arange(len(index))[:, None], index]

    def logsumexp(self, x: Any, dim: int) -> Any:
        top = np.max(self._data(x), axis=dim, keepdims=True)
        return self.log(self.numpy.sum(self.exp(x - top), axis=dim)) + np.squeeze(top, dim)

    def _linear(self, x: Any, weight: Any, bias: Any) -> Any:
        return self.numpy.matmul(x, self.numpy.swapaxes(weight, 0, 1)) + bias

    def _data(self, x: Any) -> np.ndarray:
        raise NotImplementedError

    def _cross_entropy(self, x: Any, target: Any) -> Any:
        raise NotImplementedError


class MyGradNames(Names):
    def __init__(self, mygrad: Any):
        super().__init__(mygrad)
        activations = importlib.import_module("mygrad.nnet.activations")
        self.losses = importlib.import_module("mygrad.nnet.losses")
        self.tanh, self.sigmoid, self.relu = activations.tanh, activations.sigmoid, activations.relu
        self.softmax, self.log_softmax = activations.softmax, activations.logsoftmax

    def _data(self, x: Any) -> np.ndarray:
        return np.asarray(x.data)

    def _cross_entropy(self, x: Any, target: Any) -> Any:
        return self.losses.softmax_crossentropy(x, target)


class HipsNames(Names):
    def __init__(self) -> None:
        super().__init__(importlib.import_module("autograd.numpy"))
        special = importlib.import_module("autograd.scipy.special")
        self.tanh, self.erf, self.sigmoid = self.numpy.tanh, special.erf, special.expit

    def relu(self, x: Any) -> Any:
        return self.numpy.maximum(x, 0)

    def logsumexp(self, x: Any, dim: int) -> Any:
        return importlib.import_module("autograd.scipy.special").logsumexp(x, axis=dim)

    def softmax(self, x: Any, dim: int) -> Any:
        parts = self.exp(x - np.max(self._data(x), axis=dim, keepdims=True))
        return parts / self.numpy.sum(parts, axis=dim, keepdims=True)

    def log_softmax(self, x: Any, dim: int) -> Any:
        low = x - np.max(self._data(x), axis=dim, keepdims=True)
        return low - self.log(self.numpy.sum(self.exp(low), axis=dim, keepdims=True))

    def sort(self, x: Any, dim: int = -1) -> Sequence[Any]:
        return (self.numpy.sort(x, axis=dim),)

    def _data(self, x: Any) -> np.ndarray:
        while hasattr(x, "_value"):
            x = x._value
        return np.asarray(x)

    def _cross_entropy(self, x: Any, target: Any) -> Any:
        return -self.numpy.mean(self.log_softmax(x, 1)[np.arange(len(target)), target])
