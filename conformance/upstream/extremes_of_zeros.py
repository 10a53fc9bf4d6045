"""Which of several zeros `min`, `max` and `aminmax` of all elements take depends on how many there are; of `amin`, too, which takes others.

Of two it is the last, of nine neither that nor the first: what is left over after the last whole vector is compared before the lanes are.
`amin` takes the first, and another where its own loop over vectors runs. Along a dimension `aminmax` takes the first, as `min.dim` does.
All are equal to the number they stand for; only their signs tell them apart.
"""

import torch

print([torch.tensor(zeros).min().item() for zeros in ([0.0, -0.0], [-0.0, 0.0])])
nine = torch.tensor([0.0] * 7 + [-0.0, 0.0])
print(nine.min(), torch.aminmax(nine)[0], nine.amin(), torch.aminmax(nine, dim=0)[0], nine.min(0)[0])
first = torch.full((64,), -0.0)
first[0] = 0.0
print(first[:8].amin(), first.amin(), torch.aminmax(first, dim=0)[0])
