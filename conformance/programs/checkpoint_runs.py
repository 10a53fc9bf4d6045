"""Checkpoints run again: with the same random numbers, after errors and writes, for several results, orders, dtypes and tangents."""

from __future__ import annotations

from typing import Any

from .declare import program


def checkpoints(B: Any) -> Any:
    from importlib import import_module

    return import_module(B.__name__ + ".utils.checkpoint")


@program
def random_numbers_are_drawn_again(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)
    x = draw.floats((20,), requires_grad=True)
    reentrant, preserve, seed = draw.flag(), not draw.flag(), draw.integer(0, 9)
    seed_of_backward = draw.floats((20,))
    random = draw.choice([lambda a: a * B.rand(20), lambda a: B.nn.functional.dropout(a, 0.5), lambda a: a * B.randn(20).sin() * a[0]])

    def run(through, backward):
        B.manual_seed(seed)
        y = C.checkpoint(random, x, use_reentrant=reentrant, preserve_rng_state=preserve) if through else random(x)
        x.grad = None
        if backward:
            y.backward(seed_of_backward)
        return y.detach(), x.grad, B.rand(5)

    plain, made, unused = run(False, True), run(True, True), run(True, False)
    see("the same values", bool((plain[0] == made[0]).all()))
    see("the same gradient", bool((plain[1] == made[1]).all()))
    see("goes on as before", [bool((plain[2] == made[2]).all()), bool((plain[2] == unused[2]).all())])


@program
def segments_of_any_number(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)
    kinds = [lambda t: t * t, lambda t: t.exp(), lambda t: t * 2, lambda t: t.sin(), lambda t: t + 1]
    steps = [draw.choice(kinds) for _ in range(draw.integer(0, 5))]
    x = draw.floats(draw.shape(), draw.dtype(), requires_grad=True)
    segments, words = draw.integer(0, 4), draw.choice([{}, {"preserve_rng_state": False}, {"other": 1}])

    def call():
        y = C.checkpoint_sequential(steps, segments, x, use_reentrant=words != {}, **words)
        see.graph("graph", y)
        (y * 1).backward(draw.floats(x.shape, x.dtype))
        return y

    see.raises("result", call)
    see("x.grad", x.grad)
    see.raises("two arguments", lambda: C.checkpoint_sequential(steps, 1, x, x, x, use_reentrant=False))


@program
def runs_that_fail(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)
    runs = []
    reentrant, which = draw.flag(), draw.integer(1, 3)

    def function(a):
        runs.append(B.is_grad_enabled())
        b = a.exp()
        if len(runs) == which:
            raise ValueError(f"run {which}")
        return b.sin()

    x = draw.floats(draw.shape(), requires_grad=True)
    seed = draw.floats(x.shape)

    def call():
        y = C.checkpoint(function, x, use_reentrant=reentrant)
        for _ in range(2):
            see.raises("backward", lambda: y.backward(seed, retain_graph=True))
        return y

    see.raises("result", call)
    see("runs", runs)
    see("x.grad", x.grad)


@program
def what_is_written_inside(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)
    reentrant, of_leaf = draw.flag(), draw.flag()
    x = draw.floats(draw.shape(1), draw.dtype(), requires_grad=True)
    a = x if of_leaf else x * 1
    function = draw.choice(
        [
            lambda a: (a * 1).mul_(2).exp(),
            lambda a: a.mul_(2).exp(),
            lambda a: a,
            lambda a: a.view(-1),
            lambda a: (a * a, a[0].sum()),
            lambda a: a.clone()[:1].exp_(),
            lambda a: a.detach() * a,
        ]
    )

    def call():
        y = C.checkpoint(function, a, use_reentrant=reentrant)
        first = y[0] if isinstance(y, tuple) else y
        see.same("the argument", first, a)
        see("result", y)
        first.backward(draw.floats(first.shape, first.dtype))
        return a

    see.raises("argument", call)
    see("x.grad", x.grad)


