"""What is special about the inputs of index tensors, masks and flat positions."""

from __future__ import annotations

from ..case import TensorValue
from ..kinds import Draft, draw_shape, first_dtype, integer_values, tensor
from ..source import Source
from ..spec import spec


def positions(src: Source, draft: Draft) -> list[TensorValue]:
    """Index tensors that broadcast together, for some leading dimensions; or one mask over them."""
    shape = draft.tensor("self").shape
    count = 1 + src.u8() % max(len(shape), 1)
    if src.u8() > 180 or not shape:
        sides = shape[:count]
        return [tensor(lambda s, d: sides, dtype="bool")(src, draft)]
    sides = draw_shape(src, 0, 2) if 0 not in shape[:count] else (0,)
    return [
        integer_values(-n, n, lambda s, d: sides if s.u8() < 200 or 0 in sides else (1,) * len(sides))(src, draft) for n in shape[:count]
    ]


def chosen(src: Source, draft: Draft) -> tuple[int, ...]:
    """The shape the indexed elements have together, or one that broadcasts to it."""
    shape, indices = draft.tensor("self").shape, draft.args["indices"]
    if indices[0].dtype == "bool":
        made: tuple[int, ...] = (int(indices[0].view().sum()), *shape[indices[0].ndim :])
    else:
        sides = max((i.shape for i in indices), key=lambda s: [len(s), *s])
        made = (*sides, *shape[len(indices) :])
    how = src.u8()
    return made if how < 170 else (1,) * (how < 200 and bool(made)) + made[1:] if how < 230 else ()


_NO_NAME = "it has no name of its own in Python"
spec("index.Tensor", indices=positions, call=lambda m, self, indices: self[tuple(indices)], why=_NO_NAME)
spec("index_put", indices=positions, values=tensor(chosen, dtype=first_dtype))
spec("_index_put_impl_", indices=positions, values=tensor(chosen, dtype=first_dtype), unsafe=False)
