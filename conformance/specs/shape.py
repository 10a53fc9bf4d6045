"""What is special about the inputs of views of another shape or order."""

from ..case import row_major
from ..kinds import always, dim_of, dims_of, expanded_size_of, one_of, permutation_of, ranked, size_for, tensor
from ..spec import spec


def _whole_size(src, draft):
    """A size with nothing left to infer."""
    size = size_for()(src, draft)
    return draft.tensor("self").shape if -1 in size else size


def _strides_of_view(src, draft):
    """Strides under which the drawn size is a view of a contiguous tensor."""
    return row_major(draft.args["size"])


def _another_order(src, draft):
    """The shape of `self`, reversed or flat."""
    shape = draft.tensor("self").shape
    how = src.u8() % 3
    return shape if how == 0 else shape[::-1] if how == 1 else (draft.tensor("self").size,)


def _wider(src, draft):
    """A shape `self` broadcasts to."""
    shape = draft.tensor("self").shape
    return tuple(3 if n == 1 and src.u8() & 1 else n for n in shape)


def _smaller(src, draft):
    """A shape that broadcasts to that of `self`: some leading sides dropped, some others 1; now and then another side."""
    shape = draft.tensor("self").shape
    kept = shape[src.u8() % (len(shape) + 1) if src.u8() & 1 else 0 :]
    return tuple(1 if how & 1 else n + (how > 250) for n in kept for how in (src.u8(),))


def _factors(src, draft):
    """Sizes that multiply up to the dimension drawn."""
    source = draft.tensor("self")
    n = source.shape[draft.int("dim")] if source.ndim else 1
    return (one_of((n,), (1, n), (-1, 1), (n, 1, 1), (-1,)))(src, draft)


def _few_dims(src, draft):
    """Some dimensions of `self`, as many each time it is asked in one case."""
    rank = draft.tensor("self").ndim
    count = min(len(draft.args["source"]), rank) if isinstance(draft.args.get("source"), tuple) else src.u8() % (rank + 1)
    return permutation_of()(src, draft)[:count]


spec("view", size=size_for())
spec("_reshape_alias", self=tensor(dense=True), size=always(_whole_size), stride=always(_strides_of_view))
spec("_unsafe_view", self=tensor(dense=True), size=size_for())
spec("expand", size=expanded_size_of())
spec("broadcast_to", size=expanded_size_of())
spec("reshape", shape=size_for())
spec("view_as", other=tensor(_another_order))
spec("reshape_as", other=tensor(_another_order))
spec("sum_to_size", size=_smaller)
spec("expand_as", other=tensor(_wider))
spec("unflatten.int", self=ranked(1), dim=always(dim_of()), sizes=_factors)
spec("squeeze.dims", dim=dims_of())
spec("unsqueeze", dim=dim_of(extra=1))
spec("permute", dims=permutation_of())
spec("movedim.intlist", source=always(_few_dims), destination=always(_few_dims))
spec("moveaxis.intlist", source=always(_few_dims), destination=always(_few_dims))
for _key in ("movedim.int", "moveaxis.int"):
    spec(_key, source=dim_of(), destination=dim_of())
spec("swapaxes", axis0=dim_of(), axis1=dim_of())
spec("t", self=ranked(0, 2))
for _key in ("squeeze", "squeeze.dim", "transpose.int", "swapdims", "flatten.using_ints", "ravel"):
    spec(_key)
_ATTRIBUTE = "an attribute, not a function"
spec("numpy_T", call=lambda m, self: self.T, why=_ATTRIBUTE)
spec("mT", self=ranked(2), call=lambda m, self: self.mT, why=_ATTRIBUTE)
spec("mH", self=ranked(2), call=lambda m, self: self.mH, why=_ATTRIBUTE)
spec("matrix_H", self=ranked(2, 2), call=lambda m, self: self.H, why=_ATTRIBUTE)
spec("adjoint", self=ranked(2))
