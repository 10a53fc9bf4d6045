"""`grad`, `grad_and_value` and `vjp`: gradients of functions, by one walk from the results back to fresh starts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import forward, modes, saved
from ..autograd.backward import check_seed
from ..autograd.backward import grad as gradients
from ..batching import Batched, batched, whole_or_spread
from ..graph import Listed, Node, edge_of, end_of, sequence
from ..registry import F
from ..tensor import Tensor, alias
from ..transforms import Level, Running, born
from ..views import NO_PLAN, node_of
from .trees import Structure, mapped, put_together, sketch, taken_apart

NO_HOOKS = "torch.func.{grad, vjp, jacrev, hessian} don't yet support saved tensor hooks. Please open an issue with your use case."
AUX = "output of function f should be a tuple: (output, aux) if has_aux is True"
ArgNums = int | tuple[int, ...]


class Entry(Listed):
    """Where a tensor enters a transform: to its function a leaf, to the walks of outer transforms a way on."""

    __slots__ = ("level",)
    enters = True

    def __init__(self, t: Tensor, level: Level, tracked: bool) -> None:
        self.edges, self.level, self.seq = (edge_of(t) if tracked else None,), level, sequence()
        self.saved, self.plan, self.fits = (), NO_PLAN, None

    def apply(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        return gs


class Starts:
    """What one transform differentiates with respect to, and how results leave it."""

    def __init__(self, level: Level, recording: bool) -> None:
        level.leave = self.left
        self.level, self.recording = level, recording  # whether it was on outside
        self.given: dict[int, tuple[Tensor, Tensor]] = {}  # by id of what entered: that, and what it entered as
        self.free: set[Any] = set()  # nodes that lead to nothing that is tracked outside

    def entered(self, t: Any) -> Any:
        """The argument as the function sees it."""
        if not isinstance(t, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")
        if not t._dtype.differentiable:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        made: Tensor
        if type(t) is Batched:
            made = Batched(self.entered(t._value), t._level)
        else:
            made = alias(t)
            if made._counter is None:
                made._counter = [0]
            for level, tangent in forward.carried(t).items():
                forward.give_at(level, made, tangent)
            made._node = Entry(t, self.level, self.recording and node_of(t) is not None)
        self.given[id(made)] = made, t
        return made

    def tracked_outside(self, t: Tensor) -> bool:
        """True where something `t` leads back to requires grad outside of the transform."""
        seen: set[Any] = set()
        todo = [innermost(t)._node]
        while todo:
            node = end_of(todo.pop())
            if node is None or node in seen or node in self.free:
                continue
            if not isinstance(node, Node):  # a leaf
                return True
            if isinstance(node, Entry) and node.level.depth < self.level.depth and node.level.running:
                return True
            seen.add(node)
            todo += node.edges
        self.free |= seen
        return False

    def left(self, t: Any) -> Any:
        """A result as it is outside: the very argument, in the graph where that leads outside, else detached."""
        if not isinstance(t, Tensor):
            return t
        if id(t) in self.given:
            return self.given[id(t)][1]
        if type(t) is Batched:
            inner = self.left(t._value)
            return t if inner is t._value else Batched(inner, t._level)
        tangents = {level: self.left(tangent) for level, tangent in forward.carried(t).items()}
        stays = node_of(t) is None or (self.recording and self.tracked_outside(t))
        if stays and all(tangents[level] is tangent for level, tangent in forward.carried(t).items()):
            return t
        made = alias(t)
        born([t])
        if stays:
            made._node = t._node
        for level, tangent in tangents.items():
            forward.give_at(level, made, tangent)
        return made


def adopt(tree: Any) -> None:
    """Take all tensors among the arguments for the running transform's own, which its function may write to."""
    born(innermost(t) for t in taken_apart(tree)[0] if isinstance(t, Tensor))


def innermost(t: Tensor) -> Tensor:
    """The tensor that has memory and history behind a sample."""
    while type(t) is Batched:
        t = t._value
    return t


def _walked(outputs: Sequence[Tensor], inputs: Sequence[Tensor], seeds: Sequence[Tensor] | None, keep: bool, record: bool) -> list[Tensor]:
    """One gradient per input, zeros for those the outputs do not depend on; all of them still inside the transform."""
    pairs = [(out, None if seeds is None else seeds[i]) for i, out in enumerate(outputs) if node_of(innermost(out)) is not None]
    if not pairs:
        return [F.zeros_like(t) for t in inputs]
    roots, cotangents = [], []
    for i, (out, seed) in enumerate(pairs):
        if seed is None and out.is_complex():
            raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {out.dtype}")
        seed = F.ones_like(out) if seed is None else check_seed(i, out, seed)
        while type(out) is Batched:
            seed, out = whole_or_spread(seed, out._level), out._value
        roots.append(out)
        cotangents.append(seed)
    found = gradients(
        roots, [innermost(t) for t in inputs], cotangents, retain_graph=keep or record, create_graph=record, allow_unused=True
    )
    return [F.zeros_like(t) if g is None else as_sample(g, t) for g, t in zip(found, inputs, strict=True)]


def as_sample(g: Tensor, t: Tensor) -> Tensor:
    """The gradient of what is behind `t`, as that of `t`."""
    return batched(as_sample(g, t._value), t._level) if type(t) is Batched else g


