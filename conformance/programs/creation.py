"""Where a view was made decides whether it may be written to: normal views, pieces, views of custom Functions, and each mode."""

from __future__ import annotations

from typing import Any

from .declare import program
from .own_functions import made


def same(B: Any) -> Any:
    """A Function that returns a view of all of its input."""
    return made(B, forward=lambda ctx, a: a.view_as(a), backward=lambda ctx, g: g)


@program
def in_place_view_operations(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((1, 2, 2), requires_grad=draw.flag())
    base = x.clone() if draw.flag() else x.detach().clone()
    make = draw.choice(
        [
            lambda: base.view_as(base),
            lambda: base.unbind()[0][None],
            lambda: same(B).apply(base),
            lambda: base.view(1, 4).view(1, 2, 2),
            lambda: base.unbind()[0].view_as(base[0])[None],
        ]
    )
    with B.set_grad_enabled(not draw.flag()):
        view = make()
    write = draw.choice(
        [
            lambda: view.transpose_(1, 2),
            lambda: view.squeeze_(),
            lambda: view.unsqueeze_(0),
            lambda: view.swapdims_(1, 2),
            lambda: view.swapaxes_(2, 1),
            lambda: view.as_strided_((2,), (1,)),
            lambda: view.squeeze_(0).t_(),
        ]
    )
    with B.set_grad_enabled(not draw.flag()):
        see.raises("written", lambda: (write(), None)[1])
        see.raises("view", lambda: view)
    see("shape and strides", [tuple(view.shape), view.stride(), view._is_view()])
    see.raises("a write", lambda: view.mul_(2))
    see.raises("printed", lambda: repr(view))
    see("base", base)
    if base.requires_grad and base.grad_fn is not None:
        see.graph("graph of the base", base)
        see.raises("backward", lambda: base.backward(draw.floats((1, 2, 2))))
        see("x.grad", x.grad)


@program
def views_of_views_made_without_recording(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 2), requires_grad=draw.flag()) * (1 if draw.flag() else 2)
    mode = draw.choice([B.no_grad, B.inference_mode])
    with mode():
        view = base.view(-1)
    inner = draw.choice([lambda: view, lambda: view[:2], lambda: view.view(2, 2)[0], lambda: view.unbind()[-1]])()
    see("flags", [inner.requires_grad, inner._is_view(), inner.is_leaf])
    see.raises("written", lambda: inner.mul_(2))
    see.raises("copied to", lambda: inner.copy_(draw.floats((1,), requires_grad=True)))
    with B.no_grad():
        see.raises("without recording", lambda: inner.add_(1))
    see.raises("grad_fn", lambda: inner.grad_fn)
    see.raises("printed", lambda: repr(inner))
    see("base", base)
    if base.is_leaf and draw.flag():
        base.requires_grad_()
    see.raises("used", lambda: inner * 2)


@program
def pieces_and_their_views(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((4,), requires_grad=draw.flag())
    base = x * 2 if draw.flag() else x.detach().clone()
    pieces = draw.choice(
        [
            lambda: base.unbind(),
            lambda: base.split(2),
            lambda: base.split([1, 3]),
            lambda: base.chunk(2),
            lambda: B.tensor_split(base, 2),
            lambda: base.unsafe_chunk(2),
            lambda: base.unsafe_split(2),
            lambda: base.unsafe_split_with_sizes([1, 3]),
            lambda: base.view(2, 2).unbind(),
            lambda: base.view(2, 2).hsplit(2),
        ]
    )()
    piece = pieces[-1]
    view = piece.view(-1)
    see("flags", [piece._is_view(), view._is_view(), piece.output_nr])
    write = draw.choice(
        [
            lambda: piece.mul_(2),
            lambda: view.mul_(2),
            lambda: piece.copy_(draw.floats((1,), requires_grad=True)),
            lambda: view.copy_(draw.floats((1,), requires_grad=True)),
            lambda: piece.add_(B.ones(1)),
            lambda: base.mul_(2),
        ]
    )
    see.raises("written", write)
    for name, one in (("piece", piece), ("view", view), ("base", base)):
        see.raises(name, lambda one=one: one)
        see.raises(f"grad_fn of {name}", lambda one=one: one.grad_fn)
    if base.requires_grad:
        see.raises("backward", lambda: base.sum().backward())
        see("x.grad", x.grad)


@program
def views_of_pieces_by_other_dtypes(B: Any, draw: Any, see: Any) -> None:
    """A view of what may not be written to may not be either, whatever its numbers are, and whatever else is recorded."""
    import contextlib

    x = draw.complexes((2, 2), requires_grad=draw.flag())
    base = x * 1
    hooks = B.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t) if draw.flag() else contextlib.nullcontext()
    with hooks:
        piece = draw.choice([lambda: base.unbind()[1], lambda: base.chunk(2)[0], lambda: same(B).apply(base), lambda: base[0]])()
        views = [
            lambda: B.view_as_real(piece),
            lambda: piece.real,
            lambda: piece.imag,
            lambda: B.view_as_real(piece)[..., 0],
            lambda: piece.view(-1),
        ]
        view = draw.choice(views)()
        see.raises("written", lambda: view.mul_(2))
        see.raises("copied to", lambda: view.copy_(draw.floats((1,), requires_grad=True)))
    see.raises("view", lambda: view)
    see("base", base)


