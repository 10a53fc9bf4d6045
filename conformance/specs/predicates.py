"""What is special about the inputs of questions asked of each element."""

from ..draft import draw_shape
from ..kinds import integer_values, one_of, tensor
from ..spec import spec


def _any_shape(src, draft):
    return draw_shape(src)


def _countable(src, draft):
    """A dtype whose elements are looked up."""
    return ("float32", "int64", "float64", "int32", "float16", "uint8")[src.u8() % 6]


_few = integer_values(-1, 3, _any_shape)
spec("isin.Tensor_Tensor", elements=tensor(dtype=_countable), test_elements=_few)
spec("isin.Tensor_Scalar", elements=tensor(dtype=_countable), test_element=one_of(1, 0, 2, -1, 0.5))
spec("isin.Scalar_Tensor", element=one_of(1, 0, 2, -1, 0.5), test_elements=_few)
spec("signbit")
