"""Single sentences about autograd that no other topic asks about in just these words."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def no_elements_through_broadcasting(B: Any, draw: Any, see: Any) -> None:
    n, dtype = draw.integer(1, 4), draw.dtype()
    x = B.zeros((n, 0), dtype=dtype, requires_grad=True)
    y = draw.floats((n, 1), dtype, requires_grad=True)
    for _ in range(draw.integer(1, 3)):
        (x + y).sum().backward()
        (x * y).sum().backward()
    see("x.grad", x.grad)
    see("y.grad", y.grad)


@program
def flags_that_are_set_and_cleared(B: Any, draw: Any, see: Any) -> None:
    whole = draw.integers((2,), dtype=draw.dtype("int64", "int32", "bool", "uint8"))
    see.raises("method", lambda: whole.requires_grad_())
    see.raises("attribute", lambda: setattr(whole, "requires_grad", True))
    see.raises("factory", lambda: B.zeros(2, dtype=whole.dtype, requires_grad=True))
    see.raises("data", lambda: B.tensor([1, 2], dtype=whole.dtype, requires_grad=True))
    see("cleared", whole.requires_grad_(False))
    whole.requires_grad = False
    x = draw.floats((2,), requires_grad=True)
    see.same("itself", x.requires_grad_(draw.flag()), x)
    y = x.requires_grad_() * 2
    see.raises("on a result", lambda: y.requires_grad_(False))
    see.raises("attribute of a result", lambda: setattr(y, "requires_grad", False))
    see.raises("the flag it has", lambda: setattr(y, "requires_grad", True))
    see("still", y)


@program
def what_a_write_brings(B: Any, draw: Any, see: Any) -> None:
    a, b = draw.floats((3,)), draw.floats((3,), requires_grad=True)
    a = a * 1 if draw.flag() else a
    early = a[1:] if draw.flag() else a.view(3)
    write = draw.choice(
        [
            lambda: a.add_(b),
            lambda: a.__setitem__(0, b[1]),
            lambda: a.copy_(b),
            lambda: a[:2].mul_(b[:2]),
            lambda: a.__setitem__(slice(None), b),
            lambda: a.index_add_(0, B.tensor([0, 2]), b[:2]),
            lambda: a.lerp_(b, 0.5),
            lambda: early.add_(b[-early.numel() :]),
        ]
    )
    write()
    see("a", a)
    see("the view taken before", early)
    see.graph("graph of the view", early)
    (a * draw.floats((3,))).sum().backward(retain_graph=True)
    see("b.grad", b.grad)
    early.sum().backward()
    see("b.grad of both", b.grad)


@program
def graphs_of_views_read_without_recording(B: Any, draw: Any, see: Any) -> None:
    base = draw.floats((2, 2), requires_grad=True) * 1
    view, other = base[0], base.t()
    mode = draw.choice([B.no_grad, B.inference_mode, B.enable_grad])
    (view if draw.flag() else base).mul_(draw.number())
    with mode():
        see.raises("graph of the other", lambda: other.grad_fn.name())
        see.raises("graph of the view", lambda: view.grad_fn.name())
    see("the other", other)
    (other * draw.floats((2, 2))).sum().backward()


@program
def which_of_two_owns_the_gradient(B: Any, draw: Any, see: Any) -> None:
    kept = []

    class Twice(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, g):
            made = g.clone() if draw_expanded is False else g.sum().expand(2)
            kept.append(made)
            return made, made

    draw_expanded = draw.flag()
    a, b = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    Twice.apply(a, b).backward(draw.floats((2,)))
    owned = [one.grad.data_ptr() == kept[0].data_ptr() for one in (a, b)]
    see("owned by", sum(owned))
    see("apart", a.grad.data_ptr() != b.grad.data_ptr())
    see("strides", [a.grad.stride(), b.grad.stride()])
    a.grad.mul_(2)
    see("gradients", [a.grad, b.grad])


@program
def edges_in_place_of_tensors(B: Any, draw: Any, see: Any) -> None:
    edge = B.autograd.graph.get_gradient_edge
    x = draw.floats((2,), requires_grad=True)
    mid = x * draw.number()
    first, second = (mid * 2).chunk(2) if draw.flag() else (mid * 2, mid.exp())
    e, f = edge(mid), edge(second)
    see("numbers", [e.output_nr, f.output_nr, edge(x).output_nr])
    see("nodes", [e.node.name(), f.node.name(), edge(x).node.name()])
    seed = draw.floats(tuple(second.shape))
    see("gradient", B.autograd.grad(f, e, seed, retain_graph=True))
    see("gradient of a leaf by its edge", B.autograd.grad((first, f), (edge(x), mid), (B.ones_like(first), seed), retain_graph=True))
    see.raises("without a cotangent", lambda: B.autograd.grad(f, e, retain_graph=True))
    see.raises("of another shape", lambda: B.autograd.grad(f, e, B.ones(5), retain_graph=True))
    mid.mul_(3) if draw.flag() else None
    see.raises("after a write", lambda: B.autograd.grad(first.sum(), e, retain_graph=True, allow_unused=True))
    B.autograd.backward(second, seed, inputs=[edge(x)], retain_graph=True)
    see("x.grad", x.grad)
    see.raises("of a constant", lambda: edge(B.ones(2)))


@program
def a_result_that_is_no_number(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.choice([(2,), (1,), (), (1, 1), (2, 1)]), draw.dtype("float32", "float64", "complex64"), requires_grad=True)
    y = x * 2
    see.raises("implicit", lambda: y.backward())
    see.raises("implicit gradient", lambda: B.autograd.grad((x * 2,), x))
    see.raises("several", lambda: B.autograd.backward([(x * 2).sum().abs(), x * 3], [None, None]))
    see.raises("one of them", lambda: B.autograd.backward([(x * 2).abs().sum(), x * 3], [None, B.ones_like(x)]))
    see("x.grad", x.grad)
    see.raises("none requires grad", lambda: B.autograd.backward([(x * 2).abs().sum(), B.ones(())]))


@program
def writes_before_the_flag(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((4,))
    view = draw.choice([lambda: x[:2], lambda: x.view(2, 2)[0], lambda: x.detach()])()
    view.mul_(draw.number())
    x.add_(1)
    version = x._version
    x.requires_grad_()
    (x * x).sum().backward()
    see("x.grad", x.grad)
    see("versions", [version, x._version, view._version])
    see.raises("write to the leaf", lambda: x.add_(1))
    see.raises("write to a view taken before", lambda: view.add_(1))
    see("the view", view)
    with B.no_grad():
        see.raises("write to a view without recording", lambda: view.add_(1))
    see("x", x)


@program
def data_of_another(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2,), requires_grad=draw.flag()), draw.floats((3,), draw.dtype())
    view, before = x.detach(), id(x)
    x.detach().add_(1)
    see("versions", [x._version, view._version])
    see.raises("integers", lambda: setattr(x, "data", draw.integers((2,))))
    see.raises("nothing", lambda: setattr(x, "data", None))
    see.raises("of another dtype", lambda: setattr(x, "data", y))
    see("still", [id(x) == before, x._version, view._version])
    x.detach().mul_(2)
    see("after a write", [x._version, view._version])
    see("x", x)
    see("the view", view)
    for name in ("data", "requires_grad", "_grad_fn", "_backward_hooks", "grad_fn", "grad"):
        see.raises("del " + name, lambda name=name: delattr(x, name))


@program
def a_hook_that_was_removed_by_another(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    node = draw.choice([lambda: y.grad_fn, lambda: y.grad_fn.next_functions[0][0]])()
    seen = []
    handles = []

    def first(*_):
        seen.append("first")
        for handle in handles:
            handle.remove()

    register = node.register_hook if draw.flag() else node.register_prehook
    register(first)
    handles.append(register(lambda *_: seen.append("second")))
    handles.append(register(lambda *_: seen.append("third")))
    y.sum().backward(retain_graph=True)
    see("once", seen)
    y.sum().backward()
    see("twice", seen)


@program
def generators_closed_and_thrown_into(B: Any, draw: Any, see: Any) -> None:
    seen = []
    forms = [B.no_grad, B.enable_grad, lambda: B.set_grad_enabled(False), B.inference_mode, lambda: B.no_grad]
    decorate = draw.choice(forms)()

    @decorate
    def numbers():
        try:
            for i in range(3):
                seen.append(B.is_grad_enabled())
                try:
                    got = yield i
                    seen.append([got, B.is_grad_enabled()])
                except ValueError:
                    seen.append(["caught", B.is_grad_enabled()])
                    yield "answer"
                except KeyError:
                    raise TypeError("another") from None
        finally:
            seen.append(["closing", B.is_grad_enabled()])

    made = numbers()
    see("next", next(made))
    see("mode at a yield", B.is_grad_enabled())
    steps = draw.choice([["send", "throw"], ["throw", "close"], ["close"], ["send", "send", "send"], ["other"], ["throw", "other"]])
    calls = {
        "send": lambda: made.send("sent"),
        "throw": lambda: made.throw(ValueError("thrown")),
        "other": lambda: made.throw(KeyError("other")),
        "close": lambda: made.close(),
    }
    for step in steps:
        see.raises(step, calls[step])
        see("mode after " + step, B.is_grad_enabled())
    see("seen", seen)


@program
def retained_after_writes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((4,), requires_grad=True)
    whole = x * 1
    first, second = draw.choice([lambda: whole.unsafe_chunk(2), lambda: (whole[:2], whole[2:]), lambda: whole.unsafe_split(2)])()
    for one in (first, second):
        one.retain_grad()
        one.retain_grad()
    write = draw.choice([lambda: first.mul_(2), lambda: whole.mul_(3), lambda: first.copy_(second), lambda: whole[1:3].exp_()])
    see.raises("write", lambda: (write(), 1)[1])
    see("retains", [first.retains_grad, second.retains_grad, whole.retains_grad])
    whole.retain_grad()
    for _ in range(draw.integer(1, 2)):
        ((first * second).sum() + whole.sum()).backward(retain_graph=True)
    see("gradients", [first.grad, second.grad, whole.grad, x.grad])


@program
def inference_tensors_mixed_in(B: Any, draw: Any, see: Any) -> None:
    s = draw.floats((2, 2), requires_grad=draw.flag())
    with B.inference_mode():
        c = B.ones(2, 2, requires_grad=draw.flag())
        grown = lambda: c.resize_(2, 3).zero_()  # what the new elements were before is anything
        inside = draw.choice([lambda: c.add_(1), lambda: c.transpose_(0, 1), grown, lambda: c.resize_as_(B.ones(1, 2)), lambda: c.copy_(s)])
        see.raises("inside", inside)
        see("flags", [c.is_inference(), c.requires_grad, c[0].requires_grad, c[0].is_inference(), (c * 2).requires_grad])
        c.resize_(2, 2)
        normal = s.view(4)
        see("a view of a normal one", [normal.is_inference(), normal._is_view(), normal.requires_grad, normal.is_leaf, normal._version])
    a = s * 1 if draw.flag() else s.clone()
    see.raises("sum", lambda: c.add(s).sum().backward() if (s.requires_grad or c.requires_grad) else c.add(s))
    see.raises("c.grad", lambda: c.grad)
    see.raises("product", lambda: c * s)
    see.raises("product in place", lambda: a.mul_(c))
    see.raises("into it", lambda: B.mul(s, s, out=c))
    see.raises("write", lambda: c.add_(1))
    see.raises("version", lambda: c._version)
    see.raises("a view outside", lambda: [c.view(4)._is_view(), c.view(4).is_inference(), c.view(4).requires_grad])
    see.raises("a result outside", lambda: [(c + 1).is_leaf, (c + 1).is_inference(), (c + 1).requires_grad])
    see.raises("a view made inside, written", lambda: normal.add_(1))
    see.raises("its graph", lambda: normal.grad_fn)


@program
def tangents_that_are_missing(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, y = draw.floats((2,), requires_grad=draw.flag()), draw.integers((2,), 1, 5).float().requires_grad_(draw.flag())
    f = draw.choice(
        [
            lambda a, b: a * b,
            lambda a, b: a * 2,
            lambda a, b: a / b,
            lambda a, b: a + b,
            lambda a, b: B.where(b > 0, a, b),
            lambda a, b: B.maximum(a, b),
            lambda a, b: a.detach() * b,
            lambda a, b: B.addcmul(b, a, b),
            lambda a, b: a.clone().mul_(b),
            lambda a, b: B.dot(a, b) if a.ndim == 1 else a @ b,
            lambda a, b: B.addr(B.outer(b, b), b, a, beta=2, alpha=-1),
            lambda a, b: B.lerp(b, a, b),
            lambda a, b: B.tensordot(b, a, 1),
            lambda a, b: a.fmod(b),
            lambda a, b: b * 1,
        ]
    )
    with fw.dual_level():
        made = fw.unpack_dual(f(fw.make_dual(x, draw.floats((2,))), y))
        see("primal", [made.primal, made.primal.requires_grad])
        see("tangent", made.tangent is None or [made.tangent.detach(), made.tangent.requires_grad])
        if made.tangent is not None and made.tangent.requires_grad:
            found = B.autograd.grad(made.tangent.sum(), [t for t in (x, y) if t.requires_grad], allow_unused=True)
            see("gradients", [g if g is None else g + 0.0 for g in found])  # upstream/tangent_without_memory.py
    see("ended", fw.unpack_dual(x).tangent)


@program
def integers_that_got_a_history(B: Any, draw: Any, see: Any) -> None:
    t = B.tensor([1, 2], dtype=draw.choice([B.int32, B.int64, B.bool]))
    t[B.tensor([False, True])] = B.tensor([2.0], requires_grad=True)
    name, *arguments = draw.choice([
        ("abs_",), ("sgn_",), ("neg_",), ("pow_", 2), ("clamp_", 0), ("relu_",), ("mul_", t), ("mul_", 2), ("cumprod_", 0), ("zero_",),
        ("floor_divide_", 2), ("floor_divide", 2), ("t_",), ("unsqueeze_", 0), ("transpose_", 0, 0), ("view", 2), ("float",), ("clone",),
    ])  # fmt: skip
    see.raises(name, lambda: getattr(t, name)(*arguments).grad_fn.name())
    see("afterwards", [t, t._version, t.grad_fn.name()])


@program
def hooks_of_a_leaf_that_was(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    seen = []

    def hook(name):
        return lambda g: (seen.append([name, g]), -g)[1]

    if draw.flag():
        x.register_hook(hook("first"))
    y = x * 3
    draw.choice([x.detach_, lambda: x.requires_grad_(False)])()
    (x.view(2, 1)[:, 0] if draw.flag() else x).add_(B.ones(2, requires_grad=True))
    see("its hooks are there", x._backward_hooks is not None)
    if draw.flag():
        x.register_hook(hook("second"))
    see.raises("backward", lambda: (x * 1).backward(draw.floats((2,))))
    see.raises("backward to the leaf", lambda: y.backward(draw.floats((2,))))
    see("seen", seen)


@program
def zeros_that_a_write_sends_back(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    y = x.t().clone() if draw.flag() else x * 1
    z = draw.choice([lambda: y.eq_(x.detach()[0, 0]), lambda: y.lt_(1), lambda: y.copy_(x.detach()[0, 0]), lambda: y.zero_()])()
    g = draw.floats(z.shape)
    [found] = B.autograd.grad(z, x, g.t().clone().t() if draw.flag() else g)
    see("gradient", [found, found.stride()])


@program
def a_reflected_difference_is_laid_out_by_its_second_operand(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2, 2), requires_grad=True), draw.floats((2, 2)).t()
    z = draw.choice([lambda: B.rsub(x, y), lambda: B.rsub(y, x), lambda: B.rsub(x, y, alpha=2), lambda: B.rsub(x.double(), y)])()
    see("difference", [z, z.stride()])


@program
def data_beside_what_reads_otherwise(B: Any, draw: Any, see: Any) -> None:
    x = draw.complexes((2,))
    beside = draw.choice([lambda: x.conj(), lambda: x.conj().imag, lambda: x.conj().conj(), lambda: x.conj().resolve_conj()])()
    see.raises("new_tensor", lambda: beside.new_tensor(draw.choice([[1, 2], [1.5], "text"])))
    see.raises("new_zeros", lambda: beside.new_zeros(2))


@program
def a_result_kept_by_a_write_through_a_view(B: Any, draw: Any, see: Any) -> None:
    x = draw.integers((3,), 1, 3).float().requires_grad_()
    y = x * x
    view = draw.choice([lambda: y[:2], lambda: y.view(3, 1), lambda: y[0], lambda: y.unsqueeze(0)])()
    draw.choice([view.exp_, view.sqrt_, view.sigmoid_, view.tanh_])()
    if draw.flag():
        see("node of the view", view.grad_fn.name())
    [found] = B.autograd.grad(y, x, B.ones(3), retain_graph=True, create_graph=True)
    see.graph("gradient", found)
    see("second gradient", B.autograd.grad(found.sum(), x, retain_graph=True)[0])
    del found  # whose graph would keep the node of the view
    draw.choice([lambda: view.mul_(2), lambda: view.detach().mul_(2), lambda: y.mul_(2), lambda: (view.mul_(2), view.exp_())])()
    if draw.flag():
        see("node of the view afterwards", view.grad_fn.name())
    see.raises("gradient of a result written to", lambda: B.autograd.grad(y, x, B.ones(3), retain_graph=True))
    see.raises("and as what ran is freed", lambda: B.autograd.grad(y, x, B.ones(3)))
    see.raises("and was freed", lambda: B.autograd.grad(y, x, B.ones(3)))


@program
def a_write_to_its_own_index(B: Any, draw: Any, see: Any) -> None:
    index = draw.integers((2,), 0, 1)
    into = draw.choice([lambda: index, lambda: index[:], lambda: index[:1], lambda: index.clone(), lambda: index.view(2, 1)])()
    value = draw.choice([1, 0, 1j, B.tensor(1)])
    see.raises("index_fill_", lambda: into.index_fill_(draw.integer(0, 1), index, value))
    see("index", index)


@program
def convolutions_along_one_side(B: Any, draw: Any, see: Any) -> None:
    """PyTorch takes them for ones along two sides, the first of which is 1, which what it refuses says."""
    dtype = draw.dtype("float32", "float64", "complex64", "int64", "bool")
    n, k = draw.choice([(3, 2), (3, 0), (0, 2), (1, 1), (3, 4)])
    x, weight = B.ones((1, 1, n), dtype=dtype), B.ones((1, 1, k), dtype=draw.choice([dtype, B.float32]))
    stride, padding, dilation = draw.choice([1, 2, 0]), draw.choice([0, 1, -1, 2**62]), draw.choice([1, 2, 0])
    transposed, behind = draw.flag(), draw.choice([0, 1, 3])
    see.raises("result", lambda: B.convolution(x, weight, None, (stride,), (padding,), (dilation,), transposed, (behind,), 1))


@program
def bools_in_the_formulas_of_gradients(B: Any, draw: Any, see: Any) -> None:
    """A formula that subtracts or negates an operand refuses bools when it runs, not when the call is recorded."""
    x, y, flags = draw.floats((3,), requires_grad=True), draw.floats((3,), requires_grad=True), draw.bools((3,))
    made = draw.choice(
        [
            lambda: B.igamma(flags, x),
            lambda: B.igammac(flags, x),
            lambda: B.logaddexp(x, flags),
            lambda: B.logaddexp(flags, x),
            lambda: B.atan2(flags, x),
            lambda: B.atan2(x, flags),
            lambda: B.addcdiv(x, y, flags),
        ]
    )()
    see("result", made)
    see.raises("backward", lambda: made.backward(B.ones(3)))
    see("x.grad", x.grad)


@program
def numbers_below_the_normal_ones(B: Any, draw: Any, see: Any) -> None:
    x = B.tensor([draw.choice([26.0, 26.6, 27.0, 27.2, 28.0]), 27.1], dtype=B.float64, requires_grad=True)
    made = x.erfc()
    see("erfc", made)
    made.sum().backward()
    see("x.grad", x.grad)


@program
def who_made_what_was_written_through_a_view(B: Any, draw: Any, see: Any) -> None:
    """The error names the view's node, as it was, while anything holds that."""
    x = draw.floats((2,), requires_grad=True)
    base = x * 2
    view = draw.choice([lambda: base.t(), lambda: base[:1], lambda: base.view(2, 1), lambda: base.unsqueeze(0)])()
    draw.choice([view.exp_, view.sigmoid_, view.sqrt_, view.tanh_])()
    holders = [lambda: view * 1, lambda: view.sin(), lambda: view.grad_fn, lambda: None, lambda: base * 1, lambda: view[:1]]
    kept = draw.choice(holders)()
    for _ in range(draw.integer(1, 2)):
        draw.choice([lambda: base.mul_(2), lambda: view.add_(view, alpha=2), lambda: view.add_(1), lambda: base[:1].zero_()])()
    if draw.flag():
        del kept
    if draw.flag():
        del view
    keep, create_graph = draw.flag(), draw.flag()
    for _ in range(2):
        see.raises("backward", lambda: B.autograd.grad(base.sum(), x, retain_graph=keep, create_graph=create_graph)[0])
