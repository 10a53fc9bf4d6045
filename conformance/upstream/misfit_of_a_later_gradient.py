"""A gradient of the wrong shape is refused in other words unless it is the first: its number is looked for by comparing values.

Each time it should be `Mismatch in shape: grad_output[i] has a shape of torch.Size([3]) and output[i] has a shape of torch.Size([2]).`
"""

import torch

x = torch.ones(2, requires_grad=True)
for last in range(2):
    for shape in ((3,), (2, 2)):
        gradients = [torch.ones(2), torch.ones(2)]
        gradients[last] = torch.ones(shape)
        try:
            torch.autograd.backward([x * 2, x * 3], gradients)
        except RuntimeError as error:
            print(last, shape, error)
