"""The comparison is tested too: every planted error of the kill matrix is caught, and correct results are not."""

import ml_dtypes
import numpy as np
import pytest
import torch

from conformance.backends import ElementByElement, RoundedOtherwise, Torch, truth
from conformance.case import Case, Named, tensor_value
from conformance.outcome import Raised, Reference, arrays, compare, errors
from conformance.properties import PROPERTIES
from conformance.spec import declaration, declarations
from conformance.sweep import Again, Trial, find

EXP = declaration("exp(Tensor self) -> Tensor", "pointwise", "self")
SUM = declaration("sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", "reduction", "self")
DTYPES = ("float32", "float64", "complex64", "complex128", "float16", "bfloat16")


def numpy_dtype(name):
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def observed(dtype, prop="gradient", values=(0.7, -1.3, 2.1, 0.4, -0.9, 1.8)):
    """What PyTorch's exp and its gradient came to, with the reference for the third tier."""
    array = np.array(values).astype(numpy_dtype(dtype)).reshape(2, 3)
    case = Case("exp", {"self": tensor_value(array, requires_grad=True)}, bytes(range(20)))
    trial = Trial(EXP, PROPERTIES[prop], "torch")
    return trial.seen(truth, case), Again(trial, case)


def knowing(reference, **answers):
    """The reference with other answers to some of its questions."""
    vars(reference).update(answers)
    return reference


def last(change):
    """Applies `change` to the last element."""

    def apply(a):
        a = a.copy()
        a.flat[-1] = change(a.flat[-1])
        return a

    return apply


def up(count):
    def move(x):
        if isinstance(x, (complex, np.complexfloating)):
            return x * (1 + count * np.finfo(np.asarray(x).real.dtype).eps)
        return x * type(x)(1 + count * float(ml_dtypes.finfo(np.asarray(x).dtype).eps))

    return move


MUTATIONS = {
    "every element x(1+1e-4)": lambda a: (a * (1 + 1e-4)).astype(a.dtype),
    "last element x(1+1e-3)": last(lambda x: x * (1 + 1e-3)),
    "last element +100 ULP": last(up(100)),
    "last element x1.2": last(lambda x: x * 1.2),
    "gradient x(1+1e-3)": lambda a: (a * (1 + 1e-3)).astype(a.dtype),
    "one gradient element x1.01": last(lambda x: x * 1.01),
    "elements misplaced": lambda a: np.roll(a, 1),
    "another dtype": lambda a: a.real.astype(np.float64 if a.dtype != np.float64 else np.float32),
    "another shape": lambda a: a.reshape(-1),
    "one element NaN": last(lambda x: x * np.nan),
    "one element infinite": last(lambda x: x * np.inf),
    "None instead": lambda a: None,
}
_SMALL = ("every element x(1+1e-4)", "last element x(1+1e-3)", "gradient x(1+1e-3)", "one gradient element x1.01")
TOO_COARSE = {(m, d) for m in _SMALL for d in ("float16", "bfloat16")}  # within what rounding the input once to 16 bits may do to exp


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("prop", ["value", "gradient"])
def test_numeric_errors_are_caught(mutation, dtype, prop):
    if (mutation, dtype) in TOO_COARSE:
        return
    theirs, reference = observed(dtype, prop)
    label = next(n for n, v in theirs.items() if isinstance(v, np.ndarray))
    with np.errstate(all="ignore"):
        mine = {**theirs, label: MUTATIONS[mutation](theirs[label])}
    assert compare(mine, theirs, reference).differences, f"{mutation} went unseen in {dtype}"


@pytest.mark.parametrize("dtype", DTYPES)
def test_special_values_keep_their_places(dtype):
    theirs = {"value": np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 1.0]).astype(numpy_dtype(dtype))}
    for at, wrong in ((0, -0.0), (1, 0.0), (2, 0.0), (3, -np.inf), (4, np.nan), (3, 6e4), (5, np.nan)):
        mine = {"value": theirs["value"].copy()}
        mine["value"][at] = wrong
        same = knowing(Reference(), exact=lambda: theirs, moved=lambda unit: [theirs])
        assert compare(mine, theirs, same).differences, (at, wrong)
        assert compare(mine, theirs, None).differences, (at, wrong)


def test_nan_sign_and_payload_do_not_count():
    a = np.array([np.nan], np.float32)
    b = np.array([0xFFC12345], np.uint32).view(np.float32)
    assert arrays(a, b) == ("bitwise", "")


