"""The map of the engine names every module once, so that a reader finds the room a line lives in."""

import re
from pathlib import Path

ENGINE = Path(__file__).parents[1] / "engine"


def test_the_map_has_every_module_in_one_row():
    rows = [row for row in (ENGINE / "README.md").read_text(encoding="utf-8").splitlines() if row.startswith("| `")]
    named = re.findall(r"`(\w+\.py)`", "".join(rows))
    assert sorted(named) == sorted(path.name for path in ENGINE.glob("*.py") if path.name != "__init__.py")
