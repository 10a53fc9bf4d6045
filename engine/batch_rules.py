"""How an op is run on whole batches: one rule per family of declarations, and one call per sample where there is none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np

from . import batch_cotangents, dtypes
from .batch_refusals import ARITHMETIC, INTO_CAPTURED, PROMOTING, UNCHECKED, numbers, refuse, refuse_captured, refuse_no_first
from .batching import Batched, apart, batched, innermost, sample, spread, whole, whole_or_spread
from .promotion import common
from .registry import OPS, F
from .strided import new, span, strided
from .tensor import Tensor, wrap
from .transforms import Level, differentiated_inside

DIMS = frozenset(("dim", "dims", "dim0", "dim1", "dim2", "dimension"))  # arguments that name dimensions
SIZES = frozenset(("size", "shape", "input_sizes"))  # arguments that are whole shapes
# Ops that are not declared pointwise and treat every element alike; and the least rank of those that do so with the last dimensions.
ALIKE = dict.fromkeys((
    "clone", "_to_copy", "fill.Scalar", "threshold", "threshold_backward", "log_sigmoid_backward", "complex", "polar", "_conj_physical",
    "masked_fill.Scalar", "pow.Scalar", "zeros_like", "ones_like", "full_like", "empty_like", "alias", "_conj", "_neg_view", "view_as_real",
), 0) | {"view_as_complex": 1, "tril": 2, "triu": 2}  # fmt: skip
# Ops of which a batch shows: one refuses dtypes by the number of dimensions, one gives a tensor, here a view of a sample, a geometry.
ALONE = frozenset(("index_reduce", "as_strided_"))
# Ops that look at how all matrices lie before they write to them: those of one sample only, as PyTorch has no rule for these writes.
WRITTEN_ALONE = frozenset(("tril", "triu"))
# And one that goes sample by sample and keeps what it wrote.
SAVING = frozenset(("index_reduce",))
# Ranks of the factors and of the product; with "add" there is a tensor to add before the factors.
PRODUCTS = {
    "mm": (2, 2, 2),
    "bmm": (3, 3, 3),
    "mv": (2, 1, 1),
    "dot": (1, 1, 0),
    "addmm": (2, 2, 2),
    "addmv": (2, 1, 1),
    "baddbmm": (3, 3, 3),
    "addbmm": (3, 3, 2),
}
BY_PLACE = frozenset(("max", "min", "median", "nanmedian"))  # reductions of everything that PyTorch makes ones along a flattened sample
NUMBERS = re.compile(r"[-\d, ]+")
Rule = Callable[[Any, list[Any], Level], Any]


TAKEN_APART: dict[str, Callable[..., Any]] = {}  # what PyTorch runs for an op under `vmap` that has a derivative of its own elsewhere


def taken_apart(key: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have this function stand for the op of that key under `vmap`."""

    def add(body: Callable[..., Any]) -> Callable[..., Any]:
        TAKEN_APART[key] = body
        return body

    return add


class NoRule(Exception):
    """The rule of an op's family does not cover these arguments."""


def batches_of(tensors: Sequence[Tensor | None]) -> tuple[Level, list[Tensor | None]]:
    """The innermost level and the batches at it, None for what is the same for all samples.

    Raises NoRule for a tensor that is the same for all samples and has a gradient of each.
    """
    level: Any = innermost(tensors)
    found = [None if t is None else whole(t, level) for t in tensors]
    if any(t is not None and batch is None and apart(t, level) for t, batch in zip(tensors, found, strict=True)):
        raise NoRule
    return level, found


def run(op: Any, values: list[Any], level: Level) -> Any:
    """Call `op`, some of whose arguments are samples of `level`, on whole batches."""
    if level.cotangents and not batch_cotangents.has_rule(op):
        return _each(one_by_one(op, values, level), lambda t: batched(t, level))
    refuse(op, values, level)
    if op.key in TAKEN_APART:
        with suppress(NoRule):
            return TAKEN_APART[op.key](*values)
    try:
        result = rule_of(op)(op, values, level)
    except Exception:  # no rule, or one that refuses: what a sample does decides
        result = one_by_one(op, values, level)
    return _each(result, lambda t: batched(t, level))


