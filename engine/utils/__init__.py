"""What is built on autograd and belongs to no layer."""

from . import checkpoint, hooks

__all__ = ["checkpoint", "hooks"]
