"""`Module`: parameters, buffers and modules by name, and what can be done to all of them at once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from ..graph import Hooks, RemovableHandle
from ..modes import no_grad
from ..tensor import Tensor
from .backward_hooks import Gradients
from .parameter import Parameter, typename
from .state import load_into

KINDS = {"_parameters": "parameter", "_buffers": "buffer", "_modules": "module"}


def _registered(hooks: Hooks, hook: Callable[..., Any], first: bool) -> RemovableHandle:
    """Add a hook, the last to run or the first."""
    others = dict(hooks) if first else {}
    handle = RemovableHandle(hooks, hook)
    for id in others:
        hooks[id] = hooks.pop(id)
    return handle


class Module:
    """Base of every layer and model. A subclass sets attributes in `__init__` and defines `forward`."""

    training: bool
    _version = 1

    def __init__(self) -> None:
        start = super().__setattr__
        start("training", True)
        for kind in KINDS:
            start(kind, {})
        start("_non_persistent_buffers_set", set())
        start("_forward_hooks", Hooks())
        start("_forward_pre_hooks", Hooks())
        start("_backward_hooks", Hooks())
        start("_backward_pre_hooks", Hooks())
        start("_is_full_backward_hook", None)

    def forward(self, *input: Any) -> Any:
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for pre in list(self._forward_pre_hooks.values()):
            changed = pre(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        full = list(self._backward_hooks.values()) if self._is_full_backward_hook else []
        pre_hooks = list(self._backward_pre_hooks.values())
        watched = Gradients(self, full, pre_hooks) if full or pre_hooks else None
        if watched is not None:
            args = watched.watch_inputs(args)
        result = self.forward(*args, **kwargs)
        for hook in list(self._forward_hooks.values()):
            changed = hook(self, args, result)
            result = result if changed is None else changed
        return result if watched is None else watched.watch_outputs(result)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, args)` before `forward`; what it returns replaces the arguments."""
        return RemovableHandle(self._forward_pre_hooks, hook)

    def register_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(module, args, output)` after `forward`; what it returns replaces the output."""
        return RemovableHandle(self._forward_hooks, hook)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_output)` before the gradients of a call's outputs are used; what it returns replaces them."""
        return _registered(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """`hook(module, grad_input, grad_output)` once those of the inputs are known, too; what it returns replaces them."""
        self._is_full_backward_hook = True
        return _registered(self._backward_hooks, hook, prepend)

    # -- attributes ---------------------------------------------------------------------------------------------------
    def __getattr__(self, name: str) -> Any:
        for kind in KINDS:
            found = self.__dict__.get(kind, {})
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        kind = "_parameters" if isinstance(value, Parameter) else "_modules" if isinstance(value, Module) else self._kind_of(name)
        if not kind:
            super().__setattr__(name, value)
        elif kind not in self.__dict__:
            raise AttributeError(f"cannot assign {KINDS[kind]}{'s' if kind == '_parameters' else ''} before Module.__init__() call")
        else:
            self._check(kind, name, value)
            self._forget(name, kind)
            self._put(kind, name, value)

    def _kind_of(self, name: str) -> str:
        """Where an attribute of this name is registered."""
        return next((kind for kind in ("_parameters", "_modules", "_buffers") if name in self.__dict__.get(kind, ())), "")

    def _check(self, kind: str, name: str, value: Any) -> None:
        """Raises TypeError where a registered name would be given something else."""
        wanted, word, called = {
            "_parameters": (Parameter, "parameter", "torch.nn.Parameter or None"),
            "_modules": (Module, "child module", "torch.nn.Module or None"),
            "_buffers": (Tensor, "buffer", "torch.nn.Buffer, torch.Tensor or None"),
        }[kind]
        if value is not None and not isinstance(value, wanted):
            raise TypeError(f"cannot assign '{typename(value)}' as {word} '{name}' ({called} expected)")

    def _put(self, kind: str, name: str, value: Any) -> None:
        if kind == "_parameters":
            self.register_parameter(name, value)
        elif kind == "_buffers":
            self.register_buffer(name, value, name not in self._non_persistent_buffers_set)
        else:
            self._modules[name] = value

    def _forget(self, name: str, kept: str) -> None:
        """Drop an attribute from everywhere but the dict `kept`."""
        self.__dict__.pop(name, None)
        for kind in KINDS:
            if kind != kept:
                self.__dict__[kind].pop(name, None)
        if kept != "_buffers":
            self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name: str) -> None:
        kind = self._kind_of(name)
        if kind:
            del self.__dict__[kind][name]
            self._non_persistent_buffers_set.discard(name)
        else:
            super().__delattr__(name)

    def __dir__(self) -> list[str]:
        registered = [name for kind in KINDS for name in self.__dict__.get(kind, ())]
        return sorted(name for name in {*super().__dir__(), *registered} if not name[0].isdigit())

    # -- registering ----------------------------------------------------------------------------------------------------
    def _check_name(self, kind: str, name: Any) -> None:
        word = KINDS[kind]
        if kind not in self.__dict__:
            raise AttributeError(f"cannot assign {word} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{word} name should be a string. Got {typename(name)}")
        taken = hasattr(self, name) and name not in self.__dict__[kind]
        if taken and kind == "_modules":
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{word} name can\'t contain "."' + (f", got: {name}" if kind == "_modules" else ""))
        if name == "":
            raise KeyError(f'{word} name can\'t be empty string ""')
        if taken:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter. Raises KeyError for a name that cannot be used, TypeError for no parameter, ValueError for a non-leaf."""
        self._check_name("_parameters", name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)")
        if param is not None and param.grad_fn:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. To express '{name}' "
                "as a function of another Tensor, compute the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the state but no parameter; `persistent=False` leaves it out of `state_dict`."""
        self._check_name("_buffers", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)")
        self._buffers[name] = tensor
        (self._non_persistent_buffers_set.discard if persistent else self._non_persistent_buffers_set.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module. Raises TypeError for no module, KeyError for a name that cannot be used."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("_modules", name)
        self._modules[name] = module

    register_module = add_module

    # -- walking --------------------------------------------------------------------------------------------------------
    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module itself, then every module below it, each once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Every module directly below this one, each once."""
        seen: set[Module] = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        for _, module in self.named_children():
            yield module

    def _named(self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool) -> Iterator[tuple[str, Any]]:
        seen: set[Any] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in module.__dict__[kind].items():
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield f"{path}.{name}" if path else name, value

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        yield from self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        yield from self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    # -- all at once ----------------------------------------------------------------------------------------------------
    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module below, then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch to training (or back). Raises ValueError where `mode` is not a bool."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        for parameter in self.parameters():
            clear_gradient(parameter, set_to_none)

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Every parameter and persistent buffer by its path; detached unless `keep_vars`."""
        made = OrderedDict() if destination is None else destination
        for kind in ("_parameters", "_buffers"):
            for name, value in self.__dict__[kind].items():
                if value is not None and not (kind == "_buffers" and name in self._non_persistent_buffers_set):
                    made[prefix + name] = value if keep_vars else value.detach()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=made, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return made

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copy a state into this module; the keys that were missing and those that were unexpected.

        Raises TypeError for no mapping, RuntimeError for sizes that differ and, where `strict`, for keys that do.
        """
        with no_grad():
            return load_into(self, state_dict, strict, assign)

    # -- printing -------------------------------------------------------------------------------------------------------
    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses when the module is printed."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        own = extra.split("\n") if extra else []
        below = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if len(own) == 1 and not below:
            return f"{self._get_name()}({own[0]})"
        inside = "\n  ".join([*own, *below])
        return f"{self._get_name()}(" + (f"\n  {inside}\n" if inside else "") + ")"


def _indented(text: str) -> str:
    """The lines after the first moved right; blank ones stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line if line.strip() else "" for line in rest)])


def clear_gradient(t: Tensor, set_to_none: bool) -> None:
    """Forget a gradient, or make it zeros without history."""
    if t.grad is None:
        return
    if set_to_none:
        t.grad = None
        return
    if t.grad.grad_fn is not None:
        t.grad.detach_()
    else:
        t.grad.requires_grad_(False)
    t.grad.zero_()
