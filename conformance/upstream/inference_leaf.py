"""What is recorded of an inference tensor that requires grad depends on how its kernels are written.

Outside inference mode an op whose tensors are all inference tensors is not recorded, and what its kernel calls is: `exp` gives a
result that does not require grad, `clone` one that remembers a copy into itself, and `mean` complains of an `out=` nobody gave.
"""

import torch

with torch.inference_mode():
    x = torch.ones(2, requires_grad=True)
print(x.exp().requires_grad, (x + 1).requires_grad, x.clone().grad_fn.name())
for read in ("x.mean()", "x.abs()", "x.logsumexp(0)"):
    try:
        print(read, eval(read))
    except RuntimeError as error:
        print(read, error)
