"""New tensors: filled, counted, evenly spaced, and like another one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import dtypes, modes
from ..calls import FUNCTIONS
from ..dtypes import OF_NUMPY, dtype
from ..fused import fused
from ..geometry import strides_of
from ..number import NAMES, converted, filling
from ..once import warn_once
from ..op import F, op, plain
from ..out import record_underived
from ..parser import Parser, python_order
from ..registry import OVERLOADS
from ..schema import Schema, parse
from ..stretch import stretch
from ..strided import dense_strides, new, over, row_major, span
from ..tensor import LEAF, Tensor
from ..views import bump
from .convert import cast, steps_for
from .powers import power

OPTIONS = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
PINNED = "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on this system."
Made = Callable[..., Any]


DEPRECATED = {
    "range": "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's range "
    "builtin. Instead, use torch.arange, which produces values in [start, end).",
}


# -- what every new tensor has -----------------------------------------------------------------------------------------------------
class Factory:
    """The public call of a function that makes tensors: its Python signature has `requires_grad` after the native options."""

    def __init__(self, name: str, form: str) -> None:
        self.name, self.form = name, form
        self.__name__ = self.__qualname__ = name
        self.parser: Parser | None = None

    def _build(self) -> Parser:
        ops = OVERLOADS[self.name].ops
        schemas = [_with_requires_grad(o.schema) for o in ops]
        outs = [o.family.out for o in ops]
        order = python_order(self.name, schemas, form=self.form, has_out=outs)
        self.ops = [ops[i] for i in order]
        self.parser = Parser(self.name, [schemas[i] for i in order], form=self.form, has_out=[outs[i] for i in order])
        return self.parser

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        index, values, out = (self.parser or self._build())(args, kwargs)
        op = self.ops[index]
        at = op.schema.names.index("pin_memory")
        if self.name == "range":
            values.insert(at, None)
        if self.name in DEPRECATED:
            warnings.warn(DEPRECATED[self.name], UserWarning, stacklevel=2)
        pinned, flag = values[at], values.pop(at + 1)
        if pinned and self.name in LOOKING:
            op.run([min(v, 0) if name == "steps" else v for name, v in zip(op.schema.names, values, strict=True)])  # nothing to fill
        if pinned:
            raise RuntimeError(PINNED)
        if out is not None:
            return into(out, op, values, at - 3)
        return requiring(op.run(values), flag)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return lambda *args, **kwargs: self(instance, *args, **kwargs)


def _with_requires_grad(schema: Schema) -> Schema:
    text, pinned = schema.text.replace("dtype=4", "dtype=None"), "pin_memory=None, bool? "
    if schema.name == "range":  # whose signature in PyTorch is older: it knows no `pin_memory`, and its layout cannot be None
        text, pinned = text.replace("Layout? layout=None", "Layout layout=torch.strided"), ""
    return parse(text.replace("pin_memory=None", f"{pinned}requires_grad=False"))


def requiring(made: Tensor, flag: bool | None) -> Tensor:
    """The tensor, started to record where `flag` says so. Raises RuntimeError for a dtype that has no gradient."""
    if not flag:
        return made
    if not made._dtype.differentiable:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    made._node = LEAF
    return made


LOOKING = ("linspace", "logspace", "zeros")  # these look at their arguments before they ask for memory
BY_COUNT = ("arange", "range", "linspace", "logspace")  # these keep the shape of an `out=` that has as many elements
BY_WRITES = ("randn", "randn.generator", "rand.generator")
COUNTED = (
    "The number of elements in the out tensor of shape {} is {} which does not match the computed number of elements {}. Note that this "
    "may occur as a result of rounding error. The out tensor will be resized to a tensor of shape ({},)."
)


def into(out: Tensor, op: Any, values: list[Any], at: int) -> Tensor:
    """`out`, resized without a word and written to; it decides the dtype, which `values[at]` may only repeat."""
    given = values[at]
    if given is not None and given is not out._dtype:
        raise RuntimeError(f"dtype {given.scalar_name} does not match dtype of out parameter ({out._dtype.scalar_name})")
    empty = op.schema.name == "empty"
    if op.key in BY_WRITES:  # in PyTorch these are a call of `resize_`, and one that writes
        return F.copy_(_sized(out, values[op.schema.names.index("size")]), op.run([*values[:at], out._dtype, *values[at + 1 :]]))
    if empty and values[-1] is not None:
        raise RuntimeError("'memory_format' argument is incompatible with 'out' tensor argument")
    if modes.is_grad_enabled() and out.requires_grad and not empty:
        raise RuntimeError(
            f"aten::{op.schema.name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    values[at] = out._dtype
    made = op.run(values)
    if empty:
        if out.requires_grad or out.shape != made.shape:
            bump(resized(out, made.shape))
        return out
    if op.schema.name in BY_COUNT:
        _into_range(out, made, op.schema.name)
    else:
        F.copy_(out if out.shape == made.shape else resized(out, made.shape), made)
    if modes.is_grad_enabled():
        record_underived(op, values, [out])
    return out


def _sized(out: Tensor, size: Sequence[int]) -> Tensor:
    """`out` in the shape `size`. Raises RuntimeError where it requires grad."""
    check_resizable(out)
    if out.shape != tuple(size):
        bump(resized(out, size))
    return out


def _into_range(out: Tensor, made: Tensor, name: str) -> Tensor:
    count = made.numel()
    if out.numel() == count:
        return F.copy_(out, F.view(made, out.shape))
    if name == "arange" and out.numel():
        warn_once(COUNTED.format(list(out.shape), out.numel(), count, count))
    return F.copy_(resized(out, made.shape), made)


def check_resizable(out: Tensor) -> None:
    """Raises RuntimeError for a tensor that requires grad."""
    if out.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")


def resized(out: Tensor, shape: Sequence[int]) -> Tensor:
    """`out` in another shape, over the memory it has, or longer. Raises RuntimeError where it requires grad."""
    if out.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    stretch(out, tuple(shape), row_major(shape))
    return out


def factory(text: str, out: bool = False, **more: Any) -> Callable[[Made], Made]:
    """Declare a function that makes a tensor; in `text`, OPTIONS stands for dtype, layout, device and pin_memory."""

    def declare(body: Made) -> Made:
        is_method = "(Tensor self, " in text and text.startswith("new_")
        words: dict[str, Any] = {"method": is_method, "function": not is_method, "out": out, "underived": out, "jvp": None, **more}
        op(text.replace("OPTIONS", OPTIONS), plain(body, **words))
        name = parse(text.replace("OPTIONS", OPTIONS)).name
        if is_method:
            setattr(Tensor, name, Factory(name, "method"))
        else:
            FUNCTIONS[name] = Factory(name, "function")
        return body

    return declare


def checked(size: Sequence[int], name: str = "") -> tuple[int, ...]:
    """`size` as a shape. Raises RuntimeError for a negative side."""
    for n in size:
        if n < 0:
            if name:
                raise RuntimeError(f"{name}: Dimension size must be non-negative.")
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {list(size)}")
    return tuple(size)


def filled(array: np.ndarray, value: Any) -> np.ndarray:
    """`array`, every element the Python number `value`."""
    array[...] = value if type(value) is int and 0 <= value <= 1 else filling(value, array)
    return array


def default(given: dtype | None) -> np.dtype:
    return (given or dtypes.get_default_dtype()).np


# -- of a given size ---------------------------------------------------------------------------------------------------------------
@factory("zeros(SymInt[] size, *, OPTIONS) -> Tensor", out=True)
def zeros(size: Any, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: Any = None) -> np.ndarray:
    return np.zeros(checked(size, "zeros"), default(dtype))


@factory("ones(SymInt[] size, *, OPTIONS) -> Tensor", out=True)
def ones(size: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return np.ones(checked(size), default(dtype))


@factory("full(SymInt[] size, Scalar fill_value, *, OPTIONS) -> Tensor", out=True)
def full(size: Any, fill_value: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return filled(np.empty(checked(size), (dtype or dtypes.of_number(fill_value)).np), fill_value)


@factory("empty.memory_format(SymInt[] size, *, OPTIONS, MemoryFormat? memory_format=None) -> Tensor", out=True)
def empty(size: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any, memory_format: Any) -> np.ndarray:
    size = checked(size)
    return zeroed(size, steps_for(size, memory_format) or row_major(size), default(dtype))


def zeroed(size: tuple[int, ...], steps: Sequence[int], to: np.dtype) -> np.ndarray:
    """Memory whose values mean nothing: zeros, so that nothing is left to chance."""
    made = new(size, steps, to)
    made[...] = 0
    return made


@factory("empty_strided(SymInt[] size, SymInt[] stride, *, OPTIONS) -> Tensor")
def empty_strided(size: Any, stride: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    size = checked(size)
    if len(size) != len(stride):
        raise RuntimeError(f"dimensionality of sizes ({len(size)}) must match dimensionality of strides ({len(stride)})")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    to = default(dtype)
    return over(np.zeros(span(size, stride), to), tuple(size), tuple(s * to.itemsize for s in stride), 0, to)


@factory("scalar_tensor(Scalar s, *, OPTIONS) -> Tensor")
def scalar_tensor(s: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return filled(np.empty((), default(dtype)), s)


@factory("eye(int n, *, OPTIONS) -> Tensor", out=True)
def eye(n: int, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return identity(n, n, dtype)


@factory("eye.m(int n, int m, *, OPTIONS) -> Tensor", out=True)
def eye_m(n: int, m: int, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return identity(n, m, dtype)


def identity(n: int, m: int, dtype: dtype | None) -> np.ndarray:
    for name, side in (("n", n), ("m", m)):
        if side < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {side}")
    return np.eye(n, m, dtype=default(dtype))


# -- ranges ------------------------------------------------------------------------------------------------------------------------
BOUND = 2**53  # integers up to here are numbers of double precision, too


def counted(start: Any, end: Any, step: Any, dtype: dtype | None, closed: bool = False) -> np.ndarray:
    """`start`, `start + step`, ... below `end` (up to it where `closed`). Raises RuntimeError where that never ends."""
    if not closed and (dtype is None or dtype is dtypes.int64) and type(start) is type(end) is type(step) is int:
        if -BOUND < start <= end < BOUND and 0 < step < BOUND:
            return np.arange(start, end, step, dtype=np.int64)  # what the rest comes to
    if dtype is None:
        integral = all(isinstance(v, int) for v in (start, end, step))
        dtype = dtypes.int64 if integral and not closed else dtypes.get_default_dtype()
    if dtype.category in (0, 3):
        raise NotImplementedError(f"\"{'range' if closed else 'arange'}_cpu\" not implemented for '{dtype.scalar_name}'")
    kind = np.dtype(np.int64 if closed and dtype.category == 1 else np.float64)  # `range` counts in what it accumulates in
    accumulated = np.dtype(np.float32) if closed and dtype.low else kind
    for v in (start, end, step):
        converted(v, accumulated)
    if not (step > 0 or step < 0):
        raise RuntimeError("step must be nonzero")
    if start - start != 0 or end - end != 0:
        raise RuntimeError(f"unsupported range: {_shown(start)} -> {_shown(end)}")
    if (step > 0 and end < start) or (step < 0 and end > start):
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype is dtypes.int64 or kind.kind == "i":
        start, end, step = int(start), int(end), int(step)
        if not step:
            raise ValueError("step must be nonzero")
    return _values(start, step, _count(start, end, step, closed), dtype)


def _shown(v: float) -> str:
    """A bound as PyTorch prints a double."""
    return f"{v:g}"


def _count(start: Any, end: Any, step: Any, closed: bool) -> int:
    if closed:
        return int((end - start) / step) + 1
    if all(isinstance(v, int) for v in (start, end, step)):
        return -((start - end) // step)
    return math.ceil((end - start) / step)


VECTOR = 32  # bytes: PyTorch's loops take two vectors of them in a step, and what is left one by one


def _values(start: Any, step: Any, count: int, dtype: dtype) -> np.ndarray:
    """`start + i * step`, computed in the precision PyTorch accumulates in; in a vector counted from its first element."""
    wide = np.int64 if dtype.category == 1 else np.float64 if dtype.name in ("float32", "float64") else np.float32
    at: np.ndarray = np.arange(count, dtype=np.int64).astype(wide)
    first, by = (np.asarray(number).astype(wide)[()] for number in (start, step))
    if dtype.category == 1:
        return (first + at * by).astype(dtype.np)
    values, lanes = fused(at, by, first).astype(dtype.np), VECTOR // dtype.np.itemsize
    whole = count // (2 * lanes) * 2 * lanes
    firsts = values[:whole:lanes].astype(wide)
    values[:whole] = fused(at[:lanes], by, firsts[:, None]).astype(dtype.np).reshape(-1)
    return values


@factory("arange(Scalar end, *, OPTIONS) -> Tensor", out=True)
def arange(end: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return counted(0, end, 1, dtype)


@factory("arange.start(Scalar start, Scalar end, *, OPTIONS) -> Tensor")
def arange_start(start: Any, end: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return counted(start, end, 1, dtype)


@factory("arange.start_step(Scalar start, Scalar end, Scalar step=1, *, OPTIONS) -> Tensor", out=True)
def arange_step(start: Any, end: Any, step: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return counted(start, end, step, dtype)


@factory("range.step(Scalar start, Scalar end, Scalar step=1, *, OPTIONS) -> Tensor", out=True)
def range_step(start: Any, end: Any, step: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return counted(start, end, step, dtype, closed=True)


@factory("linspace(Scalar start, Scalar end, int steps, *, OPTIONS) -> Tensor", out=True)
def linspace(start: Any, end: Any, steps: int, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    dtype = spaced_dtype(start, end, dtype, "linspace")
    if dtype.category == 0 and steps > 1:
        raise NotImplementedError("\"linspace_cpu\" not implemented for 'Bool'")
    return spaced(start, end, steps, dtype)


def spaced_dtype(start: Any, end: Any, given: dtype | None, name: str) -> dtype:
    """The dtype given, or the default one that holds both bounds. Raises RuntimeError where complex bounds are to become real."""
    default = dtypes.get_default_dtype()
    if not isinstance(start, complex) and not isinstance(end, complex):
        return given or default
    found = default.to_complex()
    if given is not None and not given.is_complex:
        inferred = NAMES[found.scalar_name]
        raise RuntimeError(f"torch.{name}(): inferred dtype {inferred} can't be safely cast to passed dtype {given.scalar_name}")
    return given or found


def spaced(start: Any, end: Any, steps: int, dtype: dtype) -> np.ndarray:
    """Evenly spaced values, counted from both ends so that each end is exact."""
    if steps <= 1:
        return filled_once(start, steps, dtype)
    low, high = converted(start, dtype.np)[()], converted(end, dtype.np)[()]
    if dtype.category == 1:
        return _between(np.float64(low), np.float64(high), steps).astype(np.int64).astype(dtype.np)
    if dtype.is_complex:
        made = np.empty(steps, dtype.np)
        made.real, made.imag = (_between(getattr(low, part), getattr(high, part), steps) for part in ("real", "imag"))
        return made
    return _between(low, high, steps)


def filled_once(value: complex, steps: int, dtype: dtype) -> np.ndarray:
    """One element or none. What 16 bits cannot hold is infinite here: PyTorch refuses what does not fit in 32."""
    return np.full(steps, converted(value, dtype.np, round_low=True) if steps else 0, dtype.np)


def _between(low: Any, high: Any, steps: int) -> np.ndarray:
    """From `low` to `high` in the precision of both; 16-bit floats are rounded after every operation."""
    kind = type(low)
    step = kind((high - low) / kind(steps - 1))
    at = np.arange(steps)
    up, down = at.astype(kind), (steps - at - 1).astype(kind)
    if np.dtype(kind).itemsize == 2:
        return np.where(at < steps // 2, low + step * up, high - step * down)
    return np.where(at < steps // 2, fused(step, up, low), fused(-step, down, high))


def powers(start: Any, end: Any, steps: int, base: float, dtype: dtype | None) -> np.ndarray:
    """`base` to the power of evenly spaced values."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    dtype = spaced_dtype(start, end, dtype, "logspace")
    if dtype.category == 0 and steps > 1:
        raise NotImplementedError("\"logspace_cpu\" not implemented for 'Bool'")
    if steps <= 1:
        return filled_once((np.complex128 if dtype.category == 3 else np.float64)(base) ** (start if steps else 0), steps, dtype)
    if dtype.category == 1:
        first, last = int(converted(start, dtype.np)), int(converted(end, dtype.np))
        step, at = np.float64(last - first) / (steps - 1), np.arange(steps)
        made = np.power(np.float64(base), np.where(at < steps // 2, first + step * at, last - step * (steps - 1 - at)))
        return made.astype(np.int64 if dtype is dtypes.int64 else np.int32).astype(dtype.np)  # not by way of 64 bits, as elsewhere
    exponents = spaced(start, end, steps, dtype).astype(dtype.wide)
    if dtype.is_complex and not np.isfinite(exponents).all():  # a complex infinity times a number is NaN
        exponents[:] = complex(math.nan, math.nan)
    return cast(power(np.asarray(base, exponents.dtype), exponents), dtype.np)


@factory("logspace(Scalar start, Scalar end, int steps, float base=10., *, OPTIONS) -> Tensor", out=True)
def logspace(start: Any, end: Any, steps: int, base: float, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return powers(start, end, steps, base, dtype)


def _ends(start: Any, end: Any, name: str) -> tuple[Any, Any]:
    """Python numbers from 0-dim tensors given for bounds. Raises RuntimeError where one has dimensions."""
    tensors = {n: v for n, v in (("start", start), ("end", end)) if isinstance(v, np.ndarray)}
    if any(v.ndim for v in tensors.values()):
        got = " and ".join(f"{n} with {v.ndim} dimension(s)" for n, v in tensors.items())
        raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {got}.")
    first, last = (v.item() if isinstance(v, np.ndarray) else v for v in (start, end))
    return first, last


def _linspace_of(overload: str, start_type: str, end_type: str) -> None:
    @factory(f"linspace.{overload}({start_type} start, {end_type} end, int steps, *, OPTIONS) -> Tensor", out=True)
    def of_tensors(start: Any, end: Any, steps: int, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
        return linspace(*_ends(start, end, "linspace"), steps, dtype, layout, device, pin_memory)


def _logspace_of(overload: str, start_type: str, end_type: str) -> None:
    @factory(f"logspace.{overload}({start_type} start, {end_type} end, int steps, float base=10., *, OPTIONS) -> Tensor", out=True)
    def of_tensors(start: Any, end: Any, steps: int, base: float, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
        return powers(*_ends(start, end, "logspace"), steps, base, dtype)


for _first in ("Tensor", "Scalar"):
    for _second in ("Tensor", "Scalar"):
        if (_first, _second) != ("Scalar", "Scalar"):
            _linspace_of(f"{_first}_{_second}", _first, _second)
            _logspace_of(f"{_first}_{_second}", _first, _second)


# -- like another tensor -------------------------------------------------------------------------------------------------------------
def like(self: np.ndarray, dtype: dtype | None, memory_format: Any) -> np.ndarray:
    """New memory with the shape of `self`, and its layout unless a memory format asks for another."""
    if memory_format is None and self.size and self.flags.c_contiguous and 1 not in self.shape:
        return np.empty(self.shape, dtype.np if dtype else self.dtype)
    steps = steps_for(self.shape, memory_format)
    return new(self.shape, steps or dense_strides(self.shape, strides_of(self)), dtype.np if dtype else self.dtype)


@factory("zeros_like(Tensor self, *, OPTIONS, MemoryFormat? memory_format=None) -> Tensor")
def zeros_like(self: np.ndarray, dtype: Any, layout: Any, device: Any, pin_memory: Any, memory_format: Any) -> np.ndarray:
    return filled(like(self, dtype, memory_format), 0)


@factory("ones_like(Tensor self, *, OPTIONS, MemoryFormat? memory_format=None) -> Tensor")
def ones_like(self: np.ndarray, dtype: Any, layout: Any, device: Any, pin_memory: Any, memory_format: Any) -> np.ndarray:
    return filled(like(self, dtype, memory_format), 1)


@factory("full_like(Tensor self, Scalar fill_value, *, OPTIONS, MemoryFormat? memory_format=None) -> Tensor")
def full_like(self: np.ndarray, fill_value: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any, memory_format: Any) -> np.ndarray:
    return filled(like(self, dtype, memory_format), fill_value)


@factory("empty_like(Tensor self, *, OPTIONS, MemoryFormat? memory_format=None) -> Tensor")
def empty_like(self: np.ndarray, dtype: Any, layout: Any, device: Any, pin_memory: Any, memory_format: Any) -> np.ndarray:
    return filled(like(self, dtype, memory_format), 0)


@factory("new_zeros(Tensor self, SymInt[] size, *, OPTIONS) -> Tensor")
def new_zeros(self: np.ndarray, size: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return np.zeros(checked(size), dtype.np if dtype else self.dtype)


@factory("new_ones(Tensor self, SymInt[] size, *, OPTIONS) -> Tensor")
def new_ones(self: np.ndarray, size: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return np.ones(checked(size), dtype.np if dtype else self.dtype)


@factory("new_full(Tensor self, SymInt[] size, Scalar fill_value, *, OPTIONS) -> Tensor")
def new_full(self: np.ndarray, size: Any, fill_value: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return filled(np.empty(checked(size), dtype.np if dtype else self.dtype), fill_value)


@factory("new_empty(Tensor self, SymInt[] size, *, OPTIONS) -> Tensor")
def new_empty(self: np.ndarray, size: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return np.zeros(checked(size), dtype.np if dtype else self.dtype)


@factory("new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, OPTIONS) -> Tensor")
def new_empty_strided(self: np.ndarray, size: Any, stride: Any, dtype: Any, layout: Any, device: Any, pin_memory: Any) -> np.ndarray:
    return empty_strided(size, stride, dtype or OF_NUMPY[self.dtype], layout, device, pin_memory)
