"""`sgn` of the smallest complex number is 1 in whole steps of the vector loop, and infinite with NaN in the rest of an array.

The loop over single elements divides by the modulus as by a complex number, the vector loop divides both parts.
"""

import torch

x = torch.full((9,), 5e-324, dtype=torch.complex128)
print(x.sgn()[[0, -1]])
