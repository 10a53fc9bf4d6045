"""A suite of cells that needs neither the engine nor PyTorch; the variable FAKE_CELLS says what each of them does."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import Any

OPS = ("abs", "add.Scalar", "add.Tensor", "amax[ties]", "mul.Tensor", "nn.functional.relu")
PROPERTIES = ("value", "gradient", "program")
PROGRAMS = ("program:basics.leaf", "program:modes.no_grad_decorator")


@dataclass
class Failure:
    op: str
    property: str
    kind: str
    message: str
    case: dict[str, Any]
    subject: str = "tensor([2.])"
    truth: str = "tensor([1.])"
    script: str = "print('repeat')\n"
    command: str = "python -m conformance run 'x'"


@dataclass
class CellResult:
    op: str
    property: str
    status: str
    examples: int
    comparisons: int
    verdicts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.01
    census: dict[str, int] = field(default_factory=dict)


def behaviour(op: str, prop: str) -> str:
    return json.loads(os.environ.get("FAKE_CELLS", "{}")).get(f"{op}::{prop}", "pass")


def describe(subject: str = "engine") -> dict[str, Any]:
    if (wrong := json.loads(os.environ.get("FAKE_CELLS", "{}"))).get("import"):
        raise ValueError(wrong["import"])
    cells = [(op, prop) for op in OPS for prop in ("value", "gradient") if behaviour(op, prop) != "gone"]
    return {
        "cells": [*cells, *((key, "program") for key in PROGRAMS)],
        "properties": list(PROPERTIES),
        "docs": {"value": "The results are equal."},
        "mismatches": wrong.get("mismatches", []),
        "widenings": [{"op": "mul.Tensor", "ulp": 6, "call": False, "why": "rounds twice"}],
        "versions": {"torch": "2.13.0", "python": "3.11"},
    }


def run_cell(op: str, prop: str, *, examples: int, seed: int, subject: str, shrink: bool) -> CellResult:
    does = behaviour(op, prop)
    if does == "crash":
        os.abort()
    if does == "raise":
        raise RuntimeError("the suite stumbled")
    if does.startswith("sleep"):
        time.sleep(float(does.removeprefix("sleep")))
    result = CellResult(op, prop, "pass", examples, examples * 3, {"bitwise": examples * 2, "ulp": examples}, census={"float32": examples})
    if does == "vacuous":
        result.status, result.comparisons, result.verdicts = "vacuous", 0, {}
    if does.startswith("fail"):
        kind = does.removeprefix("fail").strip(" :") or "value"
        result.status, result.failures = "fail", [Failure(op, prop, kind, "2 instead of 1", {"shrunk": shrink})]
    return result


def replay(case: dict[str, Any], op: str, prop: str, subject: str) -> list[Failure]:
    fails = behaviour(op, prop)
    return [Failure(op, prop, "value", "again", case)] if fails.startswith(("fail", "hidden")) else []
