"""A view in another dtype is an internal error once its base no longer requires grad and was written to.

The history of such a view is rebuilt by calling the view again on its base, which is not recorded. The history of a view in the same
dtype is rebuilt from its strides, and leads nowhere.
"""

import torch

for view in (lambda x: x.view(1, 2), torch.view_as_complex):
    x = torch.ones(2, requires_grad=True)
    y = view(x)
    x.requires_grad_(False)
    x.neg_()
    try:
        print(type(y.grad_fn).__name__)
    except RuntimeError as error:
        print(str(error).partition(" at ")[0])
