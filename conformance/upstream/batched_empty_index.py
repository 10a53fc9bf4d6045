"""Under `vmap`, an index tensor without elements is taken as it is: samples along another dimension than the first make another shape."""

import torch

index = torch.zeros(0, 2, dtype=torch.int64)
for along in (0, 1):
    batch = index.movedim(1, along)
    print(tuple(torch.vmap(lambda i: torch.ones(3)[i], along)(batch).shape))
