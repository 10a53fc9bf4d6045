"""Builders for one argument, looked up most specific first: the spec's domain, (plan, type, name), (type, name), type."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from engine.schema import REQUIRED, Argument

from . import values
from .case import DIFFERENTIABLE, NUMPY, OMITTED, Case, Named, TensorValue, row_major
from .source import Source
from .spec import Declaration
from .spoil import spoil

LIMIT = 120  # elements of one tensor
SIDES = (1, 2, 3, 0, 4, 5)
_SIDES = np.array([SIDES[b % 6] if b < 6 else (1, 2, 3, 2, 3, 4, 2, 1, 3, 0, 2, 3, 5, 2, 1, 4)[b % 16] for b in range(256)]).tolist()
_RANKS = np.array([b if b < 6 else (0, 1, 2, 3, 1, 2, 3, 2, 4, 1, 2, 3, 2, 1, 5, 2)[b % 16] for b in range(256)]).tolist()
DTYPES = ("float32", "float64", "int64", "complex64", "bool", "float16", "bfloat16", "int32", "complex128", "uint8", "int8", "int16")
_ANY = [*DTYPES, *("float32",) * 12, *("float64",) * 8]
_DIFFERENTIABLE = ["float32", "float64", "complex64", "float16", "bfloat16", "complex128", *("float32",) * 8, *("float64",) * 6]
_FLOATING = [d for d in _DIFFERENTIABLE if not d.startswith("complex")]

Kind = Callable[[Source, "Draft"], Any]


class Draft:
    """A case while it is drawn: the op, what a property wants, and the arguments so far."""

    def __init__(self, op: Declaration, src: Source, draws: frozenset[str]):
        self.op, self.draws = op, draws
        self.args: dict[str, Any] = {}
        self.argument: Argument = None  # type: ignore[assignment]  # set before a kind is called
        self.mode = values.MODES[src.u8()]
        self.dtype = self.draw_dtype(src)
        self.mixed = "mixed" in draws or (op.plan == "pointwise" and src.u8() > 215)
        self._sides: dict[str, int] = {}
        self._full: tuple[int, ...] | None = None

    @property
    def plan(self) -> str:
        return self.op.plan

    def draw_dtype(self, src: Source) -> str:
        pool = _DIFFERENTIABLE if "differentiable" in self.draws else _ANY
        return pool[src.u8() % len(pool)]

    def full(self, src: Source) -> tuple[int, ...]:
        """The shape the broadcast operands of this case have together."""
        if self._full is None:
            self._full = draw_shape(src)
        return self._full

    def side(self, src: Source, name: str) -> int:
        """The length all dimensions called `name` share in this case; `*` is never asked here."""
        if name not in self._sides:
            self._sides[name] = _SIDES[src.u8()]
        return self._sides[name]

    def batch(self, src: Source) -> tuple[int, ...]:
        """Leading dimensions shared by the tensors of this case."""
        return self.full(src)[:2]

    def first(self) -> TensorValue | None:
        """The first tensor drawn."""
        for value in self.args.values():
            if isinstance(value, TensorValue):
                return value
            if isinstance(value, list) and value and isinstance(value[0], TensorValue):
                return value[0]
        return None

    def tensor(self, name: str) -> TensorValue:
        return self.args[name]

    def int(self, name: str, default: int = 0) -> int:
        value = self.args.get(name, default)
        return value if isinstance(value, int) else default


def build(op: Declaration, src: Source, draws: frozenset[str] = frozenset()) -> Case:
    """Draw one case of `op`. `draws` are a property's wishes: differentiable, mixed, spoiled."""
    draft = Draft(op, src, draws)
    for argument in op.schema.arguments:
        draft.argument = argument
        draft.args[argument.name] = _draw(src, draft, argument)
    spoiled = spoil(src, draft.args, op.schema) if "spoiled" in draws else ""
    return Case(op.key, draft.args, src.bytes(20), spoiled)


def _draw(src: Source, draft: Draft, argument: Argument) -> Any:
    domain = draft.op.spec.domains.get(argument.name)
    if getattr(domain, "always", False):
        return domain(src, draft)
    if argument.default is not REQUIRED and src.u8() < 100:
        return OMITTED
    if domain is not None:
        return domain(src, draft) if callable(domain) else domain
    if argument.optional and src.u8() < 60:
        return None
    return kind_for(draft.plan, argument)(src, draft)


