"""Checkpointing in both variants: how often a function runs, what it may be given, and what is noticed when it changes."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def both_variants(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    calls = []

    def function(a, b):
        calls.append(B.is_grad_enabled())
        return ((a * b).exp() * a).sin()

    reentrant = draw.flag()
    x, y = draw.floats((2,), requires_grad=not draw.flag()), draw.floats((2,), requires_grad=draw.flag())
    out = see.warns("warnings", lambda: C.checkpoint(function, x, y, use_reentrant=reentrant))
    see("result", out)
    if out.requires_grad:
        seed = draw.floats((2,))
        see.raises("by grad", lambda: B.autograd.grad(out, [t for t in (x, y) if t.requires_grad], seed, retain_graph=True))
        see.raises("of some inputs", lambda: out.backward(seed, inputs=[t for t in (x, y) if t.requires_grad], retain_graph=True))
        see.raises("backward", lambda: out.backward(seed))
        see.raises("a second time", lambda: out.backward(seed))
    see("x.grad", x.grad)
    see("y.grad", y.grad)
    see("calls", calls)


@program
def the_variant_must_be_named(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x = draw.floats((2,), requires_grad=True)
    out = see.warns("unnamed", lambda: C.checkpoint(lambda a: a * 2, x))
    see("result", out)
    see.raises("keywords", lambda: C.checkpoint(lambda a, b: a * b, x, b=2, use_reentrant=True))
    see.raises("keywords of the other", lambda: C.checkpoint(lambda a, b: a * b, x, b=2, use_reentrant=False))
    see.raises("debug", lambda: C.checkpoint(lambda a: a * 2, x, use_reentrant=True, debug=True))
    see.raises("another check", lambda: C.checkpoint(lambda a: a * 2, x, use_reentrant=False, determinism_check="all"))
    see.warns("sequential", lambda: C.checkpoint_sequential([lambda a: a * 2, lambda a: a.exp()], 2, x))
    none = see.warns("nothing requires grad", lambda: C.checkpoint(lambda a: a * 2, x.detach(), use_reentrant=True))
    see("its result", none)


@program
def stopping_early(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    calls = []

    def function(a):
        b = a.exp()
        calls.append("first")
        b = b.sin()
        calls.append("second")
        return b + 1

    x = draw.floats((2,), requires_grad=True)
    with C.set_checkpoint_early_stop(not draw.flag()):
        out = C.checkpoint(function, x, use_reentrant=False)
    if draw.flag():
        see("read before", out.grad_fn.next_functions[0][0]._saved_self)
    out.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see("calls", calls)


@program
def in_sequence(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    calls = []

    def step(name, function):
        def run(a):
            calls.append(name)
            return function(a)

        return run

    kinds = {"a": lambda t: t * t, "b": lambda t: t.exp(), "c": lambda t: t * 2, "d": lambda t: t.sin(), "e": lambda t: t + 1}
    steps = [step(name, function) for name, function in kinds.items()]
    x = draw.floats((2,), requires_grad=True)
    out = C.checkpoint_sequential(steps, draw.integer(1, 4), x * 1, use_reentrant=draw.flag())
    out.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see("calls", calls)


@program
def nested(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    calls = []

    def inner(a):
        calls.append("inner")
        return a.sin().exp()

    def outer(a):
        calls.append("outer")
        return C.checkpoint(inner, a * a, use_reentrant=False).sin() * a

    x = draw.floats((2,), requires_grad=True)
    out = C.checkpoint(outer, x, use_reentrant=False)
    out.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see("calls", calls)


@program
def second_derivatives(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x = draw.floats((2,), requires_grad=True)
    out = C.checkpoint(lambda a: a.sin() * a, x, use_reentrant=False)
    (first,) = B.autograd.grad(out, x, draw.floats((2,)), create_graph=True)
    see("first gradient", first)
    (second,) = B.autograd.grad(first, x, draw.floats((2,)))
    see("second gradient", second)


@program
def a_function_that_changes(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    kinds = [lambda a: a.sin().exp(), lambda a: a.exp(), lambda a: (a.sin() * 2).exp().sin(), lambda a: a[:1].sin().exp(), lambda a: a * 2]
    order = [draw.choice(kinds), draw.choice(kinds)]
    x = draw.floats((2,), requires_grad=True)

    def function(a):
        return order.pop(0)(a).sum()

    out = C.checkpoint(function, x, use_reentrant=False, early_stop=not draw.flag())

    see.raises("backward", out.backward)
    see("x.grad", x.grad)


@program
def arguments_written_to(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x, y = draw.floats((2,), requires_grad=True), draw.floats((2,))
    out = C.checkpoint(lambda a, b: (a * b).exp(), x, y, use_reentrant=draw.flag())
    if draw.flag():
        y.mul_(2)
    see.raises("backward", lambda: out.backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def parameters_used_inside(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    weight, x = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    counted = []
    weight.register_hook(lambda g: counted.append(1))
    out = C.checkpoint(lambda a: {"y": (a * weight).sin(), "n": 3}, x * 1, use_reentrant=False)
    total = out["y"] * weight
    total.backward(draw.floats((2,)))
    see("weight.grad", weight.grad)
    see("x.grad", x.grad)
    see("hook ran", len(counted))
    with B.no_grad():
        see("under no_grad", C.checkpoint(lambda a: a * weight, x, use_reentrant=False))


@program
def several_backwards_in_a_group(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x, runs = draw.floats((2,), requires_grad=True), []

    def function(a):
        runs.append(1)
        return a.sin(), a.exp() * a

    first, second = C.checkpoint(function, x, use_reentrant=False, early_stop=draw.flag())
    second = draw.choice([lambda: second, lambda: first])()
    if draw.flag():
        with C.GraphExecGroup():
            see.raises("one", lambda: first.sum().backward(retain_graph=True))
            see.raises("the other", lambda: second.sum().backward(retain_graph=True))
            try:
                C.GraphExecGroup().__enter__()
            except RuntimeError as error:
                see("another inside", str(error).partition("<")[0])
    else:
        see.raises("one", lambda: first.sum().backward(retain_graph=True))
    see("runs", len(runs))
    see.raises("outside", lambda: second.sum().backward())
    see("runs in all", len(runs))
    see("x.grad", x.grad)


@program
def inputs_of_the_reentrant_one(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    given = (draw.floats((2,), requires_grad=draw.flag()), draw.integers((2,)), "name", draw.floats((2,), requires_grad=draw.flag()) * 1)
    for one, own in zip(C.detach_variable(given), given, strict=True):
        see("detached", one)
        see.same("the same", one, own)
    see.raises("of a list", lambda: C.detach_variable(list(given)))
    see.warns("validity", lambda: C.check_backward_validity(given))


@program
def states_of_devices(B: Any, draw: Any, see: Any) -> None:
    from importlib import import_module

    C = import_module(B.__name__ + ".utils.checkpoint")
    x = draw.floats((2,), requires_grad=draw.flag())
    see("states", list(C.get_device_states(*draw.choice([(), (x,), (x, 3, [x]), ({"x": x}, None)]))))
    see.raises("none set", lambda: C.set_device_states(*C.get_device_states(x)))
    devices, states = draw.choice([([], []), ([0], [x]), ([0], []), ([0, 1], [x, x])])
    words = draw.choice([{}, {"device_type": "cpu"}, {"device_type": "meta"}, {"device_type": None}])
    see.raises("set", lambda: C.set_device_states(devices, states, **words))
