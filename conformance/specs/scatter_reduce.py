"""What is special about the inputs of reductions of scattered elements and slices."""

from ..kinds import first_dtype, integer_index, like, one_of, tensor
from ..spec import spec
from .slices import slices

spec("scatter_reduce.two", src=like("index", dtype=first_dtype), reduce=one_of("sum", "prod", "mean", "amax", "amin"))
spec(
    "index_reduce",
    index=integer_index(shape="vector"),
    source=tensor(slices, dtype=first_dtype),
    reduce=one_of("prod", "mean", "amax", "amin"),
    zeros=True,
    why="which of two equal zeros PyTorch keeps depends on the length of a slice and the place in it",
)
