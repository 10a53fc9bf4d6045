"""All the cells there are: the sweep's ops and properties, and the programs, behind one set of functions.

This is what a worker imports; it brings in the engine and PyTorch.
"""

from __future__ import annotations

import importlib
import platform
from importlib import metadata
from typing import Any

import torch

from . import programs, spec, sweep
from .badinput import BadInput
from .pin import TORCH, torch_complaint

PROGRAM = "program"


def describe(subject: str = "engine") -> dict[str, Any]:
    """What a run must know before it starts, as plain data. Raises BadInput for another PyTorch or an unknown subject."""
    if complaint := torch_complaint(torch.__version__):
        raise BadInput(complaint)
    _refuse_unknown(subject)
    return {
        "cells": [*sweep.cells(), *programs.cells()],
        "properties": [*sweep.PROPERTIES, PROGRAM],
        "docs": {name: made.doc for name, made in sweep.PROPERTIES.items()}
        | {PROGRAM: "One function run on both backends; everything it shows is compared."},
        "mismatches": spec.mismatches(),
        "widenings": widenings(),
        "versions": versions(),
    }


def widenings() -> list[dict[str, Any]]:
    """Every spec that allows a larger distance than the usual one, or replaces the call, with its reason."""
    return [
        {
            "op": made.key,
            "ulp": made.ulp,
            "sums": made.sums,
            "overflow": bool(made.overflow),
            "zeros": bool(made.zeros),
            "call": made.call is not None,
            "why": made.why,
        }
        for made in spec.SPECS.values()
        if made.why and (made.ulp != spec.Spec("").ulp or made.sums or made.overflow or made.zeros or made.call is not None)
    ]


def versions() -> dict[str, str]:
    found = {name: metadata.version(name) for name in ("numpy", "scipy", "ml_dtypes", "hypothesis")}
    return {"python": platform.python_version(), "torch": torch.__version__, "pinned torch": TORCH, **found}


def _refuse_unknown(subject: str) -> None:
    try:
        importlib.import_module(subject)
    except ModuleNotFoundError as error:
        raise BadInput(f"--subject {subject}: no module is called {error.name}; it is engine, torch or an importable module") from None


def run_cell(op: str, prop: str, **options: Any) -> Any:
    """One cell's CellResult; the options are those of `sweep.run_cell`."""
    return (programs if prop == PROGRAM else sweep).run_cell(op, prop, **options)


def replay(case: dict[str, Any], op: str, prop: str, subject: str = "engine") -> Any:
    """What still fails in a stored case: a list of Failures, empty where it passes now."""
    return (programs if prop == PROGRAM else sweep).replay(case, op, prop, subject)
