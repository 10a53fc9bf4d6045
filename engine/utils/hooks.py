"""Handles of hooks, the mark of hooks that are not expected to be pickled, and the warning of others."""

from __future__ import annotations

from typing import Any

from ..graph import RemovableHandle
from ..ops.copying import warn_if_has_hooks


def unserializable_hook(f: Any) -> Any:
    """Mark a hook so that pickling a tensor it is on does not warn."""
    f.__torch_unserializable__ = True
    return f


__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]