def run_inplace(op: Any, values: list[Any], level: Level) -> Any:
    """The same for the form that writes into the first argument, which must be a sample of that batch."""
    if op.schema.name.removesuffix("_") in ARITHMETIC or op.key in ("masked_fill.Scalar", "fill_.Tensor"):
        return _run_arithmetic(op, values, level)
    refuse_captured(op, values, level)
    refuse(op, values, level)
    into = whole_or_spread(values[0], level)
    try:
        called, changed = _arguments(rule_of(op), op, values, level)
    except Exception:  # no rule, or one that refuses: what a sample does decides
        called, changed = op, [None]
    if op.key in SAVING and differentiated_inside(level) and level.size:  # a sample's write would make stale what those before it keep
        F.copy_(into, one_by_one(op, [F.clone(values[0]), *values[1:]], level))
        return values[0]
    if changed[0] is not into or op.key in WRITTEN_ALONE:
        _write_one_by_one(op, into, values, level)
        return values[0]
    try:
        called.run_inplace(changed)
    except Exception as error:
        raise _of_a_sample(error, lambda: op.run_inplace([_target(values[0]), *map(_sample, values[1:])])) from None
    return values[0]


def _run_arithmetic(op: Any, values: list[Any], level: Level) -> Any:
    """Arithmetic with what is written to: the shapes of whole batches must fit, no others, and it is those that messages name."""
    changed, called = [_operand(v, level) if isinstance(v, Tensor) else v for v in values[1:]], op
    if op.key == "fill_.Tensor" and changed[0] is not values[1]:
        called, changed = OPS["copy_"], [*changed, False]
    into = whole(values[0], level)
    promotes = op.schema.name in PROMOTING and isinstance(values[1], Tensor) and len(numbers(values, level)) == 1
    if promotes:
        refuse_no_first(values, level)
    if into is None and op.schema.name.removesuffix("_") not in UNCHECKED:
        words = "fill_" if op.key == "fill_.Tensor" else "inplace arithmetic"
        raise RuntimeError(INTO_CAPTURED.format(f"{words}(self, *extra_args)", "in a vmap", words))
    changed = [values[0] if into is None else into, *changed]
    rank = max(v.ndim for v in values if isinstance(v, Tensor))
    padded = [_padded(c, rank - v.ndim) if c is not v else v for c, v in zip(changed, values, strict=False)]
    if promotes:  # PyTorch converts both, and what it then writes to may be a copy
        dtype = common(values)
        padded = [t if t._dtype is dtype else F.to(t, dtype) for t in padded]
    called.run_inplace([*padded, *changed[len(values) :]])
    return values[0]


def _of_a_sample(error: Exception, call: Callable[[], Any]) -> Exception:
    """What a call of one sample raises, where that is the same but for the numbers: those of a batch are not the user's."""
    try:
        call()
    except Exception as own:
        if type(own) is type(error) and NUMBERS.sub("", str(own)) == NUMBERS.sub("", str(error)):
            return own
    return error


