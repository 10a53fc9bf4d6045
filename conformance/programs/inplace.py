"""In-place operations: version counters, stale saved values, leaves, and out=."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def version_counter(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2))
    versions = [x._version]
    for step in (
        lambda: x.add_(1),
        lambda: x.__setitem__(0, 1.0),
        lambda: x[0].mul_(2),
        lambda: x.t().zero_(),
        lambda: x.copy_(x * 2),
        lambda: x.fill_(2),
    ):
        step()
        versions.append(x._version)
    x += 1
    with B.no_grad():
        x.mul_(2)
    versions.append(x._version)
    see("versions", versions)
    see("a view shares it", [x[0]._version, x.detach()._version, x.clone()._version])


@program
def resizing_counts_where_it_changes_the_size(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2))
    x.resize_(2, 2)
    see("the same size", x._version)
    x.resize_(1, 2)
    see("a smaller one", x)
    x.resize_as_(B.zeros(2))
    see("another rank", x)
    see.raises("of a leaf that requires grad", lambda: draw.floats((2,), requires_grad=True).resize_(3))


@program
def memory_grows_for_all_that_share_it(B: Any, draw: Any, see: Any) -> None:
    """A view stays one of what has grown, and so does what it is a view of."""
    import warnings

    x, dtype = draw.floats((4,)), draw.dtype("float32", "float64")
    live = {
        "the base": x, "a part": x[1:3], "nothing": x[2:2], "a matrix": x.view(2, 2), "a row": x.view(2, 2).t()[0], "detached": x.detach(),
        "data": x.data, "bits": x[2:].view(B.int32), "a conjugate": B.view_as_complex(x.view(2, 2)).conj(),
    }  # fmt: skip
    target = live[draw.choice(list(live))]
    size, a = draw.choice([(7,), (3, 2), (2,), (0,), (2, 4)]), draw.floats((2, 1, 3), dtype)
    grow = draw.choice([
        lambda: target.resize_(size), lambda: target.resize_as_(B.zeros(size)), lambda: B.add(a, 2, out=target),
        lambda: B.sort(a.view(-1), out=(target, B.empty(0, dtype=B.int64))), lambda: B.arange(7, out=target),
        lambda: target.addbmm_(a.mT, a, beta=0), lambda: B.addbmm(B.zeros(1), a.mT, a, out=target),
        lambda: B.narrow_copy(a, -1, 1, 2, out=target), lambda: B.bernoulli(a * 0 + 1, out=target),
    ])  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        see.raises("grown", lambda: (grow(), None)[1])
    target.fill_(2)  # what was refused half way may hold what nobody has written
    for name, one in live.items():
        start = one.data_ptr() - one.element_size() * one.storage_offset()
        see(name, [one, one.stride(), one.storage_offset(), one._version, not one.numel() or start == x.data_ptr()])


@program
def data_keeps_its_counter(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,))
    y = draw.floats((2,))
    x.add_(1).add_(1)
    y.add_(1)
    view = x[0]
    x.data = y
    see("versions", [x._version, y._version, view._version])
    x.add_(1)
    see("after one more", [x._version, y._version, view._version])
    see("values", [x, y])


@program
def an_operand_counts_writes_to_memory_it_gave_away(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape(2, 3)
    x = draw.floats(shape, requires_grad=True)
    y = x.detach()
    if draw.flag():
        x.data = draw.floats(shape)
    write = draw.choice(["pow_", "atan2_", "mul_", "div_", "add_", "hypot_", "clamp_min_"])
    see("written", getattr(y, write)(x if draw.flag() else draw.floats(shape, requires_grad=True)))
    see("versions", [x._version, y._version])
    see.raises("backward", lambda: y.backward(draw.floats(shape))) if y.requires_grad else None
    see("x.grad", x.grad)


@program
def gradients_of_what_got_another_shape_unrecorded(B: Any, draw: Any, see: Any) -> None:
    """They are summed to the shape that was recorded, whatever the tensor's own is by now, or refused."""
    x = draw.floats(draw.choice([(2, 2), (1, 2, 2), (2, 3), (1, 2), (2, 1)]), requires_grad=True)
    y = x * x
    change = draw.choice([y.t_, y.squeeze_, lambda: y.unsqueeze_(0), lambda: y.unsqueeze_(1), lambda: y.unsqueeze_(2)])
    with B.no_grad():
        see.raises("changed", change)
    uses = [
        lambda: x * y, lambda: y + x, lambda: x / 2 - y, lambda: B.where(y > 1, x, y), lambda: B.addcmul(x, y, y), lambda: y * y,
        lambda: y.expand(2, *y.shape) * x, lambda: B.lerp(x, y, 0.5), lambda: y.sum(0) + x,
    ]  # fmt: skip
    use, seed, create_graph = draw.choice(uses), draw.floats((48,)), draw.flag()

    def gradient():
        used = use()
        return B.autograd.grad(used, x, seed[: used.numel()].reshape(used.shape), create_graph=create_graph)

    see.raises("gradient", gradient)


