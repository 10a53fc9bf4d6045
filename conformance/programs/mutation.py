"""Saved tensors that may be written to, and saved tensors kept elsewhere."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def backward_sees_the_old_value(B: Any, draw: Any, see: Any) -> None:
    G = B.autograd.graph
    x = draw.floats((2, 2), requires_grad=True)
    other = draw.floats((2, 2))
    kept = None
    with G.allow_mutation_on_saved_tensors() as ctx:
        a = x.clone()
        view, part = a.view(4), a[0]
        kept = draw.choice([lambda: a * a, lambda: a.sin(), lambda: a * other, lambda: view * view, lambda: a.exp(), lambda: part * part])()
        writes = {
            "itself": lambda: a.mul_(2),
            "a view": lambda: view.add_(1),
            "a part": lambda: part.zero_(),
            "an element": lambda: a.__setitem__((1, 0), 5.0),
            "the result": lambda: kept.mul_(3),
            "the other": lambda: other.fill_(7),
            "nothing": lambda: None,
        }
        for _ in range(draw.integer(1, 3)):
            writes[draw.choice(list(writes))]()
        see("known", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        seed = draw.floats(kept.shape)
        see.raises("backward", lambda: kept.backward(seed))
        see("known afterwards", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
    see("x.grad", x.grad)


@program
def second_gradients_see_it_too(B: Any, draw: Any, see: Any) -> None:
    x, seed = draw.floats((2,), requires_grad=True), draw.floats((2,))
    with B.autograd.graph.allow_mutation_on_saved_tensors():
        a = x.clone()
        y = a.sin() * a
        a.mul_(draw.number())
        (first,) = B.autograd.grad(y, x, seed, create_graph=True)
        (second,) = B.autograd.grad(first, x, seed)
    see("first gradient", first)
    see("second gradient", second)


@program
def outside_of_the_context(B: Any, draw: Any, see: Any) -> None:
    G = B.autograd.graph
    x = draw.floats((2,), requires_grad=True)

    def nested():
        with G.allow_mutation_on_saved_tensors(), G.allow_mutation_on_saved_tensors():
            pass

    see.raises("nested", nested)
    with G.allow_mutation_on_saved_tensors() as ctx:
        y = x.exp().sin()
    see("known", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
    see.raises("outside", lambda: y.backward(B.ones(2)))
    with G.allow_mutation_on_saved_tensors():
        a = x.clone()
        see("others", [a * a, x * x])
        see.raises("in another", lambda: y.backward(B.ones(2)))
    a = x.clone()
    v = a * a
    a.add_(1)
    see.raises("never inside", lambda: v.backward(B.ones(2)))
    see("x.grad", x.grad)


@program
def what_is_known_of_each(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    with B.autograd.graph.allow_mutation_on_saved_tensors() as ctx:
        a = x.clone()
        y = a * a
        see("twice the same", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        a.add_(1)
        z = a * a
        see("two versions", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        a.add_(1)
        see("both written to", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        del y
        see("one is gone", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        z.backward(draw.floats((2,)))
        see("none is left", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
    see("x.grad", x.grad)


@program
def saved_on_the_processor(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=draw.flag())
    with B.autograd.graph.save_on_cpu(pin_memory=False):
        z = draw.choice([lambda: x * y, lambda: (x * y).exp(), lambda: x.sin() * x])()
    see.graph("graph", z)
    if draw.flag():
        with B.no_grad():
            x.mul_(2)
    see.raises("backward", lambda: z.backward(draw.floats((2,))))
    see("x.grad", x.grad)
    see("y.grad", y.grad)


@program
def what_begins_at_the_same_place_is_told_apart(B: Any, draw: Any, see: Any) -> None:
    """A tensor, its conjugate, its parts and their negatives lie in the same memory, and are kept as they read."""
    x = draw.complexes((2,), requires_grad=True)
    with B.autograd.graph.allow_mutation_on_saved_tensors() as ctx:
        a = x.clone()
        parts = [lambda: a.imag, lambda: a.conj().imag, lambda: B.view_as_real(a)[..., 1]]
        reads = draw.choice([[lambda: a, lambda: a.conj(), lambda: a.view(2, 1)], parts, parts])
        first = draw.integer(0, 2)
        products = [read() * read() for read in (reads[first], reads[(first + draw.integer(1, 2)) % 3])]
        with B.no_grad():
            draw.choice([lambda: a.mul_(2), lambda: a.imag.zero_(), lambda: a.conj().add_(1j)])()
        see("cloned", len(list(ctx.cloned.items())) > 0)
        for y in products:
            y.backward(draw.floats(tuple(y.shape)).to(y.dtype))
    see("x.grad", x.grad)


@program
def targets_and_conjugates(B: Any, draw: Any, see: Any) -> None:
    G = B.autograd.graph
    x = draw.complexes((2,), requires_grad=True)
    with G.allow_mutation_on_saved_tensors() as ctx:
        a = x.clone()
        view = draw.choice([lambda: a, lambda: a.conj(), lambda: B.view_as_real(a), lambda: a[:1], lambda: a.view(2, 1)])()
        y = view * view
        with B.no_grad():
            write = draw.choice(
                [
                    lambda: B.mul(B.ones_like(a), 3, out=a),
                    lambda: B.view_as_real(a).mul_(2),
                    lambda: a.conj().mul_(2j),
                    lambda: a.copy_(B.zeros(2)),
                    lambda: a.__setitem__(0, 1j),
                ]
            )
            see.raises("written", lambda: (write(), None)[1])
        see("known", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        see.raises("backward", lambda: y.backward(B.ones_like(y)))
    see("x.grad", x.grad)


@program
def what_is_not_saved_is_not_copied(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    with B.autograd.graph.allow_mutation_on_saved_tensors() as ctx:
        a = x.clone()
        y = a + 1
        a.mul_(2)
        see("nothing saved", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        z = a * a
        del z
        a.mul_(2)
        see("no longer saved", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        w = a.cos() * a.sin()
        a.mul_(draw.number())
        a.add_(1)
        see("saved by two", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
        (y + w).backward(draw.floats((2,)))
        see("after backward", [len(list(ctx.cloned.items())), len(list(ctx.tid_to_weakhandle.items()))])
    see("x.grad", x.grad)


@program
def a_result_kept_twice(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), B.float64, True)
    f = draw.choice([lambda a: a.exp(), lambda a: a.tanh(), lambda a: a.sigmoid(), lambda a: (a * a).sqrt()])
    g = draw.choice(
        [lambda a, b: a * b, lambda a, b: b * b, lambda a, b: a * b + b.exp(), lambda a, b: b.view(3, 1) * a, lambda a, b: b[:2] * b[1:]]
    )
    with B.autograd.graph.allow_mutation_on_saved_tensors() as known:
        made = f(x)
        y = g(x, made)
        see("kept", len(known.tid_to_weakhandle))
        made.mul_(2)
        see("cloned", len(known.cloned))
        y.pow(2).sum().backward()
        see("gradient", x.grad)
        see("left", [len(known.tid_to_weakhandle), len(known.cloned)])


@program
def any_write_to_anything_that_is_kept(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype("float32", "float64", "complex64", "bfloat16")
    numbers = draw.complexes if dtype.is_complex else draw.floats
    shape = (draw.integer(2, 3), *draw.shape(0, 2))
    x, factor = numbers(shape, dtype, requires_grad=True), numbers((), dtype)
    with B.autograd.graph.allow_mutation_on_saved_tensors() as known:

        def count():
            return [len(list(known.cloned.items())), len(list(known.tid_to_weakhandle.items()))]

        a = x.clone()
        base = a.detach() if draw.flag() else a
        part, flat = a[:1], a.reshape(-1)
        kept = draw.choice([lambda: a * a, lambda: part * a, lambda: flat * flat.conj(), lambda: a.sin() * part, lambda: a.exp() * a])()
        seed = numbers(kept.shape, dtype)
        writes = [
            lambda: a.mul_(factor),
            lambda: part.add_(factor),
            lambda: flat[:1].zero_(),
            lambda: base.copy_(base * 2),
            lambda: a.__setitem__(0, factor),
            lambda: B.mul(base.detach(), 3, out=base.detach()),
            lambda: a.detach().fill_(factor),
        ]
        for _ in range(draw.integer(1, 3)):
            see.raises("written", lambda: (draw.choice(writes)(), count())[1])
        see.raises("gradient", lambda: B.autograd.grad(kept, x, seed, create_graph=True)[0])
        kept = None
        see("known at last", count())
