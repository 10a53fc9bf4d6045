"""Random programs: a drawn sequence of operations, views, writes, mode changes, hooks and backwards, observed after each step."""

from __future__ import annotations

from typing import Any

from .declare import program


@program(cascades=True)
def anything(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    tensors = [x, draw.floats((2, 2)), x * 2]
    hooks: list[str] = []

    def take():
        return tensors[-1 - draw.integer(0, len(tensors) - 1)]

    def hook(t):
        hasattr(t, "grad_fn")  # PyTorch's process ends where a view written to elsewhere gets a hook before its history is asked for
        name = f"gradient in hook {len(hooks)}"
        t.register_hook(lambda g: see.values(name, g))
        hooks.append(name)

    def without(mode):
        with mode:
            return take() * take()

    def written_under_no_grad(t):
        with B.no_grad():
            t.mul_(2)

    steps = {
        "nothing": lambda: None,
        "product": lambda: take() * take(),
        "sum": lambda: take() + take(),
        "exp": lambda: take().exp(),
        "constant": lambda: take() * 3,
        "transposed": lambda: take().t(),
        "row": lambda: take()[0].expand(2, 2),
        "viewed": lambda: take().view_as(tensors[0]),
        "cloned": lambda: take().clone(),
        "detached": lambda: take().detach(),
        "product in no_grad": lambda: without(B.no_grad()),
        "product in enable_grad": lambda: without(B.enable_grad()),
        "mul_": lambda: take().mul_(2),
        "add_": lambda: take().add_(take()),
        "write to a row": lambda: take()[0].add_(1),
        "setitem": lambda: take().__setitem__((0, 1), 5.0),
        "copy_": lambda: take().copy_(take()),
        "written under no_grad": lambda: written_under_no_grad(take()),
        "detach_": lambda: take().detach_(),
        "requires_grad_": lambda: take().requires_grad_(draw.flag()),
        "retain_grad": lambda: take().retain_grad(),
        "hook": lambda: hook(take()),
        "backward": lambda: take().backward(draw.floats((2, 2)), retain_graph=draw.flag()),
        "grad": lambda: B.autograd.grad(take(), take(), draw.floats((2, 2)), retain_graph=True, allow_unused=True),
    }
    for _ in range(draw.integer(1, 10)):
        name = draw.choice(list(steps))

        def step(name=name):
            made = steps[name]()
            if isinstance(made, B.Tensor) and not any(made is one for one in tensors):
                tensors.append(made)
            return made

        see.raises(name, step)
    for i, one in enumerate(tensors):
        see(f"tensor {i}", one)
        see.graph(f"graph {i}", one)
        see(f"grad {i}", one.grad if one.is_leaf or one.retains_grad else None)
        see(f"base {i}", [k for k, other in enumerate(tensors) if one._base is other])
    see("hooks", hooks)
