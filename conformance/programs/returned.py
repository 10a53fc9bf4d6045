"""What forward and backward of a custom Function return: objects, inputs as they are or written to, aliases, gradients that do not fit."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def several_results_of_one_that_wrote_to_a_view(B: Any, draw: Any, see: Any) -> None:
    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a.mul_(2))
            return (a, a * 3) if several else a

        @staticmethod
        def backward(ctx, g, *_):
            return g * 2

    several = not draw.flag()
    x = draw.floats((2, 2), requires_grad=True)
    made = [lambda: (x * 1)[0], lambda: x.detach()[0], lambda: x * 1, lambda: (x * 1).unbind()[0], lambda: x[0]]
    target = draw.choice(made)()
    see.raises("applied", lambda: Double.apply(target))
    see.raises("target", lambda: target)


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
def a_later_output_written_and_retained(B: Any, draw: Any, see: Any) -> None:
    """A promise to retain the gradient of an output goes on to the output of the same number of the node that wrote to it."""
    nr = draw.integer(0, 1)

    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a.mul_(2))
            return (a, a * 3) if nr == 0 else (a * 3, a)

        @staticmethod
        def backward(ctx, g, h):
            return 2 * (g + 3 * h) if nr == 0 else 2 * (3 * g + h)

    x = draw.floats((2, 2), requires_grad=True)
    y = draw.choice([lambda: B.var_mean(x, 1), lambda: x.unsafe_chunk(2, 1)])()[nr]
    y.retain_grad()
    first, second = Double.apply(y)
    see("numbers", [y.output_nr, y is first, y is second])
    shape = tuple(y.shape)
    (first * draw.floats(shape) + second * draw.floats(shape)).backward(draw.floats(shape))
    see("gradients", [y.grad, x.grad])


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


@program
def inputs_returned_as_they_are(B: Any, draw: Any, see: Any) -> None:
    class Same(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a

        @staticmethod
        def backward(ctx, g):
            return g * 2

    leaf = draw.floats((2,), requires_grad=True)
    x = draw.choice([lambda: leaf * 1, lambda: leaf, lambda: leaf.detach().clone()])()
    y = Same.apply(x)
    see.same("one object", x, y)
    see.same("base", y._base, x)
    see("y", y)
    see("x", x)
    see.raises("a write", lambda: y.add_(1))
    with B.no_grad():
        z = Same.apply(x)
    see("under no_grad", z)
    see.raises("a write to it", lambda: z.add_(1))
    if y.requires_grad:
        total = Same.apply(leaf) * draw.number() + leaf
        total.backward(draw.floats((2,)))
        see("leaf.grad", leaf.grad)


@program
def one_tensor_returned_twice(B: Any, draw: Any, see: Any) -> None:
    mark = draw.choice([None, "mark_dirty", "mark_non_differentiable"])

    class Twice(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            b = a * a
            if mark:
                getattr(ctx, mark)(b)
            return b, b, a * 3

        @staticmethod
        def backward(ctx, g, h, k):
            return g + 10 * h + k

    x = draw.floats((2,), requires_grad=True)
    a, b, c = see.warns("warnings", lambda: Twice.apply(x))
    see.same("one object", a, b)
    see("numbers", [a.output_nr, b.output_nr, c.output_nr])
    see("results", [a, b])
    (a * draw.number() + b + c).backward(draw.floats((2,)))
    see("x.grad", x.grad)
