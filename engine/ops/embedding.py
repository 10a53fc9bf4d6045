"""Rows of a table by number, what flows back into the table, and rows kept short."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import modes
from ..dtypes import OF_NUMPY
from ..graph import type_name
from ..op import F, composite, op, plain
from ..operands import requires
from ..overlap import check_no_overlap
from ..rows import add_rows
from ..tensor import Tensor
from .loss import INTERNAL, native
from .matmul import side
from .slices import index_select_kernel
from .statistics import vector_norm_kernel, zeroed

RENORM = "(while checking arguments for embedding_renorm_)"


def check_numbers(indices: np.ndarray, position: int, function: str) -> None:
    """Raises RuntimeError where the numbers of rows are neither int64 nor int32."""
    if indices.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            f"Expected tensor for argument #{position} 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{type_name(OF_NUMPY[indices.dtype])} instead (while checking arguments for {function})"
        )


def embedding_kernel(weight: np.ndarray, indices: np.ndarray, padding_idx: int, scale_grad_by_freq: bool, sparse: bool) -> np.ndarray:
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    check_numbers(indices, 1, "embedding")
    return index_select_kernel(weight, 0, indices.reshape(-1)).reshape(*indices.shape, weight.shape[1])


def count_rows(weight: Any, *others: Any) -> None:
    """What PyTorch keeps of the table before it looks at anything: its length, where a gradient will want it."""
    if modes.current() & modes.RECORDING == modes.GRAD and requires(weight):
        side(weight, 0)


def embedding_gradient(
    grad_output: np.ndarray, indices: np.ndarray, num_weights: int, padding_idx: int, scale_grad_by_freq: bool
) -> np.ndarray:
    """Every row added to that of its number, or its share where rows count by how often they were asked for."""
    check_numbers(indices, 2, "embedding_backward")
    if not grad_output.ndim:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    if num_weights < 0:
        raise RuntimeError("zeros: Dimension size must be non-negative.")
    width, at = grad_output.shape[-1], indices.reshape(-1).astype(np.int64, copy=False)
    if at.size * width != grad_output.size:
        raise RuntimeError(f"shape '[{at.size}, {width}]' is invalid for input of size {grad_output.size}")
    rows, made = grad_output.reshape(at.size, width), np.zeros((num_weights, width), grad_output.dtype)
    counts = (at != padding_idx) & (at >= 0) & (at < num_weights)
    if not counts.all():
        at, rows = at[counts], rows[counts]
    if scale_grad_by_freq and at.size:
        shares = 1 / np.bincount(at, minlength=num_weights)[at]
        rows = rows * shares[:, None].astype(rows.dtype)
    elif rows.dtype.kind == "c":  # PyTorch multiplies by a complex 1, which infinite numbers show
        rows = rows * rows.dtype.type(1)
    add_rows(made, at, rows)
    return made


def from_table(g: Any, weight_shape: Any, indices: Any, padding_idx: int, scale_grad_by_freq: bool, sparse: bool) -> Any:
    """The gradient of the table. Raises NotImplementedError for a sparse one."""
    if sparse:
        raise NotImplementedError("embedding: sparse gradients are not implemented")
    return F.embedding_dense_backward(g, indices, weight_shape[0], padding_idx, scale_grad_by_freq)


def twice_from_table(g: Any, indices: Any, padding_idx: int) -> Any:
    """Rows of `g`, whole whatever was scaled by frequency, as PyTorch has it."""
    rows = F.index_select(g, 0, indices.reshape((-1,)))
    if padding_idx >= 0:
        rows = zeroed(rows, (indices == padding_idx).reshape((-1, 1)))
    return F.view(rows, (*indices.shape, -1))


op("embedding(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
   plain(embedding_kernel, method=False, first=count_rows, stepwise=True, complex_gradient=False, jvp="linear"),
   weight=from_table)  # fmt: skip
op("embedding_dense_backward(Tensor grad_output, Tensor indices, int num_weights, int padding_idx, bool scale_grad_by_freq) -> Tensor",
   plain(embedding_gradient, stepwise=True, complex_gradient=False, jvp="linear", **INTERNAL), grad_output=twice_from_table)  # fmt: skip


# -- rows kept short -----------------------------------------------------------------------------------------------------------
def shorten(self: np.ndarray, indices: np.ndarray, max_norm: float, norm_type: float) -> None:
    """Scale every row that is named and longer than `max_norm` to that length, one after the other."""
    if self.ndim != 2:
        raise RuntimeError(f"Expected 2-dimensional tensor, but got {self.ndim}-dimensional tensor for argument #1 'self' {RENORM}")
    check_numbers(indices, 2, "embedding_renorm_")
    for at in np.unique(indices):
        if not -len(self) <= at < len(self):
            raise IndexError(f"select(): index {at} out of range for tensor of size {list(self.shape)} at dimension 0")
        row, d = self[at], OF_NUMPY[self.dtype]
        if d.category < 2:
            raise RuntimeError(f"norm(): input dtype should be either floating point or complex. Got {d.scalar_name} instead.")
        norm = float(vector_norm_kernel(row, norm_type, None, False, None))
        if norm > max_norm:
            check_no_overlap(row)
            row[...] = row * np.asarray(max_norm / (norm + 1e-7), d.to_real().wide)


def shortened(self: np.ndarray, indices: np.ndarray, max_norm: float, norm_type: float) -> np.ndarray:
    made = self.copy()
    shorten(made, indices, max_norm, norm_type)
    return made


def not_derived(g: Any) -> Any:
    raise NotImplementedError("the derivative for 'embedding_renorm' is not implemented.")


op("embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)",
   plain(shortened, method=False, into=shorten, overlaps=True, node="EmbeddingRenormBackward0", jvp=None), self=not_derived)  # fmt: skip


@composite(
    "nn.functional.embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, float norm_type=2.0, "
    "bool scale_grad_by_freq=False, bool sparse=False) -> Tensor"
)
def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None, max_norm: float | None, norm_type: float, scale_grad_by_freq: bool, sparse: bool
) -> Tensor:
    """The rows of `weight` that `input` names; no gradient flows into row `padding_idx`, and rows are first cut to `max_norm`, in place."""
    if padding_idx is not None and (padding_idx > 0 or padding_idx < 0):
        if not -weight.size(0) <= padding_idx < weight.size(0):
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx = padding_idx if padding_idx > 0 else weight.size(0) + padding_idx
    if max_norm is not None:
        input = F.contiguous(input)
        with modes.no_grad():
            native("embedding_renorm_", weight, input, max_norm, norm_type)
    return native("embedding", weight, input, -1 if padding_idx is None else padding_idx, scale_grad_by_freq, sparse)
