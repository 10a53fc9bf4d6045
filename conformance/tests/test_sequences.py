"""Random programs: every step is drawn and means something, and a planted error is found, made small, and can be run by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch

import engine
from conformance import outcome
from conformance.programs import PROGRAMS, many, run, sequences
from conformance.programs.calls import callees
from conformance.programs.draw import Draw, Further, Moved, Rounded
from conformance.programs.run import Again
from conformance.programs.steps import LENGTH, LINES, STEPS, WIDTH, Step, steps
from conformance.source import NpSource

ROOT = str(Path(__file__).parents[2])
KEY = "program:sequences.watched"


def drawn(count):
    return [list(steps(Draw(torch, NpSource(data)))) for data in run.cases(count, 0, LENGTH)]


def test_every_step_is_drawn_and_is_python():
    found = Counter(step.name for program in drawn(200) for step in program)
    assert {name for name in LINES if name != "nothing"} == set(found)


@pytest.mark.parametrize("writing", [False, True])
def test_every_call_is_python(writing, monkeypatch):
    monkeypatch.setattr("conformance.programs.steps.NAMES", ("call in place" if writing else "call",))
    rows = [bytes([0, 0, 0, *divmod(i, 256), 0, *[choice] * 4]) for i in range(len(callees(writing=writing))) for choice in range(4)]
    for at in range(0, len(rows), STEPS - 1):
        program = list(steps(Draw(torch, NpSource(bytes(WIDTH) + b"".join(rows[at : at + STEPS - 1])))))
        for step in program:
            compile(step.line, step.name, "exec")
        assert len({step.op for step in program}) > 1


def test_a_step_left_out_moves_no_other():
    for data in run.cases(40, 0, LENGTH)[1:]:
        whole = [step.line for step in steps(Draw(torch, NpSource(data)))]
        rest = [step.line for step in steps(Draw(torch, NpSource(data[:WIDTH] + bytes(WIDTH) + data[2 * WIDTH :])))]
        if not any(line.startswith("del ") for line in whole):
            kept = whole if len(rest) == len(whole) else whole[:1] + whole[2:]
            assert rest == [re.sub(r"\bt1\b", "t0", line) for line in kept]


def test_what_is_run_in_double_precision_asks_for_no_less():
    narrow = re.compile("float32|float16|complex64")
    assert any(narrow.search(step.line) for program in drawn(200) for step in program if step.name == "call")
    for data in run.cases(200, 0, LENGTH):
        assert not [step.line for step in steps(Moved(torch, NpSource(data), 0.0, 0)) if narrow.search(step.line)]


def test_a_planted_error_is_found_made_small_and_told_as_a_script(monkeypatch, tmp_path):
    monkeypatch.setattr(engine.Tensor, "clone", lambda self: self.detach())
    result = run.run_cell(KEY, examples=30, seed=1, shrink=False)
    failure = run.made_small(next(failure for failure in result.failures if failure.kind.startswith("step clone")), "engine")
    small = [line for line, *_ in failure.case["drawn"]]
    assert len(small) <= 3 and small[-1].endswith(".clone()")
    script = tmp_path / "script.py"
    script.write_text(failure.script)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=120, check=True, env={**os.environ, "PYTHONPATH": ROOT}
    )
    assert done.stdout.count(small[-1]) == 2 and "---- torch" in done.stdout and "---- engine" in done.stdout


def test_a_script_goes_on_behind_a_view_that_cannot_be_read(tmp_path):
    log = [("t0 = torch.ones(2, requires_grad=True) * 2", "t0"), ("t1 = t0.unbind()[0]", "t1"), ("t2 = t0.add_(1)", "t2")]
    told = tmp_path / "script.py"
    told.write_text(sequences.script("planted", log, "engine"))
    done = subprocess.run([sys.executable, told], capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": ROOT})
    assert done.returncode == 0 and done.stdout.count("t1 cannot be read: ") == 2 and done.stdout.count("t2 = ") == 4


@pytest.mark.parametrize("name", ["watched", "unwatched"])
def test_torch_agrees_with_itself(name):
    result = run.run_cell(f"program:sequences.{name}", examples=60, subject="torch")
    assert result.status == "pass" and result.comparisons > 60


def compared(lines, monkeypatch):
    """The kinds of the differences between the engine and PyTorch in a program of these lines."""
    made = [Step(name, line, line.partition(" = ")[0]) for name, line in lines]
    monkeypatch.setattr(sequences, "steps", lambda draw: made)
    return [one.kind for one in run.compared(engine, PROGRAMS[KEY], bytes(LENGTH))[0].differences]


ROUNDED_TWICE = (  # PyTorch's exponential is within half an ULP here, NumPy's is one away, of which the sine makes 30
    ("first", "t0 = torch.tensor([2.5], dtype=torch.float32)"),
    ("write in place", "t1 = t0.exp_()"),
    ("call", "t2 = torch.sin(t0)"),
    ("cast", "t3 = t2.to(torch.float64)"),
    ("number", "t4 = t3 * 2.0"),
)


def test_what_an_op_rounds_in_place_or_casts_is_judged_by_what_it_was_computed_from(monkeypatch):
    assert compared(ROUNDED_TWICE, monkeypatch) == []


@pytest.mark.parametrize(("name", "error"), [("exp_", 2.0**-20), ("sin", 2.0**-15)])
def test_a_planted_error_of_a_few_roundings_is_found_in_place_too(name, error, monkeypatch):
    plain = getattr(engine.Tensor if name.endswith("_") else engine, name)
    monkeypatch.setattr(engine.Tensor if name.endswith("_") else engine, name, lambda t: plain(t).mul_(1 + error))
    assert compared(ROUNDED_TWICE, monkeypatch)


WIDENED = (  # PyTorch's hyperbolic cosines happen to be exact to nine digits here
    ("first", "t0 = torch.tensor([0.1, -0.3], dtype=torch.float32)"),
    ("call", "t1 = torch.cosh(t0)"),
    ("cast", "t2 = t0.to(torch.float64)"),
    ("sum", "t3 = t1 + t2"),
)


def of_units(units):
    """The hyperbolic cosines of the above, so many units in the last place from PyTorch's."""
    return lambda t: engine.tensor([c + units * 2.0**-23 for c in torch.cosh(torch.tensor(t.tolist())).tolist()])


