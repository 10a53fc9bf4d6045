"""Builders for one argument, looked up most specific first: the spec's domain, (plan, type, name), (type, name), type."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

from engine.schema import REQUIRED, Argument

from . import values
from .case import DIFFERENTIABLE, NUMPY, OMITTED, Case, Named, TensorValue, row_major
from .draft import (
    ANY,
    DIFFERENTIABLE_DTYPES,
    FLOATING_DTYPES,
    SIDE_OF,
    Draft,
    Kind,
    broadcastable,
    draw_layout,
    draw_shape,
    like_first,
)
from .source import Source
from .spec import Declaration
from .spoil import spoil


def build(op: Declaration, src: Source, draws: frozenset[str] = frozenset()) -> Case:
    """Draw one case of `op`. `draws` are a property's wishes: differentiable, mixed, spoiled."""
    draft = Draft(op, src, draws)
    for argument in op.schema.arguments:
        draft.argument = argument
        draft.args[argument.name] = _draw(src, draft, argument)
    spoiled = spoil(src, draft.args, op.schema) if "spoiled" in draws else ""
    made = Case(op.key, draft.args, src.bytes(20), spoiled)
    numbers = [name for name, value in draft.args.items() if isinstance(value, complex)]
    if numbers and any(t.dtype == "float16" for t in made.tensors().values()):  # it would give complex32, which NumPy has not
        draft.args.update(dict.fromkeys(numbers, 2))
    return made


def _draw(src: Source, draft: Draft, argument: Argument) -> Any:
    domain: Any = draft.op.spec.domains.get(argument.name)
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
    kind = _bare(argument.type)
    for key in ((plan, kind, argument.name), (kind, argument.name), kind):
        if key in KINDS:
            return KINDS[key]
    raise LookupError(f"no kind for {argument.type} {argument.name}: give it a domain in the spec")


@cache
def _bare(type: str) -> str:
    return re.sub(r"\[\d*\]", "[]", type).replace("?", "")


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
        root = table.take(np.frombuffer(src.bytes(count), np.uint8))
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
    """A list of tensors alike but for one dimension, for `cat` and its kin; draw the dimension with `joined_dim`."""

    def draw(src: Source, draft: Draft) -> list[Any]:
        shape = draw_shape(src, 1, 4)
        at = src.u8() % len(shape)
        draft._sides["joined"], draft._sides["joined rank"] = at, len(shape)
        kind = tensor(lambda s, d: (*shape[:at], SIDE_OF[s.u8()] if s.u8() > 90 else shape[at], *shape[at + 1 :]))
        return [kind(src, draft) for _ in range(1 + src.u8() % 3)]

    return draw


def joined_dim(src: Source, draft: Draft) -> int:
    """The dimension in which the tensors of `joinable` differ, counted from either end."""
    at = draft._sides["joined"]
    return at - draft._sides["joined rank"] if src.u8() > 160 else at


joined_dim.always = True  # type: ignore[attr-defined]  # a kind's attribute on a function


def always(kind: Kind) -> Kind:
    """The same kind, drawn even where the argument could be left out."""

    def draw(src: Source, draft: Draft) -> Any:
        return kind(src, draft)

    draw.always = True  # type: ignore[attr-defined]  # the same
    return draw


def distinct(src: Source, draft: Draft) -> TensorValue:
    """A tensor without ties (nor NaN)."""
    made = _any(src, draft)
    order = np.argsort(np.argsort(np.frombuffer(src.bytes(made.root.size), np.uint8), kind="stable"))
    low = 0 if made.dtype in ("uint8", "bool") else order.size // 3
    root = (order - low).astype(NUMPY[made.dtype])
    return TensorValue(
        made.dtype,
        root if made.dtype not in DIFFERENTIABLE else root * root.dtype.type(0.75),
        made.shape,
        made.strides,
        made.offset,
        made.requires_grad,
    )


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
    return draft.dtype if draft.dtype in FLOATING_DTYPES else FLOATING_DTYPES[src.u8() % len(FLOATING_DTYPES)]


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
                return (SIDE_OF[s.u8()] if length else 0,)
            if not source.ndim:
                return ()
            mine = SIDE_OF[s.u8()] if length else 0
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
            sides.append(-1 if how > 215 else SIDE_OF[src.u8()] if n == 1 and how > 60 else n)
        lead = [SIDE_OF[src.u8()] for _ in range((0, 0, 1, 2)[src.u8() % 4])]
        return tuple(lead + sides)

    return draw


def any_size(src: Source, draft: Draft) -> tuple[int, ...]:
    return draw_shape(src, 0, 3)


def int_list(src: Source, draft: Draft) -> tuple[int, ...]:
    return tuple(SIDE_OF[src.u8()] for _ in range(src.u8() % 3 + 1))


def boolean(src: Source, draft: Draft) -> bool:
    return bool(src.u8() & 1)


def dtype_name(src: Source, draft: Draft) -> Named:
    """Any dtype; mostly the floating ones."""
    pool = DIFFERENTIABLE_DTYPES if "differentiable" in draft.draws else ANY
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
