"""What runs on whole batches of cotangents (`is_grads_batched`): there PyTorch has fewer rules than under `vmap`.

Source: LegacyBatchingRegistrations.cpp. What is not named here runs sample by sample, and what that makes is stacked in row-major order.
"""

from __future__ import annotations

from typing import Any

VIEWS = frozenset((
    "alias", "as_strided", "diagonal", "expand", "permute", "_reshape_alias", "select", "slice", "split", "split_with_sizes", "squeeze",
    "t", "transpose", "unbind", "unfold", "unsqueeze", "view", "view_as_complex", "view_as_real",
))  # fmt: skip
ALIKE = frozenset((
    "abs", "acos", "asin", "atan", "ceil", "clamp", "clamp_max", "clamp_min", "clone", "_conj", "_conj_physical", "contiguous", "cos",
    "cosh", "digamma", "exp", "expm1", "floor", "frac", "lgamma", "log", "log10", "log1p", "log2", "neg", "reciprocal", "relu", "round",
    "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "_to_copy", "trunc",
))  # fmt: skip
PAIRS = frozenset((
    "add", "div", "eq", "ge", "gt", "le", "lt", "mul", "ne", "pow", "sigmoid_backward", "sub", "threshold_backward",
))  # fmt: skip
OTHERS = frozenset(("bmm", "cat", "dot", "mm", "mv", "new_empty", "new_empty_strided", "new_zeros", "stack", "sum.dim_IntList"))
NAMES = VIEWS | ALIKE | PAIRS | OTHERS


def has_rule(op: Any) -> bool:
    """True where an op runs on a whole batch of cotangents."""
    return op.schema.name in NAMES or op.key in NAMES
