"""What is special about the inputs of gather and scatter."""

from ..case import TensorValue
from ..kinds import Draft, first_dtype, integer_values, like, one_of
from ..source import Source
from ..spec import spec


def along_any(src: Source, draft: Draft) -> TensorValue:
    """Positions from either end along whichever dimension will be drawn, now and then past it."""
    shape = draft.tensor("self").shape
    return integer_values(
        -min(shape, default=1), min(shape, default=1) + 1, lambda s, d: tuple(1 if s.u8() > 200 and n else n for n in shape)
    )(src, draft)


spec("gather", sparse_grad=False)
spec("scatter.src", src=like("index", dtype=first_dtype))
spec("scatter.value")
spec("scatter.reduce", src=like("index", dtype=first_dtype), reduce=one_of("add", "multiply"))
spec("scatter.value_reduce", reduce=one_of("add", "multiply"))
spec("scatter_add", src=like("index", dtype=first_dtype))
spec("take_along_dim", indices=along_any)
