"""`nll_loss` asks a target without dimensions for its first size, and reads what an earlier shape of that tensor has left there.

Each of these targets is one number of float32, which either check refuses: which of them does depends on how the target came to be.
"""

import torch
from torch.nn.functional import mse_loss, nll_loss

scores = torch.ones(1, 1)
for target in (torch.tensor(0.0), torch.zeros(1).squeeze_(), mse_loss(scores, scores)):
    try:
        nll_loss(scores, target)
    except (RuntimeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
