"""Views and writes: keeping a view's node up to date, refusing forbidden writes, and rebasing history after a write."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import anomaly, modes, transforms
from .dtypes import CPP_NAMES, OF_NUMPY, dtype
from .forms import steps_usual
from .geometry import address, strides_of
from .graph import (
    FREED,
    FREED_TWICE,
    Listed,
    Node,
    Saved,
    Told,
    check_compatible,
    edge_of,
    end_of,
    extras,
    fit_array,
    made_by,
    sequence,
    short_name,
)
from .overlap import check_no_overlap
from .registry import OPS, F
from .strided import span
from .tensor import LEAF, Apart, Tensor, View, counter_of, rare, wrap

BLOCK = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the "
    "view and the inplace "
    "either both inside the {0} block (if you don't want the inplace to be tracked) or both outside (if you want the "
    "inplace to be tracked)."
)
WHY = {
    "no_grad": BLOCK.format("no_grad"),
    "inference": BLOCK.format("inference_mode"),
    "multi_output": " This view is the output of a function that returns multiple views. Such functions do not allow the output views to "
    "be "
    "modified inplace. You should replace the inplace operation by an out-of-place one.",
    "custom": " This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to "
    "handle view+inplace "
    "would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior "
    "is forbidden. You can fix "
    "this by cloning the output of the custom Function.",
}
INFERENCE_WRITE = (
    "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor before doing "
    "inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
)
NO_ROWS = (
    "vmap: Calling Tensor.as_strided is not supported unless the batch dims being vmapped over are at the front of the tensor (in memory "
    "layout). When they are not at the front of the tensor this operation can be error prone so we actively discourage it; please file us "
    "a bug report and/or try to express the as_strided operation in terms of PyTorch view operations"
)


def node_of(t: Tensor) -> Any:
    """The node that made `t` (LEAF, or None), remade first where `t` is a view whose base was written to since.

    Raises RuntimeError where it cannot be: the view was made in a mode, or by an op, that does not allow for it.
    """
    if t._beside is not None and t._counter is not None and outdated(t):
        refresh(t, t._beside)  # type: ignore[arg-type]  # which is that of a view
    return made_by(t)


def outdated(t: Any) -> bool:
    """True where the node of a view (no inference tensor) does not tell what became of its base since. Something is `_beside` it."""
    view = t._beside
    return view.base is not None and (view.version != t._counter[0] or (view.borrowed if view.base._node is None else t._node is None))


def refresh(t: Tensor, view: View) -> None:
    """Give a view whose buffer was written to the node that its base's history implies."""
    base = view.base
    if not isinstance(made_by(t), Node) and base._node is None:
        if view.borrowed:
            t._node, view.borrowed = None, False
        return  # should the base require grad later, the view is still to be remade
    if not t._dtype.differentiable and base._dtype.differentiable:
        return
    if view.version == t._counter[0]:  # type: ignore[index]  # node_of has looked
        t._node, view.borrowed = LEAF, True
        return
    if view.creation is not None:
        raise RuntimeError(refusal(t, view.creation, "its base or another view of its base has been"))
    before = modes.current()
    if view.replay is not None:
        modes.switch(before & ~modes.INFERENCE | modes.GRAD)
        try:
            fresh = replayed(base, t)
        finally:
            modes.switch(before)
        made: Any = made_by(fresh)
        if fresh._array.shape != t._array.shape and isinstance(made, Node):
            made.keep_shape(fresh)
        renew(t, fresh._node)
    else:  # its node alone: the base may have other memory by now, in which the view has no place
        place = t._array.shape, strides_of(t._array), t.storage_offset()
        if before & ~modes.RECORDING:
            node = OPS["as_strided"].make_node([base, *place], [t], (True,))
        else:
            node = OPS["as_strided"].plain_node(base, *place, t)
        renew(t, node)
    view.version, view.borrowed = t._counter[0], False  # type: ignore[index]  # an inference tensor is no view


