"""Data assigned from an inference tensor makes an inference tensor that counts writes, and the reverse one that is neither.

`x.data = y` takes from `y` whether it is an inference tensor and keeps the version counter of `x`.
"""

import torch

with torch.inference_mode():
    inference = torch.ones(2)
for name, x, y in (("normal", torch.ones(2), inference), ("inference", inference, torch.ones(2))):
    x.data = y
    try:
        print(name, x.is_inference(), x._version)
    except RuntimeError as error:
        print(name, x.is_inference(), error)
