"""A `GradientEdge` of an output that its node does not have ends the process, given as an input of `grad`.

Given as an output the same edge is refused with an IndexError.
"""

import torch
from torch.autograd.graph import GradientEdge

x = torch.ones(3, requires_grad=True)
z = x.sum()
try:
    torch.autograd.grad(GradientEdge(z.grad_fn, 1), x)
except Exception as error:
    print(type(error).__name__)
print("as an input:", flush=True)
torch.autograd.grad(z, GradientEdge(z.grad_fn, 1))
