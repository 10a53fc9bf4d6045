"""`expand` of a 0-dim tensor takes -1 as a length.

A tensor with dimensions refuses: "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension 1".
"""

import torch

x = torch.tensor(1.0).expand(-1, 0)
print(x.shape, x.numel())
