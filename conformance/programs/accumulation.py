"""How gradients add up in `.grad`: in which object, in which layout, and over which paths."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def stored_then_added_in_place(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    grads = []
    for turn in range(3):
        (x * draw.floats((2,))).backward(draw.floats((2,)))
        grads.append(x.grad)
        see(f"x.grad {turn}", x.grad)
        see("writes", x.grad._version)
    see.same("the same object", grads[0], grads[2])
    y = draw.floats((2,), requires_grad=True) * x.grad
    (x * 2).backward(draw.floats((2,)))
    see.raises("what kept it", lambda: y.backward(draw.floats((2,))))


@program
def out_of_place_with_create_graph(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    (x * x).backward(draw.floats((2,)))
    first = x.grad
    see.warns("create_graph", lambda: (x * x).backward(draw.floats((2,)), create_graph=True))
    see.same("the same object", x.grad, first)
    see("first grad", first)
    see("x.grad", x.grad)


@program
def many_paths(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    paths = [y * y, y.exp(), y + x, y.sum() * x, -y]
    total = sum(paths[: draw.integer(1, 5)])
    total.backward(draw.floats((2,)))
    see("total", total)
    see("x.grad", x.grad)


@program
def broadcast_operands(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape(1, 3)
    a = draw.floats(shape, requires_grad=True)
    b = draw.floats(tuple(1 if draw.flag() else side for side in shape), requires_grad=True)
    c = draw.floats((), requires_grad=True)
    y = a * b + c
    y.backward(draw.floats(shape))
    see("gradients", [a.grad, b.grad, c.grad])


@program
def no_elements(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((4, 0), requires_grad=True)
    b = draw.floats((4, 1), requires_grad=True)
    for turn in range(2):
        (a + b).backward(B.ones(4, 0))
        see(f"gradients {turn}", [a.grad, b.grad])


@program
def one_gradient_for_two_leaves(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    b = draw.floats((2,), requires_grad=True)
    (a + b).backward(draw.floats((2,)))
    a.grad.mul_(10)
    see("a.grad", a.grad)
    see("b.grad untouched", b.grad)


@program
def one_gradient_that_nobody_else_holds(B: Any, draw: Any, see: Any) -> None:
    leaves = [draw.floats((2, 3), requires_grad=True) for _ in range(3)]
    total = leaves[0] + leaves[1]
    if draw.flag():
        total = total + leaves[draw.integer(0, 2)]
    (total * 2).backward(draw.floats((2, 3)))
    for i, leaf in enumerate(leaves):
        see(f"gradient {i}", leaf.grad)
        if leaf.grad is not None:
            leaf.grad.mul_(10)
    see("each multiplied once", [leaf.grad for leaf in leaves])


@program
def the_seed_may_become_the_gradient(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    g = draw.floats((2,))
    x.view(2).backward(g)
    x.view(2).backward(g)
    x.grad.mul_(3)
    see("g, now the gradient", g)
    see("x.grad", x.grad)


@program
def gradients_that_share_memory(B: Any, draw: Any, see: Any) -> None:
    """What is added may lie where the gradient lies, but not in a part of that."""
    x = draw.floats((2,), requires_grad=True)
    memory = draw.floats((4,))
    x.grad = draw.choice([memory[:2], memory[2:], memory[::2]])
    seed = draw.choice([lambda: memory[1:3], lambda: memory[:2], lambda: memory[1::2], lambda: memory.flip(0)[:2]])()
    y = draw.choice([lambda: x.view(2), lambda: x + 0, lambda: x * 2])()
    see.warns("warnings", lambda: see.raises("backward", lambda: y.backward(seed)))
    see("memory", memory)
    see("x.grad", x.grad)


@program
def three_buffers_of_one_gradient(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x + 0
    z = (y + y) + (y * 2) + y
    z.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def layout_of_grad(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3))
    x = (x.t() if draw.flag() else x).requires_grad_()
    seed = draw.floats(()) if draw.flag() else draw.floats(tuple(x.shape))
    (x * 2).backward(seed.expand(x.shape))
    see("strides", [x.stride(), x.grad.stride()])
    see("x.grad", x.grad)
    y = draw.floats((2, 3), requires_grad=True)
    total = y.sum()
    total.backward()
    see("gradient of a sum", [y.grad, y.grad.stride()])


@program
def zeroing(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    (x * x).backward(draw.floats((2,)))
    x.grad.zero_()
    see("x.grad zeroed", x.grad)
    (x * x).backward(draw.floats((2,)))
    see("x.grad then", x.grad)
    x.grad = None
    (x * x).backward(draw.floats((2,)))
    see("x.grad from None", x.grad)


@program
def in_other_dtypes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), draw.dtype(), requires_grad=True)
    y = draw.floats((2,), draw.dtype(), requires_grad=True)
    z = x * y
    z.backward(draw.floats((2,), z.dtype))
    see("z", z)
    see("gradients", [x.grad, y.grad])
    (x * 2).to(draw.dtype("float64", "float16", "complex64")).abs().backward(B.ones(2))
    see("x.grad after another dtype", x.grad)


@program
def stolen_gradients(B: Any, draw: Any, see: Any) -> None:
    made = []

    class Two(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            one = {"same": lambda: g * 2, "expanded": lambda: (g * 2)[:1].expand(2), "the incoming": lambda: g}[how]()
            made.append(one.data_ptr())
            return one, one

    how = draw.choice(["same", "expanded", "the incoming"])
    a, b = (draw.floats((2,), requires_grad=True) for _ in range(2))
    seed = draw.floats((2,))
    Two.apply(a, b).backward(seed)
    see("gradients", [a.grad, b.grad])
    see("differ", a.grad.data_ptr() != b.grad.data_ptr())
    see("taken", [a.grad.data_ptr() == made[0], b.grad.data_ptr() == made[0]] if how == "expanded" else made.count(a.grad.data_ptr()) <= 1)
    see("strides", [a.grad.stride(), b.grad.stride()])
    a.grad.add_(1)
    see("b.grad is left alone", b.grad)
    see("gradient: the seed is left alone", seed)


@program
def layouts_of_broadcast_gradients(B: Any, draw: Any, see: Any) -> None:
    make = draw.choice(
        [
            lambda: draw.floats((2, 3)).t(),
            lambda: draw.floats((1, 2, 2, 3)).to(memory_format=B.channels_last),
            lambda: draw.floats((2, 3))[:, ::2],
            lambda: draw.floats((1, 3)).expand(2, 3),
            lambda: draw.floats((2, 2, 3)).permute(2, 0, 1),
            lambda: draw.floats((3, 1)),
        ]
    )
    leaf = make().requires_grad_()
    other = draw.floats((2, *leaf.shape))
    for _ in range(2):
        (leaf * other).sum().backward()
        see("gradient", leaf.grad)
        see("strides", leaf.grad.stride())
    leaf.grad = None
    see.warns("warnings", lambda: (leaf * other).sum().backward(create_graph=True))
    see("strides of a graph", leaf.grad.stride())
    leaf.grad = None


@program
def objects_of_gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    (x * 2).backward(draw.floats((2,)))
    first = x.grad
    create = draw.flag()
    see.warns("warnings", lambda: (x * x).backward(draw.floats((2,)), create_graph=create))
    see.same("the same object", x.grad, first)
    see("gradient", x.grad)
    see("the first", first.tolist() if not create else None)
    x.grad = None
    y = x * 3
    y.backward(draw.floats((2,)), retain_graph=True)
    x.grad.requires_grad_()
    see.raises("a gradient that requires grad", lambda: y.backward(draw.floats((2,))))
    x.grad = None


@program
def shared_by_a_node_of_several_results(B: Any, draw: Any, see: Any) -> None:
    """What one output has received waits elsewhere, too, when more is added to it."""
    x = draw.floats((2, 3), requires_grad=True)
    other, factor = draw.floats((3,), requires_grad=True), draw.floats((3,))
    waits = other * factor
    first, last = x.unbind()
    more = [first * factor for _ in range(draw.integer(1, 3))]
    total = sum(((first + waits) * factor, last, *more))
    total.backward(draw.floats((3,)))
    see("x.grad", x.grad)
    see("other.grad", other.grad)


@program
def a_gradient_of_more_dimensions(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(0, 3), requires_grad=True)
    (x * 2).sum().backward()
    with B.no_grad():
        for _ in range(draw.integer(1, 2)):
            x.grad.unsqueeze_(0)
    see.warns("accumulated", lambda: (x * 3).sum().backward())
    see("gradient", x.grad)


def either_way(B: Any, draw: Any, y: Any, x: Any, seed: Any = None) -> Any:
    """The gradient of `y` for the leaf `x`, returned or accumulated."""
    if draw.flag():
        return B.autograd.grad(y, x, seed)[0]
    y.backward(seed)
    return x.grad


@program
def writes_to_sums_of_scattered_parts(B: Any, draw: Any, see: Any) -> None:
    """How often a gradient was written to tells which of the parts it is made of were added in place."""
    x = draw.floats((3,), requires_grad=True)
    index = B.tensor([2, 0])
    parts = [
        lambda: x.gather(0, index), lambda: x.take(index), lambda: x[index], lambda: x * 2, lambda: x.as_strided((2,), (1,)), lambda: x[1:],
        lambda: x.as_strided((3,), (1,)), lambda: x.index_select(0, index),
    ]  # fmt: skip
    loss = sum(draw.choice(parts)().sum() for _ in range(draw.integer(1, 3)))
    if draw.flag():
        x.register_hook(lambda g: see("writes a hook sees", g._version))
    gradient = either_way(B, draw, loss, x)
    see("gradient", gradient)
    see("writes", [gradient._version, gradient.stride()])


@program
def writes_to_gradients_by_their_rules(B: Any, draw: Any, see: Any) -> None:
    """What a rule scatters to zeros, or masks in place, was written to, wherever it is seen before it is summed or multiplied."""
    x = (B.arange(0, 600, 100).view(2, 3) + draw.floats((2, 3))).requires_grad_()  # no two are equal
    at, index, seen = draw.choice([lambda: x, lambda: x * 2, lambda: x + 1, lambda: x.view(3, 2)])(), B.tensor([[1, 0]]), []
    ops = [
        lambda: at.sort(), lambda: B.sort(at, stable=True), lambda: at.msort(), lambda: at.topk(1), lambda: at.kthvalue(1, -1),
        lambda: at.median(), lambda: at.median(0), lambda: at.nanmedian(), lambda: at.nanmedian(1), lambda: at.max(), lambda: at.min(),
        lambda: at.max(0), lambda: at.min(1), lambda: at.cummax(0), lambda: at.cummin(1), lambda: B.maximum(at, x.sum()),
        lambda: B.minimum(at[:1], at), lambda: at.gather(0, index), lambda: B.take_along_dim(at, index[:, :1], 0), lambda: at.take(index),
        lambda: at.index_select(0, index[0]), lambda: at.masked_select(at > 1), lambda: at[index], lambda: at.as_strided((2,), (1,)),
        lambda: at.sort()[0] + at, lambda: at + at.cummax(0)[0],
    ]  # fmt: skip
    made = draw.choice(ops)()
    made = made[0] if isinstance(made, tuple) else made
    if draw.flag() and made.grad_fn is not None:
        made.grad_fn.register_hook(lambda given, _: seen.append([None if g is None else g._version for g in given]))
    if draw.flag():
        at.register_hook(lambda g: seen.append(g._version))
    gradient = either_way(B, draw, made.sum(), x)
    see("gradient", gradient)
    see("writes", gradient._version)
    see("writes that hooks see", seen)


@program
def writes_to_gradients_behind_written_views(B: Any, draw: Any, see: Any) -> None:
    """The gradient of what was written to through a view is copied, and its part written over: two writes, where it goes on as it is."""
    x = draw.floats((2, 3), requires_grad=True)
    y = draw.choice([x.clone, lambda: x * 2, lambda: x.clone().view(-1), lambda: (x * 1).t(), lambda: x.t().clone(), lambda: x - 1])()
    for _ in range(draw.integer(1, 2)):
        part = draw.choice([lambda: y[:1], lambda: y[..., -1:], lambda: y.view_as(y), lambda: y.transpose(0, -1)])()
        draw.choice([lambda t: t.mul_(3), lambda t: t.neg_(), lambda t: t.fill_(2), lambda t: t.copy_(B.ones(t.shape))])(part)
        y[0] = draw.number()
    if draw.flag():
        x.register_hook(lambda g: see("writes a hook sees", g._version))
    gradient = either_way(B, draw, y, x, B.ones(y.shape))
    see("gradient", gradient)
    see("writes", [gradient._version, gradient.storage_offset(), gradient.stride()])


@program
def writes_to_gradients_that_are_handed_on(B: Any, draw: Any, see: Any) -> None:
    """The gradient of a sum is that of its terms itself: once its node has run, what else arrives at a term is added to it in place."""
    x = draw.floats(draw.shape(0, 3), requires_grad=True)
    at, seen = x * 1, []
    others = [
        lambda at: at, lambda at: x, lambda at: at.sin(), lambda at: at * at, lambda at: x.exp(),
        lambda at: at.reshape(-1).reshape(x.shape),
    ]  # fmt: skip
    sums = [
        lambda at, other: at + other, lambda at, other: at - other, lambda at, other: other - at,
        lambda at, other: B.add(other, at, alpha=2), lambda at, other: B.addcmul(at, other, x), lambda at, other: B.add(at, B.relu(other)),
    ]  # fmt: skip
    for _ in range(draw.integer(1, 3)):
        at = draw.choice(sums)(at, draw.choice(others)(at))
        if draw.flag():
            at.register_hook(lambda g: seen.append([g._version, g.stride()]))
    if draw.flag():
        at = draw.choice([at.neg, lambda: at * 2])()
    gradient = either_way(B, draw, at, x, draw.floats(x.shape))
    see("gradient", gradient)
    see("writes", [gradient._version, gradient.stride()])
    see("writes that hooks see", seen)


@program
def strides_of_sums_of_strided_parts(B: Any, draw: Any, see: Any) -> None:
    """The gradient of what `as_strided` looked at is a view of a buffer: a second one is not added to it in place."""
    x = draw.floats((1, 2))[..., 1:].detach().requires_grad_()
    asked = [draw.choice([lambda: x.view(-1), lambda: x.t(), lambda: x.unsqueeze(0), x.squeeze])() for _ in range(draw.integer(1, 3))]
    draw.choice([lambda: x.detach().add_(1), lambda: None])()
    g = B.autograd.grad([one.sum() for one in asked], x)[0]
    see("gradient", g)
    see("strides", g.stride())


@program
def strides_of_sums_of_turned_matrices(B: Any, draw: Any, see: Any) -> None:
    """The gradient of a column-major matrix is one that was turned round, a view: a second one is not added to it in place."""
    turned = draw.floats((draw.choice((2, 1, 3)), draw.choice((1, 2)))).t()
    x = draw.choice([lambda: turned.clone(), turned.contiguous])().requires_grad_()
    column, row = draw.floats((x.shape[1], 1)), draw.floats((1, x.shape[0]))
    parts = [
        lambda: x.mm(column), lambda: x.mm(x.t()), lambda: row.mm(x), lambda: x.sin(), lambda: x.t().exp(), lambda: x.clamp(x[0], x),
    ]  # fmt: skip
    g = B.autograd.grad([draw.choice(parts)().sum() for _ in range(draw.integer(1, 3))], x)[0]
    see("gradient", g)
    see("strides", g.stride())


@program
def strides_behind_bounds_in_place(B: Any, draw: Any, see: Any) -> None:
    """What an in-place form saves of its target is a clone, in which a side of 1 keeps its step."""
    shape = draw.choice(((2, 1), (1, 2), (2, 1, 2), (1, 2, 2)))
    x = draw.floats(shape[::-1]).permute(*range(len(shape))[::-1]).clone().requires_grad_()
    y = x.clone()
    draw.choice([lambda: y.clamp_(min=1), lambda: y.clamp_(-1, 1), lambda: y.clamp_max_(1), lambda: y.clamp_min_(1), lambda: y.abs_()])()
    y.backward(draw.floats(shape))
    see("gradient", x.grad)
    see("strides", x.grad.stride())


@program
def strides_of_sums_of_parts_of_complex_numbers(B: Any, draw: Any, see: Any) -> None:
    """The gradient of real numbers that met complex ones is a part of such, a view: a second one is not added to it in place."""
    x = draw.floats(draw.choice(((1,), (2,), (1, 1))), requires_grad=True)
    c = draw.complexes(x.shape, B.complex128 if x.dtype == B.float64 else None)
    parts = [lambda: x * c, lambda: c - x, lambda: x * x.to(c.dtype), lambda: B.polar(x, x), lambda: B.complex(x, x) / c, lambda: x * 2]
    g = B.autograd.grad(sum(draw.choice(parts)() for _ in range(draw.integer(1, 3))), x, draw.choice([c, B.ones_like(c)]))[0]
    see("gradient", g)
    see("strides", g.stride())


@program
def strides_of_sums_with_a_side_of_one(B: Any, draw: Any, see: Any) -> None:
    at, number = B.tensor([0]), draw.floats((1,))
    ops = [
        lambda t: t.put(at, t), lambda t: t.take(at), lambda t: t.index_put((at,), t), lambda t: t.index_select(0, at),
        lambda t: t.gather(0, at), lambda t: t.index_fill(0, at, 2.0), lambda t: t.index_copy(0, at, t), lambda t: t.scatter(0, at, t),
        lambda t: t * number, lambda t: t + t, lambda t: t.index_add(0, at, t), lambda t: t.cumsum(0), lambda t: t.sort(0)[0],
    ]  # fmt: skip
    x = draw.floats((1,), requires_grad=True)
    inner = x * 2 if draw.flag() else x
    seen: list[Any] = []
    inner.register_hook(lambda g: seen.append(g.stride()))
    seeds = [draw.floats((2,))[::2] if draw.flag() else draw.floats((1,)) for _ in range(2)]
    B.autograd.backward([draw.choice(ops)(inner), draw.choice(ops)(inner)], seeds)
    see("strides", [x.grad.stride(), *seen])
    see("gradient", x.grad)


@program
def strides_of_sums_over_dimensions_that_broadcasting_added(B: Any, draw: Any, see: Any) -> None:
    """What is summed over leading dimensions is then a view: a second gradient is not added to it in place."""

    def turned(t: Any) -> Any:
        around = t.transpose(0, -1)
        return draw.choice([lambda: t, lambda: t.clone(), lambda: around.clone().transpose(0, -1), lambda: around.reshape(t.shape)])()

    x = turned(draw.floats(draw.choice([(2, 1, 2), (1, 2), (2, 1), (2, 2, 1), (1, 2, 1, 2), (2, 3)]))).detach().requires_grad_()
    y, wide = draw.choice([lambda: x, lambda: x * 1])(), (draw.integer(1, 3), *x.shape)
    uses = [
        lambda: y.expand(wide), lambda: y * draw.floats(wide), lambda: y + draw.floats(wide), lambda: y.unsqueeze(0), lambda: -y,
        lambda: y * 2, lambda: y.flatten(), lambda: y.mT, lambda: y.movedim(0, -1), lambda: y.amax(0), lambda: y.mean(-1), lambda: y[0],
    ]  # fmt: skip
    made = [draw.choice(uses)() for _ in range(draw.integer(2, 3))]
    seen: list[Any] = []
    y.register_hook(lambda g: seen.append([g.stride(), g._version]))
    gradient = B.autograd.grad(made, x, [turned(draw.floats(one.shape)) for one in made])[0]
    see("gradient", gradient)
    see("strides", [gradient.stride(), *seen])
