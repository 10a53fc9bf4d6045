"""The gradient of batch norm depends on the step of a side of 1, which no element is at.

A channels-last input of a single sample reads a row-major gradient as if that were channels-last, too, where the step of the sample is 1.
"""

import torch

rows = torch.tensor([[0.0, 0.0, 1.0]]).t().repeat(1, 4)
cotangent = torch.arange(12.0).reshape(1, 4, 3, 1)
for step in 12, 1:
    x = rows.as_strided((1, 4, 3, 1), (step, 1, 4, 4)).requires_grad_()
    for given in cotangent, cotangent.contiguous(memory_format=torch.channels_last):
        result = torch.nn.functional.batch_norm(x, None, None, training=True)
        [gradient] = torch.autograd.grad(result, x, given)
        print(x.stride(), given.stride(), [round(x, 3) for x in gradient[0, :, 0, 0].tolist()])
