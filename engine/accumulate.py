"""What happens to a gradient at a leaf: stored, copied into the leaf's layout, or added to what is there."""

from __future__ import annotations

import itertools
import warnings
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import numpy as np

from . import modes
from .dtypes import OF_NUMPY
from .geometry import root_of, strides_of
from .layout import dense
from .lazy import Lazy, conjugate_of, over
from .memory import ALONE, empty
from .overlap import check_no_overlap
from .registry import F
from .strided import new
from .tensor import Tensor, counter_of, settled, wrap
from .unstored import Unstored, refuse_writes

if TYPE_CHECKING:
    from .walk import Walk

CONTRACT = (
    "grad and param do not obey the gradient layout contract. This is not an error, but may impair performance.\n"
    "grad.sizes() = {}, strides() = {}\nparam.sizes() = {}, strides() = {}"
)

ONES = {d: d.type(1) for d in map(np.dtype, (np.complex64, np.complex128))}


def added(old: np.ndarray | np.generic, g: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """The sum as PyTorch's kernel has it: `old + 1 * g`, where a complex 1 decides zeros and what becomes of an infinity."""
    return np.add(old, g * ONES[g.dtype] if g.dtype.kind == "c" else g, out=out)


def accumulate(leaf: Tensor, g: Any, recording: bool, walk: Walk) -> None:
    """Store the first gradient, add later ones: in place, or out of place when recording."""
    old = leaf._gradient
    if old is None:
        if recording:
            leaf._gradient = settled(_recorded_copy(leaf, g))
            return
        # Taken as it is only where nobody but the caller holds it.
        form = leaf._rows
        alike = form and g.strides == form.strides and g.shape == form.shape
        part = False
        if getrefcount(g) <= ALONE and g.flags.writeable and (alike or _laid_out_as(g, leaf._array)):
            made = wrap(g, OF_NUMPY[g.dtype])
            writes = walk.count_at(leaf, g)[0]
            if writes or g.base is not None:
                part = g.base is not None
                made._counter = _shared_count(g, walk, writes) if part else [writes]
        elif type(g) is Unstored and _laid_out_as(g, leaf._array):
            made = wrap(g, OF_NUMPY[g.dtype])
        else:
            given = conjugate_of(g) if g.dtype.kind == "c" and not g.flags.writeable else None
            if given is not None and _laid_out_as(given, leaf._array):
                made = over(given, OF_NUMPY[g.dtype], frozenset(("conj",)))
                made._counter, part = _shared_count(given, walk, 0), True
            else:
                made = _copied_for(leaf, g)
        leaf._gradient = settled(made, part)  # of which the count tells whether it is part of an inference tensor
        return
    if recording:
        leaf._gradient = old = old + g
    elif type(old._array) is Unstored:
        refuse_writes(old._array)
    elif type(old) is Lazy or old._counter is None or not _alike(old._array, g) or _may_share(old._array, g):
        old.add_(wrap(g, OF_NUMPY[g.dtype]))  # which may refuse, in PyTorch's words
    else:
        check_no_overlap(old._array)
        added(old._array, g, out=old._array)
        counter_of(old)[0] += 1
    if not _laid_out_as(old._array, leaf._array):
        text = CONTRACT.format(list(old.shape), list(old.stride()), list(leaf.shape), list(leaf.stride()))
        warnings.warn(text, UserWarning, stacklevel=2)


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype


def _may_share(a: np.ndarray, b: np.ndarray) -> bool:
    return a.base is not None and b.base is not None and np.may_share_memory(a, b)


def _shared_count(g: np.ndarray, walk: Walk, start: int) -> list[int] | None:
    """The version count of the memory `g` is a part of: what is a part of a cotangent, or of one buffer, is written to together.

    None where that is new memory in inference mode, or the cotangent an inference tensor.
    """
    root = root_of(g)
    new = None if modes.is_inference_mode_enabled() else [start]
    return walk.counters.setdefault(id(root), (new, root))[0]


def retain(t: Tensor, g: Tensor) -> None:
    """Keep the gradient of a tensor that is no leaf: a copy in row-major order, or the sum with what was kept."""
    t._gradient = F.clone(g, memory_format="contiguous_format") if t._gradient is None else t._gradient + g


def _recorded_copy(leaf: Tensor, g: Tensor) -> Tensor:
    """A copy in the layout a gradient of `leaf` has, differentiable as what it copies."""
    if not dense(leaf._array):
        return F.clone(g, memory_format="contiguous_format")
    return F.copy_(wrap(_empty_as(leaf._array, g._array), g._dtype), g)


def _empty_as(leaf: np.ndarray, g: np.ndarray) -> np.ndarray:
    return new(leaf.shape, strides_of(leaf), g.dtype)


def _laid_out_as(g: np.ndarray, leaf: np.ndarray) -> bool:
    """PyTorch's layout contract: strides of a dense leaf, row-major otherwise.

    Its convention: a side of 1 may have any step but 0, in which what is a view of something smaller would be seen; dimensions
    beyond those of the leaf are compared to the zeros that follow its strides.
    """
    steps = g.strides
    if steps == leaf.strides and 0 not in steps and g.flags.c_contiguous and g.size:
        return True
    comparable = g.shape == leaf.shape and g.dtype is leaf.dtype and g.size and 1 not in g.shape
    if steps != leaf.strides and comparable and leaf.flags.c_contiguous:
        return False  # which comes out below, too
    if not dense(leaf):
        return g.flags.c_contiguous
    theirs = itertools.chain(strides_of(leaf), itertools.repeat(0))
    return all(a != 0 if n == 1 else a == b for n, a, b in zip(g.shape, strides_of(g), theirs, strict=False))


def _copied_for(leaf: Tensor, g: np.ndarray) -> Tensor:
    """A copy of `g` in the layout a gradient of `leaf` has; PyTorch writes it into new memory where the leaf is dense, so version 1."""
    if g.shape != leaf._array.shape and dense(leaf._array):
        return F.copy_(wrap(_empty_as(leaf._array, g), OF_NUMPY[g.dtype]), wrap(g, OF_NUMPY[g.dtype]))  # broadcast, or refused
    array = empty(g.shape, g.dtype)
    packed = (array.strides == leaf._array.strides and array.size > 0) or dense(leaf._array)
    if packed and array.strides != leaf._array.strides:
        array = _empty_as(leaf._array, g)
    array[...] = g
    made = wrap(array, OF_NUMPY[g.dtype])
    made._counter = [int(packed)]
    return made
