"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..tensor import Tensor
from .optimizer import Optimizer


class SGD(Optimizer):
    """`p -= lr * g`, where `g` may carry weight decay and momentum. `foreach` and `fused` change nothing here.

    Raises ValueError for settings that make no sense.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        for name, value in (("learning rate", lr), ("momentum value", momentum), ("weight_decay value", weight_decay)):
            if value < 0.0:
                raise ValueError(f"Invalid {name}: {value}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        settings = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov}
        more = {"maximize": maximize, "foreach": foreach, "differentiable": differentiable, "fused": fused}
        super().__init__(params, settings | more)

    def _update(self, p: Any, group: dict[str, Any]) -> None:
        g = -p.grad if group["maximize"] else p.grad
        if group["weight_decay"] != 0:
            g = g.add(p, alpha=group["weight_decay"])
        if group["momentum"] != 0:
            g = self._with_momentum(p, g, group)
        lr = group["lr"]
        p.add_(g, alpha=-(lr.item() if isinstance(lr, Tensor) else lr))

    def _with_momentum(self, p: Any, g: Any, group: dict[str, Any]) -> Any:
        """The direction of a step, and the buffer of the next: the first gradient is not dampened."""
        momentum, state = group["momentum"], self.state[p]
        buffer = state.get("momentum_buffer")
        if buffer is None:
            buffer = state["momentum_buffer"] = g.detach().clone()
        else:
            buffer.mul_(momentum).add_(g, alpha=1 - group["dampening"])
        return g.add(buffer, alpha=momentum) if group["nesterov"] else buffer
