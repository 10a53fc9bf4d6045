"""A hook on a view whose base was written to ends the process, unless `grad_fn` was read before.

The view's history is rebuilt when `grad_fn` is read; `register_hook` looks at it without rebuilding.
"""

import torch


def hooked(read: bool) -> None:
    x = torch.ones(4, requires_grad=True) * 1
    view = x[:2]
    x.mul_(2)
    if read:
        view.grad_fn  # noqa: B018  # read for its effect: the history is rebuilt
    view.register_hook(lambda g: print("hook sees", g))
    view.backward(torch.tensor([2.0, -3.0]))


hooked(read=True)
print("without reading grad_fn:", flush=True)
hooked(read=False)
