"""What a declaration says, read once: its arguments, its rules, and for each set of inputs that need a gradient what is kept."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from . import schema as schemas
from .alike import specialisable
from .dtypes import ALL, dtype
from .family import Family
from .graph import Node
from .promotion import BY_DTYPE, BY_NUMBER, BY_SHAPE
from .registry import OPS
from .tensor import wrap

TENSOR, TENSORS, OUTPUT, VALUE, SHAPE, DTYPE, NEEDS, GEOMETRY = range(8)
LIMIT = 1024  # shapes of operands for which there is a plan
KINDS_ABOUT = {"shape": SHAPE, "dtype": DTYPE, "geometry": GEOMETRY}  # what `<argument>_<word>` is kept as


@dataclass(frozen=True)
class Rule:
    """One derivative formula: `positions` are the differentiable arguments it answers for."""

    function: Callable[..., Any]
    wants: tuple[str, ...]
    positions: tuple[int, ...]
    names: tuple[str, ...]


class Plan:
    """For one set of arguments that need a gradient: what is kept, which rules run, and on which of the kept values."""

    __slots__ = (
        "needs", "fits", "_fitted", "save", "rules", "keeps_tensors", "keeps_results", "hands_on", "paired", "compact", "fast", "send",
        "on_tensors", "send_on_tensors", "gather", "texts", "program", "twin", "parts",
    )  # fmt: skip

    def __init__(self, op: Declaration, needs: tuple[bool, ...]) -> None:
        run = [r for r in op.rules_in_order if any(needs[p] for p in r.positions)]
        wanted = [w for r in run for w in r.wants if not op.is_gradient(w)]
        kept = [*op.shared, *(w for r in op.rules_in_order for w in r.wants if w in op.schema.outputs)]  # PyTorch keeps results always
        # PyTorch reads them by name, results last: of two that were written to, the first is the one it tells of
        wanted = sorted({*wanted, *kept}, key=lambda w: (w in op.schema.outputs, w))
        self.save = [op.source(w) for w in wanted]
        index = {w: i for i, w in enumerate(wanted)}
        ordered = sorted(run, key=lambda r: r.names)  # as PyTorch runs its formulas: a second derivative adds up in the reverse order
        self.rules = [
            (r.function, [op.gradient_index(w) if op.is_gradient(w) else index[w] for w in r.wants], r.positions) for r in ordered
        ]
        self.keeps_tensors = any(kind in (TENSOR, TENSORS, OUTPUT) for kind, _, _ in self.save)
        self.keeps_results = any(kind == OUTPUT for kind, _, _ in self.save)
        kept_tensors = [kind in (TENSOR, TENSORS, OUTPUT) for kind, _, _ in self.save]
        # a rule may give the gradient itself, or a view of it, as most do not that read tensors
        self.hands_on = any(all(s < 0 or not kept_tensors[s] for s in sources) for _, sources, _ in self.rules)
        self.paired, self.compact = op.paired, op.compact
        self.needs = needs
        self.fits: Any = None  # of nodes that have no place for them
        self._fitted: dict[Any, Plan] = {}
        self.fast: Callable[[Node, Any], Any] | None = None  # the rules compiled, for calls whose operands agree
        self.send: Callable[..., Any] | None = None  # the same, and what they give is sent on: see `engine.straight`
        self.on_tensors: Callable[[Node, Any], Any] | None = None  # the same where the gradient is to be differentiated in turn
        self.send_on_tensors: Callable[..., Any] | None = None  # and sent on then, where there is the former
        self.parts: Mapping[tuple[bool, ...], Plan] = {}  # by which gradients are wanted: with their rules alone
        # of rules that are arithmetic: the arrays they read, the gradients in their names, and the ufuncs they come to
        self.gather: Callable[[Node, Any], Any] | None = None
        self.texts: list[str] = []
        self.program: Any = None
        self.twin: Any = None  # what computes both gradients of two operands that are one, where these are the same

    def fitted(self, fits: Any) -> Plan:
        """The same plan for calls with these `fits`, a tuple or None: one for all of them."""
        if fits is None:
            return self
        plan = self._fitted.get(fits)
        if plan is None:
            if len(self._fitted) >= LIMIT:
                self._fitted.clear()
            plan = self._fitted[fits] = copy(self)
            plan.fits = fits
        return plan


class Declaration:
    """One overload as declared: a signature, a family, and one rule per differentiable argument.

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
        in_turn = sorted(operands, key=lambda i: promotes.index(arguments[i].name))
        turns = dict(zip(operands, in_turn, strict=True))
        self.order = tuple(turns.get(i, i) for i in range(len(arguments)))  # in which PyTorch's kernel gets them, which decides layouts
        self.promotes_list = tuple(i for i, a in enumerate(arguments) if a.type == "Tensor[]") if family.promote else ()
        self.differentiable = tuple(a.name for a in arguments if any(a.name in names.split(", ") for names in rules))
        self.diff = tuple(self.schema.names.index(n) for n in self.differentiable)
        self.rules_in_order = [self._rule(names.split(", "), r) for names, r in rules.items()]
        mentioned = [w for r in self.rules_in_order for w in set(r.wants)]
        joint = {w for r in self.rules_in_order for w in r.wants if len(r.positions) > 1}
        self.shared = sorted({w for w in mentioned if (mentioned.count(w) > 1 or w in joint) and not self.is_gradient(w)})
        wanted = {self.gradient_index(w) for r in self.rules_in_order for w in r.wants if self.is_gradient(w)}
        # results whose gradient no rule reads are no part of the graph
        self.constant_results = frozenset(i for i in range(1, len(self.schema.outputs)) if rules and -1 - i not in wanted)
        self.takes_lists = any("[" in arguments[i].type for i in self.diff)
        self.paired = len(self.diff) == 2 and specialisable(self) == 2  # its nodes hold two edges
        self.compact = self.paired and self._keeps_two()
        self.plans: dict[tuple[bool, ...], Plan] = {}
        self.fast_plans: dict[tuple[tuple[bool, ...], str], Plan] = {}  # those of specialised calls, whose rules are compiled
        self.written: dict[Any, Callable[..., Any]] = {}  # what their rules are compiled to
        self.changes_dtype = family.changes_dtype
        self.casts = self.schema.names.index("dtype") if family.changes_dtype and "dtype" in self.schema.names else None
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

    @cached_property
    def unpromoted(self) -> frozenset[dtype] | None:
        """The dtypes in which operands of one dtype are computed as they are; None where more than dtypes decide."""
        family, arguments = self.family, self.schema.arguments
        tensors = self.promoted and not self.promotes_list and all(arguments[i].is_tensor for i in self.promoted)
        if not tensors or family.promote not in BY_DTYPE:
            return None
        return frozenset(d for d in ALL if not d.low and self._computes_in(d))

    @cached_property
    def unpromoted_beside(self) -> dict[type, frozenset[dtype]] | None:
        """The floating dtypes in which operands of one dtype are computed as they are beside (small) Python numbers of a type."""
        family, arguments = self.family, self.schema.arguments
        of_tensors = [arguments[i].is_tensor for i in self.promoted]
        if self.promotes_list or all(of_tensors) or not any(of_tensors) or family.promote not in BY_DTYPE | BY_NUMBER:
            return None
        return {
            kind: frozenset(d for d in ALL if d.is_floating_point and not d.low and self._computes_in(d, kind)) for kind in (int, float)
        }

    @cached_property
    def unpromoted_lists(self) -> frozenset[dtype]:
        """The dtypes in which a list of tensors of one dtype is computed as it is, where nothing else is promoted."""
        promote = self.family.promote
        if promote not in BY_DTYPE | BY_SHAPE or self.promoted or len(self.promotes_list) != 1:
            return frozenset()
        return frozenset(d for d in ALL if not d.low and promote([wrap(np.zeros(1, d.np), d)] * 2) is d)

    def _computes_in(self, d: dtype, number: type = float) -> bool:
        """True where tensors of this dtype, and numbers of that type, are computed in this dtype."""
        tensor = wrap(np.zeros(1, d.np), d)
        operands = [tensor if self.schema.arguments[i].is_tensor else number(1) for i in self.promoted]
        try:
            return self.family.promote(operands) is d  # type: ignore[misc]  # asked where the family promotes
        except (RuntimeError, NotImplementedError):
            return False

    def _keeps_two(self) -> bool:
        """True where no call keeps more than two values, which are tensors or numbers."""
        wanted = {w for r in self.rules_in_order for w in r.wants if not self.is_gradient(w)}
        numbers = [self.schema.arguments[i].default for kind, i, _ in map(self.source, wanted) if kind == VALUE]
        kinds = {self.source(w)[0] for w in wanted}
        return len(wanted) <= 2 and kinds <= {TENSOR, OUTPUT, VALUE} and not any(isinstance(n, tuple | list) for n in numbers)

    def __repr__(self) -> str:
        return f"<op {self.schema.text}>"

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

    def kept_for(self, needs: tuple[bool, ...]) -> Plan:
        """The plan of a call in which these differentiable arguments need a gradient."""
        if needs not in self.plans:
            self.plans[needs] = Plan(self, needs)
        return self.plans[needs]
