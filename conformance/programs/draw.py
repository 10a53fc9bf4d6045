"""Drawn data for programs: shapes, dtypes, values and choices, each from single bytes with the simplest choice at zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, TypeVar

from ..case import WIDE
from ..source import Source

T = TypeVar("T")

SIDES = (2, 1, 3, 4)
FLOATS = ("float32", "float64")
# Simplest first, so that a smaller byte is a simpler number. All but the last three are exact in every floating dtype.
VALUES = (1.0, 2.0, -1.0, 3.0, 0.5, -2.0, 4.0, -0.5, 1.5, -3.0, 0.25, 5.0, -1.5, 0.75, 7.0, -4.0, 0.0, 10.0, 2.5, -0.25, 0.1, -0.3, 1.7)


class Draw:
    """The data of one case, as tensors of the backend `B`. `log` keeps what was drawn, in order, for a stand-alone script."""

    def __init__(self, B: Any, source: Source):
        self.B, self.source = B, source
        self.log: list[Any] = []

    def _kept(self, value: T) -> T:
        self.log.append(value)
        return value

    def integer(self, low: int, high: int) -> int:
        """An integer from `low`, the simplest, to `high`, both included."""
        return self._kept(low + self.source.u8() % (high - low + 1))

    def flag(self) -> bool:
        """False, the simplest, or True."""
        return self._kept(bool(self.source.u8() & 1))

    def choice(self, options: Sequence[T]) -> T:
        """One of `options`, the first being the simplest."""
        index = self.source.u8() % len(options)
        self.log.append(options[index] if isinstance(options[index], str) else index)
        return options[index]

    def number(self) -> float:
        """One Python float."""
        return self.used(self._kept(VALUES[self.source.u8() % len(VALUES)]))

    def dtype(self, *names: str) -> Any:
        """A dtype of the backend, one of `names`; of the two ordinary floating ones where none are given."""
        names = names or FLOATS
        return getattr(self.B, self.named(self._kept(names[self.source.u8() % len(names)])))

    def named(self, dtype: str) -> str:
        """The dtype used where `dtype` was drawn."""
        return dtype

    def shape(self, least: int = 0, most: int = 3, empty: bool = False) -> tuple[int, ...]:
        """A shape of `least` to `most` dimensions; a side is 0 only where `empty` asks for it."""
        sides = (*SIDES, 0) if empty else SIDES
        rank = least + self.source.u8() % (most - least + 1)
        return tuple(self._kept([sides[byte % len(sides)] for byte in self.source.bytes(rank)]))

    def floats(self, shape: Sequence[int] = (), dtype: Any = None, requires_grad: bool = False) -> Any:
        """A floating tensor, by default of the default dtype."""
        values = [VALUES[byte % len(VALUES)] for byte in self.source.bytes(_count(shape))]
        return self._tensor(values, shape, self.B.get_default_dtype() if dtype is None else dtype, requires_grad)

    def complexes(self, shape: Sequence[int] = (), dtype: Any = None, requires_grad: bool = False) -> Any:
        """A complex tensor, by default complex64."""
        raw = self.source.bytes(2 * _count(shape))
        parts = [VALUES[byte % len(VALUES)] for byte in raw]
        values = [complex(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return self._tensor(values, shape, getattr(self.B, self.named("complex64")) if dtype is None else dtype, requires_grad)

    def integers(self, shape: Sequence[int] = (), low: int = 0, high: int = 3, dtype: Any = None) -> Any:
        """An integer tensor, by default int64, of values from `low` to `high`, both included."""
        values = [low + byte % (high - low + 1) for byte in self.source.bytes(_count(shape))]
        return self._tensor(values, shape, self.B.int64 if dtype is None else dtype, False)

    def bools(self, shape: Sequence[int] = ()) -> Any:
        """A bool tensor."""
        return self._tensor([bool(byte & 1) for byte in self.source.bytes(_count(shape))], shape, self.B.bool, False)

    def used(self, value: Any) -> Any:
        """The element used where `value` was drawn."""
        return value

    def rounded(self, result: Any, others: Sequence[Any], ulp: int = 4) -> Any:
        """What goes on in place of a result computed beside `others` by an op whose results may be `ulp` apart: the result."""
        return result

    def written(self, tensor: Any, ulp: int = 4) -> None:
        """What becomes of the memory of `tensor`, to which an op has written: nothing."""

    def copied(self, result: Any, label: str) -> Any:
        """What goes on in place of an earlier tensor that a line returned, seen under `label`: the tensor."""
        return result

    def _tensor(self, values: list[Any], shape: Sequence[int], dtype: Any, requires_grad: bool) -> Any:
        nested = _nested([self.used(value) for value in self._kept(values)], list(shape))
        # A size that a list cannot express, such as (0, 3), comes from `reshape`, before the tensor becomes a leaf.
        tensor = self.B.tensor(nested if values or len(shape) == 1 else [], dtype=dtype)
        if not values and len(shape) != 1:
            tensor = tensor.reshape(tuple(shape)).clone()
        return tensor.requires_grad_() if requires_grad else tensor


class Moved(Draw):
    """The same choices in double precision, every real number moved by a random relative `unit` up or down."""

    def __init__(self, B: Any, source: Source, unit: float, seed: int, truth: Mapping[str, Any] | None = None):
        super().__init__(B, source)
        self.unit, self.random, self.truth = unit, Random(seed), truth or {}

    def named(self, dtype: str) -> str:
        return WIDE.get(dtype, dtype)

    def used(self, value: Any) -> Any:
        moved = value * (1 + self.unit * self.random.choice((-1, 1))) if isinstance(value, (float, complex)) else value
        return moved if self.unit else value

    def rounded(self, result: Any, others: Sequence[Any], ulp: int = 4) -> Any:
        """The result as another library may round it, where nobody shares its memory; what its node has kept of it, too."""
        if alone(result, others):
            self.written(result, ulp)
        return result

    def written(self, tensor: Any, ulp: int = 4) -> None:
        """Moves what was written as another library may round it, seen by neither history nor version."""
        if self.unit and _has_digits(tensor):
            with self.B.inference_mode(tensor.is_inference()):
                part = _once(tensor.data)
                part.copy_(self._beside(part, ulp))

    def copied(self, result: Any, label: str) -> Any:
        """A copy where PyTorch's line made a tensor: a cast to double precision of what has it already makes none."""
        return result.clone() if isinstance(self.truth.get(label), list) else result

    def _beside(self, tensor: Any, ulp: int) -> Any:
        signs = [self.random.choice((-1, 1)) for _ in range(tensor.numel())]  # of each: equal numbers need not be rounded alike
        moves = self.B.tensor(signs, dtype=tensor.real.dtype if tensor.is_complex() else tensor.dtype).reshape(tensor.shape)
        return tensor * (1 + ulp / 4 * self.unit * moves)


