"""What is special about the inputs of softmax and of its backward ops."""

from ..case import Named
from ..draft import Draft
from ..kinds import dim_of, first_dtype, like, nothing
from ..source import Source
from ..spec import spec

HALF = {"half_to_float": False}


def own_dtype(src: Source, draft: Draft) -> Named:
    """The dtype of the first tensor, as an argument."""
    return Named(first_dtype(src, draft))


for _key in ("softmax.int", "log_softmax.int"):
    spec(_key)
for _key in ("_softmax", "_log_softmax"):
    spec(_key, **HALF)
for _key in ("_softmax_backward_data", "_log_softmax_backward_data"):
    spec(_key, input_dtype=own_dtype, output=like("grad_output", dtype=first_dtype))
for _key in ("nn.functional.softmax", "nn.functional.log_softmax", "nn.functional.softmin"):
    spec(_key, dim=dim_of(), _stacklevel=nothing)
