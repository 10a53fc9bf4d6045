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
def any_arguments_and_results(B: Any, draw: Any, see: Any) -> None:
    class Own:
        def __init__(self, value):
            self.value = value

    class Mixed(B.autograd.Function):
        @staticmethod
        def forward(ctx, own, tensors, a, table):
            ctx.own = own
            return {"kept": own.value}, a * own.value, None, "text", tensors, [a * 3], Own(1)

        @staticmethod
        def backward(ctx, *gs):
            see("gradients", gs)
            return None, None, gs[1] * ctx.own.value, None

    x = draw.floats((2,), requires_grad=True)
    own = Own(draw.number())
    other = draw.floats((2,), requires_grad=True)
    results = Mixed.apply(own, [other], x, {"t": other})
    see("types", [type(one).__name__ for one in results])
    see("tensor", results[1])
    see("number", results[1].output_nr)
    see("in a list", results[5])
    see.same("a list as it was", results[4][0], other)
    results[1].backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see("other.grad", other.grad)


@program
def results_of_other_kinds(B: Any, draw: Any, see: Any) -> None:
    def results(a):
        return {
            "a list": [a * 2],
            "a number": 3.0,
            "None": None,
            "an empty tuple": (),
            "integers": (a > 1).long(),
            "a tuple of one": (a * 2,),
            "text": "text",
        }

    class Give(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, name):
            return results(a)[name]

        @staticmethod
        def backward(ctx, g):
            return g * 2, None

    x = draw.floats((2,), requires_grad=True)
    name = draw.choice(list(results(x)))
    see.raises(name, lambda: Give.apply(x, name))
    see("type", type(Give.apply(x, name)).__name__)


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
def dirty_inputs_of_several_kinds(B: Any, draw: Any, see: Any) -> None:
    class Add(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            a.add_(b)
            ctx.mark_dirty(a)
            return a

        @staticmethod
        def backward(ctx, g):
            return g, g * 2

    leaf = draw.floats((2,), requires_grad=True)
    base = draw.floats((2, 2))
    b = draw.floats((2,), requires_grad=draw.flag())
    a = draw.choice([lambda: leaf * 1, lambda: leaf.detach(), lambda: base[0], lambda: (leaf * B.ones(2, 2))[1], lambda: leaf.view(2)])()
    before = a._version

    def call():
        result = Add.apply(a, b)
        see.same("the same object", result, a)
        return result

    see.raises("result", call)
    see("a", a)
    see("versions counted", a._version - before)
    see("base", a._base)
    if a.requires_grad and a.grad_fn is not None:
        see.graph("graph", a)
        see.raises("backward", lambda: a.backward(draw.floats((2,))))
        see("gradients", [leaf.grad, b.grad])


@program
def two_dirty_inputs(B: Any, draw: Any, see: Any) -> None:
    swapped, twice = draw.flag(), draw.flag()

    class Both(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            a.add_(1)
            b.mul_(2)
            if twice:
                ctx.mark_dirty(a)
            ctx.mark_dirty(a, b)
            return (b, a) if swapped else (a, b)

        @staticmethod
        def backward(ctx, g, h):
            return (h, g * 2) if swapped else (g, h * 2)

    x, y = (draw.floats((2,), requires_grad=True) for _ in range(2))
    a, b = x * 1, y * 1
    first, _ = Both.apply(a, b)
    see.same("first", first, b if swapped else a)
    see("numbers", [a.output_nr, b.output_nr])
    see("results", [a, b])
    (a * b).backward(draw.floats((2,)))
    see("gradients", [x.grad, y.grad])


@program
def saved_dirty_inputs(B: Any, draw: Any, see: Any) -> None:
    class Exp(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            a.exp_()
            ctx.mark_dirty(a)
            ctx.save_for_backward(a)
            return a

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            see("saved", a)
            return g * a

    x = draw.floats((2,), requires_grad=True)
    y = Exp.apply(x * 1)
    z = y * 2
    if draw.flag():
        y.add_(1)
    see.raises("backward", lambda: z.backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def an_input_returned_twice(B: Any, draw: Any, see: Any) -> None:
    class Twice(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a, a

        @staticmethod
        def backward(ctx, g, h):
            return g + 10 * h

    leaf = draw.floats((2,), requires_grad=True)
    x = leaf * 1 if draw.flag() else leaf
    a, b = Twice.apply(x)
    see.same("one object", a, b)
    see.same("the input", a, x)
    see("results", [a, b])
    see("numbers", [a.output_nr, b.output_nr])
    (a * draw.number() + b).backward(draw.floats((2,)))
    see("leaf.grad", leaf.grad)


@program
def an_alias_made_inside(B: Any, draw: Any, see: Any) -> None:
    how = draw.choice(["view", "detach", "data", "row", "the base of a view"])

    class Alias(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            made = {"view": lambda: a.view(-1), "detach": a.detach, "data": lambda: a.data, "row": lambda: a[:1]}
            return a._base if how == "the base of a view" else made[how]()

        @staticmethod
        def backward(ctx, g):
            return g.expand(2) if how == "row" else g

    leaf = draw.floats((2,), requires_grad=draw.flag())
    x = (leaf * 1).view(2) if how == "the base of a view" else leaf * 1

    def alias():
        y = Alias.apply(x)
        see("is a view", y._is_view())
        see("has x's version count", y._version == x._version)
        see.raises("a write", lambda: y.mul_(2))
        see("x", x)
        return y

    see.raises("result", alias)
    with B.no_grad():
        y = Alias.apply(x)
        see("under no_grad", y)
    see.raises("a write to it", lambda: y.mul_(2))


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
def no_gradient_is_not_zero(B: Any, draw: Any, see: Any) -> None:
    class Cut(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * 2 + b

        @staticmethod
        def backward(ctx, g):
            return None, g

    x, b = (draw.floats((2,), requires_grad=True) for _ in range(2))
    y = x * 3
    y.register_hook(lambda g: see("gradient in a hook", g))
    seed = draw.floats((2,))
    z = Cut.apply(y, b)
    z.backward(seed, retain_graph=True)
    see("gradients", [x.grad, b.grad])
    see.raises("grad", lambda: B.autograd.grad(z, x, seed, retain_graph=True))
    see.raises("allowed", lambda: B.autograd.grad(z, x, seed, retain_graph=True, allow_unused=True))


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
    see("nothing", [Nothing.apply(x).grad_fn.saved_tensors, Nothing.apply(x).grad_fn._raw_saved_tensors])
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


@program
def the_graph_of_a_gradient(B: Any, draw: Any, see: Any) -> None:
    class Product(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a + b + a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g + g * b, g + g * a

    once = draw.flag()
    if once:
        Product.backward = staticmethod(B.autograd.function.once_differentiable(Product.backward))
    x, y = (draw.floats((2,), requires_grad=True) for _ in range(2))
    seed = draw.floats((2,), requires_grad=draw.flag())
    gradients = B.autograd.grad(Product.apply(x, y), (x, y), seed, create_graph=True)
    for gradient in gradients:
        see("gradient", gradient)
        see.graph("graph", gradient)
    see.raises("second", lambda: B.autograd.grad(gradients[0], (x, y), draw.floats((2,)), allow_unused=True))


@program
def gradients_kept_by_create_graph(B: Any, draw: Any, see: Any) -> None:
    class Product(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a + b + a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g + g * b, g + g * a

    once = draw.flag()
    if once:
        Product.backward = staticmethod(B.autograd.function.once_differentiable(Product.backward))
    x, y = (draw.floats((2,), requires_grad=True) for _ in range(2))
    seed = draw.floats((2,), requires_grad=True)
    see.warns("warnings", lambda: Product.apply(x, y).backward(seed, create_graph=True))
    see("x.grad", x.grad)
    see.graph("graph of x.grad", x.grad)
    see.graph("graph of y.grad", y.grad)
    see.raises("again", lambda: (x.grad * y.grad).backward(draw.floats((2,))))
    x.grad = y.grad = None


@program
def outputs_of_several_dtypes_and_numbers(B: Any, draw: Any, see: Any) -> None:
    class Split(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            results = a * 2, (a > 0).int(), a.double(), a.to(B.complex64)
            ctx.save_for_backward(*results)
            return results

        @staticmethod
        def backward(ctx, g, _, h, k):
            see("saved", [[t.output_nr, t.requires_grad] for t in ctx.saved_tensors])
            see("gradients", [g, h, k])
            return g * 2 + h.float() + k.real

    x = draw.floats((2,), requires_grad=True)
    results = Split.apply(x)
    see("results", results)
    see("numbers", [one.output_nr for one in results])
    for one in results:
        if one.requires_grad and draw.flag():
            one.backward(B.ones_like(one), retain_graph=True)
    see("x.grad", x.grad)


@program
def a_gradient_of_another_dtype_or_shape(B: Any, draw: Any, see: Any) -> None:
    answers = {
        "doubles": lambda g: g.double(),
        "halves": lambda g: g.half(),
        "complex": lambda g: g.to(B.complex64),
        "wider": lambda g: g.expand(3, 2),
        "longer": lambda g: B.ones(3),
        "a scalar": lambda g: g.sum(),
        "integers": lambda g: g.long(),
        "one row": lambda g: g[None],
    }
    name = draw.choice(list(answers))

    class Answer(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return answers[name](g)

    x = draw.floats((2,), requires_grad=True)
    if draw.flag():
        x = draw.floats((2,), B.float64, requires_grad=True)
    y = x * 1
    see.raises(name, lambda: Answer.apply(y).backward(draw.floats((2,), x.dtype)))
    see("x.grad", x.grad)


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


@program
def functions_on_views_with_writes(B: Any, draw: Any, see: Any) -> None:
    class Add(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.mark_dirty(a)
            a.add_(b)
            return a

        @staticmethod
        def backward(ctx, g):
            return g, None if none else g * 2

    none = draw.flag()
    x = draw.floats((2, 2), requires_grad=True)
    b = draw.floats((2,), requires_grad=True)
    y = x * 1
    row = y[draw.integer(0, 1)]
    result = Add.apply(row, b)
    see.same("the row", result, row)
    see("row", row)
    see("y", y)
    see.graph("graph", y)
    (y * y).backward(draw.floats((2, 2)))
    see("gradients", [x.grad, b.grad])
