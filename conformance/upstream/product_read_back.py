"""`baddbmm_` reads from its target what it has just written there.

Where the target is an operand, too, elements that were written already go into the next ones. On some machines so do those of `addmm_`,
on others it multiplies the same matrix as it was before.
"""

import torch

x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
print(x.clone().addmm_(x, x))
batch = x.clone()[None]
print(batch.baddbmm_(batch, batch)[0])
