"""Cells as pytest tests: a test that asks for `cell` runs once for each cell that `--cells` names."""

from __future__ import annotations

import pytest

from .badinput import BadInput
from .choose import choose

SAMPLE = ["mul.Tensor"]


def pytest_addoption(parser: pytest.Parser) -> None:
    what = "cells, ops, properties, programs or globs; test ids are ledger cells"
    parser.addoption("--cells", action="append", metavar="CELL", help=what)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "cell" not in metafunc.fixturenames:
        return
    from . import cells

    described = cells.describe()
    try:
        chosen = choose(metafunc.config.getoption("--cells") or SAMPLE, described["cells"], described["properties"])
    except BadInput as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize("cell", chosen, ids=["::".join(cell) for cell in chosen])
