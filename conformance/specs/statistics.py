"""What is special about the inputs of variances and norms."""

from ..kinds import one_of
from ..spec import spec

_CORRECTIONS = one_of(1, 0, None, 2, 0.5, -1, 5)
_ORDERS = one_of(2, 1, 3, float("inf"), 0, 0.5, 2.5, -float("inf"), -1, 1.5, 2.0)

_OPEN = "the order of the additions is the library's own, and with it the sign of a sum that is zero"

for _key in ("var", "var.dim", "std", "std.dim", "var_mean", "var_mean.dim", "std_mean", "std_mean.dim"):
    spec(_key, sums=True, why=_OPEN)
for _key in ("var.correction", "std.correction", "var_mean.correction", "std_mean.correction"):
    spec(_key, sums=True, why=_OPEN, correction=_CORRECTIONS)
spec("linalg.vector_norm", sums=True, why=_OPEN, ord=_ORDERS)
for _key in ("norm.Scalar", "norm.ScalarOpt_dim", "norm.ScalarOpt_dtype", "norm.ScalarOpt_dim_dtype"):
    spec(_key, sums=True, why=_OPEN, p=_ORDERS)
