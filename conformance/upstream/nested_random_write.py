"""In nested batches a random write to a tensor of both batches is refused as one to a tensor of none.

With "same" inside and "different" outside `normal_` and `uniform_` say that the tensor is not batched, where `randn_like` of it draws;
`bernoulli_` says so whatever the inner batch asks for, and in place of the error of a batch that allows nothing random.
"""

import torch

x = torch.zeros(2, 3, 4)
steps = {
    "randn_like": torch.randn_like,
    "normal_": lambda a: a.clone().normal_(),
    "uniform_": lambda a: a.clone().uniform_(),
    "bernoulli_": lambda a: a.clone().bernoulli_(0.5),
}
for outer, inner in (("different", "same"), ("different", "different"), ("error", "different")):
    for name, step in steps.items():
        try:
            made = torch.vmap(lambda a, step=step, inner=inner: torch.vmap(step, randomness=inner)(a), randomness=outer)(x)
            print(outer, inner, name, "draws", tuple(made.shape))
        except RuntimeError as error:
            print(outer, inner, name, str(error)[:80])
