"""What is special about the inputs of the Gaussian error linear unit."""

from ..kinds import first_dtype, like, one_of
from ..spec import spec

WAYS = one_of("none", "tanh")

for _key in ("gelu", "nn.functional.gelu"):
    spec(_key, approximate=WAYS)
spec("gelu_backward", self=like("grad_output", dtype=first_dtype), approximate=WAYS)
