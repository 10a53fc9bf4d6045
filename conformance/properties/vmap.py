"""`vmap`: the op on samples of batches, along any dimension, in some arguments only, nested; written there; and its gradient there.

What `vmap` means is a loop over the samples, and PyTorch does not always do the same: where it has a rule of its own for an op, that
may refuse what every sample would take, in words about dimensions that the user did not pass, or take what no sample would. So a subject
is right that does as either of the two, but where PyTorch refuses by design (`vmap: ...`), as for what depends on the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..backends import Backend, Torch
from ..case import DIFFERENTIABLE, Case, TensorValue, row_major
from ..spec import Declaration, spec_of
from .register import attempt, differentiable, has_tensors, not_a_write, prop
from .writes import write, writes

See = Iterator[tuple[str, Any]]
SIZES = (2, 3, 2, 1, 2, 3, 2, 0)
PLACES = (0, -1, None)
# How PyTorch computes where it has no rule yet is no behaviour: the result is the same, and a later version will not say so.
OF_ITS_OWN = "There is a performance drop because we have not yet implemented the batching rule for"
SCRIPT = """# of samples like these, in batches: torch.vmap(lambda *samples: ..., in_dims)(*batches)
print(result)"""


class Batches:
    """The case's tensors as samples of batches: the batches, and for every level of `vmap` which dimension counts samples.

    The samples of a batch have the elements of the case, each in another order.
    """

    def __init__(self, case: Case):
        self.case = case
        self.found = case.tensors()
        self.names = [n for n, v in self.found.items() if not v.same_as]
        inner = max(SIZES[case.choice(6, 8)], spec_of(case.op).samples)
        self.sizes = (inner,) if case.choice(7, 4) < 3 else (2, inner)
        self.dims = [self._dims(level) for level in range(len(self.sizes))]
        self.batched = case._map(self._batch_of)

    def _dims(self, level: int) -> list[int | None]:
        """One dimension, or None, for each tensor: None not for all."""
        dims = [PLACES[self.case.noise[(i + 3 * level) % 6] % 3] for i in range(len(self.names))]
        return dims if any(d is not None for d in dims) else [0, *dims[1:]]

    def _batch_of(self, value: TensorValue) -> TensorValue:
        if value.same_as:
            return value
        at = next(i for i, n in enumerate(self.names) if self.found[n] is value)
        return batch(value, [(dims[at], size) for dims, size in zip(self.dims, self.sizes, strict=True)])

    def spaced(self) -> Batches:
        """The same batches with every tensor strided: those of strided samples would have their elements in yet another order."""
        made = copy(self)
        made.batched = self.batched.spaced()
        return made

    def over(self, B: Backend, function: Callable[..., Any], seeds: int = 0) -> Callable[..., Any]:
        """`function(*seeds, *samples)` over every level; the seeds have their samples along dimension 0."""
        for dims in reversed(self.dims):
            function = B.m.vmap(function, (*[0] * seeds, *dims))
        return function

    def called(self, B: Backend, args: dict[str, Any], call: Callable[[dict[str, Any]], Any]) -> Any:
        """What `call` returns for whole batches, given arguments of samples."""
        return self.over(B, lambda *samples: call(self.arguments(args, samples)))(*self.tensors(B, args))

    def arguments(self, args: dict[str, Any], samples: Any) -> dict[str, Any]:
        """The arguments of a call with samples in the place of their batches."""
        found = dict(zip(self.names, samples, strict=True))
        made: dict[str, Any] = {}
        for name, value in args.items():
            same = getattr(self.case.args.get(name), "same_as", "")
            if isinstance(value, list):
                made[name] = [found.get(f"{name}[{i}]", x) for i, x in enumerate(value)]
            else:
                made[name] = made[same] if same else found.get(name, value)
        return made

    def tensors(self, B: Backend, args: dict[str, Any]) -> list[Any]:
        """The batches among the arguments, in order."""
        found = B.tensors(args)
        return [found[n] for n in self.names]


def batch(value: TensorValue, levels: list[tuple[int | None, int]], k: int = 0) -> TensorValue:
    """Tensors of the layout of `value`, with its elements in other orders, stacked along a dimension of each level."""
    if not levels:
        return _moved(value, k)
    (dim, size), *inner = levels
    if dim is None:
        return batch(value, inner, k)
    return _stacked([batch(value, inner, 3 * k + i) for i in range(size or 1)], dim, size)


def _stacked(parts: list[TensorValue], dim: int, size: int) -> TensorValue:
    """`size` tensors of one layout along the first or the last dimension, there with their elements next to one another."""
    one = parts[0]
    if not size or not one.root.size:
        shape = (size, *one.shape) if dim == 0 else (*one.shape, size)
        return replace(one, root=one.root[:0], shape=shape, strides=row_major(shape), offset=0)
    roots = [p.root for p in parts]
    if dim == 0:
        return replace(one, root=np.concatenate(roots), shape=(size, *one.shape), strides=(one.root.size, *one.strides))
    strides = (*(size * s for s in one.strides), 1)
    return replace(one, root=np.stack(roots, -1).reshape(-1), shape=(*one.shape, size), strides=strides, offset=size * one.offset)


def _moved(value: TensorValue, k: int) -> TensorValue:
    """The elements in another order; of a single number the half, and the half of that."""
    if value.root.size == 1 and value.dtype in DIFFERENTIABLE:
        return replace(value, root=value.root * value.root.dtype.type(0.5**k))
    k %= value.root.size or 1
    return replace(value, root=np.concatenate((value.root[-k:], value.root[:-k])) if k else value.root)


# -- PyTorch's other answer ---------------------------------------------------------------------------------------------------
class _Loops:
    """PyTorch, with a `vmap` that calls the function for one sample after the other."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def vmap(function: Callable[..., Any], dims: Any) -> Callable[..., Any]:
        def over(*batches: Any) -> Any:
            def row(k: int | str) -> list[Any]:
                return ONE_BY_ONE.outputs(function(*map(_sample, batches, dims, [k] * len(dims))))

            size = next(t.shape[d] for t, d in zip(batches, dims, strict=True) if d is not None)
            rows = [row(k) for k in range(size)] or [attempt(row, "sum")]
            if str(rows[0]) == "ZeroDivisionError":  # of no sample
                rows = [row("prod")]
            elif isinstance(rows[0], Exception):
                raise rows[0]
            return [torch.stack(column)[:size] for column in zip(*rows, strict=True)]

        return over


