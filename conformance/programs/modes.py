"""no_grad, enable_grad and set_grad_enabled: as contexts, as functions, as decorators, and nested."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def no_grad_as_context(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(), requires_grad=True)
    with B.no_grad():
        see("mode inside", B.is_grad_enabled())
        y = x * 2
        see("y", y)
        see.raises("y.backward() inside", lambda: y.backward(x))
    see("mode after", B.is_grad_enabled())
    see("y after", y)
    see.raises("y.backward() after", lambda: y.backward(B.ones_like(y)))
    see("y + x", y + x)
    see("x", x)


@program
def no_grad_as_decorator(B: Any, draw: Any, see: Any) -> None:
    @B.no_grad()
    def doubler(x):
        see("mode in doubler", B.is_grad_enabled())
        return x * 2

    @B.no_grad
    def tripler(x):
        """Three times x."""
        return x * 3

    x = draw.floats((draw.integer(1, 3),), requires_grad=True)
    see("doubled", doubler(x))
    see("tripled", tripler(x))
    see("name and doc", [doubler.__name__, tripler.__name__, tripler.__doc__])
    see("x * 2", x * 2)
    see("mode after", B.is_grad_enabled())


@program
def enable_grad_inside_no_grad(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    with B.no_grad():
        with B.enable_grad():
            y = x * 2
        z = x * 3
    see("y", y)
    see("z", z)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)

    @B.enable_grad()
    def doubler(x):
        return x * 2

    with B.no_grad():
        see("doubled", doubler(x))


@program
def set_grad_enabled_as_function_and_context(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((), requires_grad=True)
    is_train = draw.flag()
    with B.set_grad_enabled(is_train):
        y = x * 2
        see("mode inside", B.is_grad_enabled())
    see("y.requires_grad", y.requires_grad)
    see("mode after", B.is_grad_enabled())
    B.set_grad_enabled(False)
    z = x * 2
    see("z", z)
    B.set_grad_enabled(True)
    see("x * 2", x * 2)


@program
def set_grad_enabled_as_decorator(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((), requires_grad=True)

    @B.set_grad_enabled(draw.flag())
    def doubler(x):
        return x * 2

    see("mode after decorating", B.is_grad_enabled())
    see("doubled", doubler(x))
    see("mode after calling", B.is_grad_enabled())


@program
def set_grad_enabled_object_used_later(B: Any, draw: Any, see: Any) -> None:
    switch = B.set_grad_enabled(False)
    see("mode once made", B.is_grad_enabled())
    doubler = switch(lambda x: x * 2)
    see("mode once wrapped", B.is_grad_enabled())
    see("doubled", doubler(draw.floats((), requires_grad=True)))
    see("mode after the call", B.is_grad_enabled())


@program
def nested_modes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((), requires_grad=True)

    def descend(depth):
        if depth:
            with draw.choice([B.no_grad, B.enable_grad, lambda: B.set_grad_enabled(False), lambda: B.set_grad_enabled(True)])():
                see(f"entered {depth}", [B.is_grad_enabled(), (x * 2).requires_grad])
                descend(depth - 1)
            see(f"left {depth}", [B.is_grad_enabled(), (x * 2).requires_grad])

    descend(draw.integer(1, 6))


@program
def mutually_recursive_decorators(B: Any, draw: Any, see: Any) -> None:
    modes = []

    @B.enable_grad()
    def on(depth):
        modes.append(B.is_grad_enabled())
        if depth:
            off(depth - 1)
        modes.append(B.is_grad_enabled())

    @B.no_grad()
    def off(depth):
        modes.append(B.is_grad_enabled())
        if depth:
            on(depth - 1)
        modes.append(B.is_grad_enabled())

    depth = draw.integer(0, 10)
    (on if draw.flag() else off)(depth)
    see("modes", modes)
    see("mode after", B.is_grad_enabled())


@program
def an_exception_leaves_no_grad(B: Any, draw: Any, see: Any) -> None:
    def fails():
        with B.no_grad():
            raise ValueError(f"at {draw.number()}")

    see.raises("the error comes out", fails)
    see("mode after", B.is_grad_enabled())
    see.raises("and from a decorated function", B.no_grad()(lambda: 1 // 0))
    see("mode after that", B.is_grad_enabled())


@program
def decorated_generator(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((), requires_grad=True)

    @B.no_grad()
    def numbers(count):
        for i in range(count):
            see(f"mode in the body {i}", B.is_grad_enabled())
            received = yield x * i
            see(f"received {i}", received)

    generator = numbers(draw.integer(1, 3))
    see("first", next(generator))
    see("mode at the yield", B.is_grad_enabled())
    for i, value in enumerate(generator):
        see(f"value {i}", value)
        see(f"mode outside {i}", B.is_grad_enabled())
    generator = numbers(3)
    next(generator)
    see("sent", generator.send(draw.number()))
    generator.close()
    see("mode after close", B.is_grad_enabled())


@program
def generator_handles_what_is_thrown(B: Any, draw: Any, see: Any) -> None:
    mode = draw.choice([B.no_grad, B.enable_grad])

    @mode()
    def patient():
        while True:
            try:
                yield B.is_grad_enabled()
            except ValueError as error:
                see("handling " + str(error), B.is_grad_enabled())
            except GeneratorExit:
                see("closing", B.is_grad_enabled())
                raise
            except KeyError:
                raise IndexError("another error") from None

    outside = draw.flag()
    with B.set_grad_enabled(outside):
        generator = patient()
        see("first", next(generator))
        see("after throw", generator.throw(ValueError("a value")))
        see("mode outside", B.is_grad_enabled())
        generator.close()
        see("mode after close", B.is_grad_enabled())
        generator = patient()
        next(generator)
        see.raises("another error propagates", lambda: generator.throw(KeyError("k")))
        see("mode after the error", B.is_grad_enabled())


@program
def decorated_class(B: Any, draw: Any, see: Any) -> None:
    class Model:
        def __init__(self, x):
            self.made = x * 2

        def use(self, x):
            return x * 3

    Wrapped = see.warns("decorating a class", lambda: B.no_grad()(Model))
    x = draw.floats((), requires_grad=True)
    model = Wrapped(x)
    see("made in __init__", model.made)
    see("used", model.use(x))
    see("still the class", [Wrapped is Model, isinstance(model, Model)])


@program
def decorating_functions_and_methods_does_not_warn(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((), requires_grad=True)

    class Model:
        @B.no_grad()
        def use(self, x):
            return x * 3

        @staticmethod
        @B.no_grad()
        def twice(x):
            return x * 2

    see.warns("a function", lambda: B.no_grad()(lambda x: x * 2))
    see("method", see.warns("a method", lambda: Model().use(x)))
    see("static method", Model.twice(x))


@program
def in_place_assignment_into_a_leaf_under_no_grad(B: Any, draw: Any, see: Any) -> None:
    w = draw.floats((3,), requires_grad=True)
    see.raises("outside", lambda: w.mul_(2))
    with B.no_grad():
        w -= draw.number()
        w[0] = draw.number()
        w.mul_(2)
    see("w", w)
    (w * w).backward(draw.floats((3,)))
    see("w.grad", w.grad)


@program
def every_mode_object_can_be_used_again(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((), requires_grad=True)
    mode = draw.choice([B.no_grad, B.enable_grad])()
    for turn in range(2):
        with mode:
            see(f"turn {turn}", (x * 2).requires_grad)
    with mode:
        with mode:
            see("twice", B.is_grad_enabled())
        see("once", B.is_grad_enabled())
    see("none", B.is_grad_enabled())
    B.set_grad_enabled(True)


@program
def requires_grad_set_under_no_grad(B: Any, draw: Any, see: Any) -> None:
    with B.no_grad():
        x = draw.floats((2,), requires_grad=True)
        y = x * 2
        z = B.zeros(2, requires_grad=True)
        y.requires_grad_()
        see("x, y, z", [x, y, z])
    (x * y * z).backward(draw.floats((2,)))
    see("gradients", [x.grad, y.grad, z.grad])


@program
def modes_belong_to_their_thread(B: Any, draw: Any, see: Any) -> None:
    import threading

    modes = []

    def work():
        modes.append(B.is_grad_enabled())
        with B.no_grad():
            modes.append(B.is_grad_enabled())

    with B.set_grad_enabled(draw.flag()):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        see("modes in the thread", modes)


@program
def views_made_under_no_grad(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 2), requires_grad=True)
    with B.no_grad():
        view = base[0]
        see("view inside", view)
    see("view", view)
    see.raises("write through it", lambda: view.mul_(2))
    other = base.clone()
    with B.no_grad():
        view = other[0]
    see.raises("write through a view of a result", lambda: view.mul_(2))


@program
def gradients_taken_in_a_backward(B: Any, draw: Any, see: Any) -> None:
    inside = draw.choice([B.enable_grad, B.no_grad, lambda: B.set_grad_enabled(True)])

    class Nested(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a**3

        @staticmethod
        def backward(ctx, g):
            modes.append(B.is_grad_enabled())
            (a,) = ctx.saved_tensors
            with inside():
                modes.append(B.is_grad_enabled())
                own = a.detach().requires_grad_()
                made = own**3
                see("inside", made)
                if made.requires_grad:
                    (slope,) = B.autograd.grad(made, own, g.detach(), create_graph=draw_graph)
                    see("gradient inside", slope)
                modes.append(B.is_grad_enabled())
            modes.append(B.is_grad_enabled())
            return 3 * a * a * g

    modes: list[bool] = []
    draw_graph = draw.flag()
    x = draw.floats((2,), requires_grad=True)
    y = Nested.apply(x)
    (first,) = B.autograd.grad(y, x, draw.floats((2,)), create_graph=draw.flag())
    see("gradient", first)
    see("modes", [*modes, B.is_grad_enabled()])
