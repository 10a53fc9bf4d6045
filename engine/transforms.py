"""Which transforms of functions are running, and in which order they are nested."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from . import modes

NOT_INSIDE = (
    "You are attempting to call Tensor.{0}() {1}inside of a function being transformed by a functorch transform. This is unsupported, "
    "please attempt to use the functorch transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call {0}() outside of a function being "
    "transformed instead."
)


class Level:
    """One running transform: how deep it is nested, whether it still runs, and for `vmap` how many samples there are."""

    __slots__ = ("depth", "size", "randomness", "running")

    def __init__(self, depth: int, size: int | None, randomness: str) -> None:
        self.depth, self.size, self.randomness, self.running = depth, size, randomness, True


_stack: ContextVar[tuple[Level, ...]] = ContextVar("transforms", default=())
running = _stack.get


class _Stack:
    """Within it these transforms run, and no others."""

    def __enter__(self) -> Any:
        self.token = _stack.set(self.levels())
        self.before = modes.current() & modes.BATCHED
        modes.set_bit(modes.BATCHED, any(level.size is not None for level in running()))

    def __exit__(self, *exc: Any) -> None:
        _stack.reset(self.token)
        modes.set_bit(modes.BATCHED, bool(self.before))

    def levels(self) -> tuple[Level, ...]:
        raise NotImplementedError


class Running(_Stack):
    """`with Running(size) as level:` one more transform runs inside, which batches where `size` is given."""

    def __init__(self, size: int | None = None, randomness: str = "error") -> None:
        self.level = Level(len(running()) + 1, size, randomness)

    def levels(self) -> tuple[Level, ...]:
        return (*running(), self.level)

    def __enter__(self) -> Level:
        super().__enter__()
        return self.level

    def __exit__(self, *exc: Any) -> None:
        self.level.running = False
        super().__exit__(*exc)


class Outside(_Stack):
    """`with Outside(level):` only the transforms outside of `level` run."""

    def __init__(self, level: Level) -> None:
        self.level = level

    def levels(self) -> tuple[Level, ...]:
        return running()[: self.level.depth - 1]


def differentiated_inside(level: Level) -> bool:
    """True where a transform that differentiates runs inside `level`."""
    return any(inner.size is None for inner in running()[level.depth :])


def refuse_inside(name: str, hint: str = "") -> None:
    """Raises RuntimeError inside of a transform."""
    if running():
        raise RuntimeError(NOT_INSIDE.format(name, hint))
