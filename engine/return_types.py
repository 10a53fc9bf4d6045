"""Named tuples of ops with several results: `torch.return_types.max` and its kin."""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from typing import Any

from .schema import Schema


@cache
def made(schema: Schema) -> Any:
    """What an op of this signature returns its results in: a function of the results."""
    if any(o == f"result{i}" for i, o in enumerate(schema.outputs)):
        return _tuple
    fields = namedtuple(schema.name, schema.outputs)  # type: ignore[misc]  # the names are data

    def show(self: Any) -> str:
        parts = [f"{n}={v!r}".replace("\n", "\n" + " " * (len(n) + 1)) for n, v in zip(schema.outputs, self, strict=True)]
        return f"torch.return_types.{schema.name}(\n" + ",\n".join(parts) + ")"

    return type(schema.name, (fields,), {"__repr__": show, "__slots__": (), "__module__": "torch.return_types"})


def _tuple(*results: Any) -> tuple[Any, ...]:
    return results
