"""A norm with a bias and no weight is refused where nothing needs the weight.

In batch and group norm a derivative that the bias takes part in asks the missing weight for its shape or its value; in 16 bits instance
norm refuses the parameters that batch norm, which it calls, takes.
"""

import torch
import torch.nn.functional as F

x, cotangent = torch.arange(6.0).reshape(1, 2, 3), torch.tensor([[[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]])
norms = {
    "batch_norm": lambda x, bias: F.batch_norm(x, None, None, None, bias, True),
    "group_norm": lambda x, bias: F.group_norm(x, 1, None, bias),
}


def tried(name, call):
    try:
        call()
        print(name, "works")
    except RuntimeError as error:
        print(name, "raises", str(error).splitlines()[0])


def twice(norm):
    inputs = x.clone().requires_grad_(), torch.ones(2).requires_grad_()
    gradients = torch.autograd.grad(norm(*inputs), inputs, cotangent, create_graph=True)
    torch.autograd.grad(sum((g * g).sum() for g in gradients), inputs, allow_unused=True)


for name, norm in norms.items():
    bias = torch.ones(2).requires_grad_()
    tried(f"{name}: gradient of the bias", lambda norm=norm, bias=bias: torch.autograd.grad(norm(x, bias), bias, cotangent))
    tried(f"{name}: second gradients", lambda norm=norm: twice(norm))
for call in F.batch_norm, F.instance_norm:
    tried(f"{call.__name__}: float16", lambda call=call: call(x.half(), torch.zeros(2), torch.ones(2), None, torch.ones(2)))
