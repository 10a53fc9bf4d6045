"""The ledger and gaps files: what they hold is read back as it was, and every kind of damage is one clear line."""

import pytest

from conformance.badinput import BadInput
from conformance.ledger import Gap, Ledger, gaps_text, read_gaps, read_ledger, refuse_unknown, write

CASE = {"self": {"dtype": "float32", "data": ["nan", -0.0, 1e300], "note": "it's"}}


@pytest.fixture
def ledger():
    return Ledger(["value", "gradient"], {("mul.Tensor", "value"): "pass", ("mul.Tensor", "gradient"): "gap", ("abs", "value"): "vacuous"})


def test_a_ledger_is_read_back_sorted_and_says_what_does_not_apply(tmp_path, ledger):
    write(tmp_path, "ledger.csv", ledger.text())
    assert (tmp_path / "ledger.csv").read_text() == "op,value,gradient\nabs,vacuous,-\nmul.Tensor,pass,gap\n"
    assert read_ledger(tmp_path) == ledger


def test_writing_the_same_again_leaves_the_file_alone(tmp_path, ledger):
    assert write(tmp_path, "ledger.csv", ledger.text())
    assert not write(tmp_path, "ledger.csv", ledger.text())


def test_there_may_be_no_ledger_yet(tmp_path):
    assert read_ledger(tmp_path) == Ledger()
    assert read_gaps(tmp_path) == []


@pytest.mark.parametrize("why", ["it's ordinary", 'quotes " and \\ and \n lines \x7f', "ü ∅"])
def test_gaps_are_read_back(tmp_path, why):
    gap = Gap("mul.Tensor", "gradient", "gradient[self]", CASE, why)
    write(tmp_path, "gaps.toml", gaps_text([gap]))
    (again,) = read_gaps(tmp_path)
    assert (again.key, again.case, again.why) == (gap.key, gap.case, gap.why)


def test_what_a_person_wrote_in_an_entry_stays(tmp_path):
    entry = "[[gap]]\n# see the order of summation\nop = 'b'\nproperty = 'value'\nkind = 'value'\ncase = '{}'\nwhy = '''two\nlines'''\n"
    write(tmp_path, "gaps.toml", entry)
    gaps = [*read_gaps(tmp_path), Gap("a", "value", "value", {}, "new")]
    text = gaps_text(gaps)
    assert entry in text
    assert text.index("op = 'a'") < text.index("op = 'b'")
    write(tmp_path, "gaps.toml", text)
    assert gaps_text(read_gaps(tmp_path)) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "first line"),
        ("name,value\n", "first line"),
        ("op,value,value\n", "named twice"),
        ("op,value\nabs,pass,pass\n", r"ledger\.csv:2: damaged: 3 fields"),
        ("op,value\nabs,ok\n", "abs::value is 'ok'"),
        ("op,value\nabs,pass\nabs,pass\n", "second row for abs"),
        ("op,value\n<<<<<<< HEAD\nabs,pass\n", "damaged"),
    ],
)
def test_a_damaged_ledger_is_one_clear_line(tmp_path, text, says):
    (tmp_path / "ledger.csv").write_text(text)
    with pytest.raises(BadInput, match=says) as caught:
        read_ledger(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_ledger_of_other_bytes_is_one_clear_line(tmp_path):
    (tmp_path / "ledger.csv").write_bytes(b"op,value\n\xff\xfe")
    with pytest.raises(BadInput, match="not UTF-8"):
        read_ledger(tmp_path)


ENTRY = "[[gap]]\nop='a'\nproperty='value'\nkind='value'\ncase='{}'\nwhy='w'\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[gap]\n", "damaged"),
        ("[other]\n", "unknown key other"),
        ("gap = 1\n", "unknown key gap"),
        (ENTRY + "reason='x'\n", r"gap 1 \(a::value\): unknown key reason"),
        (ENTRY.replace("why=", "whyy="), "unknown key whyy; nearest: why"),
        (ENTRY.replace("why='w'\n", ""), "why is missing"),
        (ENTRY.replace("why='w'", "why=3"), "why must be a string"),
        (ENTRY.replace("'{}'", "'{'"), "case is not JSON"),
        (ENTRY.replace("'{}'", "'[]'"), "case must be a JSON object"),
        (ENTRY + ENTRY, "two entries for a::value"),
    ],
)
def test_damaged_gaps_are_one_clear_line(tmp_path, text, says):
    (tmp_path / "gaps.toml").write_text(text)
    with pytest.raises(BadInput, match=says) as caught:
        read_gaps(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "gaps", "says"),
    [
        ({("mull.Tensor", "value"): "pass"}, [], "no op or program is called mull.Tensor; nearest: mul.Tensor"),
        ({("mul.Tensor", "valu"): "pass"}, [], "no property is called valu; nearest: value"),
        ({}, [Gap("nosuch", "value", "k", {}, "w")], "no op or program is called nosuch"),
        ({}, [Gap("mul.Tensor", "gradien", "k", {}, "w")], "no property is called gradien; nearest: gradient"),
        ({("mul.Tensor", "value"): "gap"}, [], "is a gap without an entry"),
        ({("mul.Tensor", "value"): "pass"}, [Gap("mul.Tensor", "value", "k", {}, "w")], "is pass in ledger.csv, not a gap"),
    ],
)
def test_names_that_do_not_exist_and_contradictions_are_refused(tmp_path, cells, gaps, says):
    ledger = Ledger(sorted({p for _, p in cells}), cells)
    with pytest.raises(BadInput, match=says):
        refuse_unknown(ledger, gaps, ["mul.Tensor", "abs"], ["value", "gradient"], tmp_path)