def renew(t: Tensor, node: Any) -> None:
    """Let `t` be the output of `node`, or of (node, number), from now on. Hooks stay with the old value; a promise to retain moves."""
    slot = t._rare
    if slot is not None:
        move_retained(t, node)
        slot.hooks = None
    t._node = node


def replayed(base: Any, t: Tensor) -> Any:
    """The view `t` taken again, from a Tensor that stands for its base."""
    replay = t._view.replay  # type: ignore[union-attr]  # called for views
    return F.as_strided(base, t.shape, t.stride(), t.storage_offset()) if replay is None else _again(base, replay)


def _again(base: Any, replay: tuple[Any, ...]) -> Any:
    for op, values in replay:
        base = op.run([base, *values[1:]])
    return base


def make_view(t: Tensor, source: Tensor, op: Any, values: list[Any], creation: str | None) -> None:
    """Mark `t`, just made by the view op `op`, as a view of `source`: shared version count, base, way to remake it."""
    outer = source._view if source._beside is not None else None
    base = source if outer is None else outer.base
    t._counter = counter_of(source if source._counter is None else base)
    if source._counter is None:  # a view of an inference tensor is one too, and no view
        return
    mode = modes.current()
    recorded = mode & modes.RECORDING == modes.GRAD
    if not recorded:
        creation = "inference" if mode & modes.INFERENCE else "no_grad"
    if outer is not None and (creation is None or outer.creation == "inference"):
        creation = outer.creation
    replay = None
    if op.changes_dtype or (outer is not None and outer.replay is not None):
        strided = () if outer is None else ((OPS["as_strided"], [None, source.shape, source.stride(), source.storage_offset()]),)
        head = outer.replay if outer is not None and outer.replay is not None else strided
        again = (op, [None, *values[1:]]) if op.changes_dtype else (OPS["as_strided"], [None, t.shape, t.stride(), t.storage_offset()])
        replay = (*head, again)
    view = View.of(base, creation, t._counter[0], replay)
    t._beside = view = Apart.like(view, outer.whole or source) if type(outer) is Apart else view
    if not recorded and t._dtype.differentiable and base._node is not None:
        t._node, view.borrowed = LEAF, True


def share(t: Tensor, source: Tensor, op: Any, values: list[Any]) -> None:
    """Mark `t`, which lies in the memory of `source` and is no view by its op's signature: its writes are counted apart.

    Its convention: what PyTorch makes several results with are views, which shows where nothing stands above, in inference mode.
    """
    if source._counter is None:
        t._counter = None
    elif op.schema.returns_list and modes.is_inference_mode_enabled():
        make_view(t, source, op, values, None)
        t._counter = [0]


def check_inplace(t: Tensor, recording: bool) -> None:
    """Raises RuntimeError where a recorded write to `t` is refused: to leaves that require grad, and to some views."""
    if not recording:
        return
    view: Any = t._beside
    if view is not None and view.base is not None:
        if view.creation is not None:
            raise RuntimeError(refusal(t, view.creation, "is being"))
        if _starts(view.base) and t.requires_grad:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    # PyTorch's convention: nor a view whose history nobody has asked for since
    if _starts(t) and t.requires_grad:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


def _starts(t: Tensor) -> bool:
    """True for what no node made but that with which a tensor enters a transform."""
    node = made_by(t)
    return not isinstance(node, Node) or node.enters


def refusal(t: Tensor, creation: str, what: str) -> str:
    """Why a view made by `creation` may not be written to; `what` is written."""
    node = made_by(t) if isinstance(made_by(t), Node) else None
    if creation in ("no_grad", "inference") or node is None:
        of = f"Output {t.output_nr} of {short_name(node)} is a view of a view which" if node is not None else "A view"
        where = "inference mode and {} modified inplace in normal mode." if creation == "inference" else None
        text = f"{of} was created in " + (where or "no_grad mode and {} modified inplace with grad mode enabled.").format(what)
    else:
        text = f"Output {t.output_nr} of {short_name(node)} is a view and {what} modified inplace."
    return text + WHY[creation]


