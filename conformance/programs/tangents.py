"""Tangents in detail: whose object they are, how long they live, and what views, writes and custom Functions make of them."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def the_tangent_given_is_the_tangent(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    shape = draw.shape(1, 2)
    x = draw.floats(shape)
    whole = draw.floats((2, 3))
    pairs = [
        lambda: (x, draw.floats(shape)),
        lambda: (whole, draw.floats((3, 2)).t()),
        lambda: (whole.t(), draw.floats((3, 2))),
        lambda: (whole.t(), draw.floats((2, 3)).t()),
        lambda: (whole[0], draw.floats((3,))),
        lambda: (whole[:1], draw.floats((2, 3))[:1]),
        lambda: (whole[:, :1], draw.floats((2, 3))[:, 1:2]),
        lambda: (whole[:0], draw.floats((0, 3))),
        lambda: (whole[:1].expand(2, 3), draw.floats((2, 3))),
        lambda: (draw.floats((1, 1)), draw.floats((2, 3))[1:, 1:2]),
    ]
    primal, tangent = draw.choice(pairs)()
    with fw.dual_level():
        dual = fw.make_dual(primal, tangent)
        p, t = fw.unpack_dual(dual)
        see("tangent", t)
        see.same("the same tangent", t, tangent)
        see("layout", [t.stride(), t.storage_offset(), t._is_view()])
        see.same("the same primal", p, primal)
        see("primal shares memory", [p.data_ptr() == primal.data_ptr(), p._version, p._is_view()])
        see.same("a new primal each time", fw.unpack_dual(dual).primal, fw.unpack_dual(dual).primal)
        see.same("the tangent each time", fw.unpack_dual(dual).tangent, fw.unpack_dual(dual).tangent)
        primal.add_(1)
        see("versions", [dual._version, p._version])


@program
def sides_of_one_may_have_any_step(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    pairs = [
        lambda: (draw.floats((3, 1)), draw.floats((1, 3)).t()),
        lambda: (draw.floats((1, 3)).t(), draw.floats((3, 1))),
        lambda: (draw.floats((2, 1, 3)), draw.floats((1, 2, 3)).transpose(0, 1)),
    ]
    primal, tangent = draw.choice(pairs)()
    with fw.dual_level():
        given = fw.unpack_dual(fw.make_dual(primal, tangent)).tangent
        see("tangent", given)
        see.same("the same tangent", given, tangent)
        see("steps", given.stride())


@program
def what_unpacking_gives(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, t = draw.floats((2,)), draw.floats((2,))
    see.raises("outside", lambda: list(fw.unpack_dual(x)))
    see.raises("made outside", lambda: fw.make_dual(x, t))
    with fw.dual_level() as level:
        see("level", level)
        see("of no dual", [fw.unpack_dual(x).primal, fw.unpack_dual(x).tangent])
        dual = fw.make_dual(x, t)
        unpacked = fw.unpack_dual(dual)
        see("fields", list(unpacked._fields))
        see("type", type(unpacked).__name__)
        see("printed", [str(dual), str(unpacked.primal), str(x)])
        see("flags", [dual.requires_grad, dual._is_view(), dual.is_leaf])
        see.same("base", dual._base, x)
        see.raises("nested", lambda: fw.enter_dual_level())
        see.raises("of integers", lambda: fw.make_dual(x.long(), t))
        see.raises("integer tangent", lambda: fw.make_dual(x, t.long()))
        see.raises("another size", lambda: fw.make_dual(x, draw.floats((3,))))
        see.raises("another dtype", lambda: fw.unpack_dual(fw.make_dual(x, t.double())).tangent)
        see.raises("complex tangent", lambda: fw.unpack_dual(fw.make_dual(x, t.to(B.complex64))).tangent)
        see.raises("a dual as tangent", lambda: fw.make_dual(x, dual))
        see.raises("a dual as primal", lambda: fw.unpack_dual(fw.make_dual(dual, t)).tangent)
        see.raises("a number", lambda: fw.make_dual(x, 1.0))
        see.raises("another level", lambda: fw.make_dual(x, t, level=3))
    see("after the level", [fw.unpack_dual(dual).tangent, str(dual)])
    see.raises("left twice", lambda: fw.exit_dual_level())


@program
def levels_by_hand(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, t = draw.floats((2,)), draw.floats((2,))
    see("before", fw._current_level)
    see("level", fw.enter_dual_level())
    see("inside", fw._current_level)
    dual = fw.make_dual(x, t)
    y = dual * dual
    see("tangent", fw.unpack_dual(y).tangent)
    for level in (-1, 1, 7):
        see.raises("another level left", lambda level=level: fw.exit_dual_level(level=level))
        see.raises("made at another", lambda level=level: fw.make_dual(x, t, level=level))
        see.raises("unpacked at another", lambda level=level: list(fw.unpack_dual(y, level=level)))
    see("still inside", fw._current_level)
    fw.exit_dual_level(level=fw._current_level)
    see("after", fw._current_level)
    see("gone", fw.unpack_dual(y).tangent)
    with fw.dual_level():
        see("in another level", fw.unpack_dual(y).tangent)


@program
def modes_around_tangents(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, t = draw.floats((2,), requires_grad=draw.flag()), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        with B.no_grad():
            y = dual * 2
            see("under no_grad", [y, fw.unpack_dual(y).tangent])
            see("detached there", fw.unpack_dual(dual.detach()).tangent)
        see("detached", fw.unpack_dual(dual.detach()).tangent)
        see("data", fw.unpack_dual(dual.data).tangent)
        see("cloned", fw.unpack_dual(dual.clone()).tangent)
        see("to", fw.unpack_dual(dual.double()).tangent)
        z = dual * 3
        z.detach_()
        see("detach_", fw.unpack_dual(z).tangent)
        see("dual is left alone", fw.unpack_dual(dual).tangent)
        see("integers", (dual > 0))
        see.raises("eq_", lambda: (dual * 1).eq_(0))
        see.raises("out", lambda: B.mul(dual, 2, out=B.zeros(2)))
        see.raises("out is dual", lambda: B.mul(x.detach(), 2, out=dual.detach() * dual))


@program
def what_nodes_keep_of_duals(B: Any, draw: Any, see: Any) -> None:
    """A result that a node has kept carries the tangent that it had, for as long as its level lasts."""
    fw = B.autograd.forward_ad
    x = draw.floats((2,), requires_grad=True)
    with fw.dual_level():
        dual = fw.make_dual(x, draw.floats((2,)))
        y = draw.choice([dual.exp, dual.sigmoid, dual.tanh, lambda: dual.softmax(0), lambda: (dual * 1).exp_()])()
        kept = y.grad_fn._saved_result
        see("tangent of what is kept", fw.unpack_dual(kept).tangent)
        (g,) = B.autograd.grad(y, x, draw.floats((2,)))
        see("tangent of the gradient", fw.unpack_dual(g).tangent)
    see("after", fw.unpack_dual(kept).tangent)


@program
def missing_tangents_in_the_graph(B: Any, draw: Any, see: Any) -> None:
    """Where one operand has no tangent, the result's still leads to the other through it, by zeros."""
    fw = B.autograd.forward_ad
    a, b = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=draw.flag())
    with fw.dual_level():
        dual = fw.make_dual(a, draw.floats((2,)))
        function = draw.choice(
            [lambda: dual * b, lambda: B.addcmul(b, dual, b), lambda: dual + b, lambda: B.where(b > 1, dual, b), lambda: b * dual * b]
        )
        t = fw.unpack_dual(function()).tangent
        see("tangent", t)
        if t.requires_grad:
            ends = (a, b) if b.requires_grad else (a,)
            gradients = B.autograd.grad(t, ends, draw.floats((2,)), allow_unused=True)
            see("one more than each", [None if g is None else g + 1 for g in gradients])  # PyTorch stores no zeros


