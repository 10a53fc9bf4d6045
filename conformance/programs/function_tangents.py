"""Tangents of custom Functions: what jvp sees, what it may return, and what is refused."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def functions_with_jvp(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad

    class Product(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, factor, b):
            ctx.save_for_forward(a, b)
            ctx.save_for_backward(a, b)
            ctx.factor = factor
            see("grad mode in forward", B.is_grad_enabled())
            see("tangent in forward", fw.unpack_dual(a).tangent)
            return a * b * factor

        @staticmethod
        def jvp(ctx, a_t, factor_t, b_t):
            see("tangents", [a_t, factor_t, b_t])
            a, b = ctx.saved_tensors
            see("grad mode in jvp", B.is_grad_enabled())
            made = None
            for one in (None if a_t is None else a_t * b * ctx.factor, None if b_t is None else a * b_t * ctx.factor):
                made = one if made is None else made if one is None else made + one
            return made

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return g * b * ctx.factor, None, g * a * ctx.factor

    a, b = (draw.floats((2,), requires_grad=draw.flag()) for _ in range(2))
    with fw.dual_level():
        if draw.flag():
            a = fw.make_dual(a, draw.floats((2,)))
        b = fw.make_dual(b, draw.floats((2,)))
        y = Product.apply(a, 3.0, b)
        see("y", y)
        see("tangent", fw.unpack_dual(y).tangent)


@program
def what_jvp_may_return(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    answers = {
        "the tangent": lambda t: t * 2,
        "a number": lambda t: 3.0,
        "another shape": lambda t: B.ones(3),
        "doubles": lambda t: t.double(),
        "two": lambda t: (t, t),
        "a list": lambda t: [t],
        "complex": lambda t: t.to(B.complex64),
        "the input tangent": lambda t: t,
        "a view of it": lambda t: t.view_as(t),
    }
    name = draw.choice(list(answers))

    class Answer(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def jvp(ctx, t):
            return answers[name](t)

    x, t = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        see.raises(name, lambda: fw.unpack_dual(Answer.apply(fw.make_dual(x, t))).tangent)


@program
def functions_without_jvp(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad

    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2, None

    x, t = draw.floats((2,), requires_grad=draw.flag()), draw.floats((2,))
    see("without tangents", Double.apply(x, 1))
    with fw.dual_level():
        see("inside, without tangents", Double.apply(x, x.detach()))
        see.raises("with a tangent", lambda: Double.apply(fw.make_dual(x, t), 1))
        see.raises("with another", lambda: Double.apply(x, fw.make_dual(x, t)))


@program
def functions_that_return_their_input(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    answers = {
        "a view of it": lambda t: t.view_as(t),
        "the tangent": lambda t: t,
        "a product": lambda t: t * 1,
        "a clone": lambda t: t.clone(),
    }
    name = draw.choice(list(answers))

    class Same(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a

        @staticmethod
        def jvp(ctx, t):
            return answers[name](t)

        @staticmethod
        def backward(ctx, g):
            return g

    x, t = draw.floats((2,), requires_grad=draw.flag()), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, t)

        def call():
            y = Same.apply(dual)
            tangent = fw.unpack_dual(y).tangent
            see.same("the base of the tangent", tangent._base, fw.unpack_dual(dual).tangent)
            see("is a view", [y._is_view(), tangent._is_view()])
            return tangent

        see.raises(name, call)


@program
def functions_that_return_views(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    answers = {
        "the same view": lambda t: t[:1],
        "a product": lambda t: t[:1] * 1,
        "a view of another": lambda t: B.ones(2)[:1],
        "a view of what it is of": lambda t: whole[1:2],
        "a view of a view": lambda t: t.view(2)[:1],
        "detached": lambda t: t[:1].detach(),
    }
    name = draw.choice(list(answers))

    class Head(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a[:1]

        @staticmethod
        def jvp(ctx, t):
            return answers[name](t)

        @staticmethod
        def backward(ctx, g):
            return g.expand(2)

    source, whole = draw.floats((4,)), draw.floats((4,))
    primal = source[1:3] if draw.flag() else draw.floats((2,))
    tangent = whole[1:3] if draw.flag() else draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(primal, tangent)
        if draw.flag():
            dual = fw.make_dual(source, whole)[1:3]
        see.raises(name, lambda: fw.unpack_dual(Head.apply(dual)).tangent)
        see("of the source", fw.unpack_dual(source).tangent)


@program
def functions_that_write(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    answers = {
        "in place": lambda t: t.mul_(2),
        "out of place": lambda t: t * 2,
        "None": lambda t: None,
        "in place, another": lambda t: t.mul_(2).clone(),
        "out of place, written": lambda t: (t * 2).add_(1),
        "in place, a view": lambda t: t.mul_(2).view_as(t),
        "in place, detached": lambda t: t.mul_(2).detach(),
    }
    name = draw.choice(list(answers))

    class Double(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.mark_dirty(a)
            return a.mul_(2)

        @staticmethod
        def jvp(ctx, t):
            return answers[name](t)

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x, t = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, t) * 1
        view = dual[:1]

        def call():
            y = Double.apply(dual)
            see.same("the same", y, dual)
            return fw.unpack_dual(y).tangent

        see.raises(name, call)
        see("dual", dual)
        see("tangent of the dual", fw.unpack_dual(dual).tangent)
        see("tangent of the view", fw.unpack_dual(view).tangent)


@program
def tangents_of_several_outputs(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    marked, materialize = draw.flag(), not draw.flag()
    answer = draw.choice(["None for it", "a tangent for it", "too few"])

    class Parts(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.set_materialize_grads(materialize)
            large = a > 1 if not marked else a * 3
            ctx.mark_non_differentiable(large)
            return a * 2, large, "text"

        @staticmethod
        def jvp(ctx, a_t, b_t):
            see("tangents", [a_t, b_t])
            made = None if a_t is None else a_t * 2
            return {"None for it": (made, None, None), "a tangent for it": (made, made, None), "too few": (made, None)}[answer]

    a, b = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        a = fw.make_dual(a, draw.floats((2,)))
        see.raises(answer, lambda: [fw.unpack_dual(one).tangent for one in Parts.apply(a, b)[:2]])
