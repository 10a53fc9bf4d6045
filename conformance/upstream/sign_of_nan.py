"""The sign of a NaN depends on which call of the same meaning made it.

`signbit` and `copysign` show it; the standard leaves it open, and so each loop has its own.
"""

import torch

x = torch.tensor([-1.0])
for made in (x**0.5, x ** torch.tensor([0.5]), x.sqrt(), x / 0 * 0):
    print(made, torch.signbit(made))
