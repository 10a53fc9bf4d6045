"""A case: one call's arguments as plain data, exact, printable, and rebuildable from JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from math import copysign, inf, isfinite, prod
from typing import Any, Generic, TypeVar
from zlib import crc32

import ml_dtypes
import numpy as np

T = TypeVar("T")

NUMPY = {
    "bool": np.dtype(np.bool_),
    "uint8": np.dtype(np.uint8),
    "int8": np.dtype(np.int8),
    "int16": np.dtype(np.int16),
    "int32": np.dtype(np.int32),
    "int64": np.dtype(np.int64),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "complex64": np.dtype(np.complex64),
    "complex128": np.dtype(np.complex128),
}
NAME = {d: n for n, d in NUMPY.items()}
FLOATING = ("float32", "float64", "float16", "bfloat16")
COMPLEX = ("complex64", "complex128")
DIFFERENTIABLE = frozenset(FLOATING + COMPLEX)
WIDE = {"float16": "float64", "bfloat16": "float64", "float32": "float64", "complex64": "complex128"}
SINGLE = {"float64": "float32", "complex128": "complex64"}
UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53, "complex64": 2.0**-24, "complex128": 2.0**-53}

FACTORS = ("alpha", "beta", "value")  # arguments that are numbers which terms of a sum are multiplied by
REAL = {"complex64": "float32", "complex128": "float64"}  # the dtype of their parts


class once(Generic[T]):
    """An attribute made at the first look at it: `cached_property` without its lock, which costs more than what is made here."""

    def __init__(self, make: Callable[[Any], T]):
        self.make, self.__doc__ = make, make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, thing: Any, owner: type) -> T:
        made = thing.__dict__[self.name] = self.make(thing)
        return made


class _Omitted:
    """An argument that is not passed, so that its default is used."""

    def __repr__(self) -> str:
        return "OMITTED"


OMITTED = _Omitted()


@dataclass(frozen=True)
class Named:
    """An attribute of the module under test given as an argument: a dtype or a memory format."""

    name: str

    def __repr__(self) -> str:
        return f"torch.{self.name}"


@dataclass(frozen=True, init=False)
class TensorValue:
    """A tensor as data: `root` is its whole buffer, the rest says which elements it shows.

    Where `same_as` is set the very tensor of that argument is passed again.
    """

    dtype: str
    root: np.ndarray
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0
    requires_grad: bool = False
    same_as: str = ""

    def __init__(
        self,
        dtype: str,
        root: np.ndarray,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int = 0,
        requires_grad: bool = False,
        same_as: str = "",
    ):
        # by hand: some are made for every example, and a frozen dataclass sets field by field
        self.__dict__.update(
            dtype=dtype, root=root, shape=shape, strides=strides, offset=offset, requires_grad=requires_grad, same_as=same_as
        )

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @once
    def size(self) -> int:
        return prod(self.shape)

    def view(self, root: np.ndarray | None = None) -> np.ndarray:
        """The elements shown, as a view of `root`."""
        root = self.root if root is None else root
        if self.dense:
            return root.reshape(self.shape)
        return np.ndarray(self.shape, root.dtype, root, self.offset * root.itemsize, self.steps)

    @once
    def steps(self) -> tuple[int, ...]:
        """The strides in bytes."""
        item = self.root.itemsize
        return tuple([s * item for s in self.strides])

    @once
    def dense(self) -> bool:
        """True for a contiguous tensor that fills its buffer and has elements."""
        return self.plain and self.size > 0

    @once
    def plain(self) -> bool:
        """True for a contiguous tensor that fills its buffer."""
        return self.offset == 0 and self.root.size == self.size and self.strides == row_major(self.shape)

    @once
    def fills(self) -> bool:
        """True where the elements, in whatever order, reach from the start of the buffer to its end."""
        if self.dense:
            return True
        return not self.offset and self.root.size == 1 + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))

    def upcast(self) -> TensorValue:
        """The same values in float64 or complex128."""
        wide = WIDE.get(self.dtype)
        return replace(self, dtype=wide, root=self.root.astype(NUMPY[wide])) if wide else self

    def single(self) -> TensorValue:
        """The values rounded to float32 or complex64."""
        narrow = SINGLE.get(self.dtype)
        with np.errstate(all="ignore"):
            return replace(self, dtype=narrow, root=self.root.astype(NUMPY[narrow])) if narrow else self

    def spaced(self) -> TensorValue:
        """The same values at every second place of a larger buffer."""
        root = np.repeat(self.root, 2)
        return replace(self, root=root, strides=tuple(2 * s for s in self.strides), offset=2 * self.offset)

    def perturbed(self, rng: np.random.Generator, unit: float) -> TensorValue:
        """Every element moved by a random relative `unit` up or down."""
        if self.dtype not in DIFFERENTIABLE or not self.root.size:
            return self
        signs = rng.integers(0, 2, self.root.size) * 2.0 - 1.0
        with np.errstate(all="ignore"):
            return replace(self, root=(self.root * (1 + unit * signs)).astype(self.root.dtype))

    def beside(self, seed: int, unit: float) -> TensorValue:
        """`perturbed`, each tensor by numbers of its own, the same for the same elements in any precision."""
        return self.perturbed(np.random.default_rng([seed, crc32(self.root.astype(np.complex128).tobytes())]), unit)

    def magnitude(self) -> TensorValue:
        """The absolute value of every finite element, and 0 for the others."""
        if self.dtype not in DIFFERENTIABLE:
            return self
        return replace(self, root=np.where(np.isfinite(self.root), np.abs(self.root), 0).astype(self.root.dtype))

    def __repr__(self) -> str:
        if self.same_as:
            return f"<the tensor {self.same_as}>"
        values = self.view().tolist() if self.size <= 40 else f"<{self.size} elements>"
        layout = "" if self.plain else f", strides={self.strides}, offset={self.offset}"
        return f"tensor({values}, {self.dtype}, shape={self.shape}{layout}{', requires_grad' if self.requires_grad else ''})"


@lru_cache(1 << 14)
def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides, in elements, of a contiguous tensor: PyTorch counts a side of 0 as 1."""
    strides, step = [], 1
    for side in reversed(shape):
        strides.append(step)
        step *= max(side, 1)
    return tuple(reversed(strides))


