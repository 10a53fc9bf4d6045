"""The text of "received an invalid combination of arguments": which signatures there are and why none of them fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .parameter import type_name

_HASH_MULTIPLIER, _WORD = 0xC6A4A7935BD1E995, (1 << 64) - 1


@dataclass
class _Option:
    """One signature text cut at its commas. PyTorch's own reading: `*` counts as an argument, a default as its name."""

    types: list[str]
    names: list[str]

    @classmethod
    def read(cls, signature: str) -> _Option:
        parts = [part.rpartition(" ") for part in signature[1:-1].split(", ")]
        return cls([head if blank else name for head, blank, name in parts], [name for _, _, name in parts])


def no_overload(function: str, args: Sequence[Any], kwargs: Mapping[str, Any], signatures: Sequence[str]) -> str:
    """The whole sentence, for a call none of the `signatures` accepts."""
    ordered = {name: kwargs[name] for name in table_order(list(kwargs))}
    start = f"{function}() received an invalid combination of arguments - got "
    if len(signatures) == 1:
        return start + _one(signatures[0], args, ordered)
    reasons = "".join(f" * {signature}\n{_reason(_Option.read(signature), args, ordered)}" for signature in signatures)
    return start + _given(args, ordered) + ", but expected one of:\n" + reasons


def _one(signature: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    option = _Option.read(signature)
    unknown = _unknown(option, kwargs)
    if unknown:
        return "unrecognized keyword arguments: " + ", ".join(unknown)
    fits = len(option.names) == len(args) + len(kwargs)
    return (_marked(option, args, kwargs) if fits else _given(args, kwargs)) + f", but expected {signature}"


def _reason(option: _Option, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Why one signature with the right number of arguments does not fit; nothing where the number is wrong."""
    if len(option.names) != len(args) + len(kwargs):
        return ""
    unknown = _unknown(option, kwargs)
    if unknown:
        return "      didn't match because some of the keywords were incorrect: " + ", ".join(unknown) + "\n"
    return f"      didn't match because some of the arguments have invalid types: {_marked(option, args, kwargs)}\n"


def _unknown(option: _Option, kwargs: Mapping[str, Any]) -> list[str]:
    last = option.names[max(len(option.names) - len(kwargs), 0) :]
    return [name for name in kwargs if name not in last]


def _given(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    parts = [*map(type_name, args), *(f"{name}={type_name(value)}" for name, value in kwargs.items())]
    return _closed(parts, args)


def _marked(option: _Option, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The given types, those that do not fit between exclamation marks."""
    parts = [_mark(_describe(value), _fits(option.types[i], value)) for i, value in enumerate(args)]
    for i in range(len(args), len(args) + len(kwargs)):
        name = option.names[i]
        parts.append(_mark(f"{name}={_describe(kwargs[name])}", _fits(option.types[i], kwargs[name])))
    return _closed(parts, args)


def _closed(parts: list[str], args: Sequence[Any]) -> str:
    return "(" + ", ".join(parts) + ("" if args or not parts else ", ") + ")"  # PyTorch leaves the comma where only keywords were given


def _mark(text: str, fits: bool) -> str:
    return text if fits else f"!{text}!"


def _fits(wanted: str, value: Any) -> bool:
    return type_name(value) in {"float": ("float", "int", "long"), "int": ("int", "long")}.get(wanted, (wanted,))


def _describe(value: Any) -> str:
    """`list of [int, str]`, `tuple of (int,)`, or the type's name."""
    if not isinstance(value, (list, tuple)):
        return type_name(value)
    inside = ", ".join(map(type_name, value))
    if isinstance(value, list):
        return f"list of [{inside}]"
    return f"{type_name(value)} of ({inside}{',' if len(value) == 1 else ''})"


def table_order(names: list[str]) -> list[str]:
    """Keywords in the order PyTorch lists them: that of the C++ hash table it puts them in (13 buckets, newest first)."""
    order: list[str] = []
    buckets = 13 if len(names) <= 13 else 29
    for name in names:
        mates = [i for i, other in enumerate(order) if _hash(other) % buckets == _hash(name) % buckets]
        order.insert(mates[0] if mates else 0, name)
    return order


def _hash(name: str) -> int:
    """Source: MurmurHash2 (64-bit), as GNU's C++ library hashes strings."""
    data = name.encode()
    value = 0xC70F6907 ^ (len(data) * _HASH_MULTIPLIER & _WORD)
    for start in range(0, len(data), 8):
        block = int.from_bytes(data[start : start + 8], "little")
        if len(data) - start >= 8:
            block = _mix(block * _HASH_MULTIPLIER & _WORD) * _HASH_MULTIPLIER & _WORD
        value = (value ^ block) * _HASH_MULTIPLIER & _WORD
    return _mix(_mix(value) * _HASH_MULTIPLIER & _WORD)


def _mix(value: int) -> int:
    return value ^ (value >> 47)
