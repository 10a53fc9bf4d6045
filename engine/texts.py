"""Functions written as text: how the lines that a declaration comes to are made a function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def function_of(parameters: Sequence[str], lines: Sequence[str], title: str, space: dict[str, Any]) -> Callable[..., Any]:
    """The function of these parameters and lines, with the names of `space` around it; a traceback calls its text `title`."""
    text = f"def call({', '.join(parameters)}):\n" + "".join(f"    {line}\n" for line in lines)
    exec(compile(text, f"<{title}>", "exec"), space)
    made: Callable[..., Any] = space["call"]
    return made
