"""Transforms of functions: gradients, derivatives along tangents, Jacobians, how they nest, and what they refuse."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(), draw.dtype(), draw.flag())
    f = draw.choice(
        [
            lambda a: (a * a).sum(),
            lambda a: a.sin().sum() * a.sum(),
            lambda a: a.exp().mean(),
            lambda a: B.ones(()),
            lambda a: a.detach().sum(),
            lambda a: (a.softmax(-1) * a).sum() if a.dim() else a,
            lambda a: a.reshape(-1)[0] * a.reshape(-1)[-1],
            lambda a: B.where(a > 0, a, a * a).sum(),
        ]
    )
    see("gradient", B.func.grad(f)(x))
    gradient, value = B.func.grad_and_value(f)(x)
    see("gradient with value", gradient)
    see("value", value)
    see("the input", x)


@program
def arguments_by_number(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape(1, 2)
    args = (draw.floats(shape), draw.floats(shape, None, draw.flag()), draw.floats(shape))
    argnums = draw.choice([0, 1, 2, (0, 1), (2, 0), (1,), -1, (0, -1), 3, -4, (0, 0), (), (0, 3), "a", [0], (0, "a")])
    f = draw.choice([lambda a, b, c: (a * b * c).sum(), lambda a, b, c: (a * a).sum() + b.sum(), lambda a, b, c: (c / 2 - b).pow(2).sum()])
    see.raises("gradient", lambda: B.func.grad(f, argnums)(*args))
    see.raises("gradient with value", lambda: B.func.grad_and_value(f, argnums=argnums)(*args))
    see.raises("gradient by rows", lambda: B.func.jacrev(f, argnums)(*args))


@program
def trees(B: Any, draw: Any, see: Any) -> None:
    u, v = draw.floats((2,)), draw.floats((2,), None, draw.flag())
    tree = draw.choice(
        [lambda: (u, v), lambda: [u, v], lambda: {"u": u, "v": v}, lambda: {"u": (u,), "v": [v]}, lambda: ((u, {"v": v}),)]
    )()

    def leaves(t):
        if isinstance(t, B.Tensor):
            return [t]
        return [leaf for one in (t.values() if isinstance(t, dict) else t) for leaf in leaves(one)]

    def f(t):
        a, b = leaves(t)
        return (a * b * b).sum()

    def g(t):
        a, b = leaves(t)
        return {"product": a * b, "more": [a.sum(), (b,)]}

    see("gradient", B.func.grad(f)(tree))
    output, pull = B.func.vjp(g, tree)
    see("output", output)
    see("gradient of several", pull({"product": u, "more": [B.ones(()), (v,)]}))
    see("derivative", B.func.jvp(g, (tree,), (tree,)))
    see("gradient by rows", B.func.jacrev(g)(tree))
    see("gradient by columns", B.func.jacfwd(g)(tree))
    see("gradient twice", B.func.hessian(f)(tree))


@program
def with_more_to_return(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2,)), draw.floats((2,), None, draw.flag())
    f = draw.choice(
        [
            lambda a, b: ((a * b).sum(), a * 2),
            lambda a, b: ((a * b).sum(), {"b": b, "squares": [a * a]}),
            lambda a, b: ((a * b).sum(), (a.detach(), B.ones(2))),
            lambda a, b: [(a * b).sum(), a],
            lambda a, b: ((a * b).sum(), a, b),
            lambda a, b: (a * b).sum(),
        ]
    )
    see.raises("gradient and aux", lambda: B.func.grad(f, has_aux=True)(x, y))
    see.raises("gradient, value and aux", lambda: B.func.grad_and_value(f, has_aux=True)(x, y))
    see.raises("output and aux", lambda: B.func.vjp(f, x, y, has_aux=True)[::2])
    see.raises("derivative and aux", lambda: B.func.jvp(f, (x, y), (y, x), has_aux=True))
    see.raises("gradient by rows and aux", lambda: B.func.jacrev(f, has_aux=True)(x, y))
    see.raises("gradient by columns and aux", lambda: B.func.jacfwd(f, has_aux=True)(x, y))


@program
def what_a_gradient_refuses(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,))
    f = draw.choice(
        [
            lambda a: a,
            lambda a: a.reshape(1, 2),
            lambda a: (a.sum(),),
            lambda a: 3.0,
            lambda a: None,
            lambda a: {},
            lambda a: a.sum().long(),
            lambda a: (a, 3),
            lambda a: a > 0,
        ]
    )
    see.raises("gradient", lambda: B.func.grad(f)(x))
    see.raises("output", lambda: B.func.vjp(f, x)[0])
    see.raises("derivative", lambda: B.func.jvp(f, (x,), (x,)))
    see.raises("gradient of a number", lambda: B.func.grad(f)(3.0))
    see.raises("gradient of integers", lambda: B.func.grad(f)(draw.integers((2,))))
    see.raises("gradient of a list with a number", lambda: B.func.grad(lambda t: t[0].sum())([x, 2]))


@program
def pulling_back(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 2), draw.dtype()
    x, y = draw.floats(shape, dtype), draw.floats(shape, dtype, draw.flag())
    f = draw.choice([lambda a, b: a * b, lambda a, b: (a.sin(), b * 2), lambda a, b: {"sum": (a + b).sum(), "a": a}, lambda a, b: [b]])
    output, pull = B.func.vjp(f, x, y)
    see("output", output)

    def shaped(t, like):
        if isinstance(like, B.Tensor):
            return B.full_like(like, t)
        return {k: shaped(t, v) for k, v in like.items()} if isinstance(like, dict) else type(like)(shaped(t, v) for v in like)

    see("gradient", pull(shaped(draw.number(), output)))
    see("gradient again", pull(shaped(2.0, output)))
    see("gradient, freed after", pull(shaped(1.0, output), retain_graph=False))
    see("gradient without a graph", B.func.vjp(f, x, y)[1](shaped(1.0, output), create_graph=False))
    see.raises("another structure", lambda: pull((x, y, x)))
    see.raises("another shape", lambda: B.func.vjp(lambda a: a, x)[1](B.ones(5, 5)))
    see.raises("complex", lambda: B.func.vjp(lambda a: a, x)[1](B.ones(shape, dtype=B.complex64)))


@program
def the_input_returned(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), None, draw.flag())
    constant = B.ones(2)
    see.same("by vjp", B.func.vjp(lambda a: a, x)[0], x)
    see.same("as aux", B.func.grad(lambda a: (a.sum(), a), has_aux=True)(x)[1], x)
    see.same("a constant as aux", B.func.grad(lambda a: (a.sum(), constant), has_aux=True)(x)[1], constant)
    see.same("by jvp", B.func.jvp(lambda a: a, (x,), (x,))[0], x)


@program
def derivatives_along_tangents(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 2), draw.dtype()
    x, v = draw.floats(shape, dtype), draw.floats(shape, dtype)
    f = draw.choice(
        [
            lambda a: a.sin(),
            lambda a: (a * a, a.sum()),
            lambda a: {"one": B.ones(2), "twice": a + a},
            lambda a: a.softmax(-1),
            lambda a: a.cumsum(0),
            lambda a: a.detach() * a,
            lambda a: a.max(0).values,
            lambda a: a.clone().mul_(a),
        ]
    )
    see("derivative", B.func.jvp(f, (x,), (v,)))
    see.raises("strict derivative", lambda: B.func.jvp(f, (x,), (v,), strict=True))
    with B.no_grad():
        see("derivative without recording", B.func.jvp(f, (x,), (v,)))
    output, along = B.func.linearize(draw.choice([lambda a: a * a, lambda a: (a.sin(), a.sum())]), x)
    see("output", output)
    see("derivative there", along(v))
    see.raises("linear: another shape", lambda: along(B.ones(5, 5, dtype=dtype)))
    see.raises("linear: another dtype", lambda: along(v.to(B.float16)))
    see.raises("linear: more tangents", lambda: along(v, v))


@program
def what_a_derivative_refuses(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,))
    primals = draw.choice([lambda: (x,), lambda: x, lambda: [x], lambda: (), lambda: (3,), lambda: (x.long(),), lambda: (x, x)])()
    tangents = draw.choice([lambda: (x,), lambda: x, lambda: [x], lambda: (), lambda: (3,), lambda: (x.long(),), lambda: (B.ones(3),)])()
    see.raises("derivative", lambda: B.func.jvp(lambda *a: a[0] * 2, primals, tangents))


@program
def jacobians(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats(draw.shape(0, 2)), draw.floats((2,))
    f = draw.choice(
        [
            lambda a, b: a * a,
            lambda a, b: a.sum() * b,
            lambda a, b: (a.sin(), b.sum() * a),
            lambda a, b: {"outer": a.reshape(-1, 1) * b, "constant": B.ones(2)},
            lambda a, b: b.sum(),
            lambda a, b: a.reshape(-1).flip(0).cumsum(0),
        ]
    )
    argnums = draw.choice([0, 1, (0, 1), (1,)])
    size = draw.choice([None, 1, 2, 3, 100])
    see("gradient by rows", B.func.jacrev(f, argnums, chunk_size=size)(x, y))
    see("gradient by columns", B.func.jacfwd(f, argnums)(x, y))
    see.raises("no rows", lambda: B.func.jacrev(f, chunk_size=0))
    see.raises("of complex", lambda: B.func.jacrev(f)(x + 1j, y))
    see.raises("columns of complex", lambda: B.func.jacfwd(f)(x + 1j, y))
    see.raises("to complex", lambda: B.func.jacrev(lambda a: a + 1j)(x))
    see.raises("columns to complex", lambda: B.func.jacfwd(lambda a: a + 1j)(x))


@program
def hessians(B: Any, draw: Any, see: Any) -> None:
    def settled(t):
        """With zeros of one sign: which one comes of adding zeros up depends on how a batch is taken apart."""
        return t + 0.0 if isinstance(t, B.Tensor) else [settled(one) for one in t]

    def added_up(t):
        """Sums of copies, which PyTorch makes real where it keeps zeros that have no memory."""
        return t.clone().sum() if isinstance(t, B.Tensor) else [added_up(one) for one in t]

    x, y = draw.floats((2,), B.float64), draw.floats((2,), B.float64)
    f = draw.choice(
        [
            lambda a, b: (a**3).sum() * b.sum(),
            lambda a, b: (a.sin() * b).sum(),
            lambda a, b: (a @ b) ** 2,
            lambda a, b: a.softmax(0)[0] * b[1],
            lambda a, b: B.nn.functional.mse_loss(a * b, b),
            lambda a, b: a * b,
        ]
    )
    argnums = draw.choice([0, 1, (0, 1)])
    see("gradient twice", settled(B.func.hessian(f, argnums)(x, y)))
    rows, columns = B.func.jacrev, B.func.jacfwd
    see("gradient by rows of rows", settled(rows(rows(f, argnums), argnums)(x, y)))
    for name, made in (
        ("columns of columns", columns(columns(f, argnums), argnums)),
        ("rows of columns", rows(columns(f, argnums), argnums)),
    ):
        see("gradient by " + name, added_up(made(x, y)))


@program
def nested(B: Any, draw: Any, see: Any) -> None:
    F, x = B.func, draw.floats((), B.float64)
    f = draw.choice([lambda a: a.sin() * a, lambda a: a**4, lambda a: a.exp()])
    d = draw.integer(1, 3)
    made = f
    for _ in range(d):
        made = F.grad(made) if draw.flag() else lambda a, made=made: F.jvp(made, (a,), (B.ones_like(a),))[1]
    see("gradient several times", made(x))
    see("gradient of a gradient times a constant", F.grad(lambda a: a * F.grad(lambda b: a + b)(B.ones_like(a)))(x))
    see("gradient by both levels", F.grad(lambda a: F.grad(lambda b: f(b) * f(a))(a))(x))
    see("derivative of a derivative", F.jvp(lambda a: F.jvp(lambda b: f(b) * a, (a,), (a,))[1], (x,), (x,)))
    see("derivative of a gradient", F.jvp(lambda a: F.vjp(f, a)[1](a)[0], (x,), (x,)))
    see("gradient of a derivative", F.vjp(lambda a: F.jvp(f, (a,), (a,))[1], x)[1](x))


@program
def outside_it_is_recorded(B: Any, draw: Any, see: Any) -> None:
    x, w = draw.floats((2,), None, draw.flag()), draw.floats((2,), None, True)
    f = draw.choice([lambda a: (a**3 * w).sum(), lambda a: (a.sin() * w).sum(), lambda a: (a.exp() * w.exp()).sum() * a.sum()])
    of = draw.choice(
        [
            lambda: B.func.grad(f)(x),
            lambda: B.func.grad_and_value(f)(x)[1],
            lambda: B.func.vjp(f, x)[1](B.ones(()))[0],
            lambda: B.func.jvp(f, (x,), (x,))[1],
            lambda: B.func.jacrev(f)(x),
            lambda: B.func.jacfwd(f)(x),
            lambda: B.func.hessian(f)(x),
        ]
    )
    result = of()
    see("gradient requires grad", result.requires_grad)
    result.sum().backward()
    see("gradient of what was captured", w.grad)
    see("gradient of the input", x.grad)
    with B.no_grad():
        see("gradient in no_grad", of())
    see("gradient of what was captured then", w.grad)


@program
def modes_inside_and_outside(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), None, draw.flag())

    def partly(a):
        with B.no_grad():
            c = a * a
        return (a - c).sum() + (a.detach() * a).sum()

    mode = draw.choice([B.no_grad, B.enable_grad, B.inference_mode])
    with mode():
        see("gradient", B.func.grad(partly)(x).tolist())
        see("derivative", [t.tolist() for t in B.func.jvp(partly, (x,), (x,))])
        see("gradient of a gradient", B.func.grad(lambda a: (B.func.grad(lambda b: (b**3).sum())(a) * a).sum())(x).tolist())
    see("mode after", B.is_grad_enabled())
    with B.no_grad():
        see("gradient of what no_grad hides", B.func.grad(lambda a: (B.no_grad()(B.func.grad(lambda b: (b**3).sum()))(a) * a).sum())(x))


@program
def inside_a_transform(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), None, draw.flag())
    w = draw.floats((2,), None, True)
    inside = draw.choice(["grad", "jvp", "vmap"])

    def run(f):
        if inside == "grad":
            return B.func.grad(f)(x)
        return B.func.jvp(f, (x,), (x,)) if inside == "jvp" else B.vmap(f)(x.expand(2, 2))

    see.raises("gradient by backward", lambda: run(lambda a: (w.sum().backward(), a.sum())[1]))
    see.raises("requires_grad_", lambda: run(lambda a: (a * B.ones(2).requires_grad_()).sum()))
    see.raises("functional", lambda: run(lambda a: B.autograd.functional.jacobian(lambda b: b * b, a).sum()))
    if inside == "vmap":
        see.raises("a new leaf", lambda: run(lambda a: (a * B.ones(2, requires_grad=True)).sum()))
    if inside == "grad":
        see.raises("retain_grad", lambda: run(lambda a: ((a * 2).retain_grad(), a.sum())[1]))
        see.raises("gradient taken inside", lambda: run(lambda a: B.autograd.grad((a * a).sum(), a, create_graph=True)[0].sum()))
        see.raises("gradient taken inside, no graph", lambda: run(lambda a: B.autograd.grad((a * a).sum(), a)[0].sum()))
        seen = []
        run(lambda a: (seen.extend([a.requires_grad, a.is_leaf, a.grad_fn is None, (a * 2).is_leaf, (a * 2).requires_grad]), a.sum())[1])
        see("as seen inside", seen)


@program
def hooks_inside(B: Any, draw: Any, see: Any) -> None:
    x, factor, calls = draw.floats((2,)), draw.number(), []

    def f(a):
        b = a * a
        b.register_hook(lambda g: (calls.append(g.tolist()), g * factor)[1])
        return b.sum()

    see("gradient", B.func.grad(f)(x))
    see("calls", calls)
    with B.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        see.raises("with hooks on saved tensors", lambda: B.func.grad(lambda a: (a * a).sum())(x))
    see.raises("given hooks inside", lambda: B.func.grad(lambda a: B.autograd.graph.saved_tensors_hooks(id, id).__enter__())(x))


@program
def writes_inside(B: Any, draw: Any, see: Any) -> None:
    def put(t, index, value):
        t[index] = value
        return t

    def changed(t):
        made = t * t
        t.add_(1)
        return made

    x, y = draw.floats((2,)), draw.floats((2,))
    see.raises("gradient through a write", lambda: B.func.grad(lambda a: (a * 2).mul_(a).sum())(x))
    see.raises("gradient through an indexed write", lambda: B.func.grad(lambda a: put(a.clone(), 0, a[1] * 2).sum())(x))
    see.raises("a write to the input", lambda: B.func.grad(lambda a: a.mul_(2).sum())(x))
    see.raises("a write to a view of the input", lambda: B.func.grad(lambda a: (a[0].mul_(2), a.sum())[1])(x))
    see.raises("gradient after a write to the other input", lambda: B.func.grad(lambda a, b: (a * b.add_(1)).sum())(x, y))
    see("the other input", y)
    see.raises("derivative through a write", lambda: B.func.jvp(lambda a: (a * 2).mul_(a), (x,), (y,)))
    see.raises("gradient of a saved value written to", lambda: B.func.grad(lambda a: changed(a.exp()).sum())(x))


@program
def complex_gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.complexes(draw.shape(1, 2))
    f = draw.choice([lambda a: (a * a.conj()).real.sum(), lambda a: a.abs().sum(), lambda a: a.real.sum() * a.imag.sum()])
    see.raises("gradient", lambda: B.func.grad(f)(x))
    see.raises("gradient of a complex value", lambda: B.func.grad(lambda a: (a * a).sum())(x))
    see.raises("derivative", lambda: B.func.jvp(lambda a: a * a.conj(), (x,), (x,)))
    output, pull = B.func.vjp(lambda a: a * a, x)
    see("gradient by vjp", pull(output))


@program
def custom_functions(B: Any, draw: Any, see: Any) -> None:
    class Square(B.autograd.Function):
        @staticmethod
        def forward(a):
            return a * a

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] * 2

        @staticmethod
        def jvp(ctx, t):
            return t * ctx.saved_tensors[0] * 2

    class Old(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = draw.floats((2,), None, draw.flag())
    see("gradient", B.func.grad(lambda a: Square.apply(a).sum())(x))
    see("gradient of a gradient", B.func.grad(lambda a: B.func.grad(lambda b: Square.apply(b).sum())(a).sum())(x))
    see("derivative", B.func.jvp(Square.apply, (x,), (x,)))
    see.raises("of the older style", lambda: B.func.grad(lambda a: Old.apply(a).sum())(x))


@program
def captured_tensors(B: Any, draw: Any, see: Any) -> None:
    x, kept = draw.floats((3,)), draw.floats((3,), None)
    write = draw.choice(
        [
            lambda a, c: c.copy_(a),
            lambda a, c: c.add_(1),
            lambda a, c: c[:2].mul_(a[1:]),
            lambda a, c: c.__setitem__(0, a[0].detach()),
            lambda a, c: c.addcmul_(a, a, value=2),
            lambda a, c: c.pow_(2),
            lambda a, c: c.index_put_((B.tensor([0, 2]),), a[:2]),
            lambda a, c: c.detach().mul_(a.detach()),
            lambda a, c: c.zero_(),
            lambda a, c: B.mul(a, 2, out=c),
        ]
    )
    made = draw.choice(
        [
            lambda a: kept,
            lambda a: B.zeros(3),
            lambda a: a * 2,
            lambda a: B.tensor([1.0, 2.0, 3.0]),
            lambda a: kept.clone(),
            lambda a: a.clone(),
        ]
    )

    def f(a):
        written = made(a)
        write(a, written)
        return (a * a).sum() + written.sum()

    see.raises("gradient", lambda: B.func.grad(f)(x.clone()))
    see.raises("output", lambda: B.func.vjp(f, x.clone())[0])
    see.raises("gradient of a gradient", lambda: B.func.grad(lambda a: B.func.grad(f)(a).sum())(x.clone()))
    see.raises("gradient by rows", lambda: B.func.jacrev(f)(x.clone()))
    see.raises("gradient of samples", lambda: B.vmap(B.func.grad(f))(B.stack([x, x])))

    def by_an_inner_one(a):
        return B.func.grad(lambda b: (a.mul_(2) * b).sum())(a.clone()).sum()

    see.raises("written by an inner one", lambda: B.func.grad(by_an_inner_one)(x.clone()))
    see.raises("a gradient written to", lambda: B.func.grad(lambda a: B.func.grad(lambda b: (b * b).sum())(a).mul_(a).sum())(x.clone()))
    see("what was captured", kept)


@program
def jacobians_with_every_keyword(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape(0, 2)
    x, y, z = draw.floats(shape, B.float64), draw.floats((2,), B.float64, draw.flag()), draw.floats((2,), B.float64)
    argnums = draw.choice([0, 2, (0, 1), (1, 2), (0, 1, 2), (2, 0), (1,)])
    aux = draw.flag()
    values = draw.choice(
        [lambda a, b, c: (a.sum() * b, c.sin()), lambda a, b, c: {"n": a * c.sum(), "m": [b.exp()]}, lambda a, b, c: c * 2]
    )

    def f(a, b, c):
        out = values(a, b, c)
        return (out, {"seen": a * 2, "of": [b]}) if aux else out

    size = draw.choice([None, 1, 2, 3, 5, 100])
    see("gradient by rows", B.func.jacrev(f, argnums, has_aux=aux, chunk_size=size)(x, y, z))
    see("gradient by rows, copied", B.func.jacrev(f, argnums, has_aux=aux, chunk_size=size, _preallocate_and_copy=True)(x, y, z))
    randomness = draw.choice(["error", "different", "same", "none"])
    see.raises("gradient by columns", lambda: B.func.jacfwd(f, argnums, aux, randomness=randomness)(x, y, z))
    see.raises("by keyword", lambda: B.func.jacrev(f, argnums=argnums, has_aux=aux)(x, b=y, c=z))
    see.raises("columns by keyword", lambda: B.func.jacfwd(f, argnums=argnums, has_aux=aux)(x, b=y, c=z))
    see.raises("no such argument", lambda: B.func.jacfwd(f, draw.choice([3, (0, 4), (), "a", (0, 0)]))(x, y, z))
    see.raises("less than one row", lambda: B.func.jacrev(f, chunk_size=-1))
    see.raises("hessian", lambda: B.func.hessian(lambda a, b, c: (a.sum() * b * b).sum() + (c**3).sum(), argnums)(x, y.detach(), z))
    see("all that there is", sorted(name for name in B.func.__all__ if name != "replace_all_batch_norm_modules_"))
