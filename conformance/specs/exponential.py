"""What is special about the inputs of exponentials, logarithms and roots."""

from ..spec import spec

for _key in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt"):
    spec(_key)
