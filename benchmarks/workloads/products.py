"""Matrix products, a layer, a network's training step, and double backward."""

from __future__ import annotations

from typing import Any

from ..workload import Input, constant, integers, signed, trained, twice
from .calls import SMALL_MLP, tiny_mlp

PRODUCT, TRAIN, SECOND = "matrix products", "training step", "double backward"

for _n in (64, 512, 1024):
    _text = f"{_n}x{_n} @ {_n}x{_n} and its backward"
    trained(f"matmul_{_n}", PRODUCT, _text, lambda B, a, b: a @ b, signed(_n, _n), signed(_n, _n))
for _name, _batch, _n in (("bmm_small", 256, 16), ("bmm_64", 32, 64)):
    _text = f"{_batch} products of {_n}x{_n} and their backward"
    trained(_name, PRODUCT, _text, lambda B, a, b: B.bmm(a, b), signed(_batch, _n, _n), signed(_batch, _n, _n))
trained("linear", PRODUCT, "linear layer 64x784 -> 256 and its backward", lambda B, x, w, b: B.nn.functional.linear(x, w, b),
        signed(64, 784), signed(256, 784), signed(256))  # fmt: skip


def mlp(B: Any, w1: Any, b1: Any, w2: Any, b2: Any, x: Any, target: Any) -> Any:
    return B.nn.functional.cross_entropy(B.relu(x @ w1 + b1) @ w2 + b2, target)


MLP: list[Input] = [
    signed(784, 256, scale=0.05),
    signed(256),
    signed(256, 10, scale=0.1),
    signed(10),
    constant(signed(64, 784)),
    integers(10, 64),
]
trained("mlp_step", TRAIN, "64x784 -> 256 -> 10 with relu and cross entropy, forward and backward", mlp, *MLP)

twice("mlp_tiny_twice", SECOND, "gradient of the gradient's norm of the tiny net", tiny_mlp, *SMALL_MLP)
twice("mlp_twice", SECOND, "the same of 64x784 -> 256 -> 10", tiny_mlp, *MLP[:5], constant(signed(64, 10)))
