"""`backward` and `grad`: the walk over the graph as a user calls it."""

from ..saved import SavedTensor
from . import forward_ad, function, functional, graph
from .backward import backward, grad
from .function import Function

__all__ = ["Function", "forward_ad", "function", "functional", "graph", "SavedTensor", "backward", "grad"]
