"""`gelu` of infinity is NaN or infinity, by where the element stands in memory.

The loop over single elements gives infinity. The one over vectors of float32 and bfloat16, which a single element does not enter, nor
those that are no neighbours, gives NaN; that of float64 does not.
"""

import torch

gelu = torch.nn.functional.gelu
for dtype in (torch.float32, torch.bfloat16, torch.float64):
    infinite = torch.full((2,), torch.inf, dtype=dtype)
    print(dtype, gelu(infinite).tolist(), gelu(infinite[:1]).tolist(), gelu(infinite.repeat(2)[::2]).tolist())
