"""The modules whose functions are declared ops: `nn.functional`, `linalg`."""

from collections.abc import Callable
from typing import Any

from .calls import FUNCTIONS


def look_up(module: str, space: str) -> tuple[dict[str, Any], Callable[[str], Any], Callable[[], list[str]]]:
    """The functions of a namespace by name, and what its module has as `__getattr__` and `__dir__`: ops may be declared later.

    Args:
        module: the module's own name, for its errors.
        space: what the public names of its ops begin with, `linalg.`.
    """

    def functions() -> dict[str, Any]:
        return {path.removeprefix(space): function for path, function in FUNCTIONS.items() if path.startswith(space)}

    def attribute(name: str) -> Any:
        try:
            return FUNCTIONS[space + name]
        except KeyError:
            raise AttributeError(f"module '{module}' has no attribute '{name}'") from None

    return functions(), attribute, lambda: sorted(functions())
