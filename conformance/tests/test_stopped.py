"""Mistakes people make in an engine, planted in a copy of this one: the gate stops each with its counterexample."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIN = "self=lambda g, self: g * F.cos(self).conj())"
DETACH = """Tensor:
    made = alias(self)
    if made._counter"""
TAN = "self=lambda g, result: g * more(F.pow(result, 2), 1).conj())"
NO_GRAD = """        self.previous = is_grad_enabled()
        set_bit(GRAD, False)
"""
MISTAKES = {
    "a formula without its conjugate": ("ops/trigonometric.py", SIN, SIN.replace(".conj()", ""), ["sin::gradient"]),
    "a saved operand where PyTorch saves the result": (
        "ops/trigonometric.py",
        TAN,
        "self=lambda g, self: g * more(F.pow(F.tan(self), 2), 1).conj())",
        ["tan::stale_saved_value"],
    ),
    "requires_grad lost behind the first argument": (
        "**/*.py",
        "return flags if True in flags else None",
        "return flags if flags[0] else None",
        ["mm::requires_grad", "mm::leaf"],
    ),
    "a detach that copies": ("ops/convert.py", DETACH, DETACH.replace("self)", "self.clone())"), ["detach::alias"]),
    "a no_grad that does nothing": ("modes.py", NO_GRAD, NO_GRAD.replace("False", "self.previous"), ["mul.Tensor::no_grad"]),
}


def planted(folder: Path, where: str, right: str, wrong: str) -> None:
    """A copy of the project with one text of its engine replaced."""
    for part in ("engine", "conformance", "reports"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    (found,) = [path for path in (folder / "engine").glob(where) if right in path.read_text(encoding="utf-8")]
    text = found.read_text(encoding="utf-8")
    assert text.count(right) == 1
    found.write_text(text.replace(right, wrong), encoding="utf-8")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_gate_stops(mistake, tmp_path):
    *change, cells = MISTAKES[mistake]
    planted(tmp_path, *change)
    command = [sys.executable, "-m", "conformance", "gate", *cells, "--jobs", "0"]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    for cell in cells:
        (line,) = [line for line in done.stdout.splitlines() if line.strip().startswith(f"{cell} ")]
        assert "pass -> fail" in line
    for part in ("case:", "engine:", "torch:", "script:", "repeat:", "gate: FAILED"):
        assert part in done.stdout