def bump(t: Tensor) -> None:
    """Count a write. Raises RuntimeError for an inference tensor in normal mode: as in PyTorch, when it is written."""
    if t._counter is not None:
        counter_of(t)[0] += 1
    elif not modes.is_inference_mode_enabled():
        if t._rare is None or t._rare.writes is None:
            raise RuntimeError(INFERENCE_WRITE)
        t._rare.writes += 1


def check_cast(result: dtype, target: dtype) -> None:
    """Raises RuntimeError where a result of one dtype cannot be stored in one of a lower category."""
    if result.category > target.category:
        raise RuntimeError(f"result type {result.scalar_name} can't be cast to the desired output type {target.scalar_name}")


def keeps_dtype(target: Tensor, result: dtype) -> None:
    """Raises RuntimeError where what is written in place is of any other dtype."""
    if result is not target._dtype:
        names = CPP_NAMES[target._dtype.scalar_name], CPP_NAMES[result.scalar_name]
        raise RuntimeError(f"Bad in-place call: input tensor dtype {names[0]} and output tensor dtype {names[1]} should match")


def rebase(t: Tensor, node: Node) -> None:
    """Give the tensor just written to its new history: `node`, or through a view a CopySlices on the base."""
    view: Any = t._beside
    if view is None or view.base is None:
        renew(t, node)
        return
    base: Tensor = view.base
    mode = modes.current()
    array, whole = t._array, base._array
    of_base = 0 if whole.base is None else base.storage_offset()
    if array.base is whole:
        start = (address(array) - address(whole)) // array.itemsize
    else:  # the base may have other memory by now
        start = t.storage_offset() - of_base
    written = CopySlices()
    written.seq, written.plan, written.freed, written.inner = sequence(), PART_PLAN, False, node
    written.edges = (edge_of(base), node.second) if node.plan.paired else (edge_of(base), *node.edges[1:])  # type: ignore[attr-defined]
    if written.edges[0] is None and all(edge is None for edge in written.edges):  # what refuses may have had no edge but the first
        Node.astray = True
    written.base_array, written.base_dtype, written.part, written.start = whole, base._dtype, array, start
    written.replay = view.replay
    if mode & modes.ANOMALY:
        anomaly.note(written)
    if base._beside is None:
        base._node = written
    else:
        of_leaf = rare(base).hooks if base._node is None else None
        renew(base, written)
        if of_leaf is not None:
            rare(base).hooks = of_leaf  # PyTorch's convention: they, and those of later, stay with the leaf that it was
    if view.passing:
        sequence()  # of the node that nobody will ask for
        return
    if view.replay is None and view.creation is None and t._dtype.differentiable and not mode & ~modes.GRAD:  # as `refresh` does
        remade = OPS["as_strided"].plain_node(base, array.shape, strides_of(array), start + of_base, t)
        renew(t, remade)
        view.version, view.borrowed = t._counter[0], False  # type: ignore[index]  # an inference tensor is no view
    else:
        view.version = -1  # remade from the base below
        refresh(t, view)
    by: Any = made_by(t)
    if node.plan.keeps_results and isinstance(by, Node):
        by.saved = values = Told(by.saved)
        values.node_name = by.name()
        for kept in node.saved[::2]:
            if type(kept) is Saved:
                kept.through = weakref.ref(t), by.seq, weakref.ref(values)


def overwrite(base: Tensor, part: np.ndarray, start: int, op: Any, value: Any, views: int) -> None:
    """Record that `op` wrote a tensor, or a number, to a part of `base`, `start` elements from its first.

    As `rebase` does for a view that nobody else sees; `views` is how many nodes PyTorch numbers for views on the way there.
    """
    edge = edge_of(base)
    for _ in range(1 if edge is None else 1 + views):  # and the node of the write itself
        sequence()
    node = Overwritten()
    node.seq, node.plan, node.freed, node.op_of_write, node.replay = sequence(), OVERWRITTEN_PLAN, False, op, None
    node.edges = (edge, None if value is None else edge_of(value))
    node.base_array, node.base_dtype, node.part, node.start = base._array, base._dtype, part, start
    base._node = node
    sequence()  # of the node that nobody will ask for