FLAGS = {
    "requires_grad": (True, False),
    "is_leaf": (True, False),
    "version": (0, 1),
    "strides": ((3, 1), (1, 2)),
    "shares": ([True], [False]),
    "name": ("ExpBackward0", "LogBackward0"),
    "graph": (["A", [("B", 0)]], ["A", [("B", 1)]]),
    "warnings": ([], ["UserWarning: x"]),
    "gradient.self": (None, np.zeros(2, np.float32)),
    "type": (True, 1),
    "saved": ("self", "result"),
}


@pytest.mark.parametrize("label", FLAGS)
def test_plain_observations_are_exact(label):
    left, right = FLAGS[label]
    for a, b in ((left, right), (right, left)):
        assert compare({label: a}, {label: b}).differences
        assert not compare({label: a}, {label: a}).differences
    assert compare({}, {label: left}).differences, "missing"
    assert compare({label: left}, {}).differences, "superfluous"


def test_errors_compare_type_then_template_then_text():
    truth_ = Raised("RuntimeError", "shape [2, 3] is invalid for input of size 5")
    assert errors(truth_, truth_) == ""
    assert errors(Raised("RuntimeError", "shape [4] is invalid for input of size 7"), truth_) == "text"
    assert errors(Raised("RuntimeError", "no"), truth_) == "message"
    assert errors(Raised("IndexError", truth_.text), truth_) == "error type"
    for mine in ({}, {"raises": Raised("RuntimeError", "no")}, {"value": np.zeros(1)}):
        assert compare(mine, {"raises": truth_}).differences
    assert compare({"raises": truth_}, {"value": np.zeros(1)}).differences


def test_what_pytorch_calls_a_bug_of_its_own_is_counted_and_not_judged():
    bug = Raised("RuntimeError", "n >= 3 INTERNAL ASSERT FAILED at Kernel.h:8, please report a bug to PyTorch.")
    for mine in ({"first": 1, "value": np.zeros(1)}, {"first": 1, "raises": Raised("RuntimeError", "no")}):
        made = compare(mine, {"first": 1, "raises": bug})
        assert (made.differences, dict(made.verdicts), made.observed) == ([], {"equal": 1, "asserted": 1}, 1)
    assert not compare({"value": 1}, {"value": bug}).differences
    assert compare({"value": bug}, {"value": 1}).differences and compare({"raises": bug}, {"value": 1}).differences


def test_an_error_inside_an_interpreted_operation_is_what_the_operation_says():
    with torch.autograd.forward_ad.dual_level():
        g = torch.autograd.forward_ad.make_dual(torch.tensor(1.0), torch.tensor(1.0))
        with pytest.raises(RuntimeError, match="TorchScript") as error:
            torch.ops.aten.nll_loss_backward(g, torch.zeros(1, 0), torch.tensor([0]), None, 1, -100, torch.tensor(1.0))
    truth_ = Raised.of(error.value)
    assert truth_ == Raised("RuntimeError", "index 0 is out of bounds for dimension 1 with size 0")
    assert errors(Raised("RuntimeError", "index 0 is out of bounds for dimension 0 with size 0"), truth_)


def bad_kernel(exact, planted):
    """`planted` in float32 against PyTorch's float32 `exact`, over values where naive formulas lose digits."""
    rng = np.random.default_rng(3)
    x = (10.0 ** rng.uniform(-9, -3, 24)).astype(np.float32)

    def run(v):
        return {"value": exact(torch.from_numpy(v)).numpy()}

    def moved(unit):
        signs = np.random.default_rng(1)
        return [run(x.astype(np.float64) * (1 + unit * signs.choice([-1, 1], 24))) for _ in range(8)]

    return compare({"value": planted(x)}, run(x), knowing(Reference(), exact=lambda: run(x.astype(np.float64)), moved=moved))


