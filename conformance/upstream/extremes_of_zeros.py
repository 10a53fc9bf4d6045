"""Of zeros of both signs `aminmax` and `min` take one, `amin` another, and along a dimension it is again the other one.

All are equal to the number they stand for; only their signs tell them apart.
"""

import torch

x = torch.tensor([0.0, -0.0, 0.0, -0.0])
print(torch.aminmax(x)[0], x.min(), x.amin())
print(torch.aminmax(x, dim=0)[0], x.min(0)[0], x.amin(0))
