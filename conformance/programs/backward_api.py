"""backward and autograd.grad: every argument, and every complaint."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def without_grad(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape())
    y = x * 2
    see.raises("a leaf", lambda: x.backward())
    see.raises("a result", lambda: y.backward())
    see.raises("with a gradient", lambda: y.backward(x))
    see.raises("autograd.backward", lambda: B.autograd.backward([y]))
    see.raises("autograd.grad of outputs", lambda: B.autograd.grad(y, x))
    z = draw.floats((), requires_grad=True)
    see.raises("autograd.grad of inputs", lambda: B.autograd.grad(z * 2, x))
    see.raises("one of two roots", lambda: B.autograd.backward([z * 2, x], [B.ones(()), x]))


@program
def implicit_gradient(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(empty=True), requires_grad=True)
    y = x * 2
    see.raises("y.backward()", lambda: y.backward())
    see("x.grad", x.grad)
    see.raises("gradient by autograd.grad", lambda: B.autograd.grad(x * 2, x))
    see.raises("backward([y], [None])", lambda: B.autograd.backward([x * 2], [None]))
    c = draw.complexes((), requires_grad=True)
    see.raises("a complex scalar", lambda: (c * 2).backward())
    see.raises("its real part", lambda: (c * 2).real.backward())
    see("c.grad", c.grad)


@program
def gradient_of_the_wrong_kind(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    wrong = draw.floats(draw.shape(0, 2))
    see.raises("a drawn shape", lambda: y.backward(wrong, retain_graph=True))
    see.raises("too many", lambda: y.backward(B.ones(3), retain_graph=True))
    see.raises("a scalar", lambda: y.backward(B.ones(()), retain_graph=True))
    see.raises("a number", lambda: y.backward(1.0, retain_graph=True))
    see.raises("a list", lambda: y.backward([1.0, 1.0], retain_graph=True))
    see.raises("integers", lambda: y.backward(B.tensor([1, 2]), retain_graph=True))
    see.raises("complex", lambda: y.backward(B.tensor([1j, 2]), retain_graph=True))
    see.raises("double", lambda: y.backward(B.tensor([1.0, 2.0], dtype=B.float64), retain_graph=True))
    see("x.grad", x.grad)
    see.raises("gradient by autograd.grad", lambda: B.autograd.grad(x * 2, x, grad_outputs=B.ones(2, 2)))
    see.raises("too few grad_outputs", lambda: B.autograd.grad([x * 2, x * 3], x, grad_outputs=[B.ones(2)]))
    see.raises("too many grad_tensors", lambda: B.autograd.backward([x * 2], [B.ones(2), B.ones(2)]))
    roots, last = [(x * i).sum() * 0 + i for i in range(3)], draw.integer(1, 2)  # told by their values, and so are gradients
    for name, g in (("shape", B.tensor([7.0])), ("dtype", B.tensor(7j))):
        seeds = [B.tensor(float(i)) for i in range(3)]
        seeds[last] = g
        see.raises(f"another {name} later", lambda seeds=seeds: B.autograd.backward(roots, seeds, retain_graph=True))
        see.raises(f"gradient, another {name} later", lambda seeds=seeds: B.autograd.grad(roots, x, seeds, retain_graph=True))


@program
def a_second_time(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    g = draw.floats((2,))
    operation = draw.choice(
        [lambda x: x + 1, lambda x: x * x, lambda x: x * 3, lambda x: x.exp(), lambda x: -x, lambda x: x.view(2, 1).t()]
    )
    y = operation(x)
    g = g.reshape(y.shape)
    draw.choice(
        [lambda: None, lambda: y.register_hook(lambda g: g * 2), y.retain_grad, lambda: y.grad_fn.register_prehook(lambda gs: None)]
    )()
    see.raises("first", lambda: y.backward(g.clone()))
    see("x.grad", x.grad)
    see.raises("second", lambda: y.backward(g.clone()))
    see("x.grad after", x.grad)
    see.raises("gradient by autograd.grad", lambda: B.autograd.grad(y, x, g.clone()))


@program
def retain_graph(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = (x * x).exp()
    for turn in range(draw.integer(1, 3)):
        y.backward(draw.floats((2,)), retain_graph=True)
        see(f"x.grad {turn}", x.grad)
    y.backward(draw.floats((2,)))
    see("x.grad last", x.grad)
    see.raises("once more", lambda: y.backward(B.ones(2)))


@program
def several_roots(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    z = y * y
    B.autograd.backward([y, z], [draw.floats((2,)), draw.floats((2,))], retain_graph=True)
    see("x.grad of two dependent roots", x.grad)
    B.autograd.backward((z, z), (draw.floats((2,)), draw.floats((2,))), retain_graph=True)
    see("x.grad of the same root twice", x.grad)
    B.autograd.backward([z.sum(), z[0]])
    see("x.grad of two scalars", x.grad)
    see("gradients by autograd.grad", B.autograd.grad([x * 2, x * x], [x], grad_outputs=[draw.floats((2,)), draw.floats((2,))]))
    see.raises("no roots", lambda: B.autograd.backward([]))


@program
def only_some_inputs(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    b = draw.floats((2,), requires_grad=True)
    unrelated = draw.floats((2,), requires_grad=True)
    c = a * b
    d = c * c
    d.backward(draw.floats((2,)), inputs=[a], retain_graph=True)
    see("gradients of a only", [a.grad, b.grad])
    d.backward(draw.floats((2,)), inputs=b, retain_graph=True)
    see("gradients of b only", [a.grad, b.grad])
    d.backward(draw.floats((2,)), inputs=[c], retain_graph=True)
    see("grad of the middle one", see.warns("reading it", lambda: c.grad))
    d.backward(draw.floats((2,)), inputs=[unrelated, a], retain_graph=True)
    see("grad of an unrelated one", unrelated.grad)
    see.raises("none", lambda: d.backward(draw.floats((2,)), inputs=[]))
    see.raises("one without grad", lambda: d.backward(draw.floats((2,)), inputs=[draw.floats((2,))]))


@program
def formulas_nobody_wants_do_not_run(B: Any, draw: Any, see: Any) -> None:
    a, b = (draw.floats((2,), B.float64, requires_grad=True).abs() + 1 for _ in range(2))
    op = draw.choice([B.igamma, B.igammac])
    wanted = draw.choice([(b,), (a,), (a, b)])
    create_graph, seed = draw.flag(), draw.floats((2,), B.float64)
    see.raises("gradients", lambda: B.autograd.grad(op(a, b), wanted, seed, create_graph=create_graph))
    c, d = a.detach().requires_grad_(), b.detach().requires_grad_()
    inputs = draw.choice([[d], [c], None])
    see.raises("backward", lambda: (op(c, d) * c).backward(seed, inputs=inputs))
    see("gradients of leaves", [c.grad, d.grad])
    e = op(*draw.choice([(c, d), (c, b.detach()), (a.detach(), d)]))
    see.raises("backward to the result", lambda: (e * 2).backward(seed, inputs=[e]))
    see("grad of the result", e.grad if e.retains_grad else None)


@program
def grad_leaves_dot_grad_alone(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,), requires_grad=True)
    z = x * y
    w = z * z
    result = B.autograd.grad(w, (x, y, z), draw.floats((2,)))
    see("type of the result", type(result).__name__)
    see("gradients", result)
    see("x.grad", x.grad)
    see("gradient of an input by itself", B.autograd.grad(x, x, draw.floats((2,))))
    see.raises("after it was freed", lambda: B.autograd.grad(w, x, draw.floats((2,))))


@program
def unused_inputs(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats(draw.shape(), requires_grad=True)
    g = draw.floats((2,))
    see.raises("by default", lambda: B.autograd.grad(x * x, (x, y), g))
    see("gradients with allow_unused", B.autograd.grad(x * x, (x, y), g, allow_unused=True))
    see("gradients with materialize_grads", B.autograd.grad(x * x, (x, y), g, materialize_grads=True))
    see.raises("both at odds", lambda: B.autograd.grad(x * x, (x, y), g, allow_unused=False, materialize_grads=True))


@program
def pieces_of_one_node(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((4,), requires_grad=True)
    first, second = (x * 2).chunk(2)
    z = first * first
    see("pieces", [first, second])
    see("gradients of all", B.autograd.grad(z, (first, second, x), draw.floats((2,)), allow_unused=True, retain_graph=True))
    z.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def what_is_refused_first(B: Any, draw: Any, see: Any) -> None:
    """The cotangents are looked at before the inputs, one of which may be a view that its base's history makes unusable."""
    x = draw.floats((2, 2), requires_grad=draw.flag())
    base = x if draw.flag() else x * 2
    piece = draw.choice([lambda: base.unbind()[0], lambda: base.chunk(2)[-1], lambda: base[0]])()
    if draw.flag():
        with B.no_grad():
            base.mul_(2)
    root = draw.choice([lambda: base, lambda: base.sum(), lambda: base * 2])()
    seed = draw.choice([None, draw.floats((2, 2)), draw.floats((3,)), draw.floats(())])
    create_graph = draw.flag()
    see.raises("gradients", lambda: B.autograd.grad(root, [piece, x], seed, create_graph=create_graph, allow_unused=True))


