"""What is special about the inputs of running sums, products and extremes."""

from ..spec import spec

for _key in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"):
    spec(_key)
