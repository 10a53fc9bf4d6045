"""Gradients of gradients: create_graph, Hessian-vector products, and what accumulates on what."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def second_derivative(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.choice(
        [lambda: x**3, lambda: x.exp(), lambda: x.sin(), lambda: x.tanh(), lambda: x.sigmoid(), lambda: 1 / x, lambda: x * x.detach()]
    )()
    (first,) = B.autograd.grad(y, x, draw.floats((2,)), create_graph=True)
    see("first gradient", first)
    see.graph("graph of the first", first)
    if first.requires_grad:
        (second,) = B.autograd.grad(first, x, draw.floats((2,)), create_graph=True, allow_unused=True)
        see("second gradient", second)


@program
def third_derivative(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x**4
    for order in range(1, 5):
        (y,) = B.autograd.grad(y, x, B.ones(2), create_graph=True)
        see(f"gradient {order}", y)


@program
def hessian_vector_product_by_backward(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    y = draw.floats((2, 2), requires_grad=True)
    z = x**2 + y * x + y**2
    see.warns("create_graph", lambda: z.backward(B.ones(2, 2), create_graph=True))
    see("x.grad", x.grad)
    total = 2 * x.grad + y.grad
    total.backward(draw.floats((2, 2)))
    see("x.grad and the product", x.grad)
    see("y.grad and the product", y.grad)


@program
def gradient_penalty(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3, 2), requires_grad=True)
    w = draw.floats((2, 1), requires_grad=True)
    score = (x @ w) ** 3 / 8
    (gradient,) = B.autograd.grad(score, x, B.ones_like(score), create_graph=True)
    penalty = ((gradient * gradient).sum(1) - 1).pow(2).mean()
    see("penalty", penalty)
    penalty.backward()
    see("w.grad", w.grad)
    see("x.grad", x.grad)


@program
def of_parts_that_were_written_over(B: Any, draw: Any, see: Any) -> None:
    x, w = draw.floats((3, 4), requires_grad=True), draw.floats((2, 4), requires_grad=draw.flag())
    y = draw.choice([lambda: x * x, lambda: x.clone(), lambda: x.detach() * 2])()
    y[1:] = draw.choice([lambda: w, lambda: 0.5, lambda: x[:2], lambda: y[1:] * 3])()
    y[:, draw.integer(-4, 3)] = draw.choice([lambda: 2, lambda: w[0, 1], lambda: x[:, 2]])()
    y[0] *= 2
    see("values", y)
    see("version", y._version)
    see.graph("graph", y)
    leaves = [t for t in (x, w) if t.requires_grad]

    def second_gradients():
        gradients = B.autograd.grad((y * y * y).sum(), leaves, create_graph=True, allow_unused=True)
        see("gradients", gradients)
        return B.autograd.grad(sum((g * g).sum() for g in gradients if g is not None), leaves, allow_unused=True)

    see.raises("second gradients", second_gradients)


@program
def without_create_graph(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    (first,) = B.autograd.grad(x**2, x, B.ones(2), retain_graph=draw.flag())
    see("first gradient", first)
    see.raises("second", lambda: B.autograd.grad(first, x, B.ones(2)))


@program
def create_graph_retains_the_graph(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x**2
    B.autograd.grad(y, x, B.ones(2), create_graph=True)
    see.raises("again", lambda: B.autograd.grad(y, x, B.ones(2), create_graph=True, retain_graph=False))
    see.raises("and again", lambda: B.autograd.grad(y, x, B.ones(2)))


@program
def gradient_of_the_seed(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    seed = draw.floats((2,), requires_grad=True)
    (product,) = B.autograd.grad(x * x, x, seed, create_graph=True)
    see("gradient by x", B.autograd.grad(product, x, draw.floats((2,)), retain_graph=True))
    see("gradient by the seed", B.autograd.grad(product, seed, draw.floats((2,))))


@program
def full_hessian(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((draw.integer(1, 3),), requires_grad=True)
    y = (x**2).sum() * x[0] + (x[0] * x[-1]).sin()
    (gradient,) = B.autograd.grad(y, x, create_graph=True)
    rows = [B.autograd.grad(element, x, retain_graph=True)[0] for element in gradient]
    see("gradient", gradient)
    see("hessian, stacked", B.stack(rows))


@program
def through_views_and_writes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    y = x * x
    y[0].mul_(draw.number())
    (first,) = B.autograd.grad(y * y, x, draw.floats((2, 2)), create_graph=True)
    see("first gradient", first)
    see("second gradient", B.autograd.grad(first, x, draw.floats((2, 2))))


@program
def broadcasting_and_matrices(B: Any, draw: Any, see: Any) -> None:
    m = draw.floats((2, 3), requires_grad=True)
    v = draw.floats((3,), requires_grad=True)
    y = (m @ v.unsqueeze(1).expand(3, 2)).where(m[:, :2] > 0, m[:, :2] * v[0])
    first = B.autograd.grad(y, (m, v), draw.floats((2, 2)), create_graph=True)
    see("first gradient", first)
    see("second gradient", B.autograd.grad(first, (m, v), (draw.floats((2, 3)), draw.floats((3,))), allow_unused=True))


@program
def checked_by_differences(B: Any, draw: Any, see: Any) -> None:
    function = draw.choice(
        [
            lambda a, b: a.select(0, 1).sum(),
            lambda a, b: B.where(a > 0.1, a * b, b),
            lambda a, b: B.where(a > 0.1, a, 2.0),
            lambda a, b: a @ b[0].expand(2),
            lambda a, b: (a * a.unsqueeze(0)).sum(0) * b,
            lambda a, b: a.sum(0, keepdim=True) ** 2,
            lambda a, b: (a[:1] * b).exp(),
            lambda a, b: (lambda y: (y[0].mul_(b[1]), y * y)[1])(a * b),
            lambda a, b: (lambda y: (y.t()[1:].copy_(b[:1] * a[0]), y.exp())[1])(a.clone()),
        ]
    )
    a, b = (draw.floats((2, 2), B.float64, requires_grad=True) for _ in range(2))
    see.raises("gradcheck", lambda: B.autograd.gradcheck(function, (a, b)))
    see.raises("gradgradcheck", lambda: B.autograd.gradgradcheck(function, (a, b), B.ones_like(function(a, b)).requires_grad_()))


@program
def an_input_that_does_not_matter(B: Any, draw: Any, see: Any) -> None:
    x, other = (draw.floats((2,), requires_grad=True) for _ in range(2))
    y = x.exp() + other.detach()
    (g,) = B.autograd.grad(y.sum(), x, create_graph=True)
    see.raises("refused", lambda: B.autograd.grad(g.sum(), (x, other), retain_graph=True))
    see("second gradient", B.autograd.grad(g.sum(), (x, other), allow_unused=True))
    (linear,) = B.autograd.grad((x * 3).sum(), x, create_graph=True)
    see("linear gradient", linear)
    see.raises("of a linear one", lambda: linear.sum().backward())


@program
def second_gradients_accumulate(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    v = draw.floats((2,))
    y = (x**3).sum()
    see.warns("warnings", lambda: y.backward(create_graph=True))
    see("first gradient", x.grad)
    kept = x.grad
    (kept * v).sum().backward()
    see("sum of both gradients", x.grad)
    see.same("the same object", x.grad, kept)
    x.grad = None


@program
def of_branches_that_broadcast(B: Any, draw: Any, see: Any) -> None:
    n, m = draw.integer(1, 3), draw.integer(1, 3)
    a, b = draw.floats((n, m), B.float64, requires_grad=True), draw.floats((m,), B.float64, requires_grad=draw.flag())
    where = draw.bools(draw.choice([(n, m), (m,), (n, 1), ()]))
    other = draw.floats((2,), B.float64, requires_grad=True)  # which does not matter
    function = draw.choice(
        [
            lambda a, b, o: B.where(where, a * a, b),
            lambda a, b, o: B.where(where, b * a, 2.0) ** 2,
            lambda a, b, o: B.where(where, 0.5, a.sin()) * b,
            lambda a, b, o: (a.select(-1, 0) ** 3).sum() + b.sum() * o.detach().sum(),
            lambda a, b, o: a @ b.expand(2, m).t() * a.sum(0).sum(),
            lambda a, b, o: (a.sum(0) * b).exp(),
        ]
    )
    out = function(a, b, other)
    wanted = [t for t in (a, b, other) if t.requires_grad]
    seeds = draw.floats(out.shape, B.float64, requires_grad=True)
    first = B.autograd.grad(out, wanted, seeds, create_graph=True, allow_unused=True)
    see("first gradients", first)
    live = [g for g in first if g is not None and g.requires_grad]
    for one in live:
        see(
            "second gradients",
            B.autograd.grad(one, [*wanted, seeds], draw.floats(one.shape, B.float64), retain_graph=True, allow_unused=True),
        )
    see.raises("gradcheck", lambda: B.autograd.gradcheck(function, (a, b, other)))
    see.raises("gradgradcheck", lambda: B.autograd.gradgradcheck(function, (a, b, other), seeds.detach().requires_grad_()))


@program
def layout_of_what_is_put_back_and_differentiated(B: Any, draw: Any, see: Any) -> None:
    x = draw.choice([draw.floats((2, 1, 2)).transpose(0, 2), draw.floats((2, 3)).t(), draw.floats((2, 2))]).clone().requires_grad_()
    taken = B.take(x, B.tensor([0, -1, 0]))
    [gradient] = B.autograd.grad(taken, x, draw.floats((3,)), create_graph=draw.flag())
    see("gradient", gradient)
    see("steps", gradient.stride())
    see.graph("graph", gradient)
