"""The gradient of `sgn` of real numbers is accumulated as a tensor without memory, whose elements `tolist` cannot read.

It prints as zeros, and a sum with it can be read.
"""

import torch

x = torch.ones(2, requires_grad=True)
torch.sgn(x).backward(torch.tensor([2.0, -3.0]))
print(x.grad)
print((x.grad + 0).tolist())
try:
    print(x.grad.tolist())
except RuntimeError as error:
    print(error)
