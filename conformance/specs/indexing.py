"""`x[...]` and `x[...] = value` with every kind of index, as variants of the ops they come down to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..case import TensorValue
from ..kinds import Draft, any_tensor, draw_shape, first_dtype, integer_values, number, tensor
from ..source import Source
from ..spec import spec

WHY = "brackets have no name of their own in Python"


def _sliced(src: Source, size: int) -> slice:
    start, stop = src.u8() % (2 * size + 3), src.u8() % (2 * size + 3)
    return slice(start - size - 1 if start else None, stop - size - 1 if stop else None, (None, 1, 2, 3)[src.u8() % 4])


def _positions(src: Source, draft: Draft, size: int) -> TensorValue:
    dtype = "int32" if src.u8() > 230 else "int64"
    return integer_values(-size, size, lambda s, d: draw_shape(s, 0, 2) if size else (0,), dtype)(src, draft)


def _mask(src: Source, draft: Draft, size: int) -> TensorValue:
    made = integer_values(0, 2, lambda s, d: (size,), "uint8")(src, draft)
    return made if src.u8() > 230 else TensorValue("bool", made.root.astype(bool), made.shape, made.strides, made.offset)


def _part(src: Source, draft: Draft, size: int) -> Any:
    """One entry of an index over a dimension of `size`."""
    how = src.u8() % 16
    if how < 3:
        return src.u8() % (2 * size) - size if size else 0
    if how < 7:
        return slice(None) if how == 3 else _sliced(src, size)
    if how < 11:
        return (None, Ellipsis, True, False)[how - 7]
    if how < 13:
        return _positions(src, draft, size)
    if how == 13:
        return _mask(src, draft, size)
    return [src.u8() % size for _ in range(src.u8() % 4)] if size else []


def brackets(src: Source, draft: Draft) -> list[Any]:
    """What stands between brackets, part by part; mostly no more dimensions than there are."""
    shape, parts, dim = draft.tensor("self").shape, [], 0
    for _ in range(src.u8() % (len(shape) + 3)):
        if dim >= len(shape) and src.u8() < 240:
            break
        part = _part(src, draft, shape[dim] if dim < len(shape) else 2)
        parts.append(part)
        dim += part is not None and not isinstance(part, bool) and part is not Ellipsis
        if part is Ellipsis:
            dim = max(dim, len(shape) - 1)
    return parts


def _for_numpy(part: Any) -> Any:
    """A part as NumPy indexes with it, to which a uint8 array is no mask."""
    if not isinstance(part, TensorValue):
        return part
    return part.view().astype(bool) if part.dtype == "uint8" else part.view()


def _read_shape(draft: Draft) -> tuple[int, ...]:
    """The shape of what the brackets name; none where NumPy refuses them."""
    try:
        return np.zeros(draft.tensor("self").shape)[tuple(map(_for_numpy, draft.args["indices"]))].shape
    except IndexError:
        return ()


def _fitting(src: Source, draft: Draft) -> tuple[int, ...]:
    shape, how = _read_shape(draft), src.u8()
    if how < 120:
        return shape
    mask = src.u8()
    return (1,) * (how > 230) + tuple(1 if mask >> i & 1 else n for i, n in enumerate(shape))[how % 2 :]


def written(src: Source, draft: Draft) -> Any:
    """A number, or a tensor that mostly fits; now and then of another dtype."""
    how = src.u8()
    if how < 70:
        return number(src, draft)
    if how > 235:
        return any_tensor(src, draft)
    return tensor(_fitting, dtype=first_dtype)(src, draft)


def key(indices: list[Any]) -> Any:
    """One part as it is, several as a tuple."""
    return indices[0] if len(indices) == 1 else tuple(indices)


def assigned_in_place(m: Any, self: Any, indices: list[Any], values: Any, accumulate: bool = False, unsafe: bool = False) -> Any:
    self[key(indices)] = values
    return self


spec("index.Tensor[brackets]", indices=brackets, call=lambda m, self, indices: self[key(indices)], why=WHY)
spec("_index_put_impl_[brackets]", indices=brackets, values=written, accumulate=False, unsafe=False, call=assigned_in_place, why=WHY)
