"""What is timed, behind one small interface: the engine, PyTorch, MyGrad and HIPS autograd, each under PyTorch's names; and NumPy."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .names import HipsNames, Inexpressible, MyGradNames

Work = Callable[[], Any]
Function = Callable[..., Any]
LABELS = {"engine": "engine", "torch": "PyTorch", "mygrad": "MyGrad", "autograd": "HIPS autograd", "numpy": "NumPy alone"}


class Eager:
    """The engine or PyTorch: the namespace itself is what a workload is written in."""

    def __init__(self, module: str):
        self.name = module
        self.names = importlib.import_module(module)

    def has(self, path: str) -> bool:
        found: Any = self.names
        for part in path.split("."):
            found = getattr(found, part, None)
        return found is not None

    def threads(self, count: int) -> None:
        if self.has("set_num_threads"):
            self.names.set_num_threads(count)

    def constant(self, array: np.ndarray) -> Any:
        return self.names.from_numpy(array.copy())

    def leaf(self, array: np.ndarray) -> Any:
        return self.constant(array).requires_grad_()

    def step(self, f: Function, leaves: Sequence[Any], seed: np.ndarray | None) -> Work:
        """Forward and backward with fresh gradients; the work returns the result."""
        names, g = self.names, None if seed is None else self.constant(seed)

        def work() -> Any:
            for x in leaves:
                x.grad = None
            y = f(names, *leaves)
            y.backward(g)
            return y

        return work

    def twice(self, f: Function, leaves: Sequence[Any]) -> Work:
        """The gradient of the squared norm of the gradient."""
        names = self.names

        def work() -> Any:
            for x in leaves:
                x.grad = None
            y = f(names, *leaves)
            total = sum((g * g).sum() for g in names.autograd.grad(y, leaves, create_graph=True))
            total.backward()
            return y

        return work

    def array(self, x: Any) -> np.ndarray:
        return np.asarray(x.detach().numpy())

    def gradient(self, leaf: Any) -> np.ndarray | None:
        return None if leaf.grad is None else self.array(leaf.grad)


class MyGrad:
    """MyGrad; its memory guard stays on, as a user has it."""

    name = "mygrad"

    def __init__(self) -> None:
        self.module = importlib.import_module("mygrad")
        self.names = MyGradNames(self.module)

    def has(self, path: str) -> bool:
        return True  # a name it lacks says so when it is used

    def threads(self, count: int) -> None:
        pass

    def constant(self, array: np.ndarray) -> Any:
        return array.copy() if array.dtype.kind in "iub" else self.module.tensor(array, constant=True)

    def leaf(self, array: np.ndarray) -> Any:
        return self.module.tensor(array)

    def step(self, f: Function, leaves: Sequence[Any], seed: np.ndarray | None) -> Work:
        """Forward and backward; a leaf's gradient is cleared when it is used again."""
        names = self.names

        def work() -> Any:
            y = f(names, *leaves)
            y.backward(seed)
            return y

        return work

    def twice(self, f: Function, leaves: Sequence[Any]) -> Work:
        raise Inexpressible("a second derivative")

    def array(self, x: Any) -> np.ndarray:
        return np.asarray(getattr(x, "data", x))

    def gradient(self, leaf: Any) -> np.ndarray | None:
        return leaf.grad


class Hips:
    """HIPS autograd, by the boxes its `grad` uses, without the cost of opening a trace for every call."""

    name = "autograd"

    def __init__(self) -> None:
        self.module = importlib.import_module("autograd")
        self.core = importlib.import_module("autograd.core")
        self.tracer = importlib.import_module("autograd.tracer")
        self.names = HipsNames()
        self.gradients: dict[int, np.ndarray] = {}

    def has(self, path: str) -> bool:
        return True

    def threads(self, count: int) -> None:
        pass

    def constant(self, array: np.ndarray) -> Any:
        return array.copy()

    def leaf(self, array: np.ndarray) -> Any:
        root = self.core.VJPNode.new_root()
        box = self.tracer.new_box(array.copy(), 0, root)
        mine = id(box)

        def keep(g: np.ndarray) -> tuple[()]:
            self.gradients[mine] = g
            return ()

        root.vjp = keep
        return box

    def step(self, f: Function, leaves: Sequence[Any], seed: np.ndarray | None) -> Work:
        names, backward = self.names, self.core.backward_pass

        def work() -> Any:
            y = f(names, *leaves)
            backward(np.ones_like(y._value) if seed is None else seed, y._node)
            return y

        return work

    def twice(self, f: Function, leaves: Sequence[Any]) -> Work:
        """By `grad` of `grad`, the only way it has."""
        names, grad = self.names, self.module.grad
        values = tuple(x._value for x in leaves)

        def norm(arrays: Any) -> Any:
            return sum((g * g).sum() for g in grad(lambda inner: f(names, *inner))(arrays))

        def work() -> Any:
            for x, g in zip(leaves, grad(norm)(values), strict=True):
                self.gradients[id(x)] = g
            return None

        return work

    def array(self, x: Any) -> np.ndarray:
        return np.asarray(getattr(x, "_value", x))

    def gradient(self, leaf: Any) -> np.ndarray | None:
        return self.gradients.get(id(leaf))


class Bare:
    """NumPy without tensors or a graph: its works are written by hand, in `floors`."""

    name = "numpy"

    def has(self, path: str) -> bool:
        return True

    def threads(self, count: int) -> None:
        pass

    def constant(self, array: np.ndarray) -> np.ndarray:
        return array.copy()

    leaf = constant


Backend = Eager | MyGrad | Hips
MAKERS: dict[str, Callable[[], Backend | Bare]] = {
    "engine": lambda: Eager("engine"),
    "torch": lambda: Eager("torch"),
    "mygrad": MyGrad,
    "autograd": Hips,
    "numpy": Bare,
}


def load(names: Sequence[str]) -> dict[str, Backend | Bare]:
    """The backends that are installed; the engine and PyTorch must be."""
    found: dict[str, Backend | Bare] = {}
    for name in names:
        try:
            found[name] = MAKERS[name]()
        except ModuleNotFoundError:
            if name in ("engine", "torch"):
                raise
    return found
