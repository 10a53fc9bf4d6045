"""Tensors from Python data: numbers, nested lists, arrays; and Python's protocols on tensors."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import conversions, dtypes, forward, once, printing
from ..calls import FUNCTIONS
from ..dtypes import OF_NUMPY, PROMOTED, dtype, of_array
from ..lazy import Lazy, readable
from ..number import converted as as_element
from ..once import warn_once
from ..op import F
from ..parser import Parser, register
from ..schema import parse
from ..silence import loud, quiet
from ..strided import dense_strides, new, over
from ..tensor import Tensor, alias, method, settled, wrap
from ..unstored import stored
from .convert import cast, converted
from .create import requiring

COPY_TENSOR = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), "
    "rather than {}(sourceTensor)."
)
SLOW_ARRAYS = (
    "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a single numpy.ndarray with "
    "numpy.array() before converting to a tensor."
)
NEGATIVE_STRIDES = (
    "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. (You "
    "can probably "
    "work around this by making a copy of your array  with array.copy().) "
)
BYTE_ORDER = (
    "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported."
)
ARRAY_STRIDES = "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory."


# -- arrays ----------------------------------------------------------------------------------------------------------------------
def checked(array: np.ndarray) -> np.ndarray:
    """The array, where a tensor can be laid over it. Raises ValueError or TypeError where not."""
    if not array.dtype.isnative:
        raise ValueError(BYTE_ORDER)
    of_array(array)
    if any(s < 0 for s in array.strides):
        raise ValueError(NEGATIVE_STRIDES)
    if any(s % array.itemsize for s in array.strides):
        raise ValueError(ARRAY_STRIDES)
    return array


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor over the memory of an array, which is its whole storage even where the array is a part of another."""
    if not isinstance(ndarray, np.ndarray):
        module = type(ndarray).__module__
        name = type(ndarray).__name__
        raise TypeError(f"expected np.ndarray (got {name if module == 'builtins' else f'{module}.{name}'})")
    array = checked(ndarray)
    if not array.flags.writeable:
        warn_once(READ_ONLY)
    if not array.size:  # its steps are taken at their word, those of 0 too
        array = over(array, array.shape, array.strides, 0, array.dtype)
    elif array.base is not None:
        array = np.lib.stride_tricks.as_strided(array, array.shape, array.strides)
    return wrap(array, OF_NUMPY[array.dtype])


READ_ONLY = (
    "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this tensor "
    "will result in "
    "undefined behavior. You may want to copy the array to protect its data or make it writable before converting it to a tensor. "
    "This type of "
    "warning will be suppressed for the rest of this program."
)


# -- nested sequences --------------------------------------------------------------------------------------------------------------
def is_sequence(value: Any) -> bool:
    """True for what has elements to go into; tensors and 0-dim arrays are elements themselves."""
    if isinstance(value, list | tuple | range):
        return True
    if isinstance(value, Tensor | np.generic | str | bytes | dict | set):
        return False
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return hasattr(value, "__getitem__") and hasattr(value, "__len__")


def shape_of(data: Any) -> tuple[int, ...]:
    """The shape the first elements say `data` has."""
    shape = []
    while is_sequence(data) or isinstance(data, str):
        if isinstance(data, str):
            raise ValueError("too many dimensions 'str'")
        shape.append(len(data))
        if not shape[-1]:
            break
        data = data[0]
    return tuple(shape)


def inferred(data: Any) -> dtype:
    """The dtype a tensor of `data` has. Raises RuntimeError where it holds no numbers."""
    if is_sequence(data):
        if isinstance(data, np.ndarray):
            return of_array(data)
        if not len(data):
            return dtypes.get_default_dtype()
        found = None
        for sample in {type(v): v for v in data}.values() if _plain(data) else data:
            d = inferred(sample)
            found = d if found is None else PROMOTED[found, d]
        return found  # type: ignore[return-value]  # there was an element
    if isinstance(data, Tensor):
        return data._dtype
    if isinstance(data, np.generic | np.ndarray):
        return of_array(np.asarray(data))
    if isinstance(data, bool | int | float | complex):
        return dtypes.of_number(data)
    if isinstance(data, str):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")


NUMBERS = {bool, int, float, complex}


def _plain(data: Sequence[Any]) -> bool:
    """True where the types of the elements alone say their dtypes."""
    return NUMBERS.issuperset(map(type, data))


