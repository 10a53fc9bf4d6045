"""The median along an expanded dimension is an element of another place.

`median` and `nanmedian` find a position along the dimension, and read as many elements further on in memory, although an expanded dimension
does not step at all: below, the last number is not among the four of `x`. Where memory ends there, they read past its end.
"""

import torch

memory = torch.arange(1.0, 9.0)
x = memory[:4].unsqueeze(-1).expand(4, 3)
print(x.median(-1).values)
print(x.nanmedian(-1).values)
print(x.clone().median(-1).values)
