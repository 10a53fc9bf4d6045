"""Views and writes through them: who shares memory with whom, and how the graphs of base and views are rewritten."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def views_share_memory(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 3))
    views = [
        base[0],
        base.t(),
        base.view(6),
        base[:, 1:],
        base.unsqueeze(0),
        base.expand(2, 2, 3),
        base.diagonal(),
        base.narrow(1, 0, 2),
        base.reshape(3, 2),
        base.T,
    ]
    views[draw.integer(0, len(views) - 1)].fill_(draw.number())
    for i, view in enumerate(views):
        see(f"view {i}", view)
        see.same(f"base of {i}", view._base, base)
        see(f"layout {i}", [view.stride(), view.storage_offset(), view._is_view(), view.is_contiguous()])


@program
def view_or_copy(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 3))
    base = base.t() if draw.flag() else base
    for label, made in (
        ("reshape", base.reshape(6)),
        ("flatten", base.flatten()),
        ("contiguous", base.contiguous()),
        ("clone", base.clone()),
        ("to", base.to(base.dtype)),
        ("squeeze", base.squeeze()),
    ):
        see(label, made)
        see(f"{label} shares memory", [made.data_ptr() == base.data_ptr(), made is base, made._base is None])
    see.raises("view", lambda: base.view(6))


@program
def write_through_a_view(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    base = x * 2
    view = base[0]
    other = base.t()
    view.mul_(draw.number())
    see("base", base)
    see("view", view)
    see("the other view", other)
    see.graph("graph of the base", base)
    see.graph("graph of the view", view)
    see.graph("graph of the other view", other)
    (base * other).backward(draw.floats((2, 2)))
    see("x.grad", x.grad)


@program
def write_to_the_base(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    base = x * 2
    view = base[0]
    base.mul_(draw.number())
    see("view", view)
    see.graph("graph of the view", view)
    view.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def a_base_without_grad(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 2))
    view = base[0]
    early = base[:, 1]
    x = draw.floats((2,), requires_grad=True)
    view.mul_(x)
    see("base", base)
    see("view", view)
    see("the view taken before", early)
    see.graph("graph of the base", base)
    (base * base).backward(draw.floats((2, 2)))
    see("x.grad", x.grad)


@program
def view_of_a_view(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    base = x.clone()
    inner = base.t()[1:]
    innermost = inner[0]
    see.same("its base is the first", innermost._base, base)
    innermost.copy_(draw.floats((2,), requires_grad=True) * 2)
    see("base", base)
    see("inner", inner)
    see("innermost", innermost)
    see.graph("graph of the base", base)
    base.backward(draw.floats((2, 3)))
    see("x.grad", x.grad)


@program
def a_view_of_a_leaf(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    view = draw.choice([x[0], x.t(), x.view(4), x.detach()[0], x.diagonal()])
    see("view", view)
    see.raises("in place", lambda: view.mul_(2))
    see("x", x)


@program
def views_with_several_outputs(B: Any, draw: Any, see: Any) -> None:
    grad = draw.flag()
    base = draw.floats((4,), requires_grad=grad).clone()
    split = draw.choice([lambda t: t.unbind(), lambda t: t.chunk(2), lambda t: t.split(2), lambda t: t.split_with_sizes([1, 3])])
    first = split(base)[0]
    see("first", first)
    see.raises("in place", lambda: first.mul_(2))
    see.raises("in place on a view of it", lambda: split(base)[1].view(-1).add_(1))
    see("base", base)


@program
def copying_a_gradient_into_a_piece(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((4,))
    first, second = base.chunk(2)
    source = draw.floats((2,), requires_grad=draw.flag())
    see.raises("copy_", lambda: first.copy_(source))
    see("base", base)
    see("second", second)


@program
def unsafe_pieces_allow_it(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((4,), requires_grad=True).clone()
    first, _ = draw.choice([lambda t: t.unsafe_chunk(2), lambda t: t.unsafe_split(2), lambda t: t.unsafe_split_with_sizes([2, 2])])(base)
    first.mul_(2)
    see("first", first)
    see("base", base)


@program
def views_made_under_no_grad(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 2), requires_grad=draw.flag()).clone()
    with B.no_grad():
        view = base[0]
        inner = view[:1]
    see.raises("a view", lambda: view.mul_(2))
    see.raises("a view of a view", lambda: inner.mul_(2))
    with B.no_grad():
        see.raises("inside", lambda: view.mul_(2))
    see("base", base)
    see("view", view)


@program
def when_the_node_of_a_written_view_is_made(B: Any, draw: Any, see: Any) -> None:
    """By the write itself: whatever is recorded next has a higher number."""
    x = draw.complexes((2, 2), requires_grad=True)
    y = x * 1
    view = draw.choice([lambda: B.view_as_real(y), lambda: y.real, lambda: y[0], lambda: B.view_as_real(y)[..., 0], lambda: y.t()])()
    for _ in range(draw.integer(1, 2)):
        draw.choice([lambda: view.mul_(2), lambda: view.neg_(), lambda: view.copy_(draw.floats((1,))), lambda: view.exp_()])()
    other = x * 3
    see("numbers", [one.grad_fn._sequence_nr() - other.grad_fn._sequence_nr() for one in (y, view)])
    z = view * view
    view.add_(1)
    see.raises("backward", lambda: z.sum().abs().backward())


@program
def hooks_of_what_a_base_was(B: Any, draw: Any, see: Any) -> None:
    """Hooks of a leaf stay with the leaf that it was, and where it is written to through a view those of later do, too."""
    order: list[Any] = []
    x = draw.floats((2, 2), requires_grad=True)
    x.register_hook(lambda g: order.append("before"))
    x.requires_grad_(False)
    target = draw.choice([lambda: x[0], lambda: x, lambda: x.view(-1)[:2], lambda: x.t()])()
    w = draw.floats((2,), requires_grad=True)
    target.mul_(w)
    if draw.flag():
        see("grad_fn", [x.grad_fn, target.grad_fn])
    x.register_hook(lambda g: order.append(["of the base", g.tolist()]))
    if target is not x and target.grad_fn is not None:
        target.register_hook(lambda g: order.append(["of the target", g.tolist()]))
    (x * 3).backward(draw.floats((2, 2)))
    see("order", order)
    see("w.grad", w.grad)


@program
def views_that_require_what_their_base_does(B: Any, draw: Any, see: Any) -> None:
    """A view that has no history asks its base whether it requires grad, whoever wants to know."""
    x = draw.floats((2,))
    other = draw.floats((2,), requires_grad=True)
    how = draw.choice(["early, a leaf", "early, a result", "without recording", "in inference mode"])
    if how.startswith("early"):
        view = x[0]
        x.requires_grad_() if how == "early, a leaf" else x.mul_(other)
    else:
        x = x * other
        with B.no_grad() if how == "without recording" else B.inference_mode():
            view = x[0]
    graph = B.autograd.graph
    reads = {
        "numpy": lambda: view.numpy(),
        "an array": lambda: view.__array__(),
        "a float": lambda: see.warns("warnings", lambda: float(view)),
        "an item": lambda: view.item(),
        "data of integers": lambda: setattr(view, "data", B.tensor(1)),
        "data": lambda: setattr(view, "data", B.tensor(1.0)),
        "an edge": lambda: graph.get_gradient_edge(view).node.name(),
        "a hook of several": lambda: type(graph.register_multi_grad_hook((view,), lambda gs: None)).__name__,
        "a copy": lambda: B.tensor(view.item(), requires_grad=view.requires_grad),
        "printed": lambda: repr(view),
        "a result": lambda: (view * 2).requires_grad,
        "a leaf": lambda: [view.is_leaf, view.requires_grad, view.retains_grad],
        "out": lambda: B.add(B.ones(()), 1, out=view),
        "stopped": lambda: view.requires_grad_(False).requires_grad,
    }
    for name in draw.choice([list(reads)[i::4] for i in range(4)]):
        see.raises(name, reads[name])


@program
def printed_after_a_silent_write(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2,), requires_grad=True).clone()
    with B.no_grad():
        view = base[0:1]
        view.mul_(2)
    see("printed", repr(view))
    see("base printed", repr(base))


@program
def grad_fn_first_read_under_no_grad(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    base = x * 2
    view = base[0]
    base.mul_(3)
    with B.no_grad():
        see("name", view.grad_fn)
    see.graph("graph", view)
    view.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def hooks_and_rewritten_views(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    base = x * 2
    first, second = base[0], base[1]
    first.register_hook(lambda g: see("grad in the hook before", g))
    second.mul_(2)
    if draw.flag():
        see("looked at", first.grad_fn)
    first.register_hook(lambda g: see("grad in the hook after", g))
    (first * first).backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def only_what_is_asked_for_runs(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2, 2), requires_grad=True)
    base = y.clone()
    base.register_hook(lambda g: see("grad of the old base", g))
    base[0].copy_(x)
    see("gradient of x", B.autograd.grad(base, x, draw.floats((2, 2)), retain_graph=True))
    see("gradient of y", B.autograd.grad(base, y, draw.floats((2, 2))))


@program
def overlapping_writes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((1, 2))
    wide = x.expand(3, 2)
    see.raises("into an expanded view", lambda: wide.add_(1))
    see.raises("out of place", lambda: wide + 1)
    see.raises("copy_ into it", lambda: wide.copy_(B.ones(3, 2)))


@program
def in_place_view_operations(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    y = x * 2
    draw.choice(
        [
            lambda: y.t_(),
            lambda: y.unsqueeze_(0),
            lambda: y.transpose_(0, 1),
            lambda: y.squeeze_(),
            lambda: y.swapdims_(0, 1),
            lambda: y.swapaxes_(1, 0),
        ]
    )()
    see("y", y)
    see.graph("graph", y)
    see.raises("on a leaf", lambda: x.t_())
    y.backward(draw.floats(tuple(y.shape)))
    see("x.grad", x.grad)


@program
def setitem_on_a_slice_of_a_slice(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 3), requires_grad=True)
    y = x.clone()
    y[1:][:, 0] = draw.number()
    y[0, 1] = y[2, 2] * 2
    see("y", y)
    y.backward(draw.floats((3, 3)))
    see("x.grad", x.grad)


@program
def complex_views(B: Any, draw: Any, see: Any) -> None:
    x = draw.complexes((2,), requires_grad=True)
    y = x * 1
    B.view_as_real(y)[0].mul_(draw.number())
    y.imag.add_(draw.number())
    see("y", y)
    see("real", y.real)
    y.backward(draw.complexes((2,)))
    see("x.grad", x.grad)


@program
def views_of_any_kind_written(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 3), draw.dtype("float32", "float64", "complex64")
    x = draw.floats(shape).to(dtype).requires_grad_(draw.flag())
    other = draw.floats(()).to(dtype).requires_grad_(draw.flag())
    base = x * 1 if draw.flag() else x.transpose(0, -1) * 1
    made = [base]
    for _ in range(draw.integer(1, 4)):
        of = draw.choice(made)
        kinds = [
            lambda t: t[-1:],
            lambda t: t.view_as(t),
            lambda t: t.transpose(0, -1),
            lambda t: t.unsqueeze(0),
            lambda t: t.squeeze(),
            lambda t: t.diagonal() if t.dim() > 1 else t[:1],
            lambda t: t[0] if t.dim() else t.view(1),
            lambda t: t.reshape(-1),
            lambda t: t.unfold(0, 1, 1) if t.dim() else t.view(1, 1),
            lambda t: t.unbind()[-1] if t.dim() else t.t(),
            lambda t: t.narrow(0, 0, 1) if t.dim() else t[None],
            lambda t: t.real,
            lambda t: t.detach(),
        ]
        made.append(draw.choice(kinds)(of))
    for _ in range(draw.integer(1, 2)):
        target = draw.choice(made)
        write = draw.choice(
            [
                lambda t: t.mul_(2),
                lambda t: t.mul_(other.real if t.dtype != other.dtype else other),
                lambda t: t.exp_(),
                lambda t: t.zero_(),
            ]
        )
        with draw.choice([B.enable_grad, B.enable_grad, B.no_grad])():
            see.raises("written", lambda target=target, write=write: (write(target), None)[1])
    with B.set_grad_enabled(not draw.flag()):
        for i, one in enumerate(made):
            see.raises(f"node of {i}", lambda one=one: [one.grad_fn, one.requires_grad, one.is_leaf, one._is_view(), one._version])
    leaves = [one for one in (x, other) if one.requires_grad]
    for i, one in enumerate(made):
        see.values(f"values of {i}", one)
        if one.requires_grad and leaves:
            see.raises("read", lambda i=i, one=one: see.graph(f"graph of {i}", one))
            seed = draw.floats(one.shape).to(one.dtype)
            see.raises(
                f"gradients through {i}",
                lambda one=one, seed=seed: B.autograd.grad(one, leaves, seed, retain_graph=True, allow_unused=True),
            )


@program
def layout_of_gradients_of_what_was_copied_to(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2)).requires_grad_()
    target = B.ones(2, 2)
    mean = x.mean()
    draw.choice([lambda: target.mT, lambda: target, lambda: target[:]])().copy_(draw.choice([lambda: x, lambda: x.mT, lambda: x * 1])())
    roots = draw.choice([[target], [target, mean], [mean, target]])
    seeds = [draw.floats(root.shape) for root in roots]
    [found] = B.autograd.grad(roots, x, seeds, create_graph=draw.flag())
    see("steps", found.stride())
    see("gradient", found)


@program
def a_view_of_truths_copied_to(B: Any, draw: Any, see: Any) -> None:
    base = draw.bools((3,))
    view = draw.choice([lambda: base[1:], lambda: base.view(3, 1), lambda: base.view(B.uint8)])()
    draw.choice([base, base[:2]])[...] = draw.floats((1,), requires_grad=True)
    see("requires_grad before its node is asked for", view.requires_grad)
    see("node", None if view.grad_fn is None else view.grad_fn.name())


@program
def a_view_of_what_has_other_memory_by_now(B: Any, draw: Any, see: Any) -> None:
    """Its node is made from where it lies, which may be outside of what its base has."""
    x = draw.floats((2, 2))[:, 1:].detach().requires_grad_()
    view = draw.choice([lambda: x.expand(2, 2), lambda: x.select(1, 0), lambda: x[1]])()
    x.data = draw.floats((2, 1))
    with draw.choice([B.no_grad, B.inference_mode])():
        x.mul_(draw.number())
    with draw.choice([B.enable_grad, B.no_grad, B.inference_mode, B.autograd.forward_ad.dual_level])():
        see("flags", [view.requires_grad, view.is_leaf, view.stride(), view.storage_offset(), view._version])
        see.graph("graph", view)
    see("gradient", B.autograd.grad(view, x, draw.floats(view.shape)))


@program
def calls_that_ask_a_view_for_its_history(B: Any, draw: Any, see: Any) -> None:
    """A view asked while its base requires grad keeps the history it was given then."""
    base = draw.floats((3,))
    view = base[:2]
    draw.choice([lambda: base.mul_(2), lambda: None])()
    base.requires_grad_()
    asked = draw.choice([
        B.argsort, B.msort, B.argmax, B.isfinite, B.isnan, B.floor, B.zeros_like, lambda t: B.isclose(t, t), lambda t: B.allclose(t, t),
        lambda t: B.equal(t, t), lambda t: t.tolist(), lambda t: t > 1, lambda t: t.sort(), lambda t: t.detach(),
    ])  # fmt: skip
    asked(view)
    base.requires_grad_(False)
    see("view", view)
    see("requires grad", [view.requires_grad, view.is_leaf, view.grad_fn is None])


@program
def a_view_without_history_is_refused_before_a_missing_kernel(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True) * 1
    view = x.unbind()[0]
    x.mul_(2)
    calls = [
        lambda: B.mm(x, view, B.float32),
        lambda: B.bmm(view, x, B.float64),
        lambda: B.addmm(view, x, x, B.float32),
        lambda: B.baddbmm(x, view, x, B.float32),
    ]
    with draw.choice([B.enable_grad, B.no_grad, B.inference_mode])():
        see.raises("with a dtype", draw.choice(calls))


@program
def strides_of_gradients_through_written_parts(B: Any, draw: Any, see: Any) -> None:
    """The gradient of a base that was written to in a part lies as the base, whatever the step of a side of 1."""
    x = draw.choice([lambda: B.ones(1, 2).t().clone(), lambda: B.ones(2, 1), lambda: B.ones(2, 3), lambda: B.ones(3, 2).t().clone()])()
    x = x.requires_grad_()
    base = x * 2
    part = base[..., ::2]
    draw.choice([
        lambda: base.__setitem__((..., slice(None, None, 2)), 1.5), lambda: part.fill_(3), lambda: part.mul_(2),
        lambda: part.copy_(x.detach()[..., ::2]),
    ])()  # fmt: skip
    see("strides", [x.stride(), base.stride()])
    for i, g in enumerate(B.autograd.grad(base, (x, base), draw.floats(tuple(x.shape)))):
        see(f"gradient {i}", g)
        see(f"its strides {i}", g.stride())


@program
def steps_of_sides_of_one_in_gradients(B: Any, draw: Any, see: Any) -> None:
    """Gradients that are multiplied by a number or negated keep the steps of sides of 1, which reach no element."""
    shape, order = draw.choice(
        [
            ((1, 2), (1, 0)),
            ((3, 1), (1, 0)),
            ((1, 2, 3), (1, 0, 2)),
            ((2, 1, 2), (2, 1, 0)),
            ((3, 1, 1, 2), (3, 1, 0, 2)),
            ((2, 1, 3, 1), (2, 3, 1, 0)),
        ]
    )
    x, y, g = (draw.floats(shape).permute(order) for _ in range(3))
    x.requires_grad_()
    y.requires_grad_()
    z = draw.choice(
        [
            lambda: x - y,
            lambda: -x - y * 2,
            lambda: B.sub(x, y, alpha=3),
            lambda: B.add(x, y, alpha=-2),
            lambda: B.rsub(x, y, alpha=3),
            lambda: B.lerp(x, y, 2),
            lambda: x / 2 + (3 - y),
        ]
    )()
    see("strides", [z.stride(), *(one.stride() for one in B.autograd.grad(z, (x, y), g))])
    signed = B.copysign(x, y)
    see("strides of a sign's gradients", [one.stride() for one in B.autograd.grad(signed, (x, y), g)])
    see("strides of its gradient in place", B.autograd.grad(x.clone().copysign_(2), x, B.stack([g, g], -1)[..., 0])[0].stride())
    d = draw.integer(-x.ndim, x.ndim - 1)
    averages = [x.mean(d), x.mean(d, keepdim=True), x.sum(d), x.sum((0, 1), keepdim=True), B.var_mean(x, d, correction=0)[1]]
    turned = [draw.floats(one.shape[::-1]).permute(*range(one.ndim - 1, -1, -1)) for one in averages]
    gradients = [B.autograd.grad(one, x, by)[0] for one, by in zip(averages, turned, strict=True)]
    see("strides of gradients of averages", [one.stride() for one in gradients])
    powers = [B.pow(1, x), B.pow(2, x), B.pow(x, 0)]
    see("strides of powers", [power.stride() for power in powers])
    see("strides of a comparison", B.isinf(x).stride())
    see("strides of their gradients", [B.autograd.grad(power, x, g)[0].stride() for power in powers])


@program
def gradients_from_within_a_write_through_a_view(B: Any, draw: Any, see: Any) -> None:
    """What does not fit is told of the write as a whole; what is cast on the way is cast as it is copied back."""
    x, source = draw.floats((2,), requires_grad=True), draw.floats((1,), requires_grad=True)
    wide = draw.floats((2,), B.float64, requires_grad=True)
    base = x * 2
    view = draw.choice([lambda: base.view(2), lambda: base[:1], lambda: base.unsqueeze(0)[0], lambda: base])()
    kinds = {
        "scatter_add": lambda: view.scatter_add_(0, B.tensor(0), source * 1),
        "scatter": lambda: view.scatter_(0, B.tensor(0), source * 1),
        "cast": lambda: view.mul_(wide[: view.shape[0]]),
        "cast and added": lambda: view.add_(wide[: view.shape[0]] ** 2),
        "divided": lambda: view.div_(wide[: view.shape[0]]),
    }
    see.raises("written", kinds[draw.choice(list(kinds))])
    create_graph = draw.flag()
    leaves = [x, source, wide]

    def gradients():
        found = B.autograd.grad(base.sum(), leaves, create_graph=create_graph, allow_unused=True)
        for i, one in enumerate(found):
            if create_graph and one is not None and one.grad_fn is not None:
                see.graph(f"graph of gradient {i}", one)
        return list(found)

    see.raises("gradients", gradients)


@program
def steps_of_what_has_no_elements(B: Any, draw: Any, see: Any) -> None:
    """They address nothing, and yet are kept: those of an expanded tensor are 0, those of a new one are not."""
    import copy

    shape = draw.shape(1, 3, empty=True)
    shape = (*shape[: (at := draw.integer(0, len(shape) - 1))], 0, *shape[at + 1 :])
    whole = draw.floats((), dtype=draw.dtype("float32", "complex64", "int64"))
    steps = tuple(draw.choice([0, 1, 2, 3]) for _ in shape)
    x = draw.choice([whole.expand(shape), whole.as_strided(shape, steps), whole.new_zeros(shape), whole.new_empty(shape).transpose(0, -1)])
    see("steps", [x.stride(), x.is_contiguous(), x.t().stride() if x.ndim < 3 else None, x[None].stride(), x[..., ::2].stride()])
    made = [x.clone(), x + 1, x == x, x.abs(), x.flip(0), x.roll(0), x.argsort(-1) if not x.is_complex() else x, copy.deepcopy(x)]
    see("steps of results", [one.stride() for one in made])
    see.raises("read in another dtype", lambda: x.view(draw.dtype("int32", "float64", "int8")).stride())
    see("steps of the array", [x.numpy().strides, B.from_numpy(x.numpy()).stride()])
    leaf = x.detach()
    if leaf.is_floating_point():
        leaf.requires_grad_()
        see.warns("backward", lambda: leaf.backward(draw.choice([B.ones_like(leaf), whole.expand(leaf.shape)])))
        see("gradient", leaf.grad.stride())


@program
def a_base_that_became_smaller_than_what_is_written_through_its_view(B: Any, draw: Any, see: Any) -> None:
    """Its gradient has no place for the part then, which the walk tells."""
    x = draw.floats((2, 2), requires_grad=True)
    base = x * 1
    view = draw.choice([lambda: base.view(-1), lambda: base[:, 1], lambda: base[1:], lambda: base.t()])()
    size = draw.choice([(), (0,), (1,), (2,), (2, 2)])
    base.as_strided_(size, (1,) * len(size))
    write = draw.choice([lambda: view.fill_(2.0), lambda: view.mul_(2), lambda: view[1:].fill_(draw.floats((), requires_grad=True))])
    see.raises("write", write)
    see.graph("graph", base)
    see.raises("gradient", lambda: B.autograd.grad(base, x, B.ones_like(base), create_graph=draw.flag()))
