"""The gradient of `gelu` is refused for a cotangent that is every second column of three.

No element of it is shared. Every second column of four is taken, and so is an input that lies as the cotangent does.
"""

import torch

x = torch.ones(2, 2, requires_grad=True)
for columns in (3, 4):
    cotangent = torch.ones(2, columns)[:, ::2]
    print(cotangent.stride(), end=" ")
    try:
        print(torch.autograd.grad(torch.nn.functional.gelu(x), x, cotangent)[0].tolist())
    except RuntimeError as error:
        print(error)
