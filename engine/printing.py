"""How a tensor reads when printed: PyTorch's text, its options, and the choice between plain and scientific notation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from textwrap import indent as indented
from typing import Any

import numpy as np

from . import dtypes


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


OPTIONS = _Options()

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Changes what is given and keeps the rest, except `sci_mode`, which goes back to automatic when not given."""
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen = _PROFILES.get(profile, {}) if profile is not None else {}
    for name, value in (chosen | {k: v for k, v in given.items() if v is not None}).items():
        setattr(OPTIONS, name, value)
    OPTIONS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The current options, in the form `set_printoptions` takes them."""
    return asdict(OPTIONS)


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """The given options for the length of a `with` block."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def tensor_text(
    array: np.ndarray,
    dtype: dtypes.dtype,
    *,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    tangent: str | None = None,
    class_name: str = "tensor",
) -> str:
    """`tensor([4., 4.], grad_fn=<MulBackward0>)`.

    `array` holds the values as they read (conjugated where the tensor is). `tangent` is the tangent already as text.
    `class_name` is the word before the parenthesis: the type's name for a subclass.
    """
    start = class_name + "("
    suffixes = _suffixes(array, dtype)
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent is not None:
        suffixes.append(f"tangent={tangent}")
    text = start + values_text(array, dtype, len(start))
    return (_with_suffixes(text, suffixes, len(start)) if suffixes else text) + ")"


def wrapped_text(class_name: str, level: int, value: str, bdim: int | None = None) -> str:
    """How a tensor inside a function transform reads around the text of its value: `GradTrackingTensor(lvl=1, value=...`."""
    where = f"lvl={level}" if bdim is None else f"lvl={level}, bdim={bdim}"
    return f"{class_name}({where}, value=\n{indented(value, '    ')}\n)"


def _suffixes(array: np.ndarray, dtype: dtypes.dtype) -> list[str]:
    """What must be said of size and dtype because the values do not show it."""
    default = dtypes.get_default_dtype()
    if array.size == 0:
        shown = [] if array.ndim == 1 else [_size(array)]
        return shown if dtype is default else [*shown, f"dtype={dtype!r}"]
    shown = [] if OPTIONS.edgeitems else [_size(array)]
    default_complex = dtypes.complex128 if default is dtypes.float64 else dtypes.complex64
    evident = dtype is default or dtype is dtypes.int64 or dtype is dtypes.bool_ or dtype is default_complex
    return shown if evident else [*shown, f"dtype={dtype!r}"]


def _size(array: np.ndarray) -> str:
    return f"size={tuple(array.shape)}"


def _with_suffixes(text: str, suffixes: Sequence[str], indent: int) -> str:
    """The text and its suffixes, broken where the last line would grow past the line width."""
    parts = [text]
    last_line = len(text) - text.rfind("\n") + 1  # PyTorch counts so; a one-line text is two longer than it is
    for suffix in suffixes:
        if last_line + len(suffix) + 2 > OPTIONS.linewidth:
            parts.append(",\n" + " " * indent + suffix)
            last_line = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            last_line += len(suffix) + 2
    return "".join(parts)


def values_text(array: np.ndarray, dtype: dtypes.dtype, indent: int) -> str:
    """The values alone, nested in brackets; continuation lines are indented by `indent` columns."""
    if array.size == 0:
        return "[]"
    cut = array.size > OPTIONS.threshold
    if cut and not OPTIONS.edgeitems and array.ndim:
        return "[...]"
    shown = _edges(array) if cut else array
    cells, width = _cells(shown, dtype)
    if not array.ndim:
        return cells[0]
    return _nested(cells, shown.shape, [cut and n > 2 * OPTIONS.edgeitems for n in array.shape], indent, width)


def _edges(array: np.ndarray) -> np.ndarray:
    """The first and last `edgeitems` of every dimension that has more."""
    edge = OPTIONS.edgeitems
    for axis, length in enumerate(array.shape):
        if length > 2 * edge:
            array = np.take(array, [*range(edge), *range(length - edge, length)], axis)
    return array


def _nested(cells: list[str], shape: tuple[int, ...], cut: list[bool], indent: int, width: int) -> str:
    """Rows of cells in brackets: a line break between rows, one more empty line per further dimension."""
    if len(shape) == 1:
        return _row([*cells[: len(cells) // 2], " ...", *cells[len(cells) // 2 :]] if cut[0] else cells, indent, width)
    step = len(cells) // shape[0]
    inner = [_nested(cells[i * step : (i + 1) * step], shape[1:], cut[1:], indent + 1, width) for i in range(shape[0])]
    if cut[0]:
        inner.insert(len(inner) // 2, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(inner) + "]"


def _row(cells: list[str], indent: int, width: int) -> str:
    """One row, wrapped at the line width."""
    per_line = max(1, (OPTIONS.linewidth - indent) // (width + 2))
    if len(cells) <= per_line:
        return "[" + ", ".join(cells) + "]"
    lines = [", ".join(cells[i : i + per_line]) for i in range(0, len(cells), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _cells(array: np.ndarray, dtype: dtypes.dtype) -> tuple[list[str], int]:
    """The text of every value, padded to one width, and that width."""
    if dtype.is_complex:
        return _complex_cells(array)
    if not dtype.is_floating_point:
        texts = [str(value) for value in array.reshape(-1).tolist()]
        width = max(map(len, texts))
    else:
        values = (array.astype(np.float32) if dtype.low else array).reshape(-1).tolist()
        texts, width = _float_cells(values)
    return [text.rjust(width) for text in texts], width


def _complex_cells(array: np.ndarray) -> tuple[list[str], int]:
    values = array.reshape(-1)
    real, real_width = _float_cells(values.real.tolist())
    imag, imag_width = _float_cells(values.imag.tolist())
    signed = [text if text[0] == "-" else "+" + text for text in imag]
    return [r.rjust(real_width) + i + "j" for r, i in zip(real, signed, strict=True)], real_width + imag_width + 1


def _float_cells(values: list[float]) -> tuple[list[str], int]:
    """Unpadded texts and the width they ask for: zeros, infinities and nans never widen a column."""
    counted = [v for v in values if v and v - v == 0]
    write = _notation(counted)
    texts = [write(v) for v in values]
    return texts, max([1, *(len(text) for v, text in zip(values, texts, strict=True) if v and v - v == 0)])


def _notation(counted: list[float]) -> Callable[[float], str]:
    """How the values are written: scientific, with a bare point where all are whole, or with `precision` decimals."""
    if not counted:
        return _whole
    if _scientific(counted):
        return f"{{:.{OPTIONS.precision}e}}".format
    return _whole if all(v.is_integer() for v in counted) else f"{{:.{OPTIONS.precision}f}}".format


def _scientific(counted: list[float]) -> bool:
    if OPTIONS.sci_mode is not None:
        return OPTIONS.sci_mode
    sizes = [abs(v) for v in counted]
    smallest, largest = min(sizes), max(sizes)
    return largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4


def _whole(value: float) -> str:
    text = f"{value:.0f}"
    return text + "." if math.isfinite(value) else text
