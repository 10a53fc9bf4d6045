"""Every declared op whose public name begins with `nn.functional.`."""

from .. import ops  # noqa: F401  # declares them
from ..namespace import look_up

_functions, __getattr__, __dir__ = look_up(__name__, "nn.functional.")
globals().update(_functions)
