"""What is built on autograd and belongs to no layer."""

from . import checkpoint

__all__ = ["checkpoint"]