def kind_for(plan: str, argument: Argument) -> Kind:
    """The builder of an argument without a domain. Raises LookupError where none is known."""
    kind = re.sub(r"\[\d*\]", "[]", argument.type).replace("?", "")
    for key in ((plan, kind, argument.name), (kind, argument.name), kind):
        if key in KINDS:
            return KINDS[key]
    raise LookupError(f"no kind for {argument.type} {argument.name}: give it a domain in the spec")


# -- shapes and layouts ------------------------------------------------------------------------------------------------
def draw_shape(src: Source, least: int = 0, most: int = 5) -> tuple[int, ...]:
    """A shape of `least` to `most` dimensions and not many elements."""
    rank = _RANKS[src.u8()]
    shape, size = [], 1
    for _ in range(min(max(rank, least), most)):
        side = _SIDES[src.u8()]
        side = side if size * side <= LIMIT else 1
        size *= max(side, 1)
        shape.append(side)
    return tuple(shape)


def broadcastable(src: Source, draft: Draft) -> tuple[int, ...]:
    """A shape that broadcasts to the case's full shape: some sides 1, some leading dimensions missing."""
    full = draft.full(src)
    if not full:
        return full
    how = src.u8()
    if how < 120:
        return full
    drop = src.u8() % (len(full) + 1) if how >= 190 else 0
    mask = src.u8() if how < 230 else 0
    return tuple(1 if mask >> i & 1 else n for i, n in enumerate(full))[drop:]


def like_first(src: Source, draft: Draft) -> tuple[int, ...]:
    """The shape of the first tensor; for the first one itself any shape."""
    first = draft.first()
    return first.shape if first is not None else draft.full(src)


def draw_layout(src: Source, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int, int]:
    """Strides, offset and buffer size for `shape`: contiguous, transposed, sliced, padded, offset or expanded."""
    choice, rank = src.u8(), len(shape)
    strides, offset = row_major(shape), 0
    if choice >= 140 and 0 not in shape:
        how = (choice - 140) % 7
        if how == 0:
            strides = row_major(shape[::-1])[::-1]
        elif how == 1 and rank > 1:
            swapped = row_major((*shape[:-2], shape[-1], shape[-2]))
            strides = (*swapped[:-2], swapped[-1], swapped[-2])
        elif how == 2:
            strides = tuple(2 * s for s in strides)
        elif how == 3 and rank > 1:
            strides = tuple(row_major((*shape[:-1], shape[-1] + 1)))
        elif how == 4:
            offset = 1 + src.u8() % 3
        elif how == 5 and rank:
            dim = src.u8() % rank
            strides = (*row_major(shape[:dim] + (1,) + shape[dim + 1 :])[:dim], 0, *strides[dim + 1 :])
        elif how == 6:
            strides, offset = row_major(shape[::-1])[::-1], 2
    if 0 in shape:
        return strides, 0, 0
    return strides, offset, offset + 1 + sum((n - 1) * s for n, s in zip(shape, strides))


# -- tensors ---------------------------------------------------------------------------------------------------------------
def tensor(
    shape: Callable[[Source, Draft], tuple[int, ...]] | None = None,
    dtype: Callable[[Source, Draft], str] | str | None = None,
    values_in: values.Transform | None = None,
    dense: bool = False,
) -> Kind:
    """A kind of tensor. `shape` and `dtype` may look at the draft, `values_in` maps every value into a domain."""

    def draw(src: Source, draft: Draft) -> TensorValue:
        sides = shape(src, draft) if shape else _default_shape(src, draft)
        name = dtype if isinstance(dtype, str) else dtype(src, draft) if dtype else _default_dtype(src, draft)
        strides, offset, count = (row_major(sides), 0, prod(sides)) if dense else draw_layout(src, sides)
        table = values.table(draft.mode, name, values_in)
        root = table[np.frombuffer(src.bytes(count), np.uint8)]
        return TensorValue(name, root, sides, strides, offset, _flag(src, draft, name))

    return draw


def _flag(src: Source, draft: Draft, dtype: str) -> bool:
    return dtype in DIFFERENTIABLE and src.u8() >= (30 if "differentiable" in draft.draws else 128)


def _default_shape(src: Source, draft: Draft) -> tuple[int, ...]:
    return broadcastable(src, draft) if draft.plan in ("pointwise", "write") else like_first(src, draft)


