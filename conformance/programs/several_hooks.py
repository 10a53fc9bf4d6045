"""Hooks over several tensors, hooks of modules, and hooks that come, go and fail during a backward."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def all_of_them(B: Any, draw: Any, see: Any) -> None:
    leaves = [draw.floats((2,), requires_grad=True) for _ in range(3)]
    a, b, c = leaves
    d = a * b
    watched = [a, b, c, d]
    handle = B.autograd.graph.register_multi_grad_hook(watched, lambda grads: see("gradients", grads))
    for _ in range(draw.integer(1, 2)):
        (d * draw.number()).backward(draw.floats((2,)), retain_graph=True)
        (d + c).backward(draw.floats((2,)), retain_graph=True)
    c.backward(draw.floats((2,)))
    see.raises("gradient by grad", lambda: B.autograd.grad(d, a, draw.floats((2,)), retain_graph=True))
    handle.remove()
    (d + c).backward(draw.floats((2,)))
    see("type", type(handle).__name__)
    see.raises("removed twice", handle.remove)


@program
def any_of_them(B: Any, draw: Any, see: Any) -> None:
    order = []
    a, b = (draw.floats((2,), requires_grad=True) for _ in range(2))
    c = a * 2
    d = c * b
    e = d.exp()
    handle = B.autograd.graph.register_multi_grad_hook((c, d), lambda g: order.append("any"), mode="any")
    for name, t in (("c", c), ("d", d), ("e", e), ("a", a)):
        t.register_hook(lambda g, name=name: order.append(name))
    e.backward(draw.floats((2,)), retain_graph=True)
    c.backward(draw.floats((2,)), retain_graph=True)
    see("order", order)
    handle.remove()
    order.clear()
    e.backward(draw.floats((2,)))
    see("order after removal", order)


@program
def several_that_are_refused(B: Any, draw: Any, see: Any) -> None:
    register = B.autograd.graph.register_multi_grad_hook
    a = draw.floats((2,), requires_grad=True)
    plain = draw.floats((2,))
    see.raises("mode", lambda: register((a,), lambda grads: None, mode="some"))
    see.raises("requires none", lambda: register((a, plain), lambda grads: None))
    see.raises("requires none, any", lambda: type(register((a, plain), lambda g: None, mode="any")).__name__)
    see.raises("none, any", lambda: type(register((plain,), lambda g: None, mode="any")).__name__)
    see.raises("no tensors", lambda: type(register((), lambda grads: None)).__name__)
    see.raises("one tensor", lambda: type(register(a, lambda grads: None)).__name__)
    register((a,), lambda grads: [grads[0] * 2])
    (a * 2).backward(draw.floats((2,)))
    see("what it returns is ignored", a.grad)


@program
def several_that_fail(B: Any, draw: Any, see: Any) -> None:
    a, b = (draw.floats((2,), requires_grad=True) for _ in range(2))
    mode = draw.choice(["all", "any"])
    fails = [True]

    def hook(grads):
        if fails[0]:
            raise KeyError("in the hook")
        see("gradients", grads)

    B.autograd.graph.register_multi_grad_hook((a, b), hook, mode=mode)
    see.raises("fails", lambda: (a * b).backward(draw.floats((2,))))
    fails[0] = False
    (a * b).backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def several_with_what_is_not_reached(B: Any, draw: Any, see: Any) -> None:
    a, b, c = (draw.floats((2,), requires_grad=True) for _ in range(3))

    class Cut(B.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return None

    d = b * 1
    B.autograd.graph.register_multi_grad_hook((a, d, c), lambda grads: see("gradients", grads))
    ((a * 2) + Cut.apply(d)).backward(draw.floats((2,)))
    see("gradients of leaves", [a.grad, b.grad, c.grad])


@program
def several_in_threads(B: Any, draw: Any, see: Any) -> None:
    import threading

    a, b = (draw.floats((2,), requires_grad=True) for _ in range(2))
    lock = threading.Lock()
    calls = []

    def hook(grads):
        with lock:
            calls.append(sum(float(g.sum()) for g in grads))

    B.autograd.graph.register_multi_grad_hook((a, b), hook)
    seeds = [draw.floats((2,)) for _ in range(4)]

    def work(seed):
        (a * b).backward(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    see("calls", len(calls))
    see("a.grad", a.grad)


@program
def hooks_in_nested_backwards(B: Any, draw: Any, see: Any) -> None:
    a, b = (draw.floats((2,), requires_grad=True) for _ in range(2))
    inner = [0]

    def hook(grads):
        see("gradients", grads)
        if inner[0] < 2:
            inner[0] += 1
            with B.enable_grad():
                (a * 3 + b).backward(B.ones(2))

    B.autograd.graph.register_multi_grad_hook((a, b), hook)
    (a * b).backward(draw.floats((2,)))
    see("gradients of leaves", [a.grad, b.grad])


@program
def full_backward_hooks_of_modules(B: Any, draw: Any, see: Any) -> None:
    layer = B.nn.Linear(2, 3)
    with B.no_grad():
        layer.weight.copy_(draw.floats((3, 2)))
        layer.bias.copy_(draw.floats((3,)))

    def hook(module, inputs, outputs):
        see.same("the module", module, layer)
        see("gradients", [list(inputs), list(outputs)])
        return tuple(None if g is None else g * 2 for g in inputs) if doubled else None

    doubled = draw.flag()
    handle = layer.register_full_backward_hook(hook)
    x = (draw.floats((1, 2)) + 20).requires_grad_(draw.flag())
    y = layer(x)
    see("name", y.grad_fn.name())
    see.warns("warnings", lambda: y.backward(draw.floats((1, 3))))
    see("gradients after", [x.grad, layer.weight.grad])
    handle.remove()
    layer(x).backward(draw.floats((1, 3)))
    see("gradients without it", [x.grad, layer.weight.grad])


@program
def full_backward_hooks_that_return_others(B: Any, draw: Any, see: Any) -> None:
    layer = B.nn.Linear(2, 2)
    with B.no_grad():
        layer.weight.copy_(draw.floats((2, 2)))
        layer.bias.copy_(draw.floats((2,)))
    answers = [
        lambda gs: gs[:0],
        lambda gs: (*gs, gs[0]),
        lambda gs: None,
        lambda gs: tuple(g * 2 for g in gs),
        lambda gs: (None,) * len(gs),
    ]
    answer = draw.choice(answers)
    if draw.flag():
        layer.register_full_backward_pre_hook(lambda module, outof: answer(outof))
    else:
        layer.register_full_backward_hook(lambda module, into, outof: answer(into))
    x = draw.floats((1, 2), requires_grad=True)
    y = layer(x)
    see.raises("backward", lambda: y.backward(draw.floats((1, 2))))
    see("gradients", [x.grad, layer.weight.grad])


@program
def full_backward_hooks_run_once(B: Any, draw: Any, see: Any) -> None:
    calls = []
    layer = B.nn.Tanh()
    layer.register_full_backward_hook(lambda module, inputs, outputs: calls.append("post"))
    layer.register_full_backward_pre_hook(lambda module, outputs: calls.append("pre"))
    x = draw.floats((2,), requires_grad=True)
    y = layer(x).sum()
    (g,) = B.autograd.grad(y, x, create_graph=True)
    see("calls in the first", list(calls))
    g.sum().backward()
    see("calls in the second", calls)
    see("x.grad", x.grad)


@program
def backward_pre_hooks_of_modules(B: Any, draw: Any, see: Any) -> None:
    layer = B.nn.Sequential(B.nn.Tanh(), B.nn.ReLU())
    order = []
    factor = draw.number()

    def before(module, outputs):
        order.append(f"before {type(module).__name__}")
        return (outputs[0] * factor,)

    for part in (layer, layer[0], layer[1]):
        part.register_full_backward_pre_hook(before)
        part.register_full_backward_hook(lambda module, inputs, outputs: order.append(f"after {type(module).__name__}"))
        part.register_forward_hook(lambda module, inputs, output: order.append(f"forward {type(module).__name__}"))
        part.register_forward_pre_hook(lambda module, inputs: order.append(f"forward pre {type(module).__name__}"))
    x = draw.floats((2,), requires_grad=True)
    layer(x).backward(draw.floats((2,)))
    see("order", order)
    see("x.grad", x.grad)


@program
def optimizer_in_backward(B: Any, draw: Any, see: Any) -> None:
    rate = abs(draw.number()) + 0.1
    start = draw.floats((2,))
    x = draw.floats((2,))

    def run(inside):
        p = B.nn.Parameter(start.clone())
        q = B.nn.Parameter(start.clone() * 2)
        optimizers = {id(t): B.optim.Adam([t], lr=rate) for t in (p, q)}

        def step(t):
            optimizers[id(t)].step()
            optimizers[id(t)].zero_grad()

        handles = [t.register_post_accumulate_grad_hook(step) for t in (p, q)] if inside else []
        for _ in range(3):
            ((p * x).sin() + q * p).sum().backward()
            if not inside:
                for optimizer in optimizers.values():
                    optimizer.step()
                    optimizer.zero_grad()
        for handle in handles:
            handle.remove()
        (p * q).sum().backward()
        return [p, q, p.grad, q.grad]

    see("inside", run(True))
    see("outside", run(False))


@program
def post_accumulate_hooks_in_order(B: Any, draw: Any, see: Any) -> None:
    order = []
    p = draw.floats((2,), requires_grad=True)
    q = p if draw.flag() else draw.floats((2,), requires_grad=True)
    for name, t in (("first", p), ("second", p), ("third", q)):
        t.register_post_accumulate_grad_hook(lambda t, name=name: (order.append(name), see(f"gradient in the {name}", t.grad))[0])
    y = p * 2 + q * 3 + p.exp()
    y.backward(draw.floats((2,)), retain_graph=True)
    see("order", order)
    order.clear()
    B.autograd.grad(y, p, draw.floats((2,)), retain_graph=True)
    see("not by grad", order)
    y.backward(draw.floats((2,)), inputs=[q])
    see("only one", order)
    p.register_post_accumulate_grad_hook(lambda t: t.grad)
    see.raises("returns something", lambda: (p * 2).backward(draw.floats((2,))))


@program
def post_accumulate_hooks_removed_and_added(B: Any, draw: Any, see: Any) -> None:
    """By one of them, while they run: the pass goes on with those it began with."""
    order = []
    p = draw.floats((2,), requires_grad=True)
    at, to_remove, adds = draw.integer(0, 2), draw.integer(0, 2), draw.flag()
    handles: list[Any] = []

    def hook_of(i):
        def hook(t):
            order.append(i)
            if i == at and len(order) < 6:
                handles[to_remove].remove()
                if adds:
                    t.register_post_accumulate_grad_hook(lambda t: order.append("added"))

        return hook

    handles += [p.register_post_accumulate_grad_hook(hook_of(i)) for i in range(3)]
    for _ in range(2):
        (p * 2).backward(draw.floats((2,)))
        order.append("end")
    see("order", order)


@program
def hooks_where_not_all_is_wanted(B: Any, draw: Any, see: Any) -> None:
    """Which gradients hooks of a node see where some of its inputs require none, or are not asked for."""

    class Function(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c):
            return a * b * c

        @staticmethod
        def backward(ctx, g):
            return g * 2, g * 3, g * 5

    flags = [draw.flag() for _ in range(3)]
    leaves = [draw.floats((2,), requires_grad=flag or not any(flags)) for flag in flags]
    used = [t * 1 if draw.flag() else t for t in leaves]
    func = draw.choice(
        [
            lambda a, b, c: Function.apply(a, b, c),
            lambda a, b, c: B.addcmul(a, b, c),
            lambda a, b, c: B.stack([a, b, c]),
            lambda a, b, c: B.where(a > 0, b, c),
        ]
    )
    y = func(*used)
    y.grad_fn.register_hook(lambda gradients, arrived: see("of the node", [*gradients, *arrived]))
    for i, t in enumerate(used):
        if t.requires_grad:
            t.register_hook(lambda g, i=i: see(f"of input {i}", g))
    wanted = [t for t in leaves if t.requires_grad]
    wanted = draw.choice([wanted, wanted[:1], wanted[-1:]])
    seed = draw.floats(tuple(y.shape))
    if draw.flag():
        see("gradients", B.autograd.grad(y, wanted, seed, create_graph=draw.flag()))
    else:
        y.backward(seed, inputs=wanted)
        see("stored gradients", [t.grad for t in leaves])


@program
def hooks_of_a_root_of_which_nothing_is_wanted(B: Any, draw: Any, see: Any) -> None:
    x, other = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    root = draw.choice([x, x * 2, x.view(2), (x * 2).view(2)])
    node = root.grad_fn or x.mul(2).grad_fn.next_functions[0][0]
    root.register_hook(lambda g: see("hook", g))
    node.register_prehook(lambda gs: see("before the node", gs[0]))
    node.register_hook(lambda *_: see("after the node", True))
    if root is x:
        x.register_post_accumulate_grad_hook(lambda t: see("after it", t.grad))
    seeds = draw.floats((2,)), draw.floats((2,))
    several = draw.flag()
    roots, given = ([root, other * 3], seeds) if several else ([root], seeds[:1])
    see.raises("backward", lambda: B.autograd.backward(roots, given, inputs=[other], retain_graph=True))
    see.raises("gradient", lambda: B.autograd.grad(roots, [other], given, allow_unused=True)[0])
    see("stored gradients", [x.grad, other.grad])


@program
def hooks_that_put_a_gradient_where_there_is_none(B: Any, draw: Any, see: Any) -> None:
    class Two(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.set_materialize_grads(False)
            return a * 2, b * 3

        @staticmethod
        def backward(ctx, g, h):
            return g, h

    x, y = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    first, second = Two.apply(x, y)
    node, used = first.grad_fn, draw.flag()
    some = draw.floats((2,))
    kind = draw.choice(["before the node", "after the node", "tensor", "leaf"])
    if kind == "before the node":
        node.register_prehook(lambda gs: tuple(some for _ in gs))
    if kind == "after the node":
        node.register_hook(lambda gs, _: tuple(some for _ in gs))
    if kind == "tensor":
        for t in (first, second):
            t.register_hook(lambda g: some)
    if kind == "leaf":
        for t in (x, y):
            t.register_hook(lambda g: some)
    see.raises("backward", lambda: (second if used else first).backward(draw.floats((2,))))
    see("gradients", [x.grad, y.grad])


@program
def hooks_a_node_is_given_while_it_runs(B: Any, draw: Any, see: Any) -> None:
    where = draw.choice(["backward", "prehook", "tensor hook", "post hook"])
    before = draw.flag()

    def late(gradients, arrived):
        see("late", [len(gradients), len(arrived), *gradients])

    class Function(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            if where == "backward":
                ctx.register_hook(late)
            return g * 3

    x = draw.floats((2,), requires_grad=True)
    y = Function.apply(x)
    node = y.grad_fn
    if before:
        node.register_hook(lambda gradients, arrived: see("early", [len(gradients), len(arrived)]))
    if where == "prehook":
        node.register_prehook(lambda _: (node.register_hook(late), None)[1])
    if where == "tensor hook":
        y.register_hook(lambda _: (node.register_hook(late), None)[1])
    if where == "post hook":
        node.register_hook(lambda *_: (node.register_hook(late), None)[1])
    for _ in range(2):
        y.backward(draw.floats((2,)), retain_graph=True)
    see("x.grad", x.grad)


@program
def hooks_added_during_backward(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    z = y.exp()
    where = draw.choice([y, z, x])

    def hook(g):
        order.append("first")
        where.register_hook(lambda g: order.append("added"))
        if where.grad_fn is not None:
            where.grad_fn.register_hook(lambda i, o: order.append("added to the node"))

    z.register_hook(hook)
    z.backward(draw.floats((2,)), retain_graph=True)
    order.append("again")
    z.backward(draw.floats((2,)))
    see("order", order)


@program
def node_hooks_removed_during_backward(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    node = draw.choice([y.grad_fn, y.grad_fn.next_functions[0][0]])
    handles = []

    def remover(name):
        def hook(*_):
            order.append(name)
            for handle in handles:
                handle.remove()

        return hook

    register = draw.choice(["register_hook", "register_prehook"])
    handles.append(getattr(node, register)(remover("a")))
    handles.append(getattr(node, register)(remover("b")))
    y.backward(draw.floats((2,)), retain_graph=True)
    order.append("again")
    y.backward(draw.floats((2,)))
    see("order", order)


@program
def node_hooks_that_are_refused(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    answers = {
        "a tensor": lambda g: g,
        "a list": lambda g: [g],
        "too many": lambda g: (g, g, g),
        "a number": lambda g: (1.0,),
        "another shape": lambda g: (B.ones(3),),
        "another dtype": lambda g: (g.double(),),
        "None in a tuple": lambda g: (None,),
        "None": lambda g: None,
        "an empty tuple": lambda g: (),
    }
    name = draw.choice(list(answers))
    answer = answers[name]
    y = x * 2
    y.grad_fn.register_prehook(lambda grads: answer(grads[0]))
    see.raises(f"pre-hook, {name}", lambda: y.backward(draw.floats((2,))))
    y = x.exp()
    y.grad_fn.register_hook(lambda inputs, outputs: answer(inputs[0]))
    see.raises(f"post-hook, {name}", lambda: y.backward(draw.floats((2,))))
    y = x * 2
    leaf = y.grad_fn.next_functions[0][0]
    handle = leaf.register_prehook(lambda grads: answer(grads[0]))
    see.raises(f"pre-hook of the leaf, {name}", lambda: y.backward(draw.floats((2,))))
    handle.remove()
    y = x * 2
    leaf.register_hook(lambda inputs, outputs: answer(outputs[0]))
    see.raises(f"post-hook of the leaf, {name}", lambda: y.backward(draw.floats((2,))))
    see("x.grad", x.grad)
    see.raises("no function", lambda: type((x * 2).grad_fn.register_hook(3)).__name__)
    see.raises("no function before", lambda: type((x * 2).grad_fn.register_prehook(3)).__name__)
    see.raises("no function on a tensor", lambda: type((x * 2).register_hook(3)).__name__)


@program
def callable_objects_as_hooks(B: Any, draw: Any, see: Any) -> None:
    import functools

    class Scale:
        def __call__(self, g):
            return g * 2

    class Wrong:
        def __call__(self, g):
            return B.ones(3)

    x = draw.floats((2,), requires_grad=True)
    x.register_hook(Scale())
    x.register_hook(functools.partial(lambda k, g: g * k, draw.number()))
    (x * 3).backward(draw.floats((2,)))
    see("x.grad", x.grad)
    x.register_hook(Wrong())
    see.raises("wrong", lambda: (x * 3).backward(draw.floats((2,))))


@program
def prehooks_of_nodes_with_several_outputs(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    values, _ = (x * 1).sort()
    pieces = (x * 1).unbind()
    values.grad_fn.register_prehook(lambda grads: see("gradients of sort", grads))
    pieces[0].grad_fn.register_prehook(lambda grads: see("gradients of unbind", grads))
    pieces[0].grad_fn.register_hook(lambda inputs, outputs: see("gradients after unbind", [inputs, outputs]))
    values.backward(draw.floats((3,)))
    (pieces[draw.integer(0, 2)] * 2).backward()
    see("x.grad", x.grad)


@program
def hooks_and_which_inputs(B: Any, draw: Any, see: Any) -> None:
    counts = {}

    def count(name):
        def hook(*_):
            counts[name] = counts.get(name, 0) + 1

        return hook

    a = draw.floats((2,), requires_grad=True)
    b = a * 2
    c = b.exp()
    node = b.grad_fn.next_functions[0][0]
    for name, t in (("a", a), ("b", b), ("c", c)):
        t.register_hook(count(f"tensor {name}"))
    for name, n in (("a", node), ("b", b.grad_fn), ("c", c.grad_fn)):
        n.register_prehook(count(f"pre {name}"))
        n.register_hook(count(f"post {name}"))
    a.register_post_accumulate_grad_hook(count("accumulate a"))
    inputs = draw.choice([(a,), (b,), (a, b), (c,), (a, c), (b, c), (a, b, c)])
    B.autograd.grad(c, inputs, draw.floats((2,)), retain_graph=True)
    see("by grad", sorted(counts.items()))
    counts.clear()
    c.backward(draw.floats((2,)), inputs=inputs)
    see("by backward", sorted(counts.items()))
