"""`backward` and `grad`: their arguments checked in PyTorch's words, then one walk."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import modes
from ..batching import Batched, whole_or_spread
from ..calls import FUNCTIONS
from ..dtypes import OF_NUMPY, get_default_dtype
from ..geometry import root_of
from ..graph import AccumulateGrad, Node, check_compatible, edge_of, end_of, extras, fit, recorded_as
from ..lazy import conjugate_of
from ..registry import OPS, F
from ..short import run_captured, run_plain
from ..size import Size
from ..tensor import LEAF, PLAIN, Tensor, counter_of, settled, wrap
from ..transforms import Running, running
from ..views import make_view, node_of, outdated
from ..walk import ONE, Walk
from .attributes import retain_grad

NO_GRAD = "element {i} of tensors does not require grad and does not have a grad_fn"
CYCLE = (
    "Using backward() with create_graph=True will create a reference cycle between the parameter and its gradient which "
    "can cause a memory leak. "
    "We recommend using autograd.grad when creating the graph to avoid this. If you have to use this function, make sure "
    "to reset the .grad fields "
    "of your parameters to None after use to break the cycle and avoid the leak."
)
BATCHED = (
    "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The sizes of "
    "the remaining dimensions "
    "are expected to match the shape of corresponding output, but a mismatch was detected: grad_output[{i}] has a shape of "
    "{g} and output[{i}] has "
    "a shape of {t}. If you only want some tensors in `grad_output` to be considered batched, consider using vmap."
)
NO_BATCH = (
    "vmap(vjp, in_dims=0, ...)(<inputs>): Got in_dim=0 for some input, but that input is a Tensor of dimensionality 0 so expected in_dim "
    "to satisfy 0 <= in_dim < 0."
)
INSIDE = (
    "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp instead or call "
    "backward() outside of functorch transforms."
)
ONLY_INPUTS = (
    "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other parts of the graph, "
    "please use torch.autograd.backward."
)
UNUSED = (
    "The differentiated Tensor at index {i} appears to not have been used in the graph. Set allow_unused=True if this is the desired "
    "behavior."
)
NEITHER = "all inputs have to be Tensors or GradientEdges, but got {}"


class GradientEdge(NamedTuple):
    """A place in the graph: where the gradient of output `output_nr` of `node` arrives."""

    node: Any
    output_nr: int
    ownership_token: Any = None


class End(NamedTuple):
    """A root or an input of a walk: the node or leaf (None outside of any graph), which output, its shape and dtype if known."""

    where: Any
    nr: int
    shape: Any
    dtype: Any


def end(value: Any) -> End:
    """What a walk calls a tensor or an edge."""
    if isinstance(value, GradientEdge):
        node = value.node
        if isinstance(node, AccumulateGrad):
            return End(node.end, 0, node.variable.shape, node.variable._dtype)
        shape, d = known_of(node, value.output_nr)
        return End(node, value.output_nr, shape, d)
    node_of(value)
    edge = edge_of(value)
    return End(None if edge is None else end_of(edge), value.output_nr, value.shape, value._dtype)


def seen(value: Any) -> Any:
    """Shape and dtype of what a cotangent is for. PyTorch looks at them before it remakes the history of a view, which may be refused."""
    return (value.shape, value._dtype) if isinstance(value, Tensor) else end(value)[2:]


def known_of(node: Any, nr: int) -> Any:
    """Shape and dtype of output `nr` of a node; None where nobody asked for its edge and it has but one."""
    if nr in extras(node).shapes:
        shape, d = extras(node).shapes[nr]
    elif node.outputs is not None:
        shape, d, *_ = node.outputs[nr]
    else:
        return None, None
    return Size(shape), d


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
    if running():
        raise RuntimeError(INSIDE)
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    ends = () if inputs is None else as_tuple(inputs)
    if inputs is not None and not ends:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    roots = as_tuple(tensors)
    seeds = make_seeds(roots, given_for(roots, grad_tensors))
    places = places_of(roots)
    targets = None if inputs is None else accumulated_into(ends)
    starts = starts_of(places, seeds, create_graph)
    if create_graph:
        warnings.warn(CYCLE, UserWarning, stacklevel=3)
    walk = Walk(create_graph if retain_graph is None else retain_graph, create_graph, targets, True)
    walk.counters.update((id(root_of(g._array)), (counter_of(g), root_of(g._array))) for g in seeds if g is not None)
    walk.given = seeds
    walk.run(starts)


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

    With `is_grads_batched` the first dimension of each cotangent, and of each result, counts independent ones.
    Raises RuntimeError for an input that was not used (unless `allow_unused`), ValueError where `materialize_grads`
    meets `allow_unused=False`.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            f"Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused={allow_unused}."
        )
    unused = materialize_grads if allow_unused is None else allow_unused
    roots, ends = as_tuple(outputs), as_tuple(inputs)
    if not only_inputs:
        warnings.warn(ONLY_INPUTS, FutureWarning, stacklevel=2)
    given = given_for(roots, grad_outputs)
    keep = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        results = batched(roots, given, ends, keep, create_graph, unused)
    else:
        found = in_short(roots, given, ends, keep, create_graph, unused)
        results = found if found is not None else gradients(roots, make_seeds(roots, given), ends, keep, create_graph, unused)
    if not materialize_grads:
        return results
    if any(g is None and isinstance(t, GradientEdge) for g, t in zip(results, ends, strict=True)):
        raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
    return tuple(FUNCTIONS["zeros_like"](t, requires_grad=create_graph) if g is None else g for g, t in zip(results, ends, strict=True))


def in_short(
    roots: tuple[Any, ...], given: tuple[Any, ...], ends: tuple[Any, ...], keep: bool, recording: bool, unused: bool
) -> tuple[Any, ...] | None:
    """What `gradients` comes to in a plain mode, where there is nothing to refuse; None where there may be more to it."""
    if len(roots) != len(given) or not ends or modes.current() & ~modes.GRAD:
        return None
    where = []
    for t in ends:
        if type(t) not in PLAIN or t._node is None:
            return None
        if t._node is LEAF and t._beside is None:
            where.append(t)
        else:
            where.append(usual_node(t))
            if not isinstance(where[-1], Node):
                return None
    starts: dict[Any, Any] = {}
    for root, seed in zip(roots, given, strict=True):
        if not is_usual(root, seed):
            return None
        node = usual_node(root)
        if not isinstance(node, Node) or node in starts:
            return None
        starts[node] = implicit_seed(root) if seed is None else seed
    walk = run_captured(starts, keep, recording, where)
    if walk is None:
        return None
    found = [walk.arrived.get(end) for end in where]
    check_used(found, unused)
    return tuple(found) if recording else tuple(as_tensors(walk, zip(where, found, strict=True), ends, [*starts.values()]))


def usual_node(t: Tensor) -> Any:
    """What made a tensor; None for a view that is to be remade, which may be refused, but not before the cotangents are."""
    stale = t._beside is not None and (t._counter is None or outdated(t))
    return None if stale else t._node


def check_used(found: Sequence[Any], unused: bool) -> None:
    """Raises RuntimeError for an input that no gradient arrived at, where that is not allowed."""
    for i, g in enumerate(found):
        if g is None and not unused:
            raise RuntimeError(UNUSED.format(i=i))


def is_usual(root: Any, seed: Any) -> bool:
    """True where a plain root needs no cotangent, or has one of its dtype and shape."""
    if type(root) not in PLAIN:
        return False
    if seed is None:
        return not root._array.ndim and root._dtype.is_floating_point
    return type(seed) in PLAIN and seed._dtype is root._dtype and seed._array.shape == root._array.shape


def gradients(
    roots: tuple[Any, ...], seeds: list[Tensor | None], ends: tuple[Any, ...], keep: bool, recording: bool, unused: bool
) -> tuple[Any, ...]:
    """One walk that captures what arrives at `ends`; None where nothing does and `unused` allows it."""
    if not ends:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    begin = places_of(roots)
    targets, places = captured_at(ends)
    walk = Walk(keep, recording, targets, False)
    walk.given = seeds
    captured = walk.run(starts_of(begin, seeds, recording))  # and what is captured may be one of these
    leads = {place: end for (end, _), place in targets.items()}
    found = [captured.get(place) for place in places]
    check_used(found, unused)
    return tuple(as_tensors(walk, zip((leads[place] for place in places), found, strict=True), ends, seeds))


def as_tensors(walk: Walk, found: Iterable[tuple[Any, Any]], ends: Sequence[Any], seeds: Sequence[Tensor | None]) -> list[Any]:
    """What has been `found` at nodes or leaves, as a user gets it."""
    given = {id(t._array): t for t in ends if isinstance(t, Tensor) and not t._array.size}  # what has no elements may be its own gradient
    given.update((id(g._array), g) for g in seeds if g is not None)  # a cotangent that arrives as it was given is that very tensor
    given.update({} if walk.shown is None else {key: t for key, t in walk.shown.items() if id(t._array) == key})
    results = []
    for end, arrived in found:
        g = given.get(id(arrived), arrived)
        if g is not None and not isinstance(g, Tensor):
            g = _arrived(g, [] if walk.replaced else seeds, walk.count_at(end, g))
        results.append(g)
    return results


def _arrived(g: np.ndarray, seeds: Sequence[Tensor | None], count: Any) -> Tensor:
    """A gradient as a Tensor: a view of the cotangent in whose memory it, or what it is the conjugate of, is."""
    given = conjugate_of(g) if g.dtype.kind == "c" and not g.flags.writeable else None
    if given is not None:
        return settled(F._conj(_arrived(given, seeds, count)))
    made = wrap(np.asanyarray(g), OF_NUMPY[g.dtype])  # of single numbers NumPy's arithmetic makes no array
    made._counter = count
    source = next((s for s in seeds if s is not None and _share(g, s._array)), None)
    if source is not None:
        before = modes.current()
        modes.switch(before & ~modes.GRAD)
        make_view(made, source, OPS["as_strided"], [], None)
        modes.switch(before)
    return settled(made, source is not None)


def _share(a: np.ndarray, b: np.ndarray) -> bool:
    """True for arrays in the same memory; those without elements may be anywhere, and are told by where they come from."""
    return np.may_share_memory(a, b) if a.size else root_of(a) is root_of(b)


def batched(
    roots: tuple[Any, ...], given: tuple[Any, ...], ends: tuple[Any, ...], keep: bool, recording: bool, unused: bool
) -> tuple[Any, ...]:
    """One walk with cotangents of which the first dimension counts samples, as it does in the results."""
    for i, (t, g) in enumerate(zip(roots, given, strict=False)):
        shape, _ = seen(t)
        if isinstance(g, Tensor) and (first := g[0]).shape != shape:
            raise RuntimeError(BATCHED.format(i=i, g=first.shape[1:], t=shape))  # PyTorch's convention: one dimension too few
    given = tuple(implicit_seed(t) if g is None else g for t, g in zip(roots, given, strict=False))
    if any(isinstance(g, Tensor) and not g.ndim for g in given):
        raise ValueError(NO_BATCH)
    sizes = [g.shape[0] for g in given if g is not None]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    with Running(sizes[0] if sizes else 0) as level:
        level.cotangents = True
        seeds = make_seeds(roots, tuple(None if g is None else Batched(g, level) for g in given))
        found = gradients(roots, seeds, ends, keep, recording, unused)
        return tuple(None if g is None else whole_or_spread(g, level) for g in found)


def as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, (Tensor, GradientEdge)) else tuple(value)


def given_for(roots: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    return (None,) * len(roots) if value is None else (value,) if isinstance(value, Tensor) else tuple(value)


def make_seeds(roots: tuple[Any, ...], given: tuple[Any, ...]) -> list[Tensor | None]:
    """One cotangent per root: the given one, checked, or ones for a root of one real element. PyTorch ignores those too many."""
    seeds: list[Tensor | None] = []
    for i, (t, g) in enumerate(zip(roots, given, strict=False)):
        if not isinstance(t, (Tensor, GradientEdge)):
            raise AssertionError("Expected output to be a torch.Tensor")
        if g is None:
            seeds.append(implicit_seed(t))
        elif isinstance(g, Tensor):
            seeds.append(check_seed(i, t, g))
        else:
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if len(seeds) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(seeds)} gradients")
    return seeds


def check_seed(i: int, root: Any, g: Tensor) -> Tensor:
    shape, d = seen(root)
    if d is None:
        return g
    if g.shape != shape:
        raise RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {shape}.")
    if d.is_complex != g._dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of {g.dtype} and output[{i}] has a dtype of {d}."
        )
    return g


def implicit_seed(t: Any) -> Tensor | None:
    if type(t) in PLAIN and t._node is not None and t._beside is None and not t._array.ndim and t._dtype.is_floating_point:  # most are
        return settled(wrap(ONE[t._dtype].copy(), t._dtype))
    if isinstance(t, Tensor) and not t.requires_grad:
        return None
    shape, d = seen(t)
    if d is None:
        shape, d = Size(), get_default_dtype()
    if shape.numel() != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if not d.is_floating_point:
        raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {d}")
    plain = not isinstance(t, Tensor) or (type(t) in PLAIN and not shape)  # the strides of sides of 1 are those of the root
    return settled(wrap(ones(shape, d.np), d) if plain else F.ones_like(t))


def ones(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """`numpy.ones`, which takes longer to look at what is asked for."""
    made = np.empty(shape, dtype)
    made.fill(1)
    return made


def places_of(roots: tuple[Any, ...]) -> list[End]:
    """Where a walk starts. Raises RuntimeError for a root that is in no graph."""
    places = []
    for i, t in enumerate(roots):  # which may be refused one by one
        places.append(end(t))
        if places[i].where is None:
            raise RuntimeError(NO_GRAD.format(i=i))
    return places


def starts_of(places: list[End], seeds: list[Any], recording: bool) -> list[tuple[Any, int, Any]]:
    """The same with the cotangents, which `seeds` has as the nodes take them from now on.

    Raises RuntimeError where a result has changed its shape since.
    """
    on_tensors = recording or bool(modes.current() & modes.ON_TENSORS)
    starts = []
    for i, ((where, nr, _, d), g) in enumerate(zip(places, seeds, strict=True)):
        known = recorded_as(where, nr)
        if known is not None:
            check_compatible(g, known[0], f"invalid gradient at index {i}")
            g, d = fit(g, known[0], g._dtype), known[1]
        seeds[i] = g = g if d is None or g._dtype is d else F.to(g, d)
        starts.append((where, nr, g if on_tensors else g._array))
    return starts


def captured_at(ends: tuple[Any, ...]) -> tuple[dict[Any, int], list[int]]:
    """The walk's targets, and at which of them each input finds its gradient."""
    targets: dict[Any, int] = {}
    places = []
    for i, t in enumerate(ends):
        where, nr = input_end(t)
        if where is None:
            if node_of(t) is None:
                raise RuntimeError("One of the differentiated Tensors does not require grad")
            where = t  # requires grad and is in no graph: nothing arrives
        places.append(targets.setdefault((where, nr), i))
    return targets, places


