"""PyTorch's typed constructors, `FloatTensor` and its kin, and `asarray`: tensors of sizes or data, in its older manner."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..calls import FUNCTIONS
from ..dtypes import dtype
from ..parser import Parser
from ..schema import parse
from ..size import Size
from ..tensor import Tensor, alias, settled, wrap
from .convert import converted
from .create import checked, requiring
from .data import from_numpy, is_sequence, made_from

OTHER = (
    "expected TensorOptions(dtype={}, device=cpu, layout=Strided, requires_grad=false (default), pinned_memory=false (default), "
    "memory_format=(nullopt)) (got TensorOptions(dtype={}, device=cpu, layout=Strided, requires_grad=false (default), pinned_memory=false "
    "(default), memory_format=(nullopt)))"
)
WORDS = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int", "int64": "long int",
    "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double",
    "complex64": "c10::complex<float>", "complex128": "c10::complex<double>",
}  # fmt: skip


# -- FloatTensor and its kin -------------------------------------------------------------------------------------------------
class Typed(type):
    """A constructor that is a class to `isinstance`: its instances are the tensors of one dtype."""

    dtype: dtype

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance._dtype is cls.dtype

    def __call__(cls, *args: Any, size: Any = None, device: Any = None) -> Tensor:
        """Zeros of the sizes given, or a tensor of the data. Raises TypeError for what is neither."""
        return constructed(cls.dtype, args if size is None else (Size(size),))


def constructed(d: dtype, args: tuple[Any, ...]) -> Tensor:
    if len(args) != 1 or isinstance(args[0], int | Size):
        size = tuple(args[0]) if args and isinstance(args[0], Size) else args
        return settled(wrap(np.zeros(checked(size if args else (0,)), d.np), d))
    [data] = args
    if isinstance(data, Tensor):
        if data._dtype is not d:
            raise TypeError(OTHER.format(WORDS[d.name], WORDS[data._dtype.name]))
        return alias(data)
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if not is_sequence(data):
        raise TypeError(f"new(): data must be a sequence (got {type(data).__name__})")
    return settled(wrap(made_from(data, d), d))


for _d in dtypes.ALL:
    if not _d.is_complex:
        _name = f"{_d.scalar_name}Tensor"
        FUNCTIONS[_name] = Typed(_name, (), {"dtype": _d, "__module__": "torch", "__doc__": f"Tensors of dtype {_d.name}."})


# -- asarray -----------------------------------------------------------------------------------------------------------------
_ASARRAY = Parser(
    "asarray",
    [parse("asarray(Any obj, *, ScalarType? dtype=None, Device? device=None, bool? copy=None, bool requires_grad=False) -> Tensor")],
)


def asarray(*args: Any, **kwargs: Any) -> Tensor:
    """`obj` as a tensor, sharing memory where that is possible and `copy` allows it. Raises ValueError where it must and cannot."""
    _, [obj, dtype, _, copy, requires_grad], _ = _ASARRAY(args, kwargs)
    shared = obj if isinstance(obj, Tensor) else from_numpy(obj) if isinstance(obj, np.ndarray) else None
    if shared is None and isinstance(obj, bytes | bytearray | memoryview):
        shared = wrap(np.frombuffer(obj, (dtype or dtypes.get_default_dtype()).np), dtype or dtypes.get_default_dtype())
    if shared is not None:
        if copy is False and dtype is not None and dtype is not shared._dtype:
            raise ValueError(f"can't alias tensor with dtype '{shared._dtype.scalar_name}' into dtype '{dtype.scalar_name}'.")
        made = converted(shared, dtype, bool(copy), None)
    elif copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    else:
        array = made_from(obj, dtype)
        made = settled(wrap(array, dtypes.OF_NUMPY[array.dtype]))
    return requiring(made, requires_grad) if not made.requires_grad else made


FUNCTIONS["asarray"] = asarray
