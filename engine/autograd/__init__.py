"""`backward` and `grad`: the walk over the graph as a user calls it."""

from ..saved import SavedTensor
from . import forward_ad, graph
from .backward import backward, grad

__all__ = ["forward_ad", "graph", "SavedTensor", "backward", "grad"]