def _default_dtype(src: Source, draft: Draft) -> str:
    return draft.draw_dtype(src) if draft.mixed else draft.dtype


def any_tensor(src: Source, draft: Draft) -> TensorValue:
    """Any tensor that fits the plan; now and then the very tensor drawn before."""
    first = draft.first()
    if first is not None and src.u8() > 246:
        name = next(n for n, v in draft.args.items() if v is first or isinstance(v, list))
        if draft.args[name] is first:
            return TensorValue(first.dtype, first.root, first.shape, first.strides, first.offset, first.requires_grad, name)
    return _any(src, draft)


_any = tensor()


def tensor_or_number(src: Source, draft: Draft) -> Any:
    """An operand of a pointwise op: now and then a Python number, never for the first."""
    if draft.first() is not None and src.u8() > 235:
        return number(src, draft)
    return any_tensor(src, draft)


def shaped(*sides: str, **more: Any) -> Kind:
    """A tensor whose sides are named: equal names are equal lengths; `*` stands for shared leading dimensions.

    `spec("mm", self=shaped("n", "k"), mat2=shaped("k", "m"))`.
    """

    def shape(src: Source, draft: Draft) -> tuple[int, ...]:
        made: list[int] = []
        for name in sides:
            made += draft.batch(src) if name == "*" else [draft.side(src, name)]
        return tuple(made)

    return tensor(shape, **more)


def ranked(least: int, most: int = 5, **more: Any) -> Kind:
    """A tensor of `least` to `most` dimensions."""
    return tensor(lambda src, draft: draw_shape(src, least, most), **more)


def like(name: str, **more: Any) -> Kind:
    """A tensor with the shape of argument `name`."""
    return tensor(lambda src, draft: draft.tensor(name).shape, **more)


def tensors(least: int = 1, most: int = 3, of: Kind | None = None) -> Kind:
    """A list of `least` to `most` tensors, all of one shape unless `of` says otherwise."""

    def draw(src: Source, draft: Draft) -> list[Any]:
        made: list[Any] = []
        for _ in range(least + src.u8() % (most - least + 1)):
            draft.args[draft.argument.name] = made
            made.append((of or _any)(src, draft))
        return made

    return draw


def joinable(dim: str = "dim") -> Kind:
    """A list of tensors alike but for one dimension, which is remembered as `joined`: for `cat` and its kin (draw `dim` with `joined_dim`)."""

    def draw(src: Source, draft: Draft) -> list[Any]:
        shape = draw_shape(src, 1, 4)
        at = src.u8() % len(shape)
        draft._sides["joined"], draft._sides["joined rank"] = at, len(shape)
        kind = tensor(lambda s, d: (*shape[:at], _SIDES[s.u8()] if s.u8() > 90 else shape[at], *shape[at + 1 :]))
        return [kind(src, draft) for _ in range(1 + src.u8() % 3)]

    return draw


def joined_dim(src: Source, draft: Draft) -> int:
    """The dimension in which the tensors of `joinable` differ, counted from either end."""
    at = draft._sides["joined"]
    return at - draft._sides["joined rank"] if src.u8() > 160 else at


joined_dim.always = True  # type: ignore[attr-defined]


def always(kind: Kind) -> Kind:
    """The same kind, drawn even where the argument could be left out."""

    def draw(src: Source, draft: Draft) -> Any:
        return kind(src, draft)

    draw.always = True  # type: ignore[attr-defined]
    return draw


def distinct(src: Source, draft: Draft) -> TensorValue:
    """A tensor without ties (nor NaN)."""
    made = _any(src, draft)
    order = np.argsort(np.argsort(np.frombuffer(src.bytes(made.root.size), np.uint8), kind="stable"))
    low = 0 if made.dtype in ("uint8", "bool") else order.size // 3
    root = (order - low).astype(NUMPY[made.dtype])
    return TensorValue(made.dtype, root if made.dtype not in DIFFERENTIABLE else root * root.dtype.type(0.75), made.shape, made.strides, made.offset, made.requires_grad)


