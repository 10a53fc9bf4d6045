"""How a property is written: a generator of labelled observations, run once on the subject and once on PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backends import Backend, truth
from ..case import Case
from ..kinds import build
from ..outcome import Observations, Raised
from ..source import stream
from ..spec import Declaration

Observer = Callable[[Backend, Declaration, Case], Iterator[tuple[str, Any]]]


@dataclass(frozen=True)
class Property:
    """One claim. `draws` says what cases it wants, `script` shows it in a stand-alone reproducer, `judges_errors` that
    a raised error alone counts as something observed. `either` is a second truth, where PyTorch has two answers. `fixed` says
    that it does not look at the case: every example is the same, and one of them is all there is."""

    name: str
    doc: str
    observe: Observer
    applies: Callable[[Declaration], bool]
    draws: frozenset[str]
    script: str
    judges_errors: bool
    either: Backend | None = None
    fixed: bool = False


PROPERTIES: dict[str, Property] = {}


def prop(
    when: Callable[[Declaration], bool] = lambda op: True,
    *draws: str,
    script: str = "print(result)",
    judges_errors: bool = False,
    either: Backend | None = None,
    fixed: bool = False,
) -> Callable[[Observer], Observer]:
    """Register a generator function as the property of its name; the first line of its docstring is its claim."""

    def add(observe: Observer) -> Observer:
        doc = (observe.__doc__ or "").strip().splitlines()[0]
        made = Property(observe.__name__, doc, observe, when, frozenset(draws), script, judges_errors, either, fixed)
        PROPERTIES[made.name] = made
        return observe

    return add


_PLAIN = frozenset((bool, int, float, str, type(None)))


def observe(made: Property, B: Backend, op: Declaration, case: Case) -> Observations:
    """Everything the property saw; an escaping exception is its last observation, `raises`."""
    seen: Observations = {}
    try:
        for label, thing in made.observe(B, op, case):
            if type(thing) in _PLAIN:
                seen[label] = thing
            else:
                _record(B, seen, label, thing, op.spec.contents)
    except Exception as error:
        seen["raises"] = Raised.of(error)
    return seen


def _record(B: Backend, seen: Observations, label: str, thing: Any, contents: bool) -> None:
    """Tensors are copied at once: a later write must not change what was seen. Without `contents` only dtype and shape count."""
    if type(thing) in _PLAIN:
        seen[label] = thing
    elif isinstance(thing, (list, tuple)):
        if _PLAIN.issuperset(map(type, thing)):
            seen[label] = thing
            return
        seen[label] = f"{'list' if isinstance(thing, list) else 'tuple'} of {len(thing)}"
        for i, part in enumerate(thing):
            _record(B, seen, f"{label}[{i}]", part, contents)
    elif isinstance(thing, B.Tensor):  # after what costs less to ask
        seen[label] = B.read(thing) if contents else np.zeros_like(B.read(thing))
    elif isinstance(thing, BaseException):
        seen[label] = Raised.of(thing)
    else:
        seen[label] = thing


def strides(t: Any) -> Any:
    """Strides of a tensor that has elements; of gradients without any they are left open."""
    return tuple(t.stride()) if t.numel() else "empty"


def attempt(call: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """What a call returns, or the exception it raised."""
    try:
        return call(*args, **named)
    except Exception as error:
        return error


# -- when a property applies ----------------------------------------------------------------------------------------------
def has_tensors(op: Declaration) -> bool:
    """Tensors in and tensors out."""
    return bool(op.tensors) and "Tensor" in op.schema.returns


def not_a_write(op: Declaration) -> bool:
    return not op.schema.is_inplace


def differentiable(op: Declaration) -> bool:
    return op.has_gradient and has_tensors(op) and not op.schema.is_inplace and records(op)


_RECORDS: dict[str, bool] = {}


def records(op: Declaration) -> bool:
    """False where PyTorch accepts the op's cases but never records one: a composite does not say so itself."""
    found = _RECORDS.get(op.key)
    return found if found is not None else _RECORDS.setdefault(op.key, _ever_recorded(op))


def _ever_recorded(op: Declaration, tries: int = 40) -> bool:
    accepted = False
    cases = stream(lambda src: build(op, src, frozenset({"differentiable"})), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(tries):
            found = attempt(lambda: truth.outputs(truth.call(op, truth.inputs(next(cases)[0], True))))
            if isinstance(found, Exception):
                continue
            if any(t.requires_grad for t in found):
                return True
            accepted = True
    return not accepted


def writes(op: Declaration) -> bool:
    return op.inplace or op.schema.is_inplace
