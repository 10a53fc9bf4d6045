"""Floors of reductions of a square matrix, and of what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends import Work
from ..workload import cotangent
from .floor import floor, like, pieces

Made = tuple[Work, dict[str, Any]]


def reduced(name: str, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
    """By each dimension, kept: `forward(x, dim)` returns the result and what `backward(g, kept, x, dim, gx)` needs."""
    for suffix, dim in (("all", None), ("0", 0), ("1", 1)):

        def make(x: np.ndarray, dim: int | None = dim) -> Made:
            gx = like(x)
            found: dict[str, Any] = {"gradient 0": gx}
            outer = () if dim is None else (1000,)
            g = np.reshape(cotangent(outer) if outer else np.ones((), np.float32), forward(x, dim)[0].shape)

            def work() -> None:
                y, kept = forward(x, dim)
                backward(g, kept, x, dim, gx)
                found["result"] = y.reshape(outer)

            return work, found

        floor(f"{name}_{suffix}")(make)


def spread(value: np.ndarray, gx: np.ndarray) -> None:
    np.copyto(gx, value)


def share(x: np.ndarray, dim: int | None) -> np.float32:
    return np.float32(1 / (x.size if dim is None else x.shape[dim]))


def total(x: np.ndarray, dim: int | None) -> tuple[np.ndarray, None]:
    return np.add.reduce(x, dim, keepdims=True), None


def mean(x: np.ndarray, dim: int | None) -> tuple[np.ndarray, None]:
    return np.add.reduce(x, dim, keepdims=True) * share(x, dim), None


def centred(x: np.ndarray, m: np.ndarray, p: slice) -> np.ndarray:
    return np.subtract(x[p], m if len(m) == 1 else m[p])


def var(x: np.ndarray, dim: int | None) -> tuple[np.ndarray, np.ndarray]:
    m = np.add.reduce(x, dim, keepdims=True) * share(x, dim)
    squares = np.zeros_like(m)
    for p in pieces(x):
        t = centred(x, m, p)
        if dim == 1:
            np.einsum("ij,ij->i", t, t, out=squares[p, 0])
        elif dim == 0:
            squares += np.einsum("ij,ij->j", t, t)
        else:
            squares += np.dot(t.reshape(-1), t.reshape(-1))
    count = x.size if dim is None else x.shape[dim]
    return squares / np.float32(count - 1), m


def var_backward(g: np.ndarray, m: np.ndarray, x: np.ndarray, dim: int | None, gx: np.ndarray) -> None:
    factor = g * np.float32(2 / ((x.size if dim is None else x.shape[dim]) - 1))
    for p in pieces(x):
        np.subtract(x[p], m if len(m) == 1 else m[p], gx[p])
        np.multiply(gx[p], factor if len(factor) == 1 else factor[p], gx[p])


def amax(x: np.ndarray, dim: int | None) -> tuple[np.ndarray, np.ndarray]:
    y = np.maximum.reduce(x, dim, keepdims=True)
    return y, y


def amax_backward(g: np.ndarray, top: np.ndarray, x: np.ndarray, dim: int | None, gx: np.ndarray) -> None:
    hit = np.equal(x, top)
    np.multiply(hit, g / np.add.reduce(hit, dim, np.float32, keepdims=True), gx)


reduced("sum", total, lambda g, kept, x, dim, gx: spread(g, gx))
reduced("mean", mean, lambda g, kept, x, dim, gx: spread(g * share(x, dim), gx))
reduced("var", var, var_backward)
reduced("amax", amax, amax_backward)


# -- softmax and its relatives ---------------------------------------------------------------------------------------------
def softmax(x: np.ndarray, dim: int, y: np.ndarray, t: np.ndarray) -> None:
    np.subtract(x, np.maximum.reduce(x, dim, keepdims=True), y)
    np.exp(y, y)
    np.multiply(y, 1 / np.add.reduce(y, dim, keepdims=True), y)


def softmax_backward(g: np.ndarray, x: np.ndarray, dim: int, y: np.ndarray, gx: np.ndarray) -> None:
    if dim == 1:
        inner = np.einsum("ij,ij->i", g, y)[:, None]
    else:
        inner = np.einsum("ij,ij->j", g, y)
    np.multiply(np.subtract(g, inner, gx), y, gx)


def log_softmax(x: np.ndarray, dim: int, y: np.ndarray, t: np.ndarray) -> None:
    np.subtract(x, np.maximum.reduce(x, dim, keepdims=True), y)
    np.subtract(y, np.log(np.add.reduce(np.exp(y, t), dim, keepdims=True)), y)


def log_softmax_backward(g: np.ndarray, x: np.ndarray, dim: int, y: np.ndarray, gx: np.ndarray) -> None:
    np.multiply(np.exp(y, gx), np.add.reduce(g, dim, keepdims=True), gx)
    np.subtract(g, gx, gx)


def logsumexp(x: np.ndarray, dim: int, y: np.ndarray, t: np.ndarray) -> None:
    top = np.maximum.reduce(x, dim, keepdims=True)
    np.exp(np.subtract(x, top, t), t)
    np.add(np.log(np.add.reduce(t, dim, keepdims=True)), top, y)


def logsumexp_backward(g: np.ndarray, x: np.ndarray, dim: int, y: np.ndarray, gx: np.ndarray) -> None:
    np.multiply(np.exp(np.subtract(x, y, gx), gx), g, gx)


def by_dim(name: str, forward: Callable[..., None], backward: Callable[..., None], whole: bool = True) -> None:
    """`forward(x, dim, y, scratch)` and `backward(g, x, dim, y, gx)` on pieces of rows, or at once by dimension 0."""
    for dim in (0, 1):

        def make(x: np.ndarray, dim: int = dim) -> Made:
            y = like(x) if whole else np.zeros((1, 1000) if dim == 0 else (1000, 1), np.float32)
            g = cotangent(x.shape if whole else (1000,)).reshape(y.shape)
            gx = like(x)

            def work() -> None:
                for p in pieces(x) if dim else [slice(None)]:
                    forward(x[p], dim, y[p], gx[p])
                    backward(g[p], x[p], dim, y[p], gx[p])

            return work, {"result": y if whole else y.reshape(-1), "gradient 0": gx}

        floor(f"{name}_{dim}")(make)


by_dim("softmax", softmax, softmax_backward)
by_dim("log_softmax", log_softmax, log_softmax_backward)
by_dim("logsumexp", logsumexp, logsumexp_backward, whole=False)


@floor("cross_entropy")
def cross_entropy(x: np.ndarray, target: np.ndarray) -> Made:
    y, gx = like(x), like(x)
    rows = np.arange(len(x))
    share = np.float32(1 / len(x))
    found: dict[str, Any] = {"gradient 0": gx}

    def work() -> None:
        for p in pieces(x):
            log_softmax(x[p], 1, y[p], gx[p])
            np.multiply(np.exp(y[p], gx[p]), share, gx[p])
        found["result"] = -(y[rows, target].sum() * share)
        gx[rows, target] -= share

    return work, found


@floor("layer_norm")
def layer_norm(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> Made:
    g, y, gx, of_w, of_b = cotangent(x.shape), like(x), like(x), like(w), like(b)
    scratch = np.empty((2, 32, 1000), np.float32)
    n = np.float32(1 / x.shape[1])

    def work() -> None:
        of_w.fill(0)
        of_b.fill(0)
        for p in pieces(x):
            unit, t = scratch[:, : len(x[p])]
            np.subtract(x[p], np.add.reduce(x[p], 1, keepdims=True) * n, unit)
            scale = 1 / np.sqrt(np.einsum("ij,ij->i", unit, unit) * n + np.float32(1e-5))[:, None]
            np.multiply(unit, scale, unit)
            np.add(np.multiply(unit, w, y[p]), b, y[p])
            of_w[...] += np.einsum("ij,ij->j", g[p], unit)
            of_b[...] += np.add.reduce(g[p], 0)
            np.multiply(g[p], w, t)
            np.multiply(unit, np.einsum("ij,ij->i", t, unit)[:, None] * n, gx[p])
            np.subtract(t, gx[p], gx[p])
            np.subtract(gx[p], np.add.reduce(t, 1, keepdims=True) * n, gx[p])
            np.multiply(gx[p], scale, gx[p])

    return work, {"result": y, "gradient 0": gx, "gradient 1": of_w, "gradient 2": of_b}
