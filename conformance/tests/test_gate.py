"""What the gate refuses, each alone; what accepting a run records; and that a judgement needs files only."""

import pytest

from conformance.badinput import BadInput
from conformance.gate import accept, explain, judge
from conformance.ledger import UNEXPLAINED, Gap, Ledger
from conformance.record import OPEN, STALE, Record, read_record, write_record

CELL = ("mul.Tensor", "gradient")


def record(status="pass", kinds=(), known=None, *, whole=True, complete=True, subject="engine"):
    header = {"format": 1, "name": "r", "complete": complete, "all_cells": whole, "planned": 1, "subject": subject}
    name = {"op": CELL[0], "property": CELL[1]}
    cell = {**name, "status": status, "examples": 60, "comparisons": 0, "known": known or {}, "seconds": 0.1}
    failures = [{**name, "kind": k, "message": f"{k} differs", "case": {"new": k}, "command": "repeat me"} for k in kinds]
    return Record({**header, "properties": ["value", "gradient"]}, [cell], failures)


def ledger(state):
    return Ledger(["value", "gradient"], {CELL: state} if state != "-" else {})


def gap(why="PyTorch sums in another order", kind="value"):
    return Gap(*CELL, kind, {"old": 1}, why)


JUDGED = [
    ("as recorded", record(), "pass", [], []),
    ("as recorded, a gap", record("fail", ["value"], {"value": OPEN}), "gap", [gap()], []),
    ("a gap the random cases did not meet", record("pass", [], {"value": OPEN}), "gap", [gap()], []),
    ("worse", record("fail", ["value"]), "pass", [], ["worse"]),
    ("worse: a new cell that fails", record("fail", ["value"]), "-", [], ["worse"]),
    ("worse: another kind in a gap", record("fail", ["value", "dtype"], {"value": OPEN}), "gap", [gap()], ["worse"]),
    ("worse: it fails and does not say how", record("fail"), "pass", [], ["worse"]),
    ("vacuous", record("vacuous"), "pass", [], ["vacuous"]),
    ("vacuous, though it is recorded so", record("vacuous"), "vacuous", [], ["vacuous"]),
    ("better: a new cell", record(), "-", [], ["better"]),
    ("better: it was vacuous", record(), "vacuous", [], ["better"]),
    ("stale", record("pass", [], {"value": STALE}), "gap", [gap()], ["stale"]),
    ("stale: other cases still fail", record("fail", ["value"], {"value": STALE}), "gap", [gap()], ["stale"]),
    ("unexplained", record("fail", ["value"], {"value": OPEN}), "gap", [gap(UNEXPLAINED)], ["unexplained"]),
    ("unexplained: blank", record("fail", ["value"], {"value": OPEN}), "gap", [gap("  ")], ["unexplained"]),
]


@pytest.mark.parametrize(("run", "state", "gaps", "kinds"), [case[1:] for case in JUDGED], ids=[case[0] for case in JUDGED])
def test_the_gate_refuses(run, state, gaps, kinds):
    assert [finding.kind for finding in judge(run, ledger(state), gaps)] == kinds


def test_a_recorded_cell_that_no_longer_exists_is_refused_where_everything_was_run():
    recorded = Ledger(["value", "gradient"], {CELL: "pass", ("mul.Tensor", "value"): "pass"})
    assert [f.kind for f in judge(record(), recorded, [])] == ["gone"]
    assert judge(record(whole=False), recorded, []) == []


def test_another_subject_has_no_ledger_and_must_pass_everywhere():
    assert [f.kind for f in judge(record("fail", ["value"], subject="torch"), ledger("gap"), [gap()])] == ["worse"]
    assert judge(record(subject="torch"), ledger("-"), []) == []


def test_an_interrupted_run_is_not_judged():
    with pytest.raises(BadInput, match="incomplete"):
        judge(record(complete=False), ledger("pass"), [])


def test_only_what_got_worse_is_a_regression():
    regressions = {name: [f.regression for f in judge(run, ledger(state), gaps)] for name, run, state, gaps, _ in JUDGED}
    assert {name for name, found in regressions.items() if any(found)} == {n for n, *_ in JUDGED if n.startswith("worse")} | {"vacuous"}


def test_the_explanation_names_the_cell_the_difference_and_the_command():
    text = "\n".join(explain(judge(record("fail", ["value"]), ledger("pass"), [])))
    for part in ("mul.Tensor::gradient", "pass -> fail", "value differs", "repeat me"):
        assert part in text


def test_accepting_records_new_gaps_as_unexplained():
    recorded, gaps = accept(record("fail", ["value"]), ledger("pass"), [])
    assert recorded.cells == {CELL: "gap"}
    assert [(g.key, g.case, g.why) for g in gaps] == [((*CELL, "value"), {"new": "value"}, UNEXPLAINED)]
    assert [f.kind for f in judge(record("fail", ["value"], {"value": OPEN}), recorded, gaps)] == ["unexplained"]


def test_accepting_keeps_an_open_gap_as_a_person_wrote_it():
    old = gap()
    assert accept(record("fail", ["value"], {"value": OPEN}), ledger("gap"), [old]) == (ledger("gap"), [old])


def test_accepting_removes_a_gap_that_passes():
    assert accept(record("pass", [], {"value": STALE}), ledger("gap"), [gap()]) == (ledger("pass"), [])


def test_accepting_gives_a_stale_gap_its_new_case_and_keeps_the_reason():
    _, (new,) = accept(record("fail", ["value"], {"value": STALE}), ledger("gap"), [gap()])
    assert (new.case, new.why) == ({"new": "value"}, gap().why)


def test_accepting_a_narrow_run_touches_only_its_own_cells():
    other = ("abs", "value")
    recorded = Ledger(["value", "gradient"], {CELL: "pass", other: "gap"})
    kept = Gap(*other, "value", {}, "known")
    new, gaps = accept(record("vacuous", whole=False), recorded, [kept])
    assert new.cells == {CELL: "vacuous", other: "gap"}
    assert gaps == [kept]


@pytest.mark.parametrize("run", [record(complete=False), record(subject="torch")])
def test_only_a_complete_run_of_the_engine_can_be_accepted(run):
    with pytest.raises(BadInput, match="can be accepted"):
        accept(run, ledger("pass"), [])


def test_a_run_is_read_back_from_its_file(tmp_path):
    run = record("fail", ["value"])
    path = write_record(tmp_path, run)
    assert read_record(tmp_path) == read_record(path) == run
    before = path.read_bytes()
    assert write_record(tmp_path, run).read_bytes() == before


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"nonsense", lambda b: b""])
def test_a_damaged_run_is_one_clear_line(tmp_path, damage):
    path = write_record(tmp_path, record())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadInput, match=r"run\.jsonl\.gz"):
        read_record(tmp_path)


def test_what_a_killed_run_left_is_read_as_incomplete(tmp_path):
    lines = list(record("fail", ["value"]).lines())
    (tmp_path / "run.jsonl.partial").write_text("".join(lines) + lines[-1][:20])
    run = read_record(tmp_path)
    assert not run.complete
    assert len(run.cells) == len(run.failures) == 1
