"""Views of a part: one index, a slice, a diagonal, windows, pieces, any strides."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from ..batch_refusals import NO_FALLBACK, NO_VIEW, refuse_samples
from ..calls import FUNCTIONS
from ..dtypes import OF_NUMPY
from ..geometry import address, in_range, strides_of
from ..layout import row_major
from ..op import F, composite, op, plain, view
from ..strided import flat_root, numel, over, overlaps, span, strided
from ..tensor import Tensor, method, wrap
from .shape import Shape, dimension, of_dim


# -- one index -----------------------------------------------------------------------------------------------------------------
def selected(self: np.ndarray, dim: int, index: int) -> np.ndarray:
    if dim == 0 and self.size and self.ndim:
        try:
            return self[index, ...]
        except IndexError:  # which is told below
            pass
    if not self.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = dimension(dim, self)
    n = self.shape[dim]
    if not -n <= index < n:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(self.shape)} at dimension {dim}")
    if self.size:
        return self[of_dim(dim, index)]
    steps = strides_of(self)
    return strided(self, self.shape[:dim] + self.shape[dim + 1 :], steps[:dim] + steps[dim + 1 :], index % n * steps[dim])


def placed(part: np.ndarray, shape: Shape, index: tuple[Any, ...]) -> np.ndarray:
    """Zeros of `shape` with `part` at `index`."""
    whole = np.zeros(shape, part.dtype)
    whole[index] = part
    return whole


def selected_back(g: Any, shape: Shape, dim: int, index: int) -> Any:
    """`select_backward`."""
    if type(g) is not np.ndarray:
        return F.select_backward(g, shape, dim, index)
    return placed(g, shape, of_dim(in_range(dim, len(shape)), index) if dim else (index,))


SELECT = op("select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)",
   view(selected),
   self=lambda g, self_shape, dim, index: selected_back(g, self_shape, dim, index))  # fmt: skip
op("select_backward(Tensor grad_output, int[] input_sizes, int dim, int index) -> Tensor",
   plain(lambda grad_output, input_sizes, dim, index: placed(grad_output, input_sizes, of_dim(in_range(dim, len(input_sizes)), index)),
         method=False, function=False, jvp="linear"),
   grad_output=lambda g, dim, index: F.select(g, dim, index))  # fmt: skip


# -- slices --------------------------------------------------------------------------------------------------------------------
WHOLE = (slice(None),) * 64


def bounds(start: int | None, end: int | None, n: int) -> tuple[int, int]:
    """First and last-plus-one position of a slice of a dimension of `n`, both inside it."""
    start, end = start or 0, n if end is None else end
    start = min(max(start + n if start < 0 else start, 0), n)
    end = end + n if end < 0 else end
    return start, min(max(end, start), n)


def sliced(self: np.ndarray, dim: int, start: int | None, end: int | None, step: int) -> np.ndarray:
    if not self.ndim:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    if dim == 0 and step == 1:
        part = self[start:end]  # NumPy keeps to the bounds as PyTorch does
        if part.size:
            return part
    dim = dimension(dim, self)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    part = self[start:end:step] if not dim else self[(*WHOLE[:dim], slice(start, end, step))]
    if part.size and (step == 1 or part.shape[dim] > 1):
        return part
    start, end = bounds(start, end, self.shape[dim])
    if self.size and end > start:
        return _with_step(self[of_dim(dim, slice(start, end, step))], self, dim, step)
    steps = list(strides_of(self))
    offset = start * steps[dim]
    steps[dim] *= step
    return strided(self, (*self.shape[:dim], (end - start + step - 1) // step, *self.shape[dim + 1 :]), steps, offset)


def _with_step(part: np.ndarray, self: np.ndarray, dim: int, step: int) -> np.ndarray:
    """NumPy leaves the step of a slice with one element; PyTorch multiplies it."""
    if step == 1 or part.strides[dim] == self.strides[dim] * step:
        return part
    steps = list(strides_of(part))
    steps[dim] = strides_of(self)[dim] * step
    return strided(part, part.shape, steps)


def sliced_back(g: Any, self_shape: Shape, dim: int, start: int | None, end: int | None, step: int) -> Any:
    """`slice_backward`. NumPy keeps to the bounds as PyTorch does."""
    if type(g) is not np.ndarray:
        return F.slice_backward(g, self_shape, dim, start or 0, LAST if end is None else end, step)
    whole = np.zeros(self_shape, g.dtype)
    if dim:
        whole[(*WHOLE[: in_range(dim, len(self_shape))], slice(start, end, step))] = g
    else:
        whole[start:end:step] = g
    return whole


def slice_of(dim: int, start: int | None, end: int | None, step: int, shape: Shape) -> tuple[Any, ...]:
    dim = in_range(dim, len(shape))
    return of_dim(dim, slice(*bounds(start, end, shape[dim]), step))


LAST = 2**63 - 1  # an end that no dimension reaches
SLICE = op("slice.Tensor(Tensor(a) self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor(a)",
   view(sliced, method=False, function=False),
   self=sliced_back)  # fmt: skip
op("slice_backward(Tensor grad_output, int[] input_sizes, int dim, int start, int end, int step) -> Tensor",
   plain(lambda grad_output, input_sizes, dim, start, end, step:
         placed(grad_output, input_sizes, slice_of(dim, start, end, step, input_sizes)),
         method=False, function=False, jvp="linear"),
   grad_output=lambda g, dim, start, end, step: F.slice(g, dim, start, end, step))  # fmt: skip


@composite("narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)")
def narrow(self: Tensor, dim: int, start: int, length: int) -> Tensor:
    if not self.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    n = self._array.shape[dimension(dim, self)]
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return F.slice(self, dim, start, start + length, 1)


@composite("narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)")
def narrow_tensor(self: Tensor, dim: int, start: Tensor, length: int) -> Tensor:
    refuse_samples(start, NO_VIEW, "narrow.Tensor")
    if start.ndim or start.dtype.category != 1:
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    return F.narrow(self, dim, start.item(), length)


# -- diagonals -----------------------------------------------------------------------------------------------------------------
def diagonal_of(self: np.ndarray, offset: int, dim1: int, dim2: int) -> np.ndarray:
    a, b = dimension(dim1, self), dimension(dim2, self)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    shape, steps = list(self.shape), list(strides_of(self))
    n = max(min(shape[a], shape[b] - offset) if offset >= 0 else min(shape[a] + offset, shape[b]), 0)
    start = 0 if not n else offset * steps[b] if offset >= 0 else -offset * steps[a]
    step = steps[a] + steps[b]
    for d in sorted((a, b), reverse=True):
        del shape[d], steps[d]
    return strided(self, (*shape, n), (*steps, step), start)


def on_diagonal(g: np.ndarray, shape: Shape, offset: int, dim1: int, dim2: int) -> np.ndarray:
    whole = np.zeros(shape, g.dtype)
    diagonal_of(whole, offset, dim1, dim2)[...] = g
    return whole


op("diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)",
   view(diagonal_of),
   self=lambda g, self_shape, offset, dim1, dim2: F.diagonal_backward(g, self_shape, offset, dim1, dim2))  # fmt: skip
op("diagonal_backward(Tensor grad_output, int[] input_sizes, int offset, int dim1, int dim2) -> Tensor",
   plain(on_diagonal, method=False, function=False, jvp="linear"),
   grad_output=lambda g, offset, dim1, dim2: F.diagonal(g, offset, dim1, dim2))  # fmt: skip


# -- windows -------------------------------------------------------------------------------------------------------------------
def windows(self: np.ndarray, dimension_: int, size: int, step: int) -> np.ndarray:
    """Every `step`-th run of `size` elements along a dimension, in a new last one."""
    dim = dimension(dimension_, self)
    n = self.shape[dim] if self.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not self.ndim:
        return strided(self, (size,), (1,))
    shape, steps = list(self.shape), list(strides_of(self))
    shape[dim] = (n - size) // step + 1
    inner, steps[dim] = steps[dim], steps[dim] * step
    return strided(self, (*shape, size), (*steps, inner))


def folded(grad_in: np.ndarray, input_sizes: Shape, dim: int, size: int, step: int) -> np.ndarray:
    """The sum of all windows, each at its place."""
    whole = np.zeros(input_sizes, grad_in.dtype)
    if not len(input_sizes):
        whole[...] = grad_in.sum()
        return whole
    dim %= len(input_sizes)
    count = grad_in.shape[dim]
    for i in range(size):
        whole[of_dim(dim, slice(i, i + (count - 1) * step + 1, step))] += grad_in[..., i]
    return whole


op("unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)",
   view(windows, function=False),
   self=lambda g, self_shape, dimension, size, step: F.unfold_backward(g, self_shape, dimension, size, step))  # fmt: skip
op("unfold_backward(Tensor grad_in, int[] input_sizes, int dim, int size, int step) -> Tensor",
   plain(folded, method=False, function=False, jvp="linear"),
   grad_in=lambda g, dim, size, step: F.unfold(g, dim, size, step))  # fmt: skip


# -- pieces ----------------------------------------------------------------------------------------------------------------------
def unbound(self: np.ndarray, dim: int) -> list[np.ndarray]:
    dim = dimension(dim, self)
    if not self.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return [selected(self, dim, i) for i in range(self.shape[dim])]


def pieces(self: np.ndarray, sizes: Shape, dim: int) -> list[np.ndarray]:
    """Slices one after the other, of `sizes`."""
    made, start = [], 0
    for n in sizes:
        made.append(sliced(self, dim, start, start + n, 1))
        start += n
    return made


def check_split(self: Any, split_size: int, dim: int) -> int:
    """The length of dimension `dim`. Raises RuntimeError where it cannot be split into parts of `split_size`."""
    if not self.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if split_size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    n = self.shape[dimension(dim, self)]
    if split_size == 0 and n:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    return n


def even_pieces(self: np.ndarray, split_size: int, dim: int) -> list[np.ndarray]:
    n = check_split(self, split_size, dim)
    starts = range(0, n, split_size) if split_size and n else [0]
    return pieces(self, [min(split_size, n - s) for s in starts], dim)


def sized_pieces(self: np.ndarray, split_sizes: Shape, dim: int) -> list[np.ndarray]:
    if not self.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = self.shape[dimension(dim, self)]
    if any(s < 0 for s in split_sizes):
        raise RuntimeError(f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(split_sizes)}")
    if sum(split_sizes) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), but got "
            f"split_sizes={list(split_sizes)}"
        )
    return pieces(self, split_sizes, dim)


op("unbind.int(Tensor(a) self, int dim=0) -> Tensor(a)[]", view(unbound), self=lambda g, dim: F.stack(g, dim))
op(
    "split.Tensor(Tensor(a) self, SymInt split_size, int dim=0) -> Tensor(a)[]",
    view(even_pieces),
    self=lambda g, self_shape, split_size, dim: F.cat(g, dim),
)
op(
    "split_with_sizes(Tensor(a) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]",
    view(sized_pieces),
    self=lambda g, self_shape, split_sizes, dim: F.cat(g, dim),
)


@composite("split.sizes(Tensor(a) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]")
def split_sizes(self: Tensor, split_size: Shape, dim: int) -> tuple[Tensor, ...]:
    return F.split_with_sizes(self, split_size, dim)


@method
def split(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of `split_size` along `dim`, the last one smaller; or of the sizes given."""
    return (_split if isinstance(split_size, int) else _split_with_sizes)(self, split_size, dim)


