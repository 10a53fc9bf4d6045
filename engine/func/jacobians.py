"""`jacrev`, `jacfwd` and `hessian`: all derivatives of a function, row by row or column by column at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from ..registry import F
from ..tensor import Tensor
from .forwards import jvp_at
from .reverse import ArgNums, chosen, picked, vjp_at
from .trees import mapped, put_together, taken_apart
from .vectorize import vmap


def jacrev(
    func: Callable[..., Any],
    argnums: ArgNums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """The Jacobian by reverse mode: shapes `out.shape + in.shape`, nested as the output is and within as the arguments at `argnums`.

    `chunk_size` bounds how many rows are computed together.
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        _refuse_complex("jacrev", args, "inputs")
        output, pull, *aux = vjp_at(func, args, argnums, has_aux)
        outputs, structure = taken_apart(output)
        _refuse_complex("jacrev", outputs, "outputs")
        given = picked(args, chosen(args, argnums))
        inputs, inner = taken_apart(given)
        rows = []
        for seeds in _chunks(outputs, chunk_size):
            seeds = put_together([s.squeeze(0) for s in seeds] if chunk_size == 1 else seeds, structure)
            found = taken_apart(pull(seeds) if chunk_size == 1 else vmap(pull)(seeds))[0]
            rows.append([g.unsqueeze(0) for g in found] if chunk_size == 1 else found)
        columns = [rows[0][i] if len(rows) == 1 else F.cat([r[i] for r in rows], 0) for i in range(len(inputs))]
        sizes = [out.numel() for out in outputs]
        parts = [
            [part.view(out.shape + t.shape) for part, out in zip(column.split(sizes, 0), outputs, strict=True)]
            for column, t in zip(columns, inputs, strict=True)
        ]
        made = put_together([put_together(own, inner) for own in zip(*parts, strict=True)], structure)
        return (made, *aux) if has_aux else made

    return jacobian


def jacfwd(func: Callable[..., Any], argnums: ArgNums = 0, has_aux: bool = False, *, randomness: str = "error") -> Callable[..., Any]:
    """The Jacobian by forward mode, nested as that of `jacrev`."""

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        _refuse_complex("jacfwd", args, "inputs")
        places = None if argnums is None else chosen(args, argnums)
        given = args if places is None else picked(args, places)
        inputs, inner = taken_apart(given)
        along = next(_chunks(inputs, None))

        def push(*directions: Any) -> Any:
            tree = put_together(directions, inner)
            output, tangents, *aux = jvp_at(func, args, (tree,) if isinstance(places, int) else tree, places, False, has_aux)
            _refuse_complex("jacfwd", output, "outputs")
            return (tangents, *aux) if has_aux else tangents

        found = vmap(push, randomness=randomness)(*along)
        found, aux = found if has_aux else (found, None)
        columns, structure = taken_apart(found)
        sizes = [t.numel() for t in inputs]
        made = []
        for column in columns:
            parts = F.movedim(column, 0, -1).split(sizes, -1)
            made.append(put_together([_unflattened(p, t) for p, t in zip(parts, inputs, strict=True)], inner))
        result = put_together(made, structure)
        return (result, mapped(lambda t: t[0], aux)) if has_aux else result

    return jacobian


def _unflattened(part: Tensor, t: Tensor) -> Tensor:
    return part.unflatten(-1, t.shape) if t.ndim else part.squeeze(-1)


def hessian(func: Callable[..., Any], argnums: ArgNums = 0) -> Callable[..., Any]:
    """The second derivatives: forward mode over reverse mode."""
    return jacfwd(jacrev(func, argnums), argnums)


def _refuse_complex(api: str, args: Any, what: str) -> None:
    for i, t in enumerate(taken_apart(args)[0]):
        if isinstance(t, Tensor) and t.is_complex():
            raise RuntimeError(f"{api}: Expected all {what} to be real but received complex tensor at flattened input idx: {i}")


def _chunks(tensors: list[Tensor], chunk_size: int | None) -> Iterator[tuple[Tensor, ...]]:
    """One tensor per tensor with a leading dimension that runs over the elements of all: a 1 at its own; some of them at a time."""
    sizes = [t.numel() for t in tensors]
    total = sum(sizes)
    step = total if not chunk_size or chunk_size >= total else chunk_size
    for start in range(0, total, step) if total else (0,):
        count = min(step, total - start)
        made = [t.new_zeros((count, n)) for t, n in zip(tensors, sizes, strict=True)]
        for i, basis in enumerate(made):
            basis.diagonal(start - sum(sizes[:i])).fill_(1)
        yield tuple(basis.view((count, *t.shape)) for basis, t in zip(made, tensors, strict=True))
