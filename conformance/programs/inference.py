"""inference_mode: what it makes, what may be done with that outside, and what normal tensors become inside."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def results_inside(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape(), requires_grad=True)
    with B.inference_mode():
        y = x * 2
        see("modes", [B.is_inference_mode_enabled(), B.is_grad_enabled()])
        see("y", y)
        made = B.ones(2, requires_grad=True)
        see("made", made)
        see("computed from it", made * 2)
        see("kinds", [x.is_inference(), y.is_inference(), made.is_inference(), B.is_inference(y[None])])
    see("modes after", [B.is_inference_mode_enabled(), B.is_grad_enabled()])
    see("y after", y)
    see("printed", repr(y))


@program
def as_decorator(B: Any, draw: Any, see: Any) -> None:
    @B.inference_mode()
    def doubler(x):
        return x * 2

    @B.inference_mode
    def tripler(x):
        return x * 3

    @B.inference_mode(draw.flag())
    def maybe(x):
        return x * 4

    x = draw.floats((2,), requires_grad=True)
    for f in (doubler, tripler, maybe, B.inference_mode(mode=False)(lambda x: x * 5)):
        result = f(x)
        see("result", result)
        see("kind", result.is_inference())
    see("mode after", B.is_inference_mode_enabled())


@program
def nested(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((), requires_grad=True)

    def descend(depth):
        if depth:
            with draw.choice([B.inference_mode, lambda: B.inference_mode(False), B.no_grad, B.enable_grad])():
                y = x * 2
                see(f"inside {depth}", [B.is_inference_mode_enabled(), B.is_grad_enabled(), y.requires_grad, y.is_inference()])
                descend(depth - 1)
            see(f"after {depth}", [B.is_inference_mode_enabled(), B.is_grad_enabled()])

    descend(draw.integer(1, 5))


@program
def version_counter(B: Any, draw: Any, see: Any) -> None:
    with B.inference_mode():
        c = draw.floats((2,)) * 1
        see.raises("inside", lambda: c._version)
        c.add_(1)
    see.raises("outside", lambda: c._version)
    normal = draw.floats((2,))
    with B.inference_mode():
        normal.add_(1)
        see("of a normal one", normal._version)
    see("c", c)


@program
def inference_tensors_outside(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    with B.inference_mode():
        c = x * 2
    see("a functional operation", c + 1)
    see("its kind", (c + 1).is_inference())
    view = c.view(-1)
    see("a view", view)
    see("kind of the view", [view.is_inference(), view._is_view()])
    see.raises("in place", lambda: c.add_(1))
    see.raises("in place on a view", lambda: view.add_(1))
    see.raises("saved for backward", lambda: c * x)
    see.raises("not saved", lambda: c + x)
    see.raises("requires_grad_", lambda: c.requires_grad_())
    see.raises("backward", lambda: c.backward(c))


@program
def a_clone_is_normal(B: Any, draw: Any, see: Any) -> None:
    with B.inference_mode():
        c = draw.floats((2,)) * 2
    d = c.clone()
    see.values("clone", d)
    see("kind", [d.is_inference(), d.requires_grad, d.is_leaf, d._is_view()])
    before = d._version  # it counts what PyTorch wrote inside: upstream/counted_inside.py
    d.mul_(draw.number())
    see("a write counts", d._version - before)
    see.values("c", c)
    d.requires_grad_()
    (d * d).backward(draw.floats((2,)))
    see("d.grad", d.grad)


@program
def normal_tensors_inside(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    y = x * 1
    z = y * y
    with B.inference_mode():
        view = y[0]
        see("a view", view)
        see("kind", [view.is_inference(), view._is_view()])
        y.add_(1)
        see("y", y)
        see.raises("a leaf in place", lambda: x.add_(1))
    see("y after", y)
    see.raises("backward of what saved it", lambda: z.backward(draw.floats((2, 2))))
    see.raises("the view in place", lambda: view.add_(1))


@program
def a_view_whose_base_was_modified(B: Any, draw: Any, see: Any) -> None:
    y = draw.floats((2, 2), requires_grad=draw.flag()).clone()
    with B.inference_mode():
        view = y[0]
    y.add_(1)
    see.raises("reading grad_fn", lambda: view.grad_fn)
    see("values", view.tolist())
    see.raises("functional use", lambda: view * 2)


@program
def mixed_operands(B: Any, draw: Any, see: Any) -> None:
    s = draw.floats((2,), requires_grad=draw.flag())
    with B.inference_mode():
        c = B.ones(2, requires_grad=draw.flag())
    see.raises("c + s", lambda: c.add(s))
    see.raises("c * s", lambda: c * s)
    a = s.clone()
    see.raises("a.mul_(c)", lambda: a.mul_(c))
    see.raises("out=c", lambda: B.mul(s, s, out=c))
    see.raises("backward through the sum", lambda: c.add(s).backward(B.ones(2)))
    see("s.grad", s.grad)


@program
def in_place_keeps_both_flags(B: Any, draw: Any, see: Any) -> None:
    with B.inference_mode():
        c = B.ones(2, 3, requires_grad=draw.flag())
        for step in (lambda: c.add_(1), lambda: c.transpose_(0, 1), lambda: c.copy_(B.zeros(3, 2)), lambda: c.zero_()):
            step()
            see("c", c)
            see("kind", c.is_inference())


@program
def factories_that_ask_for_grad(B: Any, draw: Any, see: Any) -> None:
    with B.inference_mode():
        x = B.ones(2, requires_grad=True) * 1 if draw.flag() else B.ones(2, requires_grad=True)
        see("x", [x.is_inference(), x.requires_grad, x.is_leaf])
        y = x * 2
        view = x.view(-1)
        see("y", [y.is_inference(), y.requires_grad])
        see("view", [view.is_inference(), view.requires_grad, view._is_view()])
        see.raises("requires_grad_", lambda: y.requires_grad_().requires_grad)
        see.raises("off", lambda: y.requires_grad_(False).requires_grad)
        writes = [lambda: x.mul_(2), lambda: x.transpose_(0, 0), lambda: x.resize_(1), lambda: x.copy_(y), lambda: x.resize_as_(y)]
        see.raises("written", lambda: (draw.choice(writes)(), None)[1])
        see("after", [x.is_inference(), x.requires_grad, tuple(x.shape)])
    see.raises("outside", lambda: (x * draw.floats((1,), requires_grad=True)).requires_grad)
    see.raises("added", lambda: (x + draw.floats((1,), requires_grad=True)).requires_grad)


@program
def decorators_of_every_form(B: Any, draw: Any, see: Any) -> None:
    def function(a):
        return [B.is_inference_mode_enabled(), B.is_grad_enabled(), (a * 2).is_inference()]

    x = draw.floats((2,), requires_grad=True)
    for name, decorated in (
        ("function", lambda: B.inference_mode(function)),
        ("True", lambda: B.inference_mode(True)(function)),
        ("False", lambda: B.inference_mode(False)(function)),
        ("called", lambda: B.inference_mode()(function)),
        ("keyword", lambda: B.inference_mode(mode=draw.flag())(function)),
        ("keyword function", lambda: B.inference_mode(mode=function)),
    ):
        see.raises(name, lambda decorated=decorated: decorated()(x))
        with B.inference_mode(), B.no_grad():
            see.raises(f"{name} inside", lambda decorated=decorated: decorated()(x.detach()))
    see("after", B.is_inference_mode_enabled())


@program
def a_gradient_that_is_part_of_a_normal_tensor_is_normal_in_inference_mode(B: Any, draw: Any, see: Any) -> None:
    x, given = draw.floats((2,), requires_grad=True), draw.floats((2,))
    y = x.view(2)
    with B.inference_mode():
        [g] = B.autograd.grad(y, x, given)
        see("captured", [g, g.is_inference(), g._is_view()])
        g.fill_(2)
        see("given after grad", [given, given._version])
    hook = draw.choice([None, lambda g: g.detach(), lambda g: g * 2])
    if hook is not None:
        x.register_hook(hook)
    with B.inference_mode():
        z = draw.choice([x, y])
        z.backward(given)
        see("kind", x.grad.is_inference())
        x.grad.zero_()
        see("given after backward", [given, given._version])
        see.raises("writes", lambda: x.grad._version)


@program
def a_leaf_of_inference_mode_gets_a_gradient(B: Any, draw: Any, see: Any) -> None:
    with B.inference_mode():
        c = B.ones(2, requires_grad=True)
    s = draw.floats((2,), requires_grad=True)
    a = s * 1
    see.raises("sum", lambda: (c + s).backward(B.ones(2)))
    see("s.grad", s.grad)
    see.raises("c.grad", lambda: [c.grad.tolist(), c.grad.is_inference()])
    see.raises("product", lambda: c * s)
    see.raises("product in place", lambda: a.mul_(c))
    see.raises("out", lambda: B.mul(s, s, out=c))
    see.raises("out of constants", lambda: B.mul(s.detach(), s.detach(), out=c))
    see.raises("in place", lambda: c.add_(1))


@program
def normal_tensors_saved_and_written_inside(B: Any, draw: Any, see: Any) -> None:
    s = draw.floats((2,), requires_grad=draw.flag())
    a = s.clone()
    saved = a * a
    with B.inference_mode():
        write = draw.choice([lambda: a.add_(1), lambda: a[:1].zero_(), lambda: a.view(-1).mul_(2), lambda: a.copy_(B.ones(2))])
        see.raises("written", lambda: (write(), None)[1])
        view = a.view(2, 1)
        see("a", [a.is_inference(), a.requires_grad, a._version])
        see("view", [view.is_inference(), view._is_view(), view.requires_grad, view.is_leaf, view._version])
        see.raises("view written", lambda: (view.mul_(2), None)[1])
    see("versions", [a._version, view._version])
    if s.requires_grad:
        see.raises("backward", lambda: saved.backward(B.ones(2)))
    see.raises("written outside", lambda: (view.mul_(2), None)[1])
    see.raises("grad_fn", lambda: view.grad_fn)
    see.raises("used", lambda: view * 2)
    see.raises("view of it", lambda: view.view(-1))
    with B.no_grad():
        a.add_(1)
    see.raises("grad_fn after", lambda: view.grad_fn)


@program
def reading_what_is_not_tracked(B: Any, draw: Any, see: Any) -> None:
    with B.inference_mode():
        x = draw.floats((2,))
        y = draw.choice(
            [lambda: x, lambda: x[:1], lambda: x.detach(), lambda: x.clone(), lambda: x.to(B.float64), lambda: B.zeros_like(x)]
        )()
        see("is one", [y.is_inference(), B.is_inference(y)])
        see.raises("version", lambda: y._version)
    see.raises("version outside", lambda: y._version)
    see("view outside", [y[:1].is_inference(), y[:1]._is_view()])
    z = y * 2
    see("result outside", [z.is_inference(), z.requires_grad, z.is_leaf, z._version])
    see.raises("in place outside", lambda: y.mul_(2))
    see.raises("grad", lambda: y.requires_grad_())
    see.raises("increment", lambda: B.autograd.graph.increment_version(y))
    see.raises("detach_", lambda: y.detach_().is_inference())


@program
def everything_inside_and_outside(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(1, 2), draw.dtype("float32", "float64", "complex64", "int64")
    able = dtype.is_floating_point or dtype.is_complex
    with B.inference_mode():
        made = draw.floats(shape).to(dtype).clone()
        ones = B.ones(shape, dtype=dtype)
    normal = draw.floats(shape).to(dtype).requires_grad_(able and draw.flag())
    tensors = {"made": made, "ones": ones, "normal": normal, "result": normal * 1, "view": made.view(-1)}
    steps = {
        "times": lambda a, b: a * b,
        "plus": lambda a, b: a + b,
        "view": lambda a, b: a.view(-1),
        "pieces": lambda a, b: a.unbind()[0],
        "alias": lambda a, b: a.view_as(a),
        "written": lambda a, b: a.mul_(b.reshape(a.shape)),
        "set": lambda a, b: a.__setitem__(0, b.reshape(-1)[0]),
        "strided": lambda a, b: a.as_strided_((1,), (1,)),
        "transposed": lambda a, b: a.transpose_(0, -1),
        "out": lambda a, b: B.mul(a, 2, out=b),
        "to": lambda a, b: a.to(B.float64),
        "flag": lambda a, b: a.requires_grad_(),
        "product": lambda a, b: a.mul(3).requires_grad,
        "gradient": lambda a, b: setattr(a, "grad", b),
    }  # detached outside an inference tensor has a version: upstream/detached_inference.py
    for _ in range(draw.integer(1, 4)):
        a, b, step = draw.choice(list(tensors)), draw.choice(list(tensors)), draw.choice(list(steps))
        mode = draw.choice([B.enable_grad, B.inference_mode, B.no_grad])
        made_to_stay = step in ("view", "pieces", "alias", "written", "transposed")  # other versions: upstream/counted_inside.py

        def run(a=a, b=b, step=step, made_to_stay=made_to_stay):
            result = steps[step](tensors[a], tensors[b])
            if isinstance(result, B.Tensor):
                if made_to_stay:
                    tensors["last"] = result
                return [result.is_inference(), result.requires_grad, result.is_leaf, result._is_view(), tuple(result.shape)]
            return result

        with mode():
            see.raises(f"{step} of {a} and {b}", run)
        for name, one in tensors.items():
            see(name, [one.is_inference(), one.requires_grad, one.is_leaf, one.dtype == dtype])
            see.raises(f"version of {name}", lambda one=one: one._version)
            see.raises(f"node of {name}", lambda one=one: one.grad_fn)
            see.values(f"values of {name}", one)


@program
def a_view_of_inference_mode_after_a_rebase(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, *draw.shape(1, 1)), draw.dtype(), requires_grad=draw.flag())
    base = x.clone()
    with B.inference_mode():
        view = draw.choice([lambda: base.view(-1), lambda: base[0], lambda: base.view_as(base)])()
    inner = draw.choice([lambda: view, lambda: view[:1], lambda: view.view(-1)])()
    write = draw.choice([lambda: base.mul_(2), lambda: base[1].add_(1), lambda: inner.mul_(2), lambda: base.detach().zero_(), lambda: None])
    with draw.choice([B.enable_grad, B.no_grad, B.inference_mode])():
        see.raises("written", lambda: (write(), None)[1])
    for name, one in (("base", base), ("view", view), ("inner", inner)):
        see.raises(f"node of {name}", lambda one=one: one.grad_fn)
        see.raises(name, lambda one=one: [one.requires_grad, one.is_leaf, one._is_view(), one._version])
        see.raises(f"use of {name}", lambda one=one: one * 2)
        see.raises(f"view of {name}", lambda one=one: one.view(-1).requires_grad)
        see.raises(f"printed {name}", lambda one=one: repr(one))


@program
def views_of_a_piece_count_with_its_base(B: Any, draw: Any, see: Any) -> None:
    """A piece that is no view to PyTorch's signature is one in inference mode, and counts its own writes; its views those of the base."""
    base = draw.floats((2, 4), requires_grad=draw.flag())
    with B.inference_mode():
        piece = B.unsafe_chunk(base, 2)[-1]
        seen = {"piece": piece, "row": piece[:1], "chunk": piece.chunk(1)[0], "detached": piece.detach(), "base": base}
        writes = [lambda: base.detach().fill_(3), lambda: seen["row"].mul_(2), lambda: piece.mul_(2), lambda: seen["detached"].mul_(2)]
        draw.choice(writes)()
        draw.choice(writes)()
        see("writes", {name: one._version for name, one in seen.items()})
    with draw.choice([B.enable_grad, B.no_grad])():
        views = {"outside": lambda: piece.view(-1), "of its view": lambda: seen["row"][0], "of a view": lambda: piece.unsqueeze(0)[..., 1:]}
        for name, view in views.items():
            see.raises(f"taken {name}", lambda name=name, view=view: (seen.update({name: view()}), None)[1])
        for name, one in seen.items():
            see.raises(f"written outside to {name}", lambda one=one: (one.mul_(2), None)[1])
            see(f"writes outside after {name}", {name: one._version for name, one in seen.items()})