def test_naive_formulas_are_caught_without_an_absolute_tolerance():
    one = np.float32(1)
    assert bad_kernel(torch.log1p, lambda x: np.log(one + x)).differences
    assert bad_kernel(torch.expm1, lambda x: np.exp(x) - one).differences
    assert not bad_kernel(torch.log1p, np.log1p).differences
    assert not bad_kernel(torch.expm1, np.expm1).differences


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_another_order_of_summation_is_no_error(dtype):
    """A correct sum rounds differently: the case's own conditioning must allow it, and a wrong divisor must not pass."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(60):
        x = (10.0 ** rng.uniform(-3, 3, 40) * rng.choice([-1, 1], 40)).astype(dtype)
        case = Case("sum.dim_IntList", {"self": tensor_value(x, True), "dim": 0}, bytes(20))
        trial = Trial(SUM, PROPERTIES["value"], "torch")
        theirs, reference = trial.seen(truth, case), Again(trial, case)
        total = dtype(0)
        for v in x:
            total += v
        assert not compare({"value": np.array(total)}, theirs, reference).differences
        wrong += bool(compare({"value": np.array(total * dtype(1.025))}, theirs, reference).differences)
    assert wrong >= 57


def test_cases_run_together_come_to_what_each_comes_to_alone():
    cases = [Case("exp", {"self": tensor_value(np.array([x, -x], np.float32), True)}, bytes([n] * 20)) for n, x in enumerate((0.5, 2, 40))]
    trial = Trial(EXP, PROPERTIES["gradient"], "engine")
    assert list(trial.run_all(cases)) == [trial.run(case) for case in cases]
    trial.subject = Off("torch", torch)
    assert [made.differences[0].kind for made in trial.run_all(cases)] == ["gradient.self"] * 3


class Off(Torch):
    """PyTorch, but for its gradients."""

    def grad(self, *args, **more):
        return tuple(g * 1.5 for g in super().grad(*args, **more))


def test_an_answer_pytorch_gives_in_another_layout_is_no_error():
    """`-x` of a complex zero is 0 in PyTorch's vectorised loop and -0 at its end: both count, another value does not."""
    neg = declaration("neg(Tensor self) -> Tensor", "pointwise", "self")
    case = Case("neg", {"self": tensor_value(np.zeros(33, np.complex64))}, bytes(20))
    trial = Trial(neg, PROPERTIES["value"], "torch")
    theirs = trial.seen(truth, case)
    mine = {"value": -np.zeros(33, np.complex64)}
    found = compare(mine, theirs, Again(trial, case))
    assert not found.differences and set(found.verdicts) <= {"lanes", "bitwise"}
    mine["value"][3] = -1e-30
    assert compare(mine, theirs, Again(trial, case)).differences


def test_what_lies_between_the_steps_of_a_backward_is_another_layout_too():
    """The gradient of `cos` negates inside: the zeros of PyTorch's loop over elements count, on every element, and no others do."""
    cos = declaration("cos(Tensor self) -> Tensor", "pointwise", "self")
    case = Case("cos", {"self": tensor_value(np.zeros(8, np.complex64), True)}, bytes(20))
    trial = Trial(cos, PROPERTIES["gradient"], "torch")
    theirs, reference = trial.seen(truth, case), Again(trial, case)
    label = "gradient.self"
    with ElementByElement():
        mine = trial.seen(truth, case)
    assert np.signbit(mine[label].imag).tolist() != np.signbit(theirs[label].imag).tolist()
    assert not compare(mine, theirs, reference).differences
    certain = np.flatnonzero(np.signbit(mine[label].imag) == np.signbit(theirs[label].imag))
    wrong = {**mine, label: mine[label].copy()}
    wrong[label].imag[certain[0]] *= -1
    assert compare(wrong, theirs, reference).differences


def test_sums_leave_open_only_what_their_order_decides():
    theirs = np.array([0.0, complex(np.inf, np.nan), 1 + 2j, 3.0], np.complex64)
    mine = np.array([-0.0, complex(np.nan, np.inf), 1 + 2j, 3.0], np.complex64)
    assert arrays(mine, theirs, sums=True) == ("order", "")
    assert arrays(mine, theirs)[1]
    for at, wrong in ((0, 1e-30), (1, 5.0), (2, 1 - 2j), (3, np.nan)):
        planted = mine.copy()
        planted[at] = wrong
        assert arrays(planted, theirs, sums=True)[1], at


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rounding_pytorch_happened_not_to_make_is_no_error(dtype):
    """`g - exp(output) * g` is what a rounded exponential leaves: PyTorch's own differs as much beside the case."""
    text = "_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor"
    op = declaration(text, "plain")
    g, output = dtype([7.6, -5.3, 2.9]), dtype([-0.0076, -0.0031, -0.0012])
    args = {"grad_output": tensor_value(g[None]), "output": tensor_value(output[None]), "dim": 0, "input_dtype": Named(dtype.__name__)}
    trial = Trial(op, PROPERTIES["value"], "torch")
    case = Case("_log_softmax_backward_data", args, bytes(20))

    def differs(exponential, reference=None):
        mine = (g - exponential.astype(dtype) * g)[None]
        return bool(compare({"value": mine}, trial.seen(truth, case), reference or Again(trial, case)).differences)

    rounded = np.exp(output.astype(np.longdouble)).astype(dtype)
    above = np.nextafter(rounded, dtype(2))
    assert not differs(above)
    assert differs(above, knowing(Again(trial, case), beside=list))
    assert differs(rounded * dtype(1 + 100 * np.finfo(dtype).eps)) and differs(1 + output) and differs(rounded * rounded)


