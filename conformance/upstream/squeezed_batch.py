"""Under `vmap`, `squeeze_` takes away the dimension of samples, too, where there is one sample; `squeeze` keeps it."""

import torch

for name in ("squeeze", "squeeze_"):
    print(name, tuple(torch.vmap(lambda x, name=name: getattr(x, name)())(torch.zeros(1, 1, 2)).shape))