@program
def what_is_detached_outside_counts_its_own_writes(B: Any, draw: Any, see: Any) -> None:
    with B.inference_mode():
        x = draw.floats((2, 2)) * 1
        inside = x.detach(), x.data, x.detach().detach()
    leaf = draw.floats((2, 2), requires_grad=True)
    for name, d in (("detached", x.detach()), ("data", x.data), ("of the former", x.detach().detach())):
        see(f"{name} is one", [d.is_inference(), d._is_view(), d._version])
        d.add_(1).mul_(2)
        d.squeeze_()
        see(f"{name} written to", [d._version, x.detach()._version, d])
        with B.inference_mode():
            d.sub_(1)
            see.raises(f"{name} again inside", lambda d=d: d.detach()._version)
        see(f"{name} version", d._version)
        see.raises(f"a view of {name}", lambda d=d: d.view(-1).add_(1))
        see.raises(f"a part of {name}", lambda d=d: d[0].add_(1))
        see.raises(f"{name} saved", lambda d=d: d * leaf)
        see.raises(f"{name} to require grad", lambda d=d: d.requires_grad_())
        see(f"{name} copied", d.copy_(leaf.detach())._version)
    see("source", x)
    for i, d in enumerate((x, *inside)):
        see.raises(f"without a count {i}", lambda d=d: d.add_(1))