def test_what_ops_compute_is_rounded_otherwise_by_a_unit_at_most_and_what_they_move_is_not():
    x = torch.linspace(0.1, 2.3, 64, dtype=torch.float64).reshape(8, 8).requires_grad_()
    for call in (torch.t, torch.clone, lambda t: t.flip(0), lambda t: torch.cat([t, t]), lambda t: t[2:, ::3], torch.ones_like, torch.relu):
        with RoundedOtherwise(0):
            made = call(x)
        assert torch.equal(made, call(x))
    results = []
    for seed in range(8):
        with RoundedOtherwise(seed):
            results += [torch.cat([(y := x.exp()), *torch.autograd.grad(y, x, torch.ones_like(y) / 3)])]
    exact = torch.cat([x.exp(), x.exp() / 3])
    far = torch.stack([(one / exact - 1).abs() for one in results]) / torch.finfo(torch.float64).eps
    assert (far.amax(0) >= 0.5).all() and far.amax() <= 4  # the gradient's cotangent, its exponential and their product


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_that_cancels_may_differ_by_what_its_terms_are_rounded_by_and_no_more(dtype):
    """The gradient of softmax for cotangents that are nearly alike: what is left of them has few digits in PyTorch, too."""
    trial = Trial(find("softmax.int"), PROPERTIES["gradient"], "torch")
    case = Case("softmax.int", {"self": tensor_value(np.linspace(0, 1, 6, dtype=dtype)[None], requires_grad=True), "dim": 1}, bytes(20))
    theirs = trial.seen(truth, case)
    right = theirs["gradient.self"]
    unit = np.finfo(dtype).eps
    for off, wrong in ((unit / 2, False), (200 * unit, True), (1e-3, True)):
        mine = right + np.asarray(off * np.abs(right).max() * np.float64([[1, -1, 1, -1, 1, -1]])).astype(dtype)
        assert bool(trial.compared(case, theirs, theirs | {"gradient.self": mine}).differences) == wrong


@pytest.mark.parametrize(
    ("values", "either"), [((0.0, -0.0) * 5, True), ((0.0, -0.0) * 4, False), ((0.0, 0.0) * 5, False), ((-0.0, -0.0) * 5, False)]
)
def test_which_zero_is_the_greatest_is_open_only_where_there_are_two_in_more_than_a_vector(values, either):
    trial = Trial(find("max"), PROPERTIES["value"], "torch")
    case = Case("max", {"self": tensor_value(np.float32(values))}, bytes(20))
    theirs = trial.seen(truth, case)
    assert not trial.compared(case, theirs, dict(theirs)).differences
    assert bool(trial.compared(case, theirs, theirs | {"value": np.asarray(-theirs["value"])}).differences) != either


def test_what_is_left_where_numbers_cancel_may_differ_by_the_last_digits_of_what_they_were_computed_from():
    """The gradient `g - exp(output) * sum(g)` for an output near 0: no input moved by a unit shows that `exp` was rounded near 1."""
    output = tensor_value(np.array(-6.7e-10))
    given = {"grad_output": tensor_value(np.array(0.0), requires_grad=True), "output": output, "dim": 0, "input_dtype": Named("float64")}
    case = Case("_log_softmax_backward_data", given, bytes(range(20)))
    trial = Trial(find("_log_softmax_backward_data"), PROPERTIES["gradient"], "torch")
    theirs = trial.seen(truth, case)
    label = "gradient.grad_output"

    def differs(step, reference=None):
        mine = {**theirs, label: np.asarray(theirs[label] + step * np.finfo(np.float64).eps)}
        return bool(compare(mine, theirs, reference or Again(trial, case)).differences)

    assert not differs(2) and not differs(-2)
    assert differs(2, knowing(Again(trial, case), stepped=list))
    assert differs(1000) and differs(-1000)


