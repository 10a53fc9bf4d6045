"""A loss that was reduced lies in memory for as many numbers as were reduced, and a view reads what stands behind it.

That is whatever stood there before in two cases, the losses before they were reduced in two more. Other losses lie in memory for one.
"""

import torch

f = torch.nn.functional
x = torch.full((3,), 0.5)
for loss in (f.mse_loss, f.smooth_l1_loss, f.soft_margin_loss, f.binary_cross_entropy, f.l1_loss, f.huber_loss):
    made = loss(x, torch.ones(3))
    print(loss.__name__, tuple(made.shape), "in", made.untyped_storage().nbytes(), "bytes")
