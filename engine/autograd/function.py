"""`Function`: an op whose forward and backward are the user's Python, recorded as one node."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import anomaly, kept, modes
from ..device import CPU, device
from ..dtypes import OF_NUMPY, dtype, get_default_dtype
from ..graph import FREED, FREED_TWICE, Listed, Saved, check_compatible, edge_of, fit_to, output_of, sequence
from ..node import Error
from ..registry import F
from ..saved import Packed, SavedTensor, packed
from ..tensor import LEAF, Tensor, counter_of, wrap
from ..transforms import running
from ..views import NO_PLAN, check_inplace, node_of, rebase, renew
from ..walk import active
from . import function_tangents
from .names import NOT_THERE, Named, put, put_edges, put_fits, put_plan, put_saved, put_seq, show_to_engine, show_to_user

SEVERAL_OF_A_VIEW = (
    "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more than one Tensor. "
    "This is not supported by the current autograd engine. You should either make sure the input is not a view (using .clone() for "
    "example) or make your Function only return one Tensor (potentially splitting it into two Functions: one doing the inplace that "
    "returns a single Tensor and a second one that does the other operations). You can ask on the forum https://discuss.pytorch.org/ "
    "if you need help to do this change."
)
DIRTY_UNRETURNED = (
    "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must all "
    "be outputs of the Function."
)
SAVED_AS_IS = (
    "An input that has been returned as-is as output is being saved for backward. This is not supported if you override setup_context. You "
    "should return and save a view of the input instead, e.g. with x.view_as(x) or setup ctx inside the forward function itself."
)
LEGACY = (
    "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with static forward "
    "method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
)
UNLIKE = (
    "Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but got false.  (Could this error "
    "message be improved?  If so, please report an enhancement request to PyTorch.)"
)


class FunctionCtx:
    """What `forward` and `setup_context` tell the call they belong to."""

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward, where `saved_tensors` has them."""
        put(self, "to_save", tensors)

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `jvp`."""
        put(self, "saved_for_forward", tensors)

    def mark_dirty(self, *args: Tensor) -> None:
        """Say which inputs `forward` wrote to."""
        put(self, "dirty_tensors", args)

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say which outputs have no gradient."""
        put(self, "non_differentiable", args)

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients that did not arrive are zeros (the usual) or None."""
        self.materialize_grads = value

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Nothing: writes to shared memory are seen without being told."""
        warnings.warn(
            "`mark_shared_storage` is deprecated. Tensors with shared storages are automatically tracked. Note that calls to `set_()` are "
            "not tracked",
            FutureWarning,
            stacklevel=2,
        )


class InputMetadata(NamedTuple):
    """What a node expects as the gradient of one output."""

    shape: list[int]
    dtype: dtype
    device: device = CPU
    is_nested_tensor: bool = False
    is_cpp_nested_tensor: bool = False


