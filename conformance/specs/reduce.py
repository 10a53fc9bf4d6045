"""What is special about the inputs of sums, products and truth."""

from ..spec import spec

for _key in (
    "sum", "sum.dim_IntList", "nansum", "mean", "mean.dim", "prod", "prod.dim_int", "logsumexp",
    "all", "all.dim", "all.dims", "any", "any.dim", "any.dims", "count_nonzero", "count_nonzero.dim_IntList",
):  # fmt: skip
    spec(_key)