@program
def increment_version(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 1
    z = y * y
    B.autograd.graph.increment_version(y)
    see("version", y._version)
    see.raises("backward", lambda: z.backward(draw.floats((2,))))


@program
def a_stale_saved_value(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x + 0
    operations = [
        lambda: y * y,
        lambda: y.exp(),
        lambda: y + 1,
        lambda: y * 3,
        lambda: y.sin(),
        lambda: y.sum(),
        lambda: y / 2,
        lambda: y[y > 0],
        lambda: y.relu(),
        lambda: y.max(),
    ]
    z = draw.choice(operations)()
    (y if draw.flag() else z).add_(1)
    see.raises("backward", lambda: z.backward(B.ones_like(z)))
    see("x.grad", x.grad)


@program
def several_versions_behind(B: Any, draw: Any, see: Any) -> None:
    w = draw.floats((2, 2), requires_grad=True)
    h = draw.floats((2, 2), requires_grad=True) * 1
    out = h @ w
    for _ in range(draw.integer(1, 3)):
        h += 1
    see.raises("backward", lambda: out.backward(draw.floats((2, 2))))


@program
def a_leaf_refuses(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)

    def set_item():
        x[0] = 1.0

    def add():
        y = x
        y += 1

    for label, call in (
        ("add_", lambda: x.add_(1)),
        ("setitem", set_item),
        ("+=", add),
        ("zero_", lambda: x.zero_()),
        ("copy_", lambda: x.copy_(B.zeros(2))),
        ("a view", lambda: x[0].mul_(2)),
    ):
        see.raises(label, call)
    see("untouched", x)


@program
def results_of_in_place_differentiate(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 1
    before = y
    for _ in range(draw.integer(1, 4)):
        draw.choice(
            [
                lambda: y.mul_(2),
                lambda: y.exp_(),
                lambda: y.add_(x),
                lambda: y.tanh_(),
                lambda: y.clamp_(-1, 1),
                lambda: y.neg_(),
                lambda: y.mul_(x),
            ]
        )()
    see.same("the same object", y, before)
    see("y", y)
    see.graph("graph", y)
    see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def a_later_result_is_written_to(B: Any, draw: Any, see: Any) -> None:
    """One that is not the first of its node, itself, through a part or through a view of it."""
    x = draw.floats((2, 3), requires_grad=True)
    low, high = B.aminmax(x, dim=1)
    y = draw.choice([low, high])
    see("which results these are", [low.output_nr, high.output_nr])
    if draw.flag():
        y.register_hook(lambda g: see("what arrives where it was made", g.clone()))
    for _ in range(draw.integer(1, 3)):
        draw.choice(
            [
                lambda: y.mul_(2),
                lambda: y.abs_(),
                lambda: y.mul_(low),
                lambda: y.copy_(high * 2),
                lambda: y[:1].neg_(),
                lambda: y.view(2, 1).mul_(draw.number()),
                lambda: y.__setitem__(0, draw.number()),
                lambda: y.__setitem__(1, high[0]),
            ]
        )()
    see("y", y)
    see("which result it is now", y.output_nr)
    see.graph("graph", y)
    see.raises("backward", lambda: (y * high).backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def in_place_with_itself(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 1
    y.mul_(y)
    see.raises("a product with itself", lambda: y.backward(draw.floats((2,))))
    see("x.grad", x.grad)
    z = x * 1
    z.add_(z)
    see("a sum with itself", z)
    z.backward(draw.floats((2,)))
    see("x.grad after", x.grad)


@program
def out_arguments(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,))
    target = B.zeros(2)
    leaf = B.zeros(2, requires_grad=True)
    see.raises("an input requires grad", lambda: B.mul(x, y, out=target))
    see.raises("the output requires grad", lambda: B.mul(y, y, out=leaf))
    see.raises("neither", lambda: B.mul(y, y, out=target))
    with B.no_grad():
        see.raises("under no_grad", lambda: B.mul(x, y, out=target))
        see.raises("into a leaf under no_grad", lambda: B.mul(x, y, out=leaf))
    see("target", target)
    see("leaf", leaf)
    wrong = B.zeros(3)
    see.warns("another size", lambda: B.add(y, y, out=wrong))
    see("resized", wrong)


@program
def dtype_and_shape_are_kept(B: Any, draw: Any, see: Any) -> None:
    x = draw.integers((2,))
    y = draw.floats((2,))
    see.raises("a float into integers", lambda: x.add_(1.5))
    see.raises("floats into integers", lambda: x.mul_(y))
    see.raises("true division of integers", lambda: x.div_(2))
    see.raises("integers into floats", lambda: y.add_(x))
    see.raises("a larger shape", lambda: y.add_(B.ones(3, 2)))
    see.raises("a shape that does not fit", lambda: y.add_(B.ones(3)))
    see.raises("a complex number", lambda: y.mul_(1j))
    see("x and y", [x, y])


@program
def elements_that_feed_each_other(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x.clone()
    y[0] = draw.number()
    y[1] = y[0] * x[1]
    see("y", y)
    see.graph("graph", y)
    see.raises("the factor was overwritten", lambda: y.backward(draw.floats((2,))))
    y = x.clone()
    y[1] = y[0].clone() * x[1]
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def writes_at_any_step(B: Any, draw: Any, see: Any) -> None:
    """Elements of one row or column, in place and into memory with gaps: no loop takes a step for another."""
    x = draw.floats((4, 10), dtype=draw.choice([B.float32, B.float64]))
    for step in range(1, 11):
        for name in ("neg_", "abs_", "square_"):
            flat = x.clone().reshape(-1)
            getattr(flat[::step], name)()
            see(f"{name} at step {step}", flat)
        wide = B.zeros(80, dtype=x.dtype)
        B.neg(x.reshape(-1)[::step], out=wide[: 2 * len(x.reshape(-1)[::step]) : 2])
        see(f"neg into gaps at step {step}", wide)


@program
def no_grad_writes_count_too(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * x
    with B.no_grad():
        x.add_(draw.number())
    see("version", x._version)
    see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("x", x)


@program
def versions_after_any_write(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 2), draw.dtype("float32", "float64", "int64", "complex64", "bool")
    x, other = draw.floats(shape).to(dtype), draw.floats(shape).to(dtype)
    made = {"x": x, "view": x.view(-1), "row": x[0], "detached": x.detach(), "data": x.data, "other": other}
    writes = {
        "copy_": lambda t: t.copy_(t.clone()),
        "fill_": lambda t: t.fill_(1),
        "zero_": lambda t: t.zero_(),
        "setitem": lambda t: t.__setitem__(0, 1),
        "empty setitem": lambda t: t.__setitem__(slice(0, 0), 1),
        "masked setitem": lambda t: t.__setitem__(t == 7, 1),
        "resize_": lambda t: t.resize_(t.shape),
        "resize_ smaller": lambda t: t.resize_(1),
        "resize_as_": lambda t: t.resize_as_(t.clone()),
        "transpose_": lambda t: t.transpose_(0, -1),
        "unsqueeze_": lambda t: t.unsqueeze_(0),
        "squeeze_": lambda t: t.squeeze_(),
        "increment": lambda t: B.autograd.graph.increment_version(t),
        "increment both": lambda t: B.autograd.graph.increment_version([t, other]),
        "data": lambda t: setattr(t, "data", other[:1]),
        "set_": lambda t: t.set_(other),
        "detach_": lambda t: t.detach_(),
        "requires_grad_": lambda t: t.requires_grad_(False),
        "mul_": lambda t: t.mul_(t),
        "out": lambda t: B.mul(t, t, out=t),
        "read": lambda t: t * 2,
        "fails": lambda t: t.mul_(B.ones(7, 7)),
        "share": lambda t: t.share_memory_() if hasattr(t, "share_memory_") else None,
    }
    for _ in range(draw.integer(1, 4)):
        name, write = draw.choice(list(made)), draw.choice(list(writes))
        with draw.choice([B.no_grad, B.enable_grad])():
            see.raises(f"{write} of {name}", lambda name=name, write=write: (writes[write](made[name]), None)[1])
        see("versions", {key: one._version for key, one in made.items()})
    see("shapes", [tuple(one.shape) for one in made.values()])


@program
def saved_before_and_written_after(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 2), draw.dtype()
    x = draw.floats(shape, dtype, requires_grad=True)
    base = x * 1
    saved = draw.choice([lambda: base, lambda: base.view(-1), lambda: base[0], lambda: base.detach().requires_grad_()])()
    uses = {
        "add": lambda t: t + 1,
        "times a constant": lambda t: t * 3,
        "times a tensor": lambda t: t * B.ones_like(t),
        "product": lambda t: t * t,
        "exp": lambda t: t.exp(),
        "mask": lambda t: t[t.detach() > 0],
        "copy_": lambda t: B.zeros_like(t).copy_(t),
        "sum": lambda t: t.sum(),
        "relu": lambda t: t.relu(),
        "where": lambda t: B.where(t.detach() > 0, t, -t),
        "cat": lambda t: B.cat([t.reshape(-1), t.reshape(-1)]),
        "max": lambda t: t.max(),
    }
    y = uses[draw.choice(list(uses))](saved)
    written = draw.choice([base, base.view(-1), base[0], saved, base.detach(), y])
    with draw.choice([B.enable_grad, B.no_grad, B.inference_mode])():
        see.raises("written", lambda: (draw.choice([lambda: written.add_(1), lambda: written.zero_(), lambda: written.exp_()])(), None)[1])
    see("versions", [saved._version, y._version])
    see.raises("backward", lambda: y.backward(draw.floats(y.shape, dtype), retain_graph=True))
    see.raises("gradient again", lambda: B.autograd.grad(y, saved, draw.floats(y.shape, dtype), allow_unused=True))
    see("x.grad", x.grad)


@program
def writes_into_out_of_any_kind(B: Any, draw: Any, see: Any) -> None:
    import warnings

    shape, dtype = draw.shape(1, 2), draw.dtype()
    a = draw.floats(shape, dtype, requires_grad=draw.flag())
    b = draw.floats(shape, dtype, requires_grad=draw.flag())
    whole = draw.floats(shape, draw.dtype("float32", "float64", "int64", "complex64"))
    target = draw.choice(
        [
            lambda: whole,
            lambda: whole.view(-1),
            lambda: whole[:0],
            lambda: whole.clone().transpose(0, -1),
            lambda: whole[0].expand(shape),
            lambda: a * 1,
            lambda: a,
            lambda: a.detach(),
            lambda: whole.detach().requires_grad_(whole.is_floating_point()),
        ]
    )()
    op = draw.choice(
        [
            lambda: B.mul(a, b, out=target),
            lambda: B.sqrt(a, out=target),  # rounded alike in every library, where the target has more digits
            lambda: B.sum(a, out=target),
            lambda: B.cat([a[:1], b[1:]], out=target),
            lambda: B.add(a, b, alpha=2, out=target),
            lambda: B.maximum(a, b, out=target),
        ]
    )
    saved = a * a
    with B.set_grad_enabled(not draw.flag()), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        see.raises("written", op)
    see("warnings", sorted({str(one.message) for one in caught}))  # PyTorch resizes a target of another dtype twice, and says so
    see("versions", [whole._version, a._version])
    if target.data_ptr() != a.data_ptr():  # what was refused half way may hold what nobody has written
        see("target", [target, target.stride()])
        see("whole", whole)
    if saved.requires_grad and a.shape == saved.shape:
        see.raises("backward", lambda: saved.backward(draw.floats(shape, dtype)))


@program
def a_write_that_is_refused_does_not_warn_of_its_cast(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 1)).expand(2, draw.choice([1, 2]))
    number = B.tensor(1 + 2j)
    writes = {
        "fill_": lambda: x.fill_(number),
        "copy_": lambda: x.copy_(number),
        "part": lambda: x.__setitem__(0, number),
        "all": lambda: x.__setitem__(slice(None), number),
    }
    for name, write in writes.items():
        see.warns(name, lambda name=name, write=write: see.raises(name, write))
        see(f"after {name}", [x, x._version])


@program
def powers_of_a_number_into_a_target(B: Any, draw: Any, see: Any) -> None:
    """Those of 1 are filled in, into a target whose elements share memory, too; for others memory is looked at before dtypes are."""
    names = ("float32", "int64", "complex64", "bool", "bfloat16")
    base = draw.choice([1, 0, 0.0, 1.0, 0j, True, 2])
    exponent = B.tensor([0, 1, 2, 0], dtype=draw.dtype(*names))[: draw.choice([4, 1, 0])]
    target = B.zeros(4, dtype=draw.dtype(*names))
    target = draw.choice([lambda: target[:1].expand(4), lambda: target, lambda: exponent.expand(4), lambda: target[:0]])()
    see.raises("powers", lambda: B.pow(base, exponent.expand(4) if exponent.numel() == 1 else exponent, out=target))
    see("target", target)