def split_function(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """`tensor.split(...)`."""
    return tensor.split(split_size_or_sections, dim)


_split, _split_with_sizes = FUNCTIONS["split"], FUNCTIONS["split_with_sizes"]
split_function.__name__ = split_function.__qualname__ = "split"
FUNCTIONS["split"] = split_function


@composite("chunk(Tensor(a) self, int chunks, int dim=0) -> Tensor(a)[]")
def chunk(self: Tensor, chunks: int, dim: int) -> tuple[Tensor, ...]:
    return in_chunks(self, chunks, dim, F.split, F.split_with_sizes)


def in_chunks(self: Tensor, chunks: int, dim: int, split: Callable[..., Any], split_with_sizes: Callable[..., Any]) -> tuple[Tensor, ...]:
    """At most `chunks` parts of one size, the last one smaller; `chunks` empty ones of an empty side."""
    if not self.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = self._array.shape[dimension(dim, self)]
    return split(self, (n + chunks - 1) // chunks, dim) if n else split_with_sizes(self, (0,) * chunks, dim)


def _check_split_at(self: Tensor) -> None:
    if not self.ndim:
        raise RuntimeError(f"tensor_split expected at least a 1-dimensional tensor, but got a tensor with {self.ndim} dims")


@composite("tensor_split.sections(Tensor(a) self, SymInt sections, int dim=0) -> Tensor(a)[]")
def tensor_split(self: Tensor, sections: int, dim: int) -> tuple[Tensor, ...]:
    _check_split_at(self)
    n = self._array.shape[dimension(dim, self)]
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    least, more = divmod(n, sections)
    made, start = [], 0
    for i in range(sections):
        end = start + least + (i < more)
        made.append(F.slice(self, dim, start, end, 1))
        start = end
    return tuple(made)


@composite("tensor_split.indices(Tensor(a) self, SymInt[] indices, int dim=0) -> Tensor(a)[]")
def tensor_split_indices(self: Tensor, indices: Shape, dim: int) -> tuple[Tensor, ...]:
    _check_split_at(self)
    n = self._array.shape[dimension(dim, self)]
    return tuple(F.slice(self, dim, s, e, 1) for s, e in zip((0, *indices), (*indices, n), strict=True))


@composite("tensor_split.tensor_indices_or_sections(Tensor(a) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]")
def tensor_split_tensor(self: Tensor, tensor_indices_or_sections: Tensor, dim: int) -> tuple[Tensor, ...]:
    at = tensor_indices_or_sections
    for t in (self, at):
        refuse_samples(t, NO_FALLBACK, "tensor_split.tensor_indices_or_sections")
    _check_split_at(self)
    if at.dtype is not OF_NUMPY[np.dtype(np.int64)]:
        raise RuntimeError(f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {at.dtype.scalar_name}")
    if at.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor "
            f"with {at.ndim} dims"
        )
    return F.tensor_split(self, at.item() if not at.ndim else tuple(at.tolist()), dim)


def _axis_split(self: Tensor, parts: Any, name: str, dim: int, least: int) -> tuple[Tensor, ...]:
    """hsplit, vsplit and dsplit: a split along one dimension, into equal parts or at positions."""
    if self.ndim < least:
        raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {self.ndim} dimensions!")
    if isinstance(parts, int):
        n = self._array.shape[dim]
        if parts == 0 or n % parts:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {n} is not divisible by the "
                f"split_size {parts}!"
            )
    return F.tensor_split(self, parts, dim)


@composite("hsplit.int(Tensor(a) self, int sections) -> Tensor(a)[]")
def hsplit(self: Tensor, sections: int) -> tuple[Tensor, ...]:
    return _axis_split(self, sections, "hsplit", min(self.ndim - 1, 1), 1)


@composite("hsplit.array(Tensor(a) self, int[] indices) -> Tensor(a)[]")
def hsplit_at(self: Tensor, indices: Shape) -> tuple[Tensor, ...]:
    return _axis_split(self, indices, "hsplit", min(self.ndim - 1, 1), 1)


@composite("vsplit.int(Tensor(a) self, int sections) -> Tensor(a)[]")
def vsplit(self: Tensor, sections: int) -> tuple[Tensor, ...]:
    return _axis_split(self, sections, "vsplit", 0, 2)


@composite("vsplit.array(Tensor(a) self, int[] indices) -> Tensor(a)[]")
def vsplit_at(self: Tensor, indices: Shape) -> tuple[Tensor, ...]:
    return _axis_split(self, indices, "vsplit", 0, 2)


@composite("dsplit.int(Tensor(a) self, int sections) -> Tensor(a)[]")
def dsplit(self: Tensor, sections: int) -> tuple[Tensor, ...]:
    return _axis_split(self, sections, "dsplit", 2, 3)


@composite("dsplit.array(Tensor(a) self, int[] indices) -> Tensor(a)[]")
def dsplit_at(self: Tensor, indices: Shape) -> tuple[Tensor, ...]:
    return _axis_split(self, indices, "dsplit", 2, 3)


UNCOUNTED = "numel: integer multiplication overflow"  # what PyTorch says of a negative size


# -- any strides -------------------------------------------------------------------------------------------------------------------
def restrided(self: np.ndarray, size: Shape, stride: Shape, storage_offset: int | None, overflow: str | None = None) -> np.ndarray:
    """Any geometry over the memory of `self`. Raises RuntimeError where it reaches outside, or below 0 (`overflow`)."""
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    root, item = flat_root(self), self.itemsize
    start = (address(self) - address(root)) // item if storage_offset is None else storage_offset
    if start < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {start}")
    if 0 not in size and any(n < 0 and s for n, s in zip(size, stride, strict=True)):
        raise RuntimeError(overflow or f"Storage size calculation overflowed with sizes={list(size)} and strides={list(stride)}")
    needed = span(size, stride, start) * item
    if needed > root.nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {start}, and itemsize {item} requiring a storage "
            "size of "
            f"{needed} are out of bounds for storage of size {root.nbytes}"
        )
    if 0 not in size and any(n < 0 for n in size):  # with a 0 NumPy refuses, which PyTorch leaves to whoever reads the result
        raise RuntimeError(UNCOUNTED)
    return over(root, tuple(size), tuple([s * item for s in stride]), start * item, self.dtype)


