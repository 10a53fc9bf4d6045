"""Complex tensors: the gradient's convention, real parts, conjugates, and losses that must be real."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def the_convention(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((2,), requires_grad=True)
    loss = (z * z.conj()).real.sum()
    see("loss", loss)
    loss.backward()
    see("z.grad", z.grad)
    z.grad = None
    (z * z).backward(draw.complexes((2,)))
    see("z.grad of z squared", z.grad)


@program
def a_complex_loss_is_refused(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((), requires_grad=True)
    see.raises("backward", lambda: (z * 2).backward())
    see.raises("grad", lambda: B.autograd.grad(z * 2, z))
    see.raises("with a gradient", lambda: (z * 2).backward(B.tensor(1 + 1j)))
    see.raises("with a real gradient", lambda: (z * 2).backward(B.tensor(1.0)))
    see("z.grad", z.grad)


@program
def real_inputs_get_real_gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    z = draw.complexes((2,), requires_grad=True)
    y = draw.choice(
        [lambda: x * z, lambda: x + z, lambda: z / x, lambda: B.cat([x, z]), lambda: B.stack([x, z]), lambda: x.to(B.complex64) * z]
    )()
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.complexes(tuple(y.shape)))
    see("gradients", [x.grad, z.grad])
    refused = draw.choice(
        [
            lambda: B.addr(x[0], z, z),
            lambda: B.addr(z[0], x, z),
            lambda: B.addr(z[0], z, x),
            lambda: B.lerp(z, z * 2, x[0]),
            lambda: B.fill(z, x[0]),
            lambda: z.clone().fill_(x[0]),
        ]
    )()
    g = draw.complexes(tuple(refused.shape))
    see.raises("where no formula drops the imaginary part", lambda: B.autograd.grad(refused, x, g))
    zeros = B.autograd.grad(z.clone().eq_(x), x, draw.complexes((2,)))[0]
    see("a gradient of zeros", [zeros, zeros.stride()])


@program
def one_real_part_of_what_was_joined(B: Any, draw: Any, see: Any) -> None:
    """The gradients of real tensors that were joined with a complex one are pieces of one real part, or real parts of pieces."""
    x, y = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    z = draw.complexes((2,), requires_grad=True)
    joined = draw.choice([lambda: B.cat([x, z, y]), lambda: B.stack([x, z, y])])()
    gradients = B.autograd.grad(joined.exp(), (x, y, z), draw.complexes(tuple(joined.shape)), create_graph=True)
    for i, g in enumerate(gradients):
        see(f"gradient {i}", g)
        see.graph(f"graph {i}", g)


@program
def the_formula_drops_the_imaginary_part(B: Any, draw: Any, see: Any) -> None:
    """The nodes of gradients in the order they were made: it comes before the next formula runs, and before broadcasting is undone."""
    x = draw.floats(draw.choice([(2,), (1,)]), requires_grad=True)
    z = draw.complexes(draw.choice([(2,), (1,), (2, 1)]), requires_grad=True)
    ops = ["mul", "add", "sub", "rsub", "div", "pow", "div_mode", "addcmul", "addcdiv", "stack", "cat"]
    name, first, second = draw.choice(ops), *draw.choice([(x, z), (z, x)])
    if name in ("stack", "cat"):
        made = getattr(B, name)([t.reshape(-1).expand(2) for t in (first, second)])
    elif name == "div_mode":
        made = B.div(first, second, rounding_mode=None)
    elif name in ("addcmul", "addcdiv"):
        made = getattr(B, name)(*draw.choice([(first, first, second), (first, second, first), (first, second, second)]), value=0.5)
    else:
        made = getattr(B, name)(first, second, **({"alpha": draw.number()} if name in ("add", "sub", "rsub") else {}))
    g = draw.complexes(tuple(made.shape), requires_grad=True)
    gradients = B.autograd.grad(made, (x, z), g, create_graph=True)
    nodes = [one.grad_fn for one in gradients if one.grad_fn is not None]
    for node in nodes:  # grows while it is walked
        nodes.extend(child for child, _ in node.next_functions if child is not None and child not in nodes)
    see("nodes", [node.name() for node in sorted(dict.fromkeys(nodes), key=lambda node: node._sequence_nr())])
    see("second gradients", B.autograd.grad(sum((t * t.conj()).real.sum() for t in gradients), (x, z, g), allow_unused=True))


@program
def parts(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((2,), requires_grad=True)
    part = draw.choice([lambda: z.real, lambda: z.imag, lambda: z.abs(), lambda: B.view_as_real(z)])()
    see("part", part)
    see.graph("graph", part)
    part.backward(draw.floats(tuple(part.shape)))
    see("z.grad", z.grad)


@program
def conjugates(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((2,), requires_grad=True)
    c = z.conj()
    see("conjugate", c)
    see("lazy", [c.is_conj(), c.resolve_conj().is_conj(), c._is_view(), c.conj().is_conj()])
    see.raises("as an array", lambda: c.detach().numpy())
    (c * draw.complexes((2,))).backward(draw.complexes((2,)))
    see("z.grad", z.grad)
    see("of a real tensor", draw.floats((2,)).conj())


@program
def real_tensors_have_no_imag(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    see.raises("imag", lambda: x.imag)
    see.same("real", x.real, x)
    see.raises("view_as_real", lambda: B.view_as_real(x))
    see.raises("ordering", lambda: draw.complexes((2,)) > 0)
    ones = draw.complexes(draw.choice([(1,), (2, 1), (2,), (1, 0)]))
    nothing = B.zeros(0, dtype=B.complex64)
    see("a sum of nothing", see.warns("of other numbers", lambda: B.einsum("i,i->", nothing, nothing.real)))
    see("how many are not 0", see.warns("as numbers", lambda: B.linalg.vector_norm(ones, 0, -1)))
    see("kinds", [x.is_complex(), draw.complexes(()).is_complex(), x.is_floating_point()])


@program
def view_as_complex(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    z = B.view_as_complex(x)
    see("z", z)
    see.raises("a leaf through the view", lambda: z.mul_(2))
    (z * z).backward(draw.complexes((2,)))
    see("x.grad", x.grad)
    see.raises("an odd size", lambda: B.view_as_complex(draw.floats((3,))))


@program
def second_gradients(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((2,), requires_grad=True)
    (first,) = B.autograd.grad(z * z * z.conj(), z, draw.complexes((2,)), create_graph=True)
    see("first gradient", first)
    see("second gradient", B.autograd.grad(first, z, draw.complexes((2,))))


@program
def real_tensors_put_into_complex_ones(B: Any, draw: Any, see: Any) -> None:
    x, z = draw.floats((2,), requires_grad=True), draw.complexes((2,), requires_grad=True)
    put = draw.choice(
        [
            lambda: B.zeros(2, dtype=B.complex64).copy_(x) * z,
            lambda: x.to(B.complex64) * z,
            lambda: B.cat([x, z]),
            lambda: B.stack([x, z]),
            lambda: x * z,
            lambda: x + z,
            lambda: B.where(B.tensor([True, False]), x, z),
            lambda: (z * 1).index_copy(0, B.tensor([0]), x[:1].to(B.complex64)),
            lambda: x @ z.real + z.sum(),
            lambda: x**z,
        ]
    )
    y = see.warns("forward warnings", put)
    seed = B.ones_like(y) * (1 + 2j) if y.is_complex() else B.ones_like(y)
    see.raises("backward", lambda: see.warns("backward warnings", lambda: y.backward(seed)))
    see("gradients", [x.grad, z.grad])


@program
def powers_of_negative_numbers(B: Any, draw: Any, see: Any) -> None:
    check = B.autograd.gradcheck
    base = -draw.floats((2,), B.float64).abs() - 1
    base.requires_grad_()
    exponent = draw.complexes((2,), B.complex128, requires_grad=True)
    see.raises("both", lambda: check(lambda b, e: B.pow(b, e), (base, exponent)))
    see.raises("a number", lambda: check(lambda e: (-2.0) ** e, (exponent,)))
    see.raises("an exponent", lambda: check(lambda b: b**2, (base,)))


@program
def chains_of_real_views(B: Any, draw: Any, see: Any) -> None:
    def both(in_place):
        x = start.detach().clone().requires_grad_()
        z = x * 1
        real = B.view_as_real(z)
        other = real.reshape(-1) if reshaped else real
        if in_place:
            other.mul_(factor)
            return x, z
        return x, B.view_as_complex((other * factor).reshape(2, 2))

    start, factor, reshaped = draw.complexes((2,)), draw.number(), draw.flag()
    for in_place in (True, False):
        x, z = both(in_place)
        (z * z.conj()).real.sum().backward()
        see("gradient", x.grad)
    x = draw.complexes((2,), requires_grad=True)
    pieces = B.view_as_real(x * 1).unbind(-1)
    see.raises("a piece", lambda: pieces[0].mul_(2))
    y = draw.floats((2, 2), requires_grad=True)
    z = B.view_as_complex(y * 1)
    z.mul_(2j)
    see("z", z)
    z.abs().sum().backward()
    see("y.grad", y.grad)


@program
def parts_of_another_shape_written(B: Any, draw: Any, see: Any) -> None:
    x = draw.complexes((3,), requires_grad=True)
    operand = draw.floats(draw.choice([(2, 3), (2, 1), (3,)]), requires_grad=draw.flag())
    base = x * 1
    parts = B.view_as_real(base).transpose_(0, 1)
    draw.choice(
        [
            lambda: parts.mul_(draw.number()),
            lambda: parts.mul_(operand),
            lambda: parts.add_(operand),
            lambda: parts.copy_(operand),
            lambda: parts.zero_(),
            lambda: parts[0].mul_(2),
            lambda: parts.unsqueeze_(0).mul_(2),
        ]
    )()
    see("parts", parts)
    of = draw.choice([lambda: B.view_as_real(base), lambda: base.real, lambda: parts])()
    seed, create_graph = draw.floats(tuple(of.shape)), draw.flag()
    see.raises("backward", lambda: see.warns("warnings", lambda: of.backward(seed, create_graph=create_graph)))
    see("x.grad", x.grad)


@program
def steps_of_sides_of_1_in_conjugates(B: Any, draw: Any, see: Any) -> None:
    """Most ops work on a copy of what is conjugated when read, which keeps less of the steps of its sides of 1."""
    z = draw.complexes((1, 2, 2, 2))
    part = draw.choice([lambda: z[0, :, :1, 0], lambda: z[0, :1, :, 0], lambda: z[0, :, :, 0], lambda: z[..., 0], lambda: z[0, 0]])()
    conjugate = draw.choice([part.conj().mT, part.mT.conj(), part.conj(), part.conj().mT.unsqueeze(-1)])
    other = draw.complexes(conjugate.shape)
    made = {
        "log": conjugate.log(), "sin": conjugate.sin(), "sum": conjugate + conjugate, "with another": conjugate * other,
        "half": conjugate / 2, "clone": conjugate.clone(), "cast": conjugate.to(B.complex128), "exp": conjugate.exp(),
        "negative": -conjugate, "resolved": conjugate.resolve_conj(), "sizes": conjugate.abs(), "part": conjugate.imag,
        "of the part": conjugate.imag * 2,
    }  # fmt: skip
    see("made", made)
    see("strides", [list(one.stride()) for one in made.values()])


@program
def another_shape_in_place_of_a_conjugate(B: Any, draw: Any, see: Any) -> None:
    """It goes on reading the memory that it reads as its conjugate."""
    x = draw.complexes(draw.choice(((2, 2), (2, 1), (2,), ())), draw.dtype("complex64", "complex128"))
    x = x.requires_grad_().clone() if draw.flag() else x
    y = draw.choice([x.conj, x.conj().imag.detach, lambda: x.resolve_conj().conj()])()
    shapes = [y.t_, y.squeeze_, lambda: y.unsqueeze_(0), lambda: y.transpose_(0, -1), lambda: y.as_strided_((1,), (1,))]
    see.raises("another shape", draw.choice(shapes))
    see("read", [y, y.is_conj(), y.stride(), y.data_ptr() == x.data_ptr(), y._version])
    with B.no_grad():
        x.mul_(2)
        see("written to", y)


@program
def refused_writes_to_conjugates(B: Any, draw: Any, see: Any) -> None:
    """PyTorch computes in a copy of what is conjugated, and sees only then that elements share memory."""
    x = draw.complexes((2,)).unsqueeze(-1).expand(2, 2) if draw.flag() else draw.complexes((2, 2))
    target = draw.choice([lambda: x.conj(), lambda: x.conj().imag, lambda: x])()
    other = draw.choice([lambda: draw.floats((3,)), lambda: draw.complexes((2,)), lambda: draw.floats((2, 2)), lambda: draw.number()])()
    kind = draw.choice(["mul_", "add_", "sub_", "div_", "copy_", "pow_", "fill_", "zero_", "sin_", "exp_"])
    arguments = () if kind in ("zero_", "sin_", "exp_") else (other,)
    see.raises(kind, lambda: getattr(target, kind)(*arguments))
    see("after it", [x, target, target._version])


@program
def writes_to_conjugates_from_their_own_memory(B: Any, draw: Any, see: Any) -> None:
    """What is copied as it is stored may not share a part; all else is computed in a copy, which shares nothing."""
    x = B.complex(*draw.integers((2, 8), 1, 3).double())  # nowhere 0, whose sign two libraries may take otherwise
    turned = draw.choice([lambda t: t.conj(), lambda t: t._neg_view(), lambda t: t.conj()._neg_view(), lambda t: t])
    target = turned(x[:4].view(2, 2))
    sources = [
        lambda: x[1:5].view(2, 2), lambda: x[4:].view(2, 2), lambda: target, lambda: target.mT, lambda: target.detach(),
        lambda: x[0], lambda: target[1], lambda: x[5],
    ]  # fmt: skip
    source = draw.choice(sources)()
    source = draw.choice([lambda: source, lambda: source.conj(), lambda: source._neg_view()])()
    at, alike = B.tensor([1, 0]), source if source.shape == target.shape else target
    writes = {
        "copied": lambda: target.copy_(source),
        "added": lambda: target.add_(source, alpha=4),
        "rows copied": lambda: target.index_copy_(0, at, source),
        "rows added": lambda: target.index_add_(0, at, source, alpha=4),
        "scattered": lambda: target.scatter_(0, at.expand(2, 2), source),
        "filled": lambda: target.masked_fill_(at > 0, source),
        "written out": lambda: B.add(alike, 4j, out=target),
        "taken out": lambda: B.index_select(alike, 0, at, out=target),
    }
    name = draw.choice(list(writes))
    see.raises(name, lambda: (writes[name](), None)[1])
    see("after it", [x, target, target._version, target.is_conj(), target.is_neg()])
    see("strides", [target.stride(), target.data_ptr() == x.data_ptr()])


@program
def conjugates_given_other_elements(B: Any, draw: Any, see: Any) -> None:
    """By `.data` they read as what is given does, by `set_` as they did before."""
    x = draw.complexes((2, 2))
    turned = [lambda t: t.conj(), lambda t: t._neg_view(), lambda t: t.conj()._neg_view()]
    target, other = draw.choice(turned)(x), draw.complexes((2, 2))
    given = draw.choice([lambda t: t, *turned])(draw.choice([lambda: other, lambda: other.mT, lambda: x])())
    if draw.flag():
        target.set_(given)
    else:
        target.data = given
    see("given", [target, target.is_conj(), target.is_neg(), target._version, target.stride()])
    see("shares memory", [target.data_ptr() == t.data_ptr() for t in (x, other)])
    see.raises("as an array", lambda: target.numpy().tolist())
    view = draw.choice([lambda: target[0], lambda: target.mT, lambda: target.conj(), lambda: target.imag])()
    target.mul_(draw.choice([2, 1j]))
    see("written to", [x, other, target, view, view.is_conj(), view.is_neg()])
    target.copy_(draw.complexes((2,)))
    see("copied to", [x, other, target, target + 1, target.sum()])
