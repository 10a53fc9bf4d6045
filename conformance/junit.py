"""A run as JUnit XML, for CI systems: a suite per property, a case per cell."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any
from xml.etree import ElementTree as xml

from .record import Record

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def junit(record: Record, states: dict[tuple[str, str], str]) -> str:
    """The document; a known gap is a skipped case whose message says so, a failure carries its smallest case."""
    by_property: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for cell in record.cells:
        by_property[cell["property"]].append(cell)
    failures = record.failures_by_cell()
    root = xml.Element("testsuites", name="conformance")
    for prop, cells in by_property.items():
        suite = xml.SubElement(root, "testsuite", name=prop, tests=str(len(cells)))
        counted = [states[c["op"], prop] for c in cells]
        suite.set("failures", str(sum(s in ("fail", "vacuous") for s in counted)))
        suite.set("skipped", str(counted.count("gap")))
        suite.set("time", f"{sum(c['seconds'] for c in cells):.3f}")
        for cell in cells:
            _case(suite, cell, states[cell["op"], prop], failures.get((cell["op"], prop), []))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _case(suite: xml.Element, cell: dict[str, Any], state: str, failures: list[dict[str, Any]]) -> None:
    case = xml.SubElement(suite, "testcase", classname=cell["property"], name=cell["op"], time=f"{cell['seconds']:.4f}")
    if state == "gap":
        xml.SubElement(case, "skipped", message="known gap, its case replayed")
    elif state == "vacuous":
        xml.SubElement(case, "failure", type="vacuous", message="nothing was compared")
    elif state == "fail":
        for failure in failures or [{"kind": "fail", "message": "failed without saying how"}]:
            element = xml.SubElement(case, "failure", type=_printable(failure["kind"]), message=_printable(failure["message"]))
            element.text = _printable("\n".join(str(failure.get(key, "")) for key in ("subject", "truth", "command", "script")))


def _printable(text: str) -> str:
    """What XML 1.0 can hold."""
    return _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", str(text))
