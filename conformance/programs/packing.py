"""Hooks of saved tensors in detail: how often they run, what they may return, and what a node lets be read."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def how_often_they_run(B: Any, draw: Any, see: Any) -> None:
    counts = {"packed": 0, "unpacked": 0}

    def pack(t):
        counts["packed"] += 1
        return t

    def unpack(t):
        counts["unpacked"] += 1
        return t

    x, y = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=draw.flag())
    with B.autograd.graph.saved_tensors_hooks(pack, unpack):
        z = draw.choice(
            [
                lambda: x * x,
                lambda: x * y,
                lambda: x * 2,
                lambda: x + y,
                lambda: x.exp(),
                lambda: x / y,
                lambda: x**2,
                lambda: x.sum(),
                lambda: x @ y,
                lambda: B.stack([x, y]),
                lambda: x[B.tensor([0])],
                lambda: B.where(x > 0, x, y),
                lambda: x.softmax(0),
                lambda: 2 / x,
                lambda: B.atan2(x, y),
            ]
        )()
    see("after forward", counts)
    z.backward(B.ones_like(z), retain_graph=True)
    see("after backward", counts)
    z.backward(B.ones_like(z))
    see("after another", counts)
    see("x.grad", x.grad)


@program
def numbers_are_not_packed_by_gradients_either(B: Any, draw: Any, see: Any) -> None:
    packed = []

    def pack(t):
        packed.append([list(t.shape), str(t.dtype)])
        return t

    x, seed = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    n = draw.choice([2.5, 3, True])
    y = draw.choice(
        [lambda: x * n, lambda: n * x, lambda: x / n, lambda: n / x, lambda: (x * 1).mul_(n), lambda: x.div(n, rounding_mode="trunc")]
    )()
    with B.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        (g,) = B.autograd.grad(y, x, seed, create_graph=True)
    see("packed", packed)
    kept = [getattr(node, "_saved_other", None) for node in (y.grad_fn, g.grad_fn)]
    see("kept", kept)
    packed.clear()
    with B.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        products = [x * one for one in kept if one is not None] + [x[0] * one for one in kept if one is not None and not one.dim()]
    see("packed of what was read", packed)
    see("products", products)
    if draw.flag() and isinstance(n, float):
        y = x * n
        see.raises("hooks", lambda: y.grad_fn._raw_saved_other.register_hooks(lambda t: pack(t) * 2, lambda t: t))
        see("packed by hand", packed)
        y.backward(draw.floats((2,)))
        see("x.grad", x.grad)


@program
def versions_of_what_is_unpacked(B: Any, draw: Any, see: Any) -> None:
    """What is read of a node counts the writes to what unpacking gave."""
    packed = []

    def pack(t):
        packed.append(t * 2)
        return packed[-1]

    x = draw.floats((2,), requires_grad=True)
    with B.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = draw.choice([x.exp, lambda: x * 2 * x, lambda: (x * 1).sin()])()
    name = "_saved_result" if "Exp" in y.grad_fn.name() else "_saved_self"
    for _ in range(draw.integer(1, 2)):
        packed[-1].add_(1)
    first = getattr(y.grad_fn, name)
    see.same("the same object", first, packed[-1])
    see("versions", [first._version, packed[-1]._version])
    first.detach().mul_(2)
    see("versions after a write", [first._version, packed[-1]._version, getattr(y.grad_fn, name)._version])
    see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def packing_that_doubles(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((1,), requires_grad=True)
    hooks = B.autograd.graph.saved_tensors_hooks
    kind = draw.choice(["doubles", "adds", "of the square", "second"])
    with hooks(lambda t: 2 * t, lambda t: t) if kind != "adds" else hooks(lambda t: t, lambda t: t + 1):
        y = a * a if kind != "second" else a**3
    if kind != "second":
        y.backward(draw.floats((1,)), retain_graph=True)
        see("a.grad", a.grad)
        y.backward(draw.floats((1,)))
        see("a.grad twice", a.grad)
        return
    (g,) = B.autograd.grad(y, a, create_graph=True)
    see("gradient", g)
    see.raises("second gradient", lambda: B.autograd.grad(g, a))


@program
def doubled_in_both_derivatives(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((1,), requires_grad=True)
    with B.autograd.graph.saved_tensors_hooks(lambda t: 2 * t, lambda t: t):
        y = a**3
        s = y.sum()
        (g,) = B.autograd.grad(s, a, create_graph=True) if draw.flag() else (None,)
    if g is None:
        (g,) = B.autograd.grad(s, a, create_graph=True)
    see("gradient", g)
    g.sum().backward()
    see("a.grad", a.grad)


@program
def what_packs_may_be(B: Any, draw: Any, see: Any) -> None:
    import pickle

    a = draw.floats((2,), requires_grad=True)
    kind = draw.choice(["a tuple", "an array", "bytes", "a function", "the tensor itself", "an object", "half of it", "a parameter"])
    packs = {
        "a tuple": (lambda t: (t, t * 2), lambda p: p[0]),
        "an array": (lambda t: t.detach().numpy().copy(), lambda p: B.from_numpy(p)),
        "bytes": (lambda t: pickle.dumps(t.detach()), lambda p: pickle.loads(p)),
        "a function": (lambda t: lambda: t, lambda p: p()),
        "the tensor itself": (lambda t: t, lambda p: p),
        "an object": (lambda t: type("Box", (), {"t": t})(), lambda p: p.t),
        "half of it": (lambda t: t.half(), lambda p: p.float()),
        "a parameter": (lambda t: B.nn.Parameter(t), lambda p: p),
    }
    with B.autograd.graph.saved_tensors_hooks(*packs[kind]):
        y = a.exp() * a
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def what_unpacking_may_give(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    answers = {
        "a wider one": lambda t: B.ones(2, 2),
        "doubles": lambda t: t.double(),
        "None": lambda t: None,
        "a number": lambda t: 1.0,
        "a list": lambda t: [t],
        "a fresh leaf": lambda t: B.ones(2, requires_grad=True),
        "a result": lambda t: B.ones(2, requires_grad=True) * 3,
    }
    name = draw.choice(list(answers))
    with B.autograd.graph.saved_tensors_hooks(lambda t: t, answers[name]):
        y = a * a
    see.raises(name, lambda: y.backward(B.ones(2)))
    see("a.grad", a.grad)


@program
def packs_and_versions(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    b = a * 1
    packed = []

    def pack(t):
        packed.append(t)
        see.same("the tensor itself", t, b)
        see("packed", t)
        return t if draw_same else t.clone()

    draw_same = draw.flag()
    with B.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = b.exp() if draw.flag() else b * b
    see("versions", [b._version, packed[0]._version])
    target = draw.choice([b, y])
    target.add_(1)
    see("versions after a write", [b._version, y._version, packed[0]._version])
    see.raises("backward", lambda: y.backward(B.ones(2)))
    see("a.grad", a.grad)


@program
def a_pack_that_writes(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    b = a * 1
    how = draw.choice(["mul_", "to a view", "with no_grad"])

    def pack(t):
        if how == "mul_":
            t.mul_(2)
        elif how == "to a view":
            t.view(-1)[:1].zero_()
        else:
            with B.no_grad():
                t.add_(1)
        return t

    def forward():
        with B.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            return b * b

    see.raises("forward", forward)
    see("b", b)


@program
def subclasses_and_nesting(B: Any, draw: Any, see: Any) -> None:
    order = []

    class Named(B.autograd.graph.saved_tensors_hooks):
        def __init__(self, name):
            super().__init__(lambda t: (order.append(f"pack {name}"), t)[1], lambda t: (order.append(f"unpack {name}"), t)[1])

    a = draw.floats((2,), requires_grad=True)
    with Named("outer"):
        x = a.exp()
        with Named("inner"):
            y = x.sin()
        try:
            with Named("failing"):
                raise KeyError("inside")
        except KeyError:
            pass
        z = y.exp()
    w = z.sin()
    w.backward(draw.floats((2,)))
    see("order", order)
    see("a.grad", a.grad)


@program
def left_by_hand(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    hooks = B.autograd.graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t)
    hooks.__enter__()
    hooks.__enter__()
    y = a * a
    hooks.__exit__()
    z = a * a
    hooks.__exit__(KeyError, KeyError("left by an error"), None)
    w = a * a
    (y + z * 10 + w * 100).backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def left_more_often_than_entered(B: Any, draw: Any, see: Any) -> None:
    a, times = draw.floats((2,), requires_grad=True), draw.integer(0, 3)
    refused = []

    def leave():
        try:
            hooks.__exit__()
        except RuntimeError as error:  # in PyTorch's text the failed check of its own
            refused.append(type(error).__name__)

    def unpack(t):
        for _ in range(times):
            leave()
        return t

    hooks = B.autograd.graph.saved_tensors_hooks(lambda t: t * 2, unpack)
    leave()
    see("refused before anything", refused)
    hooks.__enter__()
    y = a * a
    inside = draw.flag()
    if not inside:
        leave()
    y.backward(draw.floats((2,)), retain_graph=True)
    see("refused in backward", refused)
    see("a.grad", a.grad)
    z = a * a
    leave()
    see("refused after", refused)
    a.grad = None
    z.backward(draw.floats((2,)))
    see("a.grad of later", a.grad)


@program
def disabled_and_enabled(B: Any, draw: Any, see: Any) -> None:
    graph = B.autograd.graph
    a = draw.floats((2,), requires_grad=True)

    def pair():
        return graph.saved_tensors_hooks(lambda t: t, lambda t: t)

    def inside():
        with pair():
            return a * a

    def the_other_way():
        with pair(), graph.disable_saved_tensors_hooks("not now"):
            return a * a

    def by_decorator():
        @graph.disable_saved_tensors_hooks("decorated")
        def function():
            return inside()

        return function()

    see.raises("hooks, then disabled", the_other_way)
    with graph.disable_saved_tensors_hooks("outer"):
        see.raises("outer", inside)
        with graph.disable_saved_tensors_hooks("inner"):
            see.raises("inner", inside)
        see.raises("outer again", inside)
        y = a * a
    see.raises("by a decorator", by_decorator)
    see.raises("after", inside)
    see.raises("save_on_cpu", lambda: graph.save_on_cpu().__enter__())
    graph.save_on_cpu().__exit__()
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def what_is_saved_is_the_input(B: Any, draw: Any, see: Any) -> None:
    leaf = draw.floats((2,), requires_grad=True)
    x = leaf if draw.flag() else leaf * 2
    y = x * 3.0 * x
    z = x.exp()
    node = y.grad_fn
    see.same("an input", node._saved_other, x)
    see.same("read twice", node._saved_other, node._saved_other)
    see("input", node._saved_other)
    see("output", z.grad_fn._saved_result)
    see.same("an output", z.grad_fn._saved_result, z)
    see.same("its node", z.grad_fn._saved_result.grad_fn, z.grad_fn)
    see("shares the version", [z.grad_fn._saved_result._version, z._version])
    z.detach().zero_()
    see.raises("after a write", lambda: z.grad_fn._saved_result)
    see.raises("backward after a write", lambda: z.backward(B.ones(2)))
    y.backward(draw.floats((2,)))
    see.raises("freed", lambda: node._saved_other)
    see.raises("freed self", lambda: node._saved_self)
    see("what is no tensor is kept", leaf.view(2, 1).sum(0).grad_fn._saved_dim)


@program
def hooks_of_one_saved_tensor(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    b = draw.floats((2,), requires_grad=draw.flag())
    y = a * b
    node = y.grad_fn
    see("kinds", [type(node._raw_saved_self).__name__, type(node._raw_saved_other).__name__])
    see.raises("on None", lambda: node._raw_saved_self.register_hooks(lambda t: t, lambda t: t))
    see.raises("on the other", lambda: node._raw_saved_other.register_hooks(lambda t: t * 2, lambda t: t * 3))
    see.raises("again", lambda: node._raw_saved_other.register_hooks(lambda t: t, lambda t: t))
    see.raises("read", lambda: node._saved_other)
    z = a.exp()
    see.raises("pack fails", lambda: z.grad_fn._raw_saved_result.register_hooks(lambda t: 1 // 0, lambda t: t))
    w = a.sin()
    see.raises("no arguments", lambda: w.grad_fn._raw_saved_self.register_hooks(lambda: 1, lambda t: t))
    y.backward(draw.floats((2,)))
    see("gradients", [a.grad, b.grad])
    see.raises("freed", lambda: node._raw_saved_other.register_hooks(lambda t: t, lambda t: t))


@program
def kept_on_disk(B: Any, draw: Any, see: Any) -> None:
    import os
    import tempfile

    a = draw.floats((2,), requires_grad=True)
    with tempfile.TemporaryDirectory() as folder:

        def pack(t):
            path = os.path.join(folder, str(len(os.listdir(folder))))
            B.save(t, path)
            return path

        with B.autograd.graph.saved_tensors_hooks(pack, lambda path: B.load(path)):
            y = a.sin() * a.exp()
        see("files", len(os.listdir(folder)))
        y.backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def detached_in_place_after_saving(B: Any, draw: Any, see: Any) -> None:
    leaf = draw.floats((2,), requires_grad=True)
    a = leaf * 1
    y = draw.choice([lambda: a * a, lambda: a.exp(), lambda: a.sin(), lambda: a + 1, lambda: a / 2])()
    target = draw.choice([a, y])
    see.raises("detached", target.detach_)
    used = y if target is a else y * 2
    see.raises("backward", lambda: used.backward(B.ones(2)))
    see("leaf.grad", leaf.grad)
    z = leaf.exp()
    w = z * 3
    z.detach_()
    see.raises("saved as an output", lambda: w.backward(B.ones(2)))
    see("leaf.grad after", leaf.grad)


@program
def hooks_that_hold_their_context(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    class Mark:
        pass

    gc.disable()
    try:
        a = draw.floats((2,), requires_grad=True)
        mark = Mark()
        ref = weakref.ref(mark)
        with B.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t, mark=mark: t):
            y = a * a
        del mark
        see("alive with the graph", ref() is not None)
        if draw.flag():
            y.backward(draw.floats((2,)))
            see("alive after backward", ref() is not None)
        del y
        see("dead", ref() is None)
    finally:
        gc.enable()


@program
def hooks_in_functions_of_users(B: Any, draw: Any, see: Any) -> None:
    order = []

    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            middle = a * 3
            ctx.save_for_backward(a, middle, None)
            return a * a

        @staticmethod
        def backward(ctx, g):
            a, middle, nothing = ctx.saved_tensors
            order.append(["in backward", middle.requires_grad, nothing])
            return g * a * 2

    def pack(t):
        order.append(["pack", t.requires_grad, t.grad_fn is None])
        return t.detach()

    a = draw.floats((2,), requires_grad=True)
    x = a * 1 if draw.flag() else a
    with B.autograd.graph.saved_tensors_hooks(pack, lambda t: t * 2):
        y = Square.apply(x)
    see("order", order)
    see("saved", y.grad_fn.saved_tensors)
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def arguments_are_packed_before_anything_is_computed(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2, 2), requires_grad=True), draw.floats((2, 2), requires_grad=draw.flag())
    packed = []

    def pack(t):
        packed.append([list(t.shape), t.requires_grad])
        t.data.mul_(2)  # without a trace
        return t.clone()

    ops = {
        "mul": lambda a: a * y,
        "sin": lambda a: a.sin(),
        "exp": lambda a: a.exp(),
        "pow": lambda a: a**y,
        "mm": lambda a: a @ y,
        "misfit": lambda a: a @ y[:1],
        "unbroadcastable": lambda a: a * y.reshape(4),
        "div": lambda a: a / y,
        "where": lambda a: B.where(y > 0, a, y * a),
        "cat": lambda a: B.cat([a, y]).cos(),
        "in place": lambda a: (a * 1).mul_(y),
        "sin in place": lambda a: (a * 1).sin_(),
        "exp in place": lambda a: (a * 1).exp_(),
        "addcmul": lambda a: B.addcmul(a, y, a),
        "addcmul in place": lambda a: a.clone().addcmul_(a, y),
        "max": lambda a: a.max(0).values,
        "softmax": lambda a: a.softmax(0),
        "prod": lambda a: a.prod(),
    }
    op = ops[draw.choice(list(ops))]

    def called():
        with B.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            return op(x)

    see.raises("result", called)
    see("packed", packed)
    see("arguments", [x.detach().clone(), y.detach().clone()])
