"""Of zeros of both signs `index_reduce` keeps those of the tensor in short slices, and in long ones those of the source.

In the last elements of a long slice, which fill no vector, it is again the tensor's. Both are equal to the number they stand for.
"""

import warnings

import torch

warnings.simplefilter("ignore")  # index_reduce says that it is in beta
for length in (4, 17):
    zeros = torch.zeros(1, length)
    print(length, zeros.index_reduce(0, torch.tensor([0]), -zeros, "amax")[0, [0, -1]])
