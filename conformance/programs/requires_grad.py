"""Where `requires_grad` comes from, where it goes, and what refuses it."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def through_many_operations(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=draw.flag())
    y = draw.floats((2, 2), requires_grad=draw.flag())
    results = [x + 1, x * y, x @ y, x.t(), x[0], x.sum(), B.cat([x, y]), B.where(x > 0, x, y), x.reshape(4), x.clone(), y.exp(), x.max(0)]
    for i, result in enumerate(results):
        see(f"result {i}", result)


@program
def integer_and_bool_results(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    results = [
        x > 0,
        x == x,
        x.argmax(),
        x.isnan(),
        x.long(),
        x.bool(),
        x.sort()[1],
        x.topk(2).indices,
        x.count_nonzero(),
    ]
    for i, result in enumerate(results):
        see(f"result {i}", result)


@program
def views_of_integers_with_a_history(B: Any, draw: Any, see: Any) -> None:
    """A write that PyTorch records for any dtype: its views require grad before their node is looked at."""
    value = draw.floats((), requires_grad=True) * 2
    whole = draw.bools((2,)) if draw.flag() else draw.integers((2,))
    first, last = whole[:1], whole[1:]
    every_other = slice(None, None, 2)
    draw.choice(
        [
            lambda: whole.fill_(value),
            lambda: first.fill_(value),
            lambda: whole.__setitem__(every_other, value),
            lambda: whole.eq_(value),
        ]
    )()
    see("require grad", [t.requires_grad for t in (whole, first, last)])
    see("nodes", [t.grad_fn.name() for t in (whole, first, last)])
    see("require grad now", [t.requires_grad for t in (whole, first, last)])


@program
def signs_and_membership(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    see("signbit", B.signbit(x))
    see("isin", B.isin(x, x))


@program
def integers_cannot_require_grad(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype("int64", "int32", "uint8", "bool", "int8", "int16")
    x = draw.integers(draw.shape(), dtype=dtype)

    def by_attribute():
        x.requires_grad = True

    see.raises("requires_grad_()", lambda: x.requires_grad_())
    see.raises("the attribute", by_attribute)
    see.raises("zeros", lambda: B.zeros(2, dtype=dtype, requires_grad=True))
    see.raises("tensor", lambda: B.tensor([1, 0], dtype=dtype, requires_grad=True))
    see.raises("False by the method", lambda: x.requires_grad_(False))
    x.requires_grad = False
    see("x", x)
    see("zeros without", B.zeros(2, dtype=dtype, requires_grad=False))


@program
def every_floating_dtype_can(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype("float32", "float64", "float16", "bfloat16", "complex64", "complex128")
    x = B.zeros(draw.shape(), dtype=dtype, requires_grad=True)
    y = x * draw.number()
    see("x", x)
    see("y", y)
    y.backward(B.ones_like(y))
    see("x.grad", x.grad)


@program
def requires_grad_returns_self(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats(draw.shape())
    see.same("x.requires_grad_() is x", x.requires_grad_(), x)
    see("x", x)
    see.same("x.requires_grad_(False) is x", x.requires_grad_(False), x)
    see("x again", x)
    x.requires_grad = True
    see("by attribute", x)
    see("by keyword", x.requires_grad_(requires_grad=draw.flag()))


@program
def false_on_a_non_leaf(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2

    def by_attribute():
        y.requires_grad = False

    see.raises("requires_grad_(False)", lambda: y.requires_grad_(False))
    see.raises("the attribute", by_attribute)
    see.raises("requires_grad_(True)", lambda: y.requires_grad_(True))
    see.raises("the attribute set to True", lambda: setattr(y, "requires_grad", True))
    see.raises("the attribute set to a number", lambda: setattr(draw.choice([x, y]), "requires_grad", 1))
    see("y", y)


@program
def in_place_makes_it_require_grad(B: Any, draw: Any, see: Any) -> None:
    a, b = draw.floats((2,)), draw.floats((2,), requires_grad=True)
    before = a
    a += b
    see.same("still the same tensor", a, before)
    see("a", a)
    c = draw.floats((2,)) * 1
    c *= b
    see("c", c)
    x = draw.floats((2, 2))
    x[0] = b
    see("x", x)
    (a * c).backward(draw.floats((2,)))
    see("b.grad", b.grad)


@program
def modified_first_and_then_required(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,))
    early = x[0]
    x.add_(1)
    early.mul_(2)
    x.requires_grad_()
    see("x", x)
    see("early", early)
    y = x * x
    y.backward(draw.floats((3,)))
    see("x.grad", x.grad)
    see.raises("x in place", lambda: x.add_(1))
    see.raises("early in place", lambda: early.add_(1))


@program
def factories(B: Any, draw: Any, see: Any) -> None:
    dtype, wants = draw.dtype(), draw.flag()
    x = draw.floats((2,), dtype)
    options = {"dtype": dtype, "requires_grad": wants}
    see("zeros", B.zeros(2, 3, **options))
    see("ones", B.ones((2,), **options))
    see("full", B.full((2,), draw.number(), **options))
    see("arange", B.arange(3, **options))
    see("eye", B.eye(2, **options))
    see("linspace", B.linspace(0, 1, 3, **options))
    see("tensor", B.tensor([1.0], **options))
    see("zeros_like", B.zeros_like(x, **options))
    see("ones_like", B.ones_like(x, **options))
    see("full_like", B.full_like(x, 3, **options))
    see("new_zeros", x.new_zeros((2,), requires_grad=wants))
    see("new_ones", x.new_ones(2, requires_grad=wants))
    see("new_full", x.new_full((2,), 5.0, requires_grad=wants))
    see("new_tensor", x.new_tensor([1, 2], requires_grad=wants))
    see("device", str(x.device))


@program
def like_and_new_do_not_inherit(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    for made in (B.zeros_like(x), B.ones_like(x * 2), x.new_zeros(3), B.empty_like(x).zero_(), see.warns("tensor(x)", lambda: B.tensor(x))):
        see("made", made)
    see.same("as_tensor", B.as_tensor(x), x)
    see("clone", x.clone())


@program
def only_through_differentiable_ones(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    values, indices = x.max(0)
    see("values", values)
    see("indices", indices)
    mask = x > 0
    z = x * mask
    see("z", z)
    see.graph("graph of z", z)
    z.backward(draw.floats((3,)))
    see("x.grad", x.grad)
    y = (x > 0).float()
    see.raises("a step function has no gradient", lambda: y.backward(B.ones(3)))


@program
def freezing_half_the_parameters(B: Any, draw: Any, see: Any) -> None:
    parameters = [draw.floats((2,), requires_grad=True) for _ in range(4)]
    for p in parameters:
        p.requires_grad = draw.flag()
    total = sum(p * p for p in parameters)
    see("total", total)
    if total.requires_grad:
        total.backward(draw.floats((2,)))
    see("gradients", [p.grad for p in parameters])


@program
def hooks_of_what_requires_none(B: Any, draw: Any, see: Any) -> None:
    from collections import OrderedDict

    called = []
    x, y = draw.floats((2,)), draw.floats((2,), requires_grad=True)
    x._backward_hooks = OrderedDict({0: lambda g: called.append("x")})
    z = (x * y).exp() if draw.flag() else x * y + x
    z.backward(draw.floats((2,)))
    see("called", called)
    see("y.grad", y.grad)
    see("x", x)


@program
def arguments_of_requires_grad(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,))
    for name, call in (
        ("text", lambda: x.requires_grad_("yes")),
        ("a number", lambda: x.requires_grad_(1)),
        ("None", lambda: x.requires_grad_(None)),
        ("a keyword", lambda: x.requires_grad_(requires_grad=True)),
        ("set to a number", lambda: setattr(x, "requires_grad", 1)),
        ("integers", lambda: draw.integers((2,)).requires_grad_()),
        ("integers off", lambda: draw.integers((2,)).requires_grad_(False)),
        ("bools by attribute", lambda: setattr(draw.bools((2,)), "requires_grad", True)),
        ("an integer factory", lambda: B.ones(2, dtype=B.int64, requires_grad=True)),
        ("an integer factory off", lambda: B.ones(2, dtype=B.int64, requires_grad=False)),
        ("a result", lambda: (x.requires_grad_() * 2).requires_grad_(True)),
        ("a result off", lambda: (x * 2).requires_grad_(False)),
    ):
        see.raises(name, call)
    see("x", x)