KEPT = (  # a float from 1 and one beside it leave other gradients, in double precision as in single
    ("first", "t0 = torch.tensor([1.0], dtype=torch.float32)"),
    ("leaf", "t1 = torch.tensor([9.0], dtype=torch.float64).requires_grad_(True)"),
    ("call", "t2 = torch.tanh(t1)"),
    ("grad", "t3 = torch.autograd.grad(t2, t1, torch.ones_like(t2))[0]"),
)


def test_what_a_node_has_kept_of_a_result_is_judged_by_runs_that_round_it_otherwise(monkeypatch):
    plain = engine.tanh
    monkeypatch.setattr(engine, "tanh", lambda t: moved(plain(t), 2.0**-52))
    assert compared(KEPT, monkeypatch) == []
    monkeypatch.setattr(engine, "tanh", lambda t: moved(plain(t), 2.0**-44))
    assert compared(KEPT, monkeypatch) == ["step call: tensor values"]


def moved(t, by):
    """The tensor, so much smaller, and what was kept of it."""
    t.data.sub_(by)
    return t


def test_what_has_more_digits_than_it_was_computed_from_is_judged_by_runs_that_round_otherwise(monkeypatch):
    monkeypatch.setattr(engine, "cosh", of_units(1))
    assert compared(WIDENED, monkeypatch) == []
    monkeypatch.setattr(Again, "rounded", lambda self: [])
    monkeypatch.setattr(Again, "stepped", lambda self: [])
    assert compared(WIDENED, monkeypatch) == ["step sum: tensor values"]


