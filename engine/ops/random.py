"""Random tensors: even, normal, whole numbers, permutations, coins, and dropout."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import dtypes, modes
from ..calls import FUNCTIONS
from ..dtypes import OF_NUMPY, dtype
from ..op import F, Op, composite, op, plain, write
from ..operands import array_of
from ..out import take_shape
from ..overlap import check_no_overlap
from ..randomness import Generator, default_generator, numbers
from ..tensor import Tensor
from .create import OPTIONS, checked, default, factory, like
from .shape import expanded

Draw = Any  # (generator, shape, dtype) -> array
BOUND = (
    "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, please report an "
    "enhancement request to PyTorch.)"
)
GENERATOR = "Generator? generator=None"


def not_for(kernel: str, d: dtype) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for '{d.scalar_name}'")


# -- what is drawn ----------------------------------------------------------------------------------------------------------------
def even(generator: Generator | None, shape: Any, to: np.dtype, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Numbers with `low <= x < high`."""
    d = OF_NUMPY[to]
    if d.category != 2 and not d.is_complex:
        raise not_for("check_uniform_bounds", d)
    if not low <= high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    if d.is_complex:
        return (even(generator, shape, d.to_real().np) + 1j * even(generator, shape, d.to_real().np)).astype(to)
    made = numbers(generator).random(shape) * (high - low) + low
    return np.minimum(made.astype(to), np.nextafter(to.type(high), to.type(low))) if high > low else made.astype(to)


def normal(generator: Generator | None, shape: Any, to: np.dtype, mean: float = 0.0, std: float = 1.0) -> np.ndarray:
    """Normally distributed numbers; of complex ones, both parts have half the variance."""
    d = OF_NUMPY[to]
    if d.is_complex:
        parts = (numbers(generator).standard_normal(shape) * (std / np.sqrt(2)) for _ in range(2))
        return (next(parts) + 1j * next(parts) + mean).astype(to)
    if d.category != 2 and math.prod(shape):
        raise not_for("normal_kernel_cpu", d)
    return np.asarray(numbers(generator).standard_normal(shape) * std + mean).astype(to)


def whole_numbers(generator: Generator | None, shape: Any, to: np.dtype, low: int, high: int) -> np.ndarray:
    """Integers with `low <= n < high`."""
    d = OF_NUMPY[to]
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if d.is_complex:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    if d.category == 2:
        warn_of_gaps(d, low, high)
    else:
        most = 1 if d.category == 0 else np.iinfo(to).max
        least = 0 if d.category == 0 else np.iinfo(to).min
        for word, value in (("from", low), ("to - 1", high - 1)):
            if not least <= value <= most:
                raise RuntimeError(f"{word} is out of bounds for {WORDS[d.name]}")
    return np.asarray(numbers(generator).integers(low, high, shape)).astype(to)


def warn_of_gaps(d: dtype, low: int, high: int) -> None:
    """Warns where not every integer in the range is a number of that dtype."""
    digits = DIGITS[d.name]
    for word, value in (("from", low), ("to - 1", high - 1)):
        if abs(value) > 2**digits:
            warnings.warn(
                f"{word} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {REALS[d.name]} can support discrete "
                "uniform distribution only within this range. This warning will become an error in version 1.7 release, please fix the "
                "code in advance",
                UserWarning,
                stacklevel=5,
            )


DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # of a significand
REALS = {"float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double"}
WORDS = {"bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long"}


def permuted(generator: Generator | None, n: int, to: np.dtype) -> np.ndarray:
    d = OF_NUMPY[to]
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: {[n]}")
    if d.category in (0, 3):
        raise not_for("randperm", d)
    if d.category == 1 and n - 1 > np.iinfo(to).max:
        raise RuntimeError(f"value cannot be converted to type {to.name}_t without overflow")
    return numbers(generator).permutation(n).astype(to)


def coins(generator: Generator | None, p: Any, shape: Any, to: np.dtype) -> np.ndarray:
    """Ones with probability `p`, else zeros."""
    return np.asarray(numbers(generator).random(shape) < p).astype(to)


# -- of a given size, or like another tensor ----------------------------------------------------------------------------------------
# Each of these exists with a generator and without: `{generator}` stands for its place in the signature.
FROM = "Generator? generator, "
LIKE = "OPTIONS, MemoryFormat? memory_format=None) -> Tensor"


def integral(given: dtype | None) -> np.dtype:
    return given.np if isinstance(given, dtypes.dtype) else np.dtype(np.int64)


