"""PyTorch as its own subject: every cell passes, and none is vacuous."""

import pytest

from conformance.properties import PROPERTIES
from conformance.spec import declaration
from conformance.sweep import run_cell

OPS = [
    declaration("exp(Tensor self) -> Tensor", "pointwise", "self", inplace=True, out=True, promotes=True),
    declaration(
        "mul.Tensor(Tensor self, Tensor other) -> Tensor", "pointwise", "self, other", inplace=True, out=True, operator="mul", promotes=True
    ),
    declaration(
        "div.Tensor(Tensor self, Tensor other) -> Tensor",
        "pointwise",
        "self, other",
        inplace=True,
        out=True,
        operator="truediv",
        promotes=True,
    ),
    declaration(
        "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", "reduction", "self", out=True
    ),
    declaration("amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor", "reduction", "self", out=True),
    declaration("transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)", "view", "self"),
    declaration("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)", "plain", "self", out=True),
    declaration("nn.functional.softsign(Tensor input) -> Tensor", "composite", "input", method=False),
    declaration("copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)", "write", "self, src"),
]
CELLS = [(op, name) for op in OPS for name, made in PROPERTIES.items() if made.applies(op)]


@pytest.mark.parametrize(("op", "name"), CELLS, ids=[f"{op.key}::{name}" for op, name in CELLS])
def test_torch_agrees_with_itself(op, name):
    result = run_cell(op, name, examples=40, subject="torch", shrink=False)
    assert not result.failures, result.failures[0].message
    assert result.status == "pass", f"nothing was compared in {result.examples} cases"
