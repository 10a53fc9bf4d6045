"""Custom Functions of any shape and dtype: what is saved when, marked, inherited, returned from elsewhere, and used again."""

from __future__ import annotations

from typing import Any

from .declare import program


def made(B: Any, **methods: Any) -> Any:
    """A Function of these methods."""
    return type("Made", (B.autograd.Function,), {name: staticmethod(method) for name, method in methods.items()})


def any_leaf(B: Any, draw: Any, least: int = 0) -> tuple[Any, Any]:
    """A leaf of any shape and dtype, and a cotangent for it."""
    shape, dtype = draw.shape(least, 3), draw.dtype("float32", "float64", "complex64", "float16", "bfloat16")
    numbers = draw.complexes if dtype.is_complex else draw.floats
    return numbers(shape, dtype, requires_grad=True), numbers(shape, dtype)


@program
def of_any_shape_and_dtype(B: Any, draw: Any, see: Any) -> None:
    def forward(ctx, a, b, power):
        ctx.save_for_backward(a, b)
        ctx.power = power
        return a * power, a + b

    def backward(ctx, g, h):
        a, b = ctx.saved_tensors
        see("gradients", [g, h])
        see("saved", [a, b])
        return g * ctx.power + h, h, None

    x, seed = any_leaf(B, draw)
    y = x.detach() * 2 if draw.flag() else x
    first, second = made(B, forward=forward, backward=backward).apply(x, y, draw.integer(1, 3))
    see("results", [first, second])
    for one in (first, second):
        if draw.flag():
            one.backward(seed, retain_graph=True)
    see("gradient of x", x.grad)


@program
def hooks_around_an_input_returned(B: Any, draw: Any, see: Any) -> None:
    order = []
    factor = draw.number()
    x, seed = any_leaf(B, draw)
    y = x * 1
    y.register_hook(lambda g: (order.append("before"), see("gradient of the input", g))[0])
    Same = made(B, forward=lambda ctx, a: a, backward=lambda ctx, g: g * factor)
    z = Same.apply(y)
    z.register_hook(lambda g: (order.append("result"), see("gradient of the result", g))[0])
    y.register_hook(lambda g: order.append("after"))
    (z * 3 + y if draw.flag() else z).backward(seed)
    see("order", order)
    see("gradient of x", x.grad)


@program
def marked_dirty_without_being_an_input(B: Any, draw: Any, see: Any) -> None:
    returned, wanted, also = draw.flag(), not draw.flag(), draw.flag()

    def forward(ctx, a):
        b = a * 2
        ctx.mark_dirty(*((a.add_(1), b) if also else (b,)))
        result = b if returned else a * 3
        return (a, result) if also else result

    Marks = made(B, forward=forward, backward=lambda ctx, *gs: gs[0] * 2)
    x, seed = any_leaf(B, draw)
    a = x * 1 if wanted else x.detach()

    def call():
        y = Marks.apply(a)
        y = y[1] if isinstance(y, tuple) else y
        if y.requires_grad:
            y.backward(seed)
        return y

    see.raises("result", lambda: see.warns("warnings", call))
    see("gradient of x", x.grad)


@program
def a_context_kept_by_its_backward(B: Any, draw: Any, see: Any) -> None:
    kept = []

    def forward(ctx, a):
        if draw_saved:
            ctx.save_for_backward(a)
        return a.clone()

    def backward(ctx, g):
        kept.append(ctx)
        see("inside", ctx.saved_tensors)
        return g

    draw_saved, again = draw.flag(), draw.flag()
    x, seed = any_leaf(B, draw)
    y = made(B, forward=forward, backward=backward).apply(x * 1)
    y.backward(seed, retain_graph=again)
    see.same("the node", kept[0], y.grad_fn)
    see.raises("afterwards", lambda: kept[0].saved_tensors)
    see.raises("raw", lambda: len(kept[0]._raw_saved_tensors))
    see.raises("again", lambda: y.backward(seed))
    see.raises("at last", lambda: kept[0].saved_tensors)
    see("printed", repr(y.grad_fn).partition(" at ")[0])


