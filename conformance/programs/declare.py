"""What a program is: one function of a backend, of drawn data and of a recorder, kept under its area and name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Body = Callable[[Any, Any, Any], None]


@dataclass(frozen=True)
class Program:
    """`body(B, draw, see)` uses only its arguments and Python's builtins, so that its source can be run on its own."""

    key: str
    body: Body


PROGRAMS: dict[str, Program] = {}


def program(body: Body) -> Body:
    """Declares `body` as the program `program:<file>.<name>`. Raises ValueError where the name is taken."""
    key = f"program:{body.__module__.rpartition('.')[2]}.{body.__name__}"
    if key in PROGRAMS:
        raise ValueError(f"{key} is declared twice")
    PROGRAMS[key] = Program(key, body)
    return body