def flattened(data: Any, shape: Sequence[int], level: int, into: list[Any]) -> None:
    """The elements in order. Raises ValueError or TypeError where `data` has not the shape its first elements say."""
    if level == len(shape):
        into.append(data)
        return
    if not is_sequence(data):
        raise TypeError("not a sequence")
    if len(data) != shape[level]:
        raise ValueError(f"expected sequence of length {shape[level]} at dim {level} (got {len(data)})")
    if isinstance(data, np.ndarray) and data.ndim == len(shape) - level:
        into += data.reshape(-1).tolist() if data.dtype.kind != "O" else list(data.reshape(-1))
        return
    if level == len(shape) - 1 and type(data) in (list, tuple) and _plain(data):
        into += data
        return
    for v in data:
        flattened(v, shape, level + 1, into)


def number(value: Any, d: dtype) -> Any:
    """One element as a Python number. Raises TypeError where it is none that `d` can take."""
    if isinstance(value, Tensor):
        if value._array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return value._array.item()
    if isinstance(value, np.generic | np.ndarray):
        return value.item()
    if isinstance(value, complex) and d.category == 2:
        raise TypeError("must be real number, not complex")
    if not isinstance(value, bool | int | float | complex):
        if d.category == 1:
            raise TypeError(f"'{type(value).__name__}' object cannot be interpreted as an integer")
        raise TypeError(f"must be real number, not {type(value).__name__}")
    return value


def filled(flat: list[Any], d: dtype) -> np.ndarray:
    """One-dimensional values in dtype `d`."""
    values = flat if _plain(flat) and (d.category == 3 or complex not in map(type, flat)) else [number(v, d) for v in flat]
    if d.category == 1:
        return _integers(values, d)
    if d.category == 0:
        return np.asarray([bool(v) for v in values], np.bool_)
    token = quiet()
    try:
        return cast(np.asarray(values, np.complex128 if d.category == 3 else np.float64), d.np)
    except OverflowError:
        raise OverflowError("int too large to convert to float") from None
    finally:
        loud(token)


def _integers(values: list[Any], d: dtype) -> np.ndarray:
    for v in values:
        if isinstance(v, int) and not -(2**63) <= v < 2**63:
            raise ValueError("Overflow when unpacking long long")
    if all(type(v) is int for v in values) and d is dtypes.int64:
        return np.asarray(values, np.int64)
    if any(isinstance(v, complex) for v in values):
        raise TypeError("'complex' object cannot be interpreted as an integer")
    return np.asarray([as_element(v, d.np, word=d.name) for v in values], d.np)


