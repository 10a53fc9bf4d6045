"""What Tensor has of the graph: its node, hooks, and whether it keeps its gradient."""

from __future__ import annotations

import warnings
import weakref
from typing import Any

from ..dtypes import dtype
from ..graph import AccumulateGrad, Hooks, RemovableHandle, extras
from ..tensor import LEAF, Tensor, cpp_name, method, rare, readonly, wanted_of
from ..transforms import refuse_inside
from ..views import node_of


@method
def register_hook(self: Tensor, hook: Any) -> RemovableHandle:
    """`hook(grad)` whenever this tensor's gradient is computed; a returned tensor replaces it.

    Raises RuntimeError where the tensor does not require grad.
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    slot = rare(self)
    if slot.hooks is None:
        node = node_of(self)
        slot.hooks = Hooks()
        if node is not LEAF:
            extras(node).tensor_hooks.append((self.output_nr, slot.hooks))
    return RemovableHandle(slot.hooks, hook)


@method
def retain_grad(self: Tensor) -> None:
    """Keep this non-leaf's gradient in `.grad`; nothing to do on a leaf. Raises RuntimeError where it requires no grad."""
    node = node_of(self)
    if node is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    refuse_inside("retain_grad")
    if node is LEAF or self.retains_grad:
        return
    rare(self).retains = True
    extras(node).retains[self.output_nr] = weakref.ref(self)


@method
def register_post_accumulate_grad_hook(self: Tensor, hook: Any) -> RemovableHandle:
    """`hook(tensor)` after each accumulation into this leaf's `.grad`.

    Raises RuntimeError on a non-leaf, or where the tensor does not require grad.
    """
    node = node_of(self)
    if node is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if node is not LEAF:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    slot = rare(self)
    if slot.post_hooks is None:
        slot.post_hooks = Hooks()
    return RemovableHandle(slot.post_hooks, hook)


def grad_fn(self: Tensor) -> Any:
    """The node that made this tensor; None for a leaf."""
    node = node_of(self)
    return None if node is LEAF or (node is not None and node.enters) else node


def is_leaf(self: Tensor) -> bool:
    """True for tensors that no recorded call made."""
    return grad_fn(self) is None


Tensor.grad_fn, Tensor.is_leaf = readonly(grad_fn), readonly(is_leaf)  # type: ignore[attr-defined, method-assign]


def grad_dtype(self: Tensor) -> dtype | None:
    """The dtype of this leaf's gradients, to which a backward casts what arrives: its own unless set; None for any.

    Raises RuntimeError for what is no leaf; where it is set also for another type, or another dtype than that of a gradient there is.
    """
    if not self.is_leaf:
        raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
    return wanted_of(self)


def _set_grad_dtype(self: Tensor, value: dtype | None) -> None:
    if value is not None and not isinstance(value, dtype):
        raise RuntimeError(f"grad_dtype must be a torch.dtype or None, but got {type(value).__name__}")
    g = self.grad  # with what that says of what is no leaf
    if not self.is_leaf:
        raise RuntimeError("grad_dtype can only be set on leaf tensors.")
    if value is not None and g is not None and g._dtype is not value:
        raise RuntimeError(
            f"Cannot set grad_dtype to '{value.scalar_name}' because there is already a gradient with dtype '{cpp_name(g._dtype)}'. Please "
            "clear the gradient (.grad = None) before changing grad_dtype, or ensure the new grad_dtype matches the existing gradient's "
            "dtype."
        )
    rare(self).grad_dtype = (value,)
    AccumulateGrad.recast = True


Tensor.grad_dtype = property(grad_dtype, _set_grad_dtype)  # type: ignore[attr-defined]  # attached here


# -- names that few use ------------------------------------------------------------------------------------------------
def _no_more_node(self: Tensor, value: Any) -> None:
    if value is not None:
        raise RuntimeError("_grad_fn can be only set to None")
    self._node = None


def _refuse(text: str) -> Any:
    def refuse(self: Tensor) -> None:
        raise RuntimeError(text)

    return refuse


def _hooks(self: Tensor) -> Any:
    return None if self._rare is None else self._rare.hooks


def _set_hooks(self: Tensor, value: Any) -> None:
    rare(self).hooks = value


def _post_hooks(self: Tensor) -> Any:
    return None if self._rare is None else self._rare.post_hooks


def _set_post_hooks(self: Tensor, value: Any) -> None:
    rare(self).post_hooks = value


def _volatile(self: Tensor) -> bool:
    warnings.warn("volatile was removed (Variable.volatile is always False)", UserWarning, stacklevel=2)
    return False


def _set_volatile(self: Tensor, value: Any = None) -> None:
    warnings.warn("volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", UserWarning, stacklevel=2)


Tensor._grad_fn = property(grad_fn, _no_more_node, _refuse("Deletion of _grad_fn not allowed. Detach tensor instead!"))  # type: ignore[attr-defined]  # attached here
Tensor._backward_hooks = property(_hooks, _set_hooks, _refuse("Deletion of _backwards_hooks not allowed!"))  # type: ignore[attr-defined]  # attached here
Tensor._post_accumulate_grad_hooks = property(_post_hooks, _set_post_hooks)  # type: ignore[attr-defined]  # attached here
Tensor.volatile = property(_volatile, _set_volatile, _set_volatile)  # type: ignore[attr-defined]  # attached here
Tensor._grad = property(Tensor.grad.fget, Tensor.grad.fset, Tensor.grad.fdel)  # type: ignore[attr-defined]  # attached here
Tensor.name = readonly(lambda self: None, "name")  # type: ignore[attr-defined]  # attached here
