"""Custom Functions: both styles, what may be returned and saved, what is marked, and what is refused."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def a_square(B: Any, draw: Any, see: Any) -> None:
    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            see("grad mode in forward", B.is_grad_enabled())
            see("needs in forward", ctx.needs_input_grad)
            return a * a

        @staticmethod
        def backward(ctx, g):
            see("grad mode in backward", B.is_grad_enabled())
            (a,) = ctx.saved_tensors
            return 2 * a * g

    x = draw.floats(draw.shape(), draw.dtype(), requires_grad=draw.flag())
    y = Square.apply(x)
    see("y", y)
    see("printed", repr(y))
    see.graph("graph", y)
    if y.requires_grad:
        see("saved", y.grad_fn.saved_tensors)
        seed = draw.floats(x.shape, x.dtype)
        y.backward(seed, retain_graph=draw.flag())
        see("x.grad", x.grad)
        see.raises("a second time", lambda: y.backward(seed))
        see.raises("saved afterwards", lambda: y.grad_fn.saved_tensors)
        see("x.grad after both", x.grad)


@program
def with_setup_context(B: Any, draw: Any, see: Any) -> None:
    class Scale(B.autograd.Function):
        @staticmethod
        def forward(a, factor=2.0, power=1):
            return a**power * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            a, ctx.factor, ctx.power = inputs
            ctx.save_for_backward(a, output)
            see("inputs", [len(inputs), ctx.factor, ctx.power])

        @staticmethod
        def vjp(ctx, g):
            a, output = ctx.saved_tensors
            see("saved output", output)
            return g * ctx.factor * ctx.power * a ** (ctx.power - 1), None, None

    x = draw.floats((2,), requires_grad=True)
    y = draw.choice([lambda: Scale.apply(x), lambda: Scale.apply(x, 3.0), lambda: Scale.apply(x, factor=3.0, power=2)])()
    see("y", y)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def inputs_returned_and_saved(B: Any, draw: Any, see: Any) -> None:
    """What is returned as it was given may be saved by `forward`, but by no `setup_context`."""
    how = draw.choice(["input", "view", "input, in forward"])

    class Same(B.autograd.Function):
        @staticmethod
        def forward(a):
            return a.view_as(a) if how == "view" else a

        @staticmethod
        def setup_context(ctx, inputs, output):
            if saves:
                ctx.save_for_backward(output if of_output else inputs[0])
            if mark:
                getattr(ctx, mark)(output)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] if saves else g

    class SameInForward(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    mark = draw.choice(["", "", "mark_non_differentiable", "mark_dirty"])
    saves, of_output, off = not draw.flag(), draw.flag(), draw.flag()
    x = draw.floats((2,), requires_grad=draw.flag())
    used = x * 2 if draw.flag() else x

    def run():
        with B.set_grad_enabled(not off):
            y = (SameInForward if how == "input, in forward" else Same).apply(used)
        see("result", y)
        y.backward(draw.floats((2,)))
        return x.grad

    see.raises("gradient", run)


@program
def what_backward_may_return(B: Any, draw: Any, see: Any) -> None:
    answers = {
        "the gradient": lambda g: (g, None),
        "too few": lambda g: g,
        "Nones too many": lambda g: (g, None, None, None),
        "too many": lambda g: (g, None, g),
        "one for a number": lambda g: (g, g),
        "None": lambda g: (None, None),
        "an integer": lambda g: (3, None),
        "text": lambda g: ("g", None),
        "another shape": lambda g: (B.ones(3), None),
        "a broadcast one": lambda g: (B.ones(3, 2), None),
        "one too small": lambda g: (B.ones(1), None),
        "doubles": lambda g: (g.double() / 3, None),
        "complex": lambda g: (g + 1j, None),
        "a list": lambda g: [g, None],
    }

    class Answer(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, name):
            ctx.name = name
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return answers[ctx.name](g)

    x = draw.floats((2,), requires_grad=True)
    name = draw.choice(list(answers))
    see.raises(name, lambda: Answer.apply(x, name).backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def missing_and_doubled_methods(B: Any, draw: Any, see: Any) -> None:
    F = B.autograd.Function

    def keep(ctx, a):
        return a * 1

    def same(ctx, g):
        return g

    x = draw.floats((2,), requires_grad=True)
    seed = draw.floats((2,))

    def function(**methods: Any) -> Any:
        return type("F", (F,), {name: staticmethod(method) for name, method in methods.items()})

    see.raises("no forward", lambda: function().apply(x))
    see.raises("no backward", lambda: function(forward=keep).apply(x).backward(seed))
    both = function(forward=keep, backward=same, vjp=same)
    see.raises("both", lambda: both.apply(x).backward(seed))
    made = see.warns("instantiated", lambda: both())
    see.raises("called", lambda: made(x))


@program
def written_inputs(B: Any, draw: Any, see: Any) -> None:
    extra, returned, marked = draw.flag(), not draw.flag(), draw.flag()

    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            a.mul_(2)
            ctx.mark_dirty(B.ones(2) if marked else a)
            result = a if returned else a * 1
            return (result, a * 3) if extra else result

        @staticmethod
        def backward(ctx, g, *more):
            return g * 2

    leaf = draw.floats((2,), requires_grad=True)
    x = draw.choice([lambda: leaf * 1, lambda: leaf, lambda: (leaf * 1)[:1], lambda: leaf.detach().clone()])()

    def call():
        y = Double.apply(x)
        first = y[0] if extra else y
        see.same("the same object", first, x)
        return y

    see.raises("result", call)
    see("x", x)
    see.graph("graph", x)
    if x.requires_grad and not x.is_leaf:
        x.backward(draw.floats(x.shape))
        see("leaf.grad", leaf.grad)


@program
def views_returned(B: Any, draw: Any, see: Any) -> None:
    class Head(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a[:1]

        @staticmethod
        def backward(ctx, g):
            return g.expand(2)

    leaf = draw.floats((2,), requires_grad=True)
    x = draw.choice([lambda: leaf * 1, lambda: leaf, lambda: leaf.detach().clone()])()
    y = Head.apply(x)
    see("y", y)
    see("is a view", y._is_view())
    see.raises("a write", lambda: y.mul_(2))


@program
def outputs_without_gradient(B: Any, draw: Any, see: Any) -> None:
    marked, materialize = draw.flag(), not draw.flag()

    class Parts(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            square, exp, large = a * a, a.exp(), a > 1
            if marked:
                ctx.mark_non_differentiable(square)
            ctx.set_materialize_grads(materialize)
            return square, exp, large, "text", None, [3]

        @staticmethod
        def backward(ctx, *gs):
            see("gradients", gs)
            return next((g for g in gs if g is not None), None)

    x = draw.floats((2,), requires_grad=True)
    outputs = Parts.apply(x)
    see("outputs", outputs)
    see("numbers", [o.output_nr for o in outputs[:3]])
    outputs[1].backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def what_may_be_saved(B: Any, draw: Any, see: Any) -> None:
    other = draw.floats((2,))

    class Save(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, kind):
            result = a * 2
            things = [(), (a,), (result,), (None, a), (other,), (a, 3), ("text",), (a + 1, result)]
            ctx.save_for_backward(*things[kind])
            return result

        @staticmethod
        def backward(ctx, g):
            see("saved", ctx.saved_tensors)
            return g, None

    x = draw.floats((2,), requires_grad=True)
    kind = draw.integer(0, 7)

    def call():
        y = Save.apply(x * 1, kind)
        see("saved outside", y.grad_fn.saved_tensors)
        see("how many", len(y.grad_fn._raw_saved_tensors))
        if draw.flag():
            other.mul_(2)
        if draw.flag():
            y.mul_(2)
        y.backward(draw.floats((2,)))

    see.raises("call", call)
    see("x.grad", x.grad)


@program
def saved_tensors_through_hooks(B: Any, draw: Any, see: Any) -> None:
    class Cube(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            square = a * a
            result = square * a
            ctx.save_for_backward(a, square, result)
            return result

        @staticmethod
        def backward(ctx, g):
            a, square, result = ctx.saved_tensors
            see("saved", [a, square, result])
            return 3 * square * g

    x = draw.floats((2,), requires_grad=True)
    factor = draw.number()
    with B.autograd.graph.saved_tensors_hooks(lambda t: t * factor, lambda t: t):
        y = Cube.apply(x)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    y = Cube.apply(x)
    raw = y.grad_fn._raw_saved_tensors
    raw[1].register_hooks(lambda t: t * 2, lambda t: t + 1)
    see.raises("hooks a second time", lambda: raw[1].register_hooks(lambda t: t, lambda t: t))
    y.backward(draw.floats((2,)))
    see("x.grad again", x.grad)


@program
def a_second_derivative(B: Any, draw: Any, see: Any) -> None:
    class Sine(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a.sin()

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            return g * a.cos()

    x = draw.floats((2,), requires_grad=True)
    seed = draw.floats((2,))
    (first,) = B.autograd.grad(Sine.apply(x), x, seed, create_graph=True)
    see("first", first)
    see.graph("graph", first)
    (second,) = B.autograd.grad(first, x, seed)
    see("second", second)


@program
def differentiable_once(B: Any, draw: Any, see: Any) -> None:
    once = B.autograd.function.once_differentiable

    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        @once
        def backward(ctx, g):
            see("grad mode", B.is_grad_enabled())
            (a,) = ctx.saved_tensors
            return 2 * a * g

    x, seed = draw.floats((2,), requires_grad=True), draw.floats((2,)).requires_grad_(draw.flag())
    (first,) = B.autograd.grad(Square.apply(x), x, seed, create_graph=True)
    see("first", first)
    if first.requires_grad:
        see.graph("graph", first)
        see.raises("second", lambda: B.autograd.grad(first, x, draw.floats((2,)), allow_unused=True))
    Square.apply(x).backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def several_arguments(B: Any, draw: Any, see: Any) -> None:
    class Affine(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c, factor):
            ctx.save_for_backward(a, b)
            ctx.factor = factor
            return a * b * factor + c

        @staticmethod
        def backward(ctx, g):
            see("needs", ctx.needs_input_grad)
            a, b = ctx.saved_tensors
            return g * b * ctx.factor, g * a * ctx.factor, g, None

    a, b, c = (draw.floats((2,), requires_grad=draw.flag()) for _ in range(3))
    y = Affine.apply(a, b, c, draw.number())
    see("y", y)
    see.graph("graph", y)
    if y.requires_grad:
        hooked = draw.flag()
        if hooked:
            y.grad_fn.register_hook(lambda inputs, outputs: see("in the hook", [inputs, outputs]))
            y.grad_fn.register_prehook(lambda outputs: see("before", outputs))
        y.backward(draw.floats((2,)))
        see("gradients", [a.grad, b.grad, c.grad])


@program
def a_function_with_tangents(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad

    class Product(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, power):
            ctx.save_for_forward(a, b)
            ctx.power = power
            return a * b

        @staticmethod
        def jvp(ctx, a_t, b_t, power_t):
            see("tangents", [a_t, b_t, power_t])
            a, b = ctx.saved_for_forward
            return (a_t * b if a_t is not None else 0) + (a * b_t if b_t is not None else 0)

    x, v, z = draw.floats((2,)), draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        y = Product.apply(fw.make_dual(x, v), z, 2)
        see("primal", fw.unpack_dual(y).primal)
        see("tangent", fw.unpack_dual(y).tangent)


@program
def an_error_inside(B: Any, draw: Any, see: Any) -> None:
    where = draw.choice(["forward", "backward"])

    class Fails(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            if where == "forward":
                raise ValueError("in forward")
            return a * 2

        @staticmethod
        def backward(ctx, g):
            raise KeyError("in backward")

    x = draw.floats((2,), requires_grad=True)
    see.raises("call", lambda: Fails.apply(x).backward(draw.floats((2,))))
    see("grad mode", B.is_grad_enabled())
    see("x", x)


@program
def straight_through(B: Any, draw: Any, see: Any) -> None:
    class Rounded(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a.round()

        @staticmethod
        def backward(ctx, g):
            return g.clamp(-1, 1)

    x = draw.floats(draw.shape(), requires_grad=True)
    (Rounded.apply(x) * x).backward(draw.floats(x.shape))
    see("x.grad", x.grad)


@program
def cotangents_written_to(B: Any, draw: Any, see: Any) -> None:
    write = draw.choice(
        [
            lambda g: g.mul_(2),
            lambda g: g.add_(1).mul_(3),
            lambda g: g[:1].zero_(),
            lambda g: g.detach().mul_(2),
            lambda g: g.data.mul_(2),
            lambda g: g.clone().mul_(2),
        ]
    )

    class Writing(B.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            see("as it arrives", g._version)
            write(g)
            return g

    x = draw.floats((2,), requires_grad=True)
    inner = x * 1 if draw.flag() else x
    y = Writing.apply(inner)
    out = draw.choice([lambda: y, lambda: y * 1, lambda: -y, lambda: y.view(2, 1), lambda: y + inner, lambda: Writing.apply(y)])()
    held: list[Any] = []
    draw.choice(
        [
            lambda: None,
            lambda: y.register_hook(lambda g: held.append(g)),
            lambda: x.register_hook(lambda g: held.append(g)),
            lambda: y.grad_fn.register_prehook(lambda gs: held.extend(gs)),
            lambda: y.grad_fn.register_hook(lambda into, outof: held.extend((*into, *outof))),
            lambda: y.retain_grad(),
        ]
    )()
    seed = draw.floats(tuple(out.shape))
    if draw.flag():
        see.warns("warnings", lambda: out.backward(seed, create_graph=draw.flag()))
        found = x.grad
    else:
        (found,) = B.autograd.grad(out, x, seed)
    see("found", found)
    see("seed", seed)
    see("held", held)
    see("versions", [t._version for t in (seed, *held)])
    see("which is which", [[a is b for a in (found, seed, *held)] for b in (found, seed, *held)])


@program
def functions_of_old(B: Any, draw: Any, see: Any) -> None:
    class Old(B.autograd.Function):
        def forward(self, a):
            return a * 2

        def backward(self, g):
            return g * 2

    class Half(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        def backward(self, g):
            return g * 2

    x = draw.floats((2,), requires_grad=draw.flag())
    see.raises("applied", lambda: Old.apply(x))

    class InPlace(B.autograd.function.InplaceFunction):
        pass

    told = draw.choice([True, False])
    see("told", see.warns("made in place", lambda: InPlace(told)).inplace)
    old = see.warns("made", lambda: Old())
    see.raises("called", lambda: old(x))
    see.raises("applied to what is made", lambda: old.apply(x))
    see.raises("forward of what is made", lambda: old.forward(x))
    see.raises("half", lambda: Half.apply(x))
    if x.requires_grad:
        see.raises("half, backward", lambda: Half.apply(x).backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def functions_of_nested_arguments(B: Any, draw: Any, see: Any) -> None:
    class Nested(B.autograd.function.NestedIOFunction):
        def forward_extended(self, a, others):
            return a * 2, [others[0] * 3, None]

        def backward_extended(self, g, gs):
            return g * 2, [gs[0], gs[1]]

    class Static(B.autograd.function.NestedIOFunction):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x, y = draw.floats((2,), requires_grad=draw.flag()), draw.floats((2,))
    see.raises("applied", lambda: Nested.apply(x, (y,)))
    made = see.warns("made", lambda: Nested())
    see.raises("called", lambda: made(x, (y, None)))
    see("remembered", made._nested_input)
    see.raises("forward", lambda: made.forward())
    see("as nested", made._nested_output)
    see.raises("backward", lambda: made.backward(draw.floats((2,)), draw.floats((2,))))
    see.raises("backward of fewer", lambda: made.backward(y))
    for args in ((x, (y, None), {"a": x}), (x, 3), (None, "b")):
        see.raises("kept", lambda args=args: made.save_for_backward(*args))
        see("flat", made.to_save if hasattr(made, "to_save") else None)
    see.raises("read", lambda: made.saved_tensors)
    made.mark_dirty(x, other=[y])
    made.mark_non_differentiable((x, y))
    see("marked", [made.dirty_tensors, made.non_differentiable])
    for name in ("forward_extended", "backward_extended"):
        see.raises(name, lambda name=name: getattr(B.autograd.NestedIOFunction, name)(made))
    result = Static.apply(x)
    see("static", result)
    if x.requires_grad:
        result.backward(draw.floats((2,)))
    see("x.grad", x.grad)
