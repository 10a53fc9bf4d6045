"""`addmm` and `baddbmm` sum zeros to different ones, and `addmv` to another by how many there are.

Each adds -0, to which a product of -0 and 2 comes to; all are equal to the number they stand for.
"""

import torch

for size in (2, 8):
    zeros, twos = torch.full((size, size), -0.0), torch.full((size, size), 2.0)
    added = torch.addmm(zeros, zeros, twos), torch.baddbmm(zeros[None], zeros[None], twos[None]), torch.addmv(zeros[0], zeros, twos[0])
    print(size, [one.flatten()[0].item() for one in added])
