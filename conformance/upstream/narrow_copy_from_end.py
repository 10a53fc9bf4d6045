"""`narrow_copy` from a start counted from the end has a gradient of zeros; `narrow` of the same place has ones.

Its gradient is that of a slice from -1 to -1 + length, which is empty.
"""

import torch

for name in ("narrow", "narrow_copy"):
    x = torch.ones(2, requires_grad=True)
    getattr(torch, name)(x, 0, -1, 1).backward(torch.tensor([-2.5]))
    print(name, x.grad)
