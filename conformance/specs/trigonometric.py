"""What is special about the inputs of trigonometric functions."""

from ..kinds import above_one, signed_unit_interval
from ..spec import spec

for _key in (
    "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "asinh", "asin", "acos", "acosh", "atanh", "asinh_", "acosh_", "atanh_",
):  # fmt: skip
    spec(_key)
for _key in ("asin", "acos", "atanh"):
    spec(f"{_key}[inside]", self=signed_unit_interval, why="most draws are outside the domain, where all is NaN")
spec("acosh[inside]", self=above_one, why="most draws are outside the domain, where all is NaN")
