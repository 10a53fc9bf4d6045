"""What is special about one op's inputs, in one line each; and the suite's own view of a declaration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engine.schema import Schema, parse

if TYPE_CHECKING:
    from .case import Case

SPECS: dict[str, Spec] = {}


class SpecError(Exception):
    """A spec and the declarations do not fit together; the text says which and why in one sentence."""


@dataclass(frozen=True)
class Spec:
    """One line of the spec files. `domains` gives an argument a kind (called with `(src, draft)`) or a constant."""

    key: str
    domains: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    ulp: int = 4
    sums: bool = False
    overflow: bool | str = False
    zeros: bool | Callable[[Case], bool] = False
    call: Callable[..., Any] | None = None
    contents: bool = True
    samples: int = 0

    @property
    def op(self) -> str:
        """The declared op this is about: `amax` for `amax[ties]`."""
        return self.key.split("[")[0]


def spec(
    key: str,
    *,
    why: str = "",
    ulp: int = 4,
    sums: bool = False,
    overflow: bool | str = False,
    zeros: bool | Callable[[Case], bool] = False,
    call: Callable[..., Any] | None = None,
    contents: bool = True,
    samples: int = 0,
    **domains: Any,
) -> Spec:
    """Register what is special about `key` (`"log"`, or a further variant `"amax[ties]"`).

    `ulp` widens the second tier of equality, `sums` leaves open what the order of a library's sums decides (the sign of a
    zero, which part of an infinite complex number is NaN, how what is too large overflows), `overflow` the last of these alone
    ("mean": before the result is divided by how many terms there are, "alpha": in a product with an `alpha` above 1), `zeros` the sign
    of a zero that was chosen among zeros of both signs (in the cases of which a function says so), `call` (called with the module, then
    the arguments by name) replaces the public call, `contents=False` says that results are uninitialised memory, `samples` is how many a
    batch under `vmap` has at least; each needs a `why`.

    Raises SpecError where the key is taken or a reason is missing.
    """
    if key in SPECS:
        raise SpecError(f"there are two specs for {key}")
    if (ulp != 4 or sums or overflow or zeros or call is not None or not contents or samples) and not why:
        raise SpecError(f"the spec for {key} widens the comparison or replaces the call without saying why")
    SPECS[key] = Spec(key, domains, why, ulp, sums, overflow, zeros, call, contents, samples)
    return SPECS[key]


@dataclass(frozen=True)
class Declaration:
    """One op as the suite sees it: the engine's declaration reduced to what properties may ask, and its spec."""

    key: str
    schema: Schema
    plan: str = "plain"
    differentiable: tuple[str, ...] = ()
    inplace: bool = False
    out: bool = False
    method: bool = True
    function: bool = True
    operator: str = ""
    promotes: bool = False
    spec: Spec = field(default_factory=lambda: Spec(""))

    @cached_property
    def tensors(self) -> tuple[str, ...]:
        """Names of the arguments that are tensors or lists of them."""
        return tuple(a.name for a in self.schema.arguments if a.is_tensor)

    @property
    def has_gradient(self) -> bool:
        return bool(self.differentiable)


def declaration(text: str, plan: str = "plain", differentiable: str = "", **more: Any) -> Declaration:
    """A declaration that needs no engine: how the suite's own tests name ops of PyTorch."""
    schema = parse(text)
    made = spec_of(schema.key)
    return Declaration(schema.key, schema, plan, tuple(filter(None, differentiable.split(", "))), spec=made, **more)


def spec_of(key: str) -> Spec:
    return SPECS.get(key) or Spec(key)


def _from_engine(op: Any, made: Spec) -> Declaration:
    family, schema = op.family, op.schema
    plan = getattr(family, "plan", "composite")
    names = tuple(op.differentiable)
    if plan == "composite" and not names:
        names = tuple(a.name for a in schema.arguments if a.is_tensor)
    return Declaration(
        made.key,
        schema,
        plan,
        names,
        bool(getattr(family, "inplace", False)),
        bool(getattr(family, "out", False)),
        bool(getattr(family, "method", False)),
        bool(getattr(family, "function", True)),
        getattr(family, "operator", "") or "",
        getattr(family, "promote", None) is not None,
        made,
    )


def declarations() -> dict[str, Declaration]:
    """Every declared op and every variant a spec adds to one, by key."""
    from engine.op import REGISTRY

    load()
    found = {key: _from_engine(op, spec_of(key)) for key, op in REGISTRY.items()}
    for key, made in SPECS.items():
        if key != made.op and made.op in REGISTRY:
            found[key] = _from_engine(REGISTRY[made.op], made)
    return found


def load() -> None:
    """Read every spec file, once."""
    from . import specs  # noqa: F401  # importing declares them


def mismatches() -> list[str]:
    """A sentence for every op without a spec, spec without an op, and domain that names no argument."""
    from engine.op import REGISTRY

    load()
    said = [f"{key} is declared in the engine but has no spec" for key in REGISTRY if key not in SPECS]
    for key, made in SPECS.items():
        if made.op not in REGISTRY:
            said.append(f"there is a spec for {key}, but the engine declares no op {made.op}")
            continue
        names = REGISTRY[made.op].schema.names
        strange = [n for n in made.domains if n not in names]
        said += [f"the spec for {key} speaks of {n}, which is not among its arguments {', '.join(names)}" for n in strange]
    return said


def check() -> None:
    """Raises SpecError with the first mismatch between specs and declarations."""
    said = mismatches()
    if said:
        raise SpecError(said[0] + (f" (and {len(said) - 1} more)" if len(said) > 1 else ""))
