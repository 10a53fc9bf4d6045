"""An in-place addition that reads a part of what it writes depends on the number of elements.

`x.add_(x[:1].expand(n))` adds the first element as it was in the first vector step and as it has become in what follows. `x.add_(x[:-1])`
is refused as a partial overlap; an expanded view of a written element is not.
"""

import torch

for n in (3, 1000):
    x = torch.ones(n)
    x.add_(x[:1].expand(n))
    print(n, x[0], x[1], x[2])