@program
def results_used_one_after_the_other(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)
    runs = []

    def function(a, b):
        runs.append(1)
        c = a.exp() * b
        return c, b.sin(), (a * b).cos()

    reentrant, keep = draw.flag(), draw.flag()
    x, y = (draw.floats((2,), requires_grad=True) for _ in range(2))
    results = C.checkpoint(function, x, y, use_reentrant=reentrant, **({} if reentrant else {"early_stop": draw.flag()}))
    for _ in range(3):
        one = results[draw.integer(0, 2)]
        see.raises("backward", lambda one=one: one.backward(draw.floats((2,)), retain_graph=keep))
        see("runs", len(runs))
    see("gradients", [x.grad, y.grad])


@program
def only_some_inputs(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)
    reentrant = draw.flag()
    shape = draw.shape()
    w, x, y = (draw.floats(shape, B.float64, requires_grad=draw.flag()) for _ in range(3))
    result = see.warns("warnings", lambda: C.checkpoint(lambda a, b: (a * w).sin() * b, x, y, use_reentrant=reentrant))
    wanted = [t for t in (w, x, y) if t.requires_grad]
    seed = draw.floats(shape, B.float64)
    if result.requires_grad:
        see.raises("by inputs", lambda: result.backward(seed, inputs=wanted[:1], retain_graph=True))
        see("gradients", [t.grad for t in (w, x, y)])
        see.raises("gradient", lambda: B.autograd.grad(result, wanted[-1:], seed, retain_graph=True, create_graph=True))
        see.raises("backward", lambda: result.backward(seed))
    see("gradients at last", [t.grad for t in (w, x, y)])


