"""Floors of elementwise work, in pieces that stay in the cache."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from ..backends import Work
from ..workload import cotangent
from .floor import floor, like, pieces, pointwise

ONE, HALF = np.float32(1), np.float32(0.5)


@floor("elementwise_1e3")
@floor("elementwise_1e5")
@floor("elementwise_1e6")
@floor("elementwise_1e7")
def nine(x: np.ndarray, w: np.ndarray) -> tuple[Work, dict[str, Any]]:
    """One op after the other, as who calls them one by one can do it: every result forward is written whole."""
    p, q, t, r, d, e, y, s, z, g, of_x, of_w = (like(x) for _ in range(12))
    found: dict[str, Any] = {"gradient 0": of_x, "gradient 1": of_w}
    backward = [x, w, t, e, y, s, z, g, of_x, of_w]

    def of_piece(x: Any, w: Any, t: Any, e: Any, y: Any, s: Any, z: Any, g: Any, of_x: Any, of_w: Any) -> None:
        np.divide(np.negative(z, g), s, g)
        np.add(np.divide(ONE, s, of_x), g, g)
        np.multiply(np.multiply(g, HALF, g), e, g)  # of what the exponential was taken of
        np.multiply(g, t, of_w)
        np.negative(g, of_x)
        np.multiply(g, w, g)
        np.multiply(np.subtract(ONE, np.multiply(t, t, e), e), g, g)  # of what tanh was taken of
        np.add(of_x, g, of_x)
        np.add(of_x, np.multiply(g, w, e), of_x)
        np.add(of_w, np.multiply(g, x, e), of_w)

    def work() -> None:
        np.tanh(np.add(np.multiply(x, w, p), x, q), t)
        np.exp(np.subtract(np.multiply(t, w, r), x, d), e)
        np.divide(np.multiply(e, HALF, y), np.add(y, ONE, s), z)
        found["result"] = np.add.reduce(z)
        for part in pieces(x):
            of_piece(*(a[part] for a in backward))

    return work, found


def sigmoid(g: Any, x: Any, y: Any, gx: Any) -> None:
    np.exp(np.negative(x, y), y)
    np.reciprocal(np.add(y, ONE, y), y)
    np.multiply(np.multiply(np.subtract(ONE, y, gx), y, gx), g, gx)


def relu(g: Any, x: Any, y: Any, gx: Any) -> None:
    y.fill(0)
    np.maximum(x, y, out=y)
    np.multiply(g, np.greater(x, 0), gx)


def erf(g: Any, x: Any, y: Any, gx: Any) -> None:
    scipy.special.erf(x, y)
    np.exp(np.negative(np.multiply(x, x, gx), gx), gx)
    np.multiply(np.multiply(gx, np.float32(2 / math.sqrt(math.pi)), gx), g, gx)


def gelu(g: Any, x: Any, y: Any, gx: Any, share: Any) -> None:
    """`x share`, of `share = (1 + erf(x / sqrt(2))) / 2`; its derivative is `share + x density`."""
    scipy.special.erf(np.multiply(x, np.float32(math.sqrt(0.5)), share), share)
    np.add(np.multiply(share, HALF, share), HALF, share)
    np.multiply(x, share, y)
    np.exp(np.multiply(np.multiply(x, x, gx), -HALF, gx), gx)
    np.multiply(np.multiply(gx, np.float32(1 / math.sqrt(2 * math.pi)), gx), x, gx)
    np.multiply(np.add(gx, share, gx), g, gx)


def cube(g: Any, x: Any, y: Any, gx: Any) -> None:
    np.multiply(x, x, gx)
    np.multiply(gx, x, y)
    np.multiply(np.multiply(gx, np.float32(3), gx), g, gx)


def add(g: Any, a: Any, b: Any, y: Any, ga: Any, gb: Any) -> None:
    np.add(a, b, y)
    np.copyto(ga, g)
    np.copyto(gb, g)


def where(g: Any, a: Any, b: Any, mask: Any, y: Any, ga: Any, gb: Any) -> None:
    np.copyto(y, b)
    np.copyto(y, a, where=mask)
    np.multiply(g, mask, ga)
    np.subtract(g, ga, gb)


pointwise("exp_1e6", lambda g, x, y, gx: np.multiply(g, np.exp(x, y), gx))
pointwise("log_1e6", lambda g, x, y, gx: (np.log(x, y), np.divide(g, x, gx)))
pointwise("sqrt_1e6", lambda g, x, y, gx: np.multiply(np.divide(g, np.sqrt(x, y), gx), HALF, gx))
pointwise("tanh_1e6", lambda g, x, y, gx: np.multiply(np.subtract(ONE, np.multiply(np.tanh(x, y), y, gx), gx), g, gx))
pointwise("sin_1e6", lambda g, x, y, gx: (np.sin(x, y), np.multiply(np.cos(x, gx), g, gx)))
pointwise("sigmoid_1e6", sigmoid)
pointwise("relu_1e6", relu)
pointwise("abs_1e6", lambda g, x, y, gx: (np.absolute(x, y), np.multiply(np.sign(x, gx), g, gx)))
pointwise("erf_1e6", erf)
pointwise("gelu_1e6", gelu, scratch=1)
pointwise("pow3_1e6", cube)
pointwise("mul_number_1e6", lambda g, x, y, gx: (np.multiply(x, np.float32(2.5), y), np.multiply(g, np.float32(2.5), gx)))
pointwise("add_1e6", add, 2)
pointwise("mul_1e6", lambda g, a, b, y, ga, gb: (np.multiply(a, b, y), np.multiply(g, b, ga), np.multiply(g, a, gb)), 2)
pointwise("div_1e6", lambda g, a, b, y, ga, gb: (np.divide(a, b, y), np.divide(g, b, ga), np.multiply(np.negative(ga, gb), y, gb)), 2)
pointwise("where_1e6", where, 2)


@floor("broadcast_outer")
def outer(c: np.ndarray, r: np.ndarray, b: np.ndarray) -> tuple[Work, dict[str, Any]]:
    """The gradient of each is the sum of a gradient of ones times the other factor: sums by row and by column."""
    scratch, ones = np.empty((32, 1000), np.float32), np.ones(1000, np.float32)
    of_c, of_r, of_b = like(c), like(r), like(b)
    found: dict[str, Any] = {"gradient 0": of_c, "gradient 1": of_r, "gradient 2": of_b}

    def work() -> None:
        total = np.float32(0)
        of_r.fill(0)
        of_b.fill(0)
        for p in pieces(np.broadcast_to(c, (1000, 1000))):
            t = scratch[: len(c[p])]
            np.multiply(c[p], r, t)
            total += np.add(t, b, t).sum()
            np.multiply(ones, r, t)
            np.add.reduce(t, 1, out=of_c[p], keepdims=True)
            np.multiply(ones, c[p], t)
            of_r[...] += np.add.reduce(t, 0)
            of_b[...] += len(t)
        found["result"] = total

    return work, found


@floor("broadcast_bias")
def bias(x: np.ndarray, b: np.ndarray) -> tuple[Work, dict[str, Any]]:
    g, y, of_x, of_b = cotangent(x.shape), like(x), like(x), like(b)

    def work() -> None:
        np.add(x, b, y)
        np.copyto(of_x, g)
        np.add.reduce(g, 0, out=of_b)

    return work, {"result": y, "gradient 0": of_x, "gradient 1": of_b}


@floor("broadcast_column")
def column(x: np.ndarray, c: np.ndarray) -> tuple[Work, dict[str, Any]]:
    g, y, of_x, of_c = cotangent(x.shape), like(x), like(x), like(c)

    def work() -> None:
        for p in pieces(x):
            np.multiply(x[p], c[p], y[p])
            np.multiply(g[p], c[p], of_x[p])
            np.einsum("ij,ij->i", g[p], x[p], out=of_c[p, 0])

    return work, {"result": y, "gradient 0": of_x, "gradient 1": of_c}
