"""Joining, repeating and rearranging: cat and stack and their kin, repeat, roll, flip, rot90, tril and triu."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import OF_NUMPY, dtype
from ..geometry import in_range, strides_of
from ..layout import channels_last, is_channels_last
from ..op import F, Op, composite, op, plain
from ..out import fit, matching
from ..overlap import check_no_overlap
from ..promotion import by_dtype, common
from ..strided import copied, dense_strides, new, read_back
from ..tensor import Tensor
from .arithmetic import is_complex
from .shape import viewed

Shape = tuple[int, ...]


# -- cat and stack --------------------------------------------------------------------------------------------------------
@by_dtype
def joined(operands: Sequence[Any]) -> dtype:
    """The common dtype. Raises ValueError where there is nothing to join."""
    if not operands:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    return common(operands)


def is_skipped(shape: Shape) -> bool:
    """True for the one shape `cat` passes over, whatever the others are: a vector without elements."""
    return shape == (0,)


def cat_kernel(tensors: list[np.ndarray], dim: int) -> np.ndarray:
    shape = tensors[0].shape
    if 1 < len(shape) < 4 and -len(shape) <= dim < len(shape) and all(t.shape == shape and t.flags.c_contiguous for t in tensors):
        return np.concatenate(tensors, dim)
    for i, t in enumerate(tensors):
        if not t.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    model = next((t for t in tensors if not is_skipped(t.shape)), None)
    if model is None:
        return np.empty(0, tensors[0].dtype)
    dim = in_range(dim, model.ndim)
    parts = [t for t in tensors if not is_skipped(t.shape)]
    for i, t in enumerate(tensors):
        if not is_skipped(t.shape):
            _check_joint(model, t, dim, i)
    made = _new_joined(parts, (*model.shape[:dim], sum(t.shape[dim] for t in parts), *model.shape[dim + 1 :]))
    return np.concatenate(parts, dim, out=made)


def _check_joint(model: np.ndarray, t: np.ndarray, dim: int, place: int) -> None:
    if t.ndim != model.ndim:
        raise RuntimeError(f"Tensors must have same number of dimensions: got {model.ndim} and {t.ndim}")
    for d, (n, m) in enumerate(zip(model.shape, t.shape, strict=True)):
        if d != dim and n != m:
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. "
                f"Expected size {n} but got size {m} for tensor number {place} in the list."
            )


def _new_joined(parts: list[np.ndarray], shape: Shape) -> np.ndarray:
    """Memory for the result: channels-last where every part is that, row-major otherwise."""
    if all(is_channels_last(t) for t in parts):
        return new(shape, channels_last(shape), parts[0].dtype)
    return np.empty(shape, parts[0].dtype)


def cat_gradients(g: Any, tensors_shape: list[Shape], tensors_dtype: list[dtype], dim: int) -> list[Any]:
    """The piece of `g` that came from each tensor; those of real ones are pieces of one real part, as in PyTorch's graph."""
    dim, start, parts = dim % max(g.ndim, 1), 0, []
    real = g.real if is_complex(g) else g
    for shape, d in zip(tensors_shape, tensors_dtype, strict=True):
        along = g if d.is_complex else real
        if is_skipped(shape):
            parts.append(F.new_zeros(along, shape))
            continue
        parts.append(F.narrow(along, dim, start, shape[dim]))
        start += shape[dim]
    return parts


FEW = 4  # arrays that are written to their places before NumPy has looked at what it is to join


def stack_kernel(tensors: list[np.ndarray], dim: int) -> np.ndarray:
    dim = in_range(dim, tensors[0].ndim + 1)
    for i, t in enumerate(tensors):
        if t.shape != tensors[0].shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(tensors[0].shape)} at entry 0 and {list(t.shape)} at entry {i}"
            )
    shape = tensors[0].shape
    made = np.empty((*shape[:dim], len(tensors), *shape[dim:]), tensors[0].dtype)
    if not dim and len(tensors) <= FEW:
        for i, t in enumerate(tensors):
            made[i] = t
        return made
    wider = (*shape[:dim], 1, *shape[dim:])
    return np.concatenate([t.reshape(wider) for t in tensors], dim, made)  # what `numpy.stack` does, but for its own checks


@by_dtype
def stacked(operands: Sequence[Any]) -> dtype:
    """The common dtype. Raises RuntimeError where there is nothing to stack."""
    _some(operands, "stack")
    return common(operands)


