"""What is timed: each workload is a function of a backend's namespace that prepares its data and returns the work to time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Work = Callable[[], Any]
WORKLOADS: dict[str, Callable[[Any], Work]] = {}


def workload(prepare: Callable[[Any], Work]) -> Callable[[Any], Work]:
    """Register `prepare(B) -> work`; its name is what a person types, its docstring what the table says."""
    WORKLOADS[prepare.__name__] = prepare
    return prepare


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)


def leaf(B: Any, *shape: int) -> Any:
    return B.from_numpy(values(*shape)).requires_grad_()


def _chain(B: Any, length: int) -> Work:
    x, w = leaf(B, 8, 8), leaf(B, 8, 8)

    def work() -> None:
        y = x
        for _ in range(length):
            y = y * w
        y.sum().backward()

    return work


@workload
def mul_no_grad(B: Any) -> Work:
    """one 8x8 multiplication, not recorded"""
    x, w = B.from_numpy(values(8, 8)), B.from_numpy(values(8, 8))
    return lambda: x * w


@workload
def mul_recorded(B: Any) -> Work:
    """one 8x8 multiplication, recorded"""
    x, w = leaf(B, 8, 8), leaf(B, 8, 8)
    return lambda: x * w


@workload
def chain_10(B: Any) -> Work:
    """10 multiplications of 8x8, sum, backward"""
    return _chain(B, 10)


@workload
def chain_100(B: Any) -> Work:
    """100 multiplications of 8x8, sum, backward"""
    return _chain(B, 100)


@workload
def chain_1000(B: Any) -> Work:
    """1,000 multiplications of 8x8, sum, backward"""
    return _chain(B, 1000)


@workload
def fan_out_1000(B: Any) -> Work:
    """one tensor used 1,000 times, sum, backward"""
    x = leaf(B, 8, 8)

    def work() -> None:
        total = x * 2
        for _ in range(999):
            total = total + x
        total.sum().backward()

    return work


def _elementwise(B: Any, size: int) -> Work:
    x, w = leaf(B, size), leaf(B, size)

    def work() -> None:
        y = ((x * w + x).tanh() * w - x).exp() * 0.5
        (y / (y + 1)).sum().backward()

    return work


@workload
def elementwise_1e3(B: Any) -> Work:
    """9 elementwise operations on 1e3 elements, sum, backward"""
    return _elementwise(B, 1_000)


@workload
def elementwise_1e5(B: Any) -> Work:
    """9 elementwise operations on 1e5 elements, sum, backward"""
    return _elementwise(B, 100_000)


@workload
def elementwise_1e6(B: Any) -> Work:
    """9 elementwise operations on 1e6 elements, sum, backward"""
    return _elementwise(B, 1_000_000)


@workload
def broadcast(B: Any) -> Work:
    """(1000, 1) * (1, 1000) + (1000,), sum, backward: gradients are summed back"""
    column, row, bias = leaf(B, 1000, 1), leaf(B, 1, 1000), leaf(B, 1000)
    return lambda: (column * row + bias).sum().backward()


@workload
def mlp_step(B: Any) -> Work:
    """64x784 -> 256 -> 10 with relu and a squared error, forward and backward"""
    data, target = B.from_numpy(values(64, 784)), B.from_numpy(values(64, 10))
    w1, b1, w2, b2 = leaf(B, 784, 256), leaf(B, 256), leaf(B, 256, 10), leaf(B, 10)

    def work() -> None:
        error = (data @ w1 + b1).relu() @ w2 + b2 - target
        (error * error).mean().backward()

    return work
