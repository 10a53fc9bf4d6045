"""Random programs by command: what was drawn is counted, a difference becomes a script, and the exit code says so."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import torch

import engine
from conformance.__main__ import main
from conformance.census import tables
from conformance.programs import run
from conformance.programs.calls import callees
from conformance.programs.draw import Draw
from conformance.programs.steps import LENGTH, steps
from conformance.source import NpSource


def random(folder, *more):
    return main(["random", "--programs", "12", "--seed", "1", "--jobs", "0", "--reports", str(folder), "--name", "r", *more])


def test_pytorch_agrees_with_itself_and_what_was_drawn_is_counted(tmp_path, capsys):
    assert random(tmp_path, "--subject", "torch") == 0
    page = (tmp_path / "runs" / "r" / "census.md").read_text()
    drawn = [step for data in run.cases(12, 1, LENGTH) for step in steps(Draw(torch, NpSource(data)))]
    for name, count in Counter(step.name for step in drawn).items():
        assert re.search(rf"^\| {name} \| {2 * count} \|", page, re.M), name
    assert "24 runs of programs, 0 with a difference" in capsys.readouterr().out


def test_a_difference_fails_and_leaves_a_script(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(engine.Tensor, "detach", lambda self: self)
    assert random(tmp_path, "--shrinks", "1") == 1
    script = next((tmp_path / "runs" / "r" / "scripts").iterdir())
    assert str(script) in capsys.readouterr().out and "LINES = [" in script.read_text()


def test_how_often_pytorch_refused_stands_beside_the_count():
    counts = Counter({"steps: clone": 3, "refused steps: clone": 1, "steps: view": 5, "programs: all": 2})
    lines = "\n".join(tables(counts)).splitlines()
    assert lines[lines.index("| steps | count | refused |") + 2 :] == ["| view | 5 | 0 |", "| clone | 3 | 1 |"]


@pytest.mark.parametrize("writing", [False, True])
def test_every_declared_op_can_be_drawn(writing):
    paths = {callee.path for callee in callees(writing)}
    assert {"add_", "index_copy_", "squeeze_"} <= paths if writing else {"add", "einsum", "type_as", "nn.functional.linear"} <= paths
    for callee in callees(writing):
        compile(callee.text(lambda choice: 1, writing).format(a="t0", b="t1", c="t2"), callee.path, "eval")
