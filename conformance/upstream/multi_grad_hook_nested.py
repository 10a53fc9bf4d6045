"""A backward inside a hook makes `register_multi_grad_hook` forget the backward around it.

The number of calls to wait for is kept in one variable for all backwards: the hook below is called for the inner one alone.
"""

import torch
from torch.autograd.graph import register_multi_grad_hook

a, b, c = (torch.ones(2, requires_grad=True) for _ in range(3))
register_multi_grad_hook((a, b, c), lambda grads: print("called with", [None if g is None else g.tolist() for g in grads]))
inner, middle = a * 5, c * 1
middle.register_hook(lambda g: inner.backward(torch.tensor([0.5, 4.0])))
(a.exp() * b.exp() + middle).backward(torch.tensor([2.0, -3.0]))
print("the outer gradient was there:", b.grad is not None)
