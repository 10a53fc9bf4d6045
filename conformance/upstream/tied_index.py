"""Of equal elements `kthvalue` and `topk` name one that depends on how many others there are.

Of ones, the middle one in value is neither the first nor the last, nor at one place among them.
"""

import torch

for length in (1, 5, 8, 50):
    ones = torch.ones(length)
    print(length, ones.kthvalue(length // 2 + 1).indices, ones.topk(1).indices)
