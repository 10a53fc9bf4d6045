"""Under `vmap`, a number that the dtype of 0-dim samples cannot hold wraps around before it divides: 1 / 300 is 1 / 44 for uint8."""

import torch

x = torch.tensor([1], dtype=torch.uint8)
print("alone", x[0] / 300, "in a batch", torch.vmap(lambda sample: sample / 300)(x))
