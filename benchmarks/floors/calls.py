"""Floors of the small workloads: the bare calls of NumPy, which return new arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends import Work
from .floor import floor

add, multiply, matmul, total = np.add, np.multiply, np.matmul, np.add.reduce


def single(name: str, call: Any) -> None:
    """Recorded or not: NumPy records nothing."""

    def make(*arrays: np.ndarray) -> tuple[Work, dict[str, Any]]:
        return lambda: call(*arrays), {"result": call(*arrays)}

    floor(f"{name}_8x8")(make)
    floor(f"{name}_8x8_recorded")(make)


single("mul", lambda x, w: multiply(x, w))
single("mul_number", lambda x: multiply(x, np.float32(2.5)))
single("exp", lambda x: np.exp(x))
single("matmul", lambda x, w: matmul(x, w))
single("sum", lambda x: total(x, None))
single("reshape", lambda x: x.reshape(64))
single("slice", lambda x: x[1:5])


@floor("chain_10", 10)
@floor("chain_100", 100)
@floor("chain_1000", 1000)
def chain(x: np.ndarray, w: np.ndarray, length: int) -> tuple[Work, dict[str, Any]]:
    found: dict[str, Any] = {}

    def work() -> None:
        kept = [x]
        for _ in range(length):
            kept.append(multiply(kept[-1], w))
        found["result"] = total(kept.pop(), None)
        g = np.ones_like(x)
        of_w = multiply(g, kept.pop())
        g = multiply(g, w)
        while kept:
            add(of_w, multiply(g, kept.pop()), of_w)
            multiply(g, w, g)
        found.update({"gradient 0": g, "gradient 1": of_w})

    return work, found


@floor("fan_out_1000")
def fan_out(x: np.ndarray, w: np.ndarray) -> tuple[Work, dict[str, Any]]:
    found: dict[str, Any] = {}

    def work() -> None:
        y = multiply(x, w)
        for _ in range(999):
            y = add(y, x)
        found["result"] = total(y, None)
        g = np.ones_like(x)
        of_x = g.copy()
        for _ in range(998):
            add(of_x, g, of_x)
        found["gradient 1"] = multiply(g, x)
        found["gradient 0"] = add(of_x, multiply(g, w), of_x)

    return work, found


@floor("fan_out_in_100")
def fan_out_in(x: np.ndarray, w: np.ndarray) -> tuple[Work, dict[str, Any]]:
    found: dict[str, Any] = {}

    def work() -> None:
        parts = [multiply(x, w) for _ in range(100)]
        y = parts[0]
        for part in parts[1:]:
            y = add(y, part)
        found["result"] = total(y, None)
        g = np.ones_like(x)
        of_x, of_w = multiply(g, w), multiply(g, x)
        for _ in range(99):
            add(of_x, multiply(g, w), of_x)
            add(of_w, multiply(g, x), of_w)
        found.update({"gradient 0": of_x, "gradient 1": of_w})

    return work, found


@floor("rnn_10")
def rnn(h: np.ndarray, w: np.ndarray, u: np.ndarray, b: np.ndarray, *steps: np.ndarray) -> tuple[Work, dict[str, Any]]:
    found: dict[str, Any] = {}

    def work() -> None:
        kept = [h]
        for x in steps:
            y = add(add(matmul(x, w), matmul(kept[-1], u)), b)
            kept.append(np.tanh(y, y))
        y = kept.pop()
        found["result"] = total(multiply(y, y), None)
        g = multiply(y, np.float32(2))
        of_w, of_u, of_b = np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)
        for x in reversed(steps):
            g = multiply(g, np.subtract(np.float32(1), multiply(y, y)))
            y = kept.pop()
            add(of_b, total(g, 0), of_b)
            add(of_w, matmul(x.T, g), of_w)
            add(of_u, matmul(y.T, g), of_u)
            g = matmul(g, u.T)
        found.update({"gradient 0": g, "gradient 1": of_w, "gradient 2": of_u, "gradient 3": of_b})

    return work, found


@floor("mlp_tiny")
def mlp(w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[Work, dict[str, Any]]:
    found: dict[str, Any] = {}
    one, share = np.float32(1), np.float32(1 / y.size)

    def work() -> None:
        h = np.tanh(add(matmul(x, w1), b1))
        error = np.subtract(add(matmul(h, w2), b2), y)
        found["result"] = multiply(total(multiply(error, error), None), share)
        g = multiply(error, 2 * share)
        found["gradient 3"] = total(g, 0)
        found["gradient 2"] = matmul(h.T, g)
        g = multiply(matmul(g, w2.T), np.subtract(one, multiply(h, h)))
        found["gradient 1"] = total(g, 0)
        found["gradient 0"] = matmul(x.T, g)

    return work, found


@floor("views_8x8")
def views(x: np.ndarray) -> tuple[Work, dict[str, Any]]:
    found: dict[str, Any] = {}

    def work() -> None:
        y = x.transpose(1, 0)[2:].reshape(-1)[::2]
        found["result"] = total(multiply(y, y), None)
        g = np.zeros(48, np.float32)
        multiply(y, np.float32(2), g[::2])
        of_x = np.zeros_like(x)
        of_x.transpose(1, 0)[2:] = g.reshape(6, 8)
        found["gradient 0"] = of_x

    return work, found


@floor("inplace_8x8")
@floor("inplace_1e6")
def inplace(x: np.ndarray, w: np.ndarray) -> tuple[Work, dict[str, Any]]:
    found: dict[str, Any] = {}
    two = np.float32(2)

    def work() -> None:
        y = multiply(x, w)
        multiply(y, two, y)
        add(y, x, y)
        kept = y
        y = multiply(y, w)
        found["result"] = total(y, None)
        g = np.ones_like(x)
        of_w = multiply(g, kept)
        of_x = multiply(g, w)
        multiply(of_x, two, g)
        add(of_w, multiply(g, x), of_w)
        add(of_x, multiply(g, w, g), of_x)
        found.update({"gradient 0": of_x, "gradient 1": of_w})

    return work, found


@floor("inplace_view_8x8")
def inplace_view(x: np.ndarray, w: np.ndarray) -> tuple[Work, dict[str, Any]]:
    found: dict[str, Any] = {}

    def work() -> None:
        y = multiply(x, w)
        part = y[1:3]
        multiply(part, np.float32(3), part)
        y[:, 2] = 0.5
        found["result"] = total(y, None)
        g = np.ones_like(x)
        g[:, 2] = 0
        part = g[1:3]
        multiply(part, np.float32(3), part)
        found.update({"gradient 0": multiply(g, w), "gradient 1": multiply(g, x)})

    return work, found
