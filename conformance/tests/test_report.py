"""The page and the JUnit file hold whatever text a failure has, and stay small and whole."""

import json
import xml.etree.ElementTree as xml

from conformance.gate import judge
from conformance.junit import junit
from conformance.ledger import Ledger
from conformance.opdb import coverage
from conformance.publish import states
from conformance.record import Record
from conformance.report import page

HOSTILE = "</script><b>&'\"\x00\x1b[0m\ud800 ∞ " + "x" * 50_000


def record(ops, properties, message="differs"):
    header = {
        "format": 1, "name": "r", "started": "2026-01-01T00:00:00", "complete": True, "all_cells": True, "planned": 1, "patterns": [],
        "profile": "gate", "examples": 60, "seed": 0, "subject": "engine", "commit": "", "properties": properties, "docs": {},
        "versions": {"torch": "2.13.0"}, "wall_seconds": 1.0,
    }  # fmt: skip
    counts = {"examples": 60, "comparisons": 240, "verdicts": {"bitwise": 230, "ulp": 10}, "census": {f"kind {i}": i for i in range(15)}}
    made = Record(header)
    for op in ops:
        for prop in properties:
            made.add({"op": op, "property": prop, "status": "pass", "seconds": 0.1, **counts, "failures": []})
    made.cells[0]["status"] = "fail"
    name = {"op": ops[0], "property": properties[0]}
    texts = {"message": message, "subject": message, "truth": "t", "script": "s", "command": "c"}
    made.failures.append({**name, "kind": "value", "case": {"x": message}, **texts})
    return made


def rendered(run):
    return page(run, states(run, []), [], judge(run, Ledger(), []), coverage([], Ledger()))


def test_hostile_text_stays_text():
    run = record(["add.Tensor"], ["value"], HOSTILE)
    text = rendered(run)
    assert text.count("</script>") == 2
    data = json.loads(text.partition('type="application/json">')[2].partition("</script>")[0])
    (failure,) = data["failures"]["add.Tensor::value"]
    assert failure["subject"].startswith(HOSTILE[:40])
    assert len(failure["subject"]) < 25_000
    document = xml.fromstring(junit(run, states(run, [])).encode())
    assert document.find("testsuite/testcase/failure").text.startswith("</script><b>&'\"\\x00\\x1b[0m\\xd800 ∞")


def test_500_ops_by_30_properties_are_a_small_page():
    run = record([f"nn.functional.some_operator_{i}.overload" for i in range(500)], [f"property_{i}" for i in range(30)])
    text = rendered(run)
    assert len(text) < 3_000_000
    data = json.loads(text.partition('type="application/json">')[2].partition("</script>")[0])
    assert len(data["cells"]) == 15_000