class Beside(Moved):
    """The same choices in their own precision, moved as `Moved` moves them for the same seed."""

    def named(self, dtype: str) -> str:
        return dtype


class Rounded(Beside):
    """The very case, with results moved by a unit in the last place: one that is cut off, or compared, may show it.

    A relative step of eps is one such unit or two, half of it one or none. First all results are moved alike, then each by chance.
    """

    MOVES: tuple[float, ...] = (1.0, -1.0, 0.5, -0.5)

    def __init__(self, B: Any, source: Source, seed: int):
        super().__init__(B, source, 1.0, seed)
        self.all = self.MOVES[seed : seed + 1]

    def used(self, value: Any) -> Any:
        return value

    def _beside(self, tensor: Any, ulp: int) -> Any:
        step = ulp / 4 * float(self.B.finfo(tensor.dtype).eps) * self.random.choice(self.all or self.MOVES)
        parts = self.B.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
        moved = self.B.where(parts == 0, parts, parts + parts * step)  # not `parts * (1 + step)`: half of eps is lost there
        return self.B.view_as_complex(moved) if tensor.is_complex() else moved


class Further(Rounded):
    """The same, each result by chance and by up to two such steps: no more than the four units that are near at sight."""

    MOVES = tuple(halves / 2 for halves in range(-4, 5))

    def __init__(self, B: Any, source: Source, seed: int):
        super().__init__(B, source, seed)
        self.all = ()


def alone(tensor: Any, others: Sequence[Any]) -> bool:
    """True where none of `others` shares its memory, as far as its first element says."""
    return tensor._base is None and _begin(tensor) not in map(_begin, others)


def _begin(tensor: Any) -> int:
    """Where the memory begins that it is a part of."""
    return int(tensor.data_ptr() - tensor.storage_offset() * tensor.element_size())


def _has_digits(tensor: Any) -> bool:
    return bool(tensor.is_floating_point() or tensor.is_complex())


def _once(tensor: Any) -> Any:
    """The tensor without its repetitions along dimensions that do not step in memory."""
    for at, step in enumerate(tensor.stride()):
        tensor = tensor if step or not tensor.shape[at] else tensor.narrow(at, 0, 1)
    return tensor


def _count(shape: Sequence[int]) -> int:
    count = 1
    for side in shape:
        count *= side
    return count


def _nested(values: list[Any], shape: list[int]) -> Any:
    """`values`, in row-major order, as lists nested like `shape`."""
    if not shape:
        return values[0] if values else 0
    if not values:
        return []
    step = len(values) // shape[0]
    return [_nested(values[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