def drawn(text: str, overload: str, with_generator: str, body: Draw, whole: bool = False) -> None:
    """Declare `text`, in which NAME and FROM stand for the overload and the generator, twice. `body(generator, *arguments)` draws."""
    is_like = "memory_format" in text
    for name, generator in ((overload, ""), (with_generator, FROM)):
        made = text.replace("NAME", name and "." + name).replace("FROM", generator)
        if whole:  # PyTorch's signatures have the number of int64 there
            made = made.replace("OPTIONS", OPTIONS.replace("dtype=None", "dtype=4"))

        def call(*values: Any, named: bool = bool(generator)) -> np.ndarray:
            tail = 5 if is_like else 4
            given, (dtype, *_, last) = values[: -tail - named], values[-tail:]
            source = values[-tail - 1] if named else None
            return body(source, *given, dtype, last) if is_like else body(source, *given, dtype)

        # PyTorch has no rule for batches of those that are like another and take a generator, or a bound in a tensor
        factory(made, out=not is_like, random=not (is_like and (generator or overload == "Tensor")))(call)


def like_drawn(draw: Draw) -> Draw:
    """What makes a tensor like another of what `draw(generator, shape, dtype, *more)` draws."""

    def body(generator: Any, self: np.ndarray, *more: Any) -> np.ndarray:
        *given, dtype, memory_format = more
        made = like(self, dtype, memory_format)
        made[...] = draw(generator, made.shape, made.dtype, *given)
        return made

    return body


def sized(draw: Draw) -> Draw:
    return lambda generator, size, dtype: draw(generator, checked(size), default(dtype))


for _name, _draw in (("rand", even), ("randn", normal)):
    drawn(f"{_name}NAME(SymInt[] size, *, FROMOPTIONS) -> Tensor", "", "generator", sized(_draw))
    drawn(f"{_name}_likeNAME(Tensor self, *, FROM{LIKE}", "", "generator", like_drawn(_draw))
drawn(
    "randintNAME(SymInt high, SymInt[] size, *, FROMOPTIONS) -> Tensor", "", "generator",
    lambda generator, high, size, dtype: whole_numbers(generator, checked(size), integral(dtype), 0, high), True,
)  # fmt: skip
drawn(
    "randintNAME(SymInt low, SymInt high, SymInt[] size, *, FROMOPTIONS) -> Tensor", "low", "low_generator",
    lambda generator, low, high, size, dtype: whole_numbers(generator, checked(size), integral(dtype), low, high), True,
)  # fmt: skip
drawn(
    "randpermNAME(SymInt n, *, FROMOPTIONS) -> Tensor", "", "generator",
    lambda generator, n, dtype: permuted(generator, n, integral(dtype)), True,
)  # fmt: skip


def below(generator: Any, shape: Any, to: np.dtype, high: Any) -> np.ndarray:
    """Whole numbers from 0; the bound may be a tensor of one."""
    if isinstance(high, np.ndarray):
        if high.ndim:
            raise RuntimeError("high must be a scalar tensor and on CPU")
        high = int(high.real)
    return whole_numbers(generator, shape, to, 0, high)


drawn(f"randint_likeNAME(Tensor self, SymInt high, *, FROM{LIKE}", "", "generator", like_drawn(below))
drawn(f"randint_likeNAME(Tensor self, Tensor high, *, FROM{LIKE}", "Tensor", "Tensor_generator", like_drawn(below))
drawn(
    f"randint_likeNAME(Tensor self, SymInt low, SymInt high, *, FROM{LIKE}", "low_dtype", "low_generator_dtype", like_drawn(whole_numbers)
)


# -- in place ---------------------------------------------------------------------------------------------------------------------
def _normal_in(self: np.ndarray, mean: float, std: float, generator: Any) -> np.ndarray:
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    return normal(generator, self.shape, self.dtype, mean, std)


def _even_in(self: np.ndarray, low: float, high: float, generator: Any) -> np.ndarray:
    return even(generator, self.shape, self.dtype, low, high)


def _coins_in(self: np.ndarray, p: float, generator: Any) -> np.ndarray:
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if OF_NUMPY[self.dtype].is_complex and self.size:
        check_no_overlap(self)
        raise not_for("bernoulli_scalar_cpu_", OF_NUMPY[self.dtype])
    return coins(generator, p, self.shape, self.dtype)


