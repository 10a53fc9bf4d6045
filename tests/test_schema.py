"""Signatures: what a declaration line says, and what is refused."""

from __future__ import annotations

import pytest

from engine import schema
from engine.op import Op, pointwise


def test_a_signature_line_in_parts():
    made = schema.parse("sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor")
    assert (made.name, made.overload, made.key) == ("sum", "dim_IntList", "sum.dim_IntList")
    assert made.names == ("self", "dim", "keepdim", "dtype")
    assert [a.default for a in made.arguments[2:]] == [False, None]
    assert made.arguments[3].kwarg_only and made.arguments[1].optional


def test_outputs_are_named_as_the_signature_names_them():
    assert schema.parse("max.dim(Tensor self, int dim) -> (Tensor values, Tensor indices)").outputs == ("values", "indices")
    assert schema.parse("var_mean(Tensor self) -> (Tensor, Tensor)").outputs == ("result0", "result1")


@pytest.mark.parametrize("text", ["mul(Tensor self, Tensor other)", "mul(Tensor) -> Tensor", "-> Tensor"])
def test_what_is_no_signature_is_named(text: str):
    with pytest.raises(ValueError, match="not a"):
        schema.parse(text)


def test_a_rule_that_asks_for_an_unknown_name_is_refused_with_what_is_allowed():
    with pytest.raises(TypeError, match=r"the rule for 'self' asks for 'other'; it may ask for .*'self'"):
        Op("twice(Tensor self) -> Tensor", pointwise(lambda self: self * 2), {"self": lambda g, other: g})


def test_a_rule_for_what_is_no_argument_is_refused():
    with pytest.raises(TypeError, match="a rule for 'other'"):
        Op("twice(Tensor self) -> Tensor", pointwise(lambda self: self * 2), {"other": lambda g: g})
