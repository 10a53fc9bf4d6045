"""`Optimizer`: groups of parameters with their settings, and a state for each parameter."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from ..modes import enable_grad, no_grad
from ..nn.module import clear_gradient
from ..nn.parameter import typename
from ..tensor import Tensor

IN_SETS = (
    "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets will change between runs. "
    "Please use a list instead."
)
TWICE = (
    "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
    "see github.com/pytorch/pytorch/issues/40967 for more information"
)


class Optimizer:
    """Base of every optimizer. `params` are tensors, pairs of a name and a tensor, or groups: dicts with "params" and settings."""

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        if isinstance(params, Tensor):
            raise TypeError(f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got {typename(params)}")
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own. Raises TypeError or ValueError for what cannot be optimized."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _unpack(param_group)
        for param in param_group["params"]:
            if not isinstance(param, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {typename(param)}")
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            param_group.setdefault(name, default)
        self._check_unique(param_group)
        self.param_groups.append(param_group)

    def _check_unique(self, new: dict[str, Any]) -> None:
        mine = set(new["params"])
        if len(mine) != len(new["params"]):
            warnings.warn(TWICE, stacklevel=4)
        for group in self.param_groups:
            if ("param_names" in new) != ("param_names" in group):
                words = "with names" if "param_names" in new else "without names"
                raise ValueError(
                    f"all optimizer param groups should be with/without names. cannot add param group {words} to the optimizer"
                )
        if not mine.isdisjoint(chain.from_iterable(group["params"] for group in self.param_groups)):
            raise ValueError("some parameters appear in more than one parameter group")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every gradient, or make it zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                clear_gradient(p, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient once; returns what `closure`, which computes loss and gradients again, returned."""
        with no_grad():
            loss = None
            if closure is not None:
                with enable_grad():
                    loss = closure()
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._update(p, group)
        return loss

    def _update(self, p: Any, group: dict[str, Any]) -> None:
        """What an optimizer does with one parameter, with the settings of its group."""
        raise NotImplementedError

    # -- state --------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """Settings and states with parameters by number."""
        numbers: dict[int, int] = {}
        for p in chain.from_iterable(group["params"] for group in self.param_groups):
            numbers.setdefault(id(p), len(numbers))
        groups = [
            {k: v for k, v in g.items() if k != "params"} | {"params": [numbers[id(p)] for p in g["params"]]} for g in self.param_groups
        ]
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over settings and states. Raises ValueError where the groups do not match."""
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(mine["params"]) != len(group["params"]) for mine, group in zip(self.param_groups, saved, strict=True)):
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        numbers = chain.from_iterable(group["params"] for group in saved)
        mine = dict(zip(numbers, chain.from_iterable(group["params"] for group in self.param_groups), strict=True))
        self.state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            self.state[mine.get(key, key)] = _cast(value, mine[key]) if key in mine else value
        for group, loaded in zip(self.param_groups, saved, strict=True):
            loaded["params"] = group["params"]
        self.param_groups = saved

    def __repr__(self) -> str:
        made = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            settings = "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
            made += f"\nParameter Group {i}\n{settings}"
        return made + ")"


def _unpack(group: dict[str, Any]) -> None:
    """Make a group's parameters a list of tensors, and keep their names where they came with names."""
    params = group["params"]
    if isinstance(params, set):
        raise TypeError(IN_SETS)
    listed = [params] if isinstance(params, Tensor) else list(params)
    names = [p[0] for p in listed if isinstance(p, tuple)]
    group["params"] = [p[1] if isinstance(p, tuple) else p for p in listed]
    if names and len(names) != len(listed):
        raise ValueError("all optimizer params should be with/without names. Some param names are missing")
    if names:
        group["param_names"] = names


def _cast(value: Any, param: Tensor) -> Any:
    """A copy of a state, its tensors in the dtype of their parameter."""
    if isinstance(value, Tensor):
        return value.to(param.dtype) if param.is_floating_point() else value
    if isinstance(value, dict):
        return {k: v if k == "step" else _cast(v, param) for k, v in value.items()}
    return value
