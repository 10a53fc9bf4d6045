"""Every declared op whose public name begins with `linalg.`."""

from typing import Any

from . import ops  # noqa: F401  # declares them
from .calls import FUNCTIONS

_SPACE = "linalg."

globals().update({path.removeprefix(_SPACE): function for path, function in FUNCTIONS.items() if path.startswith(_SPACE)})


def __getattr__(name: str) -> Any:
    """An op declared after this module was imported."""
    try:
        return FUNCTIONS[_SPACE + name]
    except KeyError:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from None


def __dir__() -> list[str]:
    return sorted(path.removeprefix(_SPACE) for path in FUNCTIONS if path.startswith(_SPACE))
