"""Which entries of PyTorch's op database the ledger's rows cover, and that the stored list is the installed one."""

from pathlib import Path

import pytest

from conformance import opdb
from conformance.badinput import BadInput
from conformance.ledger import Ledger

REPORTS = Path(__file__).parents[2] / "reports"


def covered(*ops, gaps=()):
    ledger = Ledger(["value"], {(op, "value"): "gap" if op in gaps else "pass" for op in ops})
    found = opdb.coverage(opdb.read(REPORTS), ledger)
    return {(e.name, e.variant) for e in found.covered}, {(e.name, e.variant) for e in found.passing}


@pytest.mark.parametrize(
    ("op", "entries"),
    [
        ("exp", {("exp", "")}),
        ("add.Tensor", {("add", ""), ("__radd__", "")}),
        ("amax[ties]", {("amax", "")}),
        ("nn.functional.relu", {("nn.functional.relu", "")}),
        ("max.dim", {("max", "reduction_with_dim")}),
        ("max", {("max", "reduction_no_dim")}),
        ("fill_.Scalar", {("fill", "")}),
        ("div.Tensor", {("div", "no_rounding_mode"), ("__rdiv__", "")}),
        ("program:basics.add", set()),
        ("nosuch", set()),
    ],
)
def test_a_row_covers_the_entries_of_its_name(op, entries):
    assert covered(op) == (entries, entries)


def test_one_gap_in_any_overload_and_the_entry_does_not_pass():
    found, passing = covered("sub.Tensor", "sub.Scalar", gaps=["sub.Scalar"])
    assert ("sub", "") in found - passing


def test_a_damaged_list_is_one_clear_line(tmp_path):
    (tmp_path / opdb.FILE).write_text("name\nabs\n")
    with pytest.raises(BadInput, match="its columns must be"):
        opdb.read(tmp_path)


def test_the_stored_list_is_that_of_the_installed_pytorch():
    assert opdb.from_torch() == (REPORTS / opdb.FILE).read_text()
    assert len(opdb.read(REPORTS)) == 702
