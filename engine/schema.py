"""The signature language: one line of PyTorch's own schema text, parsed once at declaration.

`mul.Tensor(Tensor self, Tensor other) -> Tensor`. `Tensor(a)` on an argument and on the return says "this result is
a view of that argument"; `Tensor(a!)` says "this argument is written to". A dotted lower-case prefix is the namespace
(`nn.functional.softsign(Tensor input) -> Tensor`), a suffix after the name is the overload.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

REQUIRED: Any = object()

_HEAD = re.compile(r"^((?:[a-z]\w*\.)*?)(\w+)(?:\.([A-Za-z_]\w*))?\((.*)\) -> (.+)$", re.S)
_ARGUMENT = re.compile(r"^(\w+)(?:\((\w!?)\))?((?:\?)?(?:\[\d*\])?\??) (\w+)(?:=(.+))?$", re.S)
_NAMESPACES = ("nn.functional.", "linalg.", "special.", "fft.")
_LITERALS = {"None": None, "True": True, "False": False, "[]": (), "Mean": 1, "Sum": 2} | {
    word: word for word in ("contiguous_format", "torch.strided")
}


@dataclass(frozen=True)
class Argument:
    type: str  # "Tensor", "int[]?", "Scalar", ... as written, without the alias mark
    name: str
    default: Any = REQUIRED
    kwarg_only: bool = False
    alias: str = ""  # "", "a" (viewed) or "a!" (written)
    symbolic: bool = False  # written "SymInt", which says something only about the order in which overloads are tried

    @cached_property
    def is_tensor(self) -> bool:
        return self.type.startswith("Tensor")

    @cached_property
    def optional(self) -> bool:
        return self.type.endswith("?")


@dataclass(frozen=True)
class Schema:
    namespace: str  # "" or "nn.functional", "linalg", ...
    name: str
    overload: str
    arguments: tuple[Argument, ...]
    returns: str
    text: str

    @cached_property
    def key(self) -> str:
        """What a person types and what the ledger calls it: `mul.Tensor`, `exp`, `nn.functional.softsign`."""
        path = f"{self.namespace}.{self.name}" if self.namespace else self.name
        return f"{path}.{self.overload}" if self.overload else path

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(a.name for a in self.arguments)

    @cached_property
    def positional(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if not a.kwarg_only)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the results: `result`, or those in `-> (Tensor values, Tensor indices)`, else `result0`, ..."""
        if not self.returns.startswith("("):
            return ("result",)
        parts = [p.split(" ") for p in self.returns[1:-1].split(", ") if p]
        return tuple(p[1] if len(p) == 2 else f"result{i}" for i, p in enumerate(parts))

    @cached_property
    def returns_list(self) -> bool:
        return self.returns.replace("(a)", "") == "Tensor[]"

    @cached_property
    def is_view(self) -> bool:
        return any(a.alias == "a" for a in self.arguments)

    @cached_property
    def is_inplace(self) -> bool:
        """True where the first argument is the one written to, and returned."""
        return bool(self.arguments) and self.arguments[0].alias == "a!"


def parse(text: str) -> Schema:
    """Read one signature line. Raises ValueError naming the part that does not parse."""
    namespace = next((n for n in _NAMESPACES if text.startswith(n)), "")
    head = _HEAD.match(text[len(namespace) :])
    if head is None:
        raise ValueError(f"not a signature: {text!r}")
    _, name, overload, inside, returns = head.groups()
    arguments, kwarg_only = [], False
    for part in filter(None, split(inside)):
        if part == "*":
            kwarg_only = True
            continue
        arguments.append(_argument(part, text, kwarg_only))
    return Schema(namespace.rstrip("."), name, overload or "", tuple(arguments), returns, text)


def _argument(part: str, text: str, kwarg_only: bool) -> Argument:
    match = _ARGUMENT.match(part)
    if match is None:
        raise ValueError(f"not an argument: {part!r} in {text!r}")
    base, alias, suffix, name, default = match.groups()
    type = base.replace("SymInt", "int") + suffix
    value = REQUIRED if default is None else literal(default)
    sized = re.search(r"\[(\d+)\]", type)
    if sized and isinstance(value, int):  # one number stands for all of a list
        value = (value,) * int(sized[1])
    return Argument(type, name, value, kwarg_only, alias or "", base.startswith("Sym"))


def split(inside: str) -> list[str]:
    """`a, b=[0, 1], *, c` at its top-level commas."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(inside):
        depth += (c in "[(") - (c in "])")
        if c == "," and depth == 0:
            parts.append(inside[start:i].strip())
            start = i + 1
    parts.append(inside[start:].strip())
    return parts


def literal(text: str) -> Any:
    """The value of a default as PyTorch's schemas write it."""
    if text in _LITERALS:
        return _LITERALS[text]
    if text.startswith("["):
        return tuple(literal(t) for t in split(text[1:-1]) if t)
    if text[0] in "\"'":
        return text[1:-1]
    try:
        return int(text)
    except ValueError:
        return float(text)
