"""`backward` and `grad`: the walk over the graph as a user calls it."""

from . import forward_ad
from .backward import backward, grad

__all__ = ["forward_ad", "backward", "grad"]
