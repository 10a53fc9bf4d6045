"""Saved values: what nodes keep, how it is read, how hooks pack it, and when it is freed."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def saved_attributes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,), requires_grad=draw.flag())
    product = x * y
    see("of x * y", [product.grad_fn._saved_self, product.grad_fn._saved_other])
    see.same("the very input", product.grad_fn._saved_other, y)
    see("of exp", x.exp().grad_fn._saved_result)
    see("of pow", [(x**3).grad_fn._saved_exponent, (x**3).grad_fn._saved_self])
    see("of sum", x.sum().grad_fn._saved_self_sym_sizes)
    see("of mean", x.mean().grad_fn._saved_self_sym_numel)
    see("of a select", [x[0].grad_fn._saved_dim, x[0].grad_fn._saved_index])
    see.raises("an attribute that is not there", lambda: product.grad_fn._saved_nothing)


@program
def reading_after_backward(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x.exp()
    see("before", y.grad_fn._saved_result)
    see.same("the same object", y.grad_fn._saved_result, y)
    y.backward(draw.floats((2,)))
    see.raises("after", lambda: y.grad_fn._saved_result)


@program
def reading_a_stale_one(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 1
    z = y * y
    y.add_(1)
    see.raises("reading", lambda: z.grad_fn._saved_self)
    see.raises("backward", lambda: z.backward(draw.floats((2,))))


@program
def packing_and_unpacking(B: Any, draw: Any, see: Any) -> None:
    def pack(t):
        see.values("packed", t)
        return t

    def unpack(t):
        see.values("unpacked", t)
        return t

    a = draw.floats((2,), requires_grad=True)
    b = draw.floats((2,), requires_grad=draw.flag())
    with B.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = draw.choice([lambda: a * a, lambda: a * b, lambda: a.exp(), lambda: a + b, lambda: a * 3, lambda: a / b])()
    see("y", y)
    y.backward(draw.floats((2,)))
    see("gradients", [a.grad, b.grad])


@program
def packing_changes_values(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    with B.autograd.graph.saved_tensors_hooks(lambda t: 2 * t, lambda t: t):
        y = a * a
    see("y", y)
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)


@program
def packing_into_anything(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    kept: dict[int, Any] = {}

    def pack(t):
        kept[len(kept)] = t.detach().clone()
        return len(kept) - 1

    with B.autograd.graph.saved_tensors_hooks(pack, lambda key: kept[key]):
        y = a * a
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)
    see("kept", kept)


@program
def hooks_nest(B: Any, draw: Any, see: Any) -> None:
    hooks = B.autograd.graph.saved_tensors_hooks
    a = draw.floats((2,), requires_grad=True)
    with hooks(lambda t: t * 2, lambda t: t):
        with hooks(lambda t: t * 4, lambda t: t):
            inner = a * a
        outer = a * a
    plain = a * a
    for y in (inner, outer, plain):
        a.grad = None
        y.backward(B.ones(2))
        see("a.grad", a.grad)


@program
def hooks_that_misbehave(B: Any, draw: Any, see: Any) -> None:
    hooks = B.autograd.graph.saved_tensors_hooks
    a = draw.floats((2,), requires_grad=True)

    def fail(t):
        raise ValueError("in a hook")

    def packing():
        with hooks(fail, lambda t: t):
            return a * a

    see.raises("pack raises", packing)
    with hooks(lambda t: t, fail):
        y = a * a
    see.raises("unpack raises", lambda: y.backward(B.ones(2)))
    with hooks(lambda t: t, lambda t: 3):
        y = a * a
    see.raises("unpack returns a number", lambda: y.backward(B.ones(2)))

    def in_place():
        with hooks(lambda t: t.add_(1), lambda t: t):
            return a.clone() ** 2

    see.raises("pack in place", in_place)


@program
def disabled_hooks(B: Any, draw: Any, see: Any) -> None:
    graph = B.autograd.graph
    a = draw.floats((2,), requires_grad=True)

    def enter():
        with graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            return a * a

    with graph.disable_saved_tensors_hooks("not here"):
        see.raises("inside", enter)
        with graph.disable_saved_tensors_hooks("nor here"):
            see.raises("inside both", enter)
    see.raises("after", enter)


@program
def raw_saved(B: Any, draw: Any, see: Any) -> None:
    a = draw.floats((2,), requires_grad=True)
    y = a * a
    y.grad_fn._raw_saved_self.register_hooks(lambda t: t * 2, lambda t: t)
    see.raises("twice", lambda: y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t))
    y.backward(draw.floats((2,)))
    see("a.grad", a.grad)
    see.raises("after it was freed", lambda: y.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t))


@program
def what_is_kept_depends_on_who_needs_it(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=draw.flag())
    y = draw.floats((2,), requires_grad=True)
    x, y = x * 1, y * 1
    z = draw.choice(
        [
            lambda: x * y,
            lambda: x / y,
            lambda: B.addcmul(x, y, y),
            lambda: B.addcdiv(x, x, y),
            lambda: B.atan2(x, y),
            lambda: B.where(x > 0, x, y),
            lambda: x @ y,
        ]
    )()
    draw.choice([x, y]).add_(1)
    see.raises("backward", lambda: z.backward(B.ones_like(z)))
