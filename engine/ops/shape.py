"""Views: another shape, order of dimensions or part of the same memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from sys import getrefcount
from typing import Any

import numpy as np
from numpy import ndarray

from ..dtypes import OF_NUMPY
from ..geometry import in_range, strides_of
from ..graph import summed_to, type_name
from ..memory import WITHIN, seen_as_view
from ..once import warn_once
from ..op import OPS, F, composite, op, view
from ..strided import inferred, numel, strided, viewed_strides
from ..tensor import Tensor, readonly

Shape = Sequence[int]


def dimension(dim: int, self: Any, extra: int = 0) -> int:
    """`dim` of an array or a Tensor counted from the front; with `extra=1` a new one may be meant."""
    return in_range(dim, self.ndim + extra)


def of_dim(dim: int, *index: Any) -> tuple[Any, ...]:
    """The index that applies `index` at dimension `dim` and leaves the others; the result is never a NumPy scalar."""
    return (slice(None),) * dim + (*index, Ellipsis)


# -- another shape -----------------------------------------------------------------------------------------------------------
def viewed(self: np.ndarray, size: Shape) -> np.ndarray:
    """The same memory read as `size`. Raises RuntimeError where no strides do that."""
    if self.flags.c_contiguous and self.size and 1 not in self.shape:  # a side of 1 may have any step, which shows in the result
        return self.reshape(size if -1 not in size and numel(size) == self.size else inferred(size, self.size))
    size = inferred(size, self.size)
    steps = viewed_strides(self.shape, strides_of(self), size)
    if steps is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
            "subspaces). "
            "Use .reshape(...) instead."
        )
    return strided(self, size, steps)


def reshaped(g: Any, self_shape: Shape) -> Any:
    """A gradient in another shape; unlike NumPy, PyTorch derives the step of a side of 1 from those around it."""
    if type(g) is ndarray and g.size and (1 in g.shape or (1 in self_shape and g.base is not None)):
        steps = viewed_strides(g.shape, strides_of(g), self_shape)
        if steps is None:
            return g.reshape(self_shape)
        made = strided(g, self_shape, steps)
        return made if g.base is None and g.shape != made.shape else seen_as_view(made)  # of `g` itself it is seen to be one
    return g.reshape(self_shape)


def expanded(self: np.ndarray, size: Shape) -> np.ndarray:
    """`self` with steps of 0 where `size` is wider. Raises RuntimeError where it is not a broadcast."""
    if not self.ndim and self.base is None and min(size, default=1) > 0:
        return np.ndarray(tuple(size), self.dtype, self, 0, (0,) * len(size))
    whole = self.flags.forc
    key = (self.shape, self.strides, self.itemsize, *size) if whole else None
    known = _expansions.get(key)
    if known is not None:
        return np.ndarray(known[0], self.dtype, self, 0, known[1])
    lead = len(size) - self.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand({type_name(OF_NUMPY[self.dtype])}{{{list(self.shape)}}}, size={list(size)}): the number of sizes provided "
            f"({len(size)}) must be greater or equal to the number of dimensions in the tensor ({self.ndim})"
        )
    shape, steps = list(size), [0] * lead + list(strides_of(self))
    for i in reversed(range(len(size))):
        have = self.shape[i - lead] if i >= lead else 1
        if size[i] == -1:
            if i < lead and self.ndim:
                raise RuntimeError(f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}")
            shape[i] = have if i >= lead else -1
        elif size[i] != have:
            if have != 1:
                raise RuntimeError(
                    f"The expanded size of the tensor ({size[i]}) must match the existing size ({have}) at non-singleton dimension {i}.  "
                    f"Target sizes: {list(size)}.  Tensor sizes: {list(self.shape)}"
                )
            steps[i] = 0
        elif i < lead:
            steps[i] = shape[i + 1] * steps[i + 1] if i + 1 < len(shape) else 1
    if any(n < 0 for n in shape) and 0 not in shape:  # with a 0 NumPy refuses, which PyTorch leaves to whoever reads the result
        raise RuntimeError("numel: integer multiplication overflow")
    made = strided(self, shape, steps if self.ndim else [0] * len(shape))
    if whole and made.size and len(_expansions) < 4096:
        _expansions[key] = made.shape, made.strides
    return made


_expansions: dict[Any, tuple[tuple[int, ...], tuple[int, ...]]] = {}  # by geometry and size: shape, and strides in bytes


VIEW = op("view(Tensor(a) self, SymInt[] size) -> Tensor(a)", view(viewed), self=reshaped)
op("_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)",
   view(strided, method=False, function=False, node="ReshapeAliasBackward0"),
   self=reshaped)  # fmt: skip
UNSAFE_VIEW = op("_unsafe_view(Tensor self, SymInt[] size) -> Tensor",
   view(viewed, method=False, function=False, node="UnsafeViewBackward0"),
   self=reshaped)  # fmt: skip
op("expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)",
   view(lambda self, size, implicit: expanded(self, size), function=False),
   self=lambda g, self_shape: summed_to(g, self_shape) if len(self_shape) else F.sum(g))  # fmt: skip


@composite("reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)", usually=("view", "self._rows or self._array.flags.c_contiguous"))
def reshape(self: Tensor, shape: Shape) -> Tensor:
    if self._array.flags.c_contiguous:
        made: Tensor = VIEW.direct(self, shape)
        return made
    array = self._array
    if array.size:
        shape, steps = _read_as(array.shape, array.strides, array.itemsize, tuple(shape))
    else:
        shape = inferred(shape, 0)
        steps = viewed_strides(array.shape, strides_of(array), shape)
    if steps is not None:
        return F._reshape_alias(self, shape, steps)
    made = UNSAFE_VIEW.direct(OPS["clone"].direct(self, "contiguous_format"), shape)
    return made


@lru_cache(1024)
def _read_as(shape: tuple[int, ...], strides: tuple[int, ...], itemsize: int, size: tuple[int, ...]) -> tuple[Shape, Shape | None]:
    """The shape that `size` comes to, and the steps under which the elements read so; None where no steps do that."""
    size = inferred(size, numel(shape))
    return size, viewed_strides(shape, [s // itemsize for s in strides], size)


RESHAPE = OPS["reshape"]


@composite("view_as(Tensor(a) self, Tensor other) -> Tensor(a)", function=False)
def view_as(self: Tensor, other: Tensor) -> Tensor:
    return F.view(self, other.shape)


@composite("reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)", function=False)
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    return F.reshape(self, other.shape)


@composite("expand_as(Tensor(a) self, Tensor other) -> Tensor(a)", function=False)
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    return F.expand(self, other.shape)


@composite("sum_to_size(Tensor self, SymInt[] size) -> Tensor", function=False)
def sum_to_size(self: Tensor, size: Shape) -> Tensor:
    """The sum over the dimensions that broadcasting `size` to the tensor's would add or grow; the tensor where there are none.

    Raises RuntimeError where `size` does not broadcast to it.
    """
    shape, lead = tuple(self.shape), self.ndim - len(size)
    if lead < 0 or any(n not in (1, have) for n, have in zip(size, shape[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    dims = [*range(lead), *(lead + i for i, n in enumerate(size) if n == 1 != shape[lead + i])]
    if not size:
        return F.sum(self)
    made = F.sum(self, dims, keepdim=True) if dims else self
    return F.view(made, size) if lead else made


@composite("broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)", usually=("expand", "True"))
def broadcast_to(self: Tensor, size: Shape) -> Tensor:
    return F.expand(self, size)


@composite("flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)")
def flatten(self: Tensor, start_dim: int, end_dim: int) -> Tensor:
    shape = self._array.shape
    start, end = in_range(start_dim, len(shape)), in_range(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if shape and start == end:
        return self
    made: Tensor = RESHAPE.direct(self, (*shape[:start], numel(shape[start : end + 1]), *shape[end + 1 :]))
    return made


@composite("ravel(Tensor(a) self) -> Tensor(a)")
def ravel(self: Tensor) -> Tensor:
    return F.view(F.contiguous(self), (-1,))


@composite("unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)")
def unflatten(self: Tensor, dim: int, sizes: Shape) -> Tensor:
    dim = dimension(dim, self)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    shape = self._array.shape
    try:
        if not shape:
            raise RuntimeError(f"Dimension specified as {dim} but tensor has no dimensions")
        sizes = inferred(sizes, shape[dim])
    except RuntimeError as e:
        if "invalid for input" not in str(e):
            raise RuntimeError(f"unflatten got an unexpected error:\n{e}") from None
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the input tensor"
        ) from None
    return F.view(self, (*shape[:dim], *sizes, *shape[dim + 1 :]))


# -- sides of 1 --------------------------------------------------------------------------------------------------------------
def dropped(self: np.ndarray, dims: Sequence[int]) -> np.ndarray:
    """Without those of `dims` that have one element."""
    gone = {d for d in dims if self.shape[d] == 1}
    if self.size:
        return self.squeeze(tuple(gone))
    keep = [d for d in range(self.ndim) if d not in gone]
    steps = strides_of(self)
    return strided(self, [self.shape[d] for d in keep], [steps[d] for d in keep])


def squeezed(self: np.ndarray, dim: int) -> np.ndarray:
    dim = dimension(dim, self)
    return dropped(self, [dim] if self.ndim else [])


def squeezed_dims(self: np.ndarray, dim: Shape) -> np.ndarray:
    return dropped(self, distinct(dim, self.ndim) if self.ndim or dim else [])


def distinct(dims: Shape, ndim: int) -> list[int]:
    """`dims` counted from the front. Raises RuntimeError where one is there twice."""
    found: list[int] = []
    for d in dims:
        d = in_range(d, ndim)
        if d in found:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        found.append(d)
    return found if ndim else []


def unsqueezed(self: np.ndarray, dim: int) -> np.ndarray:
    dim = dimension(dim, self, 1)
    steps = strides_of(self)
    step = self.shape[dim] * steps[dim] if dim < self.ndim else 1
    return strided(self, (*self.shape[:dim], 1, *self.shape[dim:]), (*steps[:dim], step, *steps[dim:]))


def unsqueezed_to(g: Any, shape: Shape, dims: Sequence[int] | None = None) -> Any:
    """Put back the sides of 1 that `shape` has at `dims` (everywhere where not given)."""
    if not len(shape):
        return g
    kept = range(len(shape)) if dims is None else sorted(d % len(shape) for d in dims)
    for d in kept:
        if shape[d] == 1:
            g = F.unsqueeze(g, d)
    return g


op("squeeze(Tensor(a) self) -> Tensor(a)",
   view(lambda self: dropped(self, range(self.ndim))),
   self=lambda g, self_shape: unsqueezed_to(g, self_shape))  # fmt: skip
op("squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
   view(squeezed),
   self=lambda g, self_shape, dim: unsqueezed_to(g, self_shape, (dim,)))  # fmt: skip
op("squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)",
   view(squeezed_dims),
   self=lambda g, self_shape, dim: unsqueezed_to(g, self_shape, dim))  # fmt: skip
UNSQUEEZE = op("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", view(unsqueezed), self=lambda g, dim: F.squeeze(g, dim))


# -- another order of dimensions -----------------------------------------------------------------------------------------------
def permuted(self: np.ndarray, dims: Sequence[int]) -> np.ndarray:
    """Dimensions in the order `dims`, which are counted from the front."""
    if self.size:
        return self.transpose(dims)
    steps = strides_of(self)
    return strided(self, [self.shape[d] for d in dims], [steps[d] for d in dims])


def transposed(self: np.ndarray, dim0: int, dim1: int) -> np.ndarray:
    a, b = dimension(dim0, self), dimension(dim1, self)
    if not self.ndim:
        return self[...]
    if self.size:
        return self.swapaxes(a, b)
    order = list(range(self.ndim))
    order[a], order[b] = b, a
    return permuted(self, order)


def transposed_back(g: Any, dim0: int, dim1: int) -> Any:
    """The gradient of `transpose`, whose dimensions are known to be there."""
    if type(g) is not ndarray:
        return F.transpose(g, dim0, dim1)
    return g.swapaxes(dim0, dim1) if g.size and g.ndim else transposed(g, dim0, dim1)


def ordered(self: np.ndarray, dims: Shape) -> np.ndarray:
    """`permute`'s kernel. Raises RuntimeError where `dims` is not every dimension once."""
    if len(dims) != self.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions "
            f"i.e. input.dim() = {self.ndim} is not equal to len(dims) = {len(dims)}"
        )
    order = [in_range(d, self.ndim) for d in dims]
    if len(set(order)) < len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return permuted(self, order)


