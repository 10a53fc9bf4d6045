"""`jvp` and `linearize`: derivatives of functions along tangents, by a level of forward mode of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import forward, modes
from ..autograd.forward_ad import check_dtypes, check_shapes
from ..batching import Batched, whole_or_spread
from ..registry import F
from ..tensor import Tensor
from ..transforms import Running, born
from .reverse import ArgNums, adopt, as_sample, check_outputs, chosen, innermost, picked, replaced, split_aux
from .trees import put_together, taken_apart

API = "jvp(f, primals, tangents)"


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """(output, its derivative along `tangents`), both nested as the output is. With `has_aux`, aux comes third.

    Raises RuntimeError where `strict` and an output does not depend on the primals.
    """
    return jvp_at(func, primals, tangents, None, strict, has_aux)


def jvp_at(func: Callable[..., Any], primals: Any, tangents: Any, argnums: ArgNums | None, strict: bool, has_aux: bool) -> Any:
    """The same along tangents of the arguments at `argnums` alone."""
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{API}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    places = tuple(range(len(primals))) if argnums is None else chosen(primals, argnums)
    moved = picked(primals, places)
    along = (moved,) if isinstance(places, int) else moved
    leaves, structure = taken_apart(along)
    directions, other = taken_apart(tangents)
    if structure != other:
        raise RuntimeError(
            f"{API}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 tensors, "
            f"tangents also must be. Got primals with structure {structure} and tangents with structure {other}"
        )
    _check_tensors(leaves, "primals")
    _check_tensors(directions, "tangents")
    with Running(), _level():
        adopt(primals)
        duals = put_together([_dual(p, t) for p, t in zip(leaves, directions, strict=True)], structure)
        output, aux = split_aux(func(*replaced(primals, places, duals[0] if isinstance(places, int) else duals)), has_aux, API)
        outputs, structure = taken_apart(output)
        check_outputs(outputs, API)
        found = put_together([_tangent(out, strict) for out in outputs], structure)
        with forward.innermost():
            output = put_together([out if forward.tangent_of(innermost(out)) is None else F.alias(out) for out in outputs], structure)
    return (output, found, aux) if has_aux else (output, found)


def _check_tensors(leaves: list[Any], argument: str) -> None:
    if not leaves:
        raise RuntimeError(f"{API}: Expected {argument} to contain at least one Tensor.")
    for t in leaves:
        if not isinstance(t, Tensor):
            raise RuntimeError(f"{API}: Expected {argument} to only contain Tensors, got {type(t)}")


@contextmanager
def _level() -> Iterator[None]:
    unseen = modes.current() & (modes.INFERENCE | modes.NO_TANGENTS)
    modes.switch(modes.current() & ~unseen)
    forward.enter(nested=True)
    try:
        yield
    finally:
        modes.switch(modes.current() | unseen)
        forward.leave()


def _dual(primal: Tensor, tangent: Tensor) -> Tensor:
    """The primal as the function sees it."""
    check_dtypes(primal, tangent)
    check_shapes(primal, tangent)
    return _carrying(primal, tangent)


def _carrying(primal: Tensor, tangent: Tensor) -> Tensor:
    if type(primal) is Batched:
        return Batched(_carrying(primal._value, whole_or_spread(tangent, primal._level)), primal._level)
    born([tangent])
    with forward.innermost():
        made = F.alias(primal)
        forward._set(made, tangent)
    return made


def _tangent(out: Tensor, strict: bool) -> Tensor:
    tangent = forward.tangent_of(innermost(out))
    if tangent is not None:
        return as_sample(tangent, out)
    if strict:
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with strict=True."
        )
    return F.zeros_like(out)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(output, jvp_fn): `jvp_fn(*tangents)` gives the derivative of the output along `tangents`."""
    output = func(*primals)
    leaves, structure = taken_apart(primals)
    for t in leaves:
        check_dtypes(t, t)

    def along(*tangents: Any) -> Any:
        directions, other = taken_apart(tangents)
        if other != structure:
            raise RuntimeError(f"Expected the tangents {other} to have the same argspec as the primals {structure}")
        for i, (p, t) in enumerate(zip(leaves, directions, strict=True)):
            for what, theirs, own in (("shape", t.shape, p.shape), ("dtype", t.dtype, p.dtype)):
                if theirs != own:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {theirs} in flattened pytree doesn't match the {what} {own} of the corresponding primal."
                    )
        return jvp(func, primals, tangents)[1]

    return output, along
