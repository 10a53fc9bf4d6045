"""`op()` and `composite()`: from one declaration to a call that promotes, computes, records and can be differentiated."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import dtypes, forward, lazy, modes, saved
from . import schema as schemas
from .calls import Overloads
from .dtypes import OF_NUMPY, dtype
from .graph import FREED, FREED_TWICE, Node, Saved, edge_of, fit_array, modified, sequence
from .graph import fit as fit_any
from .lazy import Lazy
from .promotion import Promote, common
from .registry import OPS, OVERLOADS, F
from .saved import Packed, SavedTensor
from .silence import loud, quiet
from .strided import laid_out
from .tensor import LEAF, Tensor, store, wrap, wrap_number
from .views import (
    NO_PLAN,
    PARTIAL_OVERLAP,
    bump,
    check_cast,
    check_inplace,
    check_no_overlap,
    check_no_partial_overlap,
    make_view,
    node_of,
    overlaps,
    rebase,
    restrided,
    view_creation,
)

REGISTRY = OPS
INFERENCE_SAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd. "
    "To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead of "
    "`torch.inference_mode()`."
)

DETACHED = "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_().This is not supported, please use out-of-place `.detach()` instead"
RECORDING = modes.GRAD | modes.INFERENCE  # inference mode records nothing, whatever enable_grad says inside
NUMBER = np.zeros(())
MISFIT = "output with shape {} doesn't match the broadcast shape {}"


# -- families: what a whole class of ops shares --------------------------------------------------------------------------
@dataclass(frozen=True)
class Family:
    """What a declaration starts from. `plan` says what shapes go together, to whoever draws cases.

    `promotes` names the arguments that take part in promotion (None: every Tensor argument); `function` and `method`
    say which forms exist, `operator` the Python operator ("mul" for `*`), `jvp` the rule of forward mode. In a composite
    `inplace` is the body of its in-place form; elsewhere it may be a function that looks at the arguments of that form first. `wide_numbers`: in 16-bit arithmetic a number is not rounded to 16 bits first.
    `out` may say what dtype the target must have, as a word or a text of `engine.out`; in a composite it may name the op whose form it is. `inplace_function`: the in-place form is a function, too.
    `overlaps`: a write may go to a tensor whose elements share memory. `flips`: the view reads as the "conj" or the "neg" of its source. `constants` names arguments that may not require grad.
    `into`: the kernel for the in-place form, which writes to the array it gets first. `complex_gradient`: False where a complex result may not require grad.
    `moves`: its rules only move elements of the gradient, so that one of 16 bits stays what it is.
    `apart`: what is written to in place may share no memory with another argument.
    `first` looks at the arguments before anything else does. `unary`: numbers among the operands have no part in the layout of the result.
    `scatters`: its first rule writes to zeros in place, so that PyTorch's gradient has version 1.
    `underived`: PyTorch records the call and has no formula: the rules say which arguments could require grad, and raise.
    """

    plan: str
    kernel: Callable[..., Any]
    promote: Promote | None = None
    promotes: tuple[str, ...] | None = None
    out: Any = False
    inplace: bool | Callable[..., Any] = False
    inplace_function: bool = True
    method: bool = True
    function: bool = True
    operator: str = ""
    node: str = ""
    changes_dtype: bool = False
    wide_numbers: bool = False
    overlaps: bool = False
    flips: str = ""
    constants: tuple[str, ...] = ()
    into: Callable[..., Any] | None = None
    complex_gradient: bool = True
    underived: bool = False
    first: Callable[..., None] | None = None
    unary: bool = False
    apart: bool = False
    scatters: bool = False
    moves: bool = False
    jvp: str | Callable[..., Any] | None = "transpose"


def pointwise(kernel: Callable[..., Any], promote: Promote | None = common, **words: Any) -> Family:
    """Elementwise with broadcasting; has in-place and `out=` forms."""
    return Family("pointwise", kernel, promote, **{"out": True, "inplace": True, "jvp": "pointwise", **words})


def reduction(kernel: Callable[..., Any], promote: Promote | None = None, **words: Any) -> Family:
    """Fewer elements out than in; has an `out=` form."""
    return Family("reduction", kernel, promote, **{"out": True, **words})


def view(kernel: Callable[..., Any], **words: Any) -> Family:
    """The result shares memory, version and history of writes with its first argument."""
    return Family("view", kernel, **{"jvp": "linear", **words})


def write(kernel: Callable[..., Any], **words: Any) -> Family:
    """Exists only in place: the kernel returns what the first argument is to hold."""
    return Family("write", kernel, **words)


def restride(kernel: Callable[..., Any], **words: Any) -> Family:
    """Exists only in place: the first argument becomes the view of its memory that the kernel returns."""
    return Family("restride", kernel, **{"jvp": "linear", "function": False, **words})


def plain(kernel: Callable[..., Any], promote: Promote | None = None, **words: Any) -> Family:
    """Nothing in common with others."""
    return Family("plain", kernel, promote, **words)


# -- what is saved and what runs, for one combination of inputs that need a gradient ---------------------------------------
class Plan:
    """For one set of arguments that need a gradient: what is kept, which rules run, and on which of the kept values."""

    __slots__ = ("save", "rules", "keeps_tensors", "fast")

    def __init__(self, op: Op, needs: tuple[bool, ...]) -> None:
        run = [r for r in op.rules_in_order if any(needs[p] for p in r.positions)]
        wanted = list(dict.fromkeys(w for r in run for w in r.wants if not op.is_gradient(w)))
        kept = [*op.shared, *(w for r in op.rules_in_order for w in r.wants if w in op.schema.outputs)]  # PyTorch keeps results always
        wanted += [w for w in dict.fromkeys(kept) if w not in wanted]
        self.save = [op.source(w) for w in wanted]
        index = {w: i for i, w in enumerate(wanted)}
        self.rules = [(r.function, [op.gradient_index(w) if op.is_gradient(w) else index[w] for w in r.wants], r.positions) for r in run]
        self.keeps_tensors = any(kind in (TENSOR, TENSORS, OUTPUT) for kind, _, _ in self.save)
        self.fast: Callable[[Node, Any], Any] | None = None  # the rules compiled, for calls whose operands agree


TENSOR, TENSORS, OUTPUT, VALUE, SHAPE, DTYPE, NEEDS, GEOMETRY = range(8)


KINDS_ABOUT = {"shape": SHAPE, "dtype": DTYPE, "geometry": GEOMETRY}  # what `<argument>_<word>` is kept as


@dataclass(frozen=True)
class Rule:
    """One derivative formula: `positions` are the differentiable arguments it answers for."""

    function: Callable[..., Any]
    wants: tuple[str, ...]
    positions: tuple[int, ...]
    names: tuple[str, ...]


class Op:
    """One overload: a signature, a kernel on arrays, and one rule per differentiable argument.

    What a rule names is what is saved: `g` or `g_<output>`, `result` or an output's name, an argument,
    `<argument>_shape`, `<argument>_dtype`, `<argument>_geometry` (shape, strides, offset), `needs`.
    """

    def __init__(self, text: str, family: Family, rules: dict[str, Callable[..., Any]], body: Callable[..., Any] | None = None) -> None:
        self.schema = schemas.parse(text)
        self.key, self.family, self.kernel, self.body = self.schema.key, family, family.kernel, body
        self.rules = rules
        arguments = self.schema.arguments
        self.tensors = tuple((i, a.type.startswith("Tensor") and "[" in a.type) for i, a in enumerate(arguments) if a.is_tensor)
        promotes = family.promotes or tuple(a.name for a in arguments if a.type == "Tensor")
        operands = [i for i, a in enumerate(arguments) if (a.is_tensor or a.type.startswith("Scalar")) and a.name in promotes]
        self.promoted = tuple(operands) if family.promote else ()
        self.promotes_list = tuple(i for i, a in enumerate(arguments) if a.type == "Tensor[]") if family.promote else ()
        self.differentiable = tuple(a.name for a in arguments if any(a.name in names.split(", ") for names in rules))
        self.diff = tuple(self.schema.names.index(n) for n in self.differentiable)
        self.rules_in_order = [self._rule(names.split(", "), r) for names, r in rules.items()]
        mentioned = [w for r in self.rules_in_order for w in set(r.wants)]
        self.shared = sorted({w for w in mentioned if mentioned.count(w) > 1 and not self.is_gradient(w)})
        self.takes_lists = any("[" in arguments[i].type for i in self.diff)
        self.plans: dict[tuple[bool, ...], Plan] = {}
        self.fast_plans: dict[tuple[bool, ...], Plan] = {}  # those of specialised calls, whose rules are compiled
        self.changes_dtype = family.changes_dtype
        self.broadcasts = family.plan == "pointwise" or (family.plan == "write" and family.promote is not None)
        read = ("src", "values") if family.plan == "write" and not self.broadcasts else ()  # a `value` is read before anything is written
        self.copied = tuple(i for i, a in enumerate(arguments) if a.name in read)
        self.writes = self.schema.is_inplace and body is None
        # rules that only move elements compute nothing that could need more than 16 bits, and may share the memory of their gradient
        self.moves = (
            family.plan in ("view", "restride")
            or (family.plan == "plain" and family.promote is None and family.jvp == "linear")
            or family.moves
        )
        self.node_name = self._node_name()
        named = self.node_name.rpartition("::")[2]
        self.Node = type(named, (OpNode,), {"__slots__": (), "op": self})
        self.NodeOfSeveral = type(named, (OpNode,), {"__slots__": ("outputs",), "op": self})

    def __repr__(self) -> str:
        return f"<op {self.schema.text}>"

    # -- reading the declaration -----------------------------------------------------------------------------------
    def _rule(self, names: list[str], function: Callable[..., Any]) -> Rule:
        known = self.schema.names
        for name in names:
            if name not in known:
                raise TypeError(f"{self.key}: a rule for '{name}', which is not one of its arguments {list(known)}")
        wants = tuple(inspect.signature(function).parameters)
        allowed = {"g", "needs", *self.schema.outputs, *(f"g_{o}" for o in self.schema.outputs), *known}
        allowed |= {f"{n}_{what}" for n in known for what in KINDS_ABOUT}
        for want in wants:
            if want not in allowed:
                raise TypeError(f"{self.key}: the rule for '{', '.join(names)}' asks for '{want}'; it may ask for {sorted(allowed)}")
        return Rule(function, wants, tuple(self.differentiable.index(n) for n in names), tuple(names))

    def _node_name(self) -> str:
        if self.family.node:
            return self.family.node
        earlier = sum(1 for o in OPS.values() if o.schema.name == self.schema.name and o.rules)
        return "".join(p.title() for p in self.schema.name.split("_")) + f"Backward{earlier}"

    def is_gradient(self, want: str) -> bool:
        return want == "g" or (want.startswith("g_") and want[2:] in self.schema.outputs)

    def gradient_index(self, want: str) -> int:
        """Negative: -1 for the first output's gradient, -2 for the second's, ..."""
        return -1 if want == "g" else -1 - self.schema.outputs.index(want[2:])

    def source(self, want: str) -> tuple[int, int, bool]:
        """Where a wanted value comes from: (kind, index, whether it was promoted)."""
        names = self.schema.names
        if want in names:
            i = names.index(want)
            kind = self.schema.arguments[i]
            return (TENSORS if "[" in kind.type else TENSOR) if kind.is_tensor else VALUE, i, i in self.promoted or i in self.promotes_list
        if want == "needs":
            return NEEDS, 0, False
        if want in self.schema.outputs:
            return OUTPUT, self.schema.outputs.index(want), False
        name, _, what = want.rpartition("_")
        return KINDS_ABOUT[what], names.index(name), False

    # -- the call -----------------------------------------------------------------------------------------------------
    def run(self, values: list[Any]) -> Any:
        """Compute and record. `values` has every argument, in schema order; numbers may stand for tensors."""
        if self.body is not None:
            return self.body(*values)
        mode = modes.current()
        if self.family.constants and mode & RECORDING == modes.GRAD:
            for name in self.family.constants:
                refuse_gradient(values[self.schema.names.index(name)], name, self.schema.name)
        needs = self.needs(values) if mode & RECORDING == modes.GRAD and self.diff else None
        if needs is not None:
            self.bring_up_to_date(values)
        if mode & modes.FORWARD and self.diff and forward.tangents(self, values):
            return forward.run(self, values)
        if self.family.flips or (self.schema.is_view and type(values[0]) is Lazy):
            outs = self._flipped(values)
        else:
            dtype, results = self.compute(values)
            outs = self._wrap(values, results, dtype)
        if mode & modes.INFERENCE and not self.schema.is_view:
            for t in outs:
                t._counter = None
        if needs is not None:
            self._record(values, outs, needs)
        if self.schema.returns_list:
            return tuple(outs)
        return outs[0] if len(outs) == 1 and not self.schema.returns.startswith("(") else self.named(outs)

    def named(self, outs: list[Tensor]) -> Any:
        """Several results as PyTorch returns them: a named tuple where the signature names them."""
        return self.result_type(*outs)

    @property
    def result_type(self) -> Any:
        from .return_types import made

        return made(self.schema)

    def needs(self, values: list[Any]) -> tuple[bool, ...] | None:
        """Which differentiable arguments require grad; None where none does."""
        flags = tuple(_requires(values[i]) for i in self.diff)
        return flags if True in flags else None

    def bring_up_to_date(self, values: list[Any]) -> None:
        """Have views among the differentiable arguments remade where their base was written to since."""
        for i in self.diff:
            v = values[i]
            for t in v if isinstance(v, list | tuple) else (v,):
                if isinstance(t, Tensor) and t._view is not None:
                    node_of(t)

    def compute(self, values: Sequence[Any]) -> tuple[dtype | None, Any]:
        """(compute dtype or None, the kernel's results as a list of arrays) for Tensors, arrays and numbers."""
        if self.family.first is not None:
            self.family.first(*values)
        arrays = list(values)
        for i, is_list in self.tensors:
            v = arrays[i]
            arrays[i] = [_array(x) for x in v] if is_list and v is not None else _array(v)
        operands = self.iterated(arrays) if self.family.plan == "pointwise" else ()
        token = quiet()
        try:
            dtype = self.promote(values, arrays) if self.family.promote is not None else None
            result = self.kernel(*arrays)
        except (RuntimeError, ValueError):  # PyTorch looks at shapes first
            if self.broadcasts:
                check_broadcast([a.shape for a in arrays if isinstance(a, np.ndarray)])
            raise
        finally:
            loud(token)
        low = dtype if dtype is not None and dtype.low else None
        if isinstance(result, tuple | list):
            return dtype, [_settle(r, low) for r in result]
        settled = _settle(result, low)
        return dtype, [laid_out(settled, operands) if self.family.plan == "pointwise" and settled.ndim else settled]

    def iterated(self, arrays: list[Any]) -> list[Any]:
        """The operands whose layout decides that of the result: the arrays, and numbers as PyTorch sees them, without dimensions."""
        made = list(arrays)
        for i in () if self.family.unary else self.promoted:
            if made[i] is not None and type(made[i]) is not np.ndarray:
                made[i] = NUMBER
        return made

    def promote(self, values: Sequence[Any], arrays: list[Any]) -> dtype:
        """Cast the promoted arguments in `arrays` to the compute dtype; returns the dtype of the result."""
        operands = [values[i] for i in self.promoted if values[i] is not None]
        for i in self.promotes_list:
            operands += values[i]
        dtype = self.family.promote(operands)  # type: ignore[misc]
        wide = dtype.wide
        narrow = wide if self.family.wide_numbers else dtype.np
        for i in self.promoted:
            a = arrays[i]
            if a is None:
                continue
            if type(a) is not np.ndarray:
                a = _number(a, narrow)
            elif a.dtype != dtype.np and (a.ndim or narrow is dtype.np):
                a = a.astype(dtype.np)
            arrays[i] = a if a.dtype == wide else a.astype(wide)
        for i in self.promotes_list:
            arrays[i] = [_number(a, wide) if type(a) is not np.ndarray else a.astype(wide, copy=False) for a in arrays[i]]
        return dtype

    def _wrap(self, values: list[Any], results: list[np.ndarray], dtype: dtype | None) -> list[Tensor]:
        outs = [wrap(r, OF_NUMPY[r.dtype]) for r in results]
        if self.schema.is_view:
            creation = view_creation(self)
            for t in outs:
                make_view(t, values[0], self, values, creation)
        return outs

    def _flipped(self, values: list[Any]) -> list[Tensor]:
        """A view of a tensor that does not read as its memory holds, or one that flips how it reads."""
        stored, flips = lazy.parts(values[0])
        if self.family.flips:
            results, flips = [stored[...]], flips ^ {self.family.flips}
        else:
            results = self.compute([stored, *values[1:]])[1]
        outs = [lazy.over(r, OF_NUMPY[r.dtype], flips) for r in results]
        for t in outs:
            make_view(t, values[0], self, values, view_creation(self))
        return outs

    # -- recording ------------------------------------------------------------------------------------------------------
    def _record(self, values: list[Any], outs: list[Tensor], needs: tuple[bool, ...]) -> None:
        live = [(i, t) for i, t in enumerate(outs) if t._dtype.differentiable]
        if not live:
            if outs and not self.changes_dtype:
                raise RuntimeError(f"Autograd not support dtype: {outs[0]._dtype.scalar_name}")
            return
        if not self.family.complex_gradient and outs[0]._dtype.is_complex:
            raise RuntimeError(f"{self.schema.name} does not support automatic differentiation for outputs with complex dtype.")
        node = self.make_node(values, outs, needs)
        for i, t in live:
            t._node, t._nr = node, i

    def make_node(self, values: list[Any], outs: list[Tensor], needs: tuple[bool, ...]) -> Any:
        """The node of this call; `outs` are read for what rules want of them."""
        if self.family.underived:
            return Underived(self, values, outs, needs)
        plan = self._plan(needs)
        live = [t for t in outs if t._dtype.differentiable]  # indices come after the values, and are no outputs of the node
        several = len(live) > 1 or self.schema.returns_list
        node = self.NodeOfSeveral() if several else self.Node()
        if several:
            node.outputs = [(t._array.shape, t._dtype) for t in live]
        node.plan, node.extras = plan, None
        edges, fits = [], []
        for need, i in zip(needs, self.diff, strict=True):
            v = values[i]
            for t in v if isinstance(v, list | tuple) else (v,):
                is_tensor = isinstance(t, Tensor)
                edges.append(edge_of(t) if need and is_tensor else None)
                fits.append((t._array.shape, t._dtype) if is_tensor else None)
        node.edges, node.fits = tuple(edges), fits
        kept: list[Any] = []
        hooked = bool(modes.current() & modes.SAVED_HOOKS)
        for kind, i, _ in plan.save:
            if hooked and kind == OUTPUT:
                value = saved.packed(_as_made_by(node, outs[i], i), i)
            else:
                value = self._keep(kind, i, values, outs, needs)
                value = saved.packed(value) if hooked and kind in (TENSOR, TENSORS) else value
            kept += (value, _version(value))
        node.saved = kept
        node.seq = sequence()
        return node

    def _keep(self, kind: int, i: int, values: list[Any], outs: list[Tensor], needs: tuple[bool, ...]) -> Any:
        if kind == OUTPUT:
            t = outs[i]
            kept = Saved(t)
            kept.nr = i
            return kept
        v = values[i]
        if kind in (TENSOR, TENSORS):
            for t in v if kind == TENSORS else (v,):
                if isinstance(t, Tensor) and t._counter is None:
                    raise RuntimeError(INFERENCE_SAVED)
            return list(v) if kind == TENSORS else v
        if kind == SHAPE:
            return [_shape(t) for t in v] if isinstance(v, list | tuple) else _shape(v)
        if kind == GEOMETRY:
            return v._array.shape, v.stride(), v.storage_offset()
        if kind == DTYPE:
            return [t._dtype for t in v] if isinstance(v, list | tuple) else v._dtype
        return {n for n, need in zip(self.differentiable, needs, strict=True) if need} if kind == NEEDS else v

    # -- in place and out= ----------------------------------------------------------------------------------------------
    def run_inplace(self, values: list[Any]) -> Tensor:
        """Compute, write the result into the first argument, and rebase its history."""
        if self.body is not None:
            return self.family.inplace(*values)  # type: ignore[operator]  # the body of a composite's in-place form
        into: Tensor = values[0]
        mode = modes.current()
        needs = (
            self.needs(values)
            if mode & RECORDING == modes.GRAD and self.diff and (into._dtype.differentiable or self.family.into)
            else None
        )
        check_inplace(into, needs is not None)
        if needs is not None:
            self.bring_up_to_date(values)
        if mode & modes.FORWARD and self.diff and forward.tangents(self, values):
            return forward.run_inplace(self, values, needs)
        return self.write_into(into, values, needs)

    def write_into(self, into: Tensor, values: list[Any], needs: tuple[bool, ...] | None) -> Tensor:
        if self.family.first is not None:
            self.family.first(*values)
        if callable(self.family.inplace):
            self.family.inplace(*values)
        if self.broadcasts:
            check_no_overlap(into._array)
        if self.family.into is not None and type(into) is not Lazy:
            return self._written(into, values, needs)
        try:
            _, [result] = self.compute(values)
        except RuntimeError as error:  # PyTorch looks at the target before it looks for a kernel
            self.check_target(into, values, isinstance(error, NotImplementedError))
            raise
        if self.family.plan == "restride":
            return self._become(into, result, values, needs)
        if not self.family.overlaps or type(into) is Lazy:
            check_no_overlap(into._array)
        if self.broadcasts or self.copied:
            check_no_partial_overlap(into, [values[i] for i in self.copied] or values[1:])
        if self.family.apart and any(isinstance(v, Tensor) and overlaps(into._array, v._array) for v in values[1:]):
            raise RuntimeError(PARTIAL_OVERLAP)
        if result.shape != into._array.shape:
            if self.family.plan != "write" or not _expands(result.shape, into._array.shape):
                raise RuntimeError(MISFIT.format(list(into._array.shape), list(result.shape)))
        check_cast(OF_NUMPY[result.dtype], into._dtype)
        if needs is not None and any(kind == TENSOR and i == 0 for kind, i, _ in self._plan(needs).save):
            values = [_copy_of(into), *values[1:]]
        store(into, result)
        return self._after_write(into, values, needs)

    def _written(self, into: Tensor, values: list[Any], needs: tuple[bool, ...] | None) -> Tensor:
        """Have the family's own kernel write to the memory of `into`."""
        if needs is not None and any(kind == TENSOR and i == 0 for kind, i, _ in self._plan(needs).save):
            values = [_copy_of(into), *values[1:]]
        arrays = [[_array(x) for x in v] if isinstance(v, list | tuple) else _array(v) for v in values[1:]]
        token = quiet()
        try:
            self.family.into(into._array, *arrays)  # type: ignore[misc]
        finally:
            loud(token)
        return self._after_write(into, values, needs)

    def _after_write(self, into: Tensor, values: list[Any], needs: tuple[bool, ...] | None) -> Tensor:
        bump(into)
        if needs is not None:
            node = self.make_node(values, [into], needs)
            self._saved_before(node, into)
            rebase(into, node)
        return into

    def _saved_before(self, node: OpNode, into: Tensor) -> None:
        """What is kept of the memory just written to was meant as it was before, so it is stale at once."""
        for k, (kind, _, _) in enumerate(node.plan.save):
            kept = node.saved[2 * k]
            if kind == TENSOR and isinstance(kept, Tensor) and kept._counter is into._counter:
                node.saved[2 * k + 1] -= 1

    def _become(self, into: Tensor, result: np.ndarray, values: list[Any], needs: tuple[bool, ...] | None) -> Tensor:
        """Give the tensor another geometry; its history goes on from its own, not through its base."""
        node = self.make_node(values, [into], needs) if needs is not None else None
        into._array = result
        bump(into)
        if node is not None:
            restrided(into, node, self, values)
        return into

    def check_target(self, into: Tensor, values: list[Any], dtype_too: bool) -> None:
        """Raises RuntimeError where a broadcast result would not fit `into`, or not its dtype."""
        if not self.broadcasts:
            return
        shapes = [v._array.shape for v in values if isinstance(v, Tensor)]
        check_broadcast(shapes)
        shape = np.broadcast_shapes(*shapes)
        if shape != into._array.shape:
            raise RuntimeError(MISFIT.format(list(into._array.shape), list(shape)))
        if dtype_too and self.family.plan == "pointwise" and self.promoted:
            check_cast(common([values[i] for i in self.promoted if values[i] is not None]), into._dtype)

    def _plan(self, needs: tuple[bool, ...]) -> Plan:
        if needs not in self.plans:
            self.plans[needs] = Plan(self, needs)
        return self.plans[needs]

    # -- on arrays ------------------------------------------------------------------------------------------------------
    def raw(self, values: Sequence[Any]) -> Any:
        """The kernel on arrays, as a rule calls it in an ordinary backward: promoted like a call, nothing recorded."""
        if self.body is not None:
            return _unwrapped(self.body(*map(_wrapped, values)))
        _, results = self.compute(values)
        return results[0] if len(results) == 1 and not self.schema.returns_list else results


class OpNode(Node):
    """The node of a declared op."""

    __slots__ = ()

    def name(self) -> str:
        return self.op.node_name

    def free(self) -> None:
        if self.plan.keeps_tensors:
            self.saved = FREED

    def __getattr__(self, name: str) -> Any:
        """`_saved_<name>`: what was kept for backward, by the name the rule asked with."""
        if name.startswith("_raw_saved_"):
            return raw_saved_value(self, name[11:])
        if not name.startswith("_saved_"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return saved_value(self, name[7:])

    def force_edges(self, values: list[Any]) -> None:
        """Give every differentiable input an edge, so that `apply` computes its gradient whoever wants it."""
        flat = [t for i in self.op.diff for t in (values[i] if isinstance(values[i], list | tuple) else [values[i]])]
        self.edges = tuple(t if isinstance(t, Tensor) else None for t in flat)

    def apply_rule(self, g: Any, position: int) -> Any:
        """The gradient of one argument, on Tensors, with nothing fitted."""
        saved = self._unpack(True, [g])
        for function, sources, positions in self.plan.rules:
            if position in positions:
                result = function(*[g if s < 0 else saved[s] for s in sources])
                return result if len(positions) == 1 else result[positions.index(position)]
        return None

    def apply(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        if self.outputs is not None:
            gs = self._materialised(gs, recording)
        saved = self._unpack(recording, gs)
        parts: list[Any] = [None] * len(self.op.diff)
        if self.op.schema.returns_list:
            gs = [gs]
        given = gs
        if not recording and not self.op.moves:
            gs = [_widened(g) for g in gs]
        for function, sources, positions in self.plan.rules:
            result = function(*[gs[-1 - s] if s < 0 else saved[s] for s in sources])
            if len(positions) == 1:
                parts[positions[0]] = result
            else:
                for p, r in zip(positions, result, strict=True):
                    parts[p] = r
        if gs[0] is not given[0]:  # a rule that hands its gradient on does not round it
            parts = [given[0] if p is gs[0] else p for p in parts]
        return self._fitted(parts, gs[0])

    def _fitted(self, parts: list[Any], g: Any) -> list[Any]:
        """One gradient per edge, each of its input's shape and dtype."""
        if len(parts) != len(self.edges):
            flat: list[Any] = []
            for i, p in zip(self.op.diff, parts, strict=True):
                flat += (
                    (p if p is not None else [None] * (len(self.edges) - len(parts) + 1))
                    if "[" in self.op.schema.arguments[i].type
                    else [p]
                )
            parts = flat
        elif len(parts) == 1 and isinstance(parts[0], list | tuple):
            parts = list(parts[0])
        fits = self.fits
        if fits is None:  # a specialised call whose operands were all as its result
            fits = [(g.shape, g._dtype if isinstance(g, Tensor) else OF_NUMPY[g.dtype])] * len(parts)
        lists = self.op.takes_lists  # of a list PyTorch computes every gradient or none
        return [
            None if p is None or (e is None and not lists) else fit_any(p, *f) if isinstance(p, Tensor) else fit_array(p, *f)
            for p, e, f in zip(parts, self.edges, fits, strict=True)
        ]

    def _materialised(self, gs: list[Any], recording: bool) -> list[Any]:
        zeros = [np.zeros(shape, d.np) if g is None else g for g, (shape, d) in zip(gs, self.outputs, strict=True)]
        return [wrap(z, OF_NUMPY[z.dtype]) if recording and type(z) is np.ndarray else z for z in zeros]

    def _unpack(self, recording: bool, gs: Sequence[Any]) -> list[Any]:
        if self.saved is FREED:
            raise RuntimeError(FREED_TWICE)
        values = []
        for value, version, (kind, _, promoted) in zip(self.saved[::2], self.saved[1::2], self.plan.save, strict=True):
            if kind > OUTPUT:
                values.append(value)
                continue
            _check_version(value, version, self)
            if recording:
                values.append(self._as_tensor(value))
            elif kind == TENSORS:
                values.append([_cast_like(_array(value_of(t, self)), gs[0], promoted) for t in value])
            else:
                value = value_of(value, self)
                values.append(_cast_like(value.array if type(value) is Saved else _array(value), gs[0], promoted))
        return values

    def use_generic_plan(self) -> None:
        """From now on run as a node whose saved values may be packed."""
        for needs, plan in self.op.fast_plans.items():
            if plan is self.plan:
                self.plan = self.op._plan(needs)

    def _as_tensor(self, value: Any) -> Any:
        if type(value) is Packed:
            return value.tensor(self)
        if type(value) is list:
            return [self._as_tensor(v) for v in value]
        if type(value) is not Saved:
            return wrap_number(value) if isinstance(value, int | float | complex) else value
        t = wrap(value.array, value.dtype)
        t._counter = value.counter
        if value.dtype.differentiable:
            t._node, t._nr = self, value.nr
        if value.tangent is not None:
            forward.carry(t, value.tangent)
        return t


class Underived(Node):
    """The node of a call PyTorch records without a derivative formula: it has edges to what requires grad, and refuses to run."""

    __slots__ = ("refuse",)
    plan: Any = NO_PLAN

    def __init__(self, op: Op, values: list[Any], outs: list[Tensor], needs: tuple[bool, ...]) -> None:
        self.edges = tuple(edge_of(values[i]) for i, need in zip(op.diff, needs, strict=True) if need)
        self.saved, self.extras, self.fits, self.seq = (), None, None, sequence()
        self.refuse = op.schema.name + "_" * (outs[0] is values[0] and not op.schema.is_inplace)

    def name(self) -> str:
        return "torch::autograd::NotImplemented"

    def apply(self, gs: list[Any], recording: bool) -> Sequence[Any]:
        raise RuntimeError(f"derivative for aten::{self.refuse} is not implemented")


def value_of(value: Any, node: OpNode) -> Any:
    return value.tensor(node) if type(value) is Packed else value


def _wanted(node: OpNode, name: str) -> tuple[int, int, bool] | None:
    """Where the value a rule of `node` calls `name` comes from; None where no rule asks for it."""
    op = node.op
    known = any(name in r.wants for r in op.rules_in_order) and not op.is_gradient(name)
    return op.source(name) if known else None


def raw_saved_value(node: OpNode, name: str) -> Any:
    """What `node` kept under `name`, as an object to give hooks to; a tuple of those for a list of tensors."""
    source = _wanted(node, name)
    if source is None or source[0] > OUTPUT:
        raise AttributeError(f"'{type(node).__name__}' object has no attribute '_raw_saved_{name}'")
    if source not in node.plan.save:
        return SavedTensor(node, None, None, None)
    kind, i, _ = source
    at = 2 * node.plan.save.index(source)
    if kind == TENSORS and node.saved is not FREED:
        return tuple(SavedTensor(node, at, k, None) for k in range(len(node.saved[at])))
    return SavedTensor(node, at, None, i if kind == OUTPUT else None)


Underived.__name__ = "NotImplemented"  # as PyTorch prints it


def saved_value(node: OpNode, name: str) -> Any:
    """What `node` kept under `name`, None where this call had no need to.

    Raises AttributeError where no rule asks for such a thing, RuntimeError once it is freed, or was written to.
    """
    for ending in ("_sym_sizes", "_sym_numel"):
        if name.endswith(ending):
            shape = saved_value(node, name.removesuffix(ending) + "_shape")
            return shape if ending == "_sym_sizes" else math.prod(shape)
    source = _wanted(node, name)
    if source is None:
        raise AttributeError(f"'{type(node).__name__}' object has no attribute '_saved_{name}'")
    if source not in node.plan.save:
        return None
    if node.saved is FREED:
        raise RuntimeError(FREED_TWICE)
    at = 2 * node.plan.save.index(source)
    if source[0] > OUTPUT:
        return node.saved[at]
    _check_version(node.saved[at], node.saved[at + 1], node, reading=True)
    return node._as_tensor(node.saved[at])


def _requires(v: Any) -> bool:
    if isinstance(v, Tensor):
        return v.requires_grad
    return isinstance(v, list | tuple) and any(isinstance(t, Tensor) and t.requires_grad for t in v)


def refuse_gradient(v: Any, argument: str, function: str) -> None:
    """Raises RuntimeError where an argument without a derivative formula requires grad."""
    if _requires(v):
        raise RuntimeError(
            f"The function '{function}' is not differentiable with respect to argument '{argument}'. "
            "This input cannot have requires_grad True."
        )


def _array(v: Any) -> Any:
    return v._array if isinstance(v, Tensor) else v


def _shape(v: Any) -> tuple[int, ...]:
    return v._array.shape if isinstance(v, Tensor) else ()


def _number(value: Any, wide: np.dtype) -> np.ndarray:
    """A Python number as an array of the compute dtype; integers wrap as PyTorch's casts do."""
    if isinstance(value, int) and not isinstance(value, bool) and wide.kind in "iu":
        return np.asarray(value).astype(wide)
    if isinstance(value, complex) and wide.kind != "c":
        value = value.real
    return np.asarray(value, wide)


def _settle(result: Any, low: dtype | None) -> np.ndarray:
    """A kernel's result as an array; a float32 one of a 16-bit call is rounded, once."""
    if type(result) is not np.ndarray:
        result = np.asarray(result)
    if low is not None and result.dtype == np.float32:
        return result.astype(low.np)
    return result


def _widened(g: Any) -> Any:
    """A 16-bit gradient in float32, in which rules compute; lists by element."""
    if isinstance(g, list):
        return [_widened(x) for x in g]
    if g is None or g.dtype.itemsize != 2 or not OF_NUMPY[g.dtype].low:
        return g
    return g.astype(np.float32)


def _cast_like(a: Any, g: Any, promoted: bool) -> Any:
    """A kept array as the rule should see it: 16-bit floats widened, promoted operands in the precision of `g`."""
    if type(a) is not np.ndarray:
        if not promoted or a is None:
            return a
        a = np.asarray(a)
    wide = OF_NUMPY[a.dtype].wide
    if promoted and g is not None:
        target = OF_NUMPY[g.dtype]
        if a.dtype.kind == "c":
            wide = target.to_complex().np
        elif a.dtype.kind != "b" or g.dtype != a.dtype:
            wide = target.to_real().wide
    return a if a.dtype == wide else a.astype(wide)


def _version(value: Any) -> Any:
    if type(value) is Saved:
        return value.counter[0] if value.counter is not None else 0
    if isinstance(value, Tensor):
        return value._counter[0]  # type: ignore[index]  # an inference tensor was refused
    return [_version(v) for v in value] if isinstance(value, list) else 0


def _check_version(value: Any, then: Any, node: OpNode, reading: bool = False) -> None:
    if type(value) is Saved:
        if value.counter is not None and value.counter[0] != then:
            by = node if value.dtype.differentiable else None
            raise modified(value.dtype, value.array.shape, by, value.nr, value.counter[0], then)
    elif isinstance(value, Tensor):
        now = value._counter[0]  # type: ignore[index]
        if now != then:
            by = node_of(value)
            raise modified(value._dtype, value._array.shape, None if by is LEAF else by, value._nr, now, then)
        if not reading and (value._node is None or value._node is LEAF):
            check_attached(value, node)
    elif isinstance(value, list):
        for t, v in zip(value, then, strict=True):
            _check_version(t, v, node, reading)


def check_attached(t: Tensor, node: OpNode) -> None:
    """Raises RuntimeError where a kept tensor was part of the graph when `node` was recorded and is no longer."""
    for (_, i, _), value in zip(node.plan.save, node.saved[::2], strict=True):
        if value is t and i in node.op.diff and len(node.edges) == len(node.op.diff):
            edge = node.edges[node.op.diff.index(i)]
            if isinstance(edge, Node | tuple):
                raise RuntimeError(DETACHED)


def _as_made_by(node: OpNode, t: Tensor, nr: int) -> Tensor:
    """A result as hooks see it: with its node, which it is about to get."""
    made = t._alias()
    made._counter = t._counter
    if t._dtype.differentiable:
        made._node, made._nr = node, nr
    return made


def _copy_of(t: Tensor) -> Tensor:
    """The tensor as it is before a write: same place in the graph, its own memory."""
    made = wrap(t._array.copy(order="K"), t._dtype)
    made._node, made._nr = t._node, t._nr
    return made


def check_broadcast(shapes: Sequence[tuple[int, ...]]) -> None:
    """Raises RuntimeError for the first shape that does not broadcast with those before it, at the last dimension that does not."""
    seen: tuple[int, ...] = ()
    for shape in shapes:
        rank = max(len(seen), len(shape))
        for dim in range(1, min(len(seen), len(shape)) + 1):
            a, b = seen[-dim], shape[-dim]
            if a != b and 1 not in (a, b):
                raise RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {rank - dim}"
                )
        seen = np.broadcast_shapes(seen, shape)


def _expands(narrow: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    return len(narrow) <= len(wide) and all(n in (1, w) for n, w in zip(narrow[::-1], wide[::-1], strict=False))


def _wrapped(v: Any) -> Any:
    if isinstance(v, np.ndarray | np.generic):
        return wrap(np.asarray(v), OF_NUMPY[v.dtype])
    return [_wrapped(x) for x in v] if isinstance(v, list) else v


def _unwrapped(v: Any) -> Any:
    return v._array if isinstance(v, Tensor) else [_unwrapped(x) for x in v] if isinstance(v, list | tuple) else v


# -- declaring ---------------------------------------------------------------------------------------------------------
def op(text: str, family: Family, rules: dict[str, Callable[..., Any]] | None = None, **more: Callable[..., Any]) -> Op:
    """Declare one overload and attach every form of it.

    `rules` holds joint rules under names such as "self, other"; a keyword is the rule of that argument.
    Raises TypeError where a rule is for, or asks for, something the signature has not.
    """
    return _declare(Op(text, family, {**(rules or {}), **more}))


def composite(text: str, **words: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an op as plain code on Tensors; it gets its gradient from the ops it calls. Arguments come in schema order."""

    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        _declare(Op(text, replace(Family("composite", body), **words), {}, body))
        return body

    return declare


def alias(new: str, old: str) -> None:
    """Give every declared overload of `old` a second public name: the same ops, so the same nodes and the same words."""
    second = OVERLOADS.setdefault(new, Overloads(new))
    for made in OVERLOADS[old].ops:
        second.add(made)


def _declare(made: Op) -> Op:
    if made.key in OPS:
        raise TypeError(f"{made.key} is declared twice")
    OPS[made.key] = made
    path = made.schema.key.removesuffix(f".{made.schema.overload}") if made.schema.overload else made.schema.key
    if path not in OVERLOADS:
        OVERLOADS[path] = Overloads(path)
    OVERLOADS[path].add(made)
    return made


__all__ = [
    "F",
    "Family",
    "OPS",
    "Op",
    "REGISTRY",
    "alias",
    "composite",
    "dtypes",
    "op",
    "plain",
    "pointwise",
    "reduction",
    "restride",
    "view",
    "write",
]
