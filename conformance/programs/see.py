"""The recorder handed to a program: everything a program observes, as plain data that can be compared."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

# What no two processes, let alone two engines, have in common: addresses, and where in PyTorch's own sources a warning was raised.
ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
ORIGIN = re.compile(r" \(Triggered internally at [^)]*\)\.?|\n?Exception raised from .*", re.DOTALL)


class See:
    """`see(label, value)` and its kin append to `seen`, a list of (label, observation)."""

    def __init__(self, B: Any):
        self.B = B
        self.seen: list[tuple[str, Any]] = []

    def __call__(self, label: str, value: Any) -> None:
        """Records a value: a tensor with all its flags, a number, text, a dtype, a node, or a list, tuple or dict of these."""
        self.seen.append((label, self.describe(value)))

    def same(self, label: str, a: Any, b: Any) -> None:
        """Records whether `a` and `b` are one object."""
        self.seen.append((label, {"same object": a is b}))

    def values(self, label: str, tensor: Any) -> None:
        """Records the values of a tensor alone, without looking at its `grad_fn` (which rebuilds the graph of a view)."""
        self.seen.append((label, {"values": self._values(tensor)}))

    def raises(self, label: str, call: Callable[[], Any]) -> None:
        """Records the type and the text of what `call` raises, or the value it returns."""
        try:
            result = call()
        except Exception as error:
            self.seen.append((label, raised(error)))
        else:
            self.seen.append((label, {"raises": None, "returns": self.describe(result)}))

    def warns(self, label: str, call: Callable[[], Any]) -> Any:
        """Records category and text of each warning, in order, while `call` runs, and returns its result."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = call()
        self.seen.append((label, {"warns": [warned(one) for one in caught]}))
        return result

    def graph(self, label: str, value: Any) -> None:
        """Records the whole graph behind a tensor or node: names and inputs; a node met again is `#n`, the n-th met."""
        self.seen.append((label, {"graph": graph_lines(getattr(value, "grad_fn", value))}))

    def describe(self, value: Any) -> Any:
        """`value` as plain data. Raises TypeError for what this recorder cannot observe."""
        if value is None or isinstance(value, (bool, int, float, complex)):
            return value
        if isinstance(value, str):
            return stripped(value)
        if isinstance(value, self.B.Tensor):
            return self._tensor(value)
        if isinstance(value, self.B.dtype):
            return str(value)
        if isinstance(value, dict):
            return {str(key): self.describe(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.describe(one) for one in value]
        if isinstance(value, (np.ndarray, np.generic)):
            return {"array": str(value.dtype), "values": np.array(value)}
        if hasattr(value, "next_functions"):
            return {"node": value.name()}
        raise TypeError(f"a program cannot show a {type(value).__name__}")

    def _tensor(self, tensor: Any) -> dict[str, Any]:
        return {
            "dtype": str(tensor.dtype),
            "shape": tuple(tensor.shape),
            "requires_grad": attempt(lambda: tensor.requires_grad),
            "is_leaf": attempt(lambda: tensor.is_leaf),
            "grad_fn": attempt(lambda: None if tensor.grad_fn is None else tensor.grad_fn.name()),
            "version": attempt(lambda: tensor._version),
            "values": self._values(tensor),
        }

    def _values(self, tensor: Any) -> np.ndarray:
        # Through Python numbers, which both backends give for every dtype and which touch neither graph nor version.
        shape = tuple(tensor.shape)
        wide = {"torch.bfloat16": "float32", "torch.bool": "bool"}.get(str(tensor.dtype), str(tensor.dtype).removeprefix("torch."))
        return np.array(tensor.tolist(), dtype=wide).reshape(shape)


def stripped(text: str) -> str:
    """`text` without memory addresses and without PyTorch's note of the source line behind it."""
    return ADDRESS.sub("0x...", ORIGIN.sub("", text))


def raised(error: BaseException) -> dict[str, Any]:
    return {"raises": type(error).__name__, "text": stripped(str(error))}


def warned(warning: warnings.WarningMessage) -> list[str]:
    return [warning.category.__name__, stripped(str(warning.message))]


def attempt(read: Callable[[], Any]) -> Any:
    """What `read` returns, or what it raises: some attributes of some tensors cannot be read."""
    try:
        return read()
    except Exception as error:
        return raised(error)


def graph_lines(root: Any) -> list[str]:
    """One line per node, depth first: `1 MulBackward0(2.0, None)` where `2.0` is output 0 of the second node."""
    if root is None:
        return []
    order, waiting = {root: 1}, [root]
    while waiting:
        for child, _ in reversed([edge for edge in waiting.pop().next_functions]):
            if child is not None and child not in order:
                order[child] = len(order) + 1
                waiting.append(child)
    return [f"{number} {node.name()}({', '.join(_edge(order, *edge) for edge in node.next_functions)})" for node, number in order.items()]


def _edge(order: dict[Any, int], node: Any, output: int) -> str:
    return "None" if node is None else f"{order[node]}.{output}"
