"""Copies, other dtypes and layouts, detaching, and writes of whole tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes, journal, modes
from ..batch_refusals import refuse_no_samples
from ..batching import Batched, sample
from ..device import memory_format as MemoryFormat
from ..dtypes import OF_NUMPY, dtype
from ..geometry import address, root_of, strides_of
from ..graph import fit
from ..layout import channels_last
from ..lazy import parts
from ..number import filling
from ..once import warn_once
from ..op import OPS, F, composite, op, plain, view, write
from ..overlap import check_no_overlap
from ..parser import Parser
from ..schema import parse
from ..strided import copied, row_major, strided
from ..tensor import PLAIN, Tensor, alias, count_apart, exchange, leave, method, settled
from .arithmetic import real_stays_real

builtin_type = type  # below, `type` is the method
DISCARDS = "Casting complex values to real discards the imaginary part"


# -- values in another dtype ---------------------------------------------------------------------------------------------------
def cast(array: np.ndarray, to: np.dtype) -> np.ndarray:
    """The values in another dtype as PyTorch's kernels convert them; the array itself where it has it already.

    Sixteen-bit floats are rounded by way of float32; floats become uint8 by way of int64.
    """
    if array.dtype == to:
        return array
    if array.dtype.kind == "c" and to.kind != "c":
        if to.kind != "b":
            if array.size:
                warn_once(DISCARDS)
            array = array.real
    if to.itemsize == 2 and OF_NUMPY[to].low and array.dtype.itemsize > 4:
        array = array.astype(np.float32)
    elif OF_NUMPY[array.dtype] is dtypes.bfloat16:
        array = array.astype(np.float32)
    if to == np.uint8 and array.dtype.kind == "f":
        array = array.astype(np.int64)
    return array.astype(to)


# -- layouts -------------------------------------------------------------------------------------------------------------------
def format_name(given: Any) -> str:
    """`contiguous_format` and its kin by name; None keeps the layout."""
    return "preserve_format" if given is None else given.name if isinstance(given, MemoryFormat) else given


def steps_for(shape: tuple[int, ...], given: Any) -> tuple[int, ...] | None:
    """Strides a memory format asks for; None where it keeps the layout. Raises RuntimeError for the wrong rank."""
    name = format_name(given)
    if name == "preserve_format":
        return None
    if name == "contiguous_format":
        return row_major(shape)
    rank = 5 if name == "channels_last_3d" else 4
    if len(shape) != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {name} format")
    return channels_last(shape)


@method
def is_contiguous(self: Tensor, memory_format: Any = "contiguous_format") -> bool:
    """True where the elements lie in memory in the order of `memory_format`."""
    name = format_name(memory_format)
    if name in ("contiguous_format", "preserve_format"):
        return bool(self._array.flags.c_contiguous)
    shape = self._array.shape
    if len(shape) != (5 if name == "channels_last_3d" else 4):
        return False
    wanted = channels_last(shape)
    return 0 in shape or all(n == 1 or s == w for n, s, w in zip(shape, strides_of(self._array), wanted, strict=True))


def to_copy(self: np.ndarray, dtype: dtype | None, memory_format: Any) -> np.ndarray:
    """A copy in another dtype and layout."""
    steps = steps_for(self.shape, memory_format)
    if dtype is None or dtype.np == self.dtype:
        return copied(self, steps)
    if self.size and self.flags.c_contiguous and 1 not in self.shape and (steps is None or steps == row_major(self.shape)):
        return cast(self, dtype.np)
    return copied(self, steps, dtype.np, cast)


def cloned(self: np.ndarray, memory_format: Any) -> np.ndarray:
    if memory_format == "contiguous_format" and self.size and 1 not in self.shape:  # a side of 1 gets its step by those around it
        return self.copy()
    return copied(self, steps_for(self.shape, memory_format))


op("clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor",
   plain(cloned, jvp="linear"),
   self=lambda g: g)  # fmt: skip
op("_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, "
   "bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
   plain(lambda self, dtype, layout, device, pin_memory, non_blocking, memory_format: to_copy(self, dtype, memory_format),
         method=False, function=False, changes_dtype=True, casts=True, jvp="linear"),
   self=lambda g: g)  # fmt: skip
op("alias(Tensor(a) self) -> Tensor(a)", view(lambda self: self[...], method=False, function=False), self=lambda g: g)


@composite("contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)", function=False)
def contiguous(self: Tensor, memory_format: Any) -> Tensor:
    if is_contiguous(self, memory_format):
        return self
    if format_name(memory_format) == "preserve_format":
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
    return F.clone(self, memory_format=memory_format)


# -- to ------------------------------------------------------------------------------------------------------------------------
def converted(self: Tensor, dtype: dtype | None, copy: bool, memory_format: Any) -> Tensor:
    """The tensor itself where nothing has to change, a recorded copy otherwise."""
    if copy or not (dtype is None or dtype is self._dtype) or not _laid_out(self, memory_format):
        return F._to_copy(self, dtype=dtype, memory_format=memory_format)
    return self


def _laid_out(self: Tensor, memory_format: Any) -> bool:
    """True where the layout is taken for the one asked for: channels-last strides are that, all others count as contiguous."""
    name = format_name(memory_format)
    if name == "preserve_format":
        return True
    last = "channels_last_3d" if self.ndim == 5 else "channels_last"
    is_last = not self._array.flags.c_contiguous and is_contiguous(self, last)
    steps_for(self._array.shape, name)
    return name == (last if is_last else "contiguous_format")


TO_OPTIONS = "bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None"


@composite(f"to.dtype(Tensor(a) self, ScalarType dtype, {TO_OPTIONS}) -> Tensor(a)", method=False, function=False)
def to_dtype(self: Tensor, dtype: dtype, non_blocking: bool, copy: bool, memory_format: Any) -> Tensor:
    return converted(self, dtype, copy, memory_format)


@composite(f"to.device(Tensor(a) self, Device device, ScalarType dtype, {TO_OPTIONS}) -> Tensor(a)", method=False, function=False)
def to_device(self: Tensor, device: Any, dtype: dtype, non_blocking: bool, copy: bool, memory_format: Any) -> Tensor:
    return converted(self, dtype, copy, memory_format)


@composite(f"to.other(Tensor(a) self, Tensor other, {TO_OPTIONS}) -> Tensor(a)", method=False, function=False)
def to_other(self: Tensor, other: Tensor, non_blocking: bool, copy: bool, memory_format: Any) -> Tensor:
    return converted(self, other._dtype, copy, memory_format)


@composite("type_as(Tensor self, Tensor other) -> Tensor", function=False)
def type_as(self: Tensor, other: Tensor) -> Tensor:
    return converted(self, other._dtype, False, None)


def _python_form(name: str, *signatures: str) -> Parser:
    """The parser of a method whose Python signature is not the native one."""
    return Parser(name, [parse(f"{name}(Tensor self, {s}) -> Tensor") for s in signatures], form="method")


_TO = _python_form(
    "to",
    "Device? device=None, ScalarType? dtype=None, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None",
    "ScalarType dtype, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None",
    "Tensor tensor, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None",
)


@method
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor in another dtype, device or memory format; itself where nothing changes."""
    index, values, _ = _TO((self, *args), kwargs)
    dtype = values[2] if index == 0 else values[1] if index == 1 else _dtype_of(values[1])
    return converted(self, dtype, values[-2], values[-1])


