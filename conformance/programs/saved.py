"""Saved values: what nodes keep, how it is read, how hooks pack it, and when it is freed."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def saved_attributes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,), requires_grad=draw.flag())
    product = x * y
    see("of x * y", [product.grad_fn._saved_self, product.grad_fn._saved_other])
    see.same("the very input", product.grad_fn._saved_other, y)
    see("of exp", x.exp().grad_fn._saved_result)
    see("of pow", [(x**3).grad_fn._saved_exponent, (x**3).grad_fn._saved_self])
    see("of sum", x.sum().grad_fn._saved_self_sym_sizes)
    see("of mean", x.mean().grad_fn._saved_self_sym_numel)
    see("of a select", [x[0].grad_fn._saved_dim, x[0].grad_fn._saved_index])
    see.raises("an attribute that is not there", lambda: product.grad_fn._saved_nothing)


@program
def reading_after_backward(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x.exp()
    see("before", y.grad_fn._saved_result)
    see.same("the same object", y.grad_fn._saved_result, y)
    y.backward(draw.floats((2,)))
    see.raises("after", lambda: y.grad_fn._saved_result)


@program
def reading_a_stale_one(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 1
    z = y * y
    y.add_(1)
    see.raises("reading", lambda: z.grad_fn._saved_self)
    see.raises("backward", lambda: z.backward(draw.floats((2,))))


@program
def packing_and_unpacking(B: Any, draw: Any, see: Any) -> None:
    def pack(t):
        see.values("packed", t)
        return t

    def unpack(t):
        see.values("unpacked", t)
        return t

    a = draw.floats((2,), requires_grad=True)
    b = draw.floats((2,), requires_grad=draw.flag())
    with B.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = draw.choice([lambda: a * a, lambda: a * b, lambda: a.exp(), lambda: a + b, lambda: a * 3, lambda: a / b])()
    see("y", y)
    y.backward(draw.floats((2,)))
    see("gradients", [a.grad, b.grad])


@program
def packing_changes_values(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    with B.autograd.graph.saved_tensors_hooks(lambda t: 2 * t, lambda t: t):
        y = a * a
    see("y", y)
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def packing_into_anything(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    kept: dict[int, Any] = {}

    def pack(t):
        kept[len(kept)] = t.detach().clone()
        return len(kept) - 1

    with B.autograd.graph.saved_tensors_hooks(pack, lambda key: kept[key]):
        y = a * a
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)
    see("kept", kept)


@program
def hooks_nest(B: Any, draw: Any, see: Any) -> None:
    hooks = B.autograd.graph.saved_tensors_hooks
    a = draw.floats((2,), requires_grad=True)
    with hooks(lambda t: t * 2, lambda t: t):
        with hooks(lambda t: t * 4, lambda t: t):
            inner = a * a
        outer = a * a
    plain = a * a
    for y in (inner, outer, plain):
        a.grad = None
        y.backward(B.ones(2))
        see("a.grad", a.grad)


@program
def hooks_that_misbehave(B: Any, draw: Any, see: Any) -> None:
    hooks = B.autograd.graph.saved_tensors_hooks
    a = draw.floats((2,), requires_grad=True)

    def fail(t):
        raise ValueError("in a hook")

    def packing():
        with hooks(fail, lambda t: t):
            return a * a

    see.raises("pack raises", packing)
    with hooks(lambda t: t, fail):
        y = a * a
    see.raises("unpack raises", lambda: y.backward(B.ones(2)))
    with hooks(lambda t: t, lambda t: 3):
        y = a * a
    see.raises("unpack returns a number", lambda: y.backward(B.ones(2)))

    def in_place():
        with hooks(lambda t: t.add_(1), lambda t: t):
            return a.clone() ** 2

    see.raises("pack in place", in_place)


@program
def disabled_hooks(B: Any, draw: Any, see: Any) -> None:
    graph = B.autograd.graph
    a = draw.floats((2,), requires_grad=True)

    def enter():
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            return a * a

    with graph.disable_saved_tensors_hooks("not here"):
        see.raises("inside", enter)
        with graph.disable_saved_tensors_hooks("nor here"):
            see.raises("inside both", enter)
    see.raises("after", enter)


@program
def raw_saved(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    y = a * a
    y.grad_fn._raw_saved_self.register_hooks(lambda t: t * 2, lambda t: t)
    see.raises("twice", lambda: y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t))
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)
    see.raises("after it was freed", lambda: y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t))


@program
def what_is_kept_depends_on_who_needs_it(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=draw.flag())
    y = draw.floats((2,), requires_grad=True)
    x, y = x * 1, y * 1
    z = draw.choice(
        [
            lambda: x * y,
            lambda: x / y,
            lambda: B.addcmul(x, y, y),
            lambda: B.addcdiv(x, x, y),
            lambda: B.atan2(x, y),
            lambda: B.where(x > 0, x, y),
            lambda: x @ y,
        ]
    )()
    draw.choice([x, y]).add_(1)
    see.raises("backward", lambda: z.backward(B.ones_like(z)))


@program
def a_hook_registered_while_unpacking(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(), draw.dtype(), requires_grad=True)
    factor = draw.number()
    times = []

    def unpack(t):
        if not times:
            y.grad_fn.register_hook(halves)
        times.append(1)
        return t

    def halves(inputs, outputs):
        see("grads seen by the hook", [inputs, outputs])
        return tuple(None if g is None else g * factor for g in inputs)

    with B.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
        y = draw.choice([lambda: x * x, lambda: x.exp(), lambda: x**3])()
    y.backward(draw.floats(x.shape, x.dtype), retain_graph=True)
    see("x.grad", x.grad)
    y.backward(draw.floats(x.shape, x.dtype))
    see("x.grad after", x.grad)
    see("times", len(times))


@program
def hooks_of_one_saved_tensor_and_what_it_is(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(), draw.dtype()
    leaf = draw.floats(shape, dtype, requires_grad=True)
    a = draw.choice([lambda: leaf, lambda: leaf * 2, lambda: (leaf * 2).view(-1), lambda: (leaf * 1).mul_(2)])()
    y = draw.choice([lambda: a * a, lambda: a.exp(), lambda: a.clone().exp_()])()
    node = y.grad_fn
    name = "result" if hasattr(node, "_saved_result") else "self"
    factor = draw.number()
    packs = draw.choice([(lambda t: t * 2, lambda t: t / 2), (lambda t: t, lambda t: t), (lambda t: (t, factor), lambda p: p[0] * p[1])])
    see.raises("registered", lambda: getattr(node, "_raw_saved_" + name).register_hooks(*packs))

    def read():
        kept = getattr(node, "_saved_" + name)
        see("kept", kept)
        see("itself", [kept is a, kept is y, kept.grad_fn is a.grad_fn, kept.grad_fn is y.grad_fn])
        return kept

    see.raises("read", read)
    seed = draw.floats(y.shape, dtype)
    see.raises("gradient", lambda: B.autograd.grad(y, leaf, seed, create_graph=True)[0].requires_grad)
    see.raises("written", lambda: (draw.choice([a, y]).detach().mul_(2), None)[1])
    see.raises("backward", lambda: y.backward(seed))
    see("leaf.grad", leaf.grad)
    see.raises("freed", lambda: getattr(node, "_saved_" + name))


@program
def hooks_that_cannot_be_called(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    y = a * a
    raw = y.grad_fn._raw_saved_self
    wrong = {
        "no arguments": lambda: raw.register_hooks(lambda: 1, lambda t: t),
        "two arguments": lambda: raw.register_hooks(lambda t, u: t, lambda t: t),
        "one hook": lambda: raw.register_hooks(lambda t: t),
        "three hooks": lambda: raw.register_hooks(lambda t: t, lambda t: t, lambda t: t),
        "numbers": lambda: raw.register_hooks(1, 2),
        "no hooks": lambda: raw.register_hooks(),
    }
    kinds = [draw.choice(list(wrong)) for _ in range(2)]
    for kind in kinds:
        try:
            wrong[kind]()
        except Exception as error:  # PyTorch's text goes on with the signature and the arguments
            see(kind, [type(error).__name__, str(error).split("(")[0], str(error).split(". ")[0].split(": ")[-1]])
    see.raises("made by hand", lambda: B.autograd.SavedTensor())
    see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("a.grad", a.grad)


@program
def several_pairs_and_several_graphs(B: Any, draw: Any, see: Any) -> None:
    hooks = B.autograd.graph.saved_tensors_hooks
    shape, dtype = draw.shape(), draw.dtype()
    a = draw.floats(shape, dtype, requires_grad=True)
    order: list[Any] = []

    def pair(name):
        return hooks(lambda t: (order.append(f"pack {name}"), t * scale)[1], lambda t: (order.append(f"unpack {name}"), t)[1])

    scale = draw.integer(1, 3)
    first, second = pair("first"), pair("second")
    made = [a]
    for _ in range(draw.integer(1, 5)):
        step = draw.choice(
            [lambda t: t * t, lambda t: t * a, lambda t: t.sin(), lambda t: t + 1, lambda t: t * 2, lambda t: t.clone().mul_(a)]
        )
        context = draw.choice([lambda: None, lambda: first, lambda: second])()
        if context is None:
            made.append(step(made[-1]))
        else:
            with context:
                made.append(step(made[-1]))
    y = made[-1]
    seed = draw.floats(shape, dtype)
    if draw.flag():
        with first:
            (g,) = B.autograd.grad(y, a, seed, create_graph=True)
        see("gradient", g)
        if g.requires_grad:
            see("second gradient", B.autograd.grad(g, a, seed))
    else:
        y.backward(seed)
        see("a.grad", a.grad)
    see("order", order)
