"""`addmv_` and `baddbmm_` write to a target whose elements share memory, and read back what they have just written.

`mul_` on the same tensor is refused: "more than one element of the written-to tensor refers to a single memory location".
"""

import torch

x = torch.zeros(1).expand(2)
print(x.addmv_(torch.ones(2, 1), torch.ones(1)))
try:
    x.mul_(2)
except RuntimeError as error:
    print(error)
