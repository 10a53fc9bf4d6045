"""The second derivative of a layer norm with a bias and no weight fails where the input requires grad, and is left out where it does not.

The gradient of the bias is the cotangent summed over samples, so its own gradient with respect to the cotangent is that of a sum.
"""

import torch

for with_input in (True, False):
    x = torch.ones(2, 3, requires_grad=with_input)
    bias, cotangent = torch.zeros(3, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    y = torch.layer_norm(x, (3,), None, bias)
    first = torch.autograd.grad(y, [x, bias] if with_input else [bias], cotangent, create_graph=True)
    try:
        print(torch.autograd.grad(sum(g.sum() for g in first), cotangent, allow_unused=True))
    except RuntimeError as error:
        print(error)