@program
def dirty_and_without_gradient(B: Any, draw: Any, see: Any) -> None:
    def forward(ctx, a):
        if written:
            ctx.mark_dirty(a.add_(1))
        ctx.mark_non_differentiable(a)
        return a, a * 2

    def backward(ctx, g, h):
        see("gradients", [g, h])
        return h * 2

    written = draw.flag()
    x, seed = any_leaf(B, draw)
    y = draw.choice([lambda: x * 1, lambda: x.detach().clone(), lambda: (x * 1).view(x.shape)])()

    def call():
        first, second = made(B, forward=forward, backward=backward).apply(y)
        see.same("the input", first, y)
        see("results", [first, second])
        see("views", [first._is_view(), y._is_view()])
        if second.requires_grad:
            second.backward(seed)
        return y

    see.raises("y", call)
    see("gradient of x", x.grad)


@program
def tensors_of_elsewhere_returned(B: Any, draw: Any, see: Any) -> None:
    x, seed = any_leaf(B, draw, 1)
    other = draw.choice([lambda: x.detach().requires_grad_(), lambda: x * 2, lambda: x * 1, lambda: x.detach(), lambda: x.detach() > 0])()
    other = other.view(other.shape) if draw.flag() else other
    view = other[:1]
    Other = made(B, forward=lambda ctx, a: other, backward=lambda ctx, g: g * 5)

    def call():
        y = Other.apply(x)
        see.same("the same object", y, other)
        see("result", y)
        return other

    see.raises("other", call)
    see.raises("a view of it", lambda: view)
    if other.requires_grad and not other.is_leaf:
        see.raises("backward", lambda: other.backward(seed))
    see("gradient of x", x.grad)


@program
def gradients_for_what_needs_none(B: Any, draw: Any, see: Any) -> None:
    def backward(ctx, g):
        see("needs", ctx.needs_input_grad)
        extra = {"zeros": g * 0, "the same": g, "None": None, "another shape": g.sum(), "a number": 1.0}[kind]
        return g * 2, extra, extra

    kind = draw.choice(["zeros", "the same", "None", "another shape", "a number"])
    x, seed = any_leaf(B, draw)
    constant, whole = x.detach() * 3, draw.integers(x.shape)
    y = made(B, forward=lambda ctx, a, b, i: a * b, backward=backward).apply(x, constant, whole)
    see.raises("backward", lambda: y.backward(seed))
    see("gradients", [x.grad, constant.grad, whole.grad])


@program
def inherited_functions(B: Any, draw: Any, see: Any) -> None:
    class Scale(B.autograd.Function):
        factor = 3

        @classmethod
        def forward(cls, ctx, *tensors):
            ctx.count = len(tensors)
            return sum(tensors) * cls.factor

        @classmethod
        def backward(cls, ctx, g):
            return tuple(g * cls.factor * i for i in range(ctx.count))

    class Five(Scale):
        factor = 5

    class Both(Five):
        @staticmethod
        def backward(ctx, g):
            return (g,) * ctx.count

    x, seed = any_leaf(B, draw)
    function, count = draw.choice([Scale, Five, Both]), draw.integer(1, 3)
    others = [x.detach().clone().requires_grad_(draw.flag()) for _ in range(count)]
    y = function.apply(x, *others)
    see("node", [y.grad_fn.name(), type(y.grad_fn) is function._backward_cls, type(y.grad_fn) is Scale._backward_cls])
    y.backward(seed)
    see("gradients", [x.grad, *(one.grad for one in others)])
    see.raises("of nothing", lambda: function.apply())


@program
def saved_and_set_at_any_time(B: Any, draw: Any, see: Any) -> None:
    when = draw.choice(["twice", "twice, nothing", "in backward", "on the node", "an attribute"])

    def forward(ctx, a):
        ctx.factor = 2
        if when.startswith("twice"):
            ctx.save_for_backward(a)
            ctx.save_for_backward(*(() if when.endswith("nothing") else (a * 2, a)))
        return a * 2

    def backward(ctx, g):
        if when == "in backward":
            ctx.save_for_backward(g)
        see("saved", ctx.saved_tensors)
        return g * ctx.factor

    x, seed = any_leaf(B, draw)
    y = made(B, forward=forward, backward=backward).apply(x)
    if when == "on the node":
        y.grad_fn.save_for_backward(x)
    if when == "an attribute":
        y.grad_fn.factor = draw.integer(3, 5)
    see("before", y.grad_fn.saved_tensors)
    y.backward(seed, retain_graph=draw.flag())
    see.raises("after", lambda: y.grad_fn.saved_tensors)
    see("gradient of x", x.grad)


