"""Functions written as text: how the lines that a declaration comes to are made a function."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType
from typing import Any

HERE = os.path.dirname(__file__) + os.sep


def code_of(text: str, title: str) -> CodeType:
    """The text compiled; a traceback calls its file `<title>`, which lies among the engine's own."""
    return compile(text, f"{HERE}<{title}>", "exec")


def function_of(parameters: Sequence[str], lines: Sequence[str], title: str, space: dict[str, Any]) -> Callable[..., Any]:
    """The function of these parameters and lines, with the names of `space` around it; a traceback calls its text `title`."""
    text = f"def call({', '.join(parameters)}):\n" + "".join(f"    {line}\n" for line in lines)
    exec(code_of(text, title), space)
    made: Callable[..., Any] = space["call"]
    return made


def written_when_called(write: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    """A function that is written when it is first called, among the names that `write` is given to fill; it stays the same object."""

    def fill() -> None:
        made = write(space)
        call.__code__, call.__defaults__, call.__kwdefaults__ = made.__code__, made.__defaults__, made.__kwdefaults__

    space: dict[str, Any] = {"fill": fill}
    call = space["this"] = FunctionType(_first.__code__, space)
    return call


def _first(*args: Any, **kwargs: Any) -> Any:
    fill()  # type: ignore[name-defined]  # noqa: F821  # this runs among the names of the function that is to be written
    return this(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821  # so does this
