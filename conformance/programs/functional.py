"""Jacobians and Hessians of functions, their products with vectors."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def jacobians(B: Any, draw: Any, see: Any) -> None:
    x, z = draw.floats(draw.shape(most=2)), draw.floats((2,))
    func = draw.choice(
        [lambda a: a * a, lambda a: a.sum(), lambda a: (a.exp(), a.sum() * 2), lambda a: a * z.sum(), lambda a: a.sin() ** 3]
    )
    words = {"create_graph": draw.flag(), "vectorize": draw.flag()}
    J = B.autograd.functional.jacobian
    made = J(func, x, **words)
    for i, one in enumerate(made if isinstance(made, tuple) else (made,)):
        see.values(f"jacobian {i}", one)
        see(f"requires_grad {i}", [one.requires_grad, tuple(one.shape), one.dtype])
    if not words["vectorize"]:
        see("in full", made)


@program
def jacobians_of_several_inputs(B: Any, draw: Any, see: Any) -> None:
    J = B.autograd.functional.jacobian
    x, y = draw.floats((2,)), draw.floats((3,)).requires_grad_(draw.flag())
    func = draw.choice(
        [lambda a, b: a.sum() * b, lambda a, b: (a.exp(), b * 2), lambda a, b: (b.sum() * a, a * a, b[0] * a[1]), lambda a, b: a * 3]
    )
    create = draw.flag()
    see("jacobian", J(func, (x, y), create_graph=create))
    see("x", x)
    see("y", y)
    see("x.grad", x.grad)


@program
def jacobians_by_forward_mode(B: Any, draw: Any, see: Any) -> None:
    J = B.autograd.functional.jacobian
    x, y = draw.floats((2,)), draw.floats((3,))
    func = draw.choice([lambda a, b: a.sum() * b, lambda a, b: (a * a, b.sin()), lambda a, b: a.sum() * b.sum(), lambda a, b: a.exp()])
    made = J(func, (x, y), vectorize=True, strategy="forward-mode")
    see("kinds", [type(made).__name__, type(made[0]).__name__])
    parts = made if isinstance(made[0], (tuple, list)) else (made,)
    for i, row in enumerate(parts):
        for k, one in enumerate(row):
            see.values(f"entry {i} {k}", one)
            see(f"shape {i} {k}", tuple(one.shape))


@program
def arguments_that_do_not_go_together(B: Any, draw: Any, see: Any) -> None:
    J, H = B.autograd.functional.jacobian, B.autograd.functional.hessian
    x = draw.floats((2,))
    square = draw.choice([lambda a: a * a, lambda a: a.sum()])
    see.raises("another strategy", lambda: J(square, x, strategy="sideways"))
    see.raises("forward with create_graph", lambda: J(square, x, create_graph=True, strategy="forward-mode"))
    see.raises("forward and strict", lambda: J(square, x, strict=True, vectorize=True, strategy="forward-mode"))
    see.raises("forward one by one", lambda: J(square, x, strategy="forward-mode"))
    see.raises("strict and vectorized", lambda: J(square, x, strict=True, vectorize=True))
    see.raises("hessian by another strategy", lambda: H(square, x, outer_jacobian_strategy="sideways"))
    see.raises("no tensor", lambda: J(square, 3))
    see.raises("no tensor among several", lambda: J(lambda a, b: a, (x, "b")))
    see.raises("a function that returns none", lambda: J(lambda a: 3, x))
    see.raises("a list", lambda: J(square, [x]))
    see.raises("strict, vectorized, and none", lambda: J(lambda a: 3, x, strict=True, vectorize=True))
    see.raises("strict, vectorized, and detached", lambda: J(lambda a: a.detach(), x, strict=True, vectorize=True))
    see.raises("strict, vectorized, and no tensor", lambda: J(square, 3, strict=True, vectorize=True))


@program
def strictly(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd.functional
    x, y = draw.floats((2,)), draw.floats((2,))
    func = draw.choice(
        [
            lambda a, b: (a * b).sum(),
            lambda a, b: a.sum(),
            lambda a, b: a.detach().sum(),
            lambda a, b: (a * 2 + b).sum(),
            lambda a, b: B.ones(()),
            lambda a, b: (a * a * a * b).sum(),
        ]
    )
    create = draw.flag()
    for name in ("jacobian", "hessian"):
        see.raises("gradient by " + name, lambda name=name: getattr(A, name)(func, (x, y), create_graph=create, strict=True))
        see.raises("gradient loosely by " + name, lambda name=name: getattr(A, name)(func, (x, y), create_graph=create))
    for name in ("jvp", "hvp", "vhp"):
        see.raises("gradient by " + name, lambda name=name: getattr(A, name)(func, (x, y), (y, x), create_graph=create, strict=True))
        see.raises("gradient loosely by " + name, lambda name=name: getattr(A, name)(func, (x, y), (y, x), create_graph=create))
    see.raises("gradient by vjp", lambda: A.vjp(func, (x, y), create_graph=create, strict=True))
    see.raises("gradient loosely by vjp", lambda: A.vjp(func, (x, y), create_graph=create))


@program
def hessians(B: Any, draw: Any, see: Any) -> None:
    H = B.autograd.functional.hessian
    x, y = draw.floats((2,)), draw.floats((2,))
    func = draw.choice(
        [
            lambda a, b: (a**3).sum() * b.sum(),
            lambda a, b: (a * b).sum().exp() / 8,
            lambda a, b: (a * b).sum().reshape(1, 1, 1),
            lambda a, b: a * b,
            lambda a, b: (a.sum(), b.sum()),
            lambda a, b: a.sum() + b.sum(),
        ]
    )
    create = draw.flag()
    see.raises("several inputs", lambda: H(func, (x, y), create_graph=create))
    see.raises("one input", lambda: H(lambda a: func(a, y), x, create_graph=create))
    with B.no_grad():
        see.raises("under no_grad", lambda: H(lambda a: func(a, y), x, create_graph=create))


@program
def hessians_vectorized(B: Any, draw: Any, see: Any) -> None:
    H = B.autograd.functional.hessian
    x = draw.floats((2,))
    strategy = draw.choice(["reverse-mode", "forward-mode"])
    made = H(lambda a: (a**3).sum() * a[0], x, vectorize=True, outer_jacobian_strategy=strategy)
    see.values("hessian", made)
    see("shape", tuple(made.shape))


@program
def products_with_vectors(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd.functional
    x, y = draw.floats((2,), requires_grad=draw.flag()), draw.floats((2,))
    v, w = draw.floats((2,)), draw.floats((2,))
    create = draw.flag()
    func = draw.choice([lambda a, b: (a * b * b).sum(), lambda a, b: (a * b).sum().sin(), lambda a, b: (a**2 + b**3).sum()])
    for name in ("jvp", "hvp", "vhp"):
        see("gradient by " + name, getattr(A, name)(func, (x, y), (v, w), create_graph=create))
    see("gradient by vjp", A.vjp(func, (x, y), create_graph=create))
    see("gradients by vjp of several", A.vjp(lambda a, b: (a * b, b.exp()), (x, y), (v, w), create_graph=create))
    see("gradients by jvp of several", A.jvp(lambda a, b: (a * b, b.exp()), (x, y), (v, w), create_graph=create))
    with B.no_grad():
        see("gradient under no_grad", A.vjp(func, (x, y), create_graph=create))


@program
def vectors_that_do_not_fit(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd.functional
    x, y = draw.floats((2,)), draw.floats((3,))
    name = draw.choice(["vjp", "jvp", "hvp", "vhp"])
    product = getattr(A, name)
    v = draw.choice([None, y, (y, x), (x,), (x, y, x), 3, x])
    see.raises("gradient of one input", lambda: product(lambda a: (a * a).sum(), x, v))
    see.raises("gradient of two inputs", lambda: product(lambda a, b: (a * a).sum() * b.sum(), (x, y), v))
    see.raises("gradient of an output of several elements", lambda: product(lambda a: a * a, x, v))
    see.raises("gradient of several outputs", lambda: product(lambda a: (a.sum(), a.exp()), x, v))
    see.raises("gradient of one element", lambda: product(lambda a: a * a, x[:1], None))
    see.raises("gradient of no element", lambda: product(draw.choice([lambda a: a * a, lambda a: (a * a).sum()]), x[:0], None))


@program
def they_agree(B: Any, draw: Any, see: Any) -> None:
    A = B.autograd.functional
    x, v = draw.floats((2,), B.float64), draw.floats((2,), B.float64)

    def func(a):
        return (a**3).sum() / 4 + a[0] * a[1]

    hessian = A.hessian(func, x)
    see("hessian", hessian)
    see("times v", hessian @ v)
    see("gradient by hvp", A.hvp(func, x, v)[1])
    see("gradient by vhp", A.vhp(func, x, v)[1])
    see("slope", A.jacobian(func, x))


@program
def through_a_jacobian(B: Any, draw: Any, see: Any) -> None:
    x, weight = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    made = B.autograd.functional.jacobian(lambda a: a * a * weight, x, create_graph=True)
    (made * made).sum().backward()
    see("x.grad", x.grad)
    see("weight.grad", weight.grad)


@program
def under_no_grad_and_in_graphs(B: Any, draw: Any, see: Any) -> None:
    F = B.autograd.functional
    x, w = draw.floats((2,), requires_grad=draw.flag()), draw.floats((2,), requires_grad=True)
    create = draw.flag()

    def function(a):
        return (a * w).exp()

    calls = {
        "jacobian": lambda: F.jacobian(function, x, create_graph=create),
        "hessian": lambda: F.hessian(lambda a: function(a).sum(), x, create_graph=create),
        "vjp": lambda: F.vjp(function, x, B.ones(2), create_graph=create)[1],
        "jvp": lambda: F.jvp(function, x, B.ones(2), create_graph=create)[1],
        "hvp": lambda: F.hvp(lambda a: function(a).sum(), x, B.ones(2), create_graph=create)[1],
        "vhp": lambda: F.vhp(lambda a: function(a).sum(), x, B.ones(2), create_graph=create)[1],
    }
    name = draw.choice(list(calls))
    with B.set_grad_enabled(not draw.flag()):
        result = calls[name]()
    see(f"gradient by {name}", result.detach())
    see("in a graph", [result.requires_grad, result.grad_fn is not None])
    if result.requires_grad:
        see("second gradients", B.autograd.grad(result.sum(), (w,), retain_graph=True))


@program
def checked_by_differences(B: Any, draw: Any, see: Any) -> None:
    F = B.autograd.functional
    x = draw.floats((draw.integer(1, 2),), B.float64, requires_grad=True)
    calls = {
        "jacobian": lambda a: F.jacobian(lambda b: b**2 * b.sum(), a, create_graph=True),
        "hessian": lambda a: F.hessian(lambda b: (b**3).sum(), a, create_graph=True),
        "vjp": lambda a: F.vjp(lambda b: b.exp(), a, a, create_graph=True)[1],
        "jvp": lambda a: F.jvp(lambda b: b.exp(), a, a, create_graph=True)[1],
        "hvp": lambda a: F.hvp(lambda b: (b**3).sum(), a, a, create_graph=True)[1],
        "vhp": lambda a: F.vhp(lambda b: (b**3).sum(), a, a, create_graph=True)[1],
        "composed": lambda a: F.jacobian(lambda b: b.sin(), a * 2, create_graph=True).exp(),
    }
    name = draw.choice(list(calls))
    see.raises("gradcheck", lambda: B.autograd.gradcheck(calls[name], x))
    see.raises("gradgradcheck", lambda: B.autograd.gradgradcheck(calls[name], x, B.ones_like(calls[name](x)).requires_grad_()))


@program
def several_of_mixed_kinds(B: Any, draw: Any, see: Any) -> None:
    F = B.autograd.functional
    vectorize = draw.flag()
    x, y = draw.floats(draw.shape(0, 1)), draw.floats((2,), draw.dtype())
    function = draw.choice(
        [
            lambda a, b: (a.sum() * b, a.exp()),
            lambda a, b: (b.sum(), a * 2, B.zeros(2)),
            lambda a, b: a.sum() + b.sum(),
            lambda a, b: (a, b),
        ]
    )
    see.raises("gradient, jacobian", lambda: see.warns("warnings", lambda: F.jacobian(function, (x, y), vectorize=vectorize)))
    scalar = draw.choice([lambda a, b: (a.sum() * b * b).sum(), lambda a, b: (a * a).sum().view(1, 1, 1), lambda a, b: b.exp()])
    see.raises("gradient, hessian", lambda: see.warns("warnings 2", lambda: F.hessian(scalar, (x, y), vectorize=vectorize)))
    see.raises("gradient, hvp", lambda: F.hvp(scalar, (x, y), (B.ones_like(x), B.ones_like(y))))


@program
def of_any_shape_and_dtype(B: Any, draw: Any, see: Any) -> None:
    F = B.autograd.functional
    dtype = draw.dtype("float32", "float64", "complex64")
    numbers = draw.complexes if dtype.is_complex else draw.floats
    shapes = [draw.shape(0, 2) for _ in range(2)]
    x, y = (numbers(shape, dtype) for shape in shapes)
    v, w = (numbers(shape, dtype) for shape in shapes)
    function = draw.choice(
        [
            lambda a, b: a * a * b.sum(),
            lambda a, b: (a.sin(), b * 2),
            lambda a, b: a.sum() * b,
            lambda a, b: a.reshape(-1)[:1] * 3,
            lambda a, b: a,
        ]
    )
    words = draw.choice([{}, {"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}, {"create_graph": True}])

    def values(result):
        nested = result if isinstance(result, (tuple, list)) else [result]
        return [values(one) if isinstance(one, (tuple, list)) else [one.detach(), one.requires_grad] for one in nested]

    see.raises("gradient, jacobian", lambda: values(F.jacobian(function, (x, y), **words)))
    see.raises("gradient, jacobian of one", lambda: values(F.jacobian(lambda a: function(a, y), x, **words)))
    see.raises("gradient, jvp", lambda: values(F.jvp(function, (x, y), (v, w))))
    see.raises("gradient, vjp", lambda: values(F.vjp(lambda a, b: (a.abs() * 2, b), (x, y), (v.abs(), w))))
    scalar = lambda a, b: (a * a.conj()).real.sum() + (b * b.conj()).real.sum()
    for name in ("hvp", "vhp"):
        see.raises("gradient, " + name, lambda name=name: values(getattr(F, name)(scalar, (x, y), (v, w))))


@program
def they_agree_on_anything(B: Any, draw: Any, see: Any) -> None:
    F = B.autograd.functional
    n = draw.integer(1, 3)
    x, v, w = (draw.floats((n,), B.float64) for _ in range(3))
    function = draw.choice([lambda a: a**2 * a.sum(), lambda a: a.sin() * a[0], lambda a: (a * 2).flip(0) * a])
    jacobian = F.jacobian(function, x, vectorize=draw.flag())
    see("gradients along a vector", [jacobian @ v, F.jvp(function, x, v)[1]])
    see("gradients of a vector", [w @ jacobian, F.vjp(function, x, w)[1]])
    hessian = F.hessian(lambda a: (function(a) * w).sum(), x, vectorize=draw.flag())
    see(
        "second gradients",
        [hessian @ v, v @ hessian, *(getattr(F, one)(lambda a: (function(a) * w).sum(), x, v)[1] for one in ("hvp", "vhp"))],
    )


@program
def one_call_for_all_columns(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.choice([(2,), (2, 2), (2, 0), (1,)]))
    y = draw.floats((3,))
    calls: list[Any] = []
    body = draw.choice(
        [
            lambda a, b: (a * 2, b.exp()),
            lambda a, b: a * b.sum(),
            lambda a, b: b.cumsum(0) if b.sum() > 0 else a,
            lambda a, b: a.clone().fill_(1) * b[0].item(),
            lambda a, b: b * B.rand(3),
            lambda a, b: b.clone().requires_grad_() * 2,
        ]
    )

    def func(a: Any, b: Any) -> Any:
        calls.append(a.requires_grad)
        return body(a, b)

    J = B.autograd.functional.jacobian
    see.raises("jacobian", lambda: J(func, (x, y), vectorize=True, strategy="forward-mode"))
    see("calls", calls)
    H = B.autograd.functional.hessian
    calls.clear()
    words = {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}
    see.raises("hessian", lambda: H(lambda a, b: func(a, b)[0].sum() * b.sum(), (x, y), **words))
    see("calls of the hessian", calls)
