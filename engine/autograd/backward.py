"""`backward` and `grad`: their arguments checked in PyTorch's words, then one walk."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..graph import Handle, Hooks, Walk, edge_of, end_of, extras, rare
from ..registry import F
from ..tensor import LEAF, Tensor, method, wrap
from ..views import node_of
from .. import modes
import weakref

NO_GRAD = "element {i} of tensors does not require grad and does not have a grad_fn"
CYCLE = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which can cause a memory leak. "
    "We recommend using autograd.grad when creating the graph to avoid this. If you have to use this function, make sure to reset the .grad fields "
    "of your parameters to None after use to break the cycle and avoid the leak."
)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Accumulate into `.grad` of the leaves (or of `inputs`) the sum of gradients of `tensors`.

    `grad_tensors` holds one cotangent per tensor, of its shape; None stands for ones where the tensor has one element.
    Raises RuntimeError where a tensor requires no grad, is not scalar and has no cotangent, or was freed by an earlier pass.
    """
    roots = as_tuple(tensors)
    if inputs is not None and len(as_tuple(inputs)) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    seeds = make_seeds(roots, as_tuple(grad_tensors, len(roots)), batched=False)
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        warnings.warn(CYCLE, UserWarning, stacklevel=3)
    run(roots, seeds, keep, create_graph, None if inputs is None else as_tuple(inputs), accumulate=True, allow_unreachable=True)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Gradients of `outputs` with respect to `inputs`, as a tuple; `.grad` is not touched.

    Raises RuntimeError for an input that was not used (unless `allow_unused`), ValueError where `materialize_grads`
    meets `allow_unused=False`.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(f"Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused={allow_unused}.")
    roots, ends = as_tuple(outputs), as_tuple(inputs)
    if not ends:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    seeds = make_seeds(roots, as_tuple(grad_outputs, len(roots)), batched=is_grads_batched)
    keep = create_graph if retain_graph is None else retain_graph
    unused = materialize_grads if allow_unused is None else allow_unused
    results = run(roots, seeds, keep, create_graph, ends, accumulate=False, allow_unreachable=unused)
    if materialize_grads:
        return tuple(F.zeros_like(t) if g is None else g for g, t in zip(results, ends, strict=True))
    return results


def as_tuple(value: Any, count: int = 0) -> tuple[Any, ...]:
    if value is None:
        return (None,) * count
    return (value,) if isinstance(value, Tensor) else tuple(value)


def make_seeds(roots: tuple[Any, ...], given: tuple[Any, ...], batched: bool) -> list[Tensor | None]:
    """One cotangent per root: the given one, checked, or ones for a root of one real element."""
    if len(given) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(given)} gradients")
    for t in roots:
        if not isinstance(t, Tensor):
            raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(t).__name__}")
        node_of(t)
    return [check_seed(i, t, g) if g is not None else implicit_seed(i, t) for i, (t, g) in enumerate(zip(roots, given, strict=True))]


def check_seed(i: int, t: Tensor, g: Any) -> Tensor:
    if not isinstance(g, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if g.shape != t.shape:
        raise RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {t.shape}.")
    if t._dtype.is_complex != g._dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of {g.dtype} and output[{i}] has a dtype of {t.dtype}."
        )
    return g


def implicit_seed(i: int, t: Tensor) -> Tensor | None:
    if node_of(t) is None:
        return None
    if t._array.size != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if not t._dtype.is_floating_point:
        raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {t.dtype}")
    return wrap(np.ones(t._array.shape, t._array.dtype), t._dtype)


