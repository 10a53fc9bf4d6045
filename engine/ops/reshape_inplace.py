"""The tensor itself gets another shape, order of dimensions, strides, size or memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import modes
from ..dtypes import CPP_NAMES
from ..graph import edge_of, keep_ends
from ..layout import channels_last
from ..lazy import parts
from ..node import Underived
from ..op import F, composite, op, restride
from ..parser import Parser
from ..schema import parse
from ..stretch import stretch
from ..strided import row_major
from ..tensor import Tensor, exchange, method
from ..views import bump, check_inplace, rebase
from .part import UNCOUNTED, from_strided, restrided
from .shape import dropped, flipped, squeezed, squeezed_dims, transposed, unsqueezed, unsqueezed_to

op("squeeze_(Tensor(a!) self) -> Tensor(a!)",
   restride(lambda self: dropped(self, range(self.ndim)), node="SqueezeBackward3"),
   self=lambda g, self_shape: unsqueezed_to(g, self_shape))  # fmt: skip
op("squeeze_.dim(Tensor(a!) self, int dim) -> Tensor(a!)",
   restride(squeezed, node="SqueezeBackward4"),
   self=lambda g, self_shape, dim: unsqueezed_to(g, self_shape, (dim,)))  # fmt: skip
op("squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)",
   restride(squeezed_dims, node="SqueezeBackward5"),
   self=lambda g, self_shape, dim: unsqueezed_to(g, self_shape, dim))  # fmt: skip
op("unsqueeze_(Tensor(a!) self, int dim) -> Tensor(a!)",
   restride(unsqueezed, node="UnsqueezeBackward1"),
   self=lambda g, dim: F.squeeze(g, dim))  # fmt: skip
op("t_(Tensor(a!) self) -> Tensor(a!)", restride(lambda self: flipped(self, "t_"), node="TBackward1"), self=lambda g: F.t(g))
op("transpose_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)",
   restride(transposed, node="TransposeBackward1"),
   self=lambda g, dim0, dim1: F.transpose(g, dim0, dim1))  # fmt: skip
op("as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, int? storage_offset=None) -> Tensor(a!)",
   restride(lambda self, size, stride, storage_offset: restrided(self, size, stride, storage_offset, UNCOUNTED),
            node="AsStridedBackward1", function=True),
   self=lambda g, self_geometry, size, stride, storage_offset: from_strided(g, self_geometry, size, stride, storage_offset))  # fmt: skip


@composite("swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)", function=False)
def swapaxes_(self: Tensor, axis0: int, axis1: int) -> Tensor:
    return F.transpose_(self, axis0, axis1)


@composite("swapdims_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", function=False)
def swapdims_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    return F.transpose_(self, dim0, dim1)


# -- another size, another memory ------------------------------------------------------------------------------------------------
def _parser(name: str, *signatures: str) -> Parser:
    return Parser(name, [parse(f"{name}(Tensor self, {one}) -> Tensor") for one in signatures], form="method")


_RESIZE = _parser("resize_", "SymInt[] size, *, MemoryFormat? memory_format=None")
_SET = _parser("set_", "Tensor source")
_RESIZE_AS = _parser("resize_as_", "Tensor the_template, *, MemoryFormat? memory_format=None")


@method
def resize_(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Another size over the same memory, row-major; longer memory where it does not suffice, with new elements of any value.

    Raises RuntimeError where the tensor requires grad.
    """
    _, (_, size, memory_format), _ = _RESIZE((self, *args), kwargs)
    return _resized(self, tuple(size), memory_format)


@method
def resize_as_(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The size of another tensor; see `resize_`."""
    _, (_, template, memory_format), _ = _RESIZE_AS((self, *args), kwargs)
    return _resized(self, template._array.shape, memory_format)


def _resized(self: Tensor, size: tuple[int, ...], memory_format: Any) -> Tensor:
    if self.requires_grad and not modes.is_inference_mode_enabled():
        raise RuntimeError("cannot resize variables that require grad")
    if any(n < 0 for n in size):
        raise RuntimeError(UNCOUNTED)
    last = str(memory_format) == "torch.channels_last"
    if last and len(size) != 4:
        raise RuntimeError("required rank 4 tensor to use channels_last format")
    if size != self._array.shape or last:
        changed = size != self._array.shape
        stretch(self, size, channels_last(size) if last else row_major(size))
        if changed:
            bump(self)
    return self


@method
def set_(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor becomes one over the memory of `source`; without it, one without elements.

    Raises RuntimeError for a source of another dtype, and for a leaf that requires grad.
    """
    source = _SET((self, *args), kwargs)[1][1] if args or kwargs else None
    recorded = modes.is_grad_enabled() and (self.requires_grad or (source is not None and source.requires_grad))
    if source is not None and source._dtype is not self._dtype:
        names = (CPP_NAMES[d.scalar_name] for d in (source._dtype, self._dtype))
        raise RuntimeError("Could not set tensor of type {} to a tensor of type {}".format(*names))
    check_inplace(self, recorded)
    node = None
    if recorded:
        edges = (edge_of(t) if t is not None and t.requires_grad else None for t in (self, source))
        node = Underived("set_", tuple(edges)[: 1 + (source is not None)])
    else:
        keep_ends(self, another=True)
    exchange(self, np.empty(0, self._array.dtype) if source is None else parts(source)[0])
    bump(self)
    if node is not None:
        rebase(self, node)
    return self
