"""Generators decorated with a grad mode: the mode holds inside of their bodies alone, whatever is sent, thrown or closed."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def the_mode_inside_and_outside(B: Any, draw: Any, see: Any) -> None:
    decorate = draw.choice([B.no_grad(), B.enable_grad(), B.set_grad_enabled(False), B.inference_mode(), B.no_grad, B.enable_grad])
    B.set_grad_enabled(True)
    outer = draw.flag()
    modes = []

    @decorate
    def count():
        for i in range(3):
            modes.append(["inside", B.is_grad_enabled(), B.is_inference_mode_enabled()])
            received = yield i
            modes.append(["received", received, B.is_grad_enabled()])
        return "done"

    with B.set_grad_enabled(outer):
        for i in count():
            modes.append(["outside", i, B.is_grad_enabled(), B.is_inference_mode_enabled()])
        made = count()
        see("first", next(made))
        modes.append(["after next", B.is_grad_enabled()])
        see("sent", made.send("text"))
        modes.append(["after send", B.is_grad_enabled()])
    see("modes", modes)


@program
def what_is_thrown_in(B: Any, draw: Any, see: Any) -> None:
    modes = []
    answer = draw.choice(["caught", "other", "passed on", "returned"])

    @B.no_grad()
    def body():
        try:
            yield 1
        except ValueError as error:
            modes.append(["handling", B.is_grad_enabled(), str(error)])
            if answer == "other":
                raise KeyError("other") from None
            if answer == "passed on":
                raise
            if answer == "returned":
                return
            yield 2
        finally:
            modes.append(["finally", B.is_grad_enabled()])
        yield 3

    made = body()
    next(made)
    see.raises("thrown", lambda: made.throw(ValueError("thrown in")))
    modes.append(["after", B.is_grad_enabled()])
    see.raises("next", lambda: next(made, "ended"))
    see("modes", modes)


@program
def what_is_closed(B: Any, draw: Any, see: Any) -> None:
    modes = []
    answer = draw.choice(["passed on", "returned", "yields", "other"])
    started = not draw.flag()

    @B.enable_grad()
    def body():
        try:
            modes.append(["inside", B.is_grad_enabled()])
            yield 1
        except GeneratorExit:
            modes.append(["closing", B.is_grad_enabled()])
            if answer == "yields":
                yield 2
            if answer == "other":
                raise KeyError("other") from None
            if answer == "passed on":
                raise
        finally:
            modes.append(["finally", B.is_grad_enabled()])

    with B.no_grad():
        made = body()
        if started:
            next(made)
        see.raises("closed", made.close)
        modes.append(["after", B.is_grad_enabled()])
        see.raises("closed again", made.close)
    see("modes", modes)


@program
def the_mode_changes_in_the_body(B: Any, draw: Any, see: Any) -> None:
    modes = []
    x = draw.floats((2,), requires_grad=True)

    @B.no_grad()
    def body():
        yield x * 2
        with B.enable_grad():
            yield x * 3
        B.set_grad_enabled(True)
        yield x * 4
        modes.append(B.is_grad_enabled())
        yield x * 5

    for made in body():
        see("made", made)
        modes.append(B.is_grad_enabled())
        if draw.flag():
            B.set_grad_enabled(not B.is_grad_enabled())
    B.set_grad_enabled(True)
    see("modes", modes)


@program
def generators_in_generators(B: Any, draw: Any, see: Any) -> None:
    modes = []

    @B.enable_grad()
    def inner():
        modes.append(["inner", B.is_grad_enabled()])
        received = yield 1
        modes.append(["inner", received, B.is_grad_enabled()])
        return "from inner"

    @B.no_grad()
    def outer():
        modes.append(["outer", B.is_grad_enabled()])
        result = yield from inner()
        modes.append(["outer", result, B.is_grad_enabled()])
        yield 2

    made = outer()
    see("first", next(made))
    modes.append(["outside", B.is_grad_enabled()])
    see("second", made.send(draw.number()))
    modes.append(["outside", B.is_grad_enabled()])
    see.raises("end", lambda: next(made))
    see("modes", modes)


@program
def a_generator_that_fails(B: Any, draw: Any, see: Any) -> None:
    @B.no_grad()
    def body():
        yield draw.number()
        raise KeyError("in the body")

    made = body()
    next(made)
    see.raises("fails", lambda: next(made))
    see("mode", B.is_grad_enabled())
    see.raises("after", lambda: next(made))
    see("name", body.__name__)
    see("kinds", [type(made).__name__, type(body).__name__])


@program
def recursion_with_every_decorator(B: Any, draw: Any, see: Any) -> None:
    modes = []
    decorators = [B.no_grad(), B.enable_grad(), B.no_grad, B.enable_grad, B.inference_mode()]
    first, second = draw.choice(decorators), draw.choice(decorators)

    @first
    def ping(depth):
        modes.append(B.is_grad_enabled())
        if depth:
            with B.set_grad_enabled(depth % 3 == 0):
                pong(depth - 1)
        modes.append(B.is_grad_enabled())

    @second
    def pong(depth):
        modes.append(B.is_grad_enabled())
        if depth:
            ping(depth - 1)
        modes.append(B.is_grad_enabled())

    with B.set_grad_enabled(not draw.flag()):
        ping(10)
        modes.append(B.is_grad_enabled())
    see("modes", modes)


@program
def decorated_methods_and_what_they_keep(B: Any, draw: Any, see: Any) -> None:
    class Model:
        """A model."""

        @B.no_grad()
        def method(self, a, *, b=2):
            """Multiplies."""
            return a * b

        @classmethod
        @B.no_grad()
        def of_class(cls, a):
            return a * 2

        @staticmethod
        @B.inference_mode()
        def static(a):
            return a * 3

    x = draw.floats((2,), requires_grad=True)
    see("results", [Model().method(x, b=3), Model.of_class(x), Model.static(x)])
    see("kept", [Model.method.__name__, Model.method.__doc__, Model.method.__qualname__.rpartition(".")[2]])
    see.raises("a wrong argument", lambda: Model().method(x, c=3))
    see.raises("a number", lambda: B.set_grad_enabled(draw.number())(lambda: B.is_grad_enabled())())
    B.set_grad_enabled(True)


@program
def decorators_of_classes(B: Any, draw: Any, see: Any) -> None:
    decorate = draw.choice([B.no_grad(), B.no_grad, B.enable_grad(), B.inference_mode()])

    def make():
        @decorate
        class Model:
            def __init__(self):
                self.mode = B.is_grad_enabled()

            def run(self):
                return B.is_grad_enabled()

        return Model

    Model = see.warns("decorating", make)
    made = Model()
    see("in __init__", made.mode)
    see.raises("in a method", lambda: made.run())
    see("kind", type(Model).__name__)
