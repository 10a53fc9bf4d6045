"""Under `vmap`, `div` and others look for the first number of a batch without samples where the other operand is the same for all."""

import torch

for name in ("div", "fmod"):
    try:
        print(name, torch.vmap(getattr(torch, name), (0, None))(torch.zeros(0), torch.tensor(2.0)))
    except (IndexError, RuntimeError) as error:
        print(name, error)