def unpermuted(g: Any, dims: Shape) -> Any:
    """Back to the order before `permute(dims)`."""
    back = [0] * len(dims)
    for i, d in enumerate(dims):
        back[d % len(dims)] = i
    return F.permute(g, tuple(back))


def flipped(self: np.ndarray, name: str = "t") -> np.ndarray:
    """`t`'s kernel: two dimensions swapped, one or none as they are."""
    if self.ndim > 2:
        raise RuntimeError(f"{name}() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
    return permuted(self, range(self.ndim)[::-1])


def flipped_back(g: Any) -> Any:
    """The gradient of `t`. Of a matrix turned round it is that matrix, where nobody else holds it, which may be added to in place."""
    if type(g) is not ndarray:
        return F.t(g)
    whole = g.base
    if type(whole) is ndarray and whole.base is None and whole.ndim == 2 and getrefcount(whole) == WITHIN + 1:  # by `g`, and here
        if g.strides == whole.strides[::-1] and g.shape == whole.shape[::-1] and g.dtype is whole.dtype:
            return whole
    return flipped(g)


op("transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
   view(transposed),
   self=transposed_back)  # fmt: skip
PERMUTE = op("permute(Tensor(a) self, int[] dims) -> Tensor(a)", view(ordered), self=lambda g, dims: unpermuted(g, dims))
T = op("t(Tensor(a) self) -> Tensor(a)", view(flipped), self=flipped_back)


@composite("swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)", usually=("transpose.int", "True"))
def swapaxes(self: Tensor, axis0: int, axis1: int) -> Tensor:
    return F.transpose(self, axis0, axis1)


@composite("swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", usually=("transpose.int", "True"))
def swapdims(self: Tensor, dim0: int, dim1: int) -> Tensor:
    return F.transpose(self, dim0, dim1)


def moved(self: Tensor, source: Shape, destination: Shape) -> Tensor:
    """Each dimension of `source` at its place in `destination`, the others in order."""
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number of dims as "
            "destination "
            f"({list(destination)} dims)"
        )
    start, end = [dimension(d, self) for d in source], [dimension(d, self) for d in destination]
    for name, given, found in (("source", source, start), ("destination", destination, end)):
        if len(set(found)) < len(found):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(given)})")
    if not self.ndim:
        return F.alias(self)
    order = dict(zip(end, start, strict=True))
    rest = iter(d for d in range(self.ndim) if d not in start)
    return F.permute(self, tuple(order[i] if i in order else next(rest) for i in range(self.ndim)))


