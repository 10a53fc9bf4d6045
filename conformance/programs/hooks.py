"""Tensor hooks, node hooks and post-accumulate-grad hooks: what they see, what they change, and in which order they run."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def a_hook_sees_the_gradient(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * x
    handle = y.register_hook(lambda g: see("gradient of y", g))
    y.backward(draw.floats((2,)), retain_graph=True)
    handle.remove()
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)
    see.raises("removed twice", lambda: handle.remove())


@program
def a_hook_that_returns_what_it_was_given(B: Any, draw: Any, see: Any) -> None:
    """The gradient goes on as what it was: the very cotangent, or a view of it."""
    x = draw.floats((2,), requires_grad=True)
    y = draw.choice([lambda: x.view(2, 1), lambda: x.view(2), lambda: x + 0, lambda: x * 2])()
    answer = draw.choice([lambda g: g, lambda g: None])
    draw.choice([x, y]).register_hook(answer)
    seed = draw.floats(tuple(y.shape))
    (g,) = B.autograd.grad(y, x, seed)
    see("gradient", g)
    see("of the cotangent", [g is seed, g._base is seed, g._is_view(), g.data_ptr() == seed.data_ptr()])


@program
def a_hook_replaces_the_gradient(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    factor = draw.number()
    y.register_hook(lambda g: g * factor)
    y.register_hook(lambda g: see("grad in the second hook", g))
    x.register_hook(lambda g: g + 1)
    (y * y).backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def hooks_that_are_refused(B: Any, draw: Any, see: Any) -> None:
    plain = draw.floats((2,))
    see.raises("no grad", lambda: plain.register_hook(lambda g: g))
    for label, result in (
        ("another shape", B.ones(3)),
        ("a number", 1.0),
        ("another dtype", B.ones(2, dtype=B.float64)),
        ("integers", B.ones(2, dtype=B.int64)),
    ):
        x = draw.floats((2,), requires_grad=True)
        x.register_hook(lambda g, result=result: result)
        see.raises(label, lambda x=x: (x * 2).backward(B.ones(2)))
        see(f"x.grad after {label}", x.grad)


@program
def a_failing_hook(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2

    def hook(g):
        raise KeyError("in the hook")

    y.register_hook(hook)
    see.raises("backward", lambda: (y * 3).backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def order_of_tensor_hooks(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    z = y * y
    for name, tensor in (("x", x), ("y", y), ("z", z)):
        for number in range(draw.integer(1, 2)):
            tensor.register_hook(lambda g, note=f"{name}{number}": order.append(note))
    z.backward(draw.floats((2,)))
    see("order", order)


@program
def order_on_one_node(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats((2,), requires_grad=True)
    y = x * x

    def tensor_hook():
        y.register_hook(lambda g: order.append("tensor hook"))

    def prehook():
        y.grad_fn.register_prehook(lambda grads: order.append("node pre-hook"))

    def posthook():
        y.grad_fn.register_hook(lambda inputs, outputs: order.append("node post-hook"))

    steps = [tensor_hook, prehook, posthook, y.retain_grad]
    for _ in range(4):
        steps.pop(draw.integer(0, len(steps) - 1))()
    y.backward(draw.floats((2,)))
    see("order", order)
    see("y.grad", y.grad)


@program
def order_on_a_leaf(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    node.register_hook(lambda inputs, outputs: order.append(f"post-hook {len(inputs)} {len(outputs)}"))
    x.register_post_accumulate_grad_hook(lambda p: order.append(f"post-accumulate {p.grad.tolist()}"))
    node.register_prehook(lambda grads: order.append(f"pre-hook {len(grads)}"))
    x.register_hook(lambda g: order.append(f"tensor hook {x.grad is None}"))
    y.backward(draw.floats((2,)))
    see("order", order)


@program
def node_hooks_change_gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 3
    z = y * y
    z.grad_fn.register_prehook(lambda grads: (grads[0] * 2,))
    z.grad_fn.register_prehook(lambda grads: see("grads in the second pre-hook", grads))
    y.grad_fn.register_hook(lambda inputs, outputs: tuple(None if one is None else one + 1 for one in inputs))
    y.grad_fn.register_hook(lambda inputs, outputs: see("grads in the post-hook", [inputs, outputs]))
    z.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def retained_after_all_hooks(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    y.register_hook(lambda g: g + 5)
    (y * y).backward(draw.floats((2,)))
    see("y.grad", y.grad)
    see("x.grad", x.grad)


@program
def hooks_and_grad_inputs(B: Any, draw: Any, see: Any) -> None:
    counts = {"tensor": 0, "pre": 0, "post": 0, "accumulate": 0}

    def count(name):
        def hook(*_):
            counts[name] += 1

        return hook

    a = draw.floats((2,), requires_grad=True)
    b = a * a
    c = b * b
    b.register_hook(count("tensor"))
    b.grad_fn.register_prehook(count("pre"))
    b.grad_fn.register_hook(count("post"))
    a.register_post_accumulate_grad_hook(count("accumulate"))
    B.autograd.grad(c, (b,), draw.floats((2,)), retain_graph=True)
    see("after grad to b", counts)
    B.autograd.grad(c, (a,), draw.floats((2,)), retain_graph=True)
    see("after grad to a", counts)
    c.backward(draw.floats((2,)), inputs=(a, b))
    see("after backward to both", counts)


@program
def gradients_asked_for_and_changed_by_hooks(B: Any, draw: Any, see: Any) -> None:
    """What is asked for at a tensor behind which more is asked for, or nothing, with hooks there that change it."""
    a = draw.floats((2,), requires_grad=True)
    b, other = (a * a).unbind() if draw.flag() else (a * 3, a * 5)
    c = b.exp() if draw.flag() else b * other
    kinds = draw.integer(1, 7)
    if kinds & 1:
        b.register_hook(lambda g: g * 3)
    if kinds & 2:
        b.grad_fn.register_prehook(lambda gs: tuple(None if g is None else g * 5 for g in gs))
    if kinds & 4:
        b.grad_fn.register_hook(lambda gs, _: tuple(None if g is None else g * 7 for g in gs))
    a.register_hook(lambda g: g * 11)
    inputs = draw.choice([[b], [b, a], [a, b], [a], [a, a, b, b]])
    seed = draw.floats(tuple(c.shape))
    create = draw.flag()
    for i, g in enumerate(B.autograd.grad(c, inputs, seed, retain_graph=True, create_graph=create)):
        see(f"gradient {i}", g)
    c.backward(seed, inputs=inputs)
    see("stored gradients", [a.grad, b.grad if b.retains_grad else None])


@program
def a_hook_stays_with_the_old_value(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    x = a * 2
    x.register_hook(lambda g: see("grad of the old", g))
    x.mul_(draw.number())
    x.register_hook(lambda g: see("grad of the new", g))
    (x * 3).backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def hooks_on_pieces(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    pieces = (x * 1).unbind()
    for i, piece in enumerate(pieces):
        piece.register_hook(lambda g, i=i: see(f"grad of piece {i}", g))
    used = [piece * 2 for piece in pieces if draw.flag()] or [pieces[0]]
    sum(used).backward()
    see("x.grad", x.grad)


@program
def post_accumulate_hook_steps(B: Any, draw: Any, see: Any) -> None:
    p = draw.floats((2,), requires_grad=True)
    rate = draw.number()

    def step(parameter):
        with B.no_grad():
            parameter -= rate * parameter.grad
        parameter.grad = None

    handle = p.register_post_accumulate_grad_hook(step)
    (p * p).backward(draw.floats((2,)))
    see("p after a step", p)
    handle.remove()
    (p * p).backward(draw.floats((2,)))
    see("p and its grad after removal", [p, p.grad])
    see.raises("on a non-leaf", lambda: (p * 2).register_post_accumulate_grad_hook(step))
    see.raises("without grad", lambda: draw.floats((2,)).register_post_accumulate_grad_hook(step))


@program
def a_hook_removed_during_backward(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * x
    handles: list[Any] = []
    y.register_hook(lambda g: handles[0].remove())
    handles.append(y.register_hook(lambda g: see("grad in the removed one", g)))
    y.backward(draw.floats((2,)), retain_graph=True)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def multi_grad_hook(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    b = draw.floats((2,), requires_grad=True)
    handle = B.autograd.graph.register_multi_grad_hook((a, b), lambda grads: see("all grads", grads))
    any_handle = B.autograd.graph.register_multi_grad_hook((a, b), lambda g: see("any grad", g), mode="any")
    (a * 2).backward(draw.floats((2,)))
    (a * b).backward(draw.floats((2,)))
    handle.remove()
    any_handle.remove()
    (a * b).backward(draw.floats((2,)))
    see("gradients", [a.grad, b.grad])


@program
def a_hook_beside_a_missing_gradient(B: Any, draw: Any, see: Any) -> None:
    missing = draw.choice(["second", "first", "both", "neither"])

    class Pair(B.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            see("needed", ctx.needs_input_grad)
            return (x, y) if as_they_are else (x * 2, y * 3)

        @staticmethod
        def backward(ctx, g, h):
            return None if missing in ("first", "both") else g * 2, None if missing in ("second", "both") else h * 3

    as_they_are = draw.flag()
    shape, dtype = draw.shape(), draw.dtype()
    leaves = [draw.floats(shape, dtype, requires_grad=True), draw.floats(shape, dtype, requires_grad=draw.flag())]
    x, y = [one * 1 if draw.flag() else one for one in leaves]
    results = Pair.apply(x, y)
    for name, one in zip(("x", "y", "first", "second"), (x, y, *results), strict=True):
        if one.requires_grad:
            one.register_hook(lambda g, name=name: see(f"grad of {name}", g))
            one.retain_grad()
    (results[0] + results[1]).backward(draw.floats(shape, dtype))
    see("gradients", [one.grad for one in (*leaves, *results)])


@program
def hooks_of_every_kind_of_node(B: Any, draw: Any, see: Any) -> None:
    class Several(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            whole = a.long()
            ctx.mark_non_differentiable(whole)
            return a * 2, whole, a * 3

        @staticmethod
        def backward(ctx, g, nothing, h):
            return g * 2 + h * 3

    def written(t):
        made = t * 1
        made[:1].mul_(3)
        return made

    shape, dtype = draw.shape(1, 2), draw.dtype()
    x = draw.floats(shape, dtype, requires_grad=True)
    y = draw.choice([lambda: x * x, lambda: Several.apply(x)[2], lambda: written(x), lambda: x.unbind()[0], lambda: x.max(0)[0]])()
    z = y * draw.number()
    nodes = [y.grad_fn, z.grad_fn, z.grad_fn.next_functions[0][0], (x * 1).grad_fn.next_functions[0][0]]
    names = ["y", "z", "before z", "the leaf"]
    handles = []

    def before(name, factor):
        def hook(grads):
            see(f"before {name}: grad", grads)
            return tuple(None if g is None else g * factor for g in grads) if factor != 3 else None

        return hook

    def after(name, factor):
        def hook(inputs, outputs):
            see(f"after {name}: grad", [inputs, outputs])
            return tuple(None if g is None else g * factor for g in inputs) if factor != 3 and inputs else None

        return hook

    for _ in range(draw.integer(1, 5)):
        at, factor = draw.integer(0, 3), draw.integer(2, 4)
        handles.append(
            nodes[at].register_hook(after(names[at], factor)) if draw.flag() else nodes[at].register_prehook(before(names[at], factor))
        )
    for handle in handles:
        if draw.flag():
            handle.remove()
            handle.remove()
    z.backward(draw.floats(z.shape, dtype), retain_graph=True)
    see("x.grad", x.grad)
    see("gradient", B.autograd.grad(z, x, draw.floats(z.shape, dtype)))


@program
def order_on_a_leaf_however_registered(B: Any, draw: Any, see: Any) -> None:
    order = []
    x = draw.floats(draw.shape(), draw.dtype(), requires_grad=True)
    y = x * draw.number()
    node = y.grad_fn.next_functions[0][0]
    kinds = {
        "tensor": lambda note: x.register_hook(lambda g: order.append(note)),
        "before": lambda note: node.register_prehook(lambda grads: order.append(note)),
        "stored": lambda note: x.register_post_accumulate_grad_hook(lambda t: order.append(f"{note} {t.grad is not None}")),
        "after": lambda note: node.register_hook(lambda inputs, outputs: order.append(f"{note} {len(inputs)} {len(outputs)}")),
    }
    for number in range(draw.integer(2, 6)):
        kind = draw.choice(list(kinds))
        kinds[kind](f"{kind} {number}")
    how = draw.choice(["backward", "inputs", "other inputs", "grad", "grad of both"])
    seed = draw.floats(x.shape, x.dtype)
    if how == "backward":
        y.backward(seed)
    elif how == "inputs":
        y.backward(seed, inputs=[x, y])
    elif how == "other inputs":
        y.backward(seed, inputs=[y])
    else:
        see("gradients", B.autograd.grad(y, [x] if how == "grad" else [x, y], seed))
    see("order", order)
    see("x.grad", x.grad)


@program
def hooks_of_several_outputs_and_writes(B: Any, draw: Any, see: Any) -> None:
    class Two(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2, a * 3

        @staticmethod
        def backward(ctx, g, h):
            return g * 2 + h * 3

    x = draw.floats((draw.integer(2, 4), *draw.shape(0, 1)), B.float64, requires_grad=True)
    make = draw.choice([Two.apply, lambda t: B.var_mean(t, dim=0), lambda t: t.unsafe_chunk(2), lambda t: t.sort(0)[:1] * 2])
    outputs, retained = make(x), draw.flag()
    for i, one in enumerate(outputs):
        one.register_hook(lambda g, i=i: see(f"grad of the old {i}", g))
    written = outputs[draw.integer(0, 1)]
    for _ in range(draw.integer(1, 2)):
        written.mul_(draw.number())
    for i, one in enumerate(outputs):
        one.register_hook(lambda g, i=i: see(f"grad of the new {i}", g))
        if retained:
            one.retain_grad()
    used = [one * (i + 2) for i, one in enumerate(outputs) if draw.flag()] or [written]
    B.autograd.backward(used, [draw.floats(one.shape, B.float64) for one in used])
    see("x.grad", x.grad)
    see("retained", [one.grad if retained else None for one in outputs])


@program
def hooks_of_what_modules_return(B: Any, draw: Any, see: Any) -> None:
    n, m = draw.integer(1, 3), draw.integer(1, 3)
    layer = B.nn.Linear(n, m, bias=draw.flag())
    for p in layer.parameters():
        p.data = draw.floats(p.shape)
    x = draw.floats((2, n), requires_grad=draw.flag())
    y = draw.choice([layer, lambda t: B.nn.ReLU()(layer(t)), lambda t: layer(t) * 3])(x)
    factor = draw.number()
    y.register_hook(lambda g: g * factor)
    layer.weight.register_hook(lambda g: see("grad of the weight", g) if draw_none else g + 1)
    draw_none = draw.flag()
    y.backward(draw.floats((2, m)))
    see("gradients", [x.grad, *(p.grad for p in layer.parameters())])


@program
def a_hook_and_a_sibling_that_is_not_reached(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape()
    x, y = draw.floats(shape, requires_grad=True), draw.floats(shape, requires_grad=True)
    made = {"product": x * y, "sum": x + y, "power": x.exp() * 2, "other": y.sin()}
    for name, one in made.items():
        one.register_hook(lambda g, name=name: see(f"grad of {name}", g))
        one.grad_fn.register_prehook(lambda grads, name=name: see(f"grads of {name}", grads))
    roots = [one for one in made.values() if draw.flag()] or [made["sum"]]
    ends = draw.choice([(x,), (y,), (x, y), (made["product"], x)])
    seeds = [draw.floats(shape) for _ in roots]
    see("gradients", B.autograd.grad(roots, ends, seeds, allow_unused=True))
