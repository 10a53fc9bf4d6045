"""`out=`: what a given tensor must be to hold a result, and how it takes another shape."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtypes, forward, modes, saved
from .dtypes import CPP_NAMES, dtype
from .geometry import strides_of
from .graph import edge_of
from .layout import row_major
from .lazy import Lazy
from .overlap import check_apart, check_no_overlap, check_no_partial_overlap
from .registry import OPS
from .silence import loud, quiet
from .stretch import stretch
from .tensor import Tensor, store
from .views import bump, check_cast, node_of, rebase

if TYPE_CHECKING:
    from .op import Op

RESIZED = (
    "An output with one or more elements was resized since it had shape {old}, which does not match the required output shape {new}. "
    "This behavior is deprecated, and in a future PyTorch release outputs will not be resized unless they have zero elements. "
    "You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0)."
)


def exactly(result: dtype, out: dtype) -> None:
    """Raises RuntimeError where the dtypes differ, in the words of elementwise ops."""
    if result is not out:
        raise RuntimeError(f"Found dtype {out.scalar_name} but expected {result.scalar_name}")


def matching(result: dtype, out: dtype) -> None:
    """Raises RuntimeError where the dtypes differ."""
    if result is not out:
        names = CPP_NAMES[result.scalar_name], CPP_NAMES[out.scalar_name]
        raise RuntimeError(f"Expected out tensor to have dtype {names[0]}, but got {names[1]} instead")


def _joined(result: dtype, out: dtype) -> None:
    if result.category > out.category:
        raise TypeError(f"torch.cat(): input types can't be cast to the desired output type {out.scalar_name}")


# What a declaration's word `out=` says of the dtype: it must be one the result can be cast to, the very same (two texts), or any.
# A function in place of a word computes for the targets: called with the op, the arguments and the targets, it returns arrays or raises;
# None where it has written to them already.
CHECKS: dict[str, Callable[[dtype, dtype], None]] = {
    "cast": check_cast,
    "exact": exactly,
    "matching": matching,
    "joined": _joined,
    "any": lambda result, out: None,
}


def run_out(op: Op, values: list[Any], out: Any) -> Any:
    """Compute into `out` (a tensor, or one per result); returns it.

    Raises RuntimeError where anything requires grad, or where `out` cannot hold the result's dtype.
    """
    outs = out if isinstance(out, tuple | list) else (out,)
    form = OPS.get(op.family.out, op) if op.body is not None else op  # a composite's is that of the op it ends with
    recorded = modes.is_grad_enabled() and any(map(_needs, (*values, *outs)))
    if op.family.underived:
        recorded = recorded and any(t.requires_grad and t.is_leaf for t in outs)
    if recorded and (op.differentiable or op.body):
        name = f"aten::{op.schema.name}" if op.family.underived else native(form)
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )
    if modes.current() & modes.FORWARD and any(map(forward.any_tangent, (*values, *outs))):
        raise NotImplementedError(
            f"Trying to use forward AD with {native(form)}_out that does not support it because it is an out= function"
        )
    computes = callable(form.family.out)
    if form.family.plan == "pointwise" and (form.family.out is True or form.family.out in CHECKS):  # before any shape or dtype
        for t in outs:
            if type(t) is not Lazy:  # to which a copy is copied back
                check_memory(op, form, values, t)
    if computes:
        token = quiet()
        try:
            results = form.family.out(form, values, outs)
        finally:
            loud(token)
        if results is None:
            return out
    else:
        results = op.compute(values)[1] if op.body is None else [t._array for t in _as_tuple(op.body(*values))]
    for result, t in zip(results, outs, strict=True):  # PyTorch looks at a target when those before it have been resized
        if not computes:
            check_dtype(form, dtypes.OF_NUMPY[result.dtype], t._dtype)
        fit(t, result)
    for result, t in zip(results, outs, strict=True):
        fit(t, result)
        check_memory(op, form, values, t, t is outs[0])
        put(result, t)
    if op.family.underived and modes.is_grad_enabled():
        record_underived(op, values, outs)
    return out


def record_underived(op: Op, values: list[Any], outs: Sequence[Tensor]) -> None:
    """Record what was written: PyTorch's fallback for ops without a formula does so for `out=`, too."""
    given = [t for v in (*values, *outs) for t in (v if isinstance(v, list | tuple) else (v,)) if isinstance(t, Tensor) and t.requires_grad]
    if given:
        node = op.make_node(values, list(outs), (False,) * len(op.diff))
        node.edges = tuple(edge_of(t) for t in given)
        for t in outs:
            if t._dtype.differentiable:
                rebase(t, node)


