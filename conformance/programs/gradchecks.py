"""Gradients checked against differences: what passes, what does not and in which words."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def of_functions(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    x, y = draw.floats((2,), B.float64, requires_grad=True), draw.floats((2,), B.float64, requires_grad=draw.flag())
    func = draw.choice(
        [
            lambda a, b: a * b,
            lambda a, b: (a.exp() * b).sum(),
            lambda a, b: (a.sin(), b * 2),
            lambda a, b: (a.detach() * b, a),
            lambda a, b: a @ b,
            lambda a, b: (a > b).double(),
            lambda a, b: B.where(b > 0, a, b * a),
        ]
    )
    see.raises("gradcheck", lambda: check(func, (x, y)))
    see.raises("by forward mode", lambda: check(func, (x, y), check_forward_ad=True))
    seeds = [o.detach().clone().requires_grad_() for o in (lambda r: r if isinstance(r, tuple) else (r,))(func(x, y)) if o.requires_grad]
    if seeds:
        see.raises("gradgradcheck", lambda: B.autograd.gradgradcheck(func, (x, y), seeds))
    see("x", x)
    see("x.grad", x.grad)


@program
def of_a_wrong_gradient(B: Any, draw: Any, see: Any) -> None:
    factor = draw.choice([2.0, 3.0])

    class Square(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a)
            return a * a

        @staticmethod
        def backward(ctx, g):
            (a,) = ctx.saved_tensors
            return factor * a * g

    x = draw.floats((2,), B.float64, requires_grad=True)
    see.raises("gradcheck", lambda: B.autograd.gradcheck(Square.apply, x))
    see.raises("quietly", lambda: B.autograd.gradcheck(Square.apply, x, raise_exception=False))


@program
def of_complex_numbers(B: Any, draw: Any, see: Any) -> None:
    x = draw.complexes((2,), B.complex128, requires_grad=True)
    func = draw.choice([lambda a: a * a, lambda a: a.abs() ** 2, lambda a: (a * a.conj()).real, lambda a: a.exp()])
    see.raises("gradcheck", lambda: B.autograd.gradcheck(func, x))


@program
def refused_inputs(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    x = draw.floats((2,), B.float64)
    see.raises("without grad", lambda: check(lambda a: a * 2, x))
    leaf = x.clone().requires_grad_()
    see.raises("expanded", lambda: check(lambda a: a * 2, leaf[:1].expand(3)))
    see.raises("neither mode", lambda: check(lambda a: a * 2, leaf, check_backward_ad=False))
    words = {"check_backward_ad": False, "check_forward_ad": True, "check_batched_grad": True}
    see.raises("batched without backward", lambda: check(lambda a: a, leaf, **words))
    single = x.float().requires_grad_()  # its `atol` is an argument under test
    see.raises("in single precision", lambda: see.warns("warning", lambda: check(lambda a: a * 2, single, atol=1)))


@program
def a_backward_that_ignores_its_gradient(B: Any, draw: Any, see: Any) -> None:
    class Constant(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 1

        @staticmethod
        def backward(ctx, g):
            return B.ones_like(g) if B.is_grad_enabled() or g.numel() == 1 else g * 0 + 1

    class Strict(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.set_materialize_grads(False)
            return a * 1

        @staticmethod
        def backward(ctx, g):
            if g is None:
                raise RuntimeError("no gradient")
            return g

    x = draw.floats((1,), B.float64, requires_grad=True)
    kind = draw.choice([Constant, Strict])
    see.raises("gradcheck", lambda: see.warns("warnings", lambda: B.autograd.gradcheck(kind.apply, x)))


@program
def of_one_wrong_entry(B: Any, draw: Any, see: Any) -> None:
    at, by, off = draw.integer(0, 1), draw.integer(0, 1), draw.choice([1.5, 1.0, 0.0, -1.0])

    class Two(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * 2 + b * 3, a * b

        @staticmethod
        def backward(ctx, g, h):
            a, b = ctx.saved_tensors
            slopes = [[2, 3], [b, a]]
            slopes[at][by] = slopes[at][by] * off
            return g * slopes[0][0] + h * slopes[1][0], g * slopes[0][1] + h * slopes[1][1]

    shape = draw.shape(0, 2)
    x, y = (draw.floats(shape, B.float64, requires_grad=True) for _ in range(2))
    see.raises("gradcheck", lambda: B.autograd.gradcheck(Two.apply, (x, y)))
    see.raises("quietly", lambda: B.autograd.gradcheck(Two.apply, (x, y), raise_exception=False, fast_mode=draw.flag()))
    see.raises("in no_grad", lambda: B.no_grad()(B.autograd.gradcheck)(lambda a: a * 2, x))
    see.raises("of no elements", lambda: B.autograd.gradcheck(lambda a: a * 2, B.zeros(0, dtype=B.float64, requires_grad=True)))
    see.raises("of infinities", lambda: B.autograd.gradcheck(lambda a: a / 0, x))
    see.raises("by no step", lambda: B.autograd.gradcheck(lambda a: a * 2, x, eps=0))
    see.raises("of one twice", lambda: B.autograd.gradcheck(lambda a, b: a * b, (x, x)))


@program
def keywords_of_second_gradients(B: Any, draw: Any, see: Any) -> None:
    words = {name: draw.flag() for name in ("check_fwd_over_rev", "check_undefined_grad", "check_batched_grad")}
    x, y = (draw.floats((2,), B.float64, requires_grad=True) for _ in range(2))
    for backward in (True, False):
        see.raises("checked", lambda b=backward: B.autograd.gradgradcheck(lambda a, b: a * b, (x, y), check_rev_over_rev=b, **words))
    words = {"gen_non_contig_grad_outputs": draw.flag(), "raise_exception": draw.flag()}
    see.raises("random cotangents", lambda: B.autograd.gradgradcheck(lambda a: a**3, x, **words))
    see.raises("of a linear one", lambda: B.autograd.gradgradcheck(lambda a: a * 2, x, **words))
    see.raises("of one without gradient", lambda: B.autograd.gradgradcheck(lambda a: a.detach(), x, **words))
    see.raises("a cotangent of another shape", lambda: B.autograd.gradgradcheck(lambda a: a**3, x, x.detach()[:1].requires_grad_()))
