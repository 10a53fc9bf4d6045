"""Under `vmap`, `bitwise_and_` into numbers of a wider dtype writes to a converted copy, and the numbers stay what they were."""

import torch

for name in ("bitwise_and_", "bitwise_left_shift_"):
    x, y = torch.tensor([7]), torch.tensor([[2]], dtype=torch.uint8)
    torch.vmap(lambda a, b, name=name: getattr(a, name)(b))(x, y)
    print(name, x)
