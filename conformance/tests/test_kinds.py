"""Kinds draw arguments PyTorch accepts, of every dtype, rank, layout and special value."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest

from conformance import kinds
from conformance.backends import truth
from conformance.kinds import build
from conformance.outcome import Raised
from conformance.properties import PROPERTIES, observe
from conformance.source import stream
from conformance.spec import Spec, declaration
from conformance.sweep import quiet, run_cell

SUM = "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"
# signature, plan, domains, least share of cases PyTorch accepts
VALID = [
    ("exp(Tensor self) -> Tensor", "pointwise", {}, 1.0),
    ("atan2(Tensor self, Tensor other) -> Tensor", "pointwise", {}, 0.8),
    ("log(Tensor self) -> Tensor", "pointwise", {"self": kinds.positive}, 1.0),
    ("acosh(Tensor self) -> Tensor", "pointwise", {"self": kinds.above_one}, 1.0),
    ("atanh(Tensor self) -> Tensor", "pointwise", {"self": kinds.signed_unit_interval}, 1.0),
    ("where.self(Tensor condition, Tensor self, Tensor other) -> Tensor", "pointwise", {}, 1.0),
    ("masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor", "pointwise", {"value": kinds.one_of(2, 0, -1)}, 0.6),
    (SUM, "reduction", {}, 0.9),
    ("amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", "reduction", {"self": kinds.distinct}, 0.7),
    ("transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", "view", {}, 1.0),
    ("permute(Tensor(a) self, int[] dims) -> Tensor(a)", "view", {}, 1.0),
    ("reshape(Tensor(a) self, int[] shape) -> Tensor(a)", "view", {}, 0.8),
    ("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", "view", {"dim": kinds.dim_of(extra=1)}, 1.0),
    ("expand(Tensor(a) self, int[] size, *, bool implicit=False) -> Tensor(a)", "view", {"size": kinds.expanded_size_of()}, 0.9),
    ("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor", "plain", {"self": kinds.ranked(1)}, 0.95),
    (
        "index_select(Tensor self, int dim, Tensor index) -> Tensor",
        "plain",
        {"self": kinds.ranked(1), "index": kinds.integer_index(shape="vector")},
        0.95,
    ),
    ("mm(Tensor self, Tensor mat2) -> Tensor", "plain", {"self": kinds.shaped("n", "k"), "mat2": kinds.shaped("k", "m")}, 0.9),
    (
        "matmul(Tensor self, Tensor other) -> Tensor",
        "plain",
        {"self": kinds.shaped("*", "n", "k"), "other": kinds.shaped("*", "k", "m")},
        0.9,
    ),
    ("cat(Tensor[] tensors, int dim=0) -> Tensor", "plain", {"tensors": kinds.joinable(), "dim": kinds.joined_dim}, 1.0),
    ("stack(Tensor[] tensors, int dim=0) -> Tensor", "plain", {"dim": kinds.dim_of(extra=1)}, 1.0),
    ("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)", "plain", {}, 0.8),
    ("nn.functional.mse_loss(Tensor input, Tensor target) -> Tensor", "composite", {"input": kinds.tensor(dtype=kinds.floating)}, 0.6),
    ("tril(Tensor self, int diagonal=0) -> Tensor", "plain", {"self": kinds.ranked(2)}, 1.0),
    ("full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None) -> Tensor", "plain", {}, 0.4),
]


@pytest.mark.parametrize(("text", "plan", "domains", "least"), VALID, ids=[v[0].split("(")[0] for v in VALID])
def test_most_cases_are_valid(text, plan, domains, least):
    op = declaration(text, plan)
    op = replace(op, spec=Spec(op.key, domains))
    problems = Counter()
    with quiet():
        for case, _ in islice(stream(lambda src: build(op, src), 1), 150):
            found = observe(PROPERTIES["value"], truth, op, case).get("raises")
            problems[found.text[:90] if isinstance(found, Raised) else ""] += 1
    assert problems[""] >= least * 150, problems.most_common(3)


def test_the_census_has_everything():
    """Every dtype, rank, layout and special value really occurs."""
    op = declaration("mul.Tensor(Tensor self, Tensor other) -> Tensor", "pointwise", "self, other", promotes=True)
    seen = run_cell(op, "value", examples=1500, subject="torch", shrink=False).census
    wanted = [f"dtype {d}" for d in kinds.NUMPY] + [f"rank {r}" for r in range(6)]
    wanted += ["strided", "empty", "aliased", "nan", "inf", "negative zero", "subnormal"]
    assert [w for w in wanted if seen.get(w, 0) < 5] == []
    assert seen["dtype float32"] + seen["dtype float64"] > 0.4 * 3000


def test_most_spoiled_cases_raise():
    op = declaration(SUM, "reduction", "self")
    result = run_cell(op, "errors", examples=200, subject="torch", shrink=False)
    assert result.verdicts["error"] > 80
