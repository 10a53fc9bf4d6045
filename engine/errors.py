"""Exceptions in PyTorch's words; types a caller can catch are Python's own, as PyTorch's are."""

from __future__ import annotations


class OutOfMemoryError(RuntimeError):
    """Memory for a result could not be had."""
