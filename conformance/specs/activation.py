"""What is special about the inputs of activations."""

from ..kinds import first_dtype, like, shaped
from ..spec import spec
from .matmul import BLAS

for _key in ("relu", "log_sigmoid", "nn.functional.sigmoid", "nn.functional.tanh", "nn.functional.softsign"):
    spec(_key)
for _key in ("tanh_backward", "sigmoid_backward"):
    spec(_key, output=like("grad_output", dtype=first_dtype))
spec("log_sigmoid_backward", self=like("grad_output", dtype=first_dtype), buffer=like("grad_output", dtype=first_dtype))
spec("threshold_backward", threshold=0)
spec("nn.functional.relu")
spec("threshold")
spec("threshold_")
spec("nn.functional.threshold")
spec(
    "nn.functional.linear", input=shaped("*", "k"), weight=shaped("m", "k", dtype=first_dtype), bias=shaped("m", dtype=first_dtype), **BLAS
)
