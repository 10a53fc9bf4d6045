"""An in-place division of integers that is refused has written a part of its result.

What comes before the first zero is divided already; other calls that raise leave their target as it was.
"""

import torch

for name in ("floor_divide_", "fmod_", "remainder_"):
    x = torch.tensor([7, 7, 7])
    try:
        getattr(x, name)(torch.tensor([2, 0, 2]))
    except RuntimeError as error:
        print(name, x, error)