class BackwardCFunction(Named, Listed, FunctionCtx):
    """The node of one call of a Function, which is also its `ctx`."""

    __slots__ = ("_given", "_shapes", "_materializes", "_outputs", "__dict__", "__weakref__")

    _forward_cls: Any = None
    runs_on_nothing = True
    tells_all = True
    to_save: tuple[Any, ...] | None = None
    dirty_tensors: tuple[Any, ...] | None = None
    non_differentiable: tuple[Any, ...] | None = None
    saved_for_forward: tuple[Any, ...] | None = None
    _materialize_non_diff_grads = True
    needs_input_grad: tuple[bool, ...] = ()
    _given: tuple[bool, ...]  # which arguments are tensors
    _shapes: Any  # shape, dtype and differentiability of each output that is a tensor
    _outputs: Any  # the same where there are several, as the engine asks any node
    _materializes: bool

    def __init__(self) -> None:
        put(self, "_materializes", True)
        put(self, "_outputs", None)
        put_edges(self, ())
        put_saved(self, ())
        put_fits(self, ())
        put_plan(self, NO_PLAN)
        put_seq(self, 0)

    @property
    def materialize_grads(self) -> bool:
        raise AttributeError(NOT_THERE.format("materialize_grads", "readable"))

    @materialize_grads.setter
    def materialize_grads(self, value: bool) -> None:
        put(self, "_materializes", value)

    @property
    def outputs(self) -> Any:
        return self._outputs

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """What was saved; in `jvp`, what was for it. Raises RuntimeError once it is freed, or was written to since."""
        if self.saved_for_forward:
            return self.saved_for_forward
        if self.saved is FREED:
            raise RuntimeError(FREED_TWICE)
        for value, version in zip(self.saved[::2], self.saved[1::2], strict=True):
            kept.check_version(value, version, self, reading=True)  # type: ignore[arg-type]  # a node of a user
        return tuple(map(self._as_tensor, self.saved[::2]))

    @property
    def saved_variables(self) -> tuple[Tensor | None, ...]:
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2)
        return self.saved_tensors

    @property
    def _raw_saved_tensors(self) -> tuple[SavedTensor, ...]:
        if self.saved is FREED:
            raise RuntimeError(FREED_TWICE)
        outputs = (v.nr if type(v) is Saved else None for v in self.saved[::2])
        return tuple(SavedTensor(self, 2 * i, None, nr) for i, nr in enumerate(outputs))

    def _as_tensor(self, value: Any) -> Any:
        if type(value) is Packed:
            return value.tensor(self)
        if type(value) is not Saved:
            return value
        t = wrap(value.array, value.dtype)
        t._counter = value.counter
        if value.dtype.differentiable:
            t._node = output_of(self, value.nr)
        return t

    @property
    def _input_metadata(self) -> tuple[InputMetadata, ...]:
        """Shape and dtype of the gradient that each output receives."""
        shapes = (shape if shape is not None and shape[2] else ((), get_default_dtype()) for shape in getattr(self, "_shapes", ()))
        return tuple(InputMetadata(list(shape[0]), shape[1]) for shape in shapes)

    def maybe_clear_saved_tensors(self) -> None:
        """Drop what was saved, in a backward that does not retain the graph; nothing outside of one."""
        walk = active()
        if walk is not None and not walk.keep:
            self.free()

    def use_generic_plan(self) -> None:
        """There is only one way to run it."""

    def free(self) -> None:
        put_saved(self, FREED)

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{type(self).__name__} object at {id(self):#x}>"

    def _keep(self) -> None:
        """Keep what `save_for_backward` was given, outputs without the tensor, so that there is no cycle."""
        held: list[Any] = []
        for i, t in enumerate(self.to_save or ()):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}")
            made = t is not None and node_of(t) is self
            if t is not None and t._counter is None:
                raise RuntimeError(kept.INFERENCE_SAVED)
            value = packed(t, t.output_nr if made and t is not None else None)
            if made and value is t:
                value = Saved.of(t, t.output_nr)
            held += (value, kept.version_of(value))
        put_saved(self, tuple(held))
        for name in ("to_save", "dirty_tensors", "non_differentiable"):
            if name in self.__dict__:
                put(self, name, None)

    # -- backward ---------------------------------------------------------------------------------------------------
    def apply(self, *args: Any) -> Any:
        """What the user's backward returns for these gradients; the engine itself gives a list of them and whether to record."""
        if args and type(args[0]) is list:
            return self._applied(*args)
        return self._get_user_fn()(self, *self._boxed(args))

    def apply_boxed(self, *args: Any) -> Any:
        """The same with the gradients in the list a Function of `boxed_grads_call` takes."""
        return self._get_user_fn()(self, *args)

    def apply_jvp(self, *args: Any) -> Any:
        """What the user's `jvp` returns for these tangents."""
        return self._forward_cls.jvp(self, *args)

    def __call__(self, *args: Any) -> Any:
        raise TypeError(f"'{type(self).__name__}' object is not callable")

    def _boxed(self, gs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (list(gs),) if getattr(self._forward_cls, "boxed_grads_call", False) else gs

    def _applied(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        cls, backward = type(self), self._get_user_fn()
        given = self._boxed(tuple(self._shown(i, g) for i, g in enumerate(gs)))
        show_to_user(self)
        try:
            results = backward(self, *given)
        finally:
            show_to_engine(self, cls)
        walk = active()
        if walk is not None and not recording:
            for g in given[0] if given and type(given[0]) is list else given:
                walk.remember(g)
        results = self._checked(results if isinstance(results, tuple) else (results,))
        fitted = [self._fitted(i, r) for i, r in enumerate(results)]
        return [r if r is None or recording else r._array for r in fitted]

    def _get_user_fn(self) -> Callable[..., Any]:
        cls = self._forward_cls
        if cls.backward is not Function.backward and cls.vjp is not Function.vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
            )
        return cls.vjp if cls.vjp is not Function.vjp else cls.backward

    def _shown(self, i: int, g: Any) -> Tensor | None:
        shape = self._shapes[i]
        if g is None and self._materializes and shape is not None and (shape[2] or self._materialize_non_diff_grads):
            return wrap(np.zeros(shape[0], shape[1].np), shape[1])
        if g is None or isinstance(g, Tensor):
            return g
        walk = active()
        return wrap(g, OF_NUMPY[g.dtype]) if walk is None else walk.show(g)

    def _checked(self, results: tuple[Any, ...]) -> list[Any]:
        """The results for the arguments that are tensors. Raises RuntimeError for too many or few, or what is no gradient."""
        count = len(self._given)
        if len(results) > count and all(r is None for r in results[count:]):
            results = results[:count]
        if len(results) != count:
            raise RuntimeError(
                f"function {type(self).__name__} returned an incorrect number of gradients (expected {count}, got {len(results)})"
            )
        for i, (r, is_tensor) in enumerate(zip(results, self._given, strict=True)):
            if r is not None and not is_tensor:
                raise RuntimeError(
                    f"function {type(self).__name__} returned a gradient different than None at position {i + 1}, but the corresponding "
                    "forward input was not a Variable"
                )
            if r is not None and not isinstance(r, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(r).__name__})")
        return [r for r, is_tensor in zip(results, self._given, strict=True) if is_tensor]

    def _fitted(self, i: int, r: Tensor | None) -> Tensor | None:
        if r is None or self.edges[i] is None:
            return r
        shape, dtype = self.fits[i]
        check_compatible(r, shape, f"Function {type(self).__name__} returned an invalid gradient at index {i}")
        if not dtype.is_complex and r._dtype.is_complex:
            raise RuntimeError(UNLIKE)
        return fit_to(self.edges[i], r, shape, dtype)


