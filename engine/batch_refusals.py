"""What PyTorch refuses to run on batches, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import dtypes
from .batching import Batched, innermost, whole
from .strided import span
from .tensor import Tensor
from .transforms import Level, overload_in_place

DYNAMIC = (
    "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::{}. Please file an issue at "
    "https://github.com/pytorch/pytorch/issues if you need this feature."
)
NO_FALLBACK = "Batching rule not implemented for aten::{}. We could not generate a fallback."
NO_VIEW = "Batching rule not implemented for aten::{}; the fallback path doesn't work on out= or view ops."
SELECTED = (
    "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support this because for each batch this would "
    "return a differently shaped Tensor. Please file an issue at https://github.com/pytorch/pytorch/issues if you need this feature."
)
NO_EMPTY_FALLBACK = "Batching rule not implemented for aten::{}. The fallback path does not support vmap over dims of size 0."
MASKED = "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with a boolean mask."
# Ops that need one shape for all samples and could not have it, and the argument that makes it so.
REFUSED = {"nonzero": (DYNAMIC.format("nonzero"), 0), "masked_select": (SELECTED, 1)}
INTO_CAPTURED = (
    "vmap: {} is not possible because there exists a Tensor `other` in extra_args that has more elements than `self`. This happened due to "
    "`other` being vmapped over but `self` not being vmapped over {}. Please try to use out-of-place operators instead of {}. If "
    "said operator is being called inside the PyTorch framework, please file a bug report instead."
)

# Writes that PyTorch has rules for, by what that message calls them: arithmetic, some of which it just runs, so that shapes do not fit,
# and others by the name of the op in full.
UNCHECKED = frozenset((
    "add", "atan2", "arctan2", "copysign", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift",
))  # fmt: skip
ARITHMETIC = UNCHECKED | frozenset((
    "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "copy", "logical_and", "logical_or", "logical_xor", "clamp_min",
    "clamp_max",
))  # fmt: skip
PROMOTING = frozenset(("bitwise_and", "bitwise_or", "bitwise_xor"))  # of these, ops that look at the dtype of the first of batched numbers
BY_NAME = frozenset(("fill", "index_put", "_index_put_impl", "scatter_add", "index_add", "index_fill", "scatter_reduce"))
# And those that it has no rule for.
WITHOUT_RULE = frozenset((
    "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr", "as_strided", "baddbmm", "clamp", "conj_physical", "cumprod", "cumsum",
    "detach", "embedding_renorm", "eq", "floor_divide", "fmod", "ge", "gt", "hypot", "igamma", "igammac", "index_copy", "index_reduce",
    "le", "lerp", "lt", "masked_fill.Tensor", "masked_scatter", "ne", "pow.Tensor_Tensor", "put", "remainder", "scatter", "tril", "triu",
    "xlogy",
))  # fmt: skip


def refuse_no_samples(t: Tensor, name: str) -> None:
    """Raises RuntimeError for a sample of a batch that has none."""
    while type(t) is Batched:
        if not t._level.size:
            raise RuntimeError(NO_EMPTY_FALLBACK.format(name))
        t = t._value


def refuse_no_samples_of(t: Tensor, size: list[int]) -> None:
    """Raises RuntimeError for a sample of no samples: PyTorch leaves a side open in the size it gives the batch."""
    batch = t
    while type(batch) is Batched:
        size, batch = [batch._level.size or 0, *size], batch._value
    if batch is not t and 0 in size:
        what = f"cannot reshape tensor of 0 elements into shape {size} because the unspecified dimension size -1 can be any value and is "
        raise RuntimeError(what + "ambiguous")


def refuse_samples(t: Tensor, words: str, name: str) -> None:
    """Raises RuntimeError for a sample given to a composite that reads its elements."""
    if innermost([t]) is not None:
        raise RuntimeError(words.format(name))


def refuse(op: Any, values: list[Any], level: Level) -> None:
    """Raises RuntimeError where the shape of the result would depend on the elements of samples."""
    words, at = REFUSED.get(op.key, ("", 0))
    if words and whole(values[at], level) is not None:
        raise RuntimeError(words)
    if op.key == "as_strided":
        _refuse_outside(*values)
    if op.key == "_neg_view" and values[0]._dtype is dtypes.bool_:  # of others a sample can tell the negative
        raise RuntimeError(NO_VIEW.format("_neg_view"))
    if isinstance(values[min(1, len(values) - 1)], list | tuple) and "indices" in op.schema.names:
        _refuse_masks(op, values, level)


def _refuse_outside(t: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None) -> None:
    """Raises RuntimeError where a geometry reaches beyond the sample it is given for; what is no geometry raises as for one sample."""
    if len(size) != len(stride) or min((*size, *stride), default=0) < 0:
        return
    start = t.storage_offset()
    offset = start if storage_offset is None else storage_offset
    reached, own = span(size, stride, offset), span(t.shape, t.stride(), start)
    if 0 in size or (0 not in t.shape and reached <= own and start <= offset):
        return
    what = f"result = tensor.as_strided({list(size)}, {list(stride)}, {offset}) can access memory outside of `tensor`. "
    if 0 in t.shape:
        what += "`tensor` has no storage but the passed-in (size, stride, storage_offset) imply a result with some storage. "
    else:
        what += f"`result` can access some memory in range [{offset}, {reached}], "
        what += f"but `tensor` can only access some memory in range [{start}, {own}]. "
    words = "This is not supported inside of vmap, please try to rewrite the `as_strided` call as a sequence of PyTorch view operations"
    raise RuntimeError(what + words)


def _refuse_masks(op: Any, values: list[Any], level: Level) -> None:
    """Raises RuntimeError for samples of masks; those without elements take nothing in each sample."""
    masks = [i for i in values[1] if i is not None and i._dtype is dtypes.bool_]
    batches = [found for found in (whole(i, level) for i in masks) if found is not None]
    self = whole(values[0], level)
    if batches and not values[0].ndim and self is None and op.key == "index.Tensor":
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    if any(b.numel() for b in batches):
        raise RuntimeError(MASKED)
    if batches and len(values[1]) > values[0].ndim and self is not None and op.key == "index.Tensor":
        op.run([self, [None, *values[1]]])  # raises for one too many, as of a batch
    if masks and "values" in op.schema.names:
        _refuse_places(values[0].shape, values[1], level)


def _refuse_places(shape: Sequence[int], indices: list[Any], level: Level) -> None:
    """Raises RuntimeError for masks of batches around this one, if they fit: in a write PyTorch looks where they are."""
    at = 0
    for i in indices:
        found = None if i is None else whole(i, level)
        index = i if found is None else found
        if index is not None and index._dtype is dtypes.bool_:
            if tuple(index.shape) != tuple(shape[at : at + index.ndim]):
                return
            if type(index) is Batched:
                raise RuntimeError(DYNAMIC.format("nonzero"))
            at += index.ndim - 1
        at += 1


def refuse_captured(op: Any, values: list[Any], level: Level) -> None:
    """Raises RuntimeError for a write into a tensor that is the same for all samples of something that is not.

    Where PyTorch has no rule it also refuses, by the level of a tensor, samples of fewer batches than are written to, and no samples.
    """
    name = op.schema.name.removesuffix("_")
    if name in BY_NAME:
        if whole(values[0], level) is None:
            raise RuntimeError(INTO_CAPTURED.format(f"{name}_(self, *extra_args)", "in a vmap", f"{name}_"))
    elif name in WITHOUT_RULE or op.key in WITHOUT_RULE:
        into = innermost(values[:1])
        foreign = [t._level for t in values[1:] if type(t) is Batched and t._level is not into]
        if foreign:
            words = f"aten::{name}_(self, *extra_args)", f"at level {foreign[0].depth}", f"aten::{name}_"
            raise RuntimeError(INTO_CAPTURED.format(*words))
        if not level.size:
            raise RuntimeError(NO_EMPTY_FALLBACK.format(overload_in_place(op)))


def numbers(values: list[Any], level: Level) -> list[Tensor]:
    """The samples without dimensions."""
    return [v for v in values if isinstance(v, Tensor) and not v.ndim and whole(v, level) is not None]


def refuse_no_first(values: list[Any], level: Level) -> None:
    """Raises IndexError where PyTorch looks for the first of no numbers."""
    if not level.size:
        t = numbers(values, level)[0]
        sizes: list[Any] = []
        while type(t) is Batched:
            sizes.insert(0, t._level.size)
            t = t._value
        raise IndexError(f"select(): index 0 out of range for tensor of size {sizes} at dimension {len(sizes) - 1}")
