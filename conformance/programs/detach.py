"""detach and detach_: what is shared with the source, what is cut, and what becomes of the gradient."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def detach_shares_storage_and_version(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(1, 2), requires_grad=True)
    y = x * 2
    d = y.detach()
    see("d", d)
    see("one memory", d.data_ptr() == y.data_ptr())
    d.zero_()
    see("y follows", y)
    see("versions", [x._version, y._version, d._version])
    y.add_(1)
    see("d follows", d)


@program
def writing_through_detach_breaks_backward(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.choice([lambda t: t.exp(), lambda t: t * t, lambda t: t + 1, lambda t: t.sigmoid()])(x)
    source = y if draw.flag() else x
    source.detach().mul_(draw.number())
    see.raises("backward", lambda: y.backward(draw.floats((2,))))
    see("x.grad", x.grad)
    see("x", x)


@program
def data_does_not_share_the_version(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x.sigmoid()
    c = y.data
    c.zero_()
    see("y", y)
    see("c", c)
    see.raises("backward goes wrong silently", lambda: y.backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def a_detached_factor_is_a_constant(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 3
    z = y.detach() * y + y.detach()
    see.graph("graph of z", z)
    z.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def detached_from_everything(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    z = (x * x).detach()
    see("z", z)
    see.raises("z.backward()", lambda: z.backward(B.ones(2)))
    z.requires_grad_()
    (z * 2).backward(draw.floats((2,)))
    see("z.grad", z.grad)
    see("x.grad", x.grad)


@program
def detach_in_place(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    z = y * y
    see.same("y.detach_() is y", y.detach_(), y)
    see("y", y)
    w = y * 3
    see("w", w)
    see.raises("z still differentiates", lambda: z.backward(draw.floats((2,))))
    see("x.grad", x.grad)
    see("a leaf is detached too", x.detach_())


@program
def a_later_output_detached_in_place(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    *_, last = draw.choice([lambda: B.var_mean(x, 1), lambda: B.aminmax(x, dim=1), lambda: x.unsafe_chunk(3, 1)])()
    see("number before", last.output_nr)
    last.detach_()
    see("number", [last.output_nr, last.requires_grad, last.is_leaf])
    last.requires_grad_()
    (last * 2).backward(draw.floats(tuple(last.shape)))
    see("gradients", [last.grad, x.grad])


@program
def detach_in_place_on_a_view(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    y = x * 2
    view = y[0]
    see.raises("on a view", lambda: view.detach_())
    y.detach_()
    see("the base", y)
    see("the view", view)
    see.same("its base", view._base, y)
    see.graph("graph of the view", view)


@program
def detach_in_place_in_inference_mode(B: Any, draw: Any, see: Any) -> None:
    """There nothing is cut, and views are not refused; nor is what was made there cut outside."""
    leaf = draw.floats((2,), requires_grad=True)
    with B.inference_mode():
        own = draw.floats((2,), requires_grad=draw.flag())
    made = [lambda: leaf * 2, lambda: (leaf * 2)[:1], lambda: leaf, lambda: leaf.detach(), lambda: own, lambda: own[:1]]
    t = draw.choice(made)()
    with B.inference_mode(draw.flag()):
        see.raises("detached", lambda: t.detach_() is t)
    see("flags", [t.requires_grad, t.is_leaf, t.grad_fn is None, t._is_view()])
    see("used", (t * 2).requires_grad)


@program
def detaching_a_saved_input(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True).clone()
    b = a * a if draw.flag() else a.exp()
    if draw.flag():  # of a tensor that was written to as well PyTorch tells the detaching first
        a.mul_(2)
    a.detach_()
    see.raises("backward", lambda: b.backward(draw.floats((2,))))


@program
def detaching_a_saved_output(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x.exp()
    z = y * 3
    y.detach_()
    see.raises("backward of what came after", lambda: z.backward(draw.floats((2,))))
    see("x.grad", x.grad)


@program
def detach_of_a_view(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 3), requires_grad=True) * 1
    row = base[0].detach()
    see("row", row)
    see("a view of something", [row._is_view(), row._base is None])
    row.fill_(draw.number())
    see("base", base)
    base.backward(draw.floats((2, 3)))


@program
def truncated_recurrence(B: Any, draw: Any, see: Any) -> None:
    w = draw.floats((2, 2), requires_grad=True)
    h = draw.floats((2,))
    for _ in range(3):
        h = (w @ h).relu()
        if draw.flag():
            h = h.detach()
    see("h", h)
    if h.requires_grad:
        h.backward(draw.floats((2,)))
    see("w.grad", w.grad)


@program
def detached_of_any_kind(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape(1, 3)
    x, z = draw.floats(shape, draw.dtype("float64", "float16", "float32"), requires_grad=True), draw.complexes(shape, requires_grad=True)
    source = draw.choice(
        [
            lambda: x * 2,
            lambda: x,
            lambda: (x * 2)[:1],
            lambda: z.conj(),
            lambda: (z * 1).conj().imag,
            lambda: x > 0,
            lambda: (x * 2).expand(2, *shape),
            lambda: (x * 1).transpose(0, -1),
            lambda: draw.integers(shape),
        ]
    )()
    how = draw.choice(
        [lambda t: t.detach(), lambda t: t.data, lambda t: B.detach(t), lambda t: t.clone().detach(), lambda t: t.detach().detach()]
    )
    made = how(source)
    see("detached", made)
    see(
        "layout",
        [made.stride(), made.storage_offset(), made.is_conj(), made.is_neg(), made._is_view(), made.data_ptr() == source.data_ptr()],
    )
    see.raises("a write", lambda: (made.mul_(2) if made.dtype != B.bool else made.logical_not_())._version)
    see("source", source)
    if source.requires_grad:
        source.backward(B.ones_like(made) * 3)
        see("gradients", [x.grad, z.grad])
    made = made.detach().clone()
    see.raises("required again", lambda: made.requires_grad_().is_leaf)
