"""`vmap`: a function of single samples as one of whole batches."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from ..batching import Batched, batched, whole
from ..geometry import in_range
from ..randomness import default_generator
from ..registry import F
from ..tensor import Tensor
from ..transforms import Level, Running
from .trees import Structure, put_together, spread_over, taken_apart

RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """`func` over every sample of its arguments at once: those whose place in `in_dims` is not None.

    `in_dims` and `out_dims` say which dimension counts samples, as an int or a tree of the upper structure of the
    arguments or results. `chunk_size` bounds how many samples are worked on together.
    """
    if randomness not in RANDOMNESS:
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def vectorized(*args: Any, **kwargs: Any) -> Any:
        _check_out_dims(out_dims, func)
        size, dims, leaves, structure = _inputs(in_dims, args, func)
        if chunk_size is None:
            return _run(func, size, dims, leaves, structure, out_dims, randomness, kwargs)
        chunks = [c for c in _chunks(dims, leaves, size, chunk_size) if _size_of(dims, c)]
        rewind, made = default_generator.again_from_here(), []
        for c in chunks:
            if randomness == "same":
                rewind()
            made.append(_run(func, _size_of(dims, c), dims, c, structure, out_dims, randomness, kwargs))
        return _joined(made, out_dims)

    return vectorized


def name_of(func: Callable[..., Any]) -> str:
    """What messages call a function."""
    if hasattr(func, "__name__"):
        return func.__name__
    return f"functools.partial({name_of(func.func)}, ...)" if isinstance(func, functools.partial) else repr(func)


# -- what goes in -----------------------------------------------------------------------------------------------------------------
def _inputs(in_dims: Any, args: tuple[Any, ...], func: Callable[..., Any]) -> tuple[int, list[Any], list[Any], Structure]:
    """How many samples there are; each argument with its dimension of samples. Raises ValueError where they do not go together."""
    name = name_of(func)
    what = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, int | tuple):
        raise ValueError(
            f"{what}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no "
            "inputs. The latter is unsupported."
        )
    leaves, structure = taken_apart(args)
    dims = spread_over(in_dims, structure)
    if dims is None:
        raise ValueError(
            f"{what}in_dims is not compatible with the structure of `inputs`. in_dims has structure {taken_apart(in_dims)[1]} but inputs "
            f"has structure {structure}."
        )
    dims = [_in_dim(what, arg, dim) for arg, dim in zip(leaves, dims, strict=True)]
    return _size_of(dims, leaves), dims, leaves, structure


def _in_dim(what: str, arg: Any, dim: Any) -> int | None:
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(f"{what}Got in_dim={dim} for an input but in_dim must be either an integer dimension or None.")
    if not isinstance(arg, Tensor):
        raise ValueError(
            f"{what}Got in_dim={dim} for an input but the input is of type {type(arg)}. We cannot vmap over non-Tensor arguments, please "
            "use None as the respective in_dim"
        )
    rank = arg.dim()
    if not -rank <= dim < rank:
        raise ValueError(
            f"{what}Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {rank} so expected in_dim to satisfy "
            f"-{rank} <= in_dim < {rank}."
        )
    return dim % rank


def _size_of(dims: list[Any], leaves: Any) -> int:
    sizes = [arg.size(dim) for dim, arg in zip(dims, leaves, strict=True) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    return sizes[0]


def _chunks(dims: list[Any], leaves: list[Any], size: int, chunk_size: int) -> Iterator[tuple[Any, ...]]:
    """The arguments for one chunk of samples after the other."""
    whole_chunks, rest = divmod(size, chunk_size)
    ends = tuple(itertools.accumulate([chunk_size] * whole_chunks + [rest] * bool(rest)))
    parts = [[t] * len(ends) if dim is None else t.tensor_split(ends, dim=dim) for t, dim in zip(leaves, dims, strict=True)]
    return zip(*parts, strict=False)


# -- one call ------------------------------------------------------------------------------------------------------------------------
def _run(
    func: Callable[..., Any],
    size: int,
    dims: list[Any],
    leaves: Any,
    structure: Structure,
    out_dims: Any,
    randomness: str,
    kwargs: dict[str, Any],
) -> Any:
    with Running(size, randomness) as level:
        samples = [t if dim is None else batched(_front(t, dim), level) for t, dim in zip(leaves, dims, strict=True)]
        results = func(*put_together(samples, structure), **kwargs)
        return _outputs(results, out_dims, level, func)


def _front(t: Tensor, dim: int) -> Tensor:
    return t if dim == 0 else F.movedim(t, dim, 0)


def _outputs(results: Any, out_dims: Any, level: Level, func: Callable[..., Any]) -> Any:
    leaves, structure = taken_apart(results)
    alone = isinstance(results, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1
    dims = list(out_dims) if alone else spread_over(out_dims, structure)
    if dims is None or (isinstance(results, Tensor) and not alone and not (out_dims is None or isinstance(out_dims, int))):
        _incompatible(out_dims, structure, func)
    return put_together([_output(name_of(func), t, dim, level) for t, dim in zip(leaves, dims, strict=True)], structure)


def _incompatible(out_dims: Any, structure: Structure, func: Callable[..., Any]) -> NoReturn:
    raise ValueError(
        f"vmap({name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims "
        f"has structure {taken_apart(out_dims)[1]} but outputs has structure {structure}."
    )


def _output(name: str, t: Any, dim: int | None, level: Level) -> Any:
    """One result as a batch, its samples along `dim`."""
    if dim is None:
        if type(t) is Batched:
            raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return t
    if not isinstance(t, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(t)}. Did you mean to set out_dims= to None for output?"
        )
    found = whole(t, level)
    if found is None:
        at = in_range(dim, t.ndim + 1)
        return F.expand(t, (*t.shape[:at], level.size, *t.shape[at:]))  # PyTorch's convention, also where that is another dimension
    return found if dim == 0 else F.movedim(found, 0, in_range(dim, found.ndim))


def _check_out_dims(out_dims: Any, func: Callable[..., Any]) -> None:
    for dim in taken_apart(out_dims)[0]:
        if not (dim is None or isinstance(dim, int)):
            raise ValueError(
                f"vmap({name_of(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints "
                "representing where in the outputs the vmapped dimension should appear."
            )


def _joined(made: list[Any], out_dims: Any) -> Any:
    """The results of all chunks, joined along the dimension of samples."""
    apart = [taken_apart(one) for one in made]
    structure = apart[0][1]
    dims = spread_over(out_dims, structure) or []
    columns = zip(*(leaves for leaves, _ in apart), strict=True)
    return put_together([F.cat(list(c), dim) for c, dim in zip(columns, dims, strict=True)], structure)
