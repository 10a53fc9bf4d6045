"""Which of two equal zeros `maximum` returns depends on where it stands in the array.

The vector loop returns the second operand, the loop over single elements the first; both compare -0 and 0 as equal.
"""

import torch

for length in (1, 1000):
    print(length, torch.maximum(torch.full((length,), -0.0), torch.zeros(length))[0])
