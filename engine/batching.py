"""Tensors that stand for one sample of a batch: how an op on them becomes the op on whole batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import forward, modes
from .graph import Listed, edge_of, sequence
from .registry import F
from .strided import new
from .tensor import Tensor, readonly, wrap
from .transforms import Level, born, differentiated_inside
from .views import NO_PLAN, node_of

NO_ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try to rewrite "
    "what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, please file a bug report."
)
NO_CHOICE = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, please file an "
    "issue at https://github.com/pytorch/pytorch/issues ."
)
NO_STORAGE = "Cannot access data pointer of Tensor that doesn't have storage"


class Unread(np.ndarray):
    """An array that tells its shape, strides and dtype, and refuses to be computed with."""

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(NO_STORAGE)

    __array_ufunc__ = __array_function__ = tolist = copy = astype = __getitem__ = __setitem__ = _refuse

    def item(self, *args: Any) -> Any:
        raise RuntimeError(NO_ITEM)


class Batched(Tensor):
    """One sample, any one, of `_value`, whose dimension 0 counts the samples of `_level`.

    It has no memory, history or tangent of its own: those are of the innermost value. Its `_array` has the shape, strides and
    dtype of the first sample, as of all.
    """

    __slots__ = ("_value", "_level")

    _value: Tensor
    _level: Level
    __class__ = Tensor  # type: ignore[assignment]  # it is one to every question but `type`

    def __init__(self, value: Tensor, level: Level) -> None:
        self._value, self._level, self._dtype = value, level, value._dtype
        self._gradient = self._beside = None
        self._rows = False

    @property
    def _array(self) -> np.ndarray:  # type: ignore[override]  # nothing sets it
        return sample(self).view(Unread)

    @property
    def _node(self) -> Any:
        if not differentiated_inside(self._level):
            return None
        node_of(self._value)
        return self._value._node

    @property
    def _counter(self) -> Sequence[int] | None:
        return self._value._counter

    @_counter.setter
    def _counter(self, counter: Sequence[int] | None) -> None:
        self._value._counter = counter

    @property
    def requires_grad(self) -> bool:
        return differentiated_inside(self._level) and self._value.requires_grad

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        self.requires_grad_(flag)

    @readonly
    def grad_fn(self) -> Any:
        return self._value.grad_fn if self.requires_grad else None

    @readonly
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property  # type: ignore[misc]  # nothing sets it
    def data(self) -> Tensor:
        raise RuntimeError("accessing `data` under vmap transform is not allowed")

    def _alias(self) -> Tensor:
        return Batched(self._value._alias(), self._level)

    def _write(self, values: np.ndarray) -> None:
        raise RuntimeError(NO_STORAGE)

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(NO_ITEM)

    item = __int__ = __float__ = __complex__ = _refuse

    def __index__(self) -> int:
        fits = self._dtype.category < 2 and self._array.size == 1
        return self._refuse() if fits else super().__index__()

    def _no_storage(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(NO_STORAGE)

    tolist = numpy = data_ptr = __array__ = _no_storage

    def _no_copy(self, *args: Any) -> Any:
        raise NotImplementedError("Cannot access storage of BatchedTensorImpl")

    __copy__ = __deepcopy__ = __reduce_ex__ = _no_copy

    def __bool__(self) -> bool:
        raise RuntimeError(NO_CHOICE)

    def __repr__(self) -> str:
        inner = "\n".join("    " + line for line in repr(self._value).split("\n"))
        return f"BatchedTensor(lvl={self._level.depth}, bdim=0, value=\n{inner}\n)"

    __str__ = __repr__
    __format__ = object.__format__  # the one of Tensor asks for the element


def sample(t: Tensor) -> np.ndarray:
    """The elements of the first sample."""
    if type(t) is not Batched:
        return t._array
    batch = sample(t._value)
    return batch[0, ...] if batch.shape[0] else np.zeros(batch.shape[1:], batch.dtype)


def one_by_one(t: Batched, function: Any) -> list[Any]:
    """The list of tensors (or None) that `function` returns for one sample, of all samples."""
    rows = [function(F.select(t._value, 0, k)) for k in range(t._level.size or 0)]
    return [None if column[0] is None else batched(F.stack(list(column)), t._level) for column in zip(*rows, strict=True)]


def batch_like(t: Tensor, like: Tensor, array: np.ndarray) -> Tensor:
    """A copy of `t` for every sample of the batches that `like` is of, laid out as `array`."""
    levels = []
    while type(like) is Batched:
        levels.append(like._level)
        like = like._value
    for level in reversed(levels):
        if whole(t, level) is None:
            t = batched(spread(t, level), level)
    return laid_out_like(t, array) if type(t) is Batched else t


def laid_out_like(t: Batched, array: np.ndarray) -> Tensor:
    """A copy of which every sample has the strides of `array`, in memory of its own."""
    sizes: list[int] = []
    levels: list[Level] = []
    inner: Tensor = t
    while type(inner) is Batched:
        levels.append(inner._level)
        sizes.insert(0, inner._level.size or 0)
        inner = inner._value
    steps = [s // array.itemsize for s in array.strides]
    span = 1 + sum((n - 1) * s for n, s in zip(array.shape, steps, strict=True)) if array.size else 0
    batches = [span * math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    made = wrap(new((*sizes, *array.shape), (*batches, *steps), inner._array.dtype), inner._dtype)
    born([made])
    for level in reversed(levels):
        made = Batched(made, level)
    return F.copy_(made, t)


# -- in and out of a level ----------------------------------------------------------------------------------------------------
def batched(t: Tensor, level: Level) -> Tensor:
    """`t`, whose dimension 0 counts samples, as one sample; inner levels stay around outer ones."""
    if type(t) is Batched and t._level.depth > level.depth:
        return Batched(batched(_swapped(t._value), level), t._level)
    return Batched(t, level)


def whole(t: Any, level: Level) -> Tensor | None:
    """The batch `t` is a sample of, its samples along dimension 0; None where `t` is the same for all of them."""
    if type(t) is not Batched or t._level.depth < level.depth:
        return None
    if t._level is level:
        return t._value
    inner = whole(t._value, level)
    return None if inner is None else Batched(_swapped(inner), t._level)


def whole_or_spread(t: Tensor, level: Level) -> Tensor:
    """The batch `t` is a sample of, made by repeating it where it is the same for all."""
    found = whole(t, level)
    return spread(t, level) if found is None else found


def spread(t: Tensor, level: Level) -> Tensor:
    """`t` repeated for every sample, without a copy: in the graph, and with the tangents of each sample."""
    if type(t) is Batched:
        return Batched(_swapped(spread(t._value, level)), t._level)
    shape = (level.size, *t._array.shape)
    with forward.hidden():
        if splits(t, level):
            made = wrap(np.broadcast_to(t._array, shape), t._dtype)
            made._node = Split(t, level)
        else:
            made = F.expand(t, shape)
    for at, tangent in forward.carried(t).items():
        forward.give_at(at, made, whole_or_spread(tangent, level))
    return made


def splits(t: Tensor, level: Level) -> bool:
    """True where a gradient of `t` is wanted for each sample: it is tracked by a transform inside."""
    return t._node is not None and bool(modes.current() & modes.GRAD) and differentiated_inside(level)


def apart(t: Tensor, level: Level) -> bool:
    """True where a tensor that is the same for all samples has a gradient or a tangent that is not."""
    while type(t) is Batched:
        t = t._value
    return splits(t, level) or any(whole(tangent, level) is not None for tangent in forward.carried(t).values())


def _swapped(t: Tensor) -> Tensor:
    return F.transpose(t, 0, 1)


class Split(Listed):
    """Where a tensor meets a batch: its gradient is that of each sample while the batch is there, and their sum after."""

    __slots__ = ("level",)

    def __init__(self, t: Tensor, level: Level) -> None:
        node_of(t)
        self.edges, self.level, self.seq = (edge_of(t),), level, sequence()
        self.saved, self.plan, self.fits = (), NO_PLAN, None

    def apply(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        if not recording:
            return [gs[0].sum(0)]
        return [batched(gs[0], self.level) if self.level.running else F.sum(gs[0], (0,))]


# -- calls ----------------------------------------------------------------------------------------------------------------------
def innermost(values: Sequence[Any]) -> Level | None:
    """The innermost level of which some argument is a sample."""
    found = None
    for v in values:
        for t in v if isinstance(v, list | tuple) else (v,):
            if type(t) is Batched and (found is None or t._level.depth > found.depth):
                found = t._level
    return found