class FunctionMeta(type):
    """Gives every Function the class of its nodes, named after it."""

    def __init__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> None:
        cls._backward_cls = type(name + "Backward", (BackwardCFunction,), {"_forward_cls": cls, "__module__": __name__})
        super().__init__(name, bases, attributes)


class Function(metaclass=FunctionMeta):
    """Subclasses say how to compute (`forward`) and how gradients flow back (`backward`); `apply` calls them."""

    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on "
            "the class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(LEGACY)

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """`forward(ctx, *args)`, or `forward(*args)` with `setup_context`."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """What to save, where `forward` takes no `ctx`."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """One gradient per argument of `forward` from one per output."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """One tangent per output from one per argument."""
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with forward mode AD.")

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and record it, where some argument requires grad, as one node."""
        with_setup = cls.setup_context is not Function.setup_context
        if with_setup:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        values = _positional(cls.forward, args, kwargs, not with_setup) if kwargs else args
        if running():
            from ..func.custom import apply

            return apply(cls, values)
        return run(cls, values, with_setup)


def _positional(forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any], takes_ctx: bool) -> tuple[Any, ...]:
    """Every argument in its position. Raises TypeError where `forward` has none for it, or one is left out before it."""
    parameters = list(inspect.signature(forward).parameters.values())[takes_ctx:]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for name in kwargs:
        if name not in names:
            raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
        if names.index(name) < len(args):
            raise TypeError(f"forward() got multiple values for argument '{name}'")
    last = max(map(names.index, kwargs))
    for i, name in enumerate(names[: last + 1]):
        if i >= len(args) and name not in kwargs:
            raise TypeError(f"forward() missing required argument: '{name}' (position {i})")
    return (*args, *(kwargs[name] for name in names[len(args) : last + 1]))


def run(cls: Any, values: tuple[Any, ...], with_setup: bool) -> Any:
    """Run `forward`, and record it where some argument requires grad."""
    ctx = cls._backward_cls()
    mode = modes.current()
    tensors = [a for a in values if isinstance(a, Tensor)]
    for t in tensors:
        node_of(t)
    put(ctx, "_given", tuple(isinstance(a, Tensor) for a in values))
    put(ctx, "needs_input_grad", tuple(isinstance(a, Tensor) and a.requires_grad for a in values))
    recorded = bool(mode & modes.GRAD) and not mode & modes.INFERENCE and any(ctx.needs_input_grad)
    if recorded:
        put_edges(ctx, tuple(edge_of(t) if t.requires_grad else None for t in tensors))
        put_fits(ctx, [(t._array.shape, t._dtype) for t in tensors])
        put_seq(ctx, sequence())
        if mode & modes.ANOMALY:
            anomaly.note(ctx)
    modes.switch(mode & ~(modes.GRAD | modes.FORWARD))
    show_to_user(ctx)
    try:
        if with_setup:
            output = cls.forward(*values)
            cls.setup_context(ctx, values, output)
        else:
            output = cls.forward(ctx, *values)
    finally:
        show_to_engine(ctx, cls._backward_cls)
        modes.switch(mode)
    outputs = output if isinstance(output, tuple) else (output,)
    made = _outputs(ctx, tensors, outputs, recorded, with_setup)
    if mode & modes.FORWARD:
        function_tangents.give(ctx, values, outputs, made)
        ctx.saved_for_forward = None
    if recorded:
        ctx._keep()
    return made if isinstance(output, tuple) else made[0]


