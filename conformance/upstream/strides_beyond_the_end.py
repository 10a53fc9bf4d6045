"""Whether a gradient of more dimensions than its leaf warns depends on the steps the leaf once had.

A backward that adds to such a gradient compares its steps with those of the leaf, and reads on beyond the last of these: there stands
what is left of the steps of an earlier shape, or 0.
"""

import warnings

import torch

warnings.simplefilter("always")
for name in ("squeezed in place", "assigned"):
    leaf = torch.ones(1, 2)
    leaf.grad = torch.ones(1, 2)
    if name == "assigned":
        leaf.data = torch.ones(2)
    else:
        leaf.squeeze_()
    with warnings.catch_warnings(record=True) as caught:
        leaf.requires_grad_().backward(torch.ones(2))
    print(name, tuple(leaf.shape), leaf.stride(), tuple(leaf.grad.shape), leaf.grad.stride(), [str(one.message)[:60] for one in caught])
