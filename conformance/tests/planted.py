"""PyTorch with one thing wrong: a planted error for every property."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import torch
from torch.utils._pytree import tree_map

from conformance.backends import Torch
from conformance.properties import attempt


class Namespace:
    """A module with some names replaced."""

    def __init__(self, module: Any, **changes: Any):
        self.__dict__.update(changes, _module=module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


class Planted(Torch):
    """PyTorch, but each result goes through `change`."""

    def __init__(self, module: Any = torch) -> None:
        super().__init__("planted", module)

    def call(self, op, args):
        result = super().call(op, args)
        if isinstance(result, tuple):
            return tuple(self.change(t) for t in result)
        return self.change(result)

    def change(self, t):
        return t


def changed(change, floating_only=True):
    """A backend whose every (floating) result is `change`d."""

    class Made(Planted):
        def change(self, t):
            return change(t) if t.dtype.is_floating_point or t.dtype.is_complex or not floating_only else t

    return Made()


def hooked(hook):
    """A backend whose gradients pass through `hook`."""

    def change(t):
        if t.requires_grad:
            t.register_hook(hook)
        return t

    return changed(change)


def subclassed(**methods):
    """A backend whose results have other methods."""
    made = type("Tensor", (torch.Tensor,), methods)
    return changed(lambda t: t.as_subclass(made), floating_only=False)


class ShorterSchema(Planted):
    def schema(self, op):
        return super().schema(op)[:-1]


class WrongMethod(Planted):
    def method(self, op, args, name="", keywords=False):
        return super().method(op, args, name, keywords).clone().detach() + 1


class ForgetsOut(Planted):
    def function(self, op, args, keywords=False, name="", **more):
        out = more.pop("out", None)
        result = super().function(op, args, keywords, name)
        return result if out is None else result.clone()


class UncountedWrite(Planted):
    """Writes without counting the version."""

    def method(self, op, args, name="", keywords=False):
        first = op.schema.arguments[0].name
        if not name.endswith("_"):
            return super().method(op, args, name, keywords)
        with torch.no_grad():
            super().method(op, {**args, first: args[first].data}, name, keywords)
        return args[first]


class ForgetsTheBase(Planted):
    """Writes to a copy where the tensor is a view."""

    def method(self, op, args, name="", keywords=False):
        first = op.schema.arguments[0].name
        if name.endswith("_") and args[first]._is_view():
            args = {**args, first: args[first].clone()}
        return super().method(op, args, name, keywords)


class OtherGradients(Planted):
    def __init__(self, change, when=lambda more: True):
        super().__init__()
        self.change_gradient, self.when = change, when

    def grad(self, outputs, inputs, cotangents, **more):
        found = super().grad(outputs, inputs, cotangents, **more)
        return tuple(self.change_gradient(g) if g is not None and self.when(more) else g for g in found)


class WrongErrors(Planted):
    def call(self, op, args):
        result = attempt(lambda: Planted.call(self, op, args))
        if isinstance(result, Exception):
            raise type(result)("something is wrong")
        return result


class NeverStale(Planted):
    """Saves copies, so that no later write is noticed."""

    def call(self, op, args):
        return super().call(op, {n: v.clone() if isinstance(v, torch.Tensor) else v for n, v in args.items()})


class Warns(Planted):
    def call(self, op, args):
        warnings.warn("look out", stacklevel=1)
        return super().call(op, args)


def _scaled_tangent(t):
    fw = torch.autograd.forward_ad
    if fw._current_level < 0 or fw.unpack_dual(t).tangent is None:
        return t
    return fw.make_dual(fw.unpack_dual(t).primal, fw.unpack_dual(t).tangent * 1.01)


def _scaled_gradient_tangent(g):
    return _scaled_tangent(g)


def _transposed(g):
    return g if g.ndim < 2 else g.transpose(0, -1).contiguous().transpose(0, -1)


def _bad_backward(self, *args, **kwargs):
    result = attempt(lambda: torch.Tensor.backward(self, *args, **kwargs))
    if isinstance(result, Exception):
        raise RuntimeError("cannot go backward")


def _not_accumulated(tensors, seeds=None, **more):
    seen = set()
    for node in [t.grad_fn for t in tensors]:
        for child, _ in node.next_functions if node is not None else ():
            if child is not None and hasattr(child, "variable") and child not in seen:
                seen.add(child)
                child.variable.grad = None
    torch.autograd.backward(tensors, seeds, **more)


def _last_off(t):
    """The last element a thousandth too large."""
    t = t.clone()
    if t.numel():
        t.view(-1)[-1] *= 1.001
    return t


def _vmapped(change=lambda x: x, given=lambda x: x, dims=lambda dims: dims):
    """PyTorch with a `vmap` that changes results, batches, or which dimension counts samples."""

    def vmap(function, in_dims):
        return lambda *batches: tree_map(change, torch.vmap(function, dims(in_dims))(*map(given, batches)))

    return Planted(Namespace(torch, vmap=vmap))


def _scaled_vjp(function, *primals):
    outputs, pull = torch.func.vjp(function, *primals)
    return outputs, lambda seeds: tuple(g * 1.001 for g in pull(seeds))


PLANTED = {
    "signature": ShorterSchema(),
    "value": changed(_last_off),
    "promotion": changed(lambda t: t.to(torch.float64) if t.dtype == torch.float32 else t),
    "layout": changed(lambda t: t.contiguous(), floating_only=False),
    "alias": changed(lambda t: t.clone(), floating_only=False),
    "repr": subclassed(__repr__=lambda self: "a tensor", __str__=lambda self: "a tensor"),
    "warnings": Warns(),
    "errors": WrongErrors(),
    "forms": WrongMethod(),
    "out": ForgetsOut(),
    "requires_grad": changed(lambda t: t.detach()),
    "leaf": changed(lambda t: t.detach().requires_grad_() if t.requires_grad else t),
    "graph": changed(lambda t: t.clone()),
    "no_grad": Planted(Namespace(torch, no_grad=lambda f=None: contextlib.nullcontext() if f is None else f)),
    "detach": subclassed(detach=lambda self: torch.Tensor.detach(self).clone()),
    "gradient": hooked(lambda g: g * 1.001),
    "gradient_layouts": OtherGradients(_transposed),
    "second_gradient": OtherGradients(lambda g: g.detach().requires_grad_() * 1, lambda more: more.get("create_graph")),
    "forward_mode": changed(_scaled_tangent),
    "forward_over_reverse": OtherGradients(_scaled_gradient_tangent),
    "vmap": _vmapped(_last_off),
    "vmap_inplace": _vmapped(given=torch.clone),
    "vmap_gradient": Planted(Namespace(torch, func=Namespace(torch.func, vjp=_scaled_vjp))),
    "backward_errors": subclassed(backward=_bad_backward),
    "retain_grad": subclassed(retain_grad=lambda self: None),
    "hooks": subclassed(register_hook=lambda self, hook: torch.Tensor.register_hook(self, lambda g: hook(g) and None)),
    "accumulate": Planted(Namespace(torch, autograd=Namespace(torch.autograd, backward=_not_accumulated))),
    "stale_saved_value": NeverStale(),
    "inplace": UncountedWrite(),
    "inplace_through_view": ForgetsTheBase(),
}
FURTHER = [
    ("vmap", "samples counted along another dimension", _vmapped(dims=lambda dims: tuple(d and 0 for d in dims))),
    ("vmap", "samples in another order", _vmapped(lambda t: t.flip(0))),
    ("vmap_gradient", "gradients of a batch that are those of its first sample", OtherGradients(lambda g: g[:1].expand(g.shape).clone())),
    ("gradient", "a gradient that ignores its cotangent", hooked(lambda g: torch.ones_like(g))),
    ("gradient", "a gradient that misplaces its cotangent", hooked(lambda g: g.flip(-1) if g.ndim else g)),
    ("gradient", "None instead of a gradient", OtherGradients(lambda g: None)),
    ("gradient", "one element off by a hundredth", OtherGradients(lambda g: _last_off(_last_off(g)))),
    ("gradient", "a gradient that requires grad", OtherGradients(lambda g: g.requires_grad_())),
    ("second_gradient", "the same gradient through one node more", OtherGradients(torch.clone, lambda more: more.get("create_graph"))),
    ("value", "zero instead of NaN", changed(lambda t: t.nan_to_num(nan=0.0, posinf=float("inf"), neginf=float("-inf")))),
    ("value", "negative zero lost", changed(lambda t: t + 0)),
    ("value", "a wrong dtype", changed(lambda t: t.to(torch.complex128) if t.is_complex() else t.to(torch.float64))),
    ("no_grad", "inference_mode that is no_grad", Planted(Namespace(torch, inference_mode=lambda mode=True: torch.no_grad()))),
    ("alias", "a view where PyTorch copies", changed(lambda t: t[...], floating_only=False)),
    ("layout", "strides of its own", changed(_transposed)),
]