def named_source_of(kept: Saved, node: Node) -> Any:
    """What is named as the node that a result kept by `node` is from: that of a view written through, while it lasts."""
    return node if kept.through is None else kept.through[2]() or node


def source_of(kept: Saved, node: Node) -> Node:
    """The node that a result kept by `node` is from: where it was written through a view that of the view, while it lasts."""
    view, number, _ = kept.through or (None, 0, None)
    t = view() if view is not None else None
    one: Any = None if t is None else made_by(t)
    while isinstance(one, Node) and one.seq > number and one.edges:  # the view may have been written through again, or turned
        one = one.edges[0]
        if isinstance(one, CopySlices):
            one = None if one.freed else one.inner.edges[0]  # freed, it has let go of the rest
    return one if isinstance(one, Node) and one.seq == number else node


def restrided(t: Tensor, node: Node) -> None:
    """Give a tensor whose geometry `op` just changed its new history; as a view it stays one, up to date.

    PyTorch's convention: its hooks, those of later, too, and a retained gradient are of the value as it was. A view that strides alone
    do not remake, as that of a complex tensor's parts, is remade in its old geometry.
    """
    t._node = node
    view = t._view
    if view is not None:
        view.version = t._counter[0]  # type: ignore[index]  # an inference tensor is no view


def move_retained(t: Tensor, node: Any) -> None:
    """A retained gradient is that of the latest value: the promise moves to the new node."""
    old = made_by(t)
    if t.retains_grad and isinstance(old, Node) and old.extras is not None:
        ref = old.extras.retains.pop(t.output_nr, None)
        if ref is not None:
            extras(end_of(node)).retains[node[1] if type(node) is tuple else 0] = ref


class NoPlan:
    """The plan of nodes that have one way to run, and perhaps a short one, and what `send` comes to then."""

    fast: Any = None
    send: Any = None
    short: Any = None  # in place of `fast`, for a walk that counts what is written
    on_tensors = gather = None
    paired = compact = False
    keeps_tensors = True  # perhaps, as results
    keeps_results = hands_on = True
    save = rules = texts = ()


NO_PLAN = NoPlan()


class PartPlan(NoPlan):
    """How the walk runs a CopySlices on arrays; it drops what is kept by setting `saved`."""

    hands_on = False  # but a copy

    @staticmethod
    def short(node: CopySlices, g: np.ndarray) -> Sequence[Any]:
        """What `apply` comes to where the base lies in row-major order and the node within has a short way, too."""
        part, whole, inner = node.part, node.base_array, node.inner
        run = None if node.freed else inner.plan.fast
        if node.replay is not None or run is None or not _usual(whole):
            return node.apply([g], False)
        if g.dtype is not part.dtype or g.shape != whole.shape or not part.size or 0 in part.strides:
            return node.apply([g], False)
        whole = g.copy()
        piece = node.piece(whole, whole.dtype, part.strides)
        try:
            first, *rest = run(inner, piece.copy())
        except RuntimeError as error:
            node.rename(error)
            raise
        piece[...] = 0 if first is None else first
        return None if node.edges[0] is None else whole, *rest


class OverwrittenPlan(PartPlan):
    """The same for one of what was written over."""

    @staticmethod
    def short(node: CopySlices, g: np.ndarray) -> Sequence[Any]:
        part = node.part
        if node.freed or g.dtype is not part.dtype or g.shape != node.base_array.shape or not _usual(node.base_array):
            return node.apply([g], False)
        whole = g.copy()
        piece = node.piece(whole, whole.dtype, part.strides)
        first, second = node.edges
        value = None if second is None else piece.copy()
        piece.fill(0)
        return None if first is None else whole, value