@program
def a_backward_that_fails_once(B: Any, draw: Any, see: Any) -> None:
    runs = []

    def forward(ctx, a):
        ctx.save_for_backward(a)
        return a * 2

    def backward(ctx, g):
        runs.append(B.is_grad_enabled())
        if len(runs) == 1:
            raise ValueError("the first time")
        return g * ctx.saved_tensors[0]

    x, seed = any_leaf(B, draw)
    create = draw.flag()
    y = made(B, forward=forward, backward=backward).apply(x) * x
    for _ in range(3):
        see.raises("gradient", lambda: B.autograd.grad(y, x, seed, create_graph=create, retain_graph=create))
    see("modes", [*runs, B.is_grad_enabled()])


@program
def which_output_is_used(B: Any, draw: Any, see: Any) -> None:
    x, seed = any_leaf(B, draw)
    Parts = made(B, forward=lambda ctx, a: (a * 2, a + 1, a - 1), backward=lambda ctx, *gs: gs[0] * 2 + gs[1] * 3 + gs[2] * 5)
    parts = Parts.apply(x)
    one, other = parts[draw.integer(0, 2)], parts[draw.integer(0, 2)]
    product = one * other
    node = product.grad_fn
    see("numbers", [number for _, number in node.next_functions])
    see("of the saved", [node._saved_self.output_nr, node._saved_other.output_nr])
    see.same("the very tensor", node._saved_self, one)
    product.backward(seed)
    see("gradient of x", x.grad)


@program
def dirty_beside_other_results(B: Any, draw: Any, see: Any) -> None:
    def forward(ctx, a, b):
        (b if second else a).add_(1)
        ctx.mark_dirty(b if second else a)
        results = [b if second else a, a * 2, b * 3]
        return tuple(results[i] for i in order)

    def backward(ctx, *gs):
        return gs[0] + gs[1] * 2, gs[2] * 3 + gs[0]

    second, order = draw.flag(), draw.choice([(0, 1, 2), (1, 0, 2), (2, 1, 0)])
    x, seed = any_leaf(B, draw)
    a, b = x * 1, (x * 2 if draw.flag() else x.detach() * 2)
    results = made(B, forward=forward, backward=backward).apply(a, b)
    see.same("the written one", results[order.index(0)], b if second else a)
    see("numbers", [one.output_nr for one in results])
    see("results", results)
    see("arguments", [a, b])
    (results[0] + results[1] * 2 - results[2]).backward(seed)
    see("gradient of x", x.grad)


@program
def gradients_of_gradients_of_what_was_saved(B: Any, draw: Any, see: Any) -> None:
    def forward(ctx, a):
        result = a.exp()
        ctx.save_for_backward(a, result)
        return result

    def backward(ctx, g):
        a, result = ctx.saved_tensors
        see("result", result)
        return g * result if whole else g * a.exp()

    whole = draw.flag()
    x = draw.floats(draw.shape(0, 2), draw.dtype(), requires_grad=True)
    y = made(B, forward=forward, backward=backward).apply(x)
    for _ in range(draw.integer(1, 3)):
        (y,) = B.autograd.grad(y, x, draw.floats(x.shape, x.dtype), create_graph=True)
        see("gradient", y)
    see.graph("graph", y)
    y.backward(draw.floats(x.shape, x.dtype))
    see("gradient of x", x.grad)


@program
def an_output_kept_in_the_context(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    def forward(ctx, a):
        ctx.table = {}
        ctx.save_for_backward(a)
        return a * a

    x, seed = any_leaf(B, draw)
    y = made(B, forward=forward, backward=lambda ctx, g: g * 2 * ctx.saved_tensors[0]).apply(x)
    gc.freeze()  # collecting then looks at what is made here alone
    y.grad_fn.table["y"] = y
    if draw.flag():
        y.backward(seed)
    ref = weakref.ref(y)
    del y
    see("alive", ref() is not None)
    gc.collect()
    see("dead", ref() is None)
    gc.unfreeze()
    see("gradient of x", x.grad)
