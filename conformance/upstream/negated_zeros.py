"""The sign of a negated complex zero depends on where it stands in the array.

`-x` gives +0 in whole vector steps and -0 in the rest of the array, so the same element has another sign bit in a longer tensor.
"""

import torch

for length in (1, 1000):
    print(length, (-torch.zeros(length, dtype=torch.complex64))[0])
