"""What the `ctx` of a custom Function offers: attributes, marks, saved values, and what becomes of what it was told."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def attributes_of_any_name(B: Any, draw: Any, see: Any) -> None:
    names = (
        "name2",
        "x",
        "edges",
        "saved",
        "plan",
        "fits",
        "seq",
        "extras",
        "outputs",
        "op",
        "shape",
        "inputs",
        "args",
        "dim",
        "given",
        "free",
    )
    name = draw.choice(names)
    value = draw.number()

    class Keep(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            setattr(ctx, name, value)
            ctx.save_for_backward(a)
            return a * value

        @staticmethod
        def backward(ctx, g):
            see("in backward", getattr(ctx, name))
            see("saved", ctx.saved_tensors[0])
            return g * getattr(ctx, name)

    x = draw.floats((2,), requires_grad=True)
    y = Keep.apply(x)
    see("on the node", getattr(y.grad_fn, name))
    see.raises("none of that name", lambda: y.grad_fn.nothing)
    (y * y).backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def the_context_is_the_node(B: Any, draw: Any, see: Any) -> None:
    kept = []

    class Scale(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            kept.append(ctx)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            see.same("in backward", ctx, kept[0])
            return g * 2

    x = draw.floats((2,), requires_grad=True)
    y = Scale.apply(x)
    see.same("the node", y.grad_fn, kept[0])
    see("names", [type(kept[0]).__name__, y.grad_fn.name(), Scale.__name__])
    see.same("its class", type(y.grad_fn), Scale._backward_cls)
    see("is a node", isinstance(y.grad_fn, B.autograd.graph.Node))
    see("bases", isinstance(y.grad_fn, B.autograd.function.FunctionCtx))
    y.grad_fn.register_hook(lambda inputs, outputs: see("gradients in a hook", [inputs, outputs]))
    y.grad_fn.metadata["note"] = 1
    see("metadata", y.grad_fn.metadata)
    y.backward(draw.floats((2,)))


@program
def saved_results_count_writes(B: Any, draw: Any, see: Any) -> None:
    class Exp(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            results = a.exp(), a * 2
            ctx.save_for_backward(*results[:count])
            return results

        @staticmethod
        def backward(ctx, g, h):
            return g * ctx.saved_tensors[0] + h * 2

    count = draw.integer(1, 2)
    x = draw.floats((2,), requires_grad=True)
    results = Exp.apply(x)
    node, at = results[0].grad_fn, draw.integer(0, count - 1)
    saved = node.saved_tensors[at]
    see("versions", [saved._version, results[at]._version])
    with B.no_grad():
        draw.choice([lambda: saved.add_(1), lambda: results[at].mul_(2), lambda: saved.clone().zero_()])()
    see("versions after", [saved._version, results[at]._version])
    see.raises("saved", lambda: node.saved_tensors)
    see.raises("backward", lambda: results[0].backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def numbers_of_calls(B: Any, draw: Any, see: Any) -> None:
    """A call is numbered when it begins: what its forward records itself has higher numbers."""
    inside = []

    class Records(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            with B.set_grad_enabled(records):
                inside.append((a * 2).grad_fn)
            ctx.save_for_backward(a)
            return (a * 3, a * 4)[:outputs] if outputs > 1 else a * 3

        @staticmethod
        def backward(ctx, *gs):
            return gs[0] * 3

    records, outputs = draw.flag(), draw.integer(1, 2)
    x = draw.floats((2,), requires_grad=True)
    before = x * 1
    y = Records.apply(before)
    y = y if outputs == 1 else y[draw.integer(0, 1)]
    after = y * 2
    nodes = [before.grad_fn, *(node for node in inside if node is not None), after.grad_fn]
    see("numbers", [node._sequence_nr() - y.grad_fn._sequence_nr() for node in nodes])


@program
def arguments_by_name(B: Any, draw: Any, see: Any) -> None:
    class Together(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c=3.0):
            return a * b * c

        @staticmethod
        def backward(ctx, *gs):
            return gs[0] * 2, None, None

    class Apart(B.autograd.Function):
        @staticmethod
        def forward(a, b=2.0, c=3.0):
            return a * b * c

        @staticmethod
        def setup_context(ctx, inputs, output):
            see("inputs", len(inputs))

        backward = Together.backward

    x = draw.floats((2,), requires_grad=True)
    function, given = draw.choice([Together, Apart]), [x, 2.0, 4.0][: draw.integer(0, 3)]
    named = {name: x if name == "a" else draw.number() for name in draw.choice(["b", "c", "a", "bc", "abc", "d", "ac", ""])}
    see.raises("result", lambda: function.apply(*given, **named))
    see.raises("backward", lambda: function.apply(*given, **named).backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def which_inputs_need_gradients(B: Any, draw: Any, see: Any) -> None:
    class Three(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, factor, b, text, c):
            see("in forward", ctx.needs_input_grad)
            ctx.factor = factor
            return a * factor + b + c

        @staticmethod
        def backward(ctx, g):
            see("in backward", ctx.needs_input_grad)
            return g * ctx.factor, None, g, None, g

    a, b, c = (draw.floats((2,), requires_grad=draw.flag()) for _ in range(3))
    y = Three.apply(a, draw.number(), b, "text", c)
    see("y", y)
    if y.requires_grad:
        see.graph("graph", y)
        y.backward(draw.floats((2,)))
        see("gradients", [a.grad, b.grad, c.grad])


@program
def marks_given_twice_or_in_lists(B: Any, draw: Any, see: Any) -> None:
    again = draw.flag()

    class Parts(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            first, second = a * 2, a * 3
            ctx.mark_non_differentiable(first)
            if again:
                ctx.mark_non_differentiable(second)
            ctx.save_for_backward(a)
            if again:
                ctx.save_for_backward(first, None)
            return first, second

        @staticmethod
        def backward(ctx, g, h):
            see("saved", ctx.saved_tensors)
            see("gradients", [g, h])
            return g + h

    x = draw.floats((2,), requires_grad=True)
    first, second = Parts.apply(x)
    see("results", [first, second])
    for one in (first, second):
        if one.requires_grad:
            one.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def gradients_that_did_not_arrive(B: Any, draw: Any, see: Any) -> None:
    materialize, of_marked = not draw.flag(), not draw.flag()

    class Three(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.set_materialize_grads(materialize)
            ctx._materialize_non_diff_grads = of_marked
            marked, whole = a * 3, (a > 0).long()
            ctx.mark_non_differentiable(marked)
            return a * 2, marked, a.double() * 4, whole

        @staticmethod
        def backward(ctx, *gs):
            see("gradients", gs)
            return sum(g.float() for g in gs if g is not None and g.is_floating_point())

    x = draw.floats((2,), requires_grad=True)
    results = Three.apply(x)
    see("results", results)
    used = results[2] if draw.flag() else results[0]
    used.backward(draw.floats((2,), used.dtype))
    see("x.grad", x.grad)


@program
def defaults_reach_setup_context(B: Any, draw: Any, see: Any) -> None:
    class Power(B.autograd.Function):
        @staticmethod
        def forward(a, power=2, *, scale=1.0):
            return a**power * scale

        @classmethod
        def setup_context(cls, ctx, inputs, output):
            see("inputs", [len(inputs), inputs[1], inputs[2] if len(inputs) > 2 else None, cls.__name__])
            ctx.save_for_backward(inputs[0])
            ctx.power, ctx.scale = inputs[1], inputs[2] if len(inputs) > 2 else 1.0

        @classmethod
        def backward(cls, ctx, g):
            (a,) = ctx.saved_tensors
            see("needs", ctx.needs_input_grad)
            return g * ctx.power * a ** (ctx.power - 1) * ctx.scale, None, None

    x = draw.floats((2,), requires_grad=True)
    calls = [lambda: Power.apply(x), lambda: Power.apply(x, 3), lambda: Power.apply(x, power=3), lambda: Power.apply(x, scale=2.0)]

    def call():
        y = draw.choice(calls)()
        y.backward(draw.floats((2,)))
        return y

    see.raises("result", call)
    see("x.grad", x.grad)
    see.raises("too many", lambda: Power.apply(x, 1, 2, 3))
    see.raises("unknown", lambda: Power.apply(x, other=1))


@program
def setup_context_that_is_wrong(B: Any, draw: Any, see: Any) -> None:
    F = B.autograd.Function
    x = draw.floats((2,), requires_grad=True)

    class Returns(F):
        @staticmethod
        def forward(a):
            return a * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)
            return 3

        @staticmethod
        def backward(ctx, g):
            see("saved", ctx.saved_tensors)
            return g

    class Fails(F):
        @staticmethod
        def forward(a):
            return a * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            raise KeyError("in setup_context")

    class SavesNumber(F):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a, 3)
            return a * 2

    see.raises("returns something", lambda: Returns.apply(x).backward(draw.floats((2,))))
    see.raises("fails", lambda: Fails.apply(x))
    see.raises("saves a number", lambda: SavesNumber.apply(x))
    see.raises("saves a number for nobody", lambda: SavesNumber.apply(x.detach()))
    see("generates a rule", F.generate_vmap_rule)
    see.raises("forward", lambda: F.forward(None))
    see.raises("backward", lambda: F.backward(None))
    see.raises("vjp", lambda: F.vjp(None))
    see.raises("jvp", lambda: F.jvp(None))
    see.raises("setup", lambda: F.setup_context(None, (), None))
    see.raises("vmap", lambda: F.vmap(None, None))


@program
def saved_variables_of_old(B: Any, draw: Any, see: Any) -> None:
    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            (a,) = see.warns("saved_variables", lambda: ctx.saved_variables)
            return 2 * a * g

    x = draw.floats((2,), requires_grad=True)
    y = Square.apply(x)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see.raises("afterwards", lambda: y.grad_fn.saved_tensors)


@program
def saved_tensors_seen_from_outside(B: Any, draw: Any, see: Any) -> None:
    class Many(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            middle, result = a * 2, a * b
            ctx.save_for_backward(a, None, middle, result, b)
            return result

        @staticmethod
        def backward(ctx, g):
            a, _, _, _, b = ctx.saved_tensors
            return g * b, g * a

    class Nothing(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = draw.floats((2,), requires_grad=True)
    b = draw.floats((2,), requires_grad=draw.flag())
    y = Many.apply(x, b)
    node = y.grad_fn
    see("saved", node.saved_tensors)
    see.same("an input", node.saved_tensors[0], x)
    see.same("the output", node.saved_tensors[3], y)
    see.same("the node of the output", node.saved_tensors[3].grad_fn, node)
    see("number of the output", node.saved_tensors[3].output_nr)
    raw = node._raw_saved_tensors
    see("raw", [type(one).__name__ for one in raw])
    see.raises("hooks on None", lambda: raw[1].register_hooks(lambda t: t, lambda t: t))
    see.raises("hooks", lambda: raw[0].register_hooks(lambda t: t * 2, lambda t: t * 10))
    see.raises("hooks again", lambda: raw[0].register_hooks(lambda t: t, lambda t: t))
    see.raises("no functions", lambda: raw[2].register_hooks(1, 2))
    see.raises("one function", lambda: raw[2].register_hooks(lambda t: t))
    other = Many.apply(x, b)
    see.raises("none taken", lambda: other.grad_fn._raw_saved_tensors[2].register_hooks(lambda: 0, lambda: 0))
    see("saved with hooks", node.saved_tensors[0])
    nothing = Nothing.apply(x)
    see("nothing", [nothing.grad_fn.saved_tensors, nothing.grad_fn._raw_saved_tensors])
    nothing.backward(draw.floats((2,)), retain_graph=draw.flag())
    see.raises("nothing afterwards", lambda: nothing.grad_fn.saved_tensors)
    see.raises("nothing, raw", lambda: nothing.grad_fn._raw_saved_tensors)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see.raises("raw afterwards", lambda: node._raw_saved_tensors)
    see.raises("made by hand", lambda: B.autograd.SavedTensor())


@program
def hooks_around_a_function(B: Any, draw: Any, see: Any) -> None:
    class Cube(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            middle = a * a
            result = middle * a
            ctx.save_for_backward(a, middle, result, None)
            return result

        @staticmethod
        def backward(ctx, g):
            _, middle, result, nothing = ctx.saved_tensors
            see("saved", [middle, result, nothing])
            return 3 * middle * g

    x = draw.floats((2,), requires_grad=True)
    packed = []

    def pack(t):
        packed.append(tuple(t.shape))
        return t * 2

    with B.autograd.graph.saved_tensors_hooks(pack, lambda t: t / 2):
        y = Cube.apply(x)
    see("packed", packed)
    y.backward(draw.floats((2,)), retain_graph=True)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)


def product(B: Any, once: bool) -> Any:
    """A Function of two arguments, whose backward is differentiable or, as `once` says, only once."""

    class Product(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a + b + a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g + g * b, g + g * a

    if once:
        Product.backward = staticmethod(B.autograd.function.once_differentiable(Product.backward))
    return Product


@program
def the_graph_of_a_gradient(B: Any, draw: Any, see: Any) -> None:
    Product = product(B, draw.flag())
    x, y = (draw.floats((2,), requires_grad=True) for _ in range(2))
    seed = draw.floats((2,), requires_grad=draw.flag())
    gradients = B.autograd.grad(Product.apply(x, y), (x, y), seed, create_graph=True)
    for gradient in gradients:
        see("gradient", gradient)
        see.graph("graph", gradient)
    see.raises("second", lambda: B.autograd.grad(gradients[0], (x, y), draw.floats((2,)), allow_unused=True))


@program
def gradients_kept_by_create_graph(B: Any, draw: Any, see: Any) -> None:
    Product = product(B, draw.flag())
    x, y = (draw.floats((2,), requires_grad=True) for _ in range(2))
    seed = draw.floats((2,), requires_grad=True)
    see.warns("warnings", lambda: Product.apply(x, y).backward(seed, create_graph=True))
    see("x.grad", x.grad)
    see.graph("graph of x.grad", x.grad)
    see.graph("graph of y.grad", y.grad)
    see.raises("again", lambda: (x.grad * y.grad).backward(draw.floats((2,))))
    x.grad = y.grad = None


@program
def functions_that_call_each_other(B: Any, draw: Any, see: Any) -> None:
    class Inner(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a.exp()

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            return g * Inner.apply(a)

    class Outer(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            with B.enable_grad():
                ctx.a = a.detach().requires_grad_()
                ctx.y = Inner.apply(ctx.a) * 2
            return ctx.y.detach()

        @staticmethod
        def backward(ctx, g):
            (made,) = B.autograd.grad(ctx.y, ctx.a, g)
            return made

    x = draw.floats((2,), requires_grad=True)
    y = Outer.apply(x)
    see("y", y)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    z = Inner.apply(x)
    for _ in range(draw.integer(1, 3)):
        (z,) = B.autograd.grad(z, x, B.ones(2), create_graph=True)
        see("gradient", z)
    see.graph("graph", z)


@program
def under_each_mode(B: Any, draw: Any, see: Any) -> None:
    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            see("needs", ctx.needs_input_grad)
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = draw.floats((2,), requires_grad=True)
    mode = draw.choice([B.no_grad, B.enable_grad, B.inference_mode])
    with mode():
        y = Double.apply(x)
        see("y", y)
    with B.no_grad(), B.enable_grad():
        see("enabled again", Double.apply(x))
    if y.requires_grad:
        y.backward(draw.floats((2,)))
        see("x.grad", x.grad)
