"""The gradient of a 16-bit `index_reduce` by products stops at an internal assert.

It counts zeros with a masked sum that the kernel has not for these dtypes; float32 works.
"""

import torch

for dtype in (torch.float32, torch.float16):
    x = torch.zeros(1, 1, dtype=dtype, requires_grad=True)
    try:
        torch.index_reduce(x, 0, torch.tensor([0, 0]), torch.zeros(2, 1, dtype=dtype), "prod").backward(torch.tensor([[-2.5]], dtype=dtype))
        print(x.grad)
    except RuntimeError as error:
        print(str(error).splitlines()[0].split(" at ")[0])