def tensor_value(array: np.ndarray, requires_grad: bool = False) -> TensorValue:
    """A contiguous tensor of these elements."""
    array = np.ascontiguousarray(array) if array.ndim else array.copy()
    return TensorValue(NAME[array.dtype], array.reshape(-1), array.shape, row_major(array.shape), 0, requires_grad)


def _cotangents() -> np.ndarray:
    """Distinct, sign-mixed, never 0 or +-1, simplest first, exact in every floating dtype: a misplaced or ignored cotangent shows."""
    simple = [-64, 96, 16, -48, 128, -8, 80, -96]  # in units of 1/32: eight significant bits at most
    pool = [sign * k for k in range(3, 256) for sign in (1, -1) if k != 32 and sign * k not in simple]
    return np.array([*simple, *np.random.default_rng(11).permutation(pool)[:248]]) / 32.0


COTANGENTS = _cotangents()


@cache
def _cotangents_of(dtype: str) -> np.ndarray:
    """The pool in `dtype`, complex numbers with another member as their imaginary part."""
    values = COTANGENTS + 1j * np.roll(COTANGENTS, -3) if dtype in COMPLEX else COTANGENTS
    return values.astype(NUMPY.get(dtype, NUMPY["float32"]))


@lru_cache(1 << 12)
def _ramp(start: int, count: int) -> np.ndarray:
    """The numbers from `start` on, as bytes."""
    return np.arange(start, start + count).astype(np.uint8)


def least_precise(dtypes: Iterable[str]) -> str:
    """The floating dtype with the largest unit in the last place; float64 where none is floating."""
    return max((REAL.get(n, n) for n in dtypes if n in UNIT), key=lambda n: UNIT[n], default="float64")


