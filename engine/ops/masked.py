"""What a mask says: filling, picking out and writing where it is set."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import CPP_NAMES
from ..forward import MISSHAPEN
from ..number import converted
from ..once import say
from ..op import MISFIT, OPS, F, op, plain
from ..overlap import check_no_overlap
from ..select import where
from ..strided import dense_strides, inferred
from ..tensor import Tensor
from .arithmetic import real_stays_real
from .index import expanded, laid_as, word, zeros

BYTE_MASK = (
    "masked_scatter_ received a mask with dtype torch.uint8, this behavior is now deprecated,"
    "please use a mask with dtype torch.bool instead."
)


def both(mask: np.ndarray, self: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mask and tensor in one shape. Raises RuntimeError where they do not broadcast."""
    if mask.shape == self.shape:
        return mask, self
    rank = max(mask.ndim, self.ndim)
    for d in range(1, min(mask.ndim, self.ndim) + 1):
        n, m = mask.shape[-d], self.shape[-d]
        if n != m and 1 not in (n, m):
            raise RuntimeError(f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {rank - d}")
    mask, self = np.broadcast_arrays(mask, self)
    return mask, self


def masked_fill_kernel(self: np.ndarray, mask: np.ndarray, value: Any) -> np.ndarray:
    mask, self = both(mask, self)
    if isinstance(value, np.ndarray) and value.ndim:
        raise RuntimeError(f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
    if mask.dtype != np.bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {CPP_NAMES[word(mask)]}")
    filled = converted(value, self.dtype)
    if self.flags.c_contiguous and mask.flags.c_contiguous and self.dtype.isbuiltin:
        return where(mask, filled, self)
    made = np.array(self, order="C")
    np.copyto(made, filled, where=mask)
    return made


def mask_into(self: np.ndarray, mask: np.ndarray, value: Any) -> None:
    """Fill where the mask is set. Raises RuntimeError before anything is written."""
    if isinstance(value, np.ndarray) and value.ndim:
        raise RuntimeError(f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
    if mask.dtype != np.bool_:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {CPP_NAMES[word(mask)]}")
    expanded(self, "masked_fill_", "tensor[mask] = scalar")
    wide = both(self, mask)[0].shape
    if wide != self.shape:
        raise RuntimeError(MISFIT.format(list(self.shape), list(wide)))
    np.copyto(self, converted(value, self.dtype), where=mask)


def masked_select_kernel(self: np.ndarray, mask: np.ndarray) -> np.ndarray:
    if mask.dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    mask, self = both(mask, self)
    return np.atleast_1d(self)[np.atleast_1d(mask)]


def masked_scatter_kernel(self: np.ndarray, mask: np.ndarray, source: np.ndarray) -> np.ndarray:
    mask, self = both(mask, self)
    made = np.array(self, order="C")
    scatter_into(made, mask, source)
    return made


def masked_scatter_into(self: np.ndarray, mask: np.ndarray, source: np.ndarray) -> None:
    check_no_overlap(self)
    check_dtypes(self, source)
    if mask.shape != self.shape:
        mask = OPS["expand"].kernel(mask, self.shape, False)
    scatter_into(self, mask, source)


def check_dtypes(self: np.ndarray, source: np.ndarray) -> None:
    if self.dtype != source.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got{word(self)} and {word(source)}")


def scatter_into(made: np.ndarray, mask: np.ndarray, source: np.ndarray) -> None:
    """Write the source's elements, in order, where the mask is set. Raises RuntimeError before anything is written."""
    check_dtypes(made, source)
    if mask.dtype == np.uint8:
        say(BYTE_MASK, stacklevel=6)
    if mask.dtype != np.bool_:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {word(mask)}")
    count = int(np.count_nonzero(mask))
    if source.size < count:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    taken = source.reshape(-1)[:count]
    if not np.may_share_memory(made, source):
        made[mask] = taken
    elif source.flags.c_contiguous:  # read as PyTorch does, while it is written to
        for at, place in enumerate(np.argwhere(mask)):
            made[tuple(place)] = taken[at]
    else:
        made[mask] = taken.copy()


def masked_source(grad_output: np.ndarray, mask: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """The gradient of what was scattered: what the mask picked, then zeros for elements that were not used."""
    used = masked_select_kernel(grad_output, mask)
    missing = math.prod(sizes) - used.size
    made = np.concatenate([used, np.zeros(missing, used.dtype)]) if missing > 0 else used
    return made.reshape(inferred(sizes, made.size))


def masked_source_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    """The tangent in the shape of the gradient, as PyTorch makes it. Raises RuntimeError where that is not the shape of the result."""
    [tangent] = tangents
    if tangent.shape != outs[0].shape:
        raise RuntimeError(MISSHAPEN.format(list(outs[0].shape), list(tangent.shape)))
    return F.masked_scatter_backward(tangent, values[1], tuple(tangent.shape))


def picked_rule(g: Any, self: Any, mask: Any) -> Any:
    """The gradient of what was picked from, where the mask was set, laid out as that is."""
    wide = np.broadcast_shapes(tuple(self.shape), tuple(mask.shape))
    if wide != tuple(self.shape):
        return F.masked_scatter(zeros(g, wide), mask, g)
    if type(g) is Tensor:
        return F.new_empty_strided(g, wide, dense_strides(wide, self.stride())).zero_().masked_scatter_(mask, g)
    return laid_as(F.masked_scatter(zeros(g, wide), mask, g), self)


def zeroed(x: Any, mask: Any) -> Any:
    """`x`, which nobody else holds, with zeros where `mask` says so: in place, so that it keeps its layout."""
    if isinstance(x, Tensor):
        return x.masked_fill_(mask, 0)
    x = np.asarray(x)
    np.copyto(x, 0, where=mask)
    return x


op("masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor",
   plain(masked_fill_kernel, inplace=True, inplace_function=False, into=mask_into,
         jvp=lambda values, tangents, outs: F.masked_fill(tangents[0], values[1], 0)),
   self=lambda g, mask: F.masked_fill(g, mask, 0))  # fmt: skip
op("masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor",
   plain(masked_fill_kernel, inplace=True, inplace_function=False, into=mask_into, jvp="linear"),
   self=lambda g, mask: F.masked_fill(g, mask, 0),
   value=lambda g, mask, value_dtype: real_stays_real(F.sum(F.masked_select(g, mask)), value_dtype))  # fmt: skip
op("masked_select(Tensor self, Tensor mask) -> Tensor",
   plain(masked_select_kernel, out="masked_select(): self and result must have the same scalar type", apart=True, writes=(1,),
         jvp="linear"),
   self=lambda g, self, mask: picked_rule(g, self, mask))  # fmt: skip
op("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor",
   plain(masked_scatter_kernel, inplace=True, inplace_function=False, into=masked_scatter_into, jvp="linear"),
   self=lambda g, mask: F.masked_fill(g, mask, 0),
   source=lambda g, mask, source_shape: F.masked_scatter_backward(g, mask, source_shape))  # fmt: skip
op("masked_scatter_backward(Tensor grad_output, Tensor mask, SymInt[] sizes) -> Tensor",
   plain(masked_source, function=False, method=False, node="MaskedScatterBackwardBackward0", moves=True, jvp=masked_source_tangent),
   grad_output=lambda g, mask, grad_output_shape: F.masked_scatter(zeros(g, grad_output_shape), mask, g))  # fmt: skip