def _coins_by(self: np.ndarray, p: np.ndarray, generator: Any) -> np.ndarray:
    """Coins in the dtype of `self`, each with the probability that `p` has there; PyTorch does not look at it for none."""
    if not self.size:
        return self
    check_no_overlap(self)
    if OF_NUMPY[self.dtype].is_complex:
        raise not_for("bernoulli_tensor_cpu_self_", OF_NUMPY[self.dtype])
    p, d = expanded(p, self.shape), OF_NUMPY[p.dtype]
    if d.category != 2:
        raise not_for("bernoulli_tensor_cpu_p_", d)
    if not ((p.real >= 0) & (p.real <= 1)).all():
        raise RuntimeError(BOUND)
    return coins(generator, p.real.astype(d.wide, copy=False), self.shape, self.dtype)


def no_gradient(g: Any) -> Any:
    return F.zeros_like(g)


def no_tangent(values: Any, tangents: Any, outs: list[Tensor]) -> list[Tensor]:
    """What is drawn does not move with what it is drawn for."""
    return [F.zeros_like(outs[0])]


DRAWN: dict[str, Any] = {"random": True, "jvp": no_tangent}


op(f"normal_(Tensor(a!) self, float mean=0., float std=1., *, {GENERATOR}) -> Tensor(a!)",
   write(_normal_in, function=False, **DRAWN), self=no_gradient)  # fmt: skip
op(f"uniform_(Tensor(a!) self, float from=0., float to=1., *, {GENERATOR}) -> Tensor(a!)",
   write(_even_in, function=False, **DRAWN), self=no_gradient)  # fmt: skip
op(f"bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, {GENERATOR}) -> Tensor(a!)",
   write(_coins_by, function=False, **DRAWN, node="BernoulliBackward1"),
   self=no_gradient,
   p=lambda p: F.zeros_like(p))  # fmt: skip
op(f"bernoulli_.float(Tensor(a!) self, float p=0.5, *, {GENERATOR}) -> Tensor(a!)",
   write(_coins_in, function=False, **DRAWN, node="BernoulliBackward2"), self=no_gradient)  # fmt: skip


# -- coins ------------------------------------------------------------------------------------------------------------------------
def _coins_of(self: np.ndarray, generator: Any) -> np.ndarray:
    return _coins_by(np.empty(self.shape, self.dtype), self, generator)


def _coins_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """Coins for a target, in its dtype; it takes the shape without a word."""
    self, [out] = array_of(values[0]), outs
    take_shape(out, self.shape)
    like = out._array if out._array.shape == self.shape else np.empty(self.shape, out._array.dtype)
    return [_coins_by(like, self, values[1])]


def _coins_like(self: np.ndarray, p: float, generator: Any) -> np.ndarray:
    return _coins_in(np.empty(self.shape, self.dtype), p, generator)


op(f"bernoulli(Tensor self, *, {GENERATOR}) -> Tensor",
   plain(_coins_of, out=_coins_into, apart="partly", complex_gradient=False, **DRAWN), self=no_gradient)  # fmt: skip
op(f"bernoulli.p(Tensor self, float p, *, {GENERATOR}) -> Tensor",
   plain(_coins_like, random=True, underived=True, jvp=None), self=no_gradient)  # fmt: skip


@composite("dropout(Tensor input, float p, bool train) -> Tensor", method=False)
def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    if p == 0 or not train or not input.numel():
        return input
    return F.mul(input, kept_of(input, p))


@composite("nn.functional.dropout(Tensor input, float p=0.5, bool training=True, bool inplace=False) -> Tensor")
def dropout_of(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    name = "dropout_" if inplace else "dropout"
    if not isinstance(input, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if not isinstance(training, bool):
        raise TypeError(f"{name}(): argument 'train' (position 3) must be bool, not {type(training).__name__}")
    if inplace and p and training and input.numel():
        into: Any = input
        made: Tensor = into.mul_(kept_of(input, p))
        return made
    return dropout(input, p, training)


def kept_of(input: Tensor, p: float) -> Tensor:
    """For every element 0 where it is dropped, else what makes up for those that are."""
    if p == 1:
        return F.new_zeros(input, ())
    if modes.current() & modes.BATCHED:  # where nothing is written that may be of no sample
        return F.div(F.to(F.lt(F.rand_like(input), 1 - p), input.dtype), 1 - p)
    noise: Any = F.empty_like(input)
    made: Tensor = noise.bernoulli_(1 - p).div_(1 - p)
    return made


# -- seeds ------------------------------------------------------------------------------------------------------------------------
def manual_seed(seed: int) -> Generator:
    """Start the default generator again from `seed`, and return it."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator again from a seed of the machine's choice, which is returned."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default generator started from."""
    return default_generator.initial_seed()


FUNCTIONS.update(manual_seed=manual_seed, seed=seed, initial_seed=initial_seed)
