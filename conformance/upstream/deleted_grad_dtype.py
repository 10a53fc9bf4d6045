"""Deleting `grad_dtype` ends the process.

Assigning anything but a dtype or None raises RuntimeError; deleting the attribute reads a value that is not there.
"""

import torch

x = torch.ones(2, requires_grad=True)
try:
    x.grad_dtype = 3
except RuntimeError as error:
    print(error, flush=True)
del x.grad_dtype
print("deleted")
