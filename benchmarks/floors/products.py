"""Floors of matrix products and of a training step: NumPy's BLAS, transposes folded in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends import Work
from ..workload import cotangent
from .floor import floor, like

Made = tuple[Work, dict[str, Any]]


@floor("matmul_64")
@floor("matmul_512")
@floor("matmul_1024")
@floor("bmm_small")
@floor("bmm_64")
def matmul(a: np.ndarray, b: np.ndarray) -> Made:
    g, y, ga, gb = cotangent(a.shape), like(a), like(a), like(b)

    def work() -> None:
        np.matmul(a, b, y)
        np.matmul(g, b.swapaxes(-1, -2), ga)
        np.matmul(a.swapaxes(-1, -2), g, gb)

    return work, {"result": y, "gradient 0": ga, "gradient 1": gb}


@floor("linear")
def linear(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> Made:
    g = cotangent((len(x), len(w)))
    y, gx, gw, gb = like(g), like(x), like(w), like(b)

    def work() -> None:
        np.add(np.matmul(x, w.T, y), b, y)
        np.matmul(g, w, gx)
        np.matmul(g.T, x, gw)
        np.add.reduce(g, 0, out=gb)

    return work, {"result": y, "gradient 0": gx, "gradient 1": gw, "gradient 2": gb}


@floor("mlp_step")
def mlp(w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, b2: np.ndarray, x: np.ndarray, target: np.ndarray) -> Made:
    gw1, gb1, gw2, gb2 = like(w1), like(b1), like(w2), like(b2)
    h, gh = np.zeros((2, len(x), len(b1)), np.float32)
    rows, share = np.arange(len(x)), np.float32(1 / len(x))
    found: dict[str, Any] = {"gradient 0": gw1, "gradient 1": gb1, "gradient 2": gw2, "gradient 3": gb2}

    def work() -> None:
        np.maximum(np.add(np.matmul(x, w1, h), b1, h), np.float32(0), out=h)
        y = np.add(np.matmul(h, w2), b2)
        np.subtract(y, np.maximum.reduce(y, 1, keepdims=True), y)
        np.subtract(y, np.log(np.add.reduce(np.exp(y), 1, keepdims=True)), y)
        found["result"] = -(y[rows, target].sum() * share)
        g = np.multiply(np.exp(y), share)
        g[rows, target] -= share
        np.add.reduce(g, 0, out=gb2)
        np.matmul(h.T, g, gw2)
        np.multiply(np.matmul(g, w2.T, gh), np.greater(h, 0), gh)
        np.add.reduce(gh, 0, out=gb1)
        np.matmul(x.T, gh, gw1)

    return work, found
