"""An in-place comparison with a tensor that requires grad makes an integer tensor require grad.

Only floating point and complex tensors can, says `requires_grad_`; what goes on from such a tensor is recorded in one call and refused in
the next.
"""

import torch

x = torch.tensor([1, 2, 3])
x.eq_(torch.ones(3, requires_grad=True))
print(x.dtype, x.requires_grad, x.grad_fn.name())
for call in (x.detach().requires_grad_, lambda: x * 2, x.clone, x.bool, lambda: x.mul_(2).grad_fn.name(), lambda: x.view(3)):
    try:
        print(call())
    except RuntimeError as error:
        print(error)