def _some(tensors: Sequence[Any], name: str) -> None:
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")


op("cat(Tensor[] tensors, int dim=0) -> Tensor",
   plain(cat_kernel, joined, method=False, out="joined", apart=True, moves=True, jvp="linear"),
   tensors=lambda g, tensors_shape, tensors_dtype, dim: cat_gradients(g, tensors_shape, tensors_dtype, dim))  # fmt: skip


def unstacked(g: Any, tensors_dtype: list[dtype], dim: int) -> list[Any]:
    """The gradient of each tensor that was stacked; that of a real one becomes so before the next is taken, as in PyTorch's graph."""
    if not isinstance(g, Tensor):
        return list(F.unbind(g, dim))
    parts = (F.select(g, dim, k) for k in range(len(tensors_dtype)))
    return [F.real(part) if part.is_complex() and not d.is_complex else part for part, d in zip(parts, tensors_dtype, strict=True)]


op("stack(Tensor[] tensors, int dim=0) -> Tensor",
   plain(stack_kernel, stacked, method=False, out="joined", apart=True, moves=True, jvp="linear"),
   tensors=unstacked)  # fmt: skip


@composite("concat(Tensor[] tensors, int dim=0) -> Tensor", usually=("cat", "True"), method=False, out="cat")
def concat(tensors, dim):
    return F.cat(tensors, dim)


@composite("concatenate(Tensor[] tensors, int dim=0) -> Tensor", usually=("cat", "True"), method=False, out="cat")
def concatenate(tensors, dim):
    return F.cat(tensors, dim)


def _at_least(t: Tensor, rank: int) -> Tensor:
    """The tensor with at least `rank` dimensions, the new ones where NumPy puts them."""
    if t.ndim >= rank:
        return t
    if not t.ndim:
        return F.view(t, (1,) * rank)
    if t.ndim == 1:
        t = F.unsqueeze(t, 0)
    return F.unsqueeze(t, -1) if t.ndim < rank else t


@composite("hstack(Tensor[] tensors) -> Tensor", method=False, out="cat")
def hstack(tensors):
    _some(tensors, "hstack")
    wide = [_at_least(t, 1) for t in tensors]
    return F.cat(wide, 0 if wide[0].ndim == 1 else 1)


@composite("vstack(Tensor[] tensors) -> Tensor", method=False, out="cat")
def vstack(tensors):
    _some(tensors, "vstack")
    return F.cat([_at_least(t, 2) for t in tensors], 0)


@composite("row_stack(Tensor[] tensors) -> Tensor", method=False, out="cat")
def row_stack(tensors):
    return F.vstack(tensors)


@composite("dstack(Tensor[] tensors) -> Tensor", method=False, out="cat")
def dstack(tensors):
    _some(tensors, "dstack")
    return F.cat([_at_least(t, 3) for t in tensors], 2)


@composite("column_stack(Tensor[] tensors) -> Tensor", method=False, out="cat")
def column_stack(tensors):
    _some(tensors, "column_stack")
    columns = [F.reshape(t, (t.numel(), 1)) if t.ndim <= 1 else t for t in tensors]
    return F.hstack(columns)


# -- repeating -----------------------------------------------------------------------------------------------------------
def repeat_kernel(self: np.ndarray, repeats: Shape) -> np.ndarray:
    if len(repeats) < self.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    wide = self.reshape((1,) * (len(repeats) - self.ndim) + self.shape)
    shape = [r * n for r, n in zip(repeats, wide.shape, strict=True)]
    for n in shape:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {shape}")
    if 0 not in shape and math.prod(repeats) > 1:
        return np.ascontiguousarray(np.tile(wide, repeats)).reshape(shape)
    made = np.empty(shape, self.dtype)  # in row-major order, sides of 1 too
    made[...] = wide if made.size else 0
    return made


def unrepeated(g: Any, shape: Shape, repeats: Shape) -> Any:
    """The copies of a repeated tensor summed up."""
    lead = len(repeats) - len(shape)
    if 0 in repeats:
        return F.new_zeros(g, shape)
    for _ in range(lead):
        g = F.sum(g, (0,), False)
    split = [n for r, s in zip(repeats[lead:], shape, strict=True) for n in ((r, s) if r != 1 else (s,))]
    dims, at = [], 0
    for r in repeats[lead:]:
        if r != 1:
            dims.append(at)
            at += 1
        at += 1
    return F.sum(F.reshape(g, tuple(split)), tuple(dims), False) if dims else g


