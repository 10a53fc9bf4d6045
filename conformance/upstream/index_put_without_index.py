"""`index_put` with no index stops at an internal assert, or speaks of an undefined tensor, where `index` with none returns the tensor."""

import torch

for values in (torch.ones(2), torch.tensor(1.0)):
    try:
        torch.zeros(2).index_put((), values)
    except RuntimeError as error:
        print(str(error).splitlines()[0].split(" at ")[0])
