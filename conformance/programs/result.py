"""What a cell came to and one failure of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Failure:
    op: str
    property: str
    kind: str
    message: str
    case: dict[str, Any]
    subject: str
    truth: str
    script: str
    command: str


@dataclass
class CellResult:
    op: str
    property: str
    status: str
    examples: int
    comparisons: int
    verdicts: dict[str, int]
    failures: list[Failure]
    seconds: float
    census: dict[str, int] = field(default_factory=dict)