@composite("movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)")
def movedim(self: Tensor, source: Shape, destination: Shape) -> Tensor:
    return moved(self, source, destination)


@composite("movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)")
def movedim_int(self: Tensor, source: int, destination: int) -> Tensor:
    return moved(self, (source,), (destination,))


@composite("moveaxis.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)")
def moveaxis(self: Tensor, source: Shape, destination: Shape) -> Tensor:
    return moved(self, source, destination)


@composite("moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)")
def moveaxis_int(self: Tensor, source: int, destination: int) -> Tensor:
    return moved(self, (source,), (destination,))


# -- transposes that read as attributes ------------------------------------------------------------------------------------------
REVERSED = (
    "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in a "
    "future release. "
    "Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of "
    "a tensor."
)


@composite("numpy_T(Tensor(a) self) -> Tensor(a)", method=False, function=False)
def numpy_T(self: Tensor) -> Tensor:
    count = self._array.ndim
    if count == 0:
        warn_once("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.")
    elif count != 2:
        warn_once(REVERSED)
    made: Tensor = PERMUTE.direct(self, tuple(range(count))[::-1])
    return made


def _check_matrix(self: Tensor, name: str) -> None:
    if self.ndim < 2:
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.")


@composite("mT(Tensor(a) self) -> Tensor(a)", method=False, function=False)
def mT(self: Tensor) -> Tensor:
    if self.ndim == 0:
        warn_once("Tensor.mT is deprecated on 0-D tensors. This function is the identity in these cases.")
        return self
    _check_matrix(self, "mT")
    return F.transpose(self, -2, -1)