@dataclass(frozen=True, init=False)
class Case:
    """One call: the op's key, its arguments in order of the signature, and bytes for whatever a property must choose.

    `changed` is set on copies with other numbers only: it makes those of the cotangents.
    """

    op: str
    args: dict[str, Any]
    noise: bytes = bytes(20)  # 8 choices, then 12 that shift the cotangents
    spoiled: str = ""
    changed: Callable[[TensorValue], TensorValue] | None = field(default=None, compare=False, repr=False)
    _made: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)  # both sides ask for the same

    def __init__(
        self,
        op: str,
        args: dict[str, Any],
        noise: bytes = bytes(20),
        spoiled: str = "",
        changed: Callable[[TensorValue], TensorValue] | None = None,
    ):
        self.__dict__.update(op=op, args=args, noise=noise, spoiled=spoiled, changed=changed, _made={})  # by hand for the same reason

    def made(self, key: str, make: Callable[[Case], T]) -> T:
        """What `make` makes of the case, once for both sides."""
        if key not in self._made:
            self._made[key] = make(self)
        return self._made[key]

    def choice(self, slot: int, options: int) -> int:
        """The choice of `slot` among `options`, 0 the simplest."""
        return self.noise[slot] % options

    def cotangent(self, shape: tuple[int, ...], dtype: str, slot: int = 0) -> TensorValue:
        """A random sign-mixed tensor; each `slot` gives another one."""
        key = (shape, dtype, slot)
        value = self._made.get(key)
        if value is None:
            value = self._made[key] = self._cotangent(shape, dtype, slot)
        return self.changed(value) if self.changed is not None else value

    def _cotangent(self, shape: tuple[int, ...], dtype: str, slot: int) -> TensorValue:
        count = prod(shape)
        index = np.frombuffer(self.noise[8:] * -(-count // 12), np.uint8, count) + _ramp(7 * slot, count)
        root = _cotangents_of(dtype).take(index)
        return TensorValue(NAME[root.dtype], root, shape, row_major(shape))

    def tensors(self) -> dict[str, TensorValue]:
        """Every tensor argument by name; those in a list as `name[i]`."""
        found = {}
        for name, value in self.args.items():
            if isinstance(value, TensorValue):
                found[name] = value
            elif isinstance(value, list):
                found.update({f"{name}[{i}]": v for i, v in enumerate(value) if isinstance(v, TensorValue)})
        return found

    def _map(self, change: Any, **more: Any) -> Case:
        def one(v: Any) -> Any:
            return change(v) if isinstance(v, TensorValue) else [one(x) for x in v] if isinstance(v, list) else v

        return replace(self, args={n: one(v) for n, v in self.args.items()}, **more)

    def spaced(self) -> Case:
        """The same values with every tensor strided, and in what was made of them, where that can be."""
        made = self._map(TensorValue.spaced)
        made._made.update({k: v.spaced() for k, v in self._made.items() if hasattr(v, "spaced") and not isinstance(v, TensorValue)})
        return made

    def narrowest(self) -> str:
        """The least precise floating dtype among tensors and dtype arguments: what results may have been rounded to."""
        named = [v.name for v in self.args.values() if isinstance(v, Named)]
        return least_precise([*(t.dtype for t in self.tensors().values()), *named])

    def upcast(self) -> Case:
        """The case in double precision: the reference of the third tier."""
        return self._renamed(WIDE)._map(TensorValue.upcast)

    def single(self) -> Case:
        """A case of double precision in single: how far PyTorch's own roundings carry there tells how far they do here."""
        return self._renamed(SINGLE)._map(TensorValue.single)

    def _renamed(self, names: dict[str, str]) -> Case:
        """The case with dtype arguments replaced by those `names` has for them."""

        def name(v: Any) -> Any:
            return Named(names[v.name]) if isinstance(v, Named) and v.name in names else v

        return replace(self, args={n: name(v) for n, v in self.args.items()})

    def perturbed(self, rng: np.random.Generator, unit: float) -> Case:
        """The case with every number moved by a relative `unit`, for the conditioning bound."""
        return self._changed(lambda t: t.perturbed(rng, unit))

    def beside(self, seed: int) -> Case:
        """The case with every number moved so far that it rounds otherwise, by the root of the least precise unit."""
        return self._changed(lambda t: t.beside(seed, UNIT[self.narrowest()] ** 0.5))

    def magnitudes(self) -> Case:
        """The case in double precision with no number negative, infinite or NaN: how large the terms of a sum are together.

        A factor below 1 is made 1: it may come before the sum, or after it.
        """
        made = self.upcast()._changed(TensorValue.magnitude)
        return replace(made, args={n: _magnitude(v) if n in FACTORS else v for n, v in made.args.items()})

    def has_both_zeros(self) -> bool:
        """True where there are zeros of both signs among the elements."""
        roots = [np.asarray(t.root, np.float64) for t in self.tensors().values() if t.dtype in FLOATING]
        signs = [np.signbit(root[root == 0]) for root in roots]
        return any(s.any() for s in signs) and not all(s.all() for s in signs)

    def _changed(self, change: Callable[[TensorValue], TensorValue]) -> Case:
        return self._map(change, changed=change)

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(f'{n}={v!r}' for n, v in self.args.items() if v is not OMITTED)})"

    def to_json(self) -> dict[str, Any]:
        return {"op": self.op, "args": {n: _encode(v) for n, v in self.args.items()}, "noise": self.noise.hex(), "spoiled": self.spoiled}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Case:
        return Case(data["op"], {n: _decode(v) for n, v in data["args"].items()}, bytes.fromhex(data["noise"]), data.get("spoiled", ""))

    def census(self) -> list[str]:
        """Words for what was generated: counted by the sweep."""
        words: list[str] = []
        for t in self.tensors().values():
            words += _form(t.dtype, len(t.shape), t.plain, 0 in t.shape, bool(t.same_as))
            if t.dtype in DIFFERENTIABLE and t.root.size:
                words += _special(t.root)
        return words


