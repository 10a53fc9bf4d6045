"""Specs are refused where they say too little, and missing or stray ones are found."""

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest

from conformance import spec as specs
from conformance.spec import Spec, SpecError, mismatches, spec
from engine.schema import parse

SUITE = Path(specs.__file__).parent


@pytest.fixture
def empty(monkeypatch):
    import engine.op

    monkeypatch.setattr(specs, "SPECS", {})
    monkeypatch.setattr(specs, "load", lambda: None)
    registry = {
        "exp": SimpleNamespace(schema=parse("exp(Tensor self) -> Tensor"), family=SimpleNamespace(plan="pointwise"), differentiable=())
    }
    monkeypatch.setattr(engine.op, "REGISTRY", registry)


def test_every_op_has_a_spec_and_every_spec_an_op(empty):
    assert mismatches() == ["exp is declared in the engine but has no spec"]
    spec("exp", x=1)
    spec("sin")
    assert mismatches() == [
        "the spec for exp speaks of x, which is not among its arguments self",
        "there is a spec for sin, but the engine declares no op sin",
    ]
    with pytest.raises(SpecError, match=r"speaks of x.*and 1 more"):
        specs.check()


def test_variants_add_cells(empty):
    spec("exp")
    spec("exp[ties]", why="equal values")
    assert mismatches() == []
    assert list(specs.declarations()) == ["exp", "exp[ties]"]
    assert Spec("exp[ties]").op == "exp"


def test_a_widening_needs_a_reason(empty):
    with pytest.raises(SpecError, match="without saying why"):
        spec("exp", ulp=8)
    spec("exp", ulp=8, why="its kernel rounds twice")
    with pytest.raises(SpecError, match="two specs"):
        spec("exp")


def test_no_property_names_an_op_or_uses_ones_as_cotangent():
    """A property reads the declaration; `sum().backward()` would make the gradient blind."""
    for path in (SUITE / "properties").glob("*.py"):
        text = path.read_text()
        assert ".sum().backward" not in text and "ones_like" not in text, path.name
        keys = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Compare) and "op.key" in ast.unparse(n)]
        assert not keys, f"{path.name} asks which op it is"
