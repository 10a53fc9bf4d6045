"""Anomaly mode: where each node was recorded, told when its backward fails or gives NaN."""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from . import modes
from .graph import Node, extras
from .tensor import Tensor, rare
from .texts import HERE

UNKNOWN = "No forward pass information available. Enable detect anomaly during forward pass for more information."
CAUSE = "Traceback of forward call that caused the error:\n"
_running = threading.local()


class _Switch:
    """Whether NaN is an error in anomaly mode; one for the process, as in PyTorch."""

    check_nan = True


def is_anomaly_enabled() -> bool:
    """True in anomaly mode."""
    return bool(modes.current() & modes.ANOMALY)


def is_anomaly_check_nan_enabled() -> bool:
    """True where anomaly mode would take NaN for an error."""
    return _Switch.check_nan


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turn anomaly mode on or off. Raises TypeError for what is no bool."""
    for position, (name, value) in enumerate((("enabled", mode), ("check_nan", check_nan)), 1):
        if not isinstance(value, bool):
            kind = type(value).__name__
            raise TypeError(f"set_anomaly_enabled(): argument '{name}' (position {position}) must be bool, not {kind}")
    modes.set_bit(modes.ANOMALY, mode)
    _Switch.check_nan = check_nan


def _stack() -> list[Any]:
    """The nodes that run in this thread, innermost last."""
    return _running.__dict__.setdefault("nodes", [])


def note(node: Node) -> None:
    """Remember where `node` was recorded, and in the backward of which node; and where a leaf was used first."""
    frames = [frame for frame in traceback.extract_stack() if not frame.filename.startswith(HERE)]
    metadata = extras(node).metadata
    metadata["traceback_"] = traceback.format_list(frames)
    running = _stack()
    if running:
        metadata["parent_"] = running[-1]
    for edge in node.edges:
        if isinstance(edge, Tensor) and rare(edge).used_first is None:
            rare(edge).used_first = metadata["traceback_"]


@contextmanager
def watching_leaf(leaf: Tensor) -> Iterator[None]:
    """While a gradient is accumulated: an error inside, of a hook, is told with where the leaf was used first, and goes on."""
    try:
        yield
    except Exception:
        _warn("Error detected in torch::autograd::AccumulateGrad. ", CAUSE, rare(leaf).used_first)
        raise


class watching:
    """While a node runs: an error inside is told, with where the node was recorded, and goes on."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def __enter__(self) -> watching:
        _stack().append(self.node)
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        _stack().pop()
        if error is not None and isinstance(error, Exception):
            _tell(self.node)

    def check(self, results: Sequence[Any] | None) -> None:
        """Raises RuntimeError for the first gradient with NaN, whether somebody wants it or not."""
        if not _Switch.check_nan or results is None:
            return
        for i, r in enumerate(results):
            array = r._array if isinstance(r, Tensor) else r
            if array is not None and array.dtype.kind in "fcV" and np.isnan(array).any():
                raise RuntimeError(f"Function '{type(self.node).name(self.node)}' returned nan values in its {i}th output.")


def _tell(node: Any) -> None:
    """Warn where `node` was recorded, then where each node was in whose backward it was."""
    _warn(f"Error detected in {type(node).name(node)}. ", CAUSE, extras(node).metadata.get("traceback_"))
    node = extras(node).metadata.get("parent_")
    while node is not None:
        induced = f"\n\nPrevious calculation was induced by {type(node).name(node)}. "
        heading = "Traceback of forward call that induced the previous calculation:\n"
        _warn(induced, heading, extras(node).metadata.get("traceback_"))
        node = extras(node).metadata.get("parent_")


def _warn(start: str, heading: str, trace: list[str] | None) -> None:
    text = start + (UNKNOWN if trace is None else heading + "".join(trace))
    try:
        warnings.warn(text, UserWarning, stacklevel=2)
    except Warning:  # the error itself must not be lost where warnings are errors
        sys.stderr.write(f"UserWarning: {text}")
