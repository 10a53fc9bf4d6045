"""What is special about the inputs of sums, products and truth."""

from ..spec import spec

for _key in (
    "prod", "prod.dim_int", "logsumexp",
    "all", "all.dim", "all.dims", "any", "any.dim", "any.dims", "count_nonzero", "count_nonzero.dim_IntList",
):  # fmt: skip
    spec(_key)
_ORDER = "the order of the additions is the library's own, and with it how they overflow"
for _key in ("sum", "sum.dim_IntList", "nansum"):
    spec(_key, overflow=True, why=_ORDER)
for _key in ("mean", "mean.dim"):
    spec(_key, overflow="mean", why=_ORDER)
