"""`backward` and `grad`: the walk over the graph as a user calls it."""

from .backward import backward, grad

__all__ = ["backward", "grad"]
