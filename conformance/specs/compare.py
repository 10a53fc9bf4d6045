"""What is special about the inputs of comparisons, logic and bits."""

from ..kinds import one_of, tensor
from ..spec import spec

for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    for _form in ("", "_"):
        spec(f"{_name}{_form}.Scalar")
        spec(f"{_name}{_form}.Tensor")

_INTEGERS = ("int64", "uint8", "int8", "int32", "bool", "int16")


def _integral(src, draft):
    """A dtype of integers or bool, now and then the case's own."""
    choice = src.u8()
    return draft.dtype if choice > 200 else _INTEGERS[choice % 6]


_bits = tensor(dtype=_integral)
_number = one_of(1, 3, 0, 2, -1, 7, True, 64, 0.5, -2)
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"):
    _scalar = "Tensor_Scalar" if "shift" in _name else "Scalar"
    spec(f"{_name}.Tensor", self=_bits, other=_bits)
    spec(f"{_name}.{_scalar}", self=_bits, other=_number)
    spec(f"{_name}.Scalar_Tensor", self=_number, other=_bits)
spec("bitwise_not", self=_bits)
for _name in ("maximum", "minimum", "fmax", "fmin", "logical_and", "logical_or", "logical_xor", "logical_not"):
    spec(_name)
for _name in ("isnan", "isinf", "isfinite", "isposinf", "isneginf", "equal"):
    spec(_name)
for _name in ("isclose", "allclose"):  # arguments of theirs, drawn as others are; their results are compared exactly
    spec(_name, rtol=one_of(1e-5, 0.5, 0.0, -1.0), atol=one_of(1e-8, 1.0, 0.0, -1.0))

for _new, _old in {"not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge"}.items():
    spec(
        f"{_old}.Tensor[{_new}]",
        call=lambda m, self, other, _new=_new: getattr(m, _new)(self, other),
        why="the second name PyTorch gives the op",
    )
