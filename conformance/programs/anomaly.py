"""Anomaly mode: which node failed, where it was recorded, and NaN as an error."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def nan_in_backward(B: Any, draw: Any, see: Any) -> None:
    import warnings

    x = draw.floats((2,), requires_grad=True)
    func = draw.choice(
        [lambda: (x * 0).sqrt() * 0, lambda: x.log() * B.inf * 0, lambda: x / 0 * 0, lambda: x * x, lambda: (x - x).sqrt() / x]
    )
    check, outside = not draw.flag(), draw.flag()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if outside:
            y = func()
        with B.autograd.detect_anomaly(check_nan=check):
            y = y if outside else func()
            see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("warnings", [[w.category.__name__, str(w.message).partition(" (Trig")[0].split("\n")[0]] for w in caught])
    see("told the line", ["y = y if outside else func()" in str(w.message) for w in caught])
    see("x.grad", x.grad)


@program
def an_error_in_backward(B: Any, draw: Any, see: Any) -> None:
    import warnings

    Fails, Calls, _ = failing(B)

    def hook(g):
        raise KeyError("in the hook")

    def nested():
        seed = B.ones(2, requires_grad=True)
        (first,) = B.autograd.grad(Calls.apply(x), x, seed, create_graph=True)
        first.backward(draw.floats((2,)))

    def stale():
        y = x.exp()
        y.mul_(2)
        y.backward(draw.floats((2,)))

    def hooked():
        y = x.exp()
        y.register_hook(hook)
        y.backward(draw.floats((2,)))

    x = draw.floats((2,), requires_grad=True)
    cases = {"in a Function": lambda: Fails.apply(x).backward(draw.floats((2,))), "nested": nested, "stale": stale, "in a hook": hooked}
    name = draw.choice(list(cases))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with B.autograd.detect_anomaly():
            see.raises(name, cases[name])
    texts = [str(w.message).partition(" (Trig")[0] for w in caught]
    see("warnings", [text.strip().split("\n")[0] for text in texts])
    see("told the line", [line in texts[1] for line in ("Fails.apply(x)", "return Fails.apply(g)", "y = x.exp()")])
    see("and the line before", ["Calls.apply(x)" in text for text in texts[2:]])


@program
def warnings_as_errors(B: Any, draw: Any, see: Any) -> None:
    import contextlib
    import io
    import warnings

    x = draw.floats((2,), requires_grad=True)
    y = (x * 0).sqrt() * 0
    printed = io.StringIO()
    with warnings.catch_warnings(), B.autograd.set_detect_anomaly(True), contextlib.redirect_stderr(printed):
        warnings.simplefilter("error")
        see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("printed", printed.getvalue().partition(" (Trig")[0])


@program
def switching(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd

    def state():
        return [B.is_anomaly_enabled(), B.is_anomaly_check_nan_enabled()]

    see("at first", state())
    outer = draw.flag()
    with A.set_detect_anomaly(outer):
        see("outer", state())
        with see.warns("detect", lambda: A.detect_anomaly(check_nan=draw.flag())):
            see("inner", state())
            with A.set_detect_anomaly(False):
                see("off", state())
            see("on again", state())
        see("after", state())
    A.set_detect_anomaly(True)
    see("by a call", state())
    y = draw.floats((2,), requires_grad=True).exp()
    see("kept", [*y.grad_fn.metadata])
    A.set_detect_anomaly(False)
    see("at last", state())


@program
def metadata_of_nodes(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    class Mark:
        pass

    gc.disable()
    try:
        with B.autograd.set_detect_anomaly(True):
            x = draw.floats((2,), requires_grad=True)
            y = x.exp()
            mark = y.grad_fn.metadata["mark"] = Mark()
            ref = weakref.ref(mark)
            del mark
            y.grad_fn.metadata["number"] = 1
            y.grad_fn.metadata.update(number=draw.number())
            see("metadata", sorted(y.grad_fn.metadata))
            see("the last line", y.grad_fn.metadata["traceback_"][-1].strip().splitlines()[-1].strip())
            see.same("the same dict", y.grad_fn.metadata, y.grad_fn.metadata)
            (g,) = B.autograd.grad(y.sum(), x, create_graph=True)
            see("a parent is known", sorted(g.grad_fn.metadata))
            see("alive", ref() is not None)
            del y
            see("kept by the gradient", ref() is not None)
            del g
            see("dead", ref() is None)
    finally:
        gc.enable()


@program
def nan_of_custom_functions(B: Any, draw: Any, see: Any) -> None:
    import warnings

    class Bad(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c):
            return a + b + c

        @staticmethod
        def backward(ctx, g):
            gs = [g.clone(), g.clone(), g.clone()]
            gs[which][0] = B.nan
            return tuple(gs)

    which, other = draw.integer(0, 2), draw.integer(0, 2)
    leaves = [draw.floats((2,), requires_grad=draw.flag() or k == other) for k in range(3)]
    inputs = [leaves[other]] if draw.flag() else None  # the others' gradients, of NaN or not, are asked for by nobody
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with B.autograd.detect_anomaly():
            see.raises("backward", lambda: Bad.apply(*leaves).sum().backward(inputs=inputs))
        with B.autograd.detect_anomaly(check_nan=False):
            see.raises("not checked", lambda: Bad.apply(*leaves).sum().backward(inputs=inputs))
    see("warnings", [str(w.message).split("\n")[0].partition(" (Trig")[0] for w in caught])
    see("gradients", [leaf.grad for leaf in leaves])


def caught_in_anomaly_mode(B: Any, see: Any, call: Any, line: str) -> None:
    """Records what `call` raises in anomaly mode, what each warning begins with, and whether it shows that line of the program."""
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with B.autograd.detect_anomaly():
            see.raises("backward", call)
    see("warnings", [str(w.message).strip().split("\n")[0].partition(" (Trig")[0] for w in caught])
    see("told the line", [line in str(w.message) for w in caught])


def failing(B: Any) -> Any:
    """A Function whose backward fails, one whose backward calls it, and one whose backward calls that."""

    class Fails(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            raise ValueError("in backward")

    class Calls(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return Fails.apply(g) * 1

    class CallsThat(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return Calls.apply(g)

    return Fails, Calls, CallsThat


@program
def three_backwards_deep(B: Any, draw: Any, see: Any) -> None:
    depth, shape = draw.integer(0, 2), draw.shape()
    function = failing(B)[depth]
    x = draw.floats(shape, draw.dtype(), requires_grad=True)
    seeds = [draw.floats(shape, x.dtype, requires_grad=True) for _ in range(depth + 1)]

    def nested():
        y, by = function.apply(x), x
        for seed in seeds[:depth]:
            (y,), by = B.autograd.grad(y, by, seed, create_graph=True), seed
        y.backward(seeds[-1])

    caught_in_anomaly_mode(B, see, nested, "y, by = function.apply(x), x")


@program
def nan_that_hooks_bring(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(), draw.dtype("float32", "float64", "complex64", "float16"), requires_grad=True)

    def spoiled(gs):
        return tuple(None if g is None else g * B.nan for g in gs)

    def backward():
        y = x * 2
        z = y.exp() + y
        node = y.grad_fn
        {
            "a tensor": lambda: y.register_hook(lambda g: g * B.nan),
            "a leaf": lambda: x.register_hook(lambda g: g * B.nan),
            "before a node": lambda: node.register_prehook(spoiled),
            "after a node": lambda: node.register_hook(lambda ins, outs: spoiled(ins)),
            "before a leaf": lambda: node.next_functions[0][0].register_prehook(spoiled),
            "the cotangent": lambda: seed.mul_(B.nan),
        }[where]()
        z.backward(seed)

    where = draw.choice(["a tensor", "a leaf", "before a node", "after a node", "before a leaf", "the cotangent"])
    seed = B.ones_like(x).detach() * draw.number()
    caught_in_anomaly_mode(B, see, backward, "y = x * 2")
    see("x.grad", None if x.grad is None else x.grad.isnan())


@program
def errors_of_every_node(B: Any, draw: Any, see: Any) -> None:
    Fails, _, _ = failing(B)

    def fails(*_):
        raise KeyError("in a hook")

    def writes():
        y = x * 1
        y[0].mul_(2)
        Fails.apply(y[0]) if how == "a piece" else y[0].sqrt_().mul_(2)
        (y + Fails.apply(y)).backward(seed) if how == "a piece" else y.backward(seed)

    def leaf():
        y = x * 1
        {"a leaf": x.register_hook, "a node": y.grad_fn.register_hook, "grad": x.register_post_accumulate_grad_hook}[how](fails)
        y.backward(seed)

    def once():
        function: Any = type(
            "Once",
            (B.autograd.Function,),
            {
                "forward": staticmethod(lambda ctx, a: a * 1),
                "backward": staticmethod(B.autograd.function.once_differentiable(lambda ctx, g: g * 2)),
            },
        )
        start = seed.clone().requires_grad_()
        (g,) = B.autograd.grad(function.apply(x), x, start, create_graph=True)
        g.backward(seed)

    how = draw.choice(["a piece", "a write", "a leaf", "a node", "grad", "once"])
    x = draw.floats(draw.shape(1, 2), requires_grad=True)
    seed = draw.floats(x.shape)
    caught_in_anomaly_mode(B, see, {"a piece": writes, "a write": writes, "once": once}.get(how, leaf), "y = x * 1")


@program
def every_warning_an_error(B: Any, draw: Any, see: Any) -> None:
    import contextlib
    import io
    import warnings

    x = draw.floats((2,), requires_grad=True)
    Fails, Calls, _ = failing(B)
    printed, inside = io.StringIO(), draw.flag()

    def backward():
        with B.autograd.set_detect_anomaly(True):
            if inside:
                start = B.ones(2, requires_grad=True)
                (y,) = B.autograd.grad(Calls.apply(x), x, start, create_graph=True)
            else:
                y = outside
            y.backward(draw.floats((2,)))

    outside = Fails.apply(x)
    with warnings.catch_warnings(), contextlib.redirect_stderr(printed):
        warnings.simplefilter("error")
        see.raises("backward", backward)
    see(
        "printed",
        [line in printed.getvalue() for line in ("FailsBackward", "CallsBackward", "No forward pass", "Calls.apply(x), x, start")],
    )
    see("state", [B.is_anomaly_enabled(), B.is_anomaly_check_nan_enabled()])


@program
def switched_by_what_is_no_flag(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd
    bad = draw.choice([1, None, "yes", 0.0, [], True])

    def enter():
        with A.detect_anomaly(check_nan=bad):
            see("inside", [B.is_anomaly_enabled(), B.is_anomaly_check_nan_enabled()])

    see.raises("mode", lambda: (A.set_detect_anomaly(bad), 1)[1])
    see.raises("check", lambda: (A.set_detect_anomaly(draw.flag(), bad), 1)[1])
    see("state", [B.is_anomaly_enabled(), B.is_anomaly_check_nan_enabled()])
    A.set_detect_anomaly(False)
    see.warns("entering", lambda: see.raises("entered", enter))
    see.raises("a decorator", lambda: A.set_detect_anomaly(False)(lambda: 3))
    see.raises("no mode", lambda: A.set_detect_anomaly())
    see("at last", [B.is_anomaly_enabled(), B.is_anomaly_check_nan_enabled()])
    A.set_detect_anomaly(False)