@program
def what_kernels_make_as_views_outside(B: Any, draw: Any, see: Any) -> None:
    """Where all operands are inference tensors nothing stands above PyTorch's kernels, and some return views of what they made."""
    with B.inference_mode():
        x = draw.floats((2, 3)) * 1
    with draw.choice([B.enable_grad, B.no_grad, B.inference_mode])():
        made = [
            B.roll(x, 1), B.roll(x, 1, 0), x.repeat(2, 1), x.repeat(0, 1), B.tile(x, (2,)), B.stack([x, x]), B.stack([x, x], -1),
            B.stack([x, B.ones(2, 3)]), *B.native_layer_norm(x, (3,), None, None, 1.0),
        ]  # fmt: skip
    for i, one in enumerate(made):
        see(f"result {i}", list(one.shape))
        see(f"kind of {i}", [one._is_view(), one.is_inference()])
        see.raises(f"written to {i}", lambda one=one: list(one.add_(1).shape))


@program
def what_is_kept_for_views_that_lead_nowhere(B: Any, draw: Any, see: Any) -> None:
    """A view made in inference mode requires grad with its base, but has no edge: of several gradients PyTorch keeps nothing for its."""
    leaf = draw.floats((2,), requires_grad=True)
    base = leaf * 2 if draw.flag() else leaf
    with B.inference_mode():
        view, made_there = draw.choice([base.view, base.reshape])(2, 1), draw.floats((2, 1))
    other = draw.choice([made_there, draw.floats((2, 1)), leaf, view])
    ops = [B.mul, B.div, B.atan2, B.pow, B.add, B.hypot, lambda a, b: B.where(b > 0, a, b), lambda a, b: a.t() @ b, B.addcmul, B.lerp]
    op = draw.choice(ops)
    operands = draw.choice([(view, other), (other, view)])
    more = {B.addcmul: (other,), B.lerp: (0.3,)}.get(op, ())

    def call():
        made = op(*operands, *more)
        see.graph("graph", made)
        names = [name for name in ("_saved_self", "_saved_other", "_saved_exponent", "_saved_tensor1") if hasattr(made.grad_fn, name)]
        kept = [getattr(made.grad_fn, name) for name in names]
        see("kept", [one is None for one in kept])
        made.sum().backward()
        return [made.requires_grad, leaf.grad * 1 if leaf.grad is not None else None]

    see.raises("call", call)
    see.raises("in place", lambda: op(view.clone(), view, *more).sum().backward())