Places = tuple[int, ...]
Geometry = tuple[Places, Places, int]


def from_strided(g: Any, geometry: Geometry, size: Shape, stride: Shape, storage_offset: int | None) -> Any:
    """The gradient of what `as_strided` looked at, in the geometry of its input.

    Through a buffer: elements seen more than once add up there, and where the input itself overlaps, each place's sum is
    divided by how often the input shows it. Source: PyTorch's `as_strided_backward`.
    """
    if type(g) is ndarray and type(size) is type(stride) is tuple:
        known = _places.get((geometry, size, stride, storage_offset, g.itemsize))
        if known is not None:
            return _placed_in_zeros(g, *known)
    shape, steps, offset = geometry
    at = offset if storage_offset is None else storage_offset
    if 0 in size or 0 in shape:
        zeros = np.zeros(shape, g.dtype if not isinstance(g, Tensor) else g._dtype.np)
        return wrap(zeros, g._dtype) if isinstance(g, Tensor) else zeros  # of a batch, the same for all samples
    reduced = 1 in size or 0 in stride
    for d in reversed(range(len(size))) if reduced else ():
        if size[d] == 1:
            g = F.squeeze(g, d)
        elif stride[d] == 0:
            g = F.sum(g, (d,), False)
    through = _buffer(shape, steps, offset, tuple(size), tuple(stride), at)
    if through.whole and type(g) is ndarray:
        places, steps, offset = through.out
        item = g.itemsize
        known = shape, places, offset * item, tuple([s * item for s in steps])
        if not reduced and type(size) is type(stride) is tuple and len(_places) < 4096:
            _places[geometry, size, stride, storage_offset, item] = known
        return _placed_in_zeros(g, *known)
    return _scatter_tensors(g, through) if isinstance(g, Tensor) else _scatter_arrays(g, through)


