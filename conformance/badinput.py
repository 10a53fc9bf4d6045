"""What a person typed or edited and we cannot use: one clear line, exit code 2."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


class BadInput(Exception):
    """The line to print; the run ends with exit code 2 and has written nothing."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """`; nearest: a, b` for a message, or nothing where no known name is close."""
    known = list(known)
    close = get_close_matches(name, known, n=count, cutoff=0.6)
    contained = sorted((k for k in known if name.lower() in k.lower() and k not in close), key=len)
    found = (close + contained)[:count]
    return f"; nearest: {', '.join(found)}" if found else ""