def _dtype_of(value: Any) -> dtype:
    """The dtype of a tensor, or of the tensor that a number given for one stands for."""
    if isinstance(value, Tensor):
        return value._dtype
    kind = {bool: dtypes.bool_, int: dtypes.int64, float: dtypes.float64}
    return kind.get(builtin_type(value), dtypes.complex128)


def _dtype_method(name: str, to: dtype) -> None:
    parser = _python_form(name, "*, MemoryFormat? memory_format=None")

    def convert(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return converted(self, to, False, parser((self, *args), kwargs)[1][1] if args or kwargs else None)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"The tensor in {to.name}; itself where it has it."
    setattr(Tensor, name, convert)


METHODS = {
    "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "long": dtypes.int64,
    "int": dtypes.int32, "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_,
    "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
}  # fmt: skip
for _name, _dtype in METHODS.items():
    _dtype_method(_name, _dtype)

_CPU = _python_form("cpu", "*, MemoryFormat? memory_format=None")


@method
def cpu(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor itself, or laid out in a memory format."""
    return converted(self, None, False, _CPU((self, *args), kwargs)[1][1])


TYPE_STRINGS = {f"torch.{d.scalar_name}Tensor": d for d in dtypes.ALL}


@method
def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type, or the tensor in the type named. Raises ValueError for a name there is not."""
    if dtype is None:
        return f"torch.{self._dtype.scalar_name}Tensor"
    if isinstance(dtype, str):
        if dtype not in TYPE_STRINGS:
            raise ValueError(f"invalid type: '{dtype}'")
        dtype = TYPE_STRINGS[dtype]
    if isinstance(dtype, builtin_type):  # FloatTensor and its kin
        dtype = getattr(dtype, "dtype", None)
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError("dtype must be a type, str, or dtype object")
    return converted(self, dtype, False, None)


# -- the same bits ---------------------------------------------------------------------------------------------------------------
def reinterpreted(self: np.ndarray, dtype: dtype) -> np.ndarray:
    """The memory of `self` read as another dtype. Raises RuntimeError where its last dimension does not divide into it."""
    have, want = self.itemsize, dtype.np.itemsize
    steps, shape = strides_of(self), self.shape
    if have == want:
        return strided(self, shape, steps, 0, dtype.np)
    start = f"to view {OF_NUMPY[self.dtype].scalar_name} as {dtype.scalar_name} (different element sizes)"
    if not self.ndim:
        raise RuntimeError(f"self.dim() cannot be 0 {start}")
    crooked = f"self.stride(-1) must be 1 {start}, but got {steps[-1]}"
    if have > want:
        if steps[-1] != 1:
            raise RuntimeError(crooked)
        return strided(self, (*shape[:-1], shape[-1] * (have // want)), [*(s * (have // want) for s in steps[:-1]), 1], 0, dtype.np)
    times, offset = want // have, (address(self) - address(root_of(self))) // have
    if shape[-1] % times:
        raise RuntimeError(f"self.size(-1) must be divisible by {times} {start}, but got {shape[-1]}")
    if offset % times:
        raise RuntimeError(f"self.storage_offset() must be divisible by {times} {start}, but got {offset}")
    if steps[-1] != 1:
        raise RuntimeError(crooked)
    for d, s in enumerate(steps[:-1]):
        if s % times:
            raise RuntimeError(f"self.stride({d}) must be divisible by {times} {start}, but got {s}")
    return strided(self, (*shape[:-1], shape[-1] // times), [*(s // times for s in steps[:-1]), 1], 0, dtype.np)


@composite("view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)", function=False)
def view_dtype(self: Tensor, dtype: dtype) -> Tensor:
    if builtin_type(self) is Batched:
        if not self.ndim:
            reinterpreted(sample(self), dtype)  # refuses other sizes
        return Batched(view_dtype(self._value, dtype), self._level)
    stored, flips = parts(self)
    if flips and dtype is not self._dtype:
        what = "conjugate" if "conj" in flips else "tensors with negative bit set"
        raise RuntimeError(f"torch.Tensor.view is not supported for {what} view tensors when converting to a different dtype.")
    made = alias(self)
    exchange(made, reinterpreted(stored, dtype))
    made._dtype = dtype
    if (
        made._counter is None and not modes.is_inference_mode_enabled()
    ):  # PyTorch's convention: of an inference tensor this view alone is none
        made._counter = [0]
    return settled(made)


# -- out of the graph ------------------------------------------------------------------------------------------------------------
DETACHED_VIEW = (
    "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and "
    "gradient_as_bucket_view "
    "is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix this error, "
    "please refer "
    "to the Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution."
)


@composite("detach(Tensor(a) self) -> Tensor(a)")
def detach(self: Tensor) -> Tensor:
    made = alias(self)
    if made._counter is None:
        count_apart(made)
    if modes.current() & modes.JOURNAL:
        journal.note(OPS["detach"], [self], [made])
    return made


@composite("detach_(Tensor(a!) self) -> Tensor(a!)")
def detach_(self: Tensor) -> Tensor:
    if modes.is_inference_mode_enabled() or self._counter is None:  # PyTorch's convention: there nothing is looked at, and nothing cut
        return self
    refuse_no_samples(self, "detach_")
    if self._view is not None or builtin_type(self) is Batched:
        raise RuntimeError(DETACHED_VIEW)
    leave(self)
    self._node = None
    if self._rare is not None:
        self._rare.tangents = None
    return self


# -- writes of whole tensors -----------------------------------------------------------------------------------------------------
def copied_from(self: np.ndarray, src: Any, non_blocking: bool) -> np.ndarray:
    """`src` as `self` can hold it. Raises RuntimeError where it does not broadcast to it."""
    src = np.asarray(src)
    if src.shape != self.shape:
        together = broadcast(self.shape, src.shape)
        if together != self.shape:
            raise RuntimeError(f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(together)}")
    return cast(src if self.size else np.broadcast_to(src, self.shape), self.dtype)


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape both broadcast to. Raises RuntimeError where there is none."""
    rank = max(len(a), len(b))
    wide_a, wide_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    for d in reversed(range(rank)):
        if wide_a[d] != wide_b[d] and 1 not in (wide_a[d], wide_b[d]):
            raise RuntimeError(
                f"The size of tensor a ({wide_a[d]}) must match the size of tensor b ({wide_b[d]}) at non-singleton dimension {d}"
            )
    return tuple(n if m == 1 else m for n, m in zip(wide_a, wide_b, strict=True))


def filled_with(self: np.ndarray, value: np.ndarray) -> np.ndarray:
    if np.ndim(value):
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    return cast(np.asarray(value), self.dtype) if self.size else self  # without a word on a cast that nobody needs


def filling_of(self: np.ndarray, value: np.ndarray) -> np.ndarray:
    """What to write to all of `self`. Raises RuntimeError where elements of it share memory, before a cast warns."""
    if not np.ndim(value):
        check_no_overlap(self)
    return filled_with(self, value)


def full_of(self: np.ndarray, value: np.ndarray) -> np.ndarray:
    made = copied(self)
    made[...] = value
    return made


def nothing(g: Any) -> Any:
    """Zeros laid out as `g`."""
    if builtin_type(g) is np.ndarray and g.size and g.flags.c_contiguous and 1 not in g.shape:  # a side of 1 may have any step
        return np.zeros(g.shape, g.dtype)
    return F.zeros_like(g)


COPY = op("copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)",
   write(copied_from, node="torch::autograd::CopyBackwards", function=False, changes_dtype=True, casts=True),
   self=lambda g: np.zeros(g.shape, g.dtype) if builtin_type(g) is np.ndarray else F.new_zeros(g, tuple(g.shape)),
   src=lambda g, src_dtype: g if g.dtype is src_dtype.np else fit(g, tuple(g.shape), src_dtype))  # fmt: skip  # cast before any sum
_COPY = _python_form("copy_", "Tensor other, bool non_blocking=False")


@method
def copy_(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Write the values of another tensor into this one. Raises RuntimeError where they do not broadcast to it."""
    if len(args) == 1 and builtin_type(args[0]) in PLAIN and not kwargs:
        written: Tensor = COPY.in_place(self, args[0], False)
        return written
    return COPY.run_inplace(_COPY((self, *args), kwargs)[1])


op("fill.Scalar(Tensor self, Scalar value) -> Tensor",
   plain(lambda self, value: full_of(self, filling(value, self)), method=False),
   self=nothing)  # fmt: skip
op("fill.Tensor(Tensor self, Tensor value) -> Tensor",
   plain(lambda self, value: full_of(self, filled_with(self, value)), method=False),
   self=nothing, value=lambda g, value_dtype: real_stays_real(F.sum(g), value_dtype))  # fmt: skip
op("fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)",
   write(lambda self, value: filling(value, self), node="FillBackward2", overlaps=True),
   self=nothing)  # fmt: skip
op("fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)",
   write(filling_of, node="FillBackward3"),
   self=nothing, value=lambda g, value_dtype: real_stays_real(F.sum(g), value_dtype))  # fmt: skip
op("zero_(Tensor(a!) self) -> Tensor(a!)",
   write(lambda self: np.zeros((), self.dtype), overlaps=True),
   self=nothing)  # fmt: skip


# -- questions -------------------------------------------------------------------------------------------------------------------
@method
def is_same_size(self: Tensor, other: Tensor) -> bool:
    """True where both have one shape."""
    return self._array.shape == other._array.shape


@method
def is_nonzero(self: Tensor) -> bool:
    """The one element as a bool."""
    return bool(self)
