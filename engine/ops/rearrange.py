"""Parts and shapes that are no views: copies of a part, pieces with histories of their own, diagonals spread out, least ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..calls import FUNCTIONS
from ..op import F, Op, composite, op, plain, view
from ..out import take_shape
from ..strided import copied, read_back, row_major
from ..tensor import Tensor
from .part import even_pieces, in_chunks, on_diagonal, sized_pieces, sliced
from .shape import Shape, dimension

# -- a copy of a part ------------------------------------------------------------------------------------------------------
NO_DIMENSION = "narrow() cannot be applied to a 0-dim tensor."
EXPECTED = (
    "Expected {} to be true, but got false.  "
    "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
)


def narrow_copied(self: np.ndarray, dim: int, start: int, length: int) -> np.ndarray:
    if not self.ndim:
        raise RuntimeError(NO_DIMENSION)
    if dim >= self.ndim:
        raise RuntimeError(EXPECTED.format("dim < static_cast<int64_t>(self_sizes.size())"))
    n = self.shape[dimension(dim, self)]
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if length < 0 or start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    part = sliced(self, dim, start, start + length, 1)
    return copied(part, row_major(part.shape))


def narrow_copy_rule(g: Any, self_shape: Shape, dim: int, start: int, length: int) -> Any:
    start = start + self_shape[dim] if start < 0 else start
    return F.slice_backward(g, self_shape, dim, start, start + length, 1)


def narrow_copied_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The part, for a target that takes its shape without a word. Raises RuntimeError where that has another dtype, whatever the part."""
    self, [out] = values[0], outs
    if self.ndim and self._dtype is not out._dtype:
        raise RuntimeError(EXPECTED.format("self.dtype() == output.dtype()"))
    [part] = op.compute(values)[1]
    take_shape(out, part.shape)
    if out._array.shape != part.shape:
        return [part]
    return [read_back(out._array, np.arange(part.size), part.reshape(-1))]  # PyTorch writes row after row, whatever the target's strides


op("narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor",
   plain(narrow_copied, out=narrow_copied_into, jvp="linear"),
   self=narrow_copy_rule)  # fmt: skip


# -- pieces that share memory and are no views: each may be written to, and nobody notices ------------------------------------
op("unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]",
   view(even_pieces),
   self=lambda g, dim: F.cat(g, dim))  # fmt: skip
op("unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
   view(sized_pieces),
   self=lambda g, dim: F.cat(g, dim))  # fmt: skip


@composite("unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]")
def unsafe_chunk(self: Tensor, chunks: int, dim: int) -> tuple[Tensor, ...]:
    return in_chunks(self, chunks, dim, F.unsafe_split, F.unsafe_split_with_sizes)


# -- diagonals ---------------------------------------------------------------------------------------------------------------
def diagonals(self: np.ndarray, offset: int, dim1: int, dim2: int) -> np.ndarray:
    """Zeros, with the last dimension of `self` on a diagonal of two new ones."""
    a, b = dimension(dim1, self, 1), dimension(dim2, self, 1)
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = abs(offset) + self.shape[dimension(-1, self)]
    shape = list(self.shape[:-1])
    for d in sorted((a, b)):
        shape.insert(d, n)
    return on_diagonal(self, shape, offset, a, b)


op("diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
   plain(diagonals, jvp="linear"),
   self=lambda g, offset, dim1, dim2: F.diagonal(g, offset, dim1, dim2))  # fmt: skip


# -- at least so many dimensions ----------------------------------------------------------------------------------------------
def _more(self: Tensor, rank: int) -> Tensor:
    if self.ndim >= rank:
        return self
    if not self.ndim:
        return F.reshape(self, (1,) * rank)
    made = F.unsqueeze(self, 0) if self.ndim == 1 else self
    return F.unsqueeze(made, -1) if rank == 3 else made


def _at_least(rank: int) -> None:
    name = f"atleast_{rank}d"

    @composite(f"{name}(Tensor self) -> Tensor", method=False)
    def one(self: Tensor) -> Tensor:
        return _more(self, rank)

    @composite(f"{name}.Sequence(Tensor[] tensors) -> Tensor[]", method=False)
    def several(tensors: list[Tensor]) -> tuple[Tensor, ...]:
        return tuple(_more(t, rank) for t in tensors)

    native = FUNCTIONS[name]

    def at_least(*tensors: Any) -> Any:
        return native(tensors[0] if len(tensors) == 1 else tensors)

    at_least.__name__ = at_least.__qualname__ = name
    at_least.__doc__ = f"The tensor with sides of 1 where it has fewer than {rank} dimensions; of several, a tuple."
    FUNCTIONS[name] = at_least


for _rank in (1, 2, 3):
    _at_least(_rank)
