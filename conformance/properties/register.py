"""How a property is written: a generator of labelled observations, run once on the subject and once on PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..backends import Backend
from ..case import Case
from ..outcome import Observations, Raised
from ..spec import Declaration

Observer = Callable[[Backend, Declaration, Case], Iterator[tuple[str, Any]]]


@dataclass(frozen=True)
class Property:
    """One claim. `draws` says what cases it wants, `script` shows it in a stand-alone reproducer, `judges_errors` that
    a raised error alone counts as something observed."""

    name: str
    doc: str
    observe: Observer
    applies: Callable[[Declaration], bool]
    draws: frozenset[str]
    script: str
    judges_errors: bool


PROPERTIES: dict[str, Property] = {}


def prop(
    when: Callable[[Declaration], bool] = lambda op: True, *draws: str, script: str = "print(result)", judges_errors: bool = False
) -> Callable[[Observer], Observer]:
    """Register a generator function as the property of its name; the first line of its docstring is its claim."""

    def add(observe: Observer) -> Observer:
        doc = (observe.__doc__ or "").strip().splitlines()[0]
        PROPERTIES[observe.__name__] = Property(observe.__name__, doc, observe, when, frozenset(draws), script, judges_errors)
        return observe

    return add


def observe(made: Property, B: Backend, op: Declaration, case: Case) -> Observations:
    """Everything the property saw; an escaping exception is its last observation, `raises`."""
    seen: Observations = {}
    try:
        for label, thing in made.observe(B, op, case):
            _record(B, seen, label, thing)
    except Exception as error:
        seen["raises"] = Raised.of(error)
    return seen


def _record(B: Backend, seen: Observations, label: str, thing: Any) -> None:
    """Tensors are copied at once: a later write must not change what was seen."""
    if B.is_tensor(thing):
        seen[label] = B.read(thing)
    elif isinstance(thing, (list, tuple)) and any(B.is_tensor(x) or isinstance(x, (list, tuple, BaseException)) for x in thing):
        seen[label] = f"{'list' if isinstance(thing, list) else 'tuple'} of {len(thing)}"
        for i, part in enumerate(thing):
            _record(B, seen, f"{label}[{i}]", part)
    elif isinstance(thing, BaseException):
        seen[label] = Raised.of(thing)
    else:
        seen[label] = thing


def strides(t: Any) -> Any:
    """Strides of a tensor that has elements; without any they address nothing."""
    return tuple(t.stride()) if t.numel() else "empty"


def attempt(call: Callable[[], Any]) -> Any:
    """What a call returns, or the exception it raised."""
    try:
        return call()
    except Exception as error:
        return error


# -- when a property applies ----------------------------------------------------------------------------------------------
def has_tensors(op: Declaration) -> bool:
    return bool(op.tensors)


def not_a_write(op: Declaration) -> bool:
    return not op.schema.is_inplace


def differentiable(op: Declaration) -> bool:
    return op.has_gradient and not op.schema.is_inplace


def writes(op: Declaration) -> bool:
    return op.inplace or op.schema.is_inplace
