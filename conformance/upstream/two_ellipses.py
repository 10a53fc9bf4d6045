"""A second Ellipsis in an index counts dimensions that do not exist, and the next index reads past the sizes.

NumPy refuses two: "an index can only have a single ellipsis". PyTorch takes them, and then reports dimension 2 of a matrix, of size 0.
"""

import torch

x = torch.arange(6).view(2, 3)
print(x[..., ..., 1, 1])
try:
    x[..., ..., 1]
except IndexError as error:
    print(error)