PART_PLAN, OVERWRITTEN_PLAN = PartPlan(), OverwrittenPlan()


class CopySlices(Listed):
    """A write through a view, seen from the base: the written part's gradient goes through `inner`."""

    __slots__ = ("inner", "base_array", "base_dtype", "part", "start", "replay", "freed")
    inner: Any
    base_array: np.ndarray
    base_dtype: dtype
    part: np.ndarray
    start: int  # of the part from its base, in elements
    replay: Any
    freed: bool

    @property
    def saved(self) -> Any:
        """Nothing of its own; once freed it has let go of `inner`."""
        return FREED if self.freed else ()

    @saved.setter
    def saved(self, _: Any) -> None:
        self.free()

    def free(self) -> None:
        self.inner, self.freed = None, True

    def apply(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        if self.freed:
            raise RuntimeError(FREED_TWICE)
        if recording:
            from .batching import Batched, laid_out_like, one_by_one

            g = gs[0]
            if type(g) is not Batched:
                return self._on_tensors(g)
            if g._level.cotangents:
                self._refuse_rows()
            whole, *rest = one_by_one(g, self._on_tensors)
            return [None if whole is None else laid_out_like(whole, self.base_array), *rest]
        if self.replay is None or not any(op.family.flips for op, _ in self.replay):
            return self._on_arrays(gs[0])
        results = self._on_tensors(wrap(gs[0], OF_NUMPY[gs[0].dtype]))  # through a conjugate: tensors know how to read and write it
        return [None if r is None else r._array for r in results]

    def _refuse_rows(self) -> None:
        """Raises RuntimeError where arrays laid out as the base, one after the other, would have the larger steps within."""
        shape, steps = self.base_array.shape, strides_of(self.base_array)
        if self.replay is None and span(shape, steps) < max(steps, default=0):
            raise RuntimeError(NO_ROWS)

    def _on_arrays(self, g: np.ndarray) -> Sequence[Any]:
        if _usual(self.base_array):
            whole = g.copy()
        else:
            whole = _same_geometry(self.base_array, g.dtype)
            whole[...] = g
        part, inner = self._part(whole), self.inner
        fast = None if modes.current() & modes.GENERIC else inner.plan.fast
        try:
            first, *rest = inner.apply([part.copy()], False) if fast is None else fast(inner, part.copy())
        except RuntimeError as error:
            self.rename(error)
            raise
        if first is None and inner.op is None:
            return [None, *rest]  # PyTorch's convention: where a Function gives nothing back, all of the base gets nothing
        if part.shape != self.part.shape:
            self._check(rest)
        if first is not None and 0 in part.strides:
            check_no_overlap(part)
        part[...] = 0 if first is None else first
        shape, dtype = self.base_array.shape, self.base_dtype
        if whole.shape != shape or whole.dtype is not dtype.np:
            whole = fit_array(whole, shape, dtype)
        return [whole if self.edges[0] is not None else None, *rest]

    def _part(self, whole: np.ndarray) -> np.ndarray:
        """The slice of `whole` (laid out as the base was) that the view covers."""
        if self.replay is not None:
            for op, values in self.replay:
                whole = op.kernel(whole, *values[1:])
            return whole
        part = self.part
        if not part.size:
            return np.empty(part.shape, whole.dtype)
        size = whole.itemsize
        strides = part.strides if size == part.itemsize else tuple([s * size for s in strides_of(part)])
        return self.piece(whole if whole.base is None else whole.base, whole.dtype, strides)

    def piece(self, flat: np.ndarray, dtype: np.dtype, strides: tuple[int, ...]) -> np.ndarray:
        """The slice of a buffer that the view covers. Raises RuntimeError where the base has become smaller than that."""
        part = self.part
        try:
            if flat.size:  # NumPy takes a buffer of nothing for one of any size
                return np.ndarray(part.shape, dtype, flat, self.start * dtype.itemsize, strides)
        except (TypeError, ValueError):
            pass
        return F.as_strided(flat.reshape(-1).view(dtype), part.shape, strides_of(part), self.start)

    def _on_tensors(self, g: Tensor) -> Sequence[Any]:
        whole = wrap(_same_geometry(self.base_array, g._array.dtype), g._dtype)
        transforms.born([whole])  # so that a transform lets it be written to, wherever its memory lies
        F.copy_(whole, g)
        if self.replay is None:
            part = F.as_strided(whole, self.part.shape, strides_of(self.part), self.start)
        else:
            part = _again(whole, self.replay)
        given, inner = [F.clone(part, memory_format="contiguous_format")], self.inner
        try:
            first, *rest = inner.apply(given, True) if inner.op is None else inner.apply(given, True, uncast=True)  # `copy_` casts
        except RuntimeError as error:
            self.rename(error)
            raise
        if first is None and inner.op is None:
            return [None, *rest]  # as above
        if part._array.shape != self.part.shape:
            self._check(rest)
        if first is None:
            F.zero_(part)
        else:
            F.copy_(part, first)
        return [whole if self.edges[0] is not None else None, *rest]

    def _check(self, rest: Sequence[Any]) -> None:
        """Raises RuntimeError where a gradient does not fit an operand: the view got another shape before it was written through."""
        fits = self.inner.fits or [(self.part.shape, None)] * len(self.edges)
        for i, g in enumerate(rest, 1):
            if g is not None:
                check_compatible(g, fits[i][0], f"Function {self.name()} returned an invalid gradient at index {i}")

    def rename(self, error: RuntimeError) -> None:
        """Have an error that tells of a gradient from within tell of this node: PyTorch checks what leaves it, not what runs within."""
        text, within = str(error), f"Function {self.inner.name()} returned"
        if text.startswith(within):
            error.args = (text.replace(within, f"Function {self.name()} returned", 1),)

    def name(self) -> str:
        return "torch::autograd::CopySlices"


class Overwritten(CopySlices):
    """That of a number, or of elements of the same shape and dtype, written over a part of a base in row-major order."""

    __slots__ = ("op_of_write",)
    op_of_write: Any

    @property
    def inner(self) -> Any:  # made where somebody asks
        """The node of the write, which leads from the view to where the base leads."""
        from .kept import keep

        op, fit, needs = self.op_of_write, (self.part.shape, self.base_dtype), tuple([e is not None for e in self.edges])
        made, plan, like = op.Node(), op.kept_for(needs), wrap(self.part, self.base_dtype)
        values = [like, like, *(a.default for a in op.schema.arguments[2:])]
        made.saved = [x for kind, i, _ in plan.save for x in (keep(op, kind, i, values, [], needs), 0)]
        made.plan, made.edges, made.fits, made.seq = plan, self.edges, (fit, fit), self.seq - 1
        return made

    def free(self) -> None:
        self.freed = True


Overwritten.__name__ = CopySlices.__name__  # as PyTorch prints it


def _same_geometry(like: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """An uninitialised array with the shape and strides of `like`, over a buffer of bytes of its own.

    Raises RuntimeError where two elements of `like` are one place in memory.
    """
    if like.flags.c_contiguous and 1 not in like.shape:  # a side of 1 keeps whatever step it has
        return np.empty(like.shape, dtype)
    steps = strides_of(like)
    flat = np.zeros(span(like.shape, steps) * dtype.itemsize, np.uint8)
    made = np.ndarray(like.shape, dtype, flat, 0, tuple(step * dtype.itemsize for step in steps))
    check_no_overlap(made)  # it is about to be written to
    return made


def _usual(array: np.ndarray) -> bool:
    """True where a copy of `array` lies as it does: in row-major order, sides of 1 too."""
    return array.flags.c_contiguous and (1 not in array.shape or steps_usual(array))


def view_creation(op: Any) -> str | None:
    """Why writing through a result of `op` would be refused."""
    return "multi_output" if op.schema.returns_list else None