def test_a_target_of_a_drawn_dtype_has_a_reference():
    """`mm` refuses a target of another dtype, so that the run in double precision needs one as wide as its result."""
    noise = bytes([3, 1, *bytes(18)])  # another dtype: float32
    matrix = tensor_value(np.float32([[1.1, 2.3], [-0.7, 0.4]]))
    case = Case("mm", {"self": matrix, "mat2": matrix}, noise)
    trial = Trial(find("mm"), PROPERTIES["out"], "torch")
    theirs, exact = trial.seen(truth, case), Again(trial, case).exact()
    assert theirs["value[0]"].dtype == np.float32 and exact["value[0]"].dtype == np.float64
    np.testing.assert_allclose(theirs["value[0]"], exact["value[0]"], rtol=1e-5)


def test_how_a_sum_overflows_is_open_only_where_its_terms_can():
    """`(3 - 2) * 3.4e38` is infinite where a product is rounded once added, NaN where before: PyTorch's mm differs by processor."""
    mm = declaration("mm(Tensor self, Tensor mat2) -> Tensor")
    largest = np.finfo(np.float32).max

    def outcomes(row, mine, sums=True):
        case = Case("mm", {"self": tensor_value(np.float32([row])), "mat2": tensor_value(np.float32([[3], [-2]]))}, bytes(20))
        trial = Trial(mm, PROPERTIES["value"], "torch")
        theirs, reference = trial.seen(truth, case), knowing(Again(trial, case), strided=dict)
        return theirs["value"].item(), compare({"value": np.float32([[mine]])}, theirs, reference, sums=sums).differences

    assert np.isnan(torch.tensor(np.float32([[largest, largest]])).mv(torch.tensor([3.0, -2.0])).item())
    theirs, _ = outcomes([largest, largest], 5.0)
    assert theirs == np.inf or np.isnan(theirs)
    other = np.nan if theirs == np.inf else np.inf
    assert not outcomes([largest, largest], other)[1]
    assert outcomes([largest, largest], np.nan, sums=False)[1] or np.isnan(theirs)
    assert outcomes([largest, largest], 5.0)[1]  # a number where both orders overflow
    assert outcomes([np.inf, 1], np.nan)[1] and outcomes([np.inf, 1], -np.inf)[1]  # nothing here is too large
    assert not outcomes([np.inf, largest], np.nan)[1]
    assert not outcomes([largest / 2, largest / 2], np.inf)[1]  # PyTorch's order stays below
    assert outcomes([largest / 9, largest / 9], np.inf)[1]


def test_how_a_product_overflows_is_open_only_where_it_does_and_never_the_sign_of_a_zero():
    """PyTorch's compiler adds `alpha * other` in one rounding: there the product has no infinity to take from another."""
    largest, add = np.finfo(np.float32).max, declaration("add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor")

    def differs(self, other, alpha, mine, terms=1):
        made = {"self": tensor_value(np.float32([self])), "other": tensor_value(np.float32([other])), "alpha": alpha}
        case = Case("add.Tensor", made, bytes(20))
        trial = Trial(add, PROPERTIES["value"], "torch")
        theirs, reference = trial.seen(truth, case), knowing(Again(trial, case), strided=dict)
        return bool(compare({"value": np.float32([mine])}, theirs, reference, terms=terms).differences)

    assert not differs(np.inf, -largest, 2.0, np.nan) and differs(np.inf, -largest, 2.0, np.nan, terms=0)
    assert differs(np.inf, -largest, 1.0, np.nan) and not differs(np.inf, -largest / 4, 1.0, np.nan, terms=5)
    assert differs(np.inf, -largest, 2.0, 5.0)
    assert differs(-0.0, -0.0, 2.0, 0.0)


def test_a_sum_without_a_product_overflows_as_pytorchs_does():
    largest = np.finfo(np.float32).max
    op = declarations()["add.Tensor"]
    for alpha in (1, 2):
        made = {"self": tensor_value(np.float32([largest])), "other": tensor_value(np.float32([-largest / alpha])), "alpha": alpha}
        case, trial = Case("add.Tensor", made, bytes(20)), Trial(op, PROPERTIES["value"], "torch")
        theirs = trial.seen(truth, case)
        assert bool(trial.compared(case, theirs, theirs | {"value": np.float32([np.inf])}).differences) == (alpha == 1)


