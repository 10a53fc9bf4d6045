"""Observations of a program compared with PyTorch's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ULPS = 4


@dataclass
class Failure:
    op: str
    property: str
    kind: str
    message: str
    case: dict[str, Any]
    subject: str
    truth: str
    script: str
    command: str


@dataclass
class CellResult:
    op: str
    property: str
    status: str
    examples: int
    comparisons: int
    verdicts: dict[str, int]
    failures: list[Failure]
    seconds: float
    census: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """`kind` names what was looked at and which side of it differs; the other two are both outcomes as text."""

    kind: str
    subject: str
    truth: str


def compare(subject: list[tuple[str, Any]], truth: list[tuple[str, Any]]) -> tuple[list[Difference], Counter[str]]:
    """Every difference between two records, at most one an observation, and how often each tier decided."""
    verdicts: Counter[str] = Counter()
    differences = []
    for (label, got), (wanted_label, wanted) in zip(subject, truth, strict=False):
        if label != wanted_label:
            return [*differences, Difference(f"{wanted_label!r}: not reached", f"{label!r}: {short(got)}", f"{wanted_label!r}: {short(wanted)}")], verdicts
        aspect = differs(got, wanted, verdicts)
        if aspect is not None:
            differences.append(Difference(f"{label!r}{aspect}", short(got), short(wanted)))
    if len(subject) != len(truth):
        longer = (subject if len(subject) > len(truth) else truth)[min(len(subject), len(truth))]
        at = f"{longer[0]!r}: only on one side"
        differences.append(Difference(at, *(short(longer[1]) if longer in one else "nothing" for one in (subject, truth))))
    return differences, verdicts


def differs(got: Any, wanted: Any, verdicts: Counter[str]) -> str | None:
    """Where two observations differ, as a path such as `: requires_grad`, or None."""
    if isinstance(got, np.ndarray) and isinstance(wanted, np.ndarray):
        verdict = values_verdict(got, wanted)
        verdicts[verdict] += 1
        return ": values" if verdict == "engine" else None
    if type(got) is not type(wanted):
        return ": kind"
    if isinstance(wanted, dict):
        if got.keys() != wanted.keys():
            return ": kind"
        return next((f": {key}{below}" for key in wanted if (below := differs(got[key], wanted[key], verdicts)) is not None), None)
    if isinstance(wanted, list):
        if len(got) != len(wanted):
            return ": length"
        return next((f"[{i}]{below}" for i in range(len(wanted)) if (below := differs(got[i], wanted[i], verdicts)) is not None), None)
    if isinstance(wanted, (float, complex)):
        return differs(np.asarray(got), np.asarray(wanted), verdicts)
    verdicts["bitwise"] += 1
    return "" if got != wanted else None


def values_verdict(got: np.ndarray, wanted: np.ndarray) -> str:
    """`bitwise`, `ulp` or `engine`: bits equal, within a few units in the last place, or neither."""
    if got.dtype != wanted.dtype or got.shape != wanted.shape:
        return "engine"
    if got.tobytes() == wanted.tobytes():
        return "bitwise"
    if got.dtype.kind not in "fc":
        return "engine"
    if got.dtype.kind == "c":
        real = values_verdict(np.ascontiguousarray(got.real), np.ascontiguousarray(wanted.real))
        imag = values_verdict(np.ascontiguousarray(got.imag), np.ascontiguousarray(wanted.imag))
        return max(real, imag, key=("bitwise", "ulp", "engine").index)
    both_nan = np.isnan(got) & np.isnan(wanted)
    with np.errstate(all="ignore"):
        close = np.abs(got - wanted) <= ULPS * np.spacing(np.maximum(np.abs(got), np.abs(wanted)))
    return "ulp" if bool(np.all(both_nan | (got == wanted) & (np.signbit(got) == np.signbit(wanted)) | close)) else "engine"


def short(observation: Any) -> str:
    """One observation as one readable line."""
    if isinstance(observation, np.ndarray):
        return " ".join(str(observation.tolist()).split())
    if isinstance(observation, dict):
        return ", ".join(f"{key}={short(value)}" for key, value in observation.items())
    if isinstance(observation, (list, tuple)):
        return "[" + ", ".join(short(value) for value in observation) + "]"
    return repr(observation)