positive = tensor(values_in=values.positive)
nonnegative = tensor(values_in=values.nonnegative)
nonzero = tensor(values_in=values.nonzero)
finite = tensor(values_in=values.finite)
small = tensor(values_in=values.small)
unit_interval = tensor(values_in=values.unit_interval)
signed_unit_interval = tensor(values_in=values.signed_unit_interval)
above_one = tensor(values_in=values.above_one)
mask = tensor(dtype="bool")


def floating(src: Source, draft: Draft) -> str:
    """A floating dtype, for `tensor(dtype=floating)`: the case's own where it is one."""
    return draft.dtype if draft.dtype in _FLOATING else _FLOATING[src.u8() % len(_FLOATING)]


def inexact(src: Source, draft: Draft) -> str:
    """A floating or complex dtype, the case's own where it is one."""
    return draft.dtype if draft.dtype in DIFFERENTIABLE else _DIFFERENTIABLE[src.u8() % len(_DIFFERENTIABLE)]


def first_dtype(src: Source, draft: Draft) -> str:
    """The dtype of the first tensor."""
    first = draft.first()
    return first.dtype if first else draft.dtype


def integer_values(low: int, high: int, shape: Callable[[Source, Draft], tuple[int, ...]] | None = None, dtype: str = "int64") -> Kind:
    """An integer tensor with values in `low <= v < high`."""

    def draw(src: Source, draft: Draft) -> TensorValue:
        sides = shape(src, draft) if shape else like_first(src, draft)
        strides, offset, count = draw_layout(src, sides)
        root = low + np.frombuffer(src.bytes(count), np.uint8).astype(NUMPY[dtype]) % max(high - low, 1)
        return TensorValue(dtype, root, sides, strides, offset)

    return draw


def integer_index(of: str = "self", dim: str | int = "dim", shape: str = "like") -> Kind:
    """Valid positions along `dim` of argument `of`: shaped like it but for that dimension (`like`), or a `vector`."""

    def draw(src: Source, draft: Draft) -> TensorValue:
        source = draft.tensor(of)
        at = (dim if isinstance(dim, int) else draft.int(dim)) % max(source.ndim, 1)
        length = source.shape[at] if source.ndim else 1

        def sides(s: Source, d: Draft) -> tuple[int, ...]:
            if shape == "vector":
                return (_SIDES[s.u8()] if length else 0,)
            if not source.ndim:
                return ()
            mine = _SIDES[s.u8()] if length else 0
            shrink = s.u8()
            return tuple(mine if i == at else max(n - (shrink >> i & 1), min(n, 1)) for i, n in enumerate(source.shape))

        return integer_values(0, length, sides)(src, draft)

    return draw


# -- numbers, dimensions, sizes and the rest -----------------------------------------------------------------------------------
def number(src: Source, draft: Draft) -> Any:
    """A Python number."""
    return values.NUMBERS[src.u8() % len(values.NUMBERS)]


def real_number(src: Source, draft: Draft) -> float:
    return values.REALS[src.u8() % len(values.REALS)]


def one_of(*choices: Any) -> Kind:
    """One of these values, the first the simplest."""
    return lambda src, draft: choices[src.u8() % len(choices)]


def between(low: int, high: int) -> Kind:
    """An integer in `low <= v <= high`."""
    return lambda src, draft: low + src.u8() % (high - low + 1)


def dim_of(name: str = "", extra: int = 0) -> Kind:
    """A dimension of argument `name` (of the first tensor), negative too; `extra=1` where a new one may be made."""

    def draw(src: Source, draft: Draft) -> int:
        source = draft.tensor(name) if name else draft.first()
        rank = max((source.ndim if source is not None else 0) + extra, 1)
        at = src.u8() % (2 * rank)
        return at if at < rank else rank - 1 - at

    return draw


def dims_of(name: str = "", bare: bool = True) -> Kind:
    """A tuple or list of distinct dimensions of `name`, or one bare dimension."""

    def draw(src: Source, draft: Draft) -> Any:
        source = draft.tensor(name) if name else draft.first()
        rank = source.ndim if source is not None else 0
        form, keep, sign = src.u8(), src.u8(), src.u8()
        if form < 60 and bare:
            return dim_of(name)(src, draft)
        chosen = [d - rank if sign >> d & 1 else d for d in range(rank) if not keep >> d & 1]
        chosen = chosen[::-1] if form & 1 else chosen
        return chosen if form > 200 else tuple(chosen)

    return draw