def _target(t: Tensor) -> Tensor:
    """A tensor of zeros with the strides of a sample, to be written to."""
    array = sample(t)
    made = new(array.shape, [s // array.itemsize for s in array.strides], array.dtype)
    made[...] = 0
    return wrap(made, t._dtype)


def _each(result: Any, change: Callable[[Tensor], Any]) -> Any:
    """`change` applied to every tensor of a result."""
    if isinstance(result, Tensor):
        return change(result)
    if hasattr(result, "_fields"):
        return type(result)(*map(change, result))
    return tuple(map(change, result)) if isinstance(result, tuple) else result


@cache
def rule_of(op: Any) -> Rule:
    """The rule that follows from how `op` is declared."""
    arguments = op.schema.arguments
    if op.family.plan in ("pointwise", "write") or op.key in ALIKE:
        return aligned
    if op.key in ALONE:
        return one_by_one
    if op.key in PRODUCTS:
        return product
    if op.key == "as_strided":
        return restrided
    if op.key == "index.Tensor":
        return indexed
    if op.key == "repeat":
        return repeated
    if op.family.plan == "reduction" and not any(a.name in DIMS for a in arguments):
        return reduced
    if any(a.name in DIMS or a.name in SIZES for a in arguments) or op.schema.name in WITHOUT_DIMS:
        return shifted
    return one_by_one


def _arguments(rule: Rule, op: Any, values: list[Any], level: Level) -> tuple[Any, list[Any]]:
    """The op and the arguments with which a rule calls for whole batches. Raises NoRule for rules that do more than that."""
    if rule is aligned:
        return op, _aligned(op, values, level)
    if rule is shifted:
        return _shifted(op, values, level)
    raise NoRule


# -- elementwise --------------------------------------------------------------------------------------------------------------
def aligned(op: Any, values: list[Any], level: Level) -> Any:
    """Elementwise: dimensions are lined up behind the batch."""
    return op.run(_aligned(op, values, level))


def _aligned(op: Any, values: list[Any], level: Level) -> list[Any]:
    changed = list(values)
    rank = max(v.ndim for v in values if isinstance(v, Tensor))
    places = [i for i, is_list in op.tensors if not is_list and isinstance(values[i], Tensor)]
    if rank < ALIKE.get(op.key, 0):
        raise NoRule
    for i in places:
        t = values[i]
        found = whole(t, level)
        if found is None and (apart(t, level) or (i == 0 and len(places) > 1 and op.family.plan != "pointwise")):
            found = spread(t, level)
        if found is None and level.cotangents:
            found = F.view(t, (1, *t.shape))  # of sides of 1 with the steps that a view gives them
        if found is not None:
            changed[i] = _padded(found, rank - t.ndim)
    return _promoted(op, values, changed, places) if op.promoted else changed


def _padded(t: Tensor, count: int) -> Tensor:
    """A batch with `count` dimensions of size 1 before those of its samples."""
    return F.view(t, (*t.shape[:1], *[1] * count, *t.shape[1:])) if count > 0 else t


def _promoted(op: Any, values: list[Any], changed: list[Any], places: list[int]) -> list[Any]:
    """Samples without dimensions give way in promotion as they would alone; a batch of them would not."""
    low = [i for i in places if i in op.promoted and not values[i].ndim and changed[i] is not values[i]]
    if not low or len(op.tensors) != 2:  # of three PyTorch lets a batch decide
        return changed
    alone = op.family.promote([values[i] for i in op.promoted if values[i] is not None])
    together = op.family.promote([changed[i] for i in op.promoted if changed[i] is not None])
    if alone is not together:
        for i in low:
            changed[i] = F.to(changed[i], alone)
    return changed


# -- ops along dimensions -----------------------------------------------------------------------------------------------------
def shifted(op: Any, values: list[Any], level: Level) -> Any:
    """Ops told by their arguments along which dimensions to work: those are one further back in a batch."""
    if not values[0] if isinstance(values[0], list | tuple) else False:
        raise NoRule
    if op.family.plan == "reduction":
        return _along(op, values, level)
    op, changed = _shifted(op, values, level)
    return op.run(changed)


def repeated(op: Any, values: list[Any], level: Level) -> Any:
    """Copies of each sample side by side: of the batch there is one."""
    t, repeats = values
    op.compute([_sample(t), repeats])  # raises what one sample raises
    batch = whole_or_spread(t, level)
    for _ in range(len(repeats) - t.ndim):
        batch = F.unsqueeze(batch, 1)
    return op.run([batch, (1, *repeats)])


def restrided(op: Any, values: list[Any], level: Level) -> Any:
    """Another geometry of each sample: of the batch, the same behind the step from sample to sample."""
    t, size, stride, offset = values
    batch = whole_or_spread(t, level)
    step = batch.stride(0)
    if differentiated_inside(level) and not _own_elements(t, size, stride, offset):  # whose gradients are no other sample's
        start = t.storage_offset() if offset is None else offset
        return F.stack([op.run([F.select(batch, 0, k), size, stride, start + k * step]) for k in range(level.size or 0)])
    return op.run([batch, (level.size, *size), (step, *stride), offset])


def _own_elements(t: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None) -> bool:
    """True where a geometry has elements of `t` alone, and not those between."""
    start = t.storage_offset()
    offset = start if storage_offset is None else storage_offset
    places = np.arange(max(span(size, stride, offset), span(t.shape, t.stride(), start)))
    return bool(np.isin(strided(places, size, stride, offset), strided(places, t.shape, t.stride(), start)).all())


# Views of dimensions that are not named by an argument: the same view with them named.
WITHOUT_DIMS = frozenset(("squeeze", "squeeze_", "t", "t_"))


def _named(op: Any, values: list[Any]) -> tuple[Any, list[Any]]:
    t, mark = values[0], "_" * op.schema.is_inplace
    if op.key == "_reshape_alias":  # of which the batch has other strides
        return OPS["view"], values[:2]
    if op.key == f"squeeze{mark}.dim" and t.ndim:
        return OPS[f"squeeze{mark}.dims"], [t, [values[1]]]
    if op.key == "squeeze" and t.ndim:
        return OPS["view"], [t, [n for n in t.shape if n != 1]]
    if op.key == f"squeeze{mark}":
        return OPS[f"squeeze{mark}.dims"], [t, [d for d, n in enumerate(t.shape) if n == 1]]
    if op.key == f"t{mark}":
        if t.ndim > 2:
            raise NoRule
        return OPS["transpose_" if mark else "transpose.int"], [t, -1, -2] if t.ndim == 2 else [t, -1, -1]
    return op, values


def _shifted(op: Any, values: list[Any], level: Level) -> tuple[Any, list[Any]]:
    op, values = _named(op, values)
    first = values[0][0] if isinstance(values[0], list | tuple) else values[0]
    if not isinstance(first, Tensor):
        raise NoRule
    rank = len(_argument(op, values, "input_sizes", first.shape))
    changed = _batches(op, values, level)
    outside = False
    for i, a in enumerate(op.schema.arguments):
        v = values[i]
        if a.name in SIZES:
            changed[i] = _with_batch(op, values[0], v, changed, level)
        elif a.name in DIMS and v is not None:
            dims = v if isinstance(v, list | tuple) else (v,)
            outside = outside or not all(-rank <= d < rank for d in dims)
            moved = [d + 1 if d >= 0 else d for d in dims]
            if op.key == "permute":
                moved = [0, *moved]
            elif not moved and not op.key.startswith("squeeze"):
                raise NoRule
            changed[i] = moved if isinstance(v, list | tuple) else moved[0]
    if outside or not rank:
        made = op.run([_sample(v) for v in values])  # which may raise
        if not rank and not any(t.ndim for t in (made if isinstance(made, tuple) else (made,))):
            if op.schema.is_view and isinstance(made, Tensor):
                return OPS["view"], [changed[0], changed[0].shape]
            raise NoRule
        if not rank and op.key == "unfold":  # which sees one dimension where there is none
            raise NoRule
    if op.key == "expand":
        more = len(values[1]) - rank
        # PyTorch's convention: of cotangents a view is made only where dimensions are added
        viewed = not more and changed[0] is not first and not level.cotangents
        changed[0] = F.view(changed[0], changed[0].shape) if viewed else _padded(changed[0], more)
    return op, changed


def _argument(op: Any, values: list[Any], name: str, default: Any) -> Any:
    names = op.schema.names
    return values[names.index(name)] if name in names else default


def _with_batch(op: Any, t: Tensor, size: Sequence[int], changed: list[Any], level: Level) -> Any:
    """A shape with the batch before it."""
    if isinstance(size, int):  # of a window, and no shape
        return size
    if -1 in size and not level.size and op.key != "expand":  # which leaves open how long that side is
        count, rest = t.numel(), math.prod(n for n in size if n != -1)
        size = [count // rest if n == -1 and rest else n for n in size]
    at = op.schema.names.index("stride") if "stride" in op.schema.names else None
    if at is not None:
        changed[at] = (changed[0].stride(0), *changed[at])
    return (level.size, *size)


def _sample(v: Any) -> Any:
    if isinstance(v, list | tuple):
        return [_sample(x) for x in v]
    return wrap(sample(v), v._dtype) if isinstance(v, Tensor) else v


def _batches(op: Any, values: list[Any], level: Level) -> list[Any]:
    """Every tensor among the arguments as a batch; an index into one dimension stays as it is. Raises NoRule where ranks differ."""
    changed = list(values)
    by_number = op.schema.name.startswith("index_")  # one index for all samples
    rank = None
    for i, is_list in op.tensors:
        if values[i] is None:
            continue
        for t in values[i] if is_list else (values[i],):
            if op.schema.arguments[i].name == "index" and by_number:
                if whole(t, level) is not None:
                    raise NoRule
                continue
            if rank is not None and t.ndim != rank:
                raise NoRule
            rank = t.ndim
        if not (by_number and op.schema.arguments[i].name == "index"):
            changed[i] = [whole_or_spread(t, level) for t in values[i]] if is_list else whole_or_spread(values[i], level)
    return changed


# -- reductions ---------------------------------------------------------------------------------------------------------------
def _along(op: Any, values: list[Any], level: Level) -> Any:
    """A reduction, scan or sort; over everything where it names no dimension."""
    names = op.schema.names
    at = next(i for i, n in enumerate(names) if n in DIMS)
    t, dim = values[0], values[at]
    if _argument(op, values, "correction", None) is not None and not (t.ndim and dim is not None):
        raise NoRule  # by no degree of freedom the whole has another gradient
    if dim in ([], ()):  # to some ops everything, to others nothing
        if op.schema.name not in ("amax", "amin") or not (t.ndim and level.size and t.numel()):
            raise NoRule
        values = [t, [*range(t.ndim)], *values[2:]]
        dim = values[1]
    if t.ndim and dim is not None:
        op, changed = _shifted(op, values, level)
        return op.run(changed)
    if not t.ndim and "keepdim" not in names:  # a scan of one number is that number, and so in its gradient
        raise NoRule
    many = "[" in op.schema.arguments[at].type
    if dim is not None:
        op.run([_sample(v) for v in values])  # raises what one sample raises
    if not (level.size and t.numel()):
        raise NoRule
    if many and t.ndim:
        return op.run([whole_or_spread(t, level), *values[1:at], [*range(1, t.ndim + 1)], *values[at + 1 :]])
    changed = [F.reshape(whole_or_spread(t, level), (level.size, -1)), *values[1:]]
    changed[at] = [1] if many else 1
    keep = bool(_argument(op, values, "keepdim", False))
    if "keepdim" in names:
        changed[names.index("keepdim")] = False
    shape = (level.size, *[1] * (t.ndim if keep else 0))
    made = op.run(changed)
    if any(m.numel() != level.size for m in (made if isinstance(made, tuple) else (made,))):  # none of the only element
        raise NoRule
    return _each(made, lambda m: F.view(m, shape) if m.shape != shape else m)


def reduced(op: Any, values: list[Any], level: Level) -> Any:
    """A reduction of everything is that of one dimension, where such an overload returns the same."""
    name = op.schema.name
    t = values[0]
    if name in BY_PLACE and t.ndim and level.size and t.numel() and not (t._dtype.is_complex or differentiated_inside(level)):
        return OPS[f"{name}.dim"].run([F.reshape(whole_or_spread(t, level), (level.size, -1)), 1, False])[0]
    other = next((o for o in (OPS.get(f"{name}.{w}") for w in ("dim_IntList", "dim_int", "dim")) if o is not None), None)
    if name in ("max", "min"):
        other = OPS[f"a{name}"]
    if other is None or other.schema.returns.startswith("("):
        raise NoRule
    given = dict(zip(op.schema.names, values, strict=True))
    changed = [given.get(a.name, a.default) for a in other.schema.arguments]
    many = "[" in other.schema.arguments[1].type
    changed[1] = [*range(1, max(t.ndim, 1) + 1)] if many else 1
    if not (level.size and t.numel()) or (name in ("max", "min") and t._dtype.is_complex):
        raise NoRule
    batch = whole_or_spread(t, level)
    changed[0] = batch if many and t.ndim else F.reshape(batch, (level.size, -1))
    if "keepdim" in other.schema.names:
        changed[other.schema.names.index("keepdim")] = False
    made = other.run(changed)
    if name in ("max", "min") and not equal_to_itself(made):  # of NaN the gradient is another than that of `amax`
        raise NoRule
    return made


def equal_to_itself(t: Tensor) -> bool:
    """False where an element is NaN."""
    while type(t) is Batched:
        t = t._value
    return bool((t._array == t._array).all())


# -- products -------------------------------------------------------------------------------------------------------------------
def product(op: Any, values: list[Any], level: Level) -> Any:
    """Products of matrices and vectors, as one product of stacked matrices."""
    op.compute([_sample(v) for v in values])  # raises what one sample raises
    rank_a, rank_b, rank = PRODUCTS[op.key]
    adds = "add" in op.key
    if adds and values[3:5] != [1, 1] and not values[0]._dtype.differentiable:
        raise NoRule
    if op.key == "addbmm" and not values[3]:  # which leaves out what is added
        raise NoRule
    a, b = (_operand(t, level) for t in values[adds : adds + 2])
    batches = a is not values[adds], b is not values[adds + 1]
    made = by_vectors(a, b, rank_a, batches) if rank_b == 1 and False in batches else F.matmul(*as_matrices(a, b, rank_a, rank_b))
    for _ in range((rank_a == 1) + (rank_b == 1) if all(batches) else 0):
        made = F.squeeze(made, -1)
    if not adds:
        return made
    if op.key == "addbmm":
        made = F.sum(made, made.ndim - 3)
    added, alpha = F.mul(_operand(values[0], level), values[3]), values[4]
    if op.key == "addbmm" and alpha != 1:
        made, alpha = F.mul(made, alpha), 1
    return F.add(_padded(added, rank - values[0].ndim) if added.ndim > values[0].ndim else added, made, alpha=alpha)


def by_vectors(a: Tensor, b: Tensor, rank: int, batches: tuple[bool, bool]) -> Tensor:
    """A matrix, or vector, times a vector, of which one is the same for all samples: the vectors of a batch are the rows of a matrix."""
    if rank == 1:
        made: Tensor = F.matmul(a, F.t(b))
        return made
    if batches[0] or not batches[1]:
        return F.matmul(a, b)
    return F.permute(F.mm(a, F.permute(b, (1, 0))), (1, 0))


def as_matrices(a: Tensor, b: Tensor, rank_a: int, rank_b: int) -> tuple[Tensor, Tensor]:
    """Batches of vectors as such of rows and columns."""
    if (rank_a, rank_b) == (2, 1):
        a = F.permute(a, (0, 1, 2))
    return F.unsqueeze(a, -2) if rank_a == 1 else a, F.unsqueeze(b, -1) if rank_b == 1 else b


def _operand(t: Tensor, level: Level) -> Tensor:
    found = whole(t, level)
    return found if found is not None else spread(t, level) if apart(t, level) else t


# -- indexing -------------------------------------------------------------------------------------------------------------------
def indexed(op: Any, values: list[Any], level: Level) -> Any:
    """Index tensors: with another that counts the samples where they differ between samples."""
    t, indices = values[0], list(values[1])
    wholes = [None if i is None else whole(i, level) for i in indices]
    used = [k for k, i in enumerate(indices) if i is not None]
    if any(i is not None and i._dtype in (dtypes.bool_, dtypes.uint8) for i in indices) or not used:
        raise NoRule
    rank = max(indices[k].ndim for k in used)
    together = used == list(range(used[0], used[-1] + 1))
    self = whole_or_spread(t, level)
    if all(w is None for w in wholes):
        made = op.run([self, [None, *indices]])
        return made if together else F.movedim(made, rank, 0)
    numbers = wrap(np.arange(level.size or 0).reshape(level.size or 0, *[1] * rank), dtypes.int64)
    changed = [None if i is None else i if w is None else _padded(w, rank - i.ndim) for i, w in zip(indices, wholes, strict=True)]
    made = op.run([self, [numbers, *changed]])
    if not together or used[0] == 0:
        return made
    places = range(rank)
    return F.movedim(made, [1 + p for p in places], [1 + used[0] + p for p in places])


# -- one by one -----------------------------------------------------------------------------------------------------------------
def one_by_one(op: Any, values: list[Any], level: Level) -> Any:
    """One call a sample, the results stacked."""
    wholes = [_wholes(v, level) for v in values]
    if not level.size:
        made = op.run([_of_none(v, w) for v, w in zip(values, wholes, strict=True)])
        return _each(made, lambda t: F.expand(F.unsqueeze(t, 0), (0, *t.shape)))
    columns = [_apart(v, w, level.size) for v, w in zip(values, wholes, strict=True)]
    rows = [op.run(list(row)) for row in zip(*columns, strict=True)]
    if isinstance(rows[0], Tensor):
        return F.stack(rows)
    made = [F.stack(list(column)) for column in zip(*rows, strict=True)]
    return type(rows[0])(*made) if hasattr(rows[0], "_fields") else tuple(made)


def _write_one_by_one(op: Any, into: Tensor, values: list[Any], level: Level) -> None:
    wholes = [into, *(_wholes(v, level) for v in values[1:])]
    number = op.schema.name.startswith("index_") and _argument(op, wholes, "index", None) is not None
    if not level.size and not number:  # by which PyTorch, too, goes one by one, and looks at nothing else
        op.run_inplace([_of_none(v, w) for v, w in zip(values, wholes, strict=True)])  # raises what a sample raises
    for k in range(level.size or 0):
        op.run_inplace([_picked(v, w, k) for v, w in zip(values, wholes, strict=True)])


def _wholes(v: Any, level: Level) -> Any:
    if isinstance(v, list | tuple):
        return [_wholes(x, level) for x in v]
    if not isinstance(v, Tensor):
        return None
    found = _operand(v, level)
    return None if found is v else found


def _of_none(v: Any, batch: Any) -> Any:
    """An argument as a sample of an empty batch would have it: zeros, in the graph that of the batch."""
    if isinstance(v, list | tuple):
        return [_of_none(x, b) for x, b in zip(v, batch, strict=True)] if isinstance(batch, list) else v
    return v if batch is None else F.sum(batch, [0]) if v._dtype.differentiable else _sample(v)


def _apart(v: Any, batch: Any, count: int) -> Sequence[Any]:
    """An argument as each sample has it; together, so that their gradients need not be added up."""
    if isinstance(v, list | tuple) and isinstance(batch, list) and v:
        return [list(row) for row in zip(*[_apart(x, b, count) for x, b in zip(v, batch, strict=True)], strict=True)]
    return [v] * count if batch is None or isinstance(batch, list) else F.unbind(batch, 0)


def _picked(v: Any, batch: Any, k: int) -> Any:
    """An argument as sample `k` has it."""
    if isinstance(v, list | tuple):
        return [_picked(x, b, k) for x, b in zip(v, batch, strict=True)] if isinstance(batch, list) else v
    return v if batch is None else F.select(batch, 0, k)
