"""What is special about the inputs of embeddings: tables of rows and the numbers of rows."""

from __future__ import annotations

import numpy as np

from ..case import NUMPY, TensorValue
from ..draft import Draft, draw_layout, draw_shape
from ..kinds import nothing, one_of, shaped, tensor
from ..source import Source
from ..spec import spec

TABLE = shaped("numbers", "width")
PADDING = one_of(-1, 0, 1)


def numbers(src: Source, draft: Draft) -> TensorValue:
    """Numbers of rows, in any shape; none where the table is empty."""
    count = draft.side(src, "numbers")
    shape = draw_shape(src, 0, 2) if count else (0,)
    strides, offset, size = draw_layout(src, shape)
    root = np.frombuffer(src.bytes(size), np.uint8).astype(NUMPY["int64"]) % max(count, 1)
    return TensorValue("int64", root, shape, strides, offset)


def per_number(src: Source, draft: Draft) -> tuple[int, ...]:
    """One row for each of the numbers, which are drawn after it: a vector of them."""
    return draft.side(src, "n"), draft.side(src, "width")


def vector(src: Source, draft: Draft) -> TensorValue:
    shape = (draft.side(src, "n"),)
    strides, offset, size = draw_layout(src, shape)
    root = np.frombuffer(src.bytes(size), np.uint8).astype(NUMPY["int64"]) % max(draft.side(src, "numbers"), 1)
    return TensorValue("int64", root, shape, strides, offset)


def count(src: Source, draft: Draft) -> int:
    return max(draft.side(src, "numbers"), 1)


spec("embedding", weight=TABLE, indices=numbers, padding_idx=PADDING, sparse=False)
spec("embedding_dense_backward", grad_output=tensor(per_number), indices=vector, num_weights=count, padding_idx=PADDING)
spec("embedding_renorm_", self=TABLE, indices=numbers, max_norm=one_of(1.0, 0.5, 3.0), norm_type=one_of(2.0, 1.0, float("inf")))
spec("nn.functional.embedding", input=numbers, weight=TABLE, padding_idx=one_of(0, -1), max_norm=nothing, norm_type=nothing, sparse=nothing)
