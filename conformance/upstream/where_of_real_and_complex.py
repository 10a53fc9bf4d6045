"""`where` of a real and a complex tensor has a result and no derivative; `mul`, `cat`, `stack` and `copy_` of such a pair have one."""

import torch

condition = torch.tensor([True, False])
for name, call in (("mul", torch.mul), ("where", lambda x, z: torch.where(condition, x, z))):
    x, z = torch.ones(2, requires_grad=True), torch.ones(2, dtype=torch.complex64, requires_grad=True)
    y = call(x, z)
    try:
        y.backward(torch.tensor([2.0, -3.0], dtype=y.dtype))
        print(name, x.grad)
    except RuntimeError as error:
        print(name, str(error).splitlines()[0])