op("repeat(Tensor self, SymInt[] repeats) -> Tensor",
   plain(repeat_kernel, function=False, jvp="linear"),
   self=lambda g, self_shape, repeats: unrepeated(g, self_shape, repeats))  # fmt: skip


@composite("tile(Tensor self, SymInt[] dims) -> Tensor")
def tile(self, dims):
    return F.repeat(self, (1,) * (self.ndim - len(dims)) + tuple(dims))


def repeated_positions(repeats: np.ndarray, output_size: int | None) -> np.ndarray:
    """Position i `repeats[i]` times."""
    if repeats.dtype.name not in ("int64", "int32"):
        raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{OF_NUMPY[repeats.dtype].scalar_name}'")
    if repeats.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if output_size is not None and repeats.size:
        if output_size < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {output_size}: [{output_size}]")
        if output_size != repeats.sum():
            raise RuntimeError("allocated size does not match required size")
    if (repeats < 0).any():
        raise RuntimeError("repeats can not be negative")
    return np.repeat(np.arange(repeats.size, dtype=repeats.dtype), repeats)


op("repeat_interleave.Tensor(Tensor repeats, *, int? output_size=None) -> Tensor",
   plain(repeated_positions, method=False, underived=True), repeats=lambda g: None)  # fmt: skip


@composite("repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor")
def repeat_interleave_by(self, repeats, dim, output_size):
    if dim is None:
        self, dim = F.flatten(self), 0
    if repeats.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if not self.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    at = in_range(dim, self.ndim)
    size = self._array.shape[at]
    if repeats.numel() == 1:
        repeats = F.expand(F.reshape(repeats, (1,)), (size,))
    elif repeats.numel() != size:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, "
            f"but got repeats.size(0) = {repeats.numel()} and input.size({dim}) = {size}"
        )
    return F.index_select(self, at, F.repeat_interleave(repeats, output_size=output_size))


@composite("repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, int? output_size=None) -> Tensor")
def repeat_interleave(self, repeats, dim, output_size):
    if dim is None:
        self, dim = F.flatten(self), 0
    at = in_range(dim, self.ndim)
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    if not self.ndim:
        in_range(1, 0)
    size = self._array.shape[at]
    if output_size is not None and output_size != size * repeats:
        raise RuntimeError(f"repeat_interleave: Invalid output_size, expected {size * repeats} but got {output_size}")
    wide = F.unsqueeze(self, at + 1)
    shape = wide._array.shape
    wide = F.expand(wide, (*shape[: at + 1], repeats, *shape[at + 2 :]))
    return F.flatten(F.clone(wide, memory_format="contiguous_format"), at, at + 1)


# -- moving elements -------------------------------------------------------------------------------------------------------
def roll_kernel(self: np.ndarray, shifts: Shape, dims: Shape) -> np.ndarray:
    if not shifts:
        raise RuntimeError("`shifts` required")
    if len(shifts) != len(dims) and (dims or len(shifts) > 1):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if not self.size:  # without dimensions it is one row
        return copied(self) if dims else viewed(copied(viewed(self, (0,))), self.shape)
    if not dims:
        return np.roll(np.ascontiguousarray(self), shifts[0]).reshape(self.shape)
    for d in dims:
        if not self.ndim:
            raise IndexError(f"Dimension specified as {d} but tensor has no dimensions")
        in_range(d, self.ndim)
    return np.roll(np.ascontiguousarray(self), shifts, dims)


def flip_kernel(self: np.ndarray, dims: Shape) -> np.ndarray:
    flipped = distinct(dims, self.ndim)
    made = new(self.shape, dense_strides(self.shape, strides_of(self)), self.dtype)
    made[...] = np.flip(self, flipped) if self.ndim else self
    return made


def distinct(dims: Shape, ndim: int) -> Shape:
    """Dimensions counted from the front. Raises RuntimeError where one is there twice."""
    found: list[int] = []
    for d in dims:
        at = in_range(d, ndim)
        if at in found:
            raise RuntimeError(f"dim {at} appears multiple times in the list of dims")
        found.append(at)
    return tuple(found)


