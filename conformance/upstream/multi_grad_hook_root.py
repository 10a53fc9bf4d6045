"""A hook of `register_multi_grad_hook` on the only root of a backward is never called; with a second root it is."""

import torch
from torch.autograd.graph import register_multi_grad_hook

for roots in (1, 2):
    x = torch.ones(2, requires_grad=True)
    z = (x * 2).sum()
    calls = []
    register_multi_grad_hook((z,), calls.append)
    torch.autograd.backward([z, (x * 3).sum()][:roots])
    print(roots, "root" if roots == 1 else "roots", "calls:", len(calls))
