"""The gradient of `sgn` of real numbers is accumulated as a tensor without memory, whose elements `tolist` cannot read.

It prints as zeros, and a sum with it can be read. A product with it is such a tensor again, whatever the sign of the other factor, and a
sum with it the other tensor, also where that is -0.
"""

import torch

x = torch.ones(2, requires_grad=True)
torch.sgn(x).backward(torch.tensor([2.0, -3.0]))
print(x.grad)
print((x.grad + 0).tolist())
for zeros in (x.grad, torch.zeros(2)):
    print(torch.signbit(zeros * -1), (zeros + torch.tensor(-0.0)).tolist())
try:
    print(x.grad.tolist())
except RuntimeError as error:
    print(error)
