"""The recorder handed to a program: everything a program observes, as flat, labelled, plain data that can be compared."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from ..backends import clean
from ..case import NUMPY
from ..outcome import Raised

ORDER = "order of what was seen"  # the label of the list of all labels: programs whose hooks run in another order differ there
# How often a gradient was written to while it was summed, or a batch while it was put together, is left to each backend: it tells in
# which order buffers were reused, no more.
GRADIENT = re.compile(r"\b(grad(ient)?s?|batch(es)?)\b")
ENDED = "raises"  # the label of what ended a program early
OPEN = "ended by what is left open"  # that of why a program was ended on purpose, on both sides
STOPPED = "stopped by an internal assert"  # that of the assert of PyTorch's own behind which a program is not looked at


class See:
    """`see(label, value)` and its kin add to `seen`, observation by label; a label used again gets a number."""

    def __init__(self, B: Any):
        self.B = B
        self.seen: dict[str, Any] = {}
        self.labels: list[str] = []
        self.used: Counter[str] = Counter()  # how many of them are a label, or begin with it and " #"

    def __call__(self, label: str, value: Any) -> None:
        """Records a value: a tensor with all its flags, a number, text, a dtype, a node, or a list, tuple or dict of these."""
        self._describe(self._new(label), value)

    def same(self, label: str, a: Any, b: Any) -> None:
        """Records whether `a` and `b` are one object."""
        self.seen[self._new(label) + ": same object"] = a is b

    def values(self, label: str, tensor: Any) -> None:
        """Records the values of a tensor alone, without looking at its `grad_fn` (which rebuilds the graph of a view)."""
        self.seen[self._new(label) + ": values"] = values(tensor)

    def raises(self, label: str, call: Callable[[], Any]) -> None:
        """Records the type and the text of what `call` raises, or the value it returns."""
        label = self._new(label)
        try:
            result = call()
        except Exception as error:
            self.seen[label] = Raised.of(error)
        else:
            self._describe(label, result)

    def warns(self, label: str, call: Callable[[], Any]) -> Any:
        """Records category and text of each warning, in order, while `call` runs, and returns its result."""
        label = self._new(label)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = call()
        self.seen[label + ": warnings"] = texts(caught)
        return result

    def graph(self, label: str, value: Any) -> None:
        """Records the whole graph behind a tensor or node: one text a node, with its name and where its inputs come from."""
        self.seen[self._new(label)] = graph_lines(getattr(value, "grad_fn", value))

    def kept(self, node: Any, names: list[str], raw: list[str]) -> None:
        """Records what a node keeps for backward under `names`, and of which type; and the types of what lies behind `raw`."""
        for name in names:
            value = getattr(node, "_saved_" + name)
            self(f"{node.name()} {name}", value)
            self(f"type of {node.name()} {name}", type(value).__name__)
        self(f"raw of {node.name()}", [type(getattr(node, "_raw_saved_" + name)).__name__ for name in raw])

    def close(self) -> dict[str, Any]:
        """Everything seen, with the order in which it was; empty where nothing was."""
        return {**self.seen, ORDER: self.labels} if self.labels else self.seen

    def _new(self, label: str) -> str:
        """The label, with a number where it or one that begins so, with a number, was used."""
        count = self.used[label]
        made = f"{label} #{count + 1}" if count else label
        self.labels.append(made)
        self.used[made] += 1
        if " #" in made:
            self.used.update(made[: at.start()] for at in re.finditer(" #", made))
        return made

    def _describe(self, label: str, value: Any) -> None:
        if isinstance(value, self.B.Tensor):
            self.seen[label] = "a tensor"
            for aspect, read in ASPECTS.items():
                if aspect != "version" or not GRADIENT.search(label):
                    self.seen[f"{label}: {aspect}"] = attempt(partial(read, value))
        elif isinstance(value, dict):
            self._describe_all({f"{label}[{key!r}]": one for key, one in value.items()}, label)
        elif isinstance(value, (list, tuple)) and not all(map(is_plain, value)):
            self._describe_all({f"{label}[{i}]": one for i, one in enumerate(value)}, label)
        else:
            self.seen[label] = self._plain(value)

    def _describe_all(self, parts: dict[str, Any], label: str) -> None:
        self.seen[label] = f"{len(parts)} parts"
        for part, one in parts.items():
            self._describe(part, one)

    def _plain(self, value: Any) -> Any:
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, (list, tuple)):
            return [self._plain(one) for one in value]
        if isinstance(value, complex):
            return np.array(value)
        if is_plain(value):
            return value
        if isinstance(value, self.B.dtype):
            return str(value)
        if isinstance(value, (np.ndarray, np.generic)):
            return np.array(value)
        if hasattr(value, "next_functions"):
            return value.name()
        raise TypeError(f"a program cannot show a {type(value).__name__}")


def is_plain(value: Any) -> bool:
    return (
        value is None
        or isinstance(value, (bool, int, float, complex, str))
        or (isinstance(value, (list, tuple)) and all(map(is_plain, value)))
    )


def values(tensor: Any) -> np.ndarray:
    """The elements, by way of Python numbers, which exist for every dtype and touch neither graph nor version."""
    return np.array(tensor.tolist(), dtype=_numpy(tensor.dtype)).reshape(tuple(tensor.shape))


@cache
def _numpy(dtype: Any) -> np.dtype:
    return NUMPY[str(dtype).removeprefix("torch.")]


ASPECTS: dict[str, Callable[[Any], Any]] = {
    "values": values,
    "dtype": lambda tensor: str(tensor.dtype),
    "shape": lambda tensor: tuple(tensor.shape),
    "requires_grad": lambda tensor: tensor.requires_grad,
    "is_leaf": lambda tensor: tensor.is_leaf,
    "grad_fn": lambda tensor: None if tensor.grad_fn is None else tensor.grad_fn.name(),
    "version": lambda tensor: tensor._version,
}


def attempt(read: Callable[[], Any]) -> Any:
    """What `read` returns, or what it raises: some attributes of some tensors cannot be read."""
    try:
        return read()
    except Exception as error:
        return Raised.of(error)


def texts(caught: list[warnings.WarningMessage]) -> list[str]:
    return [f"{one.category.__name__}: {clean(str(one.message))}" for one in caught]


def graph_lines(root: Any) -> list[str]:
    """One text per node, breadth first: `MulBackward0(2.0, None)`, where `2.0` is output 0 of the second node."""
    nodes = [] if root is None else [root]
    for node in nodes:  # grows while it is walked
        nodes.extend(dict.fromkeys(child for child, _ in node.next_functions if child is not None and child not in nodes))
    return [
        f"{node.name()}({', '.join('None' if child is None else f'{nodes.index(child) + 1}.{at}' for child, at in node.next_functions)})"
        for node in nodes
    ]
