"""Where a node has several outputs, a write to a later one gives its retained gradient to the first.

`a.grad` should be [5, 6], and `b.grad` that of the value written, [1, 2], as it is where `b` is the only output.
"""

import torch

x = torch.ones(4, requires_grad=True)
a, b = (x * 1).unsafe_chunk(2)
a.retain_grad()
b.retain_grad()
b.mul_(3)
torch.autograd.backward((a, b), (torch.tensor([5.0, 6.0]), torch.tensor([1.0, 2.0])))
print(a.grad.tolist(), b.grad.tolist(), x.grad.tolist())
