"""`show` prints declaration, spec, example and row; an unknown name is one clear line."""

import pytest

from conformance.badinput import BadInput
from conformance.ledger import Ledger, write
from conformance.show import show


def test_an_op(tmp_path, capsys):
    write(tmp_path, "ledger.csv", Ledger(["value"], {("mul.Tensor", "value"): "pass"}).text())
    assert show("mul.Tensor", tmp_path) == 0
    out = capsys.readouterr().out
    for part in ("engine/ops/", 'op("mul.Tensor(', "torch.mul(self, other)", "----- engine", "----- torch", "pass: value", "not recorded"):
        assert part in out
    engine, _, torch = out.partition("----- engine")[2].partition("----- torch")
    assert engine.split() == torch.partition("\n\n")[0].split()


def test_a_program(tmp_path, capsys):
    assert show("program:basics.truth_table", tmp_path) == 0
    out = capsys.readouterr().out
    assert "def truth_table(" in out
    assert "not recorded: program" in out


def test_an_unknown_name(tmp_path):
    with pytest.raises(BadInput, match=r"nearest: mul\.Tensor"):
        show("mull.Tensor", tmp_path)
