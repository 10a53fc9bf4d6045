"""A tensor that retains its gradient and is reshaped in place stops at an internal assert when it is written to.

The promise to retain stays with the node before the change of shape, as a hook does; the write looks for it at the node after.
"""

import torch

for reshaped in (False, True):
    x = torch.ones(2, 1, requires_grad=True).clone()
    x.retain_grad()
    if reshaped:
        x.squeeze_()
    try:
        x.mul_(2)
        print(x.grad_fn.name())
    except RuntimeError as error:
        print(str(error).partition(" at ")[0])
