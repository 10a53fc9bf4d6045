"""Every property catches an error planted for it, and shrinks it to something a person can read."""

import subprocess
import sys
from pathlib import Path

import pytest

import conformance.properties as PROPERTIES_MODULE
from conformance.backends import truth
from conformance.properties import PROPERTIES
from conformance.properties.vmap import ONE_BY_ONE
from conformance.spec import declaration
from conformance.sweep import replay, run_cell

from .planted import FURTHER, PLANTED

MUL = declaration(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor", "pointwise", "self, other", inplace=True, out=True, operator="mul", promotes=True
)
TRANSPOSE = declaration("transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", "view", "self")
OPS = {"alias": TRANSPOSE, "layout": TRANSPOSE}


def test_every_property_has_a_planted_error():
    assert set(PLANTED) == set(PROPERTIES)


def test_every_property_says_what_it_claims():
    assert [n for n, p in PROPERTIES.items() if len(p.doc) < 30 or not p.doc.endswith(".")] == []


@pytest.mark.parametrize("name", PLANTED)
def test_planted_error_is_caught(name):
    result = run_cell(OPS.get(name, MUL), name, examples=60, subject=PLANTED[name], shrink=False)
    assert result.status == "fail"


def test_what_does_not_look_at_the_case_is_asked_once():
    fixed = [name for name, made in PROPERTIES.items() if made.fixed]
    assert fixed == ["signature"]
    for name in fixed:
        assert all(seen is not None for seen in PROPERTIES[name].observe(truth, MUL, None))
        assert run_cell(MUL, name, examples=60).examples == 1


def test_a_loop_over_samples_is_right_but_where_vmap_refuses_by_design():
    nonzero = declaration("nonzero(Tensor self) -> Tensor")
    assert run_cell(MUL, "vmap", examples=60, subject=ONE_BY_ONE, shrink=False).status == "pass"
    assert run_cell(nonzero, "vmap", examples=60, subject=ONE_BY_ONE, shrink=False).status == "fail"
    assert run_cell(nonzero, "vmap", examples=60, subject="torch", shrink=False).status == "pass"


def test_a_loop_over_samples_is_right_where_pytorch_calls_its_own_answer_a_bug():
    fill, divide = "index_fill.int_Tensor", "div.Tensor_mode"  # looks at elements by itself; by zero, of no samples
    for op in fill, divide:
        for subject in ONE_BY_ONE, "torch":
            assert run_cell(op, "vmap", examples=150, subject=subject, shrink=False).status == "pass"
        assert run_cell(op, "vmap", examples=150, subject=PLANTED["vmap"], shrink=False).status == "fail"


@pytest.mark.parametrize(("name", "what", "planted"), FURTHER, ids=[what for _, what, _ in FURTHER])
def test_further_planted_errors_are_caught(name, what, planted):
    ops = [MUL, TRANSPOSE] if name in ("alias", "layout") else [MUL]
    assert any(run_cell(op, name, examples=200, subject=planted, shrink=False).failures for op in ops), what


def test_a_failure_is_small_readable_and_repeatable():
    result = run_cell(MUL, "gradient", examples=60, subject=PLANTED["gradient"])
    (failure, *_) = [f for f in result.failures if f.kind.startswith("gradient.")]
    sizes = [len(a["tensor"]["values"]) for a in failure.case["args"].values() if "tensor" in a]
    assert max(sizes) <= 2, failure.message
    assert "instead of" in failure.message and failure.command == "python -m conformance run 'mul.Tensor::gradient'"
    stored = {**failure.case, "args": dict(sorted(failure.case["args"].items()))}  # as a file keeps it: in any order
    assert failure.kind in [again.kind for again in replay(stored, MUL, "gradient", subject=PLANTED["gradient"])]
    assert replay(stored, MUL, "gradient", subject="torch") == []


@pytest.mark.parametrize("name", PROPERTIES)
def test_scripts_run(name):
    """The reproducer is valid Python that runs, here with PyTorch on both sides."""
    result = run_cell(OPS.get(name, MUL), name, examples=40, subject=PLANTED[name], shrink=False)
    text = result.failures[0].script
    compile(text, name, "exec")
    if name in ("value", "gradient", "no_grad"):
        text = text.replace("import planted as mine", "import torch as mine")
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        first, second = done.stdout.split("----- torch")[1:]
        assert first == second and first.strip()


def test_the_readme_lists_every_claim():
    text = (Path(PROPERTIES_MODULE.__file__).parents[1] / "README.md").read_text()
    assert [n for n, p in PROPERTIES.items() if f"| `{n}` | {p.doc} |" not in text] == []