def accumulated_into(ends: tuple[Any, ...]) -> dict[Any, int]:
    """The targets of a walk that accumulates: leaves, and tensors that retain their gradient from now on."""
    targets = {}
    for i, t in enumerate(ends):
        where, nr = input_end(t)
        if isinstance(t, Tensor):
            retain_grad(t)
        targets[where, nr] = i
    return targets


def input_end(t: Any) -> tuple[Any, int]:
    if type(t) in PLAIN:
        if t._node is LEAF and t._beside is None:  # as most are
            return t, 0
        node_of(t)
        edge = edge_of(t)
        return None if edge is None else end_of(edge), t.output_nr
    if not isinstance(t, (Tensor, GradientEdge)):
        raise RuntimeError(NEITHER.format(type(t).__name__))
    if isinstance(t, GradientEdge) and not isinstance(t.node, Node | AccumulateGrad):
        raise RuntimeError(f"GradientEdge's first object must be an autograd.graph.Node but got {type(t.node).__name__}")
    return end(t)[:2]


# -- what Tensor has of it ---------------------------------------------------------------------------------------------
def _method(name: str) -> Any:
    """A method under a name that means something else in this module."""

    def attach(function: Any) -> Any:
        function.__name__, function.__qualname__ = name, f"Tensor.{name}"
        setattr(Tensor, name, function)
        return function

    return attach


@_method("backward")
def _backward(self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None) -> None:
    """Accumulate gradients of this tensor into the leaves it was computed from; see `autograd.backward`."""
    if inputs is None and not create_graph and not modes.current() & ~modes.GRAD and is_usual(self, gradient):
        node = self._node if self._beside is None else node_of(self)
        if isinstance(node, Node) and run_plain(node, self, gradient, bool(retain_graph)):
            return  # which is all that `backward` comes to where there is nothing to refuse
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)
