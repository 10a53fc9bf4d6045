"""The incomplete gamma functions lose half of their digits where `self` is above 20 and `other` near it.

There PyTorch sums a series with a pi of single precision. `igammac(n, x)` is the sum of `exp(-x) * x**k / k!` over k below n: for 20 all
digits agree, for 21 nine do, and the tenth is right once the series is divided by a pi of double precision.
"""

import math

import torch

ratio = math.sqrt(torch.tensor(math.pi).item() / math.pi)
for n in (20, 21):
    exact = math.fsum(math.exp(-n) * n**k / math.factorial(k) for k in range(n))
    found = torch.igammac(torch.tensor(float(n), dtype=torch.float64), torch.tensor(float(n), dtype=torch.float64)).item()
    print(n, f"{found:.12f}, exact {exact:.12f}, with another pi {0.5 + (found - 0.5) * ratio:.12f}")
