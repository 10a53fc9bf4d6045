"""One formal parameter of a call: which Python values it accepts, what it makes of them, and how it reads in an error."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import dtypes, schema
from .device import device, layout, memory_format

MISSING: Any = object()
TYPES: dict[str, Any] = {}  # "Tensor", "Generator": the classes that stand for those schema types, see `register`

_WORDS = {
    "Tensor": "Tensor", "Scalar": "Number", "int": "int", "SymInt": "int", "float": "float", "complex": "complex", "bool": "bool",
    "Tensor[]": "tuple of Tensors", "Tensor?[]": "tuple of Tensors", "int[]": "tuple of ints", "SymInt[]": "tuple of ints",
    "float[]": "tuple of floats", "Scalar[]": "tuple of Scalars", "ScalarType": "torch.dtype", "Layout": "torch.layout",
    "MemoryFormat": "torch.memory_format", "Device": "torch.device", "Generator": "torch.Generator", "str": "str",
}  # fmt: skip
_CPP_WORDS = {
    "int": "int64_t", "float": "double", "str": "c10::string_view", "Tensor[]": "TensorList", "int[]": "IntArrayRef",
    "SymInt[]": "SymIntArrayRef", "float[]": "ArrayRef<double>", "Scalar[]": "ScalarList",
    "Tensor?[]": "c10::List<::std::optional<Tensor>>",
}  # fmt: skip
_DEFAULT_WORDS = {
    "[]": "None", "Mean": "at::Reduction::Mean", "Sum": "at::Reduction::Sum", "contiguous_format": "c10::MemoryFormat::Contiguous",
}  # fmt: skip
_NUMPY_NAMES = {"dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1"), "other": ("x2",)}
_SHOWN_TYPES = {dtypes.dtype: "torch.dtype", device: "torch.device", layout: "torch.layout", memory_format: "torch.memory_format"}
_PYTHON_DTYPES = {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}

_NOT_INTEGRAL = (
    "Expected scalar.isIntegral( false) to be true, but got false.  (Could this error message be improved?  If so, please report an "
    "enhancement request to PyTorch.)"
)

NUMERIC = frozenset({"Scalar", "int", "SymInt", "float", "complex"})
LISTS = frozenset({"Tensor[]", "Tensor?[]", "int[]", "SymInt[]", "float[]", "Scalar[]"})
INT_LISTS = frozenset({"int[]", "SymInt[]"})


def register(kind: str, cls: type) -> None:
    """Says which class is the schema type `kind` ("Tensor", "Generator"). Called once where that class is at hand."""
    TYPES[kind] = cls


def type_name(value: Any) -> str:
    """The name PyTorch's errors give to the type of `value`: `Tensor`, `int`, `numpy.ndarray`, `torch.dtype`."""
    cls = type(value)
    if cls in _SHOWN_TYPES:
        return _SHOWN_TYPES[cls]
    if cls.__module__.endswith("engine.size"):
        return "torch.Size"
    if cls is TYPES.get("Generator"):
        return "torch._C.Generator"
    if cls in TYPES["Tensor"].__subclasses__() and cls.__class__ is type and value.__class__ is TYPES["Tensor"]:
        return "Tensor"  # a class that says so of itself
    heap_type = cls.__flags__ & (1 << 9)  # a class made by a `class` statement is named without its module
    return cls.__name__ if heap_type or cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"


