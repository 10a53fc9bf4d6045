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
            return Fails.apply(g)

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

    which = draw.integer(0, 2)
    leaves = [draw.floats((2,), requires_grad=draw.flag() or k == which) for k in range(3)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with B.autograd.detect_anomaly():
            see.raises("backward", lambda: Bad.apply(*leaves).sum().backward())
        with B.autograd.detect_anomaly(check_nan=False):
            see.raises("not checked", lambda: Bad.apply(*leaves).sum().backward())
    see("warnings", [str(w.message).split("\n")[0].partition(" (Trig")[0] for w in caught])
    see("gradients", [leaf.grad for leaf in leaves])