def native(op: Op) -> str:
    """The name PyTorch's own code has for an op: "linalg_vector_norm"."""
    space = op.schema.namespace
    return op.schema.name if space in ("", "nn.functional") else f"{space}_{op.schema.name}"


def put(result: np.ndarray, t: Tensor) -> None:
    """Write one result into the tensor given for it."""
    if modes.current() & modes.SAVED_HOOKS:
        saved.about_to_write(t)
    store(t, result)
    bump(t)


def check_memory(op: Op, form: Op, values: list[Any], t: Tensor, first: bool = True) -> None:
    """Raises RuntimeError where what is written to shares memory with itself, or with an argument where the op of its form forbids it."""
    check_no_overlap(t._array)
    apart = form.family.apart if op.family.apart is None else op.family.apart
    if apart == "partly":
        check_no_partial_overlap(t, values, exact=form.family.plan == "pointwise")
    elif callable(apart):
        check_apart(t, apart(*values))
    elif apart == "itself":
        check_no_partial_overlap(t, _copied(form, values, t) if first else (), exact=False)
    elif apart:
        own = form.family.inplace is not False  # what would be written to in place may be the target
        check_no_partial_overlap(t, values[:own])
        check_apart(t, [x for v in values[own:] for x in (v if isinstance(v, list | tuple) else (v,))])


def _copied(op: Op, values: list[Any], t: Tensor) -> list[Any]:
    """What PyTorch copies to a target before it computes there: the first argument, unless its factor is 0 or it is expanded."""
    names = op.schema.names
    factor = values[names.index("beta")] if "beta" in names else 1
    return [v for v in values[:1] if factor != 0 and v._array.size == t._array.size]


def fit(t: Tensor, result: np.ndarray) -> None:
    """Resize a target that has another shape than its result."""
    if t._array.shape != result.shape:
        resize(t, result)


def check_dtype(op: Op, result: dtype, out: dtype) -> None:
    """Raises RuntimeError where the declaration's word `out=` does not let `out` hold `result`."""
    word = op.family.out
    if word is True:
        word = "cast" if op.family.plan in ("pointwise", "reduction", "composite") else "matching"
    if word in CHECKS:
        CHECKS[word](result, out)
    elif result is not out:  # the text itself, with the two dtypes to fill in
        raise RuntimeError(str(word).format(result=result.scalar_name, out=out.scalar_name))


def _needs(v: Any) -> bool:
    return node_of(v) is not None if isinstance(v, Tensor) else isinstance(v, list | tuple) and any(map(_needs, v))


def _as_tuple(v: Any) -> tuple[Tensor, ...]:
    return v if isinstance(v, tuple) else (v,)


def take_shape(t: Tensor, shape: tuple[int, ...]) -> None:
    """Let a target take its shape without a word, before anything fails. What a conjugate is to hold PyTorch computes elsewhere first."""
    if t._array.shape != shape and type(t) is not Lazy:
        stretch(t, shape, row_major(shape))


def resize(t: Tensor, result: np.ndarray) -> None:
    """Give `out=` the result's shape and strides over the memory it has, or longer; warns (UserWarning) where it held elements."""
    if t._array.size:
        warnings.warn(RESIZED.format(old=list(t._array.shape), new=list(result.shape)), UserWarning, stacklevel=5)
    steps = row_major(result.shape) if type(t) is Lazy else strides_of(result)
    stretch(t, result.shape, steps)
