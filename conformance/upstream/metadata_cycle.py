"""A tensor kept in the metadata of its own node is never freed, not even by the garbage collector.

The same tensor kept as an attribute of the `ctx` of a custom Function is found and freed.
"""

import gc
import weakref

import torch


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


for where in ("attribute", "metadata"):
    y = Double.apply(torch.ones(2, requires_grad=True))
    if where == "metadata":
        y.grad_fn.metadata["own"] = y
    else:
        y.grad_fn.own = y
    seen = weakref.ref(y)
    del y
    gc.collect()
    print(where, "freed" if seen() is None else "still there")
