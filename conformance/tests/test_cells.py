"""A few real cells through pytest; `pytest conformance/tests/test_cells.py --cells 'add.*'` runs others."""

from conformance import cells


def test_cell(cell):
    result = cells.run_cell(*cell, examples=30, seed=0)
    told = [f"{f.kind}: {f.message}\n{f.subject}\n{f.truth}\n{f.command}\n{f.script}" for f in result.failures]
    assert not told, "\n\n".join(told)
    assert result.comparisons
