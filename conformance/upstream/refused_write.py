"""An in-place call that is refused has written a part of its result.

What comes before the first zero is divided already, and what comes before the first index out of range is written, in the order of its
loops; other calls that raise leave their target as it was, `index_copy_` among them.
"""

import torch

numbers, index = torch.tensor([10.0, 20.0, 30.0]), torch.tensor([0, 7, 1])
for name, x, arguments in (
    ("floor_divide_", torch.tensor([7, 7, 7]), (torch.tensor([2, 0, 2]),)),
    ("fmod_", torch.tensor([7, 7, 7]), (torch.tensor([2, 0, 2]),)),
    ("remainder_", torch.tensor([7, 7, 7]), (torch.tensor([2, 0, 2]),)),
    ("scatter_", torch.ones(3), (0, index, numbers)),
    ("scatter_add_", torch.ones(3), (0, index, numbers)),
    ("index_add_", torch.ones(3), (0, index, numbers)),
    ("index_fill_", torch.ones(3), (0, index, 10.0)),
    ("index_put_", torch.ones(3), ((index,), numbers)),
    ("index_copy_", torch.ones(3), (0, index, numbers)),
):
    try:
        getattr(x, name)(*arguments)
    except (RuntimeError, IndexError) as error:
        print(name, x, error)