def permutation_of(name: str = "") -> Kind:
    """Every dimension of `name` once, in any order."""

    def draw(src: Source, draft: Draft) -> tuple[int, ...]:
        source = draft.tensor(name) if name else draft.first()
        rank = source.ndim if source is not None else 0
        order = np.argsort(np.frombuffer(src.bytes(rank), np.uint8), kind="stable")
        sign = src.u8()
        return tuple(int(d) - rank if sign >> int(d) & 1 else int(d) for d in order)

    return draw


def size_for(name: str = "") -> Kind:
    """Sizes with as many elements as `name`: itself, flat, reversed, two dimensions merged, or one left to infer."""

    def draw(src: Source, draft: Draft) -> tuple[int, ...]:
        source = draft.tensor(name) if name else draft.first()
        shape = source.shape if source is not None else ()
        how = src.u8() % 6
        if how == 0:
            return shape
        if how == 1:
            return (source.size if source is not None else 1,)
        if how == 2:
            return shape[::-1]
        if how == 3 and len(shape) > 1:
            at = src.u8() % (len(shape) - 1)
            return (*shape[:at], shape[at] * shape[at + 1], *shape[at + 2 :])
        if how == 4 and shape:
            at = src.u8() % len(shape)
            return (*shape[:at], -1, *shape[at + 1 :])
        return (1, *shape) if src.u8() & 1 else (*shape, 1)

    return draw


def expanded_size_of(name: str = "") -> Kind:
    """Sizes `name` can be expanded to: sides of 1 grown, -1 to keep, new leading dimensions."""

    def draw(src: Source, draft: Draft) -> tuple[int, ...]:
        source = draft.tensor(name) if name else draft.first()
        sides = []
        for n in source.shape if source is not None else ():
            how = src.u8()
            sides.append(-1 if how > 215 else _SIDES[src.u8()] if n == 1 and how > 60 else n)
        lead = [_SIDES[src.u8()] for _ in range((0, 0, 1, 2)[src.u8() % 4])]
        return tuple(lead + sides)

    return draw


def any_size(src: Source, draft: Draft) -> tuple[int, ...]:
    return draw_shape(src, 0, 3)


def int_list(src: Source, draft: Draft) -> tuple[int, ...]:
    return tuple(_SIDES[src.u8()] for _ in range(src.u8() % 3 + 1))


def boolean(src: Source, draft: Draft) -> bool:
    return bool(src.u8() & 1)


def dtype_name(src: Source, draft: Draft) -> Named:
    """Any dtype; mostly the floating ones."""
    pool = _DIFFERENTIABLE if "differentiable" in draft.draws else _ANY
    return Named(pool[src.u8() % len(pool)])


def nothing(src: Source, draft: Draft) -> Any:
    """Not passed: devices, layouts, generators."""
    return OMITTED if draft.argument.default is not REQUIRED else None


def memory_format(src: Source, draft: Draft) -> Named:
    return Named(("contiguous_format", "preserve_format")[src.u8() & 1])


KINDS: dict[Any, Kind] = {
    "Tensor": any_tensor,
    ("pointwise", "Tensor", "other"): tensor_or_number,
    ("pointwise", "Tensor", "exponent"): tensor_or_number,
    ("Tensor", "mask"): tensor(dtype="bool"),
    ("Tensor", "condition"): tensor(broadcastable, dtype="bool"),
    ("Tensor", "index"): integer_index(),
    "Tensor[]": tensors(),
    "Scalar": number,
    "float": real_number,
    "int": between(0, 3),
    ("int", "dim"): dim_of(),
    ("int", "dim0"): dim_of(),
    ("int", "dim1"): dim_of(),
    ("int", "axis"): dim_of(),
    ("int", "start_dim"): dim_of(),
    ("int", "end_dim"): dim_of(),
    "int[]": int_list,
    ("int[]", "dim"): dims_of(),
    ("int[]", "dims"): dims_of(bare=False),
    ("view", "int[]", "dims"): permutation_of(),
    ("int[]", "size"): any_size,
    ("view", "int[]", "size"): size_for(),
    ("int[]", "shape"): size_for(),
    "bool": boolean,
    "ScalarType": dtype_name,
    "MemoryFormat": memory_format,
    "Device": nothing,
    "Layout": nothing,
    "Generator": nothing,
    ("bool", "pin_memory"): nothing,
    ("bool", "non_blocking"): nothing,
}
