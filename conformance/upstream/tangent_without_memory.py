"""A gradient by way of a tangent is a tensor without memory, whose elements `tolist` cannot read.

The tangent of `a * y` depends on `y` and on the tangent of `a`, not on the primal of `a`: its gradient there prints as zeros and can be
added to, but not read.
"""

import torch
from torch.autograd import forward_ad

x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
with forward_ad.dual_level():
    for name, call in (("a * y", lambda a: a * y), ("a / y", lambda a: a / y)):
        tangent = forward_ad.unpack_dual(call(forward_ad.make_dual(x, torch.ones(2)))).tangent
        (gradient,) = torch.autograd.grad(tangent.sum(), x, allow_unused=True)
        print(name, gradient, (gradient + 0).tolist())
        try:
            print(gradient.tolist())
        except RuntimeError as error:
            print(error)
