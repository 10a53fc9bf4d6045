"""The quotient of the least integer by -1 ends the process where it is truncated.

Rounded down, and as a remainder, it has an answer: that of arithmetic modulo 2**64.
"""

import torch

least, by = torch.tensor([-(2**63)]), torch.tensor([-1])
print(torch.div(least, by, rounding_mode="floor"), least % by, torch.fmod(least, by), flush=True)
torch.div(least, by, rounding_mode="trunc")
print("divided")