def run(
    roots: tuple[Any, ...], seeds: list[Any], keep: bool, recording: bool, inputs: tuple[Any, ...] | None, *, accumulate: bool, allow_unreachable: bool
) -> tuple[Any, ...]:
    """One walk from `roots`; returns what arrived at `inputs`, or accumulates it there."""
    starts = []
    on_tensors = recording or bool(modes.current() & modes.FORWARD)
    for i, (t, g) in enumerate(zip(roots, seeds, strict=True)):
        edge = edge_of(t)
        if edge is None:
            raise RuntimeError(NO_GRAD.format(i=i))
        g = g if g._dtype is t._dtype else F.to(g, t._dtype)
        starts.append((end_of(edge), t._nr, g if on_tensors else g._array))
    targets, places = None, []
    if inputs is not None:
        targets, places = find_targets(inputs, accumulate)
    captured = Walk(keep, recording, targets, accumulate).run(starts)
    if inputs is None:
        return ()
    given = {id(g._array): g for g in seeds}  # a cotangent that arrives as it was given is that very tensor
    captured = {place: given.get(id(g), g) for place, g in captured.items()}
    return deliver(inputs, places, captured, accumulate, allow_unreachable)


def find_targets(inputs: tuple[Any, ...], accumulate: bool) -> tuple[dict[Any, int], list[Any]]:
    targets: dict[Any, int] = {}
    places: list[Any] = []
    for i, t in enumerate(inputs):
        node_of(t)
        edge = edge_of(t)
        if edge is None:
            if accumulate:
                raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        places.append(targets.setdefault((end_of(edge), t._nr), i))
    return targets, places


def deliver(inputs: tuple[Any, ...], places: list[Any], captured: dict[int, Any], accumulate: bool, allow_unreachable: bool) -> tuple[Any, ...]:
    results = []
    for i, (t, place) in enumerate(zip(inputs, places, strict=True)):
        g = captured.get(place)
        if accumulate:
            if g is not None and t._node is not LEAF:
                g = as_tensor(g, t)
                t._gradient = F.clone(g) if t._gradient is None else t._gradient + g
            continue
        if g is None and not allow_unreachable:
            raise RuntimeError(
                f"The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."
            )
        results.append(None if g is None else as_tensor(g, t))
    return tuple(results)


def as_tensor(g: Any, like: Tensor) -> Tensor:
    return g if isinstance(g, Tensor) else wrap(g, like._dtype)


# -- what Tensor has of it ---------------------------------------------------------------------------------------------
@method
def _backward(self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None) -> None:
    """Accumulate gradients of this tensor into the leaves it was computed from; see `autograd.backward`."""
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


Tensor.backward = Tensor._backward  # type: ignore[attr-defined]
del Tensor._backward  # type: ignore[attr-defined]


@method
def register_hook(self: Tensor, hook: Any) -> Handle:
    """`hook(grad)` whenever this tensor's gradient is computed; a returned tensor replaces it.

    Raises RuntimeError where the tensor does not require grad.
    """
    node = node_of(self)
    if node is None:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if node is LEAF:
        slot = rare(self)
        if slot.hooks is None:
            slot.hooks = Hooks()
        return Handle(slot.hooks, hook)
    return Handle(extras(node).tensor_hooks.setdefault(self._nr, Hooks()), hook)


@method
def retain_grad(self: Tensor) -> None:
    """Keep this non-leaf's gradient in `.grad`; nothing to do on a leaf. Raises RuntimeError where it requires no grad."""
    node = node_of(self)
    if node is None:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if node is LEAF:
        return
    rare(self).retains = True
    extras(node).retains[self._nr] = weakref.ref(self)


@method
def register_post_accumulate_grad_hook(self: Tensor, hook: Any) -> Handle:
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
    return Handle(slot.post_hooks, hook)


def grad_fn(self: Tensor) -> Any:
    """The node that made this tensor; None for a leaf."""
    node = node_of(self)
    return None if node is LEAF else node


Tensor.grad_fn = property(grad_fn)  # type: ignore[attr-defined]
Tensor.requires_grad = property(lambda self: node_of(self) is not None, Tensor.requires_grad.fset, Tensor.requires_grad.fdel)  # type: ignore