def _adjoint(self: Tensor, name: str) -> Tensor:
    if self.ndim == 0:
        warn_once(f"{name} is deprecated on 0-D tensors. Consider using x.conj().")
        return F.conj(self)
    _check_matrix(self, name.removeprefix("Tensor."))
    made = F.transpose(self, -2, -1)
    return F.conj(made) if made.is_complex() else made


@composite("mH(Tensor(a) self) -> Tensor(a)", method=False, function=False)
def mH(self: Tensor) -> Tensor:
    return _adjoint(self, "Tensor.mH")


@composite("adjoint(Tensor(a) self) -> Tensor(a)")
def adjoint(self: Tensor) -> Tensor:
    return _adjoint(self, "adjoint()")


@composite("matrix_H(Tensor(a) self) -> Tensor(a)", method=False, function=False)
def matrix_H(self: Tensor) -> Tensor:
    if self.ndim == 0:
        warn_once("Tensor.H is deprecated on 0-D tensors. Consider using x.conj().")
        return F.conj(self)
    if self.ndim != 2:
        more = " For batches of matrices, consider using tensor.mH" if self.ndim > 2 else ""
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.{more}")
    return F.conj(F.transpose(self, 0, 1)) if self.is_complex() else F.transpose(self, 0, 1)


for _name, _body in {"T": numpy_T, "mT": mT, "mH": mH, "H": matrix_H}.items():
    setattr(Tensor, _name, readonly(_body, _name))