class Parameter:
    """A schema argument as the Python caller sees it.

    `kind` is the schema type without `?` and size, `size` the n of `int[n]` (0: none), `numbers` whether a Tensor may be
    given as a Python number, `aliases` NumPy's names for it.
    """

    accepts: Callable[[Any], bool]
    bind: Callable[[Any], Any]

    def __init__(self, argument: schema.Argument, name: str, default_text: str, *, numbers: bool = False) -> None:
        self.name, self.type_text = name, argument.type.replace("int", "SymInt") if argument.symbolic else argument.type
        self.kind, self.size = _kind_and_size(self.type_text)
        self.optional = argument.default is not schema.REQUIRED
        self.default_text = _default_text(default_text, argument)
        self.allow_none = argument.optional or self.default_text == "None"
        self.kwarg_only, self.numbers = argument.kwarg_only, numbers
        self.aliases = _NUMPY_NAMES.get(name, ())
        self.accepts = self._number_or_tensor if self.kind == "Tensor" and numbers else _accepts(self.kind, self.size)
        self.bind = _binder(self.kind, self.size)
        self.default = self._bound_default(argument.default)

    def word(self) -> str:
        """Its type in an error text."""
        return _WORDS.get(self.kind, self.kind)

    def __str__(self) -> str:
        return f"{self.word()} {self.name}" + (f" = {self.default_text}" if self.optional else "")

    def cpp(self) -> str:
        """Its text in PyTorch's generated parser, by which overloads are sorted first."""
        kind = self.kind.replace("int", "SymInt") if self.type_text.startswith("Sym") else self.kind
        word = _CPP_WORDS.get(kind, kind) + (f"[{self.size}]" if self.size else "")
        none = "?" if self.type_text.endswith("?") else ""
        return f"{word}{none} {self.name}" + (f"={self.default_text}" if self.optional else "")

    def none(self) -> Any:
        """What None, given by the caller, means."""
        return None if self.type_text.endswith("?") else self.default

    def depends_on_value(self, value: Any) -> bool:
        """True where the type of `value` alone does not decide whether it is accepted."""
        if isinstance(value, TYPES["Tensor"]):
            return self.kind in NUMERIC or (self.size > 0 and self.kind in INT_LISTS)
        return self.kind in LISTS and isinstance(value, (list, tuple))

    def unpack(self, value: Any, function: str) -> Any:
        """The bound value. Raises TypeError naming the element of a list that is not a number."""
        if self.kind in INT_LISTS and isinstance(value, (list, tuple)):
            return tuple(self._element(v, i, function) for i, v in enumerate(value))
        if self.kind == "float[]":
            return tuple(self._float_element(v, i, function) for i, v in enumerate(value))
        return self.bind(value)

    def _bound_default(self, default: Any) -> Any:
        if default is schema.REQUIRED or default is None:
            return None
        if self.default_text.startswith("at::Reduction::"):
            return 0  # PyTorch's parser reads a number from the word and finds none: `torch.kl_div(x, y)` does not reduce
        if self.kind in INT_LISTS and isinstance(default, int):
            return (default,) * max(self.size, 1)
        return float(default) if self.kind == "float" and isinstance(default, int) else default

    def _number_or_tensor(self, value: Any) -> bool:
        return isinstance(value, (TYPES["Tensor"], int, float, complex, *_NUMPY_NUMBERS))

    def _element(self, value: Any, i: int, function: str) -> int:
        if isinstance(value, TYPES["Tensor"]) and value.numel() == 1 and value.dtype.category < 2:
            if value.dtype.category == 0 and self.kind == "SymInt[]":
                raise RuntimeError(_NOT_INTEGRAL)
            return int(value.item())
        if isinstance(value, TYPES["Tensor"]) or not (isinstance(value, bool) or _is_index(value)):
            raise TypeError(
                f"{function}(): argument '{self.name}' failed to unpack the object at pos {i + 1} with error "
                f'"type must be {self.word()},but got {type_name(value)}"'
            )
        return _int64(value.__index__())

    def _float_element(self, value: Any, i: int, function: str) -> float:
        if isinstance(value, (float, int, *_NUMPY_NUMBERS)):
            return float(value)
        found = f"but found element of type {type_name(value)} at pos {i + 1}"
        raise TypeError(f"{function}(): argument '{self.name}' must be {self.word()}, {found}")


_NUMPY_INTS = (np.integer,)
_NUMPY_NUMBERS = (np.integer, np.floating, np.complexfloating, np.bool_)


def _kind_and_size(text: str) -> tuple[str, int]:
    """`int[2]?` is ("int[]", 2); `Tensor?[]` is itself."""
    base = text.removesuffix("?")
    if not base.endswith("]"):
        return base, 0
    element, _, size = base[:-1].partition("[")
    return element + "[]", int(size or 0)


def _default_text(text: str, argument: schema.Argument) -> str:
    """A default as PyTorch's parser prints it, from the schema's text: `[]` is None, `'none'` is `"none"`, `[0, 1]` is `{0, 1}`."""
    if argument.name == "pin_memory" and text == "None":
        return "False"
    if text in _DEFAULT_WORDS:
        return _DEFAULT_WORDS[text]
    if text.startswith("["):
        return "{" + text[1:-1] + "}"
    if text[:1] in "\"'" and text:
        return f'"{text[1:-1]}"'
    return str(float(text)) if isinstance(argument.default, float) else text


# -- what is accepted -----------------------------------------------------------------------------------------------
def _accepts(kind: str, size: int) -> Callable[[Any], bool]:
    """The test for one kind, as PyTorch's parser makes it."""
    if kind in INT_LISTS:
        return _int_list_test(size)
    if kind in _TESTS:
        return _TESTS[kind]
    if kind in ("Tensor[]", "Tensor?[]"):
        return _is_list
    classes = {"Layout": layout, "MemoryFormat": memory_format}
    return (lambda v: isinstance(v, classes[kind])) if kind in classes else (lambda v: isinstance(v, TYPES.get(kind, ())))


def _is_bool(v: Any) -> bool:
    return isinstance(v, bool)


def _is_string(v: Any) -> bool:
    return isinstance(v, (str, bytes))


def _is_list(v: Any) -> bool:
    return isinstance(v, (list, tuple))


def _is_dtype(v: Any) -> bool:
    return isinstance(v, dtypes.dtype) or (isinstance(v, type) and v in _PYTHON_DTYPES)


def _is_device(v: Any) -> bool:
    return isinstance(v, (device, str, bytes)) or _is_int(v)