def test_a_planted_error_is_found_in_what_has_more_digits_and_in_what_it_was_computed_from(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(engine, "cosh", of_units(20))
        assert compared(WIDENED, patch) == ["step call: tensor values"]
    plain = engine.Tensor.__add__
    monkeypatch.setattr(engine.Tensor, "__add__", lambda a, b: plain(a, b).mul_(1 + 1e-6))
    assert compared(WIDENED, monkeypatch) == ["step sum: tensor values"]


CUT_OFF = (  # PyTorch's result is 1, the engine's the float before it
    ("first", "t0 = torch.tensor([4.0, 1.0], dtype=torch.float32)"),
    ("call in place", "t1 = t0.erf_()"),
    ("cast", "t2 = t1.to(torch.int64)"),
    ("call", "t3 = torch.eq(t1, 1)"),
    ("call", "t4 = torch.argmax(t2 * 0)"),
)


def test_what_is_cut_off_or_compared_after_a_rounding_is_judged_by_runs_that_round_otherwise(monkeypatch):
    assert compared(CUT_OFF, monkeypatch) == []


@pytest.mark.parametrize("number", [1.0001, 1.9999])
def test_runs_that_round_otherwise_come_to_the_floats_beside_a_result(number):
    found = set()
    for seed in range(outcome.TRIALS):
        t = torch.tensor(number)
        Rounded(torch, NpSource(b""), seed).written(t)
        found.add(t.item())
    x = torch.tensor(number)
    assert {torch.nextafter(x, x * 2).item(), torch.nextafter(x, -x).item()} <= found
    assert all(abs(one - number) <= 1.5 * 2**-23 * number for one in found)


def test_an_integer_that_no_rounding_makes_is_found(monkeypatch):
    plain = engine.Tensor.to
    monkeypatch.setattr(engine.Tensor, "to", lambda t, dtype: plain(t, dtype) - 1)
    assert compared(CUT_OFF, monkeypatch)[0] == "step cast: tensor values"


def test_another_one_of_equal_elements_is_found_though_runs_round_otherwise(monkeypatch):
    plain = engine.argmax
    monkeypatch.setattr(engine, "argmax", lambda t: plain(t) + 1)
    assert compared(CUT_OFF, monkeypatch)[0] == "step call: tensor values"


CUT_FAR = (  # the inner exponential a unit from PyTorch's, of which the outer makes eight
    ("first", "t0 = torch.tensor([1.0, 2.0], dtype=torch.float32)"),
    ("write in place", "t1 = t0.exp_()"),
    ("write in place", "t2 = t0.exp_()"),
    ("write in place", "t3 = t0.mul_(t0)"),
    ("cast", "t4 = t3.to(torch.int64)"),
)


def of_units_in_place(units):
    """The exponential, so many units in the last place from PyTorch's."""
    return lambda t: t.copy_(engine.tensor([e + units * 2.0**-21 * (e > 4) for e in torch.exp(torch.tensor(t.tolist())).tolist()]))


@pytest.mark.parametrize("units", [-2, -1])
def test_what_is_cut_off_far_from_its_roundings_is_judged_by_further_runs(units, monkeypatch):
    monkeypatch.setattr(engine.Tensor, "exp_", of_units_in_place(units))
    assert compared(CUT_FAR, monkeypatch) == []
    monkeypatch.setattr(Again, "further", lambda self: [])
    assert compared(CUT_FAR, monkeypatch) == ["step cast: tensor values"]


def test_equal_numbers_may_be_rounded_apart(monkeypatch):
    lines = (
        ("first", "t0 = torch.tensor([3.0, 3.0], dtype=torch.float32)"),
        ("call in place", "t1 = t0.exp_()"),
        ("call", "t2 = torch.var(t1)"),
    )

    def apart(units):
        return lambda t: t.copy_(engine.tensor(torch.exp(torch.tensor(t.tolist())).tolist()) + engine.tensor([0.0, units * 2.0**-19]))

    monkeypatch.setattr(engine.Tensor, "exp_", apart(1))
    assert compared(lines, monkeypatch) == []
    monkeypatch.setattr(engine.Tensor, "exp_", apart(40))
    assert compared(lines, monkeypatch) == ["step call in place: tensor values"]


def test_an_integer_that_no_further_run_makes_is_found(monkeypatch):
    plain = engine.Tensor.to
    monkeypatch.setattr(engine.Tensor, "to", lambda t, dtype: plain(t, dtype) - 40)
    assert compared(CUT_FAR, monkeypatch) == ["step cast: tensor values"]


def test_further_runs_are_made_only_for_integers_that_move(monkeypatch):
    asked = []
    monkeypatch.setattr(Again, "further", lambda self: asked.append(self) or [])
    plain = engine.Tensor.to
    monkeypatch.setattr(engine.Tensor, "to", lambda t, dtype: plain(t, dtype) - 1)
    assert compared((CUT_FAR[0], ("cast", "t4 = t0.to(torch.int64)")), monkeypatch) and not asked


FIRST = ("first", "t0 = torch.tensor([3.0], dtype=torch.float32, requires_grad=True)")
TAKEN = (("grad", "t1 = torch.autograd.grad(t0.exp().sum(), t0)[0].clone()"),)
ACCUMULATED = (("backward", "t0.exp().sum().backward()"), ("gradient", "t1 = t0.grad"))
CUT = (("number", "t2 = t1 * 2.0**30"), ("cast", "t3 = t2.to(torch.int64)"))


def exp_of_units(units):
    """The exponential of 3, so many units in the last place from PyTorch's, seen through its gradient alone."""
    return lambda t: t * (torch.exp(torch.tensor(3.0)).item() + units * 2.0**-19)


@pytest.mark.parametrize("gradient", [TAKEN, ACCUMULATED])
def test_what_is_cut_off_from_a_gradient_is_judged_by_runs_that_round_it_otherwise(gradient, monkeypatch):
    monkeypatch.setattr(engine.Tensor, "exp", exp_of_units(1))
    assert compared((FIRST, *gradient, *CUT), monkeypatch) == []
    monkeypatch.setattr(Again, "rounded", lambda self: [])
    assert compared((FIRST, *gradient, *CUT), monkeypatch) == ["step cast: tensor values"]


@pytest.mark.parametrize("gradient", [TAKEN, ACCUMULATED])
def test_a_planted_error_of_a_gradient_is_found_where_it_is_cut_off(gradient, monkeypatch):
    monkeypatch.setattr(engine.Tensor, "exp", exp_of_units(1))
    plain = engine.Tensor.to
    monkeypatch.setattr(engine.Tensor, "to", lambda t, dtype: plain(t, dtype) + 1)
    assert compared((FIRST, *gradient, *CUT), monkeypatch) == ["step cast: tensor values"]


@pytest.mark.parametrize("number", [1.0001, 1.9999])
def test_further_runs_move_a_result_by_four_units_and_no_more(number):
    x = torch.tensor(number)
    found = set()
    for seed in range(outcome.FURTHER):
        t = x.clone()
        Further(torch, NpSource(b""), seed).written(t)
        found.add(round((t - x).item() * 2**23))
    assert {-2, -1, 0, 1, 2} <= found <= set(range(-4, 5))


SATURATED = (  # of the last digit of the hyperbolic tangent its gradient makes eight
    ("first", "t0 = torch.tensor([9.0], dtype=torch.float64, requires_grad=True)"),
    ("call", "t1 = torch.tanh(t0)"),
    ("grad", "t2 = torch.autograd.grad(t1, t0)[0].clone()"),
)


@pytest.mark.parametrize("error", [3e-9, 1e-6])
def test_a_gradient_is_judged_by_runs_in_which_every_op_rounds_otherwise_and_a_planted_error_of_it_is_found(error, monkeypatch):
    plain = engine.autograd.grad
    monkeypatch.setattr(engine.autograd, "grad", lambda *given: [g * (1 + error) for g in plain(*given)])
    monkeypatch.setattr(Again, "moved", lambda self, unit: [])
    monkeypatch.setattr(Again, "beside", lambda self: [])
    differing = ["step grad: tensor values"]
    assert compared(SATURATED, monkeypatch) == (differing if error > 1e-8 else [])
    monkeypatch.setattr(Again, "stepped", lambda self: [])
    assert compared(SATURATED, monkeypatch) == differing


REPEATED = (*ROUNDED_TWICE, ("create", "t5 = torch.ones(1).expand(2).detach()"), ("write in place", "t6 = t5.zero_()"))


def test_what_was_rounded_is_judged_after_a_write_to_repeated_elements_too(monkeypatch):
    assert compared(REPEATED, monkeypatch) == []


def test_a_write_to_repeated_elements_that_is_lost_is_found(monkeypatch):
    monkeypatch.setattr(engine.Tensor, "zero_", lambda t: t)
    assert compared(REPEATED, monkeypatch) == ["step write in place: tensor values"]


NAN_RECAST = (  # of which PyTorch and NumPy make another NaN
    "torch.tensor([2.0, -1.0], dtype=torch.float64)",
    "t0.clone()",
    "t1.view(torch.float32)",
    "t2.sqrt_()",
    "t1 * 2",
)


@pytest.mark.parametrize("name", ["watched", "unwatched"])
def test_the_bits_of_nan_in_another_dtype_end_a_program_and_a_difference_before_that_is_found(name, monkeypatch):
    made, seen, counted = seen_of(monkeypatch, *NAN_RECAST, name=name)
    assert not made.differences and "ends: the bits of NaN read in another dtype" in counted
    assert "at the end: tensor 3" in seen and not any("tensor 4" in label for label in seen)
    plain = engine.Tensor.view
    monkeypatch.setattr(engine.Tensor, "view", lambda t, dtype: plain(t, dtype).clone())
    assert seen_of(monkeypatch, *NAN_RECAST, name=name)[0].differences


THROUGH_NAN = (
    "torch.tensor([2.0, -1.0], dtype=torch.float64)",
    "t0.clone().log10_()",
    "legible(t1, torch.float32).view(torch.float32).sub_(2)",
    "t1 * 2",
)


def test_a_write_through_the_bits_of_nan_ends_a_program_and_a_difference_before_that_is_found(monkeypatch):
    made, seen, counted = seen_of(monkeypatch, *THROUGH_NAN)
    assert not made.differences and "ends: the bits of NaN read in another dtype" in counted and "at the end: tensor 1" in seen
    monkeypatch.setattr(engine.Tensor, "clone", lambda self: self.detach())
    assert seen_of(monkeypatch, *THROUGH_NAN)[0].differences


THROUGH_A_VIEW = (  # of which no tensor is left
    "torch.tensor([[2.0], [-1.0]], dtype=torch.float64)",
    "t0.log()",
    "(once((through := legible(t0, torch.float32).view(torch.float32))).sub_(t1), t1)[1]",
    "t0 * 2",
)


def test_a_write_of_nan_through_a_view_nobody_sees_ends_a_program_and_what_it_makes_of_other_numbers_is_found(monkeypatch):
    made, seen, counted = seen_of(monkeypatch, *THROUGH_A_VIEW)
    assert not made.differences and "ends: the bits of NaN read in another dtype" in counted and "at the end: tensor 2" in seen
    plain = engine.Tensor.sub_
    monkeypatch.setattr(engine.Tensor, "sub_", lambda t, other: plain(t, other).mul_(2))
    assert seen_of(monkeypatch, *THROUGH_A_VIEW)[0].differences


@pytest.mark.parametrize("wrong", ["sqrt", "add"])
def test_what_a_write_makes_of_memory_in_another_dtype_is_found_beside_nan(wrong, monkeypatch):
    plain = engine.Tensor.sqrt_
    change = {"sqrt": lambda t: plain(t.abs_()), "add": lambda t: plain(t).add_(1)}[wrong]
    monkeypatch.setattr(engine.Tensor, "sqrt_", change)
    assert seen_of(monkeypatch, *NAN_RECAST)[0].differences


BITS = (
    ("first", "t0 = torch.tensor([2.5, -1.0], dtype=torch.float32)"),
    ("view", "t1 = t0.view(torch.int64)"),
    ("write in place", "t2 = t0.exp_()"),  # one of them rounds otherwise
    ("write in place", "t3 = t0.sub_(0.5).log_()"),  # and one is NaN, of which there are many
)


def test_integers_that_are_the_bits_of_numbers_are_read_as_numbers(monkeypatch):
    assert compared(BITS, monkeypatch) == []


def test_integers_that_are_no_longer_the_bits_of_numbers_are_found(monkeypatch):
    plain = engine.Tensor.view
    monkeypatch.setattr(engine.Tensor, "view", lambda t, dtype: plain(t, dtype).clone())
    assert any("tensor values" in kind for kind in compared(BITS, monkeypatch))


def seen_of(monkeypatch, *lines, name="watched"):
    """The comparison of a program of these lines, each of which binds a tensor, and what PyTorch saw."""
    made = [Step("line", f"t{i} = {line}", f"t{i}") for i, line in enumerate(lines)]
    monkeypatch.setattr(sequences, "steps", lambda draw: iter(made))
    comparison, seen, log = run.compared(engine, run.PROGRAMS[f"program:sequences.{name}"], b"")
    return comparison, seen, set(many.drawn(comparison, seen, log))


def test_what_pytorch_leaves_open_ends_a_program_and_is_counted(monkeypatch):
    made, seen, counted = seen_of(monkeypatch, "torch.ones(3)", "t0.as_strided((2, 2), (1, 1))", "once(t1).neg_()", "t0 + 1")
    assert not made.differences and "at the end: tensor 1" in seen and not any("tensor 3" in label for label in seen)
    assert {"programs: ended early", "ends: a write to elements that share memory"} <= counted


OF_INFINITY = ("torch.tensor([1.0, torch.inf])", "t0.clone()", "torch.nn.functional.gelu(finite(t1))", "t0 + 1")


def test_infinity_where_pytorch_has_two_answers_ends_a_program_and_a_difference_before_it_is_found(monkeypatch):
    made, _, counted = seen_of(monkeypatch, *OF_INFINITY)
    assert not made.differences and "ends: what infinity comes to in a loop over vectors" in counted
    monkeypatch.setattr(engine.Tensor, "clone", lambda self: self.detach())
    assert seen_of(monkeypatch, *OF_INFINITY)[0].differences[0].kind == "step line: tensor place"


OF_ZEROS = ("torch.tensor([0, 1j, 2, 3], dtype=torch.complex128)", "t0.clone()", "negatable(t1).neg_()", "t0 + 1")


def test_zeros_that_pytorch_negates_in_two_ways_end_a_program_and_a_difference_before_it_is_found(monkeypatch):
    made, _, counted = seen_of(monkeypatch, *OF_ZEROS)
    assert not made.differences and "ends: the sign of a negated complex zero" in counted
    monkeypatch.setattr(engine.Tensor, "clone", lambda self: self.detach())
    assert seen_of(monkeypatch, *OF_ZEROS)[0].differences[0].kind == "step line: tensor place"


OUTGROWN = ("torch.ones(1, 2)", "t0.clone()", "setattr(t1, 'grad', t0) or t1", "t1.squeeze_()", "t1.requires_grad_().backward(t1) or t1")


def test_a_gradient_compared_with_what_lies_beyond_ends_a_program_and_a_difference_before_it_is_found(monkeypatch):
    made, seen, counted = seen_of(monkeypatch, *OUTGROWN)
    assert not made.differences and "ends: steps of a gradient compared with what lies beyond those of its leaf" in counted
    assert "at the end: tensor 3" in seen and not any("step 4" in label for label in seen)
    monkeypatch.setattr(engine.Tensor, "clone", lambda self: self.detach())
    assert seen_of(monkeypatch, *OUTGROWN)[0].differences[0].kind == "step line: tensor place"


NEAR_ZERO = ("torch.tensor([1e-20, 1.0], dtype=torch.float64)", "t0.clone()", "torch.igammac(sizable(t1), t0 * 0 + 1)", "t0 + 1")


def test_a_number_near_0_of_which_a_gamma_function_is_wrong_ends_a_program_and_a_difference_before_it_is_found(monkeypatch):
    made, _, counted = seen_of(monkeypatch, *NEAR_ZERO)
    assert not made.differences and "ends: the incomplete gamma function of a number near 0" in counted
    monkeypatch.setattr(engine.Tensor, "clone", lambda self: self.detach())
    assert seen_of(monkeypatch, *NEAR_ZERO)[0].differences[0].kind == "step line: tensor place"


@pytest.mark.parametrize("numbers", ["[0, 1j, 2]", "[1 + 1j, 1j - 1, 1j + 2, 1j + 3]"])
def test_what_pytorch_negates_in_one_way_is_compared(numbers, monkeypatch):
    lines = (f"torch.tensor({numbers}, dtype=torch.complex128)", "negatable(t0).neg_()", "t1.imag")
    made, _, counted = seen_of(monkeypatch, *lines)
    assert not made.differences and "programs: ended early" not in counted
    monkeypatch.setattr(engine.Tensor, "neg_", lambda self: self)
    assert seen_of(monkeypatch, *lines)[0].differences


def test_a_write_that_pytorch_refuses_ends_nothing(monkeypatch):
    made, seen, counted = seen_of(monkeypatch, "torch.ones(1).expand(2)", "once(t0).neg_()", "t0 + 1")
    assert not made.differences and "step 1 line: error" in seen and "at the end: tensor 2" in seen
    assert "programs: ended early" not in counted


ASSERTING = ("torch.ones(2, 1, requires_grad=True)", "t0.clone()", "t1.retain_grad()", "t1.squeeze_()", "t1.mul_(2)", "t0.sin()")


def test_an_internal_assert_of_pytorch_stops_a_program_and_is_counted(monkeypatch):
    made, seen, counted = seen_of(monkeypatch, *ASSERTING)
    assert not made.differences and "step 3 line: tensor 3" in seen and not any("step 4" in label for label in seen)
    assert {"programs: ended early", "ends: out != nullptr INTERNAL ASSERT FAILED"} <= counted


def test_a_difference_before_an_internal_assert_is_found(monkeypatch):
    monkeypatch.setattr(engine.Tensor, "clone", lambda self: self.detach())
    made, _, counted = seen_of(monkeypatch, *ASSERTING)
    assert made.differences[0].kind == "step line: tensor" and {"programs: ended early", "programs: different"} <= counted