def made_from(data: Any, d: dtype | None) -> np.ndarray:
    """`data` in an array of its own, of dtype `d` or the dtype it says itself."""
    if isinstance(data, np.ndarray):
        array = checked(data)
        steps = tuple([s // array.itemsize for s in array.strides])
        made = new(array.shape, dense_strides(array.shape, steps), (d or OF_NUMPY[array.dtype]).np)
        made[...] = cast(array, made.dtype)
        return made
    if isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    if not is_sequence(data):
        return filled([data], d or inferred(data)).reshape(())
    if type(data) is list and data and _plain(data):
        return filled(data, d or inferred(data))
    shape = shape_of(data)
    if shape and isinstance(data, list | tuple) and len(data) and isinstance(data[0], np.ndarray):
        warn_once(SLOW_ARRAYS)
    d = d or inferred(data)
    flat: list[Any] = []
    flattened(data, shape, 0, flat)
    return filled(flat, d).reshape(shape)


# -- the functions -----------------------------------------------------------------------------------------------------------------
register("Any", object)  # data of any type, looked at by `made_from`
_OPTIONS = "ScalarType? dtype=None, Device? device=None"
_TENSOR = Parser("tensor", [parse(f"tensor(Any data, *, {_OPTIONS}, bool pin_memory=False, bool requires_grad=False) -> Tensor")])
_AS_TENSOR = Parser("as_tensor", [parse(f"as_tensor(Any data, *, {_OPTIONS}) -> Tensor")])
_SIGNATURE = f"new_tensor(Tensor self, Any data, *, {_OPTIONS}, bool requires_grad=False) -> Tensor"
_NEW_TENSOR = Parser("new_tensor", [parse(_SIGNATURE)], form="method")


def copied_data(data: Any, d: dtype | None, requires_grad: bool, name: str, beside: Tensor | None = None) -> Tensor:
    if isinstance(data, Tensor):
        warnings.warn(COPY_TENSOR.format(name), UserWarning, stacklevel=4)
    if type(beside) is Lazy:  # PyTorch takes how it reads for the device of what is made
        raise RuntimeError(f"DispatchKey {'Negative' if 'neg' in beside._flips else 'Conjugate'} doesn't correspond to a device")
    if isinstance(data, Tensor):
        made = F.clone(alias(data)) if d is None or d is data._dtype else converted(alias(data), d, True, None)
        return requiring(settled(wrap(stored(readable(made._array)), made._dtype)), requires_grad)
    array = made_from(data, d)
    return requiring(settled(wrap(array, OF_NUMPY[array.dtype])), requires_grad)


def tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A new tensor with a copy of `data`."""
    _, [data, dtype, _, _, requires_grad], _ = _TENSOR(args, kwargs)
    return copied_data(data, dtype, requires_grad, "torch.tensor")


def as_tensor(*args: Any, **kwargs: Any) -> Tensor:
    """`data` as a tensor, sharing memory and history where no copy is needed."""
    _, [data, dtype, _], _ = _AS_TENSOR(args, kwargs)
    if isinstance(data, Tensor):
        return converted(data, dtype, False, None)
    if isinstance(data, np.ndarray):
        return settled(converted(from_numpy(data), dtype, False, None))
    array = made_from(data, dtype)
    return settled(wrap(array, OF_NUMPY[array.dtype]))


@method
def new_tensor(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A new tensor with a copy of `data`, in this tensor's dtype unless another is given."""
    _, [_, data, dtype, _, requires_grad], _ = _NEW_TENSOR((self, *args), kwargs)
    return copied_data(data, dtype or self._dtype, requires_grad, "tensor.new_tensor", self)


def is_tensor(obj: Any) -> bool:
    """True for tensors and their subclasses."""
    return isinstance(obj, Tensor)


def _question(name: str, ask: Callable[[Tensor], Any]) -> None:
    """A function of one tensor that does not return a tensor."""
    parser = Parser(name, [parse(f"{name}(Tensor self) -> Tensor")])

    def question(*args: Any, **kwargs: Any) -> Any:
        return ask(parser(args, kwargs)[1][0])

    question.__name__ = question.__qualname__ = name
    FUNCTIONS[name] = question


_question("is_floating_point", Tensor.is_floating_point)
_question("is_complex", Tensor.is_complex)
_question("is_signed", Tensor.is_signed)
_question("numel", Tensor.numel)
_question("is_nonzero", conversions.__bool__)
_question("is_conj", lambda t: t.is_conj())
_question("is_neg", lambda t: t.is_neg())
_question("is_inference", Tensor.is_inference)
_SAME_SIZE = Parser("is_same_size", [parse("is_same_size(Tensor self, Tensor other) -> Tensor")])


def is_same_size(*args: Any, **kwargs: Any) -> bool:
    """True where both tensors have one shape."""
    [a, b] = _SAME_SIZE(args, kwargs)[1]
    return a.shape == b.shape


FUNCTIONS["is_same_size"] = is_same_size
for _function in (tensor, as_tensor, from_numpy, is_tensor, printing.set_printoptions, once.set_warn_always, once.is_warn_always_enabled):
    FUNCTIONS[_function.__name__] = _function


# -- Python's protocols --------------------------------------------------------------------------------------------------------------
@method
def __iter__(self: Tensor) -> Iterator[Tensor]:
    """The tensors along the first dimension. Raises TypeError where there is none."""
    if not self.ndim:
        raise TypeError("iteration over a 0-d tensor")
    return iter(F.unbind(self, 0))


@method
def __reversed__(self: Tensor) -> Tensor:
    """The tensor from the end of its first dimension; itself where it has none."""
    made: Tensor = F.flip(self, [0]) if self.ndim else self
    return made


@method
def __contains__(self: Tensor, element: Any) -> bool:
    """True where some element equals it, broadcast. Raises RuntimeError for what is no number."""
    if isinstance(element, Tensor | int | float | complex | bool):
        return bool((self == element).any().item())
    raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


@method
def __repr__(self: Tensor, *, tensor_contents: str | None = None) -> str:
    """PyTorch's text of the values and of what they do not show."""
    try:
        node = self.grad_fn
        name = None if node is None else type(node).__name__ if type(node).__name__ != "CppFunction" else node.name()
    except RuntimeError:  # a view that cannot be remade
        name = "Invalid"
    tangent = forward.tangent_of(self)
    shown = None if tangent is None else f"{tangent}"
    return printing.tensor_text(self._array, self._dtype, requires_grad=self.requires_grad, grad_fn_name=name, tangent=shown)


Tensor.__str__ = __repr__  # type: ignore[method-assign]  # a method like any