def _is_int(v: Any) -> bool:
    return isinstance(v, (int, *_NUMPY_INTS)) and not isinstance(v, bool)


def _is_zero_dim(v: Any) -> bool:
    return isinstance(v, TYPES["Tensor"]) and v.dim() == 0 and not v.requires_grad


def _is_int_or_tensor(v: Any) -> bool:
    return _is_int(v) or (_is_zero_dim(v) and v.dtype.category == 1)


def _is_float(v: Any) -> bool:
    return isinstance(v, (float, int, *_NUMPY_NUMBERS)) or _is_zero_dim(v)


def _is_complex(v: Any) -> bool:
    return isinstance(v, complex) or _is_float(v)


def _is_index(v: Any) -> bool:
    """An int, or what can stand for one through `__index__`; a bool may not."""
    if isinstance(v, TYPES["Tensor"]):
        return v.numel() == 1 and v.dtype.category < 2
    if isinstance(v, (bool, np.bool_)) or not hasattr(type(v), "__index__"):
        return False
    try:
        operator.index(v)
    except TypeError:  # an array has `__index__`, which works for a single integer only
        return False
    return True


def _int_list_test(size: int) -> Callable[[Any], bool]:
    """A list whose first element is an int (the others are looked at when it is unpacked), or one int where the size is known."""

    def test(v: Any) -> bool:
        if isinstance(v, (list, tuple)):
            return not v or _is_index(v[0])
        return size > 0 and _is_index(v)

    return test


def _is_float_list(v: Any) -> bool:
    return isinstance(v, (list, tuple)) and (not v or isinstance(v[0], (float, int, complex, *_NUMPY_NUMBERS)))


def _is_scalar_list(v: Any) -> bool:
    return isinstance(v, (list, tuple)) and all(isinstance(e, (float, int, complex, *_NUMPY_NUMBERS)) for e in v)


_TESTS = {
    "Scalar": _is_complex, "complex": _is_complex, "float": _is_float, "int": _is_int_or_tensor, "SymInt": _is_index, "bool": _is_bool,
    "float[]": _is_float_list, "Scalar[]": _is_scalar_list, "str": _is_string, "ScalarType": _is_dtype, "Device": _is_device,
}  # fmt: skip


def tensors_in(value: Sequence[Any], position: int) -> None:
    """Raises TypeError where an element of a list of tensors is something else."""
    for i, element in enumerate(value):
        if not isinstance(element, TYPES["Tensor"]):
            raise TypeError(f"expected Tensor as element {i} in argument {position}, but got {type_name(element)}")


# -- what is made of it ---------------------------------------------------------------------------------------------
def _binder(kind: str, size: int) -> Callable[[Any], Any]:
    """What turns an accepted value into the bound one."""
    if kind in INT_LISTS:
        return lambda v: tuple(v) if isinstance(v, (list, tuple)) else (_int(v),) * size
    if kind in ("Tensor[]", "Tensor?[]"):
        return lambda v: _tensor_list(v, size)
    return _BINDERS.get(kind, _same)


def _same(v: Any) -> Any:
    return v


def _int64(v: int) -> int:
    if -(2**63) <= v < 2**63:
        return int(v)
    raise ValueError("Overflow when unpacking long long")


def _int(v: Any) -> int:
    return _int64(int(v.item()) if isinstance(v, TYPES["Tensor"]) else v.__index__())


def _symint(v: Any) -> int:
    if isinstance(v, TYPES["Tensor"]) and v.dtype.category == 0:
        raise RuntimeError(_NOT_INTEGRAL)
    return _int(v)


def _number(v: Any) -> Any:
    """A Python number, whatever kind of number was given. Raises OverflowError where an int needs more than 64 bits."""
    if isinstance(v, (TYPES["Tensor"], np.generic)):
        return v.item()
    if isinstance(v, int) and not -(2**63) <= v < 2**64:
        raise OverflowError("int too big to convert" if v > 0 else "can't convert negative int to unsigned")
    return v


def _tensor(v: Any) -> Any:
    return v if isinstance(v, TYPES["Tensor"]) else _number(v)


def _string(v: Any) -> str:
    return v.decode() if isinstance(v, bytes) else v


def _tensor_list(v: Sequence[Any], size: int) -> list[Any]:
    if size and len(v) != size:
        raise TypeError(f"expected tuple of {size} elements but got {len(v)}")
    return list(v)


def _dtype(v: Any) -> dtypes.dtype:
    return _PYTHON_DTYPES[v] if isinstance(v, type) else v


def _device(v: Any) -> device:
    return device(_int64(v.__index__()) if _is_int(v) else v)


_BINDERS: dict[str, Callable[[Any], Any]] = {
    "Tensor": _tensor, "Scalar": _number, "complex": complex, "float": float, "int": _int, "SymInt": _symint, "str": _string,
    "Scalar[]": tuple, "ScalarType": _dtype, "Device": _device,
}  # fmt: skip
