"""The backward graph: nodes, the values they keep, and where their gradients go."""

from __future__ import annotations

import gc
import itertools
import math
import weakref
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from . import dtypes, modes
from .memory import LARGE, seen_as_view
from .registry import OPS, F
from .rows import adding_rows, sums_along
from .strided import copied, recast, row_major
from .tensor import LEAF, Tensor, counter_of, rare, wanted_of, wrap
from .unstored import Unstored, unstored

sequence = itertools.count(1).__next__

FREED_TWICE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
    "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to "
    "backward through the graph a second time or if you need to access saved tensors after calling backward."
)
LUCK = (
    " Hint: the backtrace further above shows the operation that failed to compute its gradient. The variable in question was changed in "
    "there or anywhere later. Good luck!"
)
HINT = (
    " Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
    "torch.autograd.set_detect_anomaly(True, check_nan=False)."
)


class RemovableHandle:
    """What registering a hook returns; `remove()` may be called more than once, and during the pass itself."""

    _ids = itertools.count().__next__

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self.id = self._ids()
        hooks[self.id] = hook
        self._hooks = weakref.ref(_keep(hooks))

    def remove(self) -> None:
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.remove()


class Hooks(dict):
    """A dict that can be referred to weakly."""

    __slots__ = ("__weakref__",)


def _keep(hooks: Any) -> Hooks:
    return hooks


class Extras:
    """The plan of a node that has more than others: hooks on its outputs and on itself, tensors that retain their gradient, metadata.

    There is one for each such node. `plain` is the plan it would have without; the short ways of that are for walks that have looked
    at the rest.
    """

    __slots__ = ("plain", "tensor_hooks", "retains", "pre", "post", "metadata", "shapes")
    fast = send = on_tensors = send_on_tensors = gather = None

    def __init__(self, plain: Any) -> None:
        self.plain = plain
        self.tensor_hooks: list[tuple[int, Hooks]] = []  # by output number, in the order in which they were registered
        self.retains: dict[int, weakref.ref[Tensor]] = {}
        self.pre, self.post = Hooks(), Hooks()
        self.metadata: dict[str, Any] = {}
        self.shapes: dict[int, Any] = {}  # and dtypes, of the outputs a `GradientEdge` was asked for

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)


class Saved:
    """An output kept for backward: its array, not the tensor, so that node and tensor are no cycle."""

    __slots__ = ("array", "dtype", "nr", "counter", "tangents", "through")

    array: np.ndarray
    dtype: dtypes.dtype
    nr: int
    counter: Any
    tangents: dict[Any, Tensor] | None
    # The view that it was written through, the number of the node the view then got, and what that keeps.
    through: tuple[weakref.ref[Tensor], int, weakref.ref[Told]] | None

    @classmethod
    def of(cls, t: Tensor, nr: int = 0) -> Saved:
        made = cls()
        made.array, made.dtype, made.nr, made.counter, made.tangents = t._array, t._dtype, nr, counter_of(t), None
        made.through = None
        return made


class Told(list):
    """The values that a node keeps, which tell whether it is still there: nobody can refer to itself weakly, as in PyTorch."""

    __slots__ = ("__weakref__", "node_name")
    node_name: str

    def name(self) -> str:
        return self.node_name


class FreedValues(tuple):
    """What `saved` holds once a backward has used it up."""


FREED = FreedValues()


