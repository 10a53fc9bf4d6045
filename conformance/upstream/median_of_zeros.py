"""Of zeros of both signs `median` and `kthvalue` take one or the other, by how they look for it: along the only dimension the other one.

Both are equal to the number they stand for; only their signs tell them apart.
"""

import torch

x = torch.tensor([0.0, -0.0, 0.0, 0.0])
print(x.sort().values)
print(x.median(), x.median(0).values, x.kthvalue(2).values, x.topk(2, largest=False).values[1])
