"""Backward hooks of modules: they see the gradients of a call's outputs and inputs together, and may replace them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .. import modes
from ..autograd.function import Function
from ..tensor import Tensor

NO_INPUTS = (
    "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require gradients. See "
    "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details."
)
NO_OUTPUTS = (
    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received {}"  # a list, a dict, ...
)
ONLY_NONE = "Backward hook for Modules where no input requires gradient should always return None or None for all gradients."
COUNT = "Backward {} returned an invalid number of {}, got {}, but expected {}"


class BackwardHookFunction(Function):
    """Hands tensors on, as one node whose hooks see all of their gradients."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.mark_non_differentiable(*[a for a in args if not a.requires_grad])
        return args

    @staticmethod
    def backward(ctx: Any, *args: Any) -> Any:
        return args


class Gradients:
    """What hooks of one call of a module wait for: the gradients of its outputs, then those of its inputs."""

    def __init__(self, module: Any, hooks: Sequence[Callable[..., Any]], pre_hooks: Sequence[Callable[..., Any]]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.of_outputs: Any = None
        self.inputs: list[int] | None = None  # which arguments are tensors; None where none requires grad
        self.outputs: list[int] | None = None
        self.arguments = 0

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with their gradients watched."""
        self.arguments = len(args)
        args, self.inputs = _through_one_node(args, lambda node: node.register_hook(self._inputs_hook()))
        return args

    def watch_outputs(self, result: Any) -> Any:
        """The result, with its gradients watched. Warns where it is neither a tensor nor a tuple."""
        if not isinstance(result, Tensor | tuple):
            warnings.warn(NO_OUTPUTS.format(type(result)), stacklevel=4)
        outputs = result if isinstance(result, tuple) else (result,)
        outputs, self.outputs = _through_one_node(outputs, lambda node: node.register_hook(self._outputs_hook(len(outputs))))
        return outputs if isinstance(result, tuple) else outputs[0]

    def _inputs_hook(self) -> Callable[..., Any]:
        def hook(grad_input: tuple[Any, ...], _: Any) -> Any:
            if self.of_outputs is None:  # a gradient that did not come through the outputs, such as that of a second derivative
                return None
            shown = _spread(self.inputs, grad_input, self.arguments)
            for one in self.hooks:
                result = one(self.module, shown, self.of_outputs)
                if result is None:
                    continue
                if len(result) != len(shown):
                    raise RuntimeError(COUNT.format("hook", "grad_input", len(result), len(shown)))
                shown = result
            self.of_outputs = None
            return tuple(shown[i] for i in self.inputs)  # type: ignore[union-attr]  # there are some, else there is no such hook

        return hook

    def _outputs_hook(self, count: int) -> Callable[..., Any]:
        def hook(_: Any, grad_output: tuple[Any, ...]) -> Any:
            shown = _spread(self.outputs, grad_output, count)
            for one in self.pre_hooks:
                result = one(self.module, shown)
                if result is None:
                    continue
                if len(result) != len(shown):
                    raise RuntimeError(COUNT.format("pre hook", "grad_output", len(result), len(shown)))
                shown = result
            self.of_outputs = shown
            if self.inputs is None:
                self._tell_without_inputs()
            return tuple(shown[i] for i in self.outputs)  # type: ignore[union-attr]  # there are some, else there is no such hook

        return hook

    def _tell_without_inputs(self) -> None:
        warnings.warn(NO_INPUTS, stacklevel=5)
        for one in self.hooks:
            result = one(self.module, (None,) * self.arguments, self.of_outputs)
            if result is not None and not (isinstance(result, tuple) and all(r is None for r in result)):
                raise RuntimeError(ONLY_NONE)
        self.of_outputs = None


def _spread(at: list[int] | None, gradients: Sequence[Any], count: int) -> tuple[Any, ...]:
    """One entry per argument, None for those that are no tensors."""
    places = dict(zip(at or (), gradients, strict=True))
    return tuple(places.get(i) for i in range(count))


def _through_one_node(values: tuple[Any, ...], watch: Callable[[Any], Any]) -> tuple[tuple[Any, ...], list[int] | None]:
    """The values with every tensor handed through one node, which `watch` is given; None where there is nothing to watch."""
    at = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    if not (modes.is_grad_enabled() and any(values[i].requires_grad for i in at)):
        return values, None
    made = BackwardHookFunction.apply(*(values[i] for i in at))
    watch(next(t.grad_fn for t in made if t.grad_fn is not None))
    replaced = list(values)
    for i, t in zip(at, made, strict=True):
        replaced[i] = t
    return tuple(replaced), at