@program
def leaves_and_their_views(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2))
    early = draw.choice([lambda: x[0], lambda: x.view(4), lambda: x.t(), lambda: x[0][:1]])()
    if draw.flag():
        early.add_(1)
    x.requires_grad_(not draw.flag())
    late = x[1]
    see("early", early)
    see("late", late)
    for name, one in (("early", early), ("late", late), ("x", x)):
        see.raises(f"write to {name}", lambda one=one: one.mul_(2))
        see.raises(f"set in {name}", lambda one=one: one.__setitem__(0, 1.0))
    with B.no_grad():
        late.mul_(3)
        early.mul_(2)
    see("x", x)
    see("early after", early)
    see("late after", late)


@program
def graphs_of_siblings(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    base = x * 1
    if draw.flag():
        base = base.t()
    first, second = base[0], base.view_as(base)
    third = second[:, 1]
    other = draw.floats((), requires_grad=True)
    write = draw.choice(
        [lambda: first.mul_(other), lambda: third.copy_(other), lambda: second.add_(other), lambda: base.mul_(other), lambda: third.exp_()]
    )
    write()
    with B.set_grad_enabled(not draw.flag()):
        for name, one in (("base", base), ("first", first), ("second", second), ("third", third)):
            see(f"grad_fn of {name}", one.grad_fn)
    for name, one in (("base", base), ("first", first), ("second", second), ("third", third)):
        see.graph(f"graph of {name}", one)
        see(f"gradients through {name}", B.autograd.grad(one.sum(), (x, other), retain_graph=True, allow_unused=True))


@program
def a_base_starts_to_require_grad(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 2))
    before = base[0]
    deep = base.t()[1]
    other = draw.floats((2,), requires_grad=True)
    target = draw.choice([base, before, deep])
    target.mul_(other)
    after = base[1]
    for name, one in (("base", base), ("before", before), ("deep", deep), ("after", after)):
        see(name, one)
        see.graph(f"graph of {name}", one)
    (base.sum() + before.sum() * 2).backward()
    see("other.grad", other.grad)


