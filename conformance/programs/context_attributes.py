"""Which attributes the `ctx` of a custom Function has before anybody set them, which may be set, and what is called on it by hand."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def names_nobody_set(B: Any, draw: Any, see: Any) -> None:
    mine = ["edges", "seq", "saved", "op", "outputs", "fits", "plan", "extras", "free", "keep_shape", "runs_on_nothing", "enters"]
    mine += ["_given", "_shapes", "_outputs", "_materializes", "_keep", "_shown", "_fitted", "_checked", "use_generic_plan", "x", "_x"]
    chosen = draw.choice(mine)
    value = draw.number()

    class Keep(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            see("in forward", [name for name in mine if hasattr(ctx, name)])
            see("listed", [name for name in mine if name in dir(ctx)])
            see.raises("asked for", lambda: getattr(ctx, chosen))
            see.raises("deleted", lambda: delattr(ctx, chosen))
            setattr(ctx, chosen, value)
            see("set", [getattr(ctx, chosen), chosen in dir(ctx), chosen in vars(ctx)])
            ctx.save_for_backward(a, b)
            return a * value, a + b

        @staticmethod
        def backward(ctx, g, h):
            see("in backward", [name for name in mine if hasattr(ctx, name)])
            see("kept", getattr(ctx, chosen))
            see("saved", ctx.saved_tensors)
            delattr(ctx, chosen)
            see("deleted after", hasattr(ctx, chosen))
            return g * value + h, h

    a, b = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=draw.flag())
    first, second = Keep.apply(a, b)
    see.graph("graph", second)
    (first * draw.floats((2,)) + (second if draw.flag() else 0)).sum().backward()
    see("a.grad", a.grad)
    see("b.grad", b.grad)


@program
def before_anything_is_marked(B: Any, draw: Any, see: Any) -> None:
    names = ["to_save", "dirty_tensors", "non_differentiable", "saved_for_forward", "materialize_grads", "_materialize_non_diff_grads"]
    marked = draw.flag()

    class Marks(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            for name in names:
                see.raises(name, lambda name=name: getattr(ctx, name))
            see("needs", ctx.needs_input_grad)
            result = a * 2
            if marked:
                ctx.save_for_backward(a)
                ctx.save_for_forward(a)
                ctx.mark_non_differentiable(result)
                ctx.set_materialize_grads(False)
                for name in names:
                    see.raises(name + " after", lambda name=name: getattr(ctx, name))
            return result

        @staticmethod
        def backward(ctx, g):
            see("to save in backward", ctx.to_save)
            return g

    x = draw.floats((2,), requires_grad=True)
    y = Marks.apply(x)
    see("y", y)
    if y.requires_grad:
        see("to save on the node", y.grad_fn.to_save)
        y.backward(draw.floats((2,)))


@program
def attributes_that_cannot_be_set(B: Any, draw: Any, see: Any) -> None:
    name = draw.choice(["saved_tensors", "saved_variables", "_raw_saved_tensors", "next_functions", "metadata"])
    switch, value = draw.choice(["materialize_grads", "_materialize_non_diff_grads"]), draw.choice([True, False, None, 1, "yes"])

    class Sets(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            see.raises("set", lambda: setattr(ctx, name, ()))
            see.raises("deleted", lambda: delattr(ctx, name))
            see.raises("switch", lambda: setattr(ctx, switch, value))
            see.raises("switch by a call", lambda: ctx.set_materialize_grads(value))
            ctx.to_save = (a,)
            ctx.needs_input_grad = ("anything",)
            return a * 2, a * 3

        @staticmethod
        def backward(ctx, g, h):
            see("gradients", [g, h])
            see("saved", ctx.saved_tensors)
            see("needs", ctx.needs_input_grad)
            return h if g is None else g

    x = draw.floats((2,), requires_grad=True)
    y = Sets.apply(x)[draw.choice([0, 1])]
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see.raises("set on the node", lambda: setattr(y.grad_fn, name, ()))


@program
def called_by_hand(B: Any, draw: Any, see: Any) -> None:
    class Scaled(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            see("old mark", see.warns("old mark", lambda: ctx.mark_shared_storage((a, a))))
            ctx.save_for_backward(a)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, t):
            return t * 2

    x, g = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=draw.flag())
    y = Scaled.apply(x)
    see("gradient", y.grad_fn.apply(g))
    see("gradient, boxed", y.grad_fn.apply_boxed(g))
    see("tangent", y.grad_fn.apply_jvp(g))
    see.raises("as a function", lambda: y.grad_fn(g))
    see("gradient of it", B.autograd.grad(y, x, g.detach())[0])
    see.raises("gradient, freed", lambda: y.grad_fn.apply(g))


@program
def gradients_in_a_box(B: Any, draw: Any, see: Any) -> None:
    class Boxed(B.autograd.Function):
        boxed_grads_call = draw.flag()

        @staticmethod
        def forward(ctx, a):
            return a * 2, a * 3

        @staticmethod
        def backward(ctx, *given):
            see("given", [type(one).__name__ for one in given])
            gs = given[0] if type(given[0]) is list else given
            see("gradients", list(gs))
            if type(gs) is list:
                return gs.pop() * 3 + gs.pop() * 2
            return gs[0] * 2 + gs[1] * 3

    x = draw.floats((2,), requires_grad=True)
    first, second = Boxed.apply(x)
    (first.sum() * draw.number() + (second * draw.floats((2,))).sum()).backward()
    see("x.grad", x.grad)
    see("by hand", first.grad_fn.apply(draw.floats((2,)), draw.floats((2,))))


@program
def what_is_known_of_the_gradients(B: Any, draw: Any, see: Any) -> None:
    class Parts(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            see("in forward", len(ctx._input_metadata))
            marked = a * 3
            ctx.mark_non_differentiable(marked)
            return a.sum(), marked, 3, a.to(other) * 2, (a > 0).long(), a[:1]

        @staticmethod
        def backward(ctx, *gs):
            see("in backward", [one.shape for one in ctx._input_metadata])
            return gs[0].expand(shape)

    shape, other = draw.shape(1, 3), draw.dtype("float64", "float32", "complex64", "float16")
    x = draw.floats(shape, draw.dtype(), requires_grad=True)
    node = Parts.apply(x)[0].grad_fn
    for one in node._input_metadata:
        see("expected", [one.shape, one.dtype, str(one.device), one.is_nested_tensor, one.is_cpp_nested_tensor])
    see.raises("set", lambda: setattr(node, "_input_metadata", ()))
    B.autograd.backward(Parts.apply(x)[0], draw.floats((), x.dtype))
    see("x.grad", x.grad)


@program
def saved_tensors_dropped_early(B: Any, draw: Any, see: Any) -> None:
    when = draw.choice(["in backward", "in forward", "before", "in a hook"])

    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            if when == "in forward":
                ctx.maybe_clear_saved_tensors()
            return a * a

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            if when == "in backward":
                ctx.maybe_clear_saved_tensors()
                see.raises("saved", lambda: ctx.saved_tensors)
            return 2 * a * g

    x = draw.floats(draw.shape(), requires_grad=True)
    y = Square.apply(x)
    if when == "before":
        see("dropped", y.grad_fn.maybe_clear_saved_tensors())
    if when == "in a hook":
        y.register_hook(lambda g, node=y.grad_fn: node.maybe_clear_saved_tensors())
    for keep in (draw.flag(), False):
        see.raises("backward", lambda keep=keep: y.backward(draw.floats(x.shape), retain_graph=keep))
    see("x.grad", x.grad)
