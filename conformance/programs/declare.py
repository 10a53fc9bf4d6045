"""What a program is: one function of a backend, of drawn data and of a recorder, kept under its area and name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, overload

Body = Callable[[Any, Any, Any], None]
Script = Callable[[str, list[Any], str], str]  # of the key, what was drawn, and the subject's name
LENGTH = 160  # bytes drawn for one case; a program that asks for more reads zeros, the simplest choices


@dataclass(frozen=True)
class Program:
    """`body(B, draw, see)` uses only its arguments, Python's builtins and functions of its module that do so, too: its source
    can be run on its own.

    `cascades` says that one difference brings others with it, so that only the first of a case is worth telling.
    """

    key: str
    body: Body
    cascades: bool = False
    script: Script | None = None  # text of a failing case, where it is not the body with the data it drew
    length: int = LENGTH


PROGRAMS: dict[str, Program] = {}


@overload
def program(body: Body) -> Body: ...


@overload
def program(*, cascades: bool, script: Script | None = None, length: int = LENGTH) -> Callable[[Body], Body]: ...


def program(body: Body | None = None, *, cascades: bool = False, script: Script | None = None, length: int = LENGTH) -> Any:
    """Declares a function as the program `program:<file>.<name>`. Raises ValueError where the name is taken."""
    if body is None:
        return lambda body: _declare(body, cascades, script, length)
    return _declare(body, cascades, script, length)


def _declare(body: Body, cascades: bool, script: Script | None, length: int) -> Body:
    key = f"program:{body.__module__.rpartition('.')[2]}.{body.__name__}"
    if key in PROGRAMS:
        raise ValueError(f"{key} is declared twice")
    PROGRAMS[key] = Program(key, body, cascades, script, length)
    return body
