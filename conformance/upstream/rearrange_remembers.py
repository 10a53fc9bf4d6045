"""`rearrange` refuses a length of 2.0, and takes it once the same pattern was called with 2: what it remembers tells the two not apart."""

import torch

x = torch.ones(2, 1)
for length in (2.0, 2, 2.0):
    try:
        print(length, tuple(torch.func.rearrange(x, "a b -> b a", a=length).shape))
    except TypeError as error:
        print(length, error)