def _sample(t: Any, dim: int | None, k: int | str) -> Any:
    """Sample `k`; of an empty batch its sum, zeros, or product, ones, which lead back to it; with ones, integers for all are ones, too."""
    if dim is None:
        return torch.full_like(t, 1) if k == "prod" and not (t.is_floating_point() or t.is_complex()) else t
    return t.select(dim, k) if isinstance(k, int) else getattr(t, k)(dim).to(t.dtype)


ONE_BY_ONE = Torch("torch", _Loops())


# -- properties ---------------------------------------------------------------------------------------------------------------
def _unless_by_design(call: Callable[[], Any]) -> Any:
    """What a call returns. A write or a look at elements that is refused although the user did neither is by its own words a bug of
    PyTorch's, and refused by no design."""
    try:
        return call()
    except Exception as error:
        if "file a bug report" in str(error):
            raise type(error)(str(error).removeprefix("vmap: ")) from error
        raise


@prop(lambda op: has_tensors(op) and not_a_write(op), script=SCRIPT, judges_errors=True, either=ONE_BY_ONE)
def vmap(B: Backend, op: Declaration, case: Case) -> See:
    """`vmap` of the op gives PyTorch's values, dtypes, shapes and warnings for batches along any dimension, or refuses in its words."""
    made = case.made("batches", Batches)
    if not made.names:
        return
    args = B.inputs(made.batched, False)
    with B.warned() as said:
        result = _unless_by_design(lambda: made.called(B, args, lambda changed: B.call(op, changed)))
    yield "value", B.outputs(result)
    yield "warnings", sorted({text for text in said if OF_ITS_OWN not in text})


@prop(writes, script=SCRIPT, judges_errors=True, either=ONE_BY_ONE)
def vmap_inplace(B: Backend, op: Declaration, case: Case) -> See:
    """The in-place form under `vmap` writes to the batch what PyTorch's does; a tensor without samples it refuses in its words."""
    made = case.made("batches", Batches)
    args = B.inputs(made.batched, False)
    result = made.called(B, args, lambda changed: write(B, op, changed))
    yield "value", B.outputs(result)
    yield "what was written to", args[op.schema.arguments[0].name]


@prop(differentiable, "differentiable", script=SCRIPT, judges_errors=True, either=ONE_BY_ONE)
def vmap_gradient(B: Backend, op: Declaration, case: Case) -> See:
    """The gradient of every sample, taken inside of `vmap` or through it, is PyTorch's."""
    made = case.made("batches", Batches)
    wanted = [n for n, v in made.batched.tensors().items() if v.requires_grad and not v.same_as]
    inside = case.choice(5, 2) == 0
    args = B.inputs(made.batched, not inside)
    result = _unless_by_design(lambda: made.called(B, args, lambda changed: B.call(op, changed)))
    outputs = [t for t in B.outputs(result) if (t.is_floating_point() or t.is_complex() if inside else t.requires_grad)]
    if not outputs or not wanted:
        return
    seeds, batches = B.cotangents(case, outputs), made.tensors(B, args)
    if inside:
        one = _gradient_of_a_sample(B, op, made, args, wanted, len(seeds))
        found = _unless_by_design(lambda: made.over(B, one, len(seeds))(*seeds, *batches))
    else:
        found = _unless_by_design(lambda: B.grad(outputs, [batches[made.names.index(n)] for n in wanted], seeds))
    for name, g in zip(wanted, found, strict=True):
        yield f"gradient.{name}", g + 0.0  # which zeros are added up, and so the sign of their sum, is the rule's own


def _gradient_of_a_sample(B: Backend, op: Declaration, made: Batches, args: dict[str, Any], wanted: list[str], count: int) -> Any:
    """A function of cotangents and samples that gives the gradients of the samples named `wanted`."""
    places = [made.names.index(n) for n in wanted]

    def gradient(*given: Any) -> Any:
        seeds, samples = given[:count], list(given[count:])

        def of_wanted(*changed: Any) -> Any:
            for at, x in zip(places, changed, strict=True):
                samples[at] = x
            outputs = B.outputs(B.call(op, made.arguments(args, samples)))
            return tuple(t for t in outputs if t.is_floating_point() or t.is_complex())

        return B.m.func.vjp(of_wanted, *[samples[at] for at in places])[1](tuple(seeds))

    return gradient
