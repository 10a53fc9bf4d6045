"""`igammac` of a number near 0 lacks Euler's constant.

There it is `self` times the exponential integral of `other`, of which `E1(1)` is 0.2193839. PyTorch takes `lgamma(1 + self)`, and what
is left of a small `self` in `1 + self` is nothing.
"""

import torch

one = torch.ones((), dtype=torch.float64)
for small in (0.1, 1e-4, 1e-8, 1e-12, 1e-16, 1e-20):
    found = (torch.igammac(one * small, one) / small).item()
    print(f"{small} {found:.7f} {found - 0.5772157:.7f}")
