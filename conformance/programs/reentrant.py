"""Backward inside of backward, and callbacks at the end of one."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def callbacks(B: Any, draw: Any, see: Any) -> None:
    engine = B.autograd.Variable._execution_engine
    order = []
    x = draw.floats((2,), requires_grad=True)
    again, inside = draw.flag(), draw.flag()

    def last():
        order.append("last")

    def callback():
        order.append("callback")
        see("x.grad at the end", x.grad)
        if again:
            engine.queue_callback(last)

    def hook(g):
        order.append("hook")
        engine.queue_callback(callback)
        if inside:
            z = (x.detach() * 2).requires_grad_()
            z.register_hook(lambda g: engine.queue_callback(lambda: order.append("inner callback")))
            with B.enable_grad():
                z.exp().sum().backward()
            order.append("inner done")

    see.raises("outside", lambda: engine.queue_callback(last))
    y = x * x
    y.register_hook(hook)
    y.backward(draw.floats((2,)))
    see("order", order)


@program
def a_backward_in_a_function(B: Any, draw: Any, see: Any) -> None:
    depth = draw.integer(1, 6)
    order = []

    class Nested(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, level):
            ctx.level = level
            ctx.save_for_backward(a)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            order.append(ctx.level)
            (a,) = ctx.saved_tensors
            if ctx.level:
                with B.enable_grad():
                    inner = a.detach().requires_grad_()
                    Nested.apply(inner, ctx.level - 1).backward(g)
                return g + inner.grad, None
            return g, None

    x = draw.floats((2,), requires_grad=True)
    Nested.apply(x, depth).backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see("order", order)


@program
def an_inner_error(B: Any, draw: Any, see: Any) -> None:
    class Fails(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            raise ValueError("in the inner backward")

    def hook(g):
        inner = g.detach().clone().requires_grad_()
        with B.enable_grad():
            Fails.apply(inner).backward(B.ones(2))

    x = draw.floats((2,), requires_grad=True)
    y = x * x
    y.register_hook(hook)
    see.raises("outer", lambda: y.backward(draw.floats((2,)), retain_graph=True))
    see("x.grad", x.grad)
    see("grad mode", B.is_grad_enabled())


@program
def deeply_inside(B: Any, draw: Any, see: Any) -> None:
    count = []

    class Deep(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.a = a.detach() - 1
            return a.detach() - 1

        @staticmethod
        def backward(ctx, g):
            count.append(1)
            if ctx.a > 0:
                with B.enable_grad():
                    Deep.apply(ctx.a.clone().requires_grad_()).sum().backward()
            return g

    x = B.tensor(float(draw.integer(1, 30)), requires_grad=True)
    Deep.apply(x).backward()
    see("calls", len(count))
    see("x.grad", x.grad)


@program
def old_names(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd
    x = draw.floats((2,))
    see("is one", [isinstance(x, A.Variable), isinstance(3, A.Variable)])
    y = A.Variable(x, requires_grad=draw.flag())
    see("made", y)
    see.same("another object", x, y)
    with A.set_multithreading_enabled(draw.flag()), A.no_grad():
        see("grad mode", B.is_grad_enabled())
    with A.set_grad_enabled(draw.flag()):
        see("set", B.is_grad_enabled())


def one_less(B: Any) -> Any:
    """The forward of a Function that keeps the graph of what it computes, for a backward inside of its own."""

    def forward(ctx, a):
        with B.enable_grad():
            ctx.a = a.detach().requires_grad_()
            ctx.less = ctx.a - 1
        return ctx.less.detach()

    return forward


@program
def two_thousand_deep(B: Any, draw: Any, see: Any) -> None:
    less = one_less(B)

    class Deep(B.autograd.Function):
        forward = staticmethod(less)

        @staticmethod
        def backward(ctx, g):
            if ctx.less > 0:
                with B.enable_grad():
                    Deep.apply(ctx.less).sum().backward()
            return g

    depth = draw.choice([*[5, 20, 59, 60, 61, 62, 119, 122] * 5, 300, 2000])  # 60 deep PyTorch goes on in another thread
    x = B.tensor(float(depth), requires_grad=True)
    Deep.apply(x).sum().backward()
    see("x.grad", x.grad)


@program
def children_run_before_the_rest(B: Any, draw: Any, see: Any) -> None:
    order = []

    class Mark(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, name):
            ctx.name = name
            return a * 1

        @staticmethod
        def backward(ctx, g):
            order.append(f"{ctx.name} starts")
            if ctx.name == "outer":
                inner = g.detach().requires_grad_()
                with B.enable_grad():
                    Mark.apply(Mark.apply(inner, "inner first"), "inner last").backward(B.ones(2))
            order.append(f"{ctx.name} ends")
            return g, None

    x = draw.floats((2,), requires_grad=True)
    a = Mark.apply(x, "first")
    b = Mark.apply(a, "outer") + Mark.apply(a, "other") if draw.flag() else Mark.apply(Mark.apply(x, "other"), "outer") * a
    b.backward(draw.floats((2,)))
    see("order", order)
    see("x.grad", x.grad)


@program
def hooks_of_leaves_that_run_backward(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    order = []

    def rewrite(t):
        order.append(t.grad.tolist())
        if len(order) < 3:
            t.grad = None
            with B.enable_grad():
                (t * 2).backward(B.ones(2))
        else:
            t.grad = t.grad * 10

    x.register_post_accumulate_grad_hook(rewrite)
    (x * 3).backward(draw.floats((2,)))
    see("order", order)
    see("x.grad", x.grad)


@program
def the_same_graph_inside(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * x
    z = y.exp()
    how = draw.choice(["the other branch", "the same graph", "grad of it"])

    def hook(g):
        handle.remove()
        with B.enable_grad():
            if how == "the other branch":
                (y * 3).sum().backward(retain_graph=True)
            elif how == "the same graph":
                z.sum().backward(retain_graph=True)
            else:
                see("gradient inside", B.autograd.grad(z.sum(), x, retain_graph=True))

    handle = y.register_hook(hook)
    see.raises("backward", lambda: z.backward(draw.floats((2,)), retain_graph=draw.flag()))
    see("x.grad", x.grad)


@program
def callbacks_run_once_at_the_end(B: Any, draw: Any, see: Any) -> None:
    engine = B.autograd.Variable._execution_engine
    order = []
    x = draw.floats((2,), requires_grad=True)
    count = draw.integer(1, 3)

    def callback(name):
        def run():
            order.append(f"{name} {x.grad is not None}")

        return run

    def hook(g):
        for k in range(count):
            engine.queue_callback(callback(f"callback {k}"))
        order.append("hook")

    y = x * 2
    y.register_hook(hook)
    y.backward(draw.floats((2,)), retain_graph=True)
    order.append("done")
    y.backward(draw.floats((2,)))
    see("order", order)


@program
def callbacks_that_fail(B: Any, draw: Any, see: Any) -> None:
    engine = B.autograd.Variable._execution_engine
    order = []

    def fails():
        order.append("fails")
        raise KeyError("in the callback")

    def hook(g):
        engine.queue_callback(lambda: order.append("first"))
        engine.queue_callback(fails)
        engine.queue_callback(lambda: order.append("last"))
        if inside:
            raise ValueError("in the hook")

    inside = draw.flag()
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    y.register_hook(hook)
    see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("order", order)
    see("x.grad", x.grad)
    (x * 3).backward(draw.floats((2,)))
    see("order after another", order)


@program
def hooks_that_add_a_penalty(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(), draw.dtype()
    x = draw.floats(shape, dtype, requires_grad=True)
    y = x * x
    target = draw.choice([x, y])
    once, keeps = draw.flag(), draw.flag()
    seed = draw.floats(shape, dtype)

    def penalty(g):
        if once:
            handle.remove()
        before = target.grad if keeps and target.is_leaf else None
        with B.enable_grad():
            inner = g.detach().requires_grad_()
            again = target.detach().requires_grad_()
            ((inner * 2) + again * inner).backward(seed)
        if keeps and target.is_leaf:
            target.grad = before
        return inner.grad + g

    handle = target.register_hook(penalty)
    y.backward(seed, retain_graph=True)
    see("x.grad", x.grad)
    y.backward(seed)
    see("x.grad after", x.grad)


@program
def children_before_the_rest_at_every_depth(B: Any, draw: Any, see: Any) -> None:
    order = []
    depth = draw.integer(1, 9)
    less = one_less(B)

    class Plain(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            order.append("plain")
            return g

    class Reentrant(B.autograd.Function):
        forward = staticmethod(less)

        @staticmethod
        def backward(ctx, g):
            order.append("reentrant")
            if ctx.less < 0:
                return g
            with B.enable_grad():
                Reentrant.apply(ctx.less).backward()
            return g

    a = Plain.apply(draw.floats((), requires_grad=True))
    b = Reentrant.apply(B.tensor(float(depth), requires_grad=True))
    c = Plain.apply(draw.floats((), requires_grad=True))
    parts = [a, b, c]
    first = parts.pop(draw.integer(0, 2))
    (first * parts[0] * parts[1]).backward()
    see("order", order)


@program
def callbacks_at_every_depth(B: Any, draw: Any, see: Any) -> None:
    engine = B.autograd.Variable._execution_engine
    order = []
    inside, outside = draw.flag(), draw.flag()
    shape = draw.shape()
    seed = draw.floats(shape)

    class Reenters(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            with B.enable_grad():
                ctx.inner = a.detach().requires_grad_()
                ctx.more = ctx.inner * 2
            return ctx.more.detach()

        @staticmethod
        def backward(ctx, g):
            if inside:
                ctx.more.register_hook(lambda g: engine.queue_callback(lambda: order.append("inner")))
            with B.enable_grad():
                B.autograd.backward(ctx.more, seed)
            order.append("left")
            return ctx.inner.grad * g

    x = draw.floats(shape, requires_grad=True)
    y = Reenters.apply(x * 1)
    if outside:
        y.register_hook(lambda g: engine.queue_callback(lambda: order.append("outer")))
    x.register_hook(lambda g: order.append("leaf"))
    y.backward(seed)
    see("order", order)
    see("x.grad", x.grad)


@program
def errors_of_children_at_every_depth(B: Any, draw: Any, see: Any) -> None:
    depth, caught = draw.integer(1, 6), draw.integer(0, 6)
    kind = draw.choice([ValueError, KeyError, RuntimeError])
    order = []

    class Deep(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, level):
            ctx.level = level
            return a * 2

        @staticmethod
        def backward(ctx, g):
            order.append(ctx.level)
            if not ctx.level:
                raise kind("at the bottom")
            inner = g.detach().requires_grad_()
            try:
                with B.enable_grad():
                    Deep.apply(inner, ctx.level - 1).backward(g)
            except kind:
                if ctx.level != caught:
                    raise
            return g * 3, None

    x = draw.floats(draw.shape(), requires_grad=True)
    y = Deep.apply(x, depth)
    see.raises("backward", lambda: y.backward(draw.floats(x.shape)))
    see("order", order)
    see("x.grad", x.grad)
    see("modes", [B.is_grad_enabled(), B.is_inference_mode_enabled()])
