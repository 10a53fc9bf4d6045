"""What is detached from an inference tensor is one, and has a version all the same.

`detach()` and `.data`, taken outside inference mode, give an inference tensor with a version counter of its own: it may be written to,
which its source and its views may not, and so the source changes. The same `detach()` inside inference mode has no counter.
"""

import torch

with torch.inference_mode():
    x = torch.ones(2)
    inside = x.detach()
d = x.detach()
print(d.is_inference(), d._version, d.add_(1)._version, x.tolist())
for name, t in (("x", x), ("d[0]", d[0]), ("inside", inside)):
    try:
        t.add_(1)
    except RuntimeError as error:
        print(name, error)
