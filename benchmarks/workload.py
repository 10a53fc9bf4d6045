"""What a workload is, and the forms most of them have: one function of a namespace, recorded, or forward and backward."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .backends import Backend, Bare, Function, Work
from .names import Inexpressible

WORKLOADS: dict[str, Workload] = {}


class Prepared(NamedTuple):
    """The work to time, and what it makes, by name, so that a run can see that every backend does the same."""

    work: Work
    results: Callable[[], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Workload:
    """One line of the benchmark. `needs` is the path of a name that a namespace may lack, `without` who cannot do it in any words."""

    name: str
    group: str
    text: str
    prepare: Callable[[Backend | Bare], Prepared]
    needs: str = ""
    without: tuple[str, ...] = ()

    def on(self, backend: Backend | Bare) -> Prepared:
        """Raises Inexpressible where the backend cannot do this."""
        if backend.name in self.without or (self.needs and not backend.has(self.needs)):
            raise Inexpressible(self.needs or self.name)
        return self.prepare(backend)


def floor(name: str, backend: Bare, inputs: Sequence[Input]) -> Prepared:
    """The workload by NumPy's calls alone. Raises Inexpressible where nobody has written it."""
    from .floors import FLOORS

    if name not in FLOORS:
        raise Inexpressible(name)
    work, found = FLOORS[name](*given(backend, inputs))

    def results() -> dict[str, np.ndarray]:
        work()
        return {key: np.asarray(value) for key, value in found.items()}

    return Prepared(work, results)


def add(name: str, group: str, text: str, prepare: Callable[[Backend | Bare], Prepared], **limits: Any) -> None:
    """Register a workload; `name` is what a person types, `text` what the files say it is."""
    WORKLOADS[name] = Workload(name, group, text, prepare, **limits)


# -- data ------------------------------------------------------------------------------------------------------------------
class Fixed(NamedTuple):
    """An input that needs no gradient."""

    array: np.ndarray


class Uniform(NamedTuple):
    """Values between `low` and `high` in float32, made when they are needed."""

    shape: tuple[int, ...]
    low: float
    high: float

    def array(self, seed: int) -> np.ndarray:
        made = np.random.default_rng(seed).random(self.shape, np.float32)
        return made * np.float32(self.high - self.low) + np.float32(self.low)


class Distinct(NamedTuple):
    """Numbers in random order of which no two are equal: equal ones may be sorted in any order."""

    shape: tuple[int, ...]

    def array(self, seed: int) -> np.ndarray:
        size = math.prod(self.shape)
        return np.random.default_rng(seed).permutation(size).astype(np.float32).reshape(self.shape) / np.float32(size)


Data = Uniform | Distinct


def cotangent(shape: tuple[int, ...]) -> np.ndarray:
    """What backward starts from where a result is no scalar."""
    return signed(*shape).array(5)


def uniform(*shape: int) -> Uniform:
    return Uniform(shape, 0.5, 1.5)


def signed(*shape: int, scale: float = 1.0) -> Uniform:
    return Uniform(shape, -scale, scale)


def near_one(*shape: int) -> Uniform:
    """What stays a normal number when a thousand of them are multiplied."""
    return Uniform(shape, 0.999, 1.001)


def constant(data: Uniform) -> Callable[[], Fixed]:
    return lambda: Fixed(data.array(99))


def truths(*shape: int) -> Callable[[], Fixed]:
    return lambda: Fixed(signed(*shape).array(3) > 0)


def integers(high: int, *shape: int) -> Callable[[], Fixed]:
    """Numbers from 0 to `high - 1`, for indices and classes."""
    return lambda: Fixed(np.random.default_rng(7).integers(0, high, shape))


Input = Data | Callable[[], Fixed]


def given(backend: Backend | Bare, inputs: Sequence[Input], *, recorded: bool = True) -> list[Any]:
    """The tensors of a workload: leaves that require gradients, or constants."""
    made: list[Any] = []
    for seed, data in enumerate(inputs):
        if isinstance(data, Data):
            made.append((backend.leaf if recorded else backend.constant)(data.array(seed)))
        else:
            made.append(backend.constant(data().array))
    return made


def leaves_of(tensors: Sequence[Any], inputs: Sequence[Input]) -> list[Any]:
    return [t for t, data in zip(tensors, inputs, strict=True) if isinstance(data, Data)]


# -- forms -----------------------------------------------------------------------------------------------------------------
def single(name: str, group: str, text: str, call: Callable[..., Work], *inputs: Input, recorded: bool = True) -> None:
    """One call without backward. `call(names, *tensors)` returns the work, so that nothing is timed beside the call."""

    def prepare(backend: Backend | Bare) -> Prepared:
        if isinstance(backend, Bare):
            return floor(name, backend, inputs)
        work = call(backend.names, *given(backend, inputs, recorded=recorded))
        return Prepared(work, lambda: {"result": backend.array(work())})

    add(name, group, text, prepare)


def trained(name: str, group: str, text: str, f: Function, *inputs: Input, **limits: Any) -> None:
    """Forward and backward of `f(names, *tensors)`; a result that is no scalar gets a random cotangent."""

    def prepare(backend: Backend | Bare) -> Prepared:
        if isinstance(backend, Bare):
            return floor(name, backend, inputs)
        tensors = given(backend, inputs)
        leaves = leaves_of(tensors, inputs)
        bound = f if len(leaves) == len(tensors) else bind(f, tensors, inputs)
        shape = backend.array(bound(backend.names, *leaves)).shape
        seed = cotangent(shape) if shape else None
        work = backend.step(bound, leaves, seed)
        return Prepared(work, lambda: seen(backend, work, leaves))

    add(name, group, text, prepare, **limits)


def twice(name: str, group: str, text: str, f: Function, *inputs: Input) -> None:
    """Double backward: the gradient of the squared norm of the gradient of `f`."""

    def prepare(backend: Backend | Bare) -> Prepared:
        if isinstance(backend, Bare):
            return floor(name, backend, inputs)
        tensors = given(backend, inputs)
        leaves = leaves_of(tensors, inputs)
        work = backend.twice(bind(f, tensors, inputs), leaves)
        return Prepared(work, lambda: seen(backend, work, leaves))

    add(name, group, text, prepare)


def bind(f: Function, tensors: Sequence[Any], inputs: Sequence[Input]) -> Function:
    """`f` as a function of the leaves alone; leaves come first in every workload."""
    fixed = [t for t, data in zip(tensors, inputs, strict=True) if not isinstance(data, Data)]
    return lambda names, *leaves: f(names, *leaves, *fixed)


def seen(backend: Backend, work: Work, leaves: Sequence[Any]) -> dict[str, np.ndarray]:
    result = work()
    found = {} if result is None else {"result": backend.array(result)}
    for i, leaf in enumerate(leaves):
        gradient = backend.gradient(leaf)
        if gradient is not None:
            found[f"gradient {i}"] = gradient
    return found
