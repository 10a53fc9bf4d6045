"""Loading a `state_dict` into a module: what is copied, what is missing, what was not expected."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..tensor import Tensor
from .parameter import Parameter

if TYPE_CHECKING:
    from .module import Module


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """Keys the state lacked and keys the module has no place for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"

    __str__ = __repr__


class Loading:
    """One load: the state and what has been found wrong so far."""

    def __init__(self, state: dict[str, Any], assign: bool) -> None:
        self.state, self.assign = state, assign
        self.missing: list[str] = []
        self.unexpected: list[str] = []
        self.errors: list[str] = []

    def load(self, module: Module, prefix: str) -> None:
        """Fill `module`, whose keys start with `prefix`, and everything below it."""
        buffers = {n: b for n, b in module._buffers.items() if n not in module._non_persistent_buffers_set}
        own = {n: t for n, t in (module._parameters | buffers).items() if t is not None}
        for name, target in own.items():
            if prefix + name in self.state:
                self._copy(module, name, target, prefix + name)
            else:
                self.missing.append(prefix + name)
        for key in self.state:
            first, dot, _ = key.removeprefix(prefix).partition(".")
            if key.startswith(prefix) and first not in (module._modules if dot else own):
                self.unexpected.append(key)
        for name, child in module._modules.items():
            if child is not None:
                self.load(child, f"{prefix}{name}.")

    def _copy(self, module: Module, name: str, target: Tensor, key: str) -> None:
        value = self.state[key]
        if not isinstance(value, Tensor):
            self.errors.append(
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint but received '
                f"{type(value)}"
            )
            return
        if value.shape != target.shape:
            self.errors.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, the shape in current model is "
                f"{target.shape}."
            )
        elif self.assign:
            if isinstance(target, Parameter) and not isinstance(value, Parameter):
                value = Parameter(value, target.requires_grad)
            setattr(module, name, value)
        else:
            target.copy_(value)


def load_into(module: Module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> _IncompatibleKeys:
    """Copy (or assign) a state into `module` and everything below it."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    loading = Loading(dict(state_dict), assign)
    loading.load(module, "")
    said = []
    if strict:
        for word, keys in (("Missing", loading.missing), ("Unexpected", loading.unexpected)):
            if keys:
                said.append(f"{word} key(s) in state_dict: " + ", ".join(f'"{key}"' for key in keys) + ". ")
    said += loading.errors
    if said:
        raise RuntimeError(f"Error(s) in loading state_dict for {type(module).__name__}:\n\t" + "\n\t".join(said))
    return _IncompatibleKeys(loading.missing, loading.unexpected)
