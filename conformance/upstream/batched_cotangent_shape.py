"""With `is_grads_batched=True` the error about a cotangent of another shape leaves out one dimension too many.

The cotangent is (2, 3): a batch of two, of shape (3,).
"""

import torch

x = torch.ones(2, requires_grad=True)
try:
    torch.autograd.grad(x * 2, x, torch.ones(2, 3), is_grads_batched=True)
except RuntimeError as error:
    print("grad_output[0] has a shape of torch.Size([])" in str(error))