def _outputs(ctx: Any, tensors: list[Tensor], outputs: tuple[Any, ...], recorded: bool, with_setup: bool) -> tuple[Any, ...]:
    """What `forward` returned, with the places in the graph that follow."""
    dirty, constant = ctx.dirty_tensors or (), ctx.non_differentiable or ()
    for d in dirty:
        if d._counter is not None:
            counter_of(d)[0] += 1
    if not all(any(d is o for o in outputs) for d in dirty):
        raise RuntimeError(DIRTY_UNRETURNED)
    put(ctx, "_shapes", [None] * len(outputs))
    if len(outputs) > 1:
        put(ctx, "_outputs", ctx._shapes)
    results: list[Any] = []
    for nr, o in enumerate(outputs):
        if not isinstance(o, Tensor):
            results.append(o)
            continue
        is_input = any(o is t for t in tensors)
        differentiable = recorded and o._dtype.differentiable and not any(o is t for t in constant)
        ctx._shapes[nr] = o._array.shape, o._dtype, differentiable
        is_dirty = any(o is d for d in dirty)
        if is_input and with_setup and not is_dirty and (differentiable or not o.requires_grad) and any(o is t for t in ctx.to_save or ()):
            raise RuntimeError(SAVED_AS_IS)
        if not differentiable:
            results.append(_outside(o, is_input, is_dirty))
        elif is_dirty:
            results.append(_written(ctx, o, nr, len(outputs), is_input))
        else:
            results.append(_attached(ctx, _same_view(o) if is_input else o, nr))
    if sum(shape is not None and shape[2] for shape in ctx._shapes) > 1:
        for o in results:
            if isinstance(o, Tensor) and o._view is not None:
                o._view.creation = "multi_output"
    return tuple(results)


def _outside(o: Tensor, is_input: bool, is_dirty: bool) -> Tensor:
    """An output without a place in the graph."""
    if not o.requires_grad:
        o = _same_view(o) if is_input and not is_dirty else o
    else:
        o = o.detach() if is_input else o if o._view is not None else o.detach_()
    if o._view is not None and not (is_input and is_dirty):
        o._view.creation = "custom"
    return o


def _same_view(o: Tensor) -> Tensor:
    """An argument that is returned is returned as a view of it, as made without recording."""
    mode = modes.current()
    modes.switch(mode & ~(modes.GRAD | modes.FORWARD))
    try:
        return F.view_as(o, o)
    finally:
        modes.switch(mode)


def _attached(ctx: Any, o: Tensor, nr: int) -> Tensor:
    o._node = output_of(ctx, nr)
    if o._view is not None:
        o._view.creation, o._view.borrowed = "custom", False
        o._view.version = o._counter[0]  # type: ignore[index]  # an inference tensor is no view
    return o


def _written(ctx: Any, o: Tensor, nr: int, count: int, is_input: bool) -> Tensor:
    """An argument that `forward` wrote to. Raises RuntimeError for a leaf, or for a view that is not the only output."""
    if o._node is LEAF:
        raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
    if not is_input:
        warnings.warn(
            "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should be passed to "
            "ctx.mark_dirty().",
            UserWarning,
            stacklevel=4,
        )
    if o._view is not None and count > 1:
        raise RuntimeError(SEVERAL_OF_A_VIEW)
    if o._view is not None:
        check_inplace(o, True)
        rebase(o, ctx)
    else:
        renew(o, output_of(ctx, nr))
    return o


class InplaceFunction(Function):
    """A Function that was told whether it works in place."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


# -- what may be differentiated once -----------------------------------------------------------------------------------------
class _ErrorOfSeveral(Error):
    __slots__ = ("outputs",)


_ErrorOfSeveral.__name__ = "Error"
TWICE = "trying to differentiate twice a function that was marked with @once_differentiable"


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A backward that is not recorded: what it returns raises when it is differentiated."""

    @functools.wraps(fn)
    def once(ctx: Any, *args: Any) -> Any:
        with modes.no_grad():
            outputs = fn(ctx, *args)
        if not modes.is_grad_enabled() or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outputs
        results = [_leaf_of(o) for o in (outputs if isinstance(outputs, tuple) else (outputs,))]
        node = (_ErrorOfSeveral if len(results) > 1 else Error)(TWICE, results)
        if len(results) > 1:
            node.outputs = results  # type: ignore[misc]  # of the class with several
        marked = [None if r is None else r.detach() for r in results]
        for nr, t in enumerate(marked):
            if t is not None:
                t._node = output_of(node, nr)
        return tuple(marked) if isinstance(outputs, tuple) else marked[0]

    return once


def _leaf_of(o: Tensor | None) -> Tensor | None:
    return None if o is None else o.detach().requires_grad_()


__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "FunctionMeta", "InplaceFunction", "once_differentiable"]
