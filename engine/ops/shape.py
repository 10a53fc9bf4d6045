"""Views: another shape, order or part of the same memory."""

from __future__ import annotations

import numpy as np

from ..op import F, op, plain, view, write

op("expand(Tensor(a) self, int[] size, *, bool implicit=False) -> Tensor(a)",
   view(lambda self, size, implicit: np.broadcast_to(self, size)),
   self=lambda g: g)  # fmt: skip
op("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", view(np.expand_dims), self=lambda g, dim: F.squeeze(g, dim))
op("squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
   view(lambda self, dim: np.squeeze(self, dim) if self.shape[dim] == 1 else self[...]),
   self=lambda g, self_shape: F.view(g, self_shape))  # fmt: skip
op("view(Tensor(a) self, int[] size) -> Tensor(a)", view(lambda self, size: self.reshape(size)), self=lambda g, self_shape: g.reshape(self_shape))
op("clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", plain(lambda self, memory_format: self.copy(order="K")), self=lambda g: g)
op("slice.Tensor(Tensor(a) self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor(a)",
   view(lambda self, dim, start, end, step: self[(slice(None),) * (dim % self.ndim) + (slice(start, end, step),)]),
   self=lambda g, self_shape, dim, start, end, step: F.slice_backward(g, self_shape, dim, start, end, step))
def put(part, shape, dim, index):
    whole = np.zeros(shape, part.dtype)
    whole[(slice(None),) * (dim % len(shape)) + (index,)] = part
    return whole
op("slice_backward(Tensor grad_output, int[] input_sizes, int dim, int? start, int? end, int step) -> Tensor",
   plain(lambda grad_output, input_sizes, dim, start, end, step: put(grad_output, input_sizes, dim, slice(start, end, step)), method=False, jvp="linear"),
   grad_output=lambda g, dim, start, end, step: F.slice(g, dim, start, end, step))
op("as_strided(Tensor(a) self, int[] size, int[] stride, int? storage_offset=None) -> Tensor(a)",
   view(lambda self, size, stride, storage_offset: np.ndarray(size, self.dtype, self if self.base is None else self.base, (storage_offset or 0)*self.itemsize, tuple(s*self.itemsize for s in stride))),
   self=lambda g: g)
op("copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)", write(lambda self, src, non_blocking: src.astype(self.dtype), node="CopyBackwards"),
   self=lambda g: None, src=lambda g: g)
