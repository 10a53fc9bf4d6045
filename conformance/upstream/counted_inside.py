"""The version of a result of an inference tensor tells how often PyTorch's kernel wrote to it.

Outside inference mode an op whose tensors are all inference tensors goes to its kernel at once, and what that calls to fill the result
is counted as if a user had written to it: the same sum has version 0 or 1, `addbmm` counts its matrices.
"""

import torch

with torch.inference_mode():
    x, m = torch.ones(2), torch.ones(3, 2, 2)
y = torch.ones(2)
print("ordinary tensors", y.clone()._version, y.sum()._version, (y * 2)._version)
print("inference tensors", x.clone()._version, x.sum()._version, (x * 2)._version, x.mean()._version, torch.addbmm(m[0], m, m)._version)