@program
def functions_of_users_inside(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)

    class Product(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            middle = a * b
            result = middle + middle
            ctx.save_for_backward(a, b, middle, result)
            return result

        @staticmethod
        def backward(ctx, g):
            a, b, middle, result = ctx.saved_tensors
            see("saved", [middle, result])
            return 2 * g * b.conj(), 2 * g * a.conj()

    dtype = draw.dtype("float32", "float64", "complex64")
    numbers = draw.complexes if dtype.is_complex else draw.floats
    shape = draw.shape()
    x, y = (numbers(shape, dtype, requires_grad=True) for _ in range(2))
    result = C.checkpoint(lambda a, b: Product.apply(a.exp(), b) * a, x, y, use_reentrant=draw.flag())
    result.backward(numbers(shape, dtype))
    see("gradients", [x.grad, y.grad])


@program
def hooks_inside_and_what_they_keep(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)
    kept, order = [], []

    def function(a):
        b = a * 2
        if b.requires_grad:
            b.register_hook(lambda g: order.append("hook"))
            b.retain_grad()
            kept.append(b)
        return (b.exp() * a).sin()

    x = draw.floats(draw.shape(), requires_grad=True)
    y = C.checkpoint(function, x, use_reentrant=draw.flag()) if draw.flag() else function(x)
    x.register_hook(lambda g: order.append("leaf"))
    y.backward(draw.floats(x.shape))
    see("order", order)
    see("retained", [one.grad for one in kept])


@program
def tangents_of_checkpoints(B: Any, draw: Any, see: Any) -> None:
    C, fw = checkpoints(B), B.autograd.forward_ad
    x, t = draw.floats((2,), requires_grad=draw.flag()), draw.floats((2,))
    function = draw.choice([lambda a: a.exp(), lambda a: a * a.sin(), lambda a: (a * 2).sum(), lambda a: a.tanh() / (a + 20)])
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        made = fw.unpack_dual(C.checkpoint(function, dual, use_reentrant=False))
        see("primal", made.primal)
        see("forward gradient", made.tangent)
        if x.requires_grad:
            see.raises("backward", lambda: made.primal.backward(draw.floats(made.primal.shape)))
    see("x.grad", x.grad)


@program
def a_backward_in_a_hook(B: Any, draw: Any, see: Any) -> None:
    C = checkpoints(B)
    order: list[Any] = []
    x, w = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    reentrant, inner = draw.flag(), draw.flag()

    def function(a):
        order.append("run")
        return (a * w).sin() * a

    def hook(*_):
        order.append("hook")
        with B.enable_grad():
            other = x.detach().requires_grad_()
            made = C.checkpoint(function, other, use_reentrant=reentrant) if inner else other.exp() * w
            made.backward(seed)
            see("gradient inside", other.grad)

    y = C.checkpoint(function, x, use_reentrant=reentrant)
    seed = draw.floats((2,))
    draw.choice([y.register_hook, y.grad_fn.register_prehook, y.grad_fn.register_hook, x.register_hook])(hook)
    see.raises("backward", lambda: (y * 2).backward(seed))
    see("order", order)
    see("gradients", [x.grad, w.grad])


@program
def a_backward_amid_that_of_the_same_checkpoint(B: Any, draw: Any, see: Any) -> None:
    """Each of the two computes the call again once, and what one has unpacked the other still finds."""
    C = checkpoints(B)
    runs: list[int] = []
    called: list[int] = []
    inner: list[Any] = []

    def hook(*_):
        called.append(1)
        if len(called) <= most:
            inner.append(B.autograd.grad(y, x, seed, retain_graph=True)[0])

    def function(a):
        runs.append(1)
        b = a.sin()
        if len(runs) == 1 and not on_node:
            b.register_hook(hook)
        c = b.exp()
        if len(runs) == 1 and on_node:
            c.grad_fn.register_hook(hook)
        return c * a

    on_node, most = draw.flag(), draw.integer(0, 2)
    x, seed = draw.floats((2,), B.float64, requires_grad=True) / 8, draw.floats((2,), B.float64)
    y = C.checkpoint(function, x, use_reentrant=False, early_stop=not draw.flag())
    see.raises("gradient", lambda: B.autograd.grad(y, x, seed, retain_graph=draw.flag())[0])
    see("gradients inside", inner)
    see("runs", len(runs))


@program
def gradients_of_the_third_order(B: Any, draw: Any, see: Any) -> None:
    """Every order of the two: a checkpoint around a gradient, and the gradient of a checkpoint."""
    C = checkpoints(B)
    x = draw.floats(draw.shape(0, 1), B.float64, requires_grad=True)

    def checkpointed(f):
        return lambda a: C.checkpoint(f, a, use_reentrant=False)

    def derived(f):
        return lambda a: B.autograd.grad(f(a).sum(), a, create_graph=True)[0]

    function = draw.choice([lambda a: a.sin(), lambda a: a**4, lambda a: a.exp() * a])
    orders = 0
    while orders < 3:
        if draw.flag():
            function = checkpointed(function)
        function = derived(function)
        orders += 1
    if draw.flag():
        function = checkpointed(function)
    y = function(x)
    see("third gradient", y)
    if y.requires_grad:
        see("fourth gradient", B.autograd.grad(y.sum(), x, allow_unused=True)[0])


@program
def saved_elsewhere_inside_and_outside(B: Any, draw: Any, see: Any) -> None:
    import os
    import tempfile
    from contextlib import nullcontext

    C, graph = checkpoints(B), B.autograd.graph
    x = draw.floats((2,), requires_grad=True)
    runs: list[int] = []
    with tempfile.TemporaryDirectory() as folder:

        def pack(t):
            path = os.path.join(folder, str(len(os.listdir(folder))))
            B.save(t, path)
            return path

        places = {
            "nowhere": nullcontext,
            "the processor": graph.save_on_cpu,
            "disk": lambda: graph.saved_tensors_hooks(pack, lambda path: B.load(path, weights_only=False)),
        }
        inside, outside = draw.choice(list(places)), draw.choice(list(places))

        def function(a):
            runs.append(1)
            with places[inside]():
                return (a * 2).sin() * a.exp()

        with places[outside]():
            y = C.checkpoint(function, x * 1, use_reentrant=draw.flag()) * x
        see("files", len(os.listdir(folder)))
        y.backward(draw.floats((2,)))
        see("files after", len(os.listdir(folder)))
    see("runs", len(runs))
    see("x.grad", x.grad)