_places: dict[Any, tuple[Places, Places, int, Places]] = {}  # where gradients go that need no more than to be placed in zeros


def _placed_in_zeros(g: np.ndarray, shape: Places, places: Places, start: int, strides: Places) -> np.ndarray:
    made = zeros_kept(shape, g.dtype)
    ndarray(places, g.dtype, made, start, strides)[...] = g
    return made.view(ndarray)


class Buffer(NamedTuple):
    """What the gradient of `as_strided` goes through: a buffer of a `length`, what was looked at in it, and the input."""

    length: int
    out: Geometry
    into: Geometry
    adds: bool  # elements were seen more than once
    shares: bool  # the input itself overlaps
    whole: bool  # nothing is seen more than once, and the buffer is the input in row-major order


@lru_cache(4096)
def _buffer(shape: Places, steps: Places, offset: int, size: Places, stride: Places, at: int) -> Buffer:
    kept = [(n, s) for n, s in zip(size, stride, strict=True) if n != 1 and s != 0]
    out = tuple(n for n, _ in kept), tuple(s for _, s in kept), at - min(at, offset)
    into = shape, steps, offset - min(at, offset)
    length, adds, shares = max(span(*out), span(*into)), overlaps(out[0], out[1]), overlaps(into[0], into[1])
    whole = not adds and not shares and length == numel(shape) and not into[2] and 1 not in shape and steps == row_major(shape)
    return Buffer(length, out, into, adds, shares, whole)


