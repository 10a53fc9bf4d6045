"""Which ops a thread runs, one line each, as PyTorch's logging mode writes them, and from where each was called."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from . import modes
from .dtypes import dtype
from .schema import Argument
from .tensor import Tensor
from .texts import HERE

if TYPE_CHECKING:
    from .declaration import Declaration

NAMESPACES = ("linalg", "special", "fft")  # those that are part of a name in ATen


class Journal:
    """A context that writes down what runs inside: `lines` the ops, `places` their callers, innermost first."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.places: list[list[str]] = []
        self._numbers: dict[int, tuple[weakref.ref[Tensor], int]] = {}
        self._count = 0

    def __enter__(self) -> Journal:
        self._token = _open.set((*_open.get(), self))
        modes.set_bit(modes.JOURNAL, True)
        return self

    def __exit__(self, *exc: object) -> None:
        _open.reset(self._token)
        modes.set_bit(modes.JOURNAL, bool(_open.get()))

    def add(self, op: Declaration, values: Sequence[Any], outs: Sequence[Tensor]) -> None:
        given = ", ".join(_texts(self, op, values))
        several = [f"{self.named(t)}: {_kind(t)}" for t in outs]
        result = several if op.schema.returns_list else several[0] if len(several) == 1 else tuple(several)
        apart = f"{op.schema.namespace}_" if op.schema.namespace in NAMESPACES else ""
        name = apart + op.schema.name + "_" * (bool(values) and outs[0] is values[0] and not op.schema.is_inplace)
        self.lines.append(f"{result} = torch._ops.aten.{name}.{op.schema.overload or 'default'}({given})")
        self.places.append(_callers())

    def named(self, t: Tensor) -> str:
        """`$<number>`, counted from the first tensor that was seen."""
        known = self._numbers.get(id(t))
        if known is None or known[0]() is not t:
            known = self._numbers[id(t)] = weakref.ref(t), self._count
            self._count += 1
        return f"${known[1]}"

    def same(self, made: Tensor, t: Tensor) -> None:
        self.named(t)
        self._numbers[id(made)] = weakref.ref(made), self._numbers[id(t)][1]

    def shown(self, value: Any) -> str:
        if isinstance(value, Tensor):
            return self.named(value)
        return str([self.shown(v) for v in value]) if isinstance(value, list | tuple) else repr(value)


_open: ContextVar[tuple[Journal, ...]] = ContextVar("journals", default=())


def note(op: Declaration, values: Sequence[Any], outs: Sequence[Tensor]) -> None:
    """Have every open journal write down a call: its arguments, and its results before they have a history."""
    for journal in _open.get():
        journal.add(op, values, outs)


def same(made: Tensor, t: Tensor) -> None:
    """Have `made`, the engine's own stand-in for `t`, go by its number."""
    for journal in _open.get():
        journal.same(made, t)


def _texts(journal: Journal, op: Declaration, values: Sequence[Any]) -> Iterator[str]:
    """The arguments given; those at the end that are as by default are left out."""
    both = list(zip(op.schema.arguments, values, strict=False))
    plain = [(a, v) for a, v in both if not a.kwarg_only]
    while plain and _as_by_default(*plain[-1]):
        plain.pop()
    yield from (journal.shown(v) for _, v in plain)
    yield from (f"{a.name}={journal.shown(v)}" for a, v in both if a.kwarg_only and not _as_by_default(a, v))


def _as_by_default(a: Argument, value: Any) -> bool:
    return value is a.default or (type(value) in (bool, int, float, str) and value == a.default)


def _kind(t: Tensor) -> str:
    return f"{_short(t.dtype)}[{', '.join(map(str, t.shape))}]"


def _short(d: dtype) -> str:
    """float32 is f32, bfloat16 bf16, bool b8."""
    digits = d.name.lstrip("abcdefghijklmnopqrstuvwxyz") or "8"
    return ("bf" if d.name.startswith("bf") else d.name[0]) + digits.replace("_", "")


def _callers() -> list[str]:
    frame, made = sys._getframe(1), []
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith((HERE, "<")):
            made.append(f"{code.co_filename}:{frame.f_lineno}:{code.co_name}")
        frame = frame.f_back  # type: ignore[assignment]  # None ends the walk
    return made
