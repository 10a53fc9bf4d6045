"""Where random numbers come from, and what a function that draws some does in a batch: the same for every sample, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .batching import batched, spread, whole
from .device import device as Device
from .parameter import register
from .registry import F
from .tensor import Tensor, wrap
from .transforms import REFUSED, Level, Outside, running

WORDS = {
    "error": "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness flags "
    "on vmap or perform the randomness operation out of vmap",
    REFUSED: "vmap: We do not yet support calling random operations inside of vmap. Please perform random operations outside of vmap as a "
    "workaround",
}
SAME_OF_SAMPLES = "Vmap does not currently support same randomness with a batched tensor input. Please file an issue with functorch"
INTO_CAPTURED = (
    "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same randomness. If this is necessary "
    "for your usage, please file an issue with functorch."
)


FIRST_SEED = 67280421310721  # PyTorch's


class Generator:
    """A source of random numbers: the same ones after the same seed. They are not PyTorch's."""

    def __init__(self, device: Any = "cpu") -> None:
        self.manual_seed(FIRST_SEED)

    @property
    def device(self) -> Device:
        return Device("cpu")

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed`; returns the generator."""
        self._seed = int(seed)
        self.numbers = np.random.default_rng(self._seed % 2**64)
        return self

    def seed(self) -> int:
        """Start again from a seed of the machine's choice, which it returns."""
        self.manual_seed(int(np.random.SeedSequence().entropy) % 2**64)  # type: ignore[arg-type]  # an int where none was given
        return self._seed

    def initial_seed(self) -> int:
        return self._seed

    def again_from_here(self) -> Callable[[], None]:
        """What makes the generator draw the same as from now on once more."""
        source, state = self.numbers.bit_generator, self.numbers.bit_generator.state

        def rewind() -> None:
            source.state = state

        return rewind

    def here(self) -> tuple[np.random.Generator, Any, int]:
        """What `going_on_from` takes to draw the same as from now on once more."""
        return self.numbers, self.numbers.bit_generator.state, self._seed

    @contextmanager
    def going_on_from(self, place: tuple[np.random.Generator, Any, int]) -> Iterator[None]:
        """Inside, what is drawn goes on from `place`; afterwards from where it was."""
        left = self.here()
        self._go(*place)
        try:
            yield
        finally:
            self._go(*left)

    def _go(self, source: np.random.Generator, state: Any, seed: int) -> None:
        self.numbers, self._seed = source, seed
        source.bit_generator.state = state


register("Generator", Generator)
default_generator = Generator()
default_generator.seed()


def numbers(generator: Generator | None = None) -> np.random.Generator:
    """NumPy's generator behind one, or behind the default one."""
    return (generator or default_generator).numbers


# -- in a batch -------------------------------------------------------------------------------------------------------------------
def run(op: Any, values: list[Any]) -> Any:
    """Call `op`, which draws numbers, in a batch. Raises RuntimeError where its `randomness` does not allow it."""
    level = _innermost()
    if op.schema.is_inplace:
        return _run_in_place(op, values, level)
    batch = whole(values[0], level)
    if level.randomness == "same":
        if batch is not None and not _draws_by_shape(op):
            raise RuntimeError(SAME_OF_SAMPLES)
        first = values[0] if batch is None else F.select(batch, 0, 0)
        with Outside(level):
            return op.run([first, *values[1:]])
    with Outside(level):
        made = _of_all(op, values, batch, level)
    return batched(made, level)


def _innermost() -> Level:
    """The innermost batch that runs. Raises RuntimeError where it allows nothing random."""
    level = next(level for level in reversed(running()) if level.size is not None)
    if level.randomness in WORDS:
        raise RuntimeError(WORDS[level.randomness])
    return level


def _draws_by_shape(op: Any) -> bool:
    """True where only the shape and dtype of a tensor decide what is drawn, not its elements."""
    return bool(op.schema.name.endswith("_like"))


def _of_all(op: Any, values: list[Any], batch: Tensor | None, level: Level) -> Tensor:
    """What is drawn for every sample, along dimension 0."""
    names, count = op.schema.names, level.size or 0
    if isinstance(values[0], Tensor):
        return op.run([spread(values[0], level) if batch is None else batch, *values[1:]])
    if "size" in names:
        at = names.index("size")
        return op.run([*values[:at], (count, *values[at]), *values[at + 1 :]])
    drawn = [op.run(values) for _ in range(count)]
    return F.stack(drawn) if drawn else F.expand(F.unsqueeze(op.run(values), 0), (0, *op.run(values).shape))


def _run_in_place(op: Any, values: Sequence[Any], level: Level) -> Tensor:
    into: Tensor = values[0]
    batch = whole(into, level)
    if batch is None and level.randomness == "different":
        raise RuntimeError(INTO_CAPTURED)
    with Outside(level):
        if batch is None:
            op.run_inplace([into, *values[1:]])
        elif level.randomness == "different":
            op.run_inplace([batch, *values[1:]])
        else:
            drawn = wrap(np.zeros(into._array.shape, into._dtype.np), into._dtype)  # of no sample, not of an outer batch either
            F.copy_(batch, op.run_inplace([drawn, *values[1:]]))
    return into


__all__ = ["Generator", "default_generator", "numbers", "run"]