class Node:
    """One recorded call: where its gradients go, and what its rules asked to keep.

    `edges` holds per input a Node, a leaf Tensor (or the AccumulateGrad somebody asked for), a pair (node, output
    number) where that number is not 0, or None. `saved` is flat: value, version, value, version, ... `fits` holds the
    (shape, dtype) each gradient must have, or is None where all are those of the output. A concrete class per op carries
    the op and is named as PyTorch names it.
    """

    __slots__ = ("plan", "seq")  # as in PyTorch, nobody can refer to a node weakly
    op: ClassVar[Any] = None
    enters: ClassVar[bool] = False  # what a transform starts from: to its function a leaf
    reshaped: ClassVar[bool] = False  # whether a result ever got another shape with no record of it
    renumbered: ClassVar[bool] = False  # whether a node ever got another number than that of its turn
    astray: ClassVar[bool] = False  # whether an edge of what requires grad ever led nowhere
    tells_all: ClassVar[bool] = False  # whether its hooks see what it computes though nothing wants it
    outputs: ClassVar[Any] = None  # a node of several results has a slot of this name, with the (shape, dtype) of each

    edges: Any
    saved: Any
    plan: Any
    fits: Any
    seq: int

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {id(self):#x}>"

    def name(self) -> str:
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        self.edges = tuple(accumulator(e) if isinstance(e, Tensor) else e for e in self.edges)
        return tuple(e if type(e) is tuple else (e, 0) for e in self.edges)

    @property
    def extras(self) -> Extras | None:
        return self.plan if type(self.plan) is Extras else None

    @property
    def metadata(self) -> dict[str, Any]:
        return extras(self).metadata

    requires_grad = property(lambda self: True)

    def _sequence_nr(self) -> int:
        return self.seq

    def _set_sequence_nr(self, number: int) -> None:
        self.seq = number
        Node.renumbered = True

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(grad_inputs, grad_outputs)` after the node has run; a returned tuple replaces the gradients."""
        return RemovableHandle(extras(self).post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """`hook(grad_outputs)` before the node runs; a returned tuple replaces them."""
        return RemovableHandle(extras(self).pre, hook)

    def keep_shape(self, t: Tensor) -> None:
        """Remember shape and dtype of the output `t`, which is about to get another."""
        Node.reshaped = True
        extras(self).shapes.setdefault(t.output_nr, (t._array.shape, t._dtype))

    def apply(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        """Gradients for `edges`, in order, from one gradient (or None) per output: arrays, or Tensors when recording."""
        raise NotImplementedError

    def free(self) -> None:
        """Drop what was kept for backward."""

    def __call__(self, *gs: Any) -> Any:
        expected = 1 if self.outputs is None else len(self.outputs)
        if len(gs) != expected:
            raise TypeError(f"expected {expected} arguments, got {len(gs)} instead")
        for i, g in enumerate(gs):
            if g is not None and not isinstance(g, Tensor):
                raise TypeError(f"argument {i} is not a Variable")
        nothing = all(g is None for g in gs) and not getattr(self, "runs_on_nothing", False)
        results = (None,) * len(self.edges) if nothing else tuple(self.apply(list(gs), True))
        return results[0] if len(results) == 1 else results


class Listed(Node):
    """A node with any number of edges."""

    __slots__ = ("edges", "saved", "fits")


class TwoEdges(Node):
    """A node with two edges, which needs no tuple to hold them. Its `fits` are in the plan, which is to be there before they are set."""

    __slots__ = ("first", "second")

    first: Any
    second: Any

    @property
    def edges(self) -> tuple[Any, ...]:  # where nobody is in a hurry
        return self.first, self.second

    @edges.setter
    def edges(self, edges: Sequence[Any]) -> None:
        self.first, self.second = edges

    @property
    def fits(self) -> Any:
        return self.plan.fits

    @fits.setter
    def fits(self, fits: Any) -> None:
        self.plan = self.plan.fitted(fits)


class Pair(TwoEdges):
    """A node with two edges that keeps any number of values."""

    __slots__ = ("saved",)


class CompactPair(TwoEdges):
    """A node with two edges that keeps two values at most, and no list for them: most nodes of most graphs.

    `one` and `other` are the value where its version is 0, else (value, version); once freed, `one` is FREED.
    """

    __slots__ = ("one", "other")

    one: Any
    other: Any

    @property
    def saved(self) -> Any:  # where nobody is in a hurry
        if self.one is FREED:
            return FREED
        held = (self.one, self.other)[: len(self.plan.save)]
        return [x for value in held for x in (value if type(value) is tuple else (value, 0))]

    @saved.setter
    def saved(self, saved: Any) -> None:
        pairs = [(value, version) if version else value for value, version in zip(saved[::2], saved[1::2], strict=True)]
        self.one, self.other = (FREED, None) if saved is FREED else (*pairs, None, None)[:2]


class AccumulateGrad:
    """The end of the walk at a leaf, as a user sees it. The graph itself points at the leaf, until that gets another shape.

    Gradients that arrive have the shape and dtype which the leaf had when this was made.
    """

    __slots__ = ("variable", "pre", "post", "metadata", "shape", "dtype", "__weakref__")
    outgrown: ClassVar[bool] = False  # whether a leaf ever got another shape
    recast: ClassVar[bool] = False  # whether a user ever said of which dtype the gradients of a leaf are to be

    def __init__(self, variable: Tensor) -> None:
        self.variable, self.pre, self.post, self.metadata = variable, Hooks(), Hooks(), {}  # type: ignore[var-annotated]  # anything a user likes
        self.shape, self.dtype = variable._array.shape, variable._dtype

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    next_functions = property(lambda self: ())
    requires_grad = property(lambda self: True)

    @property
    def end(self) -> Tensor | AccumulateGrad:
        """What a walk calls this: the leaf, or the node itself where the leaf has another by now."""
        return self.variable if looked_at(self.variable) is self else self

    def _sequence_nr(self) -> int:
        return 2**64 - 1

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return RemovableHandle(self.post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return RemovableHandle(self.pre, hook)


def extras(node: Node) -> Extras:
    if type(node.plan) is not Extras:
        node.plan = Extras(node.plan)
    made: Extras = node.plan
    return made


def accumulator(leaf: Tensor) -> AccumulateGrad:
    """The leaf's accumulate node: the same object as long as anybody holds it."""
    node = looked_at(leaf)
    if node is None:
        node = AccumulateGrad(leaf)
        rare(leaf).accumulate = weakref.ref(node)
    return node


def looked_at(leaf: Tensor) -> Any:
    """The leaf's accumulate node, None where nobody holds one."""
    slot = leaf._rare
    return slot.accumulate() if slot is not None and slot.accumulate is not None else None


# -- another shape, with no record of it ---------------------------------------------------------------------------------
def keep_ends(t: Tensor, another: bool = False) -> None:
    """Before `t` gets another shape or dtype: gradients of what is recorded go on to what it was, as to PyTorch's nodes.

    With `another` what is recorded from now on leads to another accumulate node.
    """
    if isinstance(made_by(t), Node):
        made_by(t).keep_shape(t)
    elif (t._node is LEAF and not (t._view is not None and t._view.borrowed)) or (t._rare is not None and t._rare.left):
        end = accumulator(t)
        AccumulateGrad.outgrown = True
        for node in _nodes_before(t):
            node.edges = tuple(end if edge is t else edge for edge in node.edges)
        if another:
            rare(t).accumulate = None


def _nodes_before(leaf: Tensor) -> list[Node]:
    """The nodes with an edge to a leaf. It does not know them, so that it keeps none alive.

    They are asked of the garbage collector, which does not look at what was frozen: that is thawed where the leaf is a part of it.
    Else the nodes, which are younger, are none.
    """
    if not any(one is leaf for one in gc.get_referrers(leaf._array)):
        gc.unfreeze()
    lists = [one for one in gc.get_referrers(leaf) if type(one) is tuple]
    found = [one for one in gc.get_referrers(*lists) if isinstance(one, Node)] if lists else []
    return found + [one for one in gc.get_referrers(leaf) if isinstance(one, Node)]


def recorded_as(end: Any, nr: int) -> Any:
    """Shape and dtype that gradients have at output `nr` of a node, or at a leaf, where that is known to the node alone.

    The dtype is None where a leaf takes gradients of any.
    """
    if isinstance(end, Node):
        return None if end.extras is None else end.extras.shapes.get(nr)
    node, leaf = (looked_at(end), end) if isinstance(end, Tensor) else (end, end.variable)
    if chooses(leaf):
        return leaf._array.shape if node is None else node.shape, wanted_of(leaf)
    return None if node is None else (node.shape, node.dtype)


def recorded_at(edge: Any) -> Any:
    """The same of where an edge leads."""
    return recorded_as(end_of(edge), edge[1] if type(edge) is tuple else 0)


def chooses(end: Any) -> bool:
    """True for a leaf, or an accumulate node of one, of which a user has said which dtype its gradients are to be of."""
    leaf = end.variable if type(end) is AccumulateGrad else end
    return isinstance(leaf, Tensor) and leaf._rare is not None and leaf._rare.grad_dtype is not None


def check_differentiable(t: Tensor) -> None:
    """Raises RuntimeError where no graph can lead to a tensor of such a dtype."""
    if not t._dtype.differentiable:
        raise RuntimeError(f"Autograd not support dtype: {t._dtype.scalar_name}")


def check_compatible(g: Any, shape: Sequence[int], what: str) -> None:
    """Raises RuntimeError where a gradient cannot be summed to `shape`; `what` it then is."""
    given = tuple(g.shape)
    if len(shape) > len(given) or any(n not in (1, m) for n, m in zip(reversed(shape), reversed(given), strict=False)):
        raise RuntimeError(f"{what} - got {list(given)} but expected shape compatible with {list(shape)}")


# -- fitting a rule's result to its input ------------------------------------------------------------------------------
def fit(g: Any, shape: tuple[int, ...], dtype: dtypes.dtype) -> Any:
    """Undo broadcasting and casting of a gradient: written once, so no rule has to."""
    return fit_array(g, shape, dtype) if not isinstance(g, Tensor) else _fit_tensor(g, shape, dtype)


def without_imaginary(g: Any, fits: Any, position: int) -> Any:
    """What `fit` does first to the Tensor `g` along the edge at `position`: with this the rule does."""
    loses = isinstance(g, Tensor) and g._dtype.is_complex and fits is not None and not fits[position][1].is_complex
    return F.real(g) if loses else g


def summed_to(g: Any, shape: tuple[int, ...]) -> Any:
    """The same in the dtype that the gradient has: for a rule that undoes broadcasting itself."""
    return _fit_tensor(g, shape, g._dtype) if isinstance(g, Tensor) else fit_array(g, shape, dtypes.OF_NUMPY[g.dtype])


def fit_to(edge: Any, g: Any, shape: tuple[int, ...], dtype: dtypes.dtype) -> Any:
    """The same along an edge: not rounded to the dtype of a leaf that wants its gradients in another."""
    if not chooses(edge):
        return fit(g, shape, dtype)
    if not isinstance(g, Tensor):
        g = np.asarray(g)
    own = g._dtype if isinstance(g, Tensor) else dtypes.OF_NUMPY[g.dtype]
    return fit(g, shape, own.to_real() if own.is_complex and not dtype.is_complex else own)


def fit_at_leaf(g: Any, shape: tuple[int, ...], dtype: dtypes.dtype | None) -> Any:
    """The same for a leaf that wants gradients of `dtype`, or of any: cast as by `to`, which warns where imaginary parts are lost."""
    t = g if isinstance(g, Tensor) else wrap(g, dtypes.OF_NUMPY[g.dtype])
    t = _fit_tensor(t, shape, t._dtype)
    t = t if dtype is None or t._dtype is dtype else F.to(t, dtype)
    return t if isinstance(g, Tensor) else t._array


def fit_array(g: Any, shape: tuple[int, ...], dtype: dtypes.dtype) -> np.ndarray:
    if type(g) is not np.ndarray:
        if type(g) is Unstored and g.shape == shape:
            return unstored(shape, dtype.np)
        g = np.asarray(g)
    if g.dtype.kind == "c" and not dtype.is_complex:
        g = g.real
    if g.shape != shape:
        given = g
        dims, left, plain = _summed(g.shape, shape)
        if plain and g.dtype is dtype.np and g.itemsize > 2:
            add_rows = adding_rows(len(g), g.dtype) if g.ndim == 2 else None
            if add_rows is not None:
                return add_rows(g)
            summed = np.add.reduce(g, dims)
            if summed.dtype is g.dtype and summed.flags.c_contiguous:
                return summed if summed.ndim == 1 else seen_as_view(summed)
        if dims:
            wide = g if g.itemsize > 2 else g.astype(np.float32)  # 16 bits would be rounded after every term
            by_row = wide.size >= LARGE and dims == (wide.ndim - 1,)
            summed = sums_along(wide, dims[0]) if by_row else np.asarray(np.add.reduce(wide, dims))
            if summed.dtype is not g.dtype:
                summed = summed.astype(g.dtype, copy=False)
            usual = summed.shape == left and summed.flags.c_contiguous and 1 not in left
            g = summed if usual else copied(summed.reshape(left), row_major(left))  # no view, with PyTorch's strides for sides of 1, too
            if 1 < len(left) < len(given.shape):  # in one dimension all that is added up lies alike, and what is quickest counts
                g = seen_as_view(g)
        if g.shape != shape:
            if not spreads(g.shape, shape):
                return given
            g = np.broadcast_to(g, shape)
    return g if g.dtype == dtype.np else recast(g, dtype.np)


def spreads(narrow: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    """True where broadcasting makes one shape the other. A gradient of which it does not is for a walk to refuse."""
    return len(narrow) <= len(wide) and all(n in (1, m) for n, m in zip(reversed(narrow), reversed(wide), strict=False))


@lru_cache(4096)
def _summed(wide: tuple[int, ...], narrow: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    """The dimensions that broadcasting is undone in by a sum, the shape of that sum, and whether nothing is left to do after it."""
    lead, dims = broadcast_dims(wide, narrow)
    left = tuple(1 if d in dims else n for d, n in enumerate(wide))[lead:]
    return dims, left, len(dims) == lead > 0 < len(left) and left == narrow and 1 not in left


class Fits(tuple):
    """The `fits` of nodes of a call that is remembered, and what such calls have in common beside."""

    add_rows: Callable[[np.ndarray], np.ndarray] | None  # what `fit_array` does to a gradient of a matrix for a row
    forms: Sequence[Any]  # what `rows` says of the operands


def fits_of_row(fits: Sequence[tuple[tuple[int, ...], dtypes.dtype]], made: tuple[int, ...]) -> Fits | None:
    """The same `fits` for two operands of one dtype with a result of shape `made`; None where these are no matrix and a row of it."""
    (shape, dtype), (row, _) = fits
    add_rows = adding_rows(shape[0], dtype.np) if len(shape) == 2 and shape == made and _summed(shape, row)[2] else None
    if add_rows is None:
        return None
    known = Fits(fits)
    known.add_rows = add_rows
    return known


def _fit_tensor(g: Tensor, shape: tuple[int, ...], dtype: dtypes.dtype) -> Tensor:
    if g._dtype.is_complex and not dtype.is_complex:
        g = F.real(g)
    if g._array.shape != shape:
        given = g
        lead, dims = broadcast_dims(g._array.shape, shape)
        if not shape:
            g = F.sum(g)
        elif dims:
            g = OPS["sum.dim_IntList"].direct(g, dims, True, None)
        if lead and shape and g.numel() == math.prod(shape):
            g = OPS["view"].direct(g, shape)
        if g._array.shape != shape:
            if not spreads(g._array.shape, shape):
                return given
            g = F.expand(g, shape)
    return g if g._dtype is dtype else F.to(g, dtype)


@lru_cache(4096)
def broadcast_dims(wide: tuple[int, ...], narrow: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """How many leading dimensions broadcasting added, and every dimension to sum over."""
    lead = max(len(wide) - len(narrow), 0)
    stretched = (i + lead for i, n in enumerate(narrow) if n == 1 and i + lead < len(wide) and wide[i + lead] != 1)
    return lead, (*range(lead), *stretched)


# -- edges and errors ----------------------------------------------------------------------------------------------------
def end_of(edge: Any) -> Any:
    """The node or leaf an edge leads to."""
    return edge[0] if type(edge) is tuple else edge.end if type(edge) is AccumulateGrad else edge


def made_by(t: Tensor) -> Any:
    """The node that made `t`, whichever of its outputs that is; LEAF, or None. It may be out of date."""
    return t._node[0] if type(t._node) is tuple else t._node


def output_of(node: Any, nr: int) -> Any:
    """What `_node` of this output of a node holds."""
    return (node, nr) if nr else node


def type_name(d: dtypes.dtype) -> str:
    """`torch.FloatTensor`, as PyTorch's messages say it; dtypes younger than those classes have a longer name."""
    return f"CPU{d.scalar_name}Type" if d.is_complex or d in (dtypes.bfloat16, dtypes.bool_) else f"torch.{d.scalar_name}Tensor"


def modified(kind: dtypes.dtype, shape: Sequence[int], made_by: Node | None, nr: int, now: int, then: int) -> RuntimeError:
    """The error of a saved value that was written to since."""
    by = f", which is output {nr} of {short_name(made_by)}," if made_by is not None else ""
    hint = LUCK if modes.current() & modes.ANOMALY else HINT
    return RuntimeError(
        f"one of the variables needed for gradient computation has been modified by an inplace operation: [{type_name(kind)} {list(shape)}]"
        f"{by} is at version {now}; expected version {then} instead.{hint}"
    )


def short_name(node: Any) -> str:
    """A node's name as PyTorch's error messages give it: `Exp` of ExpBackward0, `Pow1` of PowBackward1, `F` of FBackward."""
    name = type(node).name(node)  # a context may have an attribute of that name
    head, mark, tail = name.rpartition("Backward")
    return head + tail.removesuffix("0") if mark and (tail.isdigit() or not tail) else name


def edge_of(t: Tensor) -> Any:
    """Where gradients of `t` flow to, as `Node.edges` holds it. `t`'s node must be up to date."""
    node = t._node
    if node is LEAF:
        view = t._view
        if view is not None and view.borrowed:
            Node.astray = True
            return None
        return looked_at(t) or t
    return node