@cache
def _form(dtype: str, rank: int, plain: bool, empty: bool, aliased: bool) -> list[str]:
    words = (("strided", not plain), ("empty", empty), ("aliased", aliased))
    return [f"dtype {dtype}", f"rank {rank}", *(word for word, holds in words if holds)]


def _special(root: np.ndarray) -> list[str]:
    """Which special numbers are among the elements. Plain Python: for a few dozen numbers it is faster than NumPy."""
    wide = root if root.dtype.kind in "cf" else root.astype(np.float32)
    values = wide.view(wide.real.dtype).tolist() if root.dtype.kind == "c" else wide.tolist()
    numbers = set(values)
    words = []
    finite = isfinite(sum(numbers))  # else there may be such numbers
    if not finite and any(x != x for x in numbers):
        words.append("nan")
    if inf in numbers or -inf in numbers:
        words.append("inf")
    if 0.0 in numbers and [x for x in values if not x and copysign(1, x) < 0]:  # a set keeps one zero of the two
        words.append("negative zero")
    if min(map(abs, numbers - {0.0} if finite else {x for x in numbers if x and x == x}), default=inf) < 1.18e-38:
        words.append("subnormal")
    return words


def _magnitude(factor: Any) -> Any:
    """At least 1, or 0: tensors and what is no number stay as they are."""
    return max(abs(factor), 1) if isinstance(factor, int | float | complex) and not isinstance(factor, bool) and factor else factor


def _encode(value: Any) -> Any:
    if value is OMITTED:
        return {"omitted": True}
    if isinstance(value, Named):
        return {"named": value.name}
    if isinstance(value, TensorValue):
        fields: dict[str, Any] = {"dtype": value.dtype, "shape": list(value.shape), "values": [_number(x) for x in value.root.tolist()]}
        if not value.plain:
            fields.update(strides=list(value.strides), offset=value.offset)
        if value.requires_grad:
            fields["requires_grad"] = True
        if value.same_as:
            fields["same_as"] = value.same_as
        return {"tensor": fields}
    if isinstance(value, tuple):
        return {"tuple": [_encode(v) for v in value]}
    if isinstance(value, list):
        return [_encode(v) for v in value]
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if value is Ellipsis:
        return {"ellipsis": True}
    return {"number": _number(value)} if isinstance(value, (float, complex)) else value


def _number(x: Any) -> Any:
    if isinstance(x, complex):
        return [_number(x.real), _number(x.imag)]
    if isinstance(x, float) and (x != x or x in (float("inf"), float("-inf"))):
        return str(x)
    return x if isinstance(x, (bool, int, float)) else float(x)


def _plain_number(x: Any) -> Any:
    if isinstance(x, list):
        return complex(_plain_number(x[0]), _plain_number(x[1]))
    return float(x) if isinstance(x, str) else x


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(v) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, body),) = value.items()
    if kind == "tensor":
        return _decode_tensor(body)
    if kind == "number":
        return _plain_number(body)
    return {
        "omitted": lambda: OMITTED,
        "named": lambda: Named(body),
        "tuple": lambda: tuple(_decode(v) for v in body),
        "slice": lambda: slice(*body),
        "ellipsis": lambda: Ellipsis,
    }[kind]()


def _decode_tensor(body: dict[str, Any]) -> TensorValue:
    root = np.array([_plain_number(x) for x in body["values"]], dtype=NUMPY[body["dtype"]])
    shape = tuple(body["shape"])
    strides = tuple(body["strides"]) if "strides" in body else row_major(shape)
    return TensorValue(
        body["dtype"], root, shape, strides, body.get("offset", 0), body.get("requires_grad", False), body.get("same_as", "")
    )