# -- arguments by number ------------------------------------------------------------------------------------------------------
def chosen(args: tuple[Any, ...], argnums: Any) -> ArgNums:
    """The positions counted from the front. Raises RuntimeError where they are not positions of arguments."""
    if not isinstance(argnums, int | tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if isinstance(argnums, int):
        return _position(argnums, len(args))
    places = tuple(_position(n, len(args)) for n in argnums)
    if not places:
        raise RuntimeError("argnums must be non-empty")
    if len(set(places)) != len(places):
        raise RuntimeError(f"argnums elements must be unique, got {places}")
    return places


def _position(n: Any, count: int) -> int:
    if not isinstance(n, int):
        raise RuntimeError(f"argnum must be int, got: {type(n)}")
    if not -count <= n < count:
        raise RuntimeError(f"Got argnum={n}, but only {count} positional inputs")
    return n % count


def picked(args: Sequence[Any], places: ArgNums) -> Any:
    """The argument at that position, or the tuple of those at several."""
    return args[places] if isinstance(places, int) else tuple(args[p] for p in places)


def replaced(args: Sequence[Any], places: ArgNums, new: Any) -> tuple[Any, ...]:
    """The arguments with others at these positions."""
    by_place = {places: new} if isinstance(places, int) else dict(zip(places, new, strict=True))
    return tuple(by_place.get(i, arg) for i, arg in enumerate(args))


def split_aux(result: Any, has_aux: bool, api: str) -> tuple[Any, Any]:
    """(output, aux). Raises RuntimeError where `has_aux` and the function did not return such a pair."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(f"{api}: {AUX}")
    return result


# -- transforms ---------------------------------------------------------------------------------------------------------------
def grad(func: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a function that returns one element, with respect to the arguments at `argnums`.

    With `has_aux` the function returns (output, aux), and (gradient, aux) is returned.
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """(gradient, value) of a function that returns one element; with `has_aux` (gradient, (value, aux))."""
    api = "grad_and_value(f)(*args)"

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        recording = modes.is_grad_enabled() and not modes.is_inference_mode_enabled()
        with saved.disabled(NO_HOOKS), Running() as level, modes.inference_mode(False), modes.enable_grad():
            starts = Starts(level, recording)
            adopt((args, kwargs))
            places = chosen(args, argnums)
            inputs = mapped(starts.entered, picked(args, places))
            output, aux = split_aux(func(*replaced(args, places, inputs), **kwargs), has_aux, api)
            if not isinstance(output, Tensor):
                raise RuntimeError(f"{api}: Expected f(*args) to return a Tensor, got {type(output)}")
            if output.dim():
                raise RuntimeError(
                    f"{api}: Expected f(*args) to return a scalar Tensor, got tensor with {output.dim()} dims. Maybe you wanted to use the "
                    "vjp or jacrev APIs instead?"
                )
            leaves, structure = taken_apart(inputs)
            found = _walked([output], leaves, None, False, recording and starts.tracked_outside(output))
            result = put_together(map(starts.left, found), structure)
            value = starts.left(output)
            return (result, (value, mapped(starts.left, aux))) if has_aux else (result, value)

    return both


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(output, vjp_fn): `vjp_fn(cotangents)` gives the cotangents of `primals`, as a tuple. With `has_aux`, aux comes third."""
    return vjp_at(func, primals, None, has_aux)


def vjp_at(func: Callable[..., Any], primals: tuple[Any, ...], argnums: ArgNums | None, has_aux: bool) -> Any:
    """The same with respect to the arguments at `argnums` alone."""
    api = "vjp(f, *primals)"
    recording = modes.is_grad_enabled() and not modes.is_inference_mode_enabled()
    with saved.disabled(NO_HOOKS), Running() as level, modes.inference_mode(False), modes.enable_grad():
        starts = Starts(level, recording)
        adopt(primals)
        places = tuple(range(len(primals))) if argnums is None else chosen(primals, argnums)
        inputs = mapped(starts.entered, picked(primals, places))
        output, aux = split_aux(func(*replaced(primals, places, inputs)), has_aux, api)
        outputs, structure = taken_apart(output)
        check_outputs(outputs, api)
        for out in outputs:
            if not (out.is_floating_point() or out.is_complex()):
                raise RuntimeError(
                    f"vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype {out.dtype}"
                )
        result = mapped(starts.left, output)
        pull = _Pullback(starts, outputs, structure, inputs)
        return (result, pull, mapped(starts.left, aux)) if has_aux else (result, pull)


def check_outputs(outputs: list[Any], api: str) -> None:
    """Raises RuntimeError where a function returned nothing, or something that is no tensor."""
    if not outputs or (len(outputs) == 1 and outputs[0] is None):
        raise RuntimeError(f"{api}: Expected f to be a function that has non-empty output (got output = {outputs})")
    for out in outputs:
        if not isinstance(out, Tensor):
            raise RuntimeError(f"{api}: expected f(*primals) to return only tensors, got unsupported type {type(out)}")


class _Pullback:
    """What `vjp` returns: cotangents of the outputs to those of the inputs, as often as wanted."""

    def __init__(self, starts: Starts, outputs: list[Tensor], structure: Structure, inputs: Any) -> None:
        self.starts, self.outputs, self.structure, self.inputs = starts, outputs, structure, inputs

    def __call__(self, cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        given, structure = taken_apart(cotangents)
        if structure != self.structure:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: "
                f"{sketch(structure)}, primal output: {sketch(self.structure)}"
            )
        record = modes.is_grad_enabled() if create_graph is None else create_graph
        leaves, structure = taken_apart(self.inputs)
        found = _walked(self.outputs, leaves, given, retain_graph, record)
        self.starts.recording = record
        return put_together(map(self.starts.left, found), structure)
