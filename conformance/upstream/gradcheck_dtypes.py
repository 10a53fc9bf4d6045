"""`gradcheck` says of a gradient of another dtype that its size is wrong, whether it was asked to look at dtypes or not.

The function that looks returns (sizes, dtypes), and is read as (dtypes, sizes).
"""

import torch


class Half(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g.float() * 2


x = torch.ones(2, dtype=torch.float64, requires_grad=True)
x.grad_dtype = None
for asked in (True, False):
    try:
        torch.autograd.gradcheck(Half.apply, x, check_grad_dtypes=asked)
    except RuntimeError as error:
        print(asked, error)
