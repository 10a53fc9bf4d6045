"""Of zeros of both signs `aminmax` and `min` take another than `amin`; along a dimension all of them take that of `amin`.

`amin` itself takes another where a loop over vectors runs. All are equal to the number they stand for; only their signs tell them apart.
"""

import torch

x = torch.tensor([0.0, -0.0, 0.0, -0.0])
print(torch.aminmax(x)[0], x.min(), x.amin())
print(torch.aminmax(x, dim=0)[0], x.min(0)[0], x.amin(0))
first = torch.full((64,), -0.0)
first[0] = 0.0
print(first[:8].amin(), first.amin())