@program
def batched_gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * x
    seeds = draw.floats((draw.integer(1, 3), 2))
    see("gradients by row", B.autograd.grad(y, x, seeds, is_grads_batched=True, retain_graph=True))
    see.raises("a wrong shape", lambda: B.autograd.grad(y, x, B.ones(2), is_grads_batched=True, retain_graph=True))


@program
def create_graph_warns_in_backward_only(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    g = draw.floats((2,))
    see.warns("backward", lambda: (x * x).backward(g, create_graph=True))
    see("x.grad", x.grad)
    see.graph("its graph", x.grad)
    (gradient,) = see.warns("grad", lambda: B.autograd.grad(x * x, x, g, create_graph=True))
    see("gradient", gradient)
    see.warns("plain backward", lambda: (x * x).backward(g))


@program
def calling_a_node(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,), requires_grad=True)
    node = (x * y).grad_fn
    g = draw.floats((2,))
    see("gradients of a call", node(g))
    see.raises("with two", lambda: node(g, g))
    see.raises("with none", lambda: node())
    see("gradients of None", node(None))


@program
def stray_arguments(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    see.raises("an unknown keyword", lambda: y.backward(x, keep=True))
    see.raises("inputs that are no tensors", lambda: y.backward(x, inputs=[3]))
    see.raises("an output that is no tensor", lambda: B.autograd.grad(3, x))
    see.raises("no inputs", lambda: B.autograd.grad(y, [], draw.floats((2,))))
    z = draw.floats((2,), requires_grad=True)
    see.warns("warnings", lambda: see("gradient", B.autograd.grad(z * 2, z, draw.floats((2,)), only_inputs=draw.flag())))


@program
def deep_chain(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((), requires_grad=True)
    y = x
    for _ in range(draw.choice([*[100, 200, 300] * 3, 1500])):
        y = y + x
    y.backward()
    see("x.grad", x.grad)


@program
def reentrant_from_a_hook(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    inner = draw.floats((2,), requires_grad=True)

    def hook(g):
        see("grad mode in the hook", B.is_grad_enabled())
        with B.enable_grad():
            (inner * inner).backward(g)

    y = x * 2
    y.register_hook(hook)
    (y * 3).backward(draw.floats((2,)))
    see("gradients", [x.grad, inner.grad])


@program
def integers_on_the_way(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    values, indices = (x * 1).max(0)
    branch = indices.repeat(2).double().sum() if draw.flag() else (x > 1).double().sum()
    y = values * draw.number() + branch
    y.backward()
    see("x.grad", x.grad)
    see("branch", [branch.requires_grad, indices.requires_grad])


@program
def roots_of_every_kind(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    a = x * 2
    b = a * a
    c = (b * 3).sum()
    plain = draw.floats((2,))
    seed = draw.floats((2,))
    cases = {
        "dependent": lambda: B.autograd.backward([a, b, c], [seed, seed, None]),
        "twice": lambda: B.autograd.backward([b, b], [seed, seed]),
        "a leaf": lambda: B.autograd.backward([x, b], [seed, seed]),
        "None for several": lambda: B.autograd.backward([b], [None]),
        "one without grad": lambda: B.autograd.backward([b, plain], [seed, seed]),
        "too few": lambda: B.autograd.backward([b, c], [seed]),
        "too many": lambda: B.autograd.backward([b], [seed, seed]),
        "one for one": lambda: B.autograd.backward(b, seed),
        "a number": lambda: B.autograd.backward([c], [1.0]),
        "none at all": lambda: B.autograd.backward([]),
        "another shape": lambda: B.autograd.backward(b, B.ones(3)),
        "a wider one": lambda: B.autograd.backward(b, B.ones(2, 2)),
        "of a scalar": lambda: B.autograd.backward(c, B.ones(1)),
        "both names": lambda: B.autograd.backward(b, seed, grad_variables=seed),
    }
    name = draw.choice(list(cases))
    see.warns(name, lambda: see.raises(name, cases[name]))
    see("x.grad", x.grad)
    by_grad = {
        "dependent": lambda: B.autograd.grad([a, b, c], x, [seed, seed, None]),
        "twice": lambda: B.autograd.grad([b, b], [x, x], [seed, seed]),
        "a leaf": lambda: B.autograd.grad(x, x, seed),
        "an output": lambda: B.autograd.grad(b, (b, a), seed),
        "no inputs": lambda: B.autograd.grad(b, (), seed),
        "a number": lambda: B.autograd.grad(b, 3, seed),
        "a list of lists": lambda: B.autograd.grad(b, [[x]], seed),
    }
    a = x * 2
    b = a * a
    c = (b * 3).sum()
    name = draw.choice(list(by_grad))
    see.raises(f"gradient, {name}", by_grad[name])
