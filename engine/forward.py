"""Forward mode: tangents carried beside values, and how an op's tangent follows from its rule."""

from __future__ import annotations

from typing import Any


def tangents(op: Any, values: list[Any]) -> bool:
    """True where some differentiable argument carries a tangent."""
    return False


def run(op: Any, values: list[Any]) -> Any:
    raise NotImplementedError


def run_inplace(op: Any, values: list[Any]) -> Any:
    raise NotImplementedError
