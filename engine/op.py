"""`op()` and `composite()`: from one declaration to a call that promotes, computes, records and can be differentiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from . import batch_rules, batching, dtypes, forward, inplace, journal, lazy, modes, randomness, reading, transforms
from .calls import Overloads
from .declaration import Declaration
from .dtypes import OF_NUMPY, dtype
from .family import Family, plain, pointwise, reduction, restride, view, write
from .graph import CompactPair, Listed, Pair, check_differentiable, output_of
from .inplace import MISFIT
from .lazy import Lazy
from .lean import lean, lean_raw, plain_node
from .lean_inplace import lean_in_place
from .modes import generic
from .node import OpNode, new_node, packed_before
from .operands import array_of, check_broadcast, number_of, refuse_gradient, requires, settle, unwrapped, wrapped
from .promotion import BY_CALL
from .registry import OPS, OVERLOADS, F
from .silence import loud, quiet
from .strided import as_cast, copied, laid_out, recast
from .tensor import Tensor, wrap
from .unstored import cast
from .views import make_view, node_of, share, view_creation
from .within import WITHIN, mark

REGISTRY = OPS
NUMBER = np.zeros(())


class Op(Declaration):
    """One overload as called: `run` makes new tensors or views, `run_inplace` writes, `raw` is for rules on arrays."""

    usually: tuple[str, str] | None = None  # of a composite: the op it comes to with the same arguments, and where it does

    def __init__(self, text: str, family: Family, rules: dict[str, Callable[..., Any]], body: Callable[..., Any] | None = None) -> None:
        super().__init__(text, family, rules, body)
        named = self.node_name.rpartition("::")[2]
        shown = reading.attributes(self)
        held = CompactPair if self.compact else Pair if self.paired else Listed
        self.Node = type(named, (OpNode, held), {"__slots__": (), "op": self, **shown})
        self.NodeOfSeveral = type(named, (OpNode, Listed), {"__slots__": ("outputs",), "op": self, **shown})

    def run(self, values: list[Any]) -> Any:
        """Compute and record. `values` has every argument, in schema order; numbers may stand for tensors."""
        return self.direct(*values)

    @cached_property
    def direct(self) -> Callable[..., Any]:
        """`run` with the arguments in place, as written for this op (`engine.lean`)."""
        return self.body if self.body is not None and self.usually is None else lean(self)

    def run_inplace(self, values: list[Any]) -> Tensor:
        """Compute, write the result into the first argument, and rebase its history."""
        made: Tensor = self.in_place(*values)
        return made

    @cached_property
    def in_place(self) -> Callable[..., Any]:
        """`run_inplace` with the arguments in place, as written for this op (`engine.lean_inplace`)."""
        return lean_in_place(self) if self.body is None else self.family.inplace  # type: ignore[return-value]  # in a composite a body

    def generic(self, values: list[Any]) -> Any:
        """What `run` means, for any call."""
        mode = modes.current()
        if mode & modes.INSIDE and not mode & ~(modes.GRAD | modes.INSIDE) and self.tensors:
            return self._inside(values, mode)
        if mode & modes.BATCHED:
            if self.family.random:
                return randomness.run(self, values)
            level = batching.innermost(values)
            if level is not None:
                return batch_rules.run(self, values, level)
        if self.family.constants and mode & modes.RECORDING == modes.GRAD:
            for name in self.family.constants:
                refuse_gradient(values[self.schema.names.index(name)], name, self.schema.name)
        needs = self.needs(values) if mode & modes.RECORDING == modes.GRAD and self.diff else None
        if needs is not None and self.casts is not None and not (values[self.casts] or values[0]._dtype).differentiable:
            needs = None  # so that nothing is asked of a view either
        if needs is not None and self.schema.is_view and values[0]._counter is None:
            needs = None  # a view of an inference tensor
        if needs is not None:
            self.bring_up_to_date(values)
        if mode & modes.FORWARD and self.diff and forward.tangents(self, values):
            return forward.run(self, values)
        early = packed_before(self, values, needs)
        if self.family.flips or (self.schema.is_view and type(values[0]) is Lazy):
            outs = self._flipped(values)
        else:
            dtype, results = self.compute(values)
            outs = self._wrap(values, results, dtype)
            if mode & modes.INSIDE and self.family.plan != "view":
                transforms.born(outs)
        if self.key in WITHIN:
            mark(self.key, values, outs, mode)
        if mode & modes.INFERENCE and self.family.plan != "view":
            for t in outs:
                t._counter = None
        if mode & modes.JOURNAL:
            journal.note(self, values, outs)
        if needs is not None:
            self.record(values, outs, needs, early)
        if self.schema.returns_list:
            return tuple(outs)
        return outs[0] if len(outs) == 1 and not self.schema.returns.startswith("(") else self.named(outs)

    def _inside(self, values: list[Any], mode: int) -> Any:
        """The same where nothing but a transform runs: as if it did not, and then it is told what was made."""
        modes.switch(mode & ~modes.INSIDE)
        try:
            made = self.direct(*values)
        finally:
            modes.switch(mode)
        if self.family.plan != "view":
            transforms.born([made] if isinstance(made, Tensor) else made)
        return made

    def named(self, outs: list[Tensor]) -> Any:
        """Several results as PyTorch returns them: a named tuple where the signature names them."""
        return self.result_type(*outs)

    @cached_property
    def result_type(self) -> Any:
        """What makes several results one value."""
        from .return_types import made

        return made(self.schema)

    def needs(self, values: list[Any]) -> tuple[bool, ...] | None:
        """Which differentiable arguments require grad; None where none does."""
        flags = tuple(requires(values[i]) for i in self.diff)
        return flags if True in flags else None

    def bring_up_to_date(self, values: list[Any]) -> None:
        """Have views among the differentiable arguments remade where their base was written to since."""
        for i in self.diff:
            v = values[i]
            for t in v if isinstance(v, list | tuple) else (v,):
                if isinstance(t, Tensor) and t._beside is not None:
                    node_of(t)

    def compute(self, values: Sequence[Any]) -> tuple[dtype | None, Any]:
        """(compute dtype or None, the kernel's results as a list of arrays) for Tensors, arrays and numbers."""
        if self.family.first is not None:
            self.family.first(*values)
        arrays = list(values)
        for i, is_list in self.tensors:
            v = arrays[i]
            arrays[i] = [array_of(x) for x in v] if is_list and v is not None else array_of(v)
        if self.family.plan == "pointwise":
            for i, _ in self.tensors:
                if type(values[i]) is lazy.Lazy and 1 in arrays[i].shape:
                    arrays[i] = copied(arrays[i])  # which PyTorch makes first: what it leaves of the steps of such sides shows
        operands = self.iterated(arrays) if self.family.plan == "pointwise" else ()
        token = quiet()
        try:
            dtype = None
            if self.family.promote is not None:
                dtype = self.promote(values, arrays)
                operands = [as_cast(o, dtype.np) if i in self.promoted else o for i, o in enumerate(operands)]
            result = self.kernel(*arrays)
            low = dtype if dtype is not None and dtype.low else None
            if isinstance(result, tuple | list):
                return dtype, [settle(r, low) for r in result]
            settled = settle(result, low)
        except (RuntimeError, ValueError):  # PyTorch looks at shapes first
            if self.broadcasts:
                check_broadcast([a.shape for a in arrays if isinstance(a, np.ndarray)])
            raise
        finally:
            loud(token)
        if self.family.plan != "pointwise" or not settled.ndim:
            return dtype, [settled]
        return dtype, [laid_out(settled, [operands[i] for i in self.order])]

    def iterated(self, arrays: list[Any]) -> list[Any]:
        """The operands whose layout decides that of the result: the arrays, and numbers as PyTorch sees them, without dimensions."""
        made = list(arrays)
        for i in () if self.family.unary else self.promoted:
            if made[i] is not None and not isinstance(made[i], np.ndarray):
                made[i] = NUMBER
        return made

    def promote(self, values: Sequence[Any], arrays: list[Any]) -> dtype:
        """Cast the promoted arguments in `arrays` to the compute dtype; returns the dtype of the result."""
        operands = [values[i] for i in self.promoted if values[i] is not None]
        for i in self.promotes_list:
            operands += values[i]
        rule: Any = self.family.promote
        dtype = (BY_CALL[rule](values) if rule in BY_CALL else rule)(operands)
        wide = dtype.wide
        narrow = wide if self.family.wide_numbers else dtype.np
        for i in self.promoted:
            a = arrays[i]
            if a is None:
                continue
            if not isinstance(a, np.ndarray):
                a = number_of(a, narrow)
            elif a.dtype != dtype.np and (a.ndim or narrow is dtype.np or i == 0):
                a = recast(a, dtype.np) if type(a) is np.ndarray else cast(a, dtype.np)  # in the layout PyTorch's copy has
            arrays[i] = a if a.dtype == wide else recast(a, wide) if type(a) is np.ndarray and 1 in a.shape else cast(a, wide)
        for i in self.promotes_list:
            arrays[i] = [number_of(a, wide) if type(a) is not np.ndarray else a.astype(wide, copy=False) for a in arrays[i]]
        return dtype

    def _wrap(self, values: list[Any], results: list[np.ndarray], dtype: dtype | None) -> list[Tensor]:
        outs = [wrap(r, OF_NUMPY[r.dtype]) for r in results]
        if self.schema.is_view:
            creation = view_creation(self)
            for t in outs:
                make_view(t, values[0], self, values, creation)
        elif self.family.plan == "view":
            for t in outs:
                share(t, values[0], self, values)
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

    def record(self, values: list[Any], outs: list[Tensor], needs: tuple[bool, ...], early: dict[int, Any] | None = None) -> None:
        live = [(i, t) for i, t in enumerate(outs) if t._dtype.differentiable and i not in self.constant_results]
        if not live:
            if outs and not self.changes_dtype and not self.family.underived:
                check_differentiable(outs[0])
            return
        if not self.family.complex_gradient and outs[0]._dtype.is_complex:
            raise RuntimeError(f"{self.schema.name} does not support automatic differentiation for outputs with complex dtype.")
        node = self.make_node(values, outs, needs, early)
        for i, t in live:
            t._node = output_of(node, i)

    plain_node = cached_property(plain_node)

    # -- what lives in files of its own -----------------------------------------------------------------------------
    make_node = new_node
    generic_in_place = inplace.run
    write_into = inplace.write_into

    def raw(self, values: list[Any]) -> Any:
        """The kernel on arrays, as a rule calls it in an ordinary backward."""
        return self.on_arrays(*values)

    @cached_property
    def on_arrays(self) -> Callable[..., Any]:
        """`raw` with the arguments in place, as written for this op."""
        return lean_raw(self)

    def generic_raw(self, values: Sequence[Any]) -> Any:
        """The kernel on arrays, as a rule calls it in an ordinary backward: promoted like a call, nothing recorded."""
        if self.body is not None:
            return unwrapped(self.body(*map(wrapped, values)))
        _, results = self.compute(values)
        return results[0] if len(results) == 1 and not self.schema.returns_list else results


# -- declaring ---------------------------------------------------------------------------------------------------------
def op(text: str, family: Family, rules: dict[str, Callable[..., Any]] | None = None, **more: Callable[..., Any]) -> Op:
    """Declare one overload and attach every form of it.

    `rules` holds joint rules under names such as "self, other"; a keyword is the rule of that argument.
    Raises TypeError where a rule is for, or asks for, something the signature has not.
    """
    return _declare(Op(text, family, {**(rules or {}), **more}))


def composite(text: str, usually: tuple[str, str] | None = None, **words: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an op as plain code on Tensors; it gets its gradient from the ops it calls. Arguments come in schema order.

    `usually` names the op that the body does nothing but call, with the same arguments, and tells where: a call goes straight there.
    """

    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        made = Op(text, replace(Family("composite", body), **words), {}, body)
        made.usually = usually
        _declare(made)
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
    "MISFIT",
    "OPS",
    "Op",
    "REGISTRY",
    "alias",
    "check_broadcast",
    "composite",
    "dtypes",
    "generic",
    "op",
    "plain",
    "pointwise",
    "reduction",
    "refuse_gradient",
    "restride",
    "view",
    "write",
]
