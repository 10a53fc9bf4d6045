"""The gradient of a boolean raised to a power stops at an internal assert."""

import torch

exponent = torch.tensor([1.0], requires_grad=True)
try:
    torch.pow(False, exponent).backward(torch.tensor([-2.5]))
except RuntimeError as error:
    print(str(error).splitlines()[0].split(" at ")[0])
