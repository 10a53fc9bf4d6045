"""Gradients of indexing and of index assignment, basic, advanced and mixed."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def basic_indices(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 4), requires_grad=True)
    indices = [0, -1, slice(1, None), slice(None, None, 2), (1, 2), (slice(None), 1), (Ellipsis, 0), None, (0, None, slice(1, 3)), ...]
    y = x[draw.choice(indices)]
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.floats(tuple(y.shape)))
    see("x.grad", x.grad)


@program
def index_tensors_with_repeats(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((4, 2), requires_grad=True)
    rows = draw.integers((draw.integer(1, 4),), 0, 3)
    y = x[rows]
    see("y", y)
    y.backward(draw.floats(tuple(y.shape)))
    see("x.grad", x.grad)
    x.grad = None
    z = x[rows, draw.integers(tuple(rows.shape), -2, 1)]
    see("z", z)
    z.backward(draw.floats(tuple(z.shape)))
    see("x.grad of pairs", x.grad)


@program
def masks(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    mask = draw.bools((2, 3)) if draw.flag() else draw.bools((2,))
    y = x[mask]
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.floats(tuple(y.shape)))
    see("x.grad", x.grad)


@program
def mixed_indices(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3, 4), requires_grad=True)
    rows, columns = draw.integers((2,), 0, 1), draw.integers((2,), 0, 3)
    indices = [
        (rows, slice(None), columns),
        (slice(None), 0, columns),
        (rows, None),
        (Ellipsis, columns),
        (rows, [0, 2]),
        [[0, 1], [1, 0]],
        ([0], slice(0, 2), columns),
        (0, slice(None), columns),
    ]
    index = draw.choice(indices)
    y = see.warns("a list of lists warns", lambda: x[index])
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.floats(tuple(y.shape)))
    see("x.grad", x.grad)


@program
def indices_that_are_wrong(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    wrong = [
        5,
        (0, 0, 0),
        -3,
        (0, 3),
        B.tensor([7]),
        B.tensor([0.5]),
        1.5,
        B.tensor([True, False, True]),
        slice(None, None, -1),
        (B.tensor([0, 1]), B.tensor([0, 1, 2])),
        (Ellipsis, Ellipsis),
    ]
    for i, index in enumerate(wrong):
        see.raises(f"index {i}", lambda index=index: x[index])
    see.raises("assigning a wrong shape", lambda: x.detach().__setitem__(0, B.ones(2)))
    see.raises("a number has no items", lambda: draw.floats(())[0])
    whole = B.tensor([0, 1])
    value = draw.choice([whole, whole[0], B.tensor([[2]]), B.tensor(0.5), 2])
    see.raises("an index of itself", lambda: whole.index_fill_(0, draw.choice([whole, whole[1], B.tensor([0.5])]), value))


@program
def assigning_a_number(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 2), requires_grad=True)
    y = x * 1
    index = draw.choice([0, slice(1, None), (slice(None), 1), (1, 0), Ellipsis, B.tensor([2, 0])])
    y[index] = draw.number()
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.floats((3, 2)))
    see("x.grad", x.grad)


@program
def assigning_a_tensor(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 2), requires_grad=draw.flag())
    value = draw.floats(draw.choice([(2,), (), (1, 2)]), requires_grad=True)
    y = x * 1
    index = draw.choice([0, slice(1, None), B.tensor([0, 2]), B.tensor([True, False, True])])
    y[index] = value
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.floats((3, 2)))
    see("x.grad", x.grad)
    see("value.grad", value.grad)


@program
def assigning_through_a_mask(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    value = draw.floats((), requires_grad=True)
    mask = draw.bools((2, 3))
    y = x * 2
    y[mask] = value if draw.flag() else draw.number()
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.floats((2, 3)))
    see("gradients", [x.grad, value.grad])
    z = draw.floats((2, 3), requires_grad=True).clone()
    count = int(mask.sum())
    z[mask] = draw.floats((count,))
    see("z", z)


@program
def scalar_tensors_as_indices(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    i = B.tensor(draw.integer(0, 2))
    see("x[i]", x[i])
    y = x.clone()
    y[i] = y[i] * 2
    see("y", y)
    see("version", y._version)
    y = x.clone()
    y[i] += draw.number()
    see("y", y)
    y.backward(draw.floats((3,)))
    see("x.grad", x.grad)


@program
def gather_scatter_and_select(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 2), requires_grad=True)
    source = draw.floats((3, 2), requires_grad=True)
    index = draw.integers((3, 2), 0, 2)
    rows = draw.integers((3,), 0, 2)
    makers = [
        lambda: x.gather(0, index),
        lambda: x.scatter_add(0, index, source),
        lambda: x.index_select(0, rows),
        lambda: x.index_add(0, rows, source),
        lambda: x.take(index),
        lambda: x.masked_select(index > 0),
        lambda: x.index_fill(0, rows, 3.0),
        lambda: x.index_put((rows,), source, accumulate=True),
    ]
    y = draw.choice(makers)()
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.floats(tuple(y.shape)))
    see("gradients", [x.grad, source.grad])


@program
def expanded_gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 3), requires_grad=True)
    y = draw.choice([lambda: x.diagonal(), lambda: x[1], lambda: x[:, 2], lambda: x.select(1, 0)])()
    y.backward(draw.floats(()).expand(3))
    see("x.grad", x.grad)
    see("strides", x.grad.stride())


@program
def iteration_and_unpacking(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    first, second = x
    see("first", first)
    see("length", len(x))
    see.same("one node", first.grad_fn, second.grad_fn)
    (first * second).backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see.raises("of a scalar", lambda: list(draw.floats(())))
    see.raises("its length", lambda: len(draw.floats(())))


def read_by(draw: Any, see: Any, x: Any, index: Any) -> None:
    """What an index reads, or how it is refused, and the gradient of that."""

    def get():
        y = x[index]
        y.backward(draw.floats(tuple(y.shape)))
        return y

    see.raises("read", lambda: see.warns("warnings", get))
    see("x.grad", x.grad)


@program
def tensors_within_sequences(B: Any, draw: Any, see: Any) -> None:
    """A tensor in a list stands for one number, or for one truth; what stands for none is refused."""
    x = draw.floats((2, 3), requires_grad=True)
    dtype = draw.choice([B.int64, B.uint8, B.bool, B.float32])
    shape = draw.choice([(), (1,), (1, 1), (2,)])
    one = draw.integers(shape, 0, 1).to(dtype)
    other = draw.choice([0, True, one, None, slice(None), "a", {}, 1.5])
    index = draw.choice(
        [([one, other],), ([one],), ([[one], [other]],), (slice(None), [one] * 3), [one] * draw.choice([31, 32]), ([[0], one],)]
    )

    read_by(draw, see, x, index)
    see.raises("written", lambda: see.warns("warnings 2", lambda: (x * 1).__setitem__(index, 5.0)))


@program
def numbers_too_large_to_assign(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,)).to(draw.dtype("float32", "int64", "int8", "bool", "complex64"))
    index = draw.choice([0, slice(1, None), B.tensor([2, 0]), B.tensor([True, False, True])])
    number = draw.choice([2**63, -(2**63) - 1, 2**63 - 1, 10**30, 2**53 + 1, 1j, True])
    see.raises("written", lambda: x.__setitem__(index, number))
    see("x", x)


@program
def sequences_as_indices(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 3), requires_grad=True)
    index = draw.choice(
        [
            [[0, 2], [1, 1]],
            ([0, 2], [1, 1]),
            [slice(None), [0, 2]],
            (slice(0, 2), None, [0, 0]),
            [0, 2],
            [[0], [1]],
            ([[0, 1], [1, 2]], [[1], [0]]),
            (..., [0, 0]),
            [True, False, True],
            (slice(None), [True, False, True]),
            [None, 0],
        ]
    )

    read_by(draw, see, x, index)
    z = x * 1
    see.raises("written", lambda: see.warns("warnings 2", lambda: z.__setitem__(index, draw.number())))
    see("z", z)


@program
def three_dimensions(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3, 2), requires_grad=True)
    rows, columns = draw.integers((2,), 0, 1), draw.integers((2,), 0, 2)
    index = draw.choice(
        [
            (rows, columns),
            (rows, slice(None), rows),
            (slice(None), columns, 0),
            (rows[:, None], columns),
            (..., rows),
            (0, columns, slice(None, None, 2)),
            (draw.bools((2, 3)),),
            (slice(None), draw.bools((3, 2))),
            (rows, None, columns),
        ]
    )
    y = x[index]
    see("y", y)
    y.backward(draw.floats(tuple(y.shape)))
    see("x.grad", x.grad)
    z = x * 1
    value = draw.floats((), requires_grad=True)
    z[index] = value
    see("versions", z._version)
    z.sum().backward()
    see("gradients", [x.grad, value.grad])


@program
def index_tensors_in_other_layouts(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 2), requires_grad=True)
    index = draw.integers((1, 2, 2, 2), 0, 2)
    index = draw.choice([index, index.to(memory_format=B.channels_last), index.permute(0, 2, 3, 1), index[:, :1].expand(1, 2, 2, 2)])
    y = x[index]
    see("y", y)
    see("strides", y.stride())
    y.backward(draw.floats(tuple(y.shape)))
    see("x.grad", x.grad)


def parts(B: Any, draw: Any, shape: Any) -> tuple[Any, ...]:
    """A drawn index of a tensor of `shape`, of slices, numbers, None, an Ellipsis, lists, index tensors and masks."""
    made: list[Any] = []
    for size in shape:
        if draw.integer(0, 9) == 9:
            return (*made, ...)
        kinds: dict[str, Any] = {
            "slice": lambda size=size: [slice(draw.integer(-2, size), draw.choice([None, size, -1, 1]))],
            "number": lambda size=size: [draw.integer(-size, size - 1)],
            "all": lambda: [slice(None)],
            "tensor": lambda size=size: [draw.integers((2,), -size, size - 1)],
            "list": lambda size=size: [[draw.integer(0, size - 1) for _ in range(2)]],
            "mask": lambda size=size: [draw.bools((size,))],
            "none": lambda: [None, slice(None)],
            "scalar": lambda size=size: [draw.integers((), 0, size - 1)],
            "steps": lambda: [slice(None, None, draw.integer(1, 3))],
            "columns": lambda size=size: [draw.integers((2, 1), 0, size - 1, draw.dtype("int64", "int32", "uint8"))],
        }
        made += kinds[draw.choice(list(kinds))]()
    return tuple(made)


@program
def any_index(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 3), draw.dtype("float32", "float64", "complex64", "bfloat16")
    x = draw.floats(shape).to(dtype).requires_grad_()
    source = draw.choice([lambda: x, lambda: x.transpose(0, -1), lambda: x * 1, lambda: x.unsqueeze(0)])()
    index = parts(B, draw, source.shape)
    index = index[0] if len(index) == 1 and draw.flag() else index

    def read():
        y = source[index]
        see("layout", [y.stride(), y._is_view(), y.storage_offset()])
        see.graph("graph", y)
        (g,) = B.autograd.grad(y, x, draw.floats(y.shape).to(dtype), create_graph=draw.flag())
        see("gradient", [g, g.stride()])
        return y

    see.raises("read", lambda: see.warns("warnings", read))


@program
def any_index_assigned(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 3), draw.dtype("float32", "float64", "complex64", "float16")
    x = draw.floats(shape).to(dtype).requires_grad_(draw.flag())
    base = x * 1
    target = draw.choice([lambda: base, lambda: base.transpose(0, -1), lambda: base.view(-1), lambda: base[:1]])()
    index = parts(B, draw, target.shape)
    read: list[Any] = []
    see.raises("read", lambda: see.warns("warnings of reading", lambda: read.append(target.detach()[index])))
    if not read:
        return
    place = read[0]
    other = draw.dtype("float32", "float64", "int64", "complex64")
    value = draw.choice(
        [
            lambda: draw.number(),
            lambda: draw.floats(place.shape).to(other),
            lambda: draw.floats(place.shape[-1:]).to(other),
            lambda: draw.floats(()).to(other),
            lambda: draw.floats((1, *place.shape)).to(other),
            lambda: draw.integer(0, 3),
            lambda: True,
            lambda: target.detach()[index] * 2,
            lambda: draw.floats((5,)),
        ]
    )()
    if isinstance(value, B.Tensor) and (value.is_floating_point() or value.is_complex()):
        value.requires_grad_(draw.flag())
    see.raises("written", lambda: see.warns("warnings", lambda: target.__setitem__(index, value)))
    see.raises("base", lambda: base)
    see.raises("target", lambda: target)
    see.graph("graph", base)
    if base.requires_grad:
        leaves = [one for one in (x, value) if isinstance(one, B.Tensor) and one.requires_grad]
        see.raises("gradients", lambda: B.autograd.grad(base, leaves, draw.floats(shape).to(dtype), allow_unused=True))


@program
def a_written_index_and_what_was_saved(B: Any, draw: Any, see: Any) -> None:
    n = draw.integer(1, 4)
    x = draw.floats((n, 2), draw.dtype(), requires_grad=True)
    rows, mask = draw.integers((3,), 0, n - 1), draw.bools((n, 2))
    y = x * 1
    z = draw.choice([lambda: y[rows], lambda: y[mask], lambda: y.index_put((rows,), y[rows] * 2), lambda: y.masked_fill(mask, 1)])()
    write = draw.choice([lambda: rows.zero_(), lambda: mask.logical_not_(), lambda: y.mul_(2), lambda: rows.add_(0), lambda: None])
    write()
    see.raises("backward", lambda: z.backward(draw.floats(z.shape, x.dtype)))
    see("x.grad", x.grad)


@program
def gradients_with_strides_into_pieces(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(2, 3), draw.dtype()
    x = draw.floats(shape, dtype, requires_grad=True)
    y = draw.choice(
        [
            lambda: x.select(draw.integer(-2, 1), 0),
            lambda: x.diagonal(draw.integer(-1, 1)),
            lambda: x[..., 1:],
            lambda: x[0],
            lambda: x.narrow(0, 0, 1),
            lambda: x.unfold(-1, 1, 1),
            lambda: x.mT,
            lambda: x.unbind(-1)[0],
        ]
    )()
    seed = draw.choice(
        [
            lambda: draw.floats((), dtype).expand(y.shape),
            lambda: draw.floats(y.shape[::-1], dtype).permute(*range(y.ndim - 1, -1, -1)),
            lambda: draw.floats((*y.shape, 2), dtype)[..., 1],
            lambda: draw.floats(y.shape[1:], dtype).expand(y.shape),
            lambda: draw.floats(y.shape, dtype).flip(0),
        ]
    )()
    y.backward(seed)
    see("x.grad", [x.grad, x.grad.stride()])


@program
def scattering_what_is_written_to(B: Any, draw: Any, see: Any) -> None:
    """`masked_scatter_` of elements in the memory it writes to: read while it is written, or before, where they do not lie in a row."""
    memory = draw.floats((2, 8))
    target = draw.choice(
        [
            lambda: memory[0],
            lambda: memory[:, 2:4],
            lambda: memory[0, ::2],
            lambda: memory.t()[:2],
            lambda: memory[0, 2:6],
            lambda: memory[0, 0],
        ]
    )()
    source = draw.choice(
        [lambda: target, lambda: memory, lambda: memory[1], lambda: memory[:, ::2], lambda: memory.t(), lambda: target.clone()]
    )()
    see.raises("written", lambda: target.masked_scatter_(draw.bools(target.shape), source))
    see("memory", memory)


@program
def layout_of_what_was_picked_and_is_differentiated(B: Any, draw: Any, see: Any) -> None:
    x = draw.choice([draw.floats((2, 1, 2)).transpose(0, 2), draw.floats((2, 3)).t(), draw.floats((3,))[::2]]).clone().requires_grad_()
    picked = B.masked_select(x, draw.choice([B.tensor(True), x > 0]))
    [gradient] = B.autograd.grad(picked, x, draw.floats(picked.shape, requires_grad=True) * 2, create_graph=draw.flag())
    see("gradient", gradient)
    see("steps", gradient.stride())
    see.graph("graph", gradient)


@program
def reducing_a_source_larger_than_the_index(B: Any, draw: Any, see: Any) -> None:
    """Where what the source is put together with can be broadcast to it, there is a gradient; else a refusal."""
    shape, index, source = draw.choice(
        [
            ((), 0, (2,)),
            ((3,), 0, (2,)),
            ((3,), [1], (2,)),
            ((3,), [0, 2], (3,)),
            ((3,), 0, ()),
            ((2, 3), [[0], [1]], (2, 3)),
            ((2, 3), [[2]], (2, 3)),
            ((2, 2), [[0, 0]], (2, 2)),
        ]
    )
    x, src = draw.floats(shape, requires_grad=True), draw.floats(source, requires_grad=True)
    y = x.scatter_reduce(-1, B.tensor(index), src, draw.choice(["sum", "prod", "mean", "amax", "amin"]), include_self=draw.flag())
    see("reduced", y)
    see.raises("backward", lambda: y.backward(draw.floats(y.shape)))
    see("gradients", [x.grad, src.grad])