def _within(buffer: np.ndarray, geometry: Geometry) -> np.ndarray:
    """A part of a buffer that is long enough for it."""
    (shape, steps, offset), item = geometry, buffer.itemsize
    return np.ndarray(shape, buffer.dtype, buffer, offset * item, [s * item for s in steps])


class Kept(np.ndarray):
    """A buffer that is seen elsewhere, too: PyTorch's gradient is a view of it, so that what arrives later is not added in place."""


def zeros_kept(shape: Places, dtype: np.dtype) -> Kept:
    made = Kept(shape, dtype)
    made.fill(0)
    return made


def _scatter_arrays(g: np.ndarray, through: Buffer) -> np.ndarray:
    length, out, into, adds, shares, _ = through
    flat = zeros_kept((length,), g.dtype)
    if adds:
        np.add.at(flat, _within(np.arange(length), out).reshape(-1), g.reshape(-1))
    else:
        _within(flat, out)[...] = g
    if shares:
        flat = flat / np.bincount(_within(np.arange(length), into).reshape(-1), minlength=length).astype(flat.real.dtype)
    return _within(flat, into)


def _scatter_tensors(g: Tensor, through: Buffer) -> Tensor:
    length, out, into, adds, shares, _ = through
    flat = F.new_zeros(g, (length,))
    places = F.arange(length)
    if adds:
        flat = F.index_add(flat, 0, F.reshape(F.as_strided(places, *out), (-1,)), F.reshape(g, (-1,)))
    else:
        F.copy_(F.as_strided(flat, *out), g)
    if shares:
        seen = F.reshape(F.as_strided(places, *into), (-1,))
        flat = flat / F.index_add(F.zeros_like(flat), 0, seen, F.ones_like(seen, dtype=g.dtype))
    return F.as_strided(flat, *into)


op("as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, int? storage_offset=None) -> Tensor(a)",
   view(restrided, writes=(1,)),
   self=lambda g, self_geometry, size, stride, storage_offset: from_strided(g, self_geometry, size, stride, storage_offset))  # fmt: skip
