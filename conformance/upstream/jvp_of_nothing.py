"""A custom `jvp` that returns None for a differentiable result stops at an internal assert."""

import torch
from torch.autograd import forward_ad


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def jvp(ctx, tangent):
        return None


with forward_ad.dual_level():
    try:
        Double.apply(forward_ad.make_dual(torch.ones(2), torch.ones(2)))
    except RuntimeError as error:
        print("INTERNAL ASSERT FAILED" in str(error))
