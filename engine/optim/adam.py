"""Adam: steps scaled by running averages of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..calls import FUNCTIONS
from ..registry import F
from ..tensor import Tensor
from .optimizer import Optimizer


class Adam(Optimizer):
    """`p -= lr * m / (sqrt(v) + eps)`, with both averages corrected for their start at zero. `foreach` and `fused` change nothing here.

    Raises ValueError for settings that make no sense.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        for name, value in (("learning rate", lr), ("epsilon value", eps)):
            if not value >= 0.0:
                raise ValueError(f"Invalid {name}: {value}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize}
        more = {"foreach": foreach, "capturable": capturable, "differentiable": differentiable, "fused": fused}
        super().__init__(params, settings | more | {"decoupled_weight_decay": decoupled_weight_decay})

    def _update(self, p: Any, group: dict[str, Any]) -> None:
        g, state, (beta1, beta2) = p.grad, self._state_of(p, group), group["betas"]
        lr = group["lr"].item() if isinstance(group["lr"], Tensor) else group["lr"]
        state["step"] += 1
        g = -g if group["maximize"] else g
        if group["weight_decay"] != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * group["weight_decay"])
            else:
                g = g.add(p, alpha=group["weight_decay"])
        g, p, mean, square, *most = map(_real, (g, p, *(v for name, v in state.items() if name != "step")))
        mean.lerp_(g, 1 - beta1)
        square.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        steps = state["step"].item()
        if group["amsgrad"]:
            square = most[0].copy_(F.maximum(most[0], square))
        spread = (square.sqrt() / (1 - beta2**steps) ** 0.5).add_(group["eps"])
        p.addcdiv_(mean, spread, value=-(lr / (1 - beta1**steps)))

    def _state_of(self, p: Any, group: dict[str, Any]) -> dict[str, Any]:
        """The averages so far, zeros at first."""
        state = self.state[p]
        if not state:
            state["step"] = FUNCTIONS["tensor"](0.0)
            for name in ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsgrad"] else ())):
                state[name] = FUNCTIONS["zeros_like"](p)
        return state


def _real(t: Any) -> Any:
    """A complex tensor as pairs of real numbers, which are averaged apart."""
    return F.view_as_real(t) if t.is_complex() else t