def rot90_kernel(self: np.ndarray, k: int, dims: Shape) -> np.ndarray:
    a, b = _plane(self, dims)
    if k % 4 == 0:
        return np.array(self, order="C")
    if k % 4 == 2:
        return flip_kernel(self, (a, b))
    turned, steps = np.flip(self, b if k % 4 == 1 else a).swapaxes(a, b), list(dense_strides(self.shape, strides_of(self)))
    steps[a], steps[b] = steps[b], steps[a]
    return copied(turned, steps)  # not a view, which gradients could not be added to in place


def _plane(self: np.ndarray, dims: Shape) -> tuple[int, int]:
    """The two dimensions to rotate. Raises RuntimeError or IndexError where they are no plane of the tensor."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if self.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {self.ndim}")
    a, b = in_range(dims[0], self.ndim), in_range(dims[1], self.ndim)
    if a == b:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return a, b


op("roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor",
   plain(roll_kernel, jvp="linear"),
   self=lambda g, shifts, dims: F.roll(g, tuple(-s for s in shifts[::-1]), tuple(dims[::-1])))  # fmt: skip
op("flip(Tensor self, int[] dims) -> Tensor", plain(flip_kernel, jvp="linear"), self=lambda g, dims: F.flip(g, dims))
op("rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor",
   plain(rot90_kernel, jvp="linear"),
   self=lambda g, k, dims: F.rot90(g, -k, dims))  # fmt: skip


@composite("fliplr(Tensor self) -> Tensor")
def fliplr(self):
    if self.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return F.flip(self, (1,))


@composite("flipud(Tensor self) -> Tensor")
def flipud(self):
    if self.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return F.flip(self, (0,))


# -- triangles -------------------------------------------------------------------------------------------------------------
def triangle(self: np.ndarray, diagonal: int, name: str) -> np.ndarray:
    """The elements on one side of a diagonal of the last two dimensions, zeros on the other."""
    if self.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    rows, columns = self.shape[-2:]
    offset = np.arange(columns) - np.arange(rows)[:, None]
    made = np.zeros(self.shape, self.dtype)
    np.copyto(made, self, where=offset <= diagonal if name == "tril" else offset >= diagonal)
    return made


def clear_side(self: np.ndarray, diagonal: int, name: str) -> None:
    """Write zeros on the other side."""
    if self.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    if not batched_in_order(self):
        check_no_overlap(self)  # PyTorch writes a copy back
    offset = np.arange(self.shape[-1]) - np.arange(self.shape[-2])[:, None]
    np.copyto(self, np.zeros((), self.dtype), where=offset > diagonal if name == "tril" else offset < diagonal)


def batched_in_order(self: np.ndarray) -> bool:
    """True where PyTorch writes to matrices where they are: few enough dimensions, or one matrix right after the other."""
    if self.ndim <= 3 or self.flags.c_contiguous or not self.size:
        return True
    expected = self.shape[-1] * self.shape[-2]
    for i, (step, n) in reversed(list(enumerate(zip(strides_of(self)[:-2], self.shape[:-2], strict=True)))):
        if i == 0 and (step == 0 or n == 1):
            continue
        if step != expected:
            return False
        expected *= n
    return True


def triangle_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """For a target of several batch dimensions, which PyTorch takes to be one, by the step of the last of them."""
    [result], [out] = op.compute(values)[1], outs
    matching(OF_NUMPY[result.dtype], out._dtype)
    fit(out, result)
    if result.ndim <= 3 or not result.size or out._array.flags.c_contiguous or out is values[0]:
        return [result]
    batch, *inner = strides_of(out._array)[-3:]
    matrices = result.reshape(-1, *result.shape[-2:])
    steps = (batch if batch > 0 else 1, *inner)
    places = sum(i * step for i, step in zip(np.indices(matrices.shape), steps, strict=True))
    return [read_back(out._array, np.ravel(places), matrices.reshape(-1))]


op("tril(Tensor self, SymInt diagonal=0) -> Tensor",
   plain(lambda self, diagonal: triangle(self, diagonal, "tril"), inplace=True, inplace_function=False,
         into=lambda self, diagonal: clear_side(self, diagonal, "tril"), out=triangle_into, jvp="linear"),
   self=lambda g, diagonal: F.tril(g, diagonal))  # fmt: skip
op("triu(Tensor self, SymInt diagonal=0) -> Tensor",
   plain(lambda self, diagonal: triangle(self, diagonal, "triu"), inplace=True, inplace_function=False,
         into=lambda self, diagonal: clear_side(self, diagonal, "triu"), out=triangle_into, jvp="linear"),
   self=lambda g, diagonal: F.triu(g, diagonal))  # fmt: skip
