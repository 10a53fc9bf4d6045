"""Floors of work that moves elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csc_array

from ..backends import Work
from ..workload import cotangent
from .floor import floor, like, pieces

Made = tuple[Work, dict[str, Any]]


def add_rows(into: np.ndarray, index: np.ndarray, rows: np.ndarray) -> None:
    """A product with a sparse matrix of ones, which is several times faster than `numpy.add.at`."""
    ones, starts = np.ones(len(index), np.float32), np.arange(len(index) + 1)
    into += csc_array((ones, index, starts), shape=(len(into), len(index))) @ rows


@floor("index_mask")
def mask(x: np.ndarray, numbers: np.ndarray) -> Made:
    g, gx = cotangent((int((numbers > 500).sum()),)), like(x)
    found: dict[str, Any] = {"gradient 0": gx}

    def work() -> None:
        chosen = np.flatnonzero(np.greater(numbers, 500))
        found["result"] = np.take(x.reshape(-1), chosen, mode="clip")
        gx.fill(0)
        gx.reshape(-1)[chosen] = g

    return work, found


def add_flat(into: np.ndarray, at: np.ndarray, values: np.ndarray) -> None:
    np.add.at(into.reshape(-1), at.reshape(-1), values.reshape(-1))


def as_it_is(index: np.ndarray) -> np.ndarray:
    return index


def flat(index: np.ndarray) -> np.ndarray:
    """Positions along the rows of a matrix as positions in its memory."""
    return np.add(index, np.arange(0, index.size, index.shape[1])[:, None])


# How elements are found, along which dimension they are taken, and how they are added.
ROWS, ALONG = (as_it_is, 0, add_rows), (flat, None, add_flat)


@floor("index_rows", *ROWS)
@floor("index_select", *ROWS)
@floor("embedding", *ROWS)
@floor("gather", *ALONG)
def taken(x: np.ndarray, index: np.ndarray, places: Any, dim: int | None, add: Any) -> Made:
    g, y, gx = cotangent(x.shape), like(x), like(x)

    def work() -> None:
        at = places(index)
        np.take(x, at, dim, y, "clip")
        gx.fill(0)
        add(gx, at, g)

    return work, {"result": y, "gradient 0": gx}


@floor("index_put_add", *ROWS)
@floor("scatter_add", *ALONG)
def added(x: np.ndarray, values: np.ndarray, index: np.ndarray, places: Any, dim: int | None, add: Any) -> Made:
    g, y, gx, gv = cotangent(x.shape), like(x), like(x), like(values)

    def work() -> None:
        at = places(index)
        np.copyto(y, x)
        add(y, at, values)
        np.copyto(gx, g)
        np.take(g, at, dim, gv, "clip")

    return work, {"result": y, "gradient 0": gx, "gradient 1": gv}


def one(name: str, run: Callable[..., Any]) -> None:
    """`run(g, x, y, gx)` at once."""

    def make(x: np.ndarray) -> Made:
        g, y, gx = cotangent(x.shape), like(x), like(x)
        return lambda: run(g, x, y, gx), {"result": y, "gradient 0": gx}

    floor(name)(make)


def sort(g: np.ndarray, x: np.ndarray, y: np.ndarray, gx: np.ndarray) -> None:
    order = np.argsort(x, -1)
    y[...] = np.take_along_axis(x, order, -1)
    np.put_along_axis(gx, order, g, -1)


def running(x: np.ndarray, y: np.ndarray) -> None:
    """Sums down the columns, kept in double precision as PyTorch does."""
    total = np.zeros(x.shape[1])
    for row, made in zip(x, y, strict=True):
        np.copyto(made, np.add(total, row, total), "same_kind")


def running_along(x: np.ndarray, y: np.ndarray) -> None:
    """Sums along the rows, of two rows at a time: each addition waits for the one before it."""
    for p in pieces(x):
        part = x[p]
        both = np.empty((len(part) // 2, part.shape[1]), np.complex128)
        both.real, both.imag = part[::2], part[1::2]
        np.add.accumulate(both, 1, None, both)
        y[p][::2], y[p][1::2] = both.real, both.imag


def cumsum_0(g: np.ndarray, x: np.ndarray, y: np.ndarray, gx: np.ndarray) -> None:
    running(x, y)
    running(g[::-1], gx[::-1])


def cumsum_1(g: np.ndarray, x: np.ndarray, y: np.ndarray, gx: np.ndarray) -> None:
    running_along(x, y)
    running_along(g[:, ::-1], gx[:, ::-1])


one("cumsum_0", cumsum_0)
one("cumsum_1", cumsum_1)
one("sort_1d", sort)
one("sort_rows", sort)


@floor("cat")
def cat(*parts: np.ndarray) -> Made:
    y = np.zeros((500, 2000), np.float32)
    g, gs = cotangent(y.shape), [like(p) for p in parts]

    def work() -> None:
        np.concatenate(parts, 1, y)
        for made, of in zip(gs, np.split(g, 4, 1), strict=True):
            np.copyto(made, of)

    return work, {"result": y} | {f"gradient {i}": made for i, made in enumerate(gs)}


@floor("transpose_mul")
def transpose_mul(x: np.ndarray, w: np.ndarray) -> Made:
    g, y, gx = cotangent(x.shape), like(x), like(x)

    def work() -> None:
        np.multiply(x.T, w, y)
        np.multiply(g, w, gx.T)

    return work, {"result": y, "gradient 0": gx}
