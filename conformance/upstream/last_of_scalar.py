"""The last element of a tensor without dimensions is refused in other words where it once had one.

To know whether -1 is in range PyTorch reads the first of its sizes, of which there are none: it finds what was there before.
"""

import torch

for name, x in (("new", torch.tensor(1.0)), ("squeezed", torch.ones(1).squeeze_())):
    try:
        x[-1]
    except IndexError as error:
        print(name, error)