@program
def the_result_outlives_the_view(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    gc.disable()
    try:
        x = draw.floats((2, 2), requires_grad=True)
        base = x * 1
        view = base[0]
        view.register_hook(lambda g: see("gradient of the old view", g))
        view.mul_(draw.number())
        ref = weakref.ref(view)
        del view
        see("the view is dead", ref() is None)
        (base * base).backward(draw.floats((2, 2)))
        see("x.grad", x.grad)
        ref = weakref.ref(base)
        del base
        see("the base is dead", ref() is None)
    finally:
        gc.enable()


@program
def functions_that_alias(B: Any, draw: Any, see: Any) -> None:
    class Alias(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, how):
            return {"view": lambda: a.view_as(a), "same": lambda: a, "row": lambda: a[:1], "two": lambda: (a[:1], a[1:])}[how]()

        @staticmethod
        def backward(ctx, *gs):
            return gs[0].expand(2) if len(gs) == 1 else gs[0].sum().expand(2), None

    x = draw.floats((2,), requires_grad=draw.flag())
    a = x.clone()
    result = Alias.apply(a, draw.choice(["view", "same", "row", "two"]))
    result = result[0] if isinstance(result, tuple) else result
    inner = result.view(-1)
    b = draw.floats((1,), requires_grad=True)
    for name, one in (("result", result), ("inner", inner), ("a", a)):
        see.raises(f"write to {name}", lambda one=one: one.mul_(2))
        see.raises(f"copy to {name}", lambda one=one: one.copy_(b))
    see.raises("result", lambda: result)
    see.raises("a", lambda: a)
    with B.no_grad():
        see.raises("without recording", lambda: result.add_(1))
    see.raises("grad_fn after", lambda: result.grad_fn)


@program
def only_what_is_asked_for(B: Any, draw: Any, see: Any) -> None:
    calls = []

    class Watched(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, name):
            ctx.name = name
            return a * 1

        @staticmethod
        def backward(ctx, g):
            calls.append(ctx.name)
            return g, None

    x, y = draw.floats((2, 2), requires_grad=True), draw.floats((2,), requires_grad=True)
    base = Watched.apply(x, "x")
    view = base[0]
    view.register_hook(lambda g: calls.append("old view"))
    view.copy_(Watched.apply(y, "y")) if draw.flag() else view.mul_(Watched.apply(y, "y"))
    view.register_hook(lambda g: calls.append("new view"))
    ends = draw.choice([(x,), (y,), (x, y)])
    see("gradients", B.autograd.grad((base * 2).sum(), ends))
    see("calls", sorted(calls))


@program
def hooks_over_rewritten_views(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats((2, 2), requires_grad=True)
    base = x * 1
    view, sibling = base[0], base[1]
    for name, one in (("base", base), ("view", view), ("sibling", sibling)):
        one.register_hook(lambda g, name=name: order.append(f"{name} before"))
    view.mul_(2)
    if draw.flag():
        see("grad_fn", [sibling.grad_fn, view.grad_fn])
    for name, one in (("base", base), ("view", view), ("sibling", sibling)):
        one.register_hook(lambda g, name=name: order.append(f"{name} after"))
        one.retain_grad()
    used = draw.choice([lambda: base, lambda: view, lambda: sibling, lambda: base[0] + view + sibling])()
    (used * 2).sum().backward()
    see("order", order)
    see("gradients", [base.grad, view.grad, sibling.grad, x.grad])


@program
def custom_writes_to_views(B: Any, draw: Any, see: Any) -> None:
    class Add(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            a.add_(b)
            ctx.mark_dirty(a)
            return a

        @staticmethod
        def backward(ctx, g):
            see("gradient", g)
            return g, None

    x, b = draw.floats((2, 2), B.float64, requires_grad=True), draw.floats((2,), B.float64, requires_grad=True)

    def function(x, b):
        base = x * 2
        Add.apply(base[draw_row], b)
        return base * base

    draw_row = draw.integer(0, 1)
    y = function(x, b)
    see.graph("graph", y)
    y.backward(draw.floats((2, 2), B.float64))
    see("gradients", [x.grad, b.grad])


@program
def custom_writes_that_give_nothing_back(B: Any, draw: Any, see: Any) -> None:
    """Where a write gives nothing back for what it wrote over, the rest of its base gets nothing, either."""

    class Put(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.mark_dirty(a.copy_(b))
            return a

        @staticmethod
        def backward(ctx, g):
            return None, g * 2

    x, b = draw.floats((2, 2), requires_grad=True), draw.floats((2,), requires_grad=True)
    base = x * 2
    Put.apply(draw.choice([lambda: base[0], lambda: base[:, 1], lambda: base.view(-1)[:2]])(), b)
    y = draw.choice([lambda: base * base, lambda: base * x])()
    seed = draw.floats((2, 2), requires_grad=True)
    gradients = B.autograd.grad(y, (x, b), seed, create_graph=draw.flag(), allow_unused=True)
    see("gradients", gradients)
    sums = [(g * draw.floats(tuple(g.shape))).sum() for g in gradients if g is not None and g.requires_grad]
    if sums:
        see("second gradients", B.autograd.grad(sum(sums), (x, b, seed), allow_unused=True))


@program
def transposed_complex_views(B: Any, draw: Any, see: Any) -> None:
    x = draw.complexes((2, 2), requires_grad=True)
    a = x * 1
    real = B.view_as_real(a)
    change = draw.choice(
        [
            lambda: real.mul_(2),
            lambda: real[..., 0].mul_(2),
            lambda: real.reshape(8)[:3].exp_(),
            lambda: real.unbind(-1)[0].mul_(2),
            lambda: real.transpose_(0, 1).mul_(2),
            lambda: real.transpose_(0, 1)[0].mul_(2),
            lambda: real.transpose_(0, -1).add_(1),
        ]
    )
    see.raises("written", lambda: (change(), None)[1])
    see("a", a)
    see.graph("graph", a)
    see.raises("real", lambda: real)
    a.backward(draw.complexes((2, 2)))
    see("x.grad", x.grad)
