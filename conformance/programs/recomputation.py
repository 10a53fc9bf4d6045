"""Checkpoints in detail: what they take and return, how often they run, what they notice, and what is left of them."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def what_may_be_given_and_returned(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x, y = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    kind = draw.choice(["dict", "tuple", "mixed", "keywords", "none", "text", "detached"])

    def function(a, b, *, table=None, factor=2.0):
        c = (a * b).exp() * factor
        if table is not None:
            c = c * table["t"]
        return {
            "dict": {"c": c, "n": 1},
            "tuple": (c, a + b),
            "mixed": (c, None, "text", [a * 2]),
            "keywords": c,
            "none": None,
            "text": "text",
            "detached": c.detach(),
        }[kind]

    keywords = {"table": {"t": y}, "factor": draw.number()} if kind == "keywords" else {}
    result = C.checkpoint(function, x, y, use_reentrant=False, **keywords)
    see("kind", type(result).__name__)
    out = result["c"] if kind == "dict" else result[0] if kind in ("tuple", "mixed") else result
    if isinstance(out, B.Tensor):
        see("out", out)
        if out.requires_grad:
            out.backward(draw.floats((2,)))
    see("gradients", [x.grad, y.grad])


@program
def reentrant_results(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x = draw.floats((2,), requires_grad=True)
    kind = draw.choice(["tuple", "mixed", "detached", "in a list", "none requires"])

    def function(a):
        return {
            "tuple": lambda: (a * 2, a.exp()),
            "mixed": lambda: (a * 2, "text", (a > 0), a.detach()),
            "detached": lambda: a.detach() * 2,
            "in a list": lambda: [a * 2],
            "none requires": lambda: (a > 0).float(),
        }[kind]()

    see.raises("result", lambda: C.checkpoint(function, x, use_reentrant=True)[0])

    def backward():
        result = C.checkpoint(function, x, use_reentrant=True)
        out = result[0] if isinstance(result, tuple) else result
        out.backward(draw.floats((2,)))

    see.raises("backward", backward)
    see("x.grad", x.grad)


@program
def without_recording(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    calls = []
    x = draw.floats((2,), requires_grad=True)

    def function(a):
        calls.append(B.is_grad_enabled())
        with B.no_grad():
            b = a * 3
        return a.exp() * b

    def inside(a):
        with B.enable_grad():
            return a * a

    reentrant = draw.flag()
    packed: list[Any] = []
    hooks = B.autograd.graph.saved_tensors_hooks(lambda t: (packed.append(list(t.shape)), t)[1], lambda t: t)
    with B.no_grad(), hooks:
        see("outside", C.checkpoint(function, x, use_reentrant=reentrant))
        see("packed", packed)
        z = C.checkpoint(inside, x, use_reentrant=reentrant)
    see("packed of what records itself", packed)
    see("recorded inside", z.requires_grad)
    y = C.checkpoint(function, x, use_reentrant=reentrant)
    with B.enable_grad():
        y.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see("calls", calls)


@program
def hooks_of_parameters_used_on_both_sides(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    calls = []
    w = draw.floats((2,), requires_grad=True)
    x = draw.floats((2,), requires_grad=True)
    w.register_hook(lambda g: (calls.append("tensor hook"), see("gradient of w", g))[1])
    w.register_post_accumulate_grad_hook(lambda t: calls.append("accumulated"))
    reentrant = draw.flag()
    y = C.checkpoint(lambda a: (a * w).sin() * w, x, use_reentrant=reentrant)
    y.grad_fn.register_hook(lambda inputs, outputs: calls.append("node"))
    (y * w).backward(draw.floats((2,)))
    see("calls", calls)
    see("gradients", [w.grad, x.grad])


@program
def saved_values_as_they_were(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x, plain = draw.floats((2,), requires_grad=True), draw.floats((2,))
    counts = []

    def function(a):
        counts.append(1)
        return a * plain

    y = C.checkpoint(function, x, use_reentrant=False)
    see.same("the same object", y.grad_fn._saved_other, plain)
    see.raises("saved", lambda: y.grad_fn._saved_other)
    see("counts", len(counts))
    y.backward(draw.floats((2,)))
    see("counts after", len(counts))
    see.raises("freed", lambda: y.grad_fn._saved_other)
    see("x.grad", x.grad)


@program
def reading_a_saved_result(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    counts = []

    def function(a):
        counts.append(1)
        return a.exp()

    x = draw.floats((2,), requires_grad=True)
    y = C.checkpoint(function, x, use_reentrant=False)
    for _ in range(draw.integer(0, 3)):
        see("saved", y.grad_fn._saved_result)
    see("counts", len(counts))
    y.backward(draw.floats((2,)), retain_graph=True)
    see("counts after", len(counts))
    y.backward(draw.floats((2,)))
    see("counts after both", len(counts))
    see.raises("freed", lambda: y.grad_fn._saved_result)
    see("x.grad", x.grad)


@program
def unpacked_twice_in_one_backward(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    times = draw.integer(1, 2)

    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            for _ in range(times):
                (a,) = ctx.saved_tensors
            return 2 * a * g

    x = draw.floats((2,), requires_grad=True)
    y = C.checkpoint(lambda a: Square.apply(a.sin()), x, use_reentrant=False)
    see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def stopping_as_of_forward(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    calls = []

    def function(a):
        b = a.exp()
        b = b.sin()
        calls.append(1)
        return b.clone()

    x = draw.floats((2,), requires_grad=True)
    forward, backward = draw.flag(), draw.flag()
    with C.set_checkpoint_early_stop(forward):
        with C.set_checkpoint_early_stop(not forward):
            pass
        y = C.checkpoint(function, x, use_reentrant=False)
    with C.set_checkpoint_early_stop(backward):
        y.backward(draw.floats((2,)))
    see("calls", len(calls))
    y = C.checkpoint(function, x, use_reentrant=False, early_stop=draw.flag())
    y.backward(draw.floats((2,)))
    see("calls by keyword", len(calls))


@program
def debugging_what_changes(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    runs = [0]
    how = draw.choice(["fewer", "more", "another shape", "another dtype"])

    def function(a):
        runs[0] += 1
        b = a.sin().exp()
        if runs[0] > 1:
            if how == "fewer":
                return a.sin()
            if how == "more":
                return b.exp().exp()
            if how == "another shape":
                return a[:1].sin().exp()
            return a.double().sin().exp()
        return b

    x = draw.floats((2,), requires_grad=True)
    early, check = draw.flag(), draw.choice(["default", "none"])
    with C.set_checkpoint_early_stop(early):
        y = C.checkpoint(function, x, use_reentrant=False, determinism_check=check)

    see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("runs", runs)


@program
def what_debugging_lists(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    runs = [0]
    w = draw.floats((2, 2))
    steps = [
        lambda a: a.exp(),
        lambda a: a.clone().mul_(2),
        lambda a: a + a.sum(),
        lambda a: B.cat([a, a])[1:],
        lambda a: (a.reshape(2, 1) * 3 - a).t().sum(0, keepdim=True).flatten(),
        lambda a: a.double() / 2,
        lambda a: a.max(0).values * a,
        lambda a: a.chunk(2)[0] * a.detach(),
        lambda a: a.square().relu().mean(),
        lambda a: a.softmax(-1).sqrt(),
        lambda a: (a.expand(2, a.numel()) @ a).sin(),
        lambda a: B.where(a > 0, a, -a),
        lambda a: (a.reshape(-1)[:1] * w).tanh()[0],
    ]
    same = [draw.choice(steps) for _ in range(draw.integer(0, 2))]
    first = [draw.choice(steps) for _ in range(draw.integer(1, 2))]
    second = [draw.choice(steps) for _ in range(draw.integer(0, 2))]

    def function(a):
        runs[0] += 1
        for step in same + (first if runs[0] == 1 else second):
            a = step(a)
        return a

    x = draw.floats((2,), requires_grad=True)
    how = draw.choice(["keyword", "enabled", "disabled", "neither"])
    early = draw.flag()
    enabled = {"enabled": True, "disabled": False}.get(how)
    with C.set_checkpoint_debug_enabled(enabled):
        y = C.checkpoint(function, x, use_reentrant=False, debug=how in ("keyword", "disabled"), early_stop=early)

    def backward():
        try:
            y.sum().backward()
        except C.CheckpointError as error:
            see("cause", None if error.__cause__ is None else str(error.__cause__))
            here = function.__code__.co_filename
            lines = str(error).split("\n")
            callers = [one for one in lines if one.startswith(here) and not one.endswith("backward")]
            see("called from", [one.removeprefix(here) for one in callers])
            shown = [one for one in lines if one[:1] not in ("/", "?", "<") and ".cpp:" not in one and ".c:" not in one and one[:2] != "./"]
            raise type(error)("\n".join(shown)) from None

    see.raises("backward", backward)
    see("runs", runs)


@program
def checkpoints_in_checkpoints(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    calls = []
    depth = draw.integer(1, 3)

    def nested(level):
        def function(a):
            calls.append(level)
            b = a.sin()
            if level:
                b = C.checkpoint(nested(level - 1), b, use_reentrant=False)
            return b.exp() * a

        return function

    x = draw.floats((2,), B.float64, requires_grad=True)
    y = C.checkpoint(nested(depth), x, use_reentrant=False)
    if draw.flag():
        (g,) = B.autograd.grad(y.sum(), x, create_graph=True)
        see("gradient", g)
        (h,) = B.autograd.grad(g.sum(), x, create_graph=True)
        see("second gradient", h)
    else:
        y.backward(draw.floats((2,), B.float64))
        see("x.grad", x.grad)
    see("calls", calls)


@program
def gradients_inside_of_checkpoints(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    inside = draw.flag()

    def inner(a):
        return (a**3).sin()

    def gradient(a):
        y = inner(a) if inside else C.checkpoint(inner, a, use_reentrant=False)
        (g,) = B.autograd.grad(y.sum(), a, create_graph=True)
        return g

    x = draw.floats((2,), B.float64, requires_grad=True)
    y = C.checkpoint(gradient, x, use_reentrant=False) if inside else gradient(x)
    (g,) = B.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = B.autograd.grad(g.sum(), x)
    see("gradients", [y, g, h])


@program
def gradients_before_the_end(B: Any, draw: Any, see: Any) -> None:
    """Of what a checkpoint has kept so far: computed again, it keeps more than is there yet."""
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    runs = []

    def function(a):
        runs.append(1)
        y = (a**3).sin()
        for _ in range(times):
            (g,) = B.autograd.grad(y.sum(), a, retain_graph=True, create_graph=record)
            y = y * g
        return y.exp() * a

    times, record = draw.integer(1, 2), draw.flag()
    x = draw.floats((2,), B.float64, requires_grad=True) / 8
    y = C.checkpoint(function, x, use_reentrant=False, early_stop=draw.flag())
    see("value", y)
    see("runs", len(runs))
    see.raises("gradient", lambda: B.autograd.grad(y, x, draw.floats((2,), B.float64)))
    see("runs in all", len(runs))


@program
def what_nobody_keeps_may_change(B: Any, draw: Any, see: Any) -> None:
    """What the first run kept and dropped may be of another shape, or dtype, in the second; what is still needed may not."""
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    runs = []

    def function(a):
        runs.append(1)
        first = len(runs) == 1
        aside = (a if first or same else a[:1] if shorter else a.float()).exp()
        y = a.sin() * 2
        return y + aside.sum() if needed else y

    same, shorter, needed = draw.flag(), draw.flag(), draw.flag()
    x = draw.floats((2,), B.float64, requires_grad=True)
    y = C.checkpoint(function, x, use_reentrant=False, early_stop=not draw.flag())
    see.raises("backward", lambda: y.backward(draw.floats((2,), B.float64)))
    see("x.grad", x.grad)


@program
def modules_and_their_segments(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    nn = B.nn
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2), nn.ReLU())
    with B.no_grad():
        for p in model.parameters():
            p.copy_(draw.floats(tuple(p.shape)))
    x = draw.floats((2, 2), requires_grad=True)
    segments, reentrant = draw.integer(1, 3), draw.flag()
    y = see.warns("warnings", lambda: C.checkpoint_sequential(model, segments, x, use_reentrant=reentrant))
    see("y", y)
    y.sum().backward()
    see("gradients", [x.grad, *(p.grad for p in model.parameters())])


@program
def graphs_of_checkpoints_die(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref
    from importlib import import_module

    gc.freeze()  # collecting then looks at what is made here alone
    C = import_module(B.__name__ + ".utils.checkpoint")

    class Mark:
        pass

    x = draw.floats((2,), requires_grad=True)
    y = C.checkpoint(lambda a: a.sin().exp(), x, use_reentrant=draw.flag())
    mark = y.grad_fn.metadata["mark"] = Mark()
    ref = weakref.ref(mark)
    del mark
    if draw.flag():
        y.backward(draw.floats((2,)))
    see("alive", ref() is not None)
    del y
    gc.collect()
    see("dead", ref() is None)
    gc.unfreeze()


@program
def many_small_networks(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x = draw.floats((2,), requires_grad=True)
    w = draw.floats((2,), requires_grad=True)
    y = x
    for _ in range(draw.choice([*[2, 5, 10, 20] * 5, 2000])):
        y = C.checkpoint(lambda a: (a * w).sin(), y, use_reentrant=False)
    y.backward(draw.floats((2,)))
    see("finished", [x.grad is not None, w.grad is not None])


@program
def contexts_around_both_runs(B: Any, draw: Any, see: Any) -> None:
    from contextlib import contextmanager
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    order = []

    @contextmanager
    def around(name):
        order.append(f"{name} in")
        yield
        order.append(f"{name} out")

    def function(a):
        order.append("run")
        return a.sin().exp()

    x = draw.floats((2,), requires_grad=True)
    y = C.checkpoint(function, x, use_reentrant=False, context_fn=lambda: (around("first"), around("second")))
    order.append("backward")
    y.backward(draw.floats((2,)))
    see("order", order)
    see.raises("reentrant", lambda: C.checkpoint(function, x, use_reentrant=True, context_fn=lambda: (around("a"), around("b"))))


@program
def with_other_hooks_around(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    graph = B.autograd.graph
    packed = []

    def pack(t):
        packed.append(tuple(t.shape))
        return t

    x = draw.floats((2,), requires_grad=True)
    inside = draw.flag()

    def function(a):
        if inside:
            with graph.saved_tensors_hooks(pack, lambda t: t):
                return a.sin().exp()
        return a.sin().exp()

    if inside:
        y = C.checkpoint(function, x, use_reentrant=False)
    else:
        with graph.saved_tensors_hooks(pack, lambda t: t), graph.save_on_cpu():
            y = C.checkpoint(function, x, use_reentrant=False) * x
    see("packed", packed)
    y.backward(draw.floats((2,)))
    see("packed after", packed)
    see("x.grad", x.grad)