def test_results_cast_from_a_less_precise_dtype_are_compared_in_it():
    """The gradient of `x.softmax(0, dtype=torch.float32)` for a float64 `x`: PyTorch's last digits are those of float32."""
    theirs = np.random.default_rng(2).normal(size=20).astype(np.float32)
    exact = theirs * (1 + 1e-8)
    cast = theirs.astype(np.float64)

    def differs(mine, right=cast, narrowest="float32"):
        moved = {"exact": lambda: {"value": exact}, "moved": lambda unit: [{"value": exact * (1 + unit)}]}
        more = knowing(Reference(), **moved, strided=lambda: {"value": right}, narrowest=narrowest)
        return bool(compare({"value": mine}, {"value": right}, more).differences)

    near = np.nextafter(theirs, np.float32(9))
    assert not differs(near.astype(np.float64))
    assert differs(near.astype(np.float64), narrowest="float64")  # nothing in the case is less precise than the result
    assert differs((theirs * np.float32(1.0001)).astype(np.float64))  # wrong in float32, too
    assert not differs(near + 1j * near.astype(np.complex128), cast + 1j * cast)
    assert differs(exact * (1 + 1e-9))  # not rounded as PyTorch's result is
    assert differs(near.astype(np.float64), exact)  # PyTorch's result has all digits


def test_the_least_precise_dtype_of_a_case_is_that_of_a_tensor_or_an_argument():
    x = tensor_value(np.zeros(2), True)
    assert Case("softmax.int", {"self": x, "dim": 0}, b"").narrowest() == "float64"
    assert Case("softmax.int", {"self": x, "dim": 0, "dtype": Named("bfloat16")}, b"").narrowest() == "bfloat16"
    assert Case("mul.Tensor", {"self": x, "other": tensor_value(np.zeros(2, np.complex64))}, b"").narrowest() == "float32"
    assert Case("clone", {"self": x, "memory_format": Named("channels_last")}, b"").narrowest() == "float64"


@pytest.mark.parametrize(("apart", "asked"), [(3, 0), (6, 1), (100, 8)])
def test_a_case_is_moved_until_that_allows_the_error(apart, asked):
    """Rounding alone allows four units in the last place, the first run four more, and no run a hundred."""
    exact, made = np.array([1.5, 1.25]), []

    def moved(unit):
        for _ in range(8):
            made.append(unit)
            yield {"value": exact * (1 + unit)}

    right = exact.astype(np.float32)
    left = (right.view(np.int32) + np.int32(apart)).view(np.float32)
    more = knowing(Reference(), exact=lambda: {"value": exact}, moved=moved, narrowest="float32")
    assert bool(arrays(left, right, "value", more, ulp=0)[1]) == (asked == 8)
    assert len(made) == asked


@pytest.mark.parametrize(("run", "verdict"), [(-0.0, "zero_sign"), (1e-9, ""), (0.0, "")])
def test_the_sign_of_a_zero_is_open_where_another_rounding_turns_it(run, verdict):
    right = np.array([-0.0, 2.0], np.float32)
    reference = knowing(Reference(), exact=lambda: {"value": right}, stepped=lambda: [{"value": np.array([run, 2], np.float32)}])
    kind, words = arrays(np.array([0.0, 2.0], np.float32), right, "value", reference)
    assert (kind if words else "") == verdict


@pytest.mark.parametrize(("value", "right"), [(0.0, True), (1e-3, False), (np.inf, False)])
def test_zero_is_right_where_double_precision_comes_to_it_and_a_rounding_makes_it_nan(value, right):
    exact, lost = {"value": np.array([0.0])}, {"value": np.array([np.nan])}
    reference = knowing(Reference(), exact=lambda: exact, moved=lambda _: [lost])
    words = arrays(np.array([value], np.float32), np.array([np.nan], np.float32), "value", reference)[1]
    assert right is not bool(words)


@pytest.mark.parametrize(("value", "right"), [(33.6, True), (34.2, True), (-33.6, False), (900.0, False), (np.nan, False)])
def test_what_is_finite_beside_a_pole_is_right_where_another_rounding_makes_pytorchs_so(value, right):
    exact, beside = np.array([np.inf, 2.0]), np.array([33.5, 2.0])
    reference = knowing(Reference(), exact=lambda: {"value": exact}, stepped=lambda: [{"value": beside}])
    reference.narrowest = "float64"
    assert right is not bool(arrays(np.array([value, 2.0]), exact, "value", reference)[1])
    assert arrays(np.array([value, 3.0]), exact, "value", reference)[1]