@program
def backward_through_both(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    foo, bar = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    with fw.dual_level():
        dual = fw.make_dual(foo, bar)
        p, t = fw.unpack_dual(dual)
        which = draw.flag()
        (p if which else t).sum().backward()
        see("gradients", [foo.grad, bar.grad])
        foo.grad = bar.grad = None
        p, t = fw.unpack_dual(dual.exp())
        (t if which else p).sum().backward()
        see("gradients after exp", [foo.grad, bar.grad])


@program
def writes_to_duals_and_their_views(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, t = draw.floats((2, 2)), draw.floats((2, 2))
    other, other_t = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        row = dual[0]
        alias, gone = dual.detach(), fw.unpack_dual(dual)
        write = draw.choice(
            [
                lambda: dual.mul_(2),
                lambda: row.mul_(3),
                lambda: row.copy_(fw.make_dual(other, other_t)),
                lambda: dual.copy_(fw.make_dual(other, other_t)),
                lambda: dual[1].copy_(other),
                lambda: row.fill_(1.0),
                lambda: dual.zero_(),
                lambda: row.add_(fw.make_dual(other, other_t)),
                lambda: dual.t().mul_(2),
                lambda: dual.view(-1)[:1].exp_(),
            ]
        )
        see.raises("written", write)
        for name, one in (("dual", dual), ("row", row), ("alias", alias), ("primal", gone.primal), ("x", x)):
            see(name, one)
            see(f"tangent of {name}", fw.unpack_dual(one).tangent)
        see("first tangent", gone.tangent)
        see("t", t)


@program
def writes_that_bring_tangents(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    base = draw.floats((2, 2)).clone()
    view = base[0]
    before = base.t()
    other, other_t = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(other, other_t)
        write = draw.choice(
            [
                lambda: view.copy_(dual),
                lambda: view.mul_(dual),
                lambda: base.add_(dual),
                lambda: base.copy_(dual),
                lambda: before[1].copy_(dual),
                lambda: base.__setitem__(0, dual),
            ]
        )
        see.raises("written", lambda: (write(), None)[1])
        after = base[1]
        for name, one in (("base", base), ("view", view), ("before", before), ("after", after)):
            see(name, one)
            see(f"forward gradient of {name}", fw.unpack_dual(one).tangent)
        view.mul_(2)
        see("forward gradient after another", fw.unpack_dual(base).tangent)


@program
def tangents_of_views_are_views(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, t = draw.floats((2, 3)), draw.floats((2, 3))
    take = draw.choice(
        [
            lambda a: a.t(),
            lambda a: a[0],
            lambda a: a.view(-1),
            lambda a: a[:, 1:],
            lambda a: a.expand(2, 2, 3),
            lambda a: a.unbind()[1],
            lambda a: a.detach(),
            lambda a: a.unsqueeze(0),
            lambda a: a.reshape(3, 2),
        ]
    )
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        view = take(dual)
        tangent = fw.unpack_dual(view).tangent
        see("tangent", tangent)
        if tangent is not None:
            see("is a view", [view._is_view(), tangent._is_view(), tangent.stride()])
            see.same("of the tangent", tangent._base, fw.unpack_dual(dual).tangent)
            see("shares memory", tangent.data_ptr() == take(t).data_ptr())


@program
def tangents_die(B: Any, draw: Any, see: Any) -> None:
    import gc
    import weakref

    fw = B.autograd.forward_ad
    gc.disable()
    try:
        with fw.dual_level():
            x, t = draw.floats((2,)), draw.floats((2,))
            dual = fw.make_dual(x, t)
            ref = weakref.ref(t)
            del t
            see("alive", ref() is not None)
            if draw.flag():
                del dual
                see("dead with the dual", ref() is None)
        see("dead with the level", ref() is None)
    finally:
        gc.enable()


@program
def a_dual_saved_in_its_own_graph(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad

    class Keep(B.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.a = a
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

        @staticmethod
        def jvp(ctx, a_t):
            return a_t * 2

    x = draw.floats((2,), requires_grad=True)
    with fw.dual_level():
        dual = fw.make_dual(x, draw.floats((2,)))
        y = Keep.apply(dual)
        y.grad_fn.kept = y
        see("tangent", fw.unpack_dual(y).tangent)
    see("after", fw.unpack_dual(y).tangent)
    y.grad_fn.kept = None


@program
def inference_and_tangents(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    with B.inference_mode():
        x, t = draw.floats((2,)), draw.floats((2,))
        with fw.dual_level():
            see.raises("made", lambda: fw.make_dual(x, t).is_inference())
            dual = fw.make_dual(x, t)
            see("is a view", dual._is_view())
            see("tangent", fw.unpack_dual(dual).tangent)
            y = dual * 3
            see("product", [y.is_inference(), fw.unpack_dual(y).tangent])
    x, t = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        with B.inference_mode():
            see("of a dual from outside", [fw.unpack_dual(dual).tangent, fw.unpack_dual(dual * 3).tangent])
        see("afterwards", fw.unpack_dual(dual).tangent)


@program
def ops_that_have_no_tangent(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, t = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        for name, call in (
            ("floor", lambda: dual.floor()),
            ("sign", lambda: dual.sign()),
            ("long", lambda: dual.long()),
            ("isnan", lambda: dual.isnan()),
            ("argmax", lambda: dual.argmax()),
            ("equal", lambda: dual == 1),
            ("ones_like", lambda: B.ones_like(dual)),
            ("fmod", lambda: B.fmod(dual, 2)),
            ("igamma", lambda: B.igamma(dual.abs(), B.ones(2))),
            ("max", lambda: dual.max(0).values),
            ("item", lambda: dual.sum().item()),
            ("numpy", lambda: dual.detach().numpy()),
        ):
            see.raises(name, call)
            see.raises(f"tangent of {name}", lambda call=call: fw.unpack_dual(call()).tangent)


@program
def tangents_of_tangents_are_refused(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, t = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        see.raises("jvp inside", lambda: B.autograd.functional.jvp(lambda a: a * dual, x, t)[1])
        leaf = x.clone().requires_grad_()
        made = fw.make_dual(leaf, t)
        (g,) = B.autograd.grad((made**3).sum(), leaf)
        see("gradient", g)
        see("its tangent", fw.unpack_dual(g).tangent)


@program
def an_unpacked_value_has_no_tangent(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    shape, dtype = draw.shape(1, 3), draw.dtype("float32", "float64", "complex64")
    floats = draw.complexes if dtype.is_complex else draw.floats
    x, t, u, v = (floats(shape, dtype) for _ in range(4))
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        dual = draw.choice([lambda: dual * 2, lambda: dual, lambda: dual.view(-1), lambda: (dual * 3)[:1]])()
        primal = fw.unpack_dual(dual).primal
        part = primal[:1]
        see("a view", [primal._is_view(), primal._base is dual, part._base is primal._base])
        see("printed", [str(primal), str(part), repr(fw.unpack_dual(dual))])
        see("in use", [fw.unpack_dual(primal * 2).tangent, fw.unpack_dual(part + part).tangent])
        with_tangent = fw.make_dual(u, v).reshape(-1)[: dual.numel()].view(dual.shape)
        for _ in range(draw.integer(1, 3)):
            draw.choice(
                [
                    lambda: primal.mul_(2),
                    lambda: primal.mul_(with_tangent),
                    lambda: dual.mul_(3),
                    lambda: part.copy_(with_tangent[:1]),
                    lambda: fw.unpack_dual(dual).tangent.mul_(2),
                    lambda: dual.add_(with_tangent),
                ]
            )()
            for name, one in (("dual", dual), ("primal", primal), ("x", x)):
                see(name, one)
                see(f"forward gradient of {name}", fw.unpack_dual(one).tangent)


@program
def tangents_switched_off(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, t = draw.floats((2,)), draw.floats((2,))
    see("enabled", fw._is_fwd_grad_enabled())
    with fw.dual_level():
        dual = fw.make_dual(x, t)
        mode = draw.choice([lambda: fw._set_fwd_grad_enabled(False), B.inference_mode, B.no_grad, lambda: fw._set_fwd_grad_enabled(True)])
        with mode():
            see("enabled inside", fw._is_fwd_grad_enabled())
            see("inside", [fw.unpack_dual(dual).tangent, fw.unpack_dual(dual * 2).tangent])
            made = dual.exp()
            with fw._set_fwd_grad_enabled(draw.flag()):
                see("enabled deeper", fw._is_fwd_grad_enabled())
                deeper = dual * 3
            see("enabled again", fw._is_fwd_grad_enabled())
        see("afterwards", [fw.unpack_dual(one).tangent for one in (dual, made, deeper, dual * 2)])
        fw._set_fwd_grad_enabled(False)
        see("by a call", [fw._is_fwd_grad_enabled(), fw.unpack_dual(dual * 2).tangent])
        fw._set_fwd_grad_enabled(True)
        see("and back", fw.unpack_dual(dual * 2).tangent)


@program
def levels_of_decorated_functions(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad

    @fw.dual_level()
    def slope(x, t):
        see("level", fw._current_level)
        return fw.unpack_dual(fw.make_dual(x, t) ** 2).tangent

    x, t = (draw.floats(draw.shape(1, 1)) for _ in range(2))
    see.raises("tangent", lambda: slope(x, t))
    see("level after", fw._current_level)
    with fw.dual_level():
        see.raises("inside another", lambda: slope(x, x))
    see("level at last", fw._current_level)


@program
def tangents_of_lazy_values(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, u = draw.complexes((2, 2), requires_grad=draw.flag()), draw.complexes((2, 2))
    takes = [lambda a: a.conj(), lambda a: a, lambda a: a.conj()[0], lambda a: a.mT.conj(), lambda a: a.conj().imag, lambda a: a.real[1]]
    take, other = draw.choice(takes), draw.choice(takes)
    with fw.dual_level():
        primal = take(x)
        given = other(u) if other(u).shape == primal.shape and other(u).dtype == primal.dtype else primal.detach().resolve_neg() * 2
        dual = fw.make_dual(primal, given)
        tangent = fw.unpack_dual(dual).tangent
        see.same("the tangent given", tangent, given)
        for name, one in (
            ("dual", dual),
            ("tangent", tangent),
            ("part", dual[1:]),
            ("tangent of a part", fw.unpack_dual(dual[1:]).tangent),
        ):
            see(name, one)
            see(f"flags of {name}", [one.is_conj(), one.is_neg(), one._is_view(), one.stride(), one.storage_offset()])
        y = draw.choice([lambda: dual * dual, lambda: dual.conj() + 1, lambda: dual.sum(), lambda: dual.exp(), lambda: dual.clone()])()
        see("result", y)
        see("forward gradient of the result", fw.unpack_dual(y).tangent)


@program
def a_transposed_view_written_to(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    base, other, t = draw.floats((3, 2)).clone(), draw.floats((2, 3)), draw.floats((2, 3))
    view = draw.choice([lambda: base.t(), lambda: base.transpose(0, 1), lambda: base.permute(1, 0), lambda: base.mT])()
    with fw.dual_level():
        dual = fw.make_dual(other, t)
        draw.choice([lambda: view.copy_(dual), lambda: view.mul_(dual), lambda: view.add_(dual), lambda: view[0].copy_(dual[1])])()
        of_view, of_base = fw.unpack_dual(view).tangent, fw.unpack_dual(base).tangent
        see("tangent of the view", of_view)
        see("tangent of the base", of_base)
        see("views", [of_view._is_view(), of_view._base is of_base, of_view.stride(), of_base.stride()])
        see("one memory", of_view.data_ptr() == of_base.data_ptr())
        base.mul_(draw.number())
        see("tangent of the view after", fw.unpack_dual(view).tangent)
