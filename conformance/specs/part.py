"""What is special about the inputs of views of a part."""

from ..case import TensorValue
from ..draft import SIDE_OF
from ..kinds import always, between, dim_of, integer_values, one_of, ranked, tensor
from ..spec import spec


def _length(draft, dim="dim"):
    """The length of the dimension drawn; 1 of a 0-dim tensor."""
    source = draft.first()
    return source.shape[draft.int(dim)] if source.ndim else 1


def _index(src, draft):
    n = _length(draft)
    return src.u8() % (2 * n) - n if n else 0


def _bound(src, draft):
    """A bound of a slice: inside, from the end, or beyond."""
    n = _length(draft)
    return src.u8() % (2 * n + 4) - n - 2


def _start(src, draft):
    """Where a narrowing may start."""
    n = _length(draft)
    return src.u8() % (n + 1)


def _fitting(src, draft):
    """A length that fits after the start drawn."""
    start = draft.args["start"]
    start = int(start.root[0]) if isinstance(start, TensorValue) else start
    return src.u8() % (max(_length(draft) - start, 0) + 1)


def _other_dim(src, draft):
    """A dimension that is not the one drawn before."""
    rank = draft.first().ndim
    return (draft.int("dim1") + 1 + src.u8() % (rank - 1)) % rank


def _parts(src, draft):
    """Sizes that sum up to the length of the dimension drawn first."""
    left = draft._sides["split"]
    parts: list[int] = []
    while left and len(parts) < 4:
        parts.append(src.u8() % (left + 1))
        left -= parts[-1]
    return (*parts, left)


def _split_self(src, draft):
    """A tensor, with the dimension to split chosen at once."""
    made = ranked(1)(src, draft)
    at = src.u8() % made.ndim
    draft._sides["split at"], draft._sides["split"] = at, made.shape[at]
    return made


def _split_dim(src, draft):
    return draft._sides["split at"] - (draft.first().ndim if src.u8() > 150 else 0)


def _indices(src, draft):
    return tuple(src.u8() % 6 - 1 for _ in range(src.u8() % 4))


def _window(src, draft):
    n = _length(draft, "dimension")
    return src.u8() % (n + 1)


def _bounded_size(src, draft):
    """A shape of a few elements for any strides."""
    return tuple(SIDE_OF[src.u8()] for _ in range(src.u8() % 4))


def _bounded_stride(src, draft):
    """Strides, overlapping too, that stay inside the memory of `self`."""
    room = draft.first().root.size - 1
    steps = []
    for n in draft.args["size"]:
        step = src.u8() % 4
        step = step if n < 2 or step * (n - 1) <= room else 0
        room -= step * max(n - 1, 0)
        steps.append(step)
    draft._sides["room"] = max(room, 0)
    return tuple(steps)


def _bounded_offset(src, draft):
    return src.u8() % (draft._sides["room"] + 1)


def _divisible(dim):
    """A tensor whose dimension `dim` splits evenly."""

    def shape(src, draft):
        made = list(draft.full(src))
        made += [2] * (dim + 1 - len(made))
        made[dim] = (2, 4, 6, 0)[src.u8() % 4]
        return tuple(made)

    return tensor(shape)


spec("select.int", self=ranked(1), dim=always(dim_of()), index=always(_index))
spec("slice.Tensor", self=ranked(1), dim=always(dim_of()), start=_bound, end=_bound, step=between(1, 3))
spec("narrow", self=ranked(1), dim=always(dim_of()), start=_start, length=_fitting)
spec("narrow.Tensor", self=ranked(1), dim=always(dim_of()), start=integer_values(0, 2, lambda src, draft: ()), length=_fitting)
spec("diagonal", self=ranked(2), offset=between(-3, 3), dim1=always(dim_of()), dim2=always(_other_dim))
spec("unfold", dimension=always(dim_of()), size=_window, step=between(1, 3))
spec("unbind.int", self=ranked(1))
spec("split.Tensor", self=ranked(1), split_size=between(1, 4))
for _key, _name in {"split.sizes": "split_size", "split_with_sizes": "split_sizes"}.items():
    spec(_key, self=_split_self, dim=always(_split_dim), **{_name: _parts})
spec("chunk", self=ranked(1), chunks=between(1, 4))
spec("tensor_split.sections", self=ranked(1), sections=between(1, 4))
spec("tensor_split.indices", self=ranked(1), indices=_indices)
spec(
    "tensor_split.tensor_indices_or_sections",
    self=ranked(1),
    tensor_indices_or_sections=integer_values(1, 4, lambda src, draft: (2,) * (src.u8() & 1)),
)
for _name, _dim in (("hsplit", 1), ("vsplit", 0), ("dsplit", 2)):
    spec(f"{_name}.int", self=_divisible(_dim), sections=one_of(2, 1))
    spec(f"{_name}.array", self=ranked(_dim + 1 + (_name == "vsplit")), indices=_indices)
spec("as_strided", size=_bounded_size, stride=_bounded_stride, storage_offset=_bounded_offset)
spec(
    "select_backward",
    grad_output=ranked(0, 3, dense=True),
    input_sizes=lambda src, draft: (*draft.first().shape, 3),
    dim=lambda src, draft: -1,
    index=between(-3, 2),
)
spec("slice_backward", grad_output=ranked(0, 3, dense=True), input_sizes=lambda src, draft: (2 + src.u8() % 2, *draft.first().shape),
     dim=one_of(0), start=one_of(0), end=one_of(1), step=one_of(1), why="the first row of two or three")  # fmt: skip
spec("diagonal_backward", grad_output=tensor(lambda src, draft: (*draft.full(src)[:2], 2), dense=True),
     input_sizes=lambda src, draft: (*draft.first().shape[:-1], 2, 3), offset=one_of(0, 1), dim1=one_of(-2), dim2=one_of(-1))  # fmt: skip
spec("unfold_backward", grad_in=tensor(lambda src, draft: (*draft.full(src)[:2], 3, 2), dense=True),
     input_sizes=lambda src, draft: (*draft.first().shape[:-2], 4), dim=one_of(-1), size=one_of(2), step=one_of(1))  # fmt: skip
