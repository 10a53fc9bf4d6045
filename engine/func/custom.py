"""Custom functions inside of transforms: their `vmap`, or one made from their `forward` and `backward`."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..autograd.function import Function, run
from ..batching import apart, batched, innermost, spread, whole
from ..registry import F
from ..tensor import Tensor
from ..transforms import Level, Outside, Running, running
from .trees import put_together, spread_over, taken_apart

MORE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"
NO_SETUP = (
    "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the setup_context "
    f"staticmethod. {MORE}"
)
BOTH = (
    "You tried to vmap over {0}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod. Please set "
    f"generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity. {MORE}"
)
NEITHER = (
    "You tried to vmap over {0}, but it does not have vmap support. Please override and implement the vmap staticmethod or set "
    f"generate_vmap_rule=True. {MORE}"
)
TWO = (
    "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with the output. Got {} "
    "instead"
)


class VmapInfo(NamedTuple):
    """What the `vmap` of a custom function is told of the batch."""

    batch_size: int
    randomness: str


def apply(cls: Any, values: tuple[Any, ...]) -> Any:
    """`cls.apply(*values)` inside of a transform. Raises RuntimeError where the class does not say how that is to be done."""
    if cls.setup_context is Function.setup_context:
        raise RuntimeError(NO_SETUP)
    overridden = cls.vmap is not Function.vmap
    if any(level.size is not None for level in running()) and overridden == cls.generate_vmap_rule:
        raise RuntimeError((BOTH if overridden else NEITHER).format(cls.__name__))
    level = innermost(values)
    if level is None:
        return run(cls, values, True)
    given = [_whole(v, level) for v in values]
    dims = tuple(None if g is v else 0 for g, v in zip(given, values, strict=True))
    with Outside(level):
        if overridden:
            result = cls.vmap(VmapInfo(level.size or 0, level.randomness), dims, *given)
        else:
            vmapped = _Vmapped(cls, dims, level)
            result = vmapped.function().apply(*given), vmapped.out_dims
    if not isinstance(result, tuple):
        raise RuntimeError(TWO.format(f"a {type(result)}"))
    if len(result) != 2:
        raise RuntimeError(TWO.format(f"{len(result)} returns"))
    return _samples(*result, level)


def _whole(v: Any, level: Level) -> Any:
    if not isinstance(v, Tensor):
        return v
    found = whole(v, level)
    return found if found is not None else spread(v, level) if apart(v, level) else v


def _samples(tree: Any, dims: Any, level: Level) -> Any:
    """The tensors that have a dimension of samples, as one sample each."""
    leaves, structure = taken_apart(tree)
    each = spread_over(dims, structure) or [dims] * len(leaves)
    made = [
        batched(F.movedim(t, d, 0) if d else t, level) if d is not None and isinstance(t, Tensor) else t
        for t, d in zip(leaves, each, strict=True)
    ]
    return put_together(made, structure)


def _batches(tree: Any, level: Level) -> tuple[Any, Any]:
    """The batches behind samples, and which of the leaves have one: 0 or None each."""
    leaves, structure = taken_apart(tree)
    found = [whole(t, level) for t in leaves]
    dims = put_together([None if w is None else 0 for w in found], structure)
    return put_together([t if w is None else w for t, w in zip(leaves, found, strict=True)], structure), dims


class _Inside:
    """The context as the function sees it in a batch: what it keeps are samples."""

    def __init__(self, ctx: Any, level: Level, vmapped: _Vmapped) -> None:
        self.__dict__.update(_ctx=ctx, _level=level, _vmapped=vmapped)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._ctx, name, value)

    def save_for_backward(self, *tensors: Any) -> None:
        made, self._vmapped.saved_dims = _batches(tensors, self._level)
        self._ctx.save_for_backward(*made)

    def save_for_forward(self, *tensors: Any) -> None:
        made, self._vmapped.saved_dims = _batches(tensors, self._level)
        self._ctx.save_for_forward(*made)

    @property
    def saved_tensors(self) -> Any:
        return _samples(self._ctx.saved_tensors, self._vmapped.saved_dims, self._level)


class _Vmapped:
    """One call of a custom function on a batch: the function that makes it, and which tensors of it have samples."""

    def __init__(self, cls: Any, dims: tuple[Any, ...], level: Level) -> None:
        self.cls, self.dims, self.size, self.randomness = cls, dims, level.size, level.randomness
        self.out_dims: Any = None
        self.saved_dims: Any = ()

    def function(self) -> Any:
        methods = {name: staticmethod(getattr(self, name)) for name in ("forward", "setup_context", "backward", "jvp")}
        return type(f"Vmapped{self.cls.__name__}", (Function,), {**methods, "generate_vmap_rule": True})

    def forward(self, *values: Any) -> Any:
        with Running(self.size, self.randomness) as level:
            made, self.out_dims = _batches(self.cls.forward(*_samples(values, self.dims, level)), level)
        return made

    def setup_context(self, ctx: Any, inputs: Any, output: Any) -> None:
        with Running(self.size, self.randomness) as level:
            samples = _samples(inputs, self.dims, level), _samples(output, self.out_dims, level)
            self.cls.setup_context(_Inside(ctx, level, self), *samples)

    def backward(self, ctx: Any, *gs: Any) -> Any:
        out_dims = self.out_dims if isinstance(self.out_dims, tuple) else (self.out_dims,)
        with Running(self.size, self.randomness) as level:
            results = self.cls.backward(_Inside(ctx, level, self), *_samples(gs, out_dims, level))
            results = results if isinstance(results, tuple) else (results,)
            return tuple(_reduced(g, dim, level) for g, dim in zip(results, self.dims, strict=False))

    def jvp(self, ctx: Any, *tangents: Any) -> Any:
        out_dims = self.out_dims if isinstance(self.out_dims, tuple) else (self.out_dims,)
        with Running(self.size, self.randomness) as level:
            results = self.cls.jvp(_Inside(ctx, level, self), *_samples(tangents, self.dims, level))
            several = results if isinstance(results, tuple) else (results,)
            made = tuple(_reduced(t, dim, level) for t, dim in zip(several, out_dims, strict=False))
        return made if isinstance(results, tuple) else made[0]


def _reduced(g: Any, dim: Any, level: Level) -> Any:
    """A gradient as that of an argument with samples, or of one that is the same for all."""
    if g is None:
        return None
    found = whole(g, level)
    if dim is None:
        return g if found is None else F.sum(found, (0,))
    return spread(g, level) if found is None else found
