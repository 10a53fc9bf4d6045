"""Views taken in place: the tensor itself gets another shape, order of dimensions or strides."""

from __future__ import annotations

from ..op import F, composite, op, restride
from ..tensor import Tensor
from .part import from_strided, restrided
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
op("as_strided_(Tensor(a!) self, int[] size, int[] stride, int? storage_offset=None) -> Tensor(a!)",
   restride(restrided, node="AsStridedBackward1", function=True),
   self=lambda g, self_geometry, size, stride, storage_offset: from_strided(g, self_geometry, size, stride, storage_offset))  # fmt: skip


@composite("swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)", function=False)
def swapaxes_(self: Tensor, axis0: int, axis1: int) -> Tensor:
    return F.transpose_(self, axis0, axis1)


@composite("swapdims_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)", function=False)
def swapdims_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    return F.transpose_(self, dim0, dim1)
