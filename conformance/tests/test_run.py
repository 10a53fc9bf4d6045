"""Whole runs over a suite that needs no PyTorch: what is written, what is said, and the exit codes for every kind of bad input."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from functools import partial
from pathlib import Path

import pytest

from conformance.record import read_record

ROOT = Path(__file__).parents[2]
START = "import sys; from conformance.__main__ import main; sys.exit(main(suite='conformance.tests.fake'))"


def start(tmp_path, *arguments, cells=None):
    environment = {**os.environ, "FAKE_CELLS": json.dumps(cells or {}), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", START, *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    usual = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore Ctrl-C, and so would ours
    return subprocess.Popen(command, cwd=tmp_path, env=environment, text=True, start_new_session=True, preexec_fn=usual, **pipes)


def run(tmp_path, *arguments, cells=None):
    process = start(tmp_path, *arguments, cells=cells)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def latest(tmp_path):
    return max((tmp_path / "reports" / "runs").iterdir(), key=lambda p: p.stat().st_mtime)


@pytest.fixture
def accepted(tmp_path):
    code, _, err = run(tmp_path, "run", "--accept", "--jobs", "0")
    assert (code, err) == (0, "")
    return tmp_path


def test_an_accepted_run_makes_the_gate_pass_and_the_ledger_is_stable(accepted):
    before = (accepted / "reports" / "ledger.csv").read_bytes()
    code, out, _ = run(accepted, "gate", "--jobs", "2")
    assert code == 0, out
    assert "gate: ok" in out
    assert run(accepted, "run", "--accept", "--jobs", "0", "--seed", "5", "--examples", "7")[0] == 0
    assert (accepted / "reports" / "ledger.csv").read_bytes() == before


def test_without_a_ledger_a_run_passes_and_the_gate_does_not(tmp_path):
    assert run(tmp_path, "run", "--jobs", "0")[0] == 0
    code, out, _ = run(tmp_path, "gate", "--jobs", "0")
    assert code == 1
    assert "not recorded" in out


def test_a_regression_is_printed_with_its_case_and_fails(accepted):
    code, out, _ = run(accepted, "run", "--jobs", "0", cells={"mul.Tensor::gradient": "fail"})
    assert code == 1
    for part in ("mul.Tensor::gradient", "pass -> fail", "2 instead of 1", "tensor([2.])", "tensor([1.])", "repeat:"):
        assert part in out
    (script,) = (latest(accepted) / "scripts").iterdir()
    assert script.read_text() == "print('repeat')\n"


def test_a_gap_lives_until_its_case_passes(accepted):
    failing = {"mul.Tensor::gradient": "fail"}
    assert run(accepted, "run", "mul.Tensor", "--accept", "--jobs", "0", cells=failing)[0] == 0
    gaps = accepted / "reports" / "gaps.toml"
    assert "case = '{\"shrunk\":true}'" in gaps.read_text()
    code, out, _ = run(accepted, "gate", "--jobs", "0", cells=failing)
    assert code == 1
    assert "UNEXPLAINED" in out
    gaps.write_text(gaps.read_text().replace("UNEXPLAINED", "rounds once more"))
    assert run(accepted, "gate", "--jobs", "0", cells=failing)[0] == 0
    assert run(accepted, "gate", "--jobs", "0", cells={"mul.Tensor::gradient": "hidden"})[0] == 0  # only the recorded case shows it
    code, out, _ = run(accepted, "gate", "--jobs", "0")
    assert code == 1
    assert "its recorded case passes" in out
    assert run(accepted, "run", "--accept", "--jobs", "0")[0] == 0
    assert "[[gap]]" not in gaps.read_text()


def test_a_ledger_started_over_keeps_the_reasons(accepted):
    failing = {"mul.Tensor::gradient": "fail"}
    run(accepted, "run", "--accept", "--jobs", "0", cells=failing)
    ledger, gaps = accepted / "reports" / "ledger.csv", accepted / "reports" / "gaps.toml"
    gaps.write_text(gaps.read_text().replace("UNEXPLAINED", "rounds once more"))
    before = ledger.read_text(), gaps.read_text()
    ledger.unlink()
    assert run(accepted, "run", "--accept", "--jobs", "0", cells=failing)[0] == 0
    assert (ledger.read_text(), gaps.read_text()) == before


def test_a_known_gap_is_not_shrunk_again(accepted):
    failing = {"mul.Tensor::gradient": "fail"}
    run(accepted, "run", "--accept", "--jobs", "0", cells=failing)
    run(accepted, "run", "--jobs", "0", cells=failing)
    (failure,) = read_record(latest(accepted)).failures
    assert failure["case"] == {"shrunk": False}


def test_a_crash_and_an_error_of_the_suite_cost_one_cell_each(accepted):
    cells = {"add.Tensor::value": "crash", "add.Scalar::value": "raise"}
    code, out, _ = run(accepted, "run", "--jobs", "2", cells=cells)
    assert code == 1
    assert "signal SIGABRT" in out
    assert "the suite stumbled" in out
    record = read_record(latest(accepted))
    assert record.complete
    assert len(record.cells) == record.header["planned"]
    assert {(f["op"], f["kind"]) for f in record.failures} == {("add.Tensor", "crash"), ("add.Scalar", "suite")}


def test_the_record_can_be_judged_again_without_the_suite(accepted):
    run(accepted, "run", "--jobs", "0", cells={"abs::value": "vacuous"})
    code = "import sys; sys.modules.update(dict.fromkeys(['torch', 'numpy', 'hypothesis', 'engine', 'rich', 'jinja2']));"
    code += "from conformance.__main__ import main; sys.exit(main(['judge']))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.run([sys.executable, "-c", code], cwd=accepted, env=environment, capture_output=True, text=True)
    assert process.returncode == 1, process.stderr
    assert "abs::value" in process.stdout


def test_the_pages_of_a_run(accepted):
    run(accepted, "run", "--jobs", "0", cells={"mul.Tensor::gradient": "fail", "abs::value": "vacuous"})
    folder = latest(accepted)
    page = (folder / "index.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "")  # self-contained
    data = json.loads(page.partition('type="application/json">')[2].partition("</script>")[0])
    assert len(data["cells"]) == 14
    assert data["failures"]["mul.Tensor::gradient"][0]["truth"] == "tensor([1.])"
    document = xml.parse(folder / "junit.xml").getroot()
    assert {s.get("name"): s.get("failures") for s in document} == {"value": "1", "gradient": "1", "program": "0"}
    before = page
    assert run(accepted, "report", str(folder))[0] == 0
    assert (folder / "index.html").read_text() == before


def test_a_nightly_run_adds_a_row_to_the_history(accepted):
    for _ in range(2):
        assert run(accepted, "run", "--profile", "nightly", "--jobs", "0", "--examples", "3")[0] == 0
    head, *rows = (accepted / "reports" / "history" / "nightly.csv").read_text().splitlines()
    assert head.startswith("date,commit,torch,seed")
    assert len(rows) == 2
    assert rows[0].split(",")[3] != rows[1].split(",")[3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_kept_marked_and_not_published(accepted, number):
    before = {name: (accepted / "reports" / name).read_bytes() for name in ("ledger.csv", "gaps.toml", "README.md")}
    cells = {"mul.Tensor::value": "sleep60", "abs::value": "fail"}
    process = start(accepted, "run", "--accept", "--jobs", "2", "--profile", "nightly", "--name", "cut", cells=cells)
    folder = accepted / "reports" / "runs" / "cut"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (folder / "run.jsonl.partial").exists():
        time.sleep(0.05)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT) if number == signal.SIGINT else process.send_signal(number)  # a terminal tells everybody
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, ""), out
    assert "nothing was published" in out
    record = read_record(folder)
    assert not record.complete
    assert 1 <= len(record.cells) < record.header["planned"]
    assert {name: (accepted / "reports" / name).read_bytes() for name in before} == before
    assert not (accepted / "reports" / "history").exists()
    code, _, err = run(accepted, "judge", str(folder))
    assert code == 2
    assert "incomplete" in err


BAD = [
    (["run", "mull.Tensor"], "no op, property or program is called mull.Tensor; nearest: mul.Tensor"),
    (["run", "gradeint"], "nearest: gradient"),
    (["run", "modes.no_grad_decorater"], "nearest: modes.no_grad_decorator"),
    (["run", "mul.Tensor::gradeint"], "no property is called gradeint; nearest: gradient"),
    (["run", "mull.Tensor::gradient"], "no op or program is called mull.Tensor; nearest: mul.Tensor"),
    (["run", "mul.Tensor::program"], "the property program does not apply to mul.Tensor"),
    (["runn"], "no verb is called runn; nearest: run"),
    (["judge", "nosuch.jsonl.gz"], "no such run"),
    (["report"], "there is no run yet"),
    (["run", "--name", "../elsewhere"], "--name ../elsewhere: a name is letters"),
    (["run", "--accept", "--subject", "torch"], "--accept records what the engine does"),
]


@pytest.mark.parametrize(("arguments", "says"), BAD, ids=[" ".join(a) for a, _ in BAD])
def test_bad_input_is_one_clear_line_and_nothing_is_run(tmp_path, arguments, says):
    code, out, err = run(tmp_path, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1
    assert not (tmp_path / "reports" / "runs").exists()


@pytest.mark.parametrize("arguments", [["--examples", "0"], ["--jobs", "many"], ["--profile", "fast"]])
def test_bad_options_exit_with_2(tmp_path, arguments):
    assert run(tmp_path, "run", *arguments)[0] == 2


@pytest.mark.parametrize("jobs", ["0", "2"])
@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"import": "mul.Tensor: the rule asks for `foo`"}, "mul.Tensor: the rule asks for `foo`"),
        ({"mismatches": ["there is a spec for nosuch, but the engine declares no op nosuch"]}, "declares no op nosuch"),
    ],
)
def test_a_suite_that_does_not_fit_together_is_one_clear_line(tmp_path, cells, says, jobs):
    code, out, err = run(tmp_path, "run", "--jobs", jobs, cells=cells)
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_a_ledger_that_names_another_op_loses_nothing(accepted):
    path = accepted / "reports" / "ledger.csv"
    path.write_text(path.read_text().replace("mul.Tensor", "mull.Tensor"))
    before = path.read_text()
    code, _, err = run(accepted, "run", "--accept", "--jobs", "0")
    assert code == 2
    assert "no op or program is called mull.Tensor; nearest: mul.Tensor" in err
    assert path.read_text() == before


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "reports").write_text("a file, not a folder")
    code, _, err = run(tmp_path, "run")
    assert code == 2
    assert "reports: cannot be written" in err
    assert err.count("\n") == 1


def test_a_run_is_never_written_over_another(tmp_path):
    assert run(tmp_path, "run", "abs", "--jobs", "0", "--name", "mine")[0] == 0
    code, _, err = run(tmp_path, "run", "abs", "--jobs", "0", "--name", "mine")
    assert code == 2
    assert "there is a run of this name already" in err


def test_list_prints_cells(tmp_path):
    code, out, _ = run(tmp_path, "list", "add", "program:*")
    assert code == 0
    assert out.split() == [
        "add.Scalar::value", "add.Scalar::gradient", "add.Tensor::value", "add.Tensor::gradient",
        "program:basics.leaf::program", "program:modes.no_grad_decorator::program",
    ]  # fmt: skip
