"""`gradcheck` by forward mode compares the Jacobians of different outputs where one output does not require grad.

The numerical Jacobians leave that output out, the analytical ones do not: `(a.detach() * 2, a * 3)` is right, and is refused.
"""

import torch
from torch.autograd import gradcheck


def function(a):
    return a.detach() * 2, a * 3


a = torch.ones(1, dtype=torch.float64, requires_grad=True)
print(gradcheck(function, (a,)))
try:
    gradcheck(function, (a,), check_forward_ad=True)
except RuntimeError as error:
    print(error)
