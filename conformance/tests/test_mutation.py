"""Planted changes: which there are, what they do, and that the cells which run them notice."""

import os
from pathlib import Path

import numpy as np
import pytest

import engine
from conformance.mutation import judge, report
from conformance.mutation.change import changed_code, key_of, mutants

SOURCE = '''
LIMIT = 3 + 4

def f(x: int = 2, *, flag=True):
    """Not 1 + 1."""
    if not flag or x < 3:
        return [y * 2 for y in (x, -x)]
    return (lambda z: z.conj() - 1)(x) if x == 5 else x ** 2
'''
CELLS = [("mul.Tensor", "hooks"), ("mul.Tensor", "value")]


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.py"
    path.write_text(SOURCE)
    return path


def test_the_changes_of_a_file(source):
    assert [(m.line, m.before, m.after) for m in mutants(source)] == [
        (6, "not flag or x < 3", "not flag and x < 3"),
        (6, "not flag", "flag"),
        (6, "x < 3", "x <= 3"),
        (6, "3", "4"),
        (7, "y * 2", "y / 2"),
        (7, "2", "3"),
        (7, "-x", "x"),
        (8, "x == 5", "x != 5"),
        (8, "5", "6"),
        (8, "z.conj() - 1", "z.conj() + 1"),
        (8, "z.conj()", "z"),
        (8, "1", "2"),
        (8, "x ** 2", "x * 2"),
        (8, "2", "3"),
    ]


def test_a_change_is_one_of_the_functions_around_it_alone(source):
    space = {}
    exec(compile(SOURCE, str(source), "exec"), space)
    f, before = space["f"], space["f"].__code__

    def said():
        return [str(np.array(f(np.array(x))).tolist()) for x in (2, 3, 5)] + [str(f(3, flag=False))]

    usual, answers = said(), {}
    for mutant in mutants(source):
        f.__code__ = changed_code(mutant)[key_of(before)]
        answers[mutant.before] = said()
    assert usual == ["[4, -4]", "9", "4", "[6, -6]"]
    assert answers["3"] == ["[4, -4]", "[6, -6]", "4", "[6, -6]"]
    assert answers["y * 2"] == ["[1.0, -1.0]", "9", "4", "[1.5, -1.5]"]
    assert answers["z.conj() - 1"] == ["[4, -4]", "9", "6", "[6, -6]"]
    assert all(answer != usual for name, answer in answers.items() if name != "z.conj()")


def test_cells_notice_a_change_of_what_they_run():
    cells = judge.exercised(CELLS, 1, lambda done: None)
    names = {name for _, name, _ in cells}
    assert "Walk._drain" in names
    assert "Tensor.tolist" not in names
    [mutant] = [m for m in mutants(Path(engine.__file__).parent / "walk.py") if m.before == "waiting[e] - 1"]
    [verdict] = judge.judged([mutant], cells, {}, 1, 0)
    assert verdict.noticed == "mul.Tensor::hooks"
    assert report.relative(mutant) == f"engine/walk.py:{mutant.line}  waiting[e] - 1  ->  waiting[e] + 1"
    page = report.page([verdict, judge.Verdict(mutant, "", 30)], 7, 1)
    assert "50.0% of 2 small wrong changes" in page
    assert "| `engine/walk.py` | 2 | 1 |" in page
    assert "+ 1` (30 cells)" in page


def test_a_process_that_dies_is_an_answer():
    tasks = [(os._exit, (3,)), (len, ("abc",))]
    assert sorted(judge._in_children(tasks, 2)) == [(0, None), (1, 3)]
