"""Random tensors: their shapes, dtypes, ranges and seeds, what becomes of gradients, and batches with every `randomness`."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def what_is_drawn(B: Any, draw: Any, see: Any) -> None:
    shape, dtype, flag = draw.shape(0, 3, empty=True), draw.dtype("float32", "float64", "float16", "bfloat16"), draw.flag()
    like = draw.floats(shape, B.float64)
    made = draw.choice(
        [
            lambda: B.rand(shape, dtype=dtype, requires_grad=flag),
            lambda: B.randn(*shape, dtype=dtype, requires_grad=flag),
            lambda: B.rand_like(like, dtype=dtype, requires_grad=flag),
            lambda: B.randn_like(like.t() if like.dim() == 2 else like),
            lambda: B.randint(3, shape),
            lambda: B.randint(-2, 5, shape, dtype=dtype, requires_grad=flag),
            lambda: B.randint_like(like, 4),
            lambda: B.randperm(draw.integer(0, 6)),
            lambda: like.normal_(2.0, 0.5),
            lambda: like.uniform_(-1, 1),
            lambda: like.bernoulli_(0.25),
            lambda: B.bernoulli(like.abs().clamp(0, 1)),
            lambda: B.nn.functional.dropout(like, 0.5, flag),
        ]
    )()
    see("seed", B.Generator().initial_seed())
    see("like", [made.dtype, tuple(made.shape), made.requires_grad, made.is_leaf, made._version, made.stride(), made.grad_fn is None])
    bounds = draw.integers(()), B.tensor(-1.0)
    large = B.rand(1000, dtype=dtype).double()
    see("even", [bool((large >= 0).all() and (large < 1).all()), bool(0.4 < large.mean() < 0.6)])
    large = B.randn(1000)
    see("normal", [bool(abs(large.mean()) < 0.2), bool(0.8 < large.std() < 1.2)])
    see("whole", sorted(set(B.randint(-1, 3, (300,)).tolist())))
    see("permuted", B.randperm(9).sort()[0])
    see("coins", sorted(set(B.ones(200).bernoulli_(0.5).tolist())))
    see("kept", sorted(set(B.nn.functional.dropout(B.ones(200), 0.5).tolist())))
    see("of nothing", [one.dtype for one in bounds])


@program
def the_same_after_the_same_seed(B: Any, draw: Any, see: Any) -> None:
    seed = draw.choice([0, 1, 12345, 2**40])
    f = draw.choice([lambda: B.rand(5), lambda: B.randn(5), lambda: B.randint(10**6, (5,)), lambda: B.ones(50).bernoulli_(0.5)])
    B.manual_seed(seed)
    first, more = f(), f()
    see("initial", B.initial_seed())
    B.manual_seed(seed)
    see("again", [bool((f() == first).all()), bool((f() == more).all()), bool((first == more).all())])
    one, other = B.Generator().manual_seed(seed), B.Generator()
    other.manual_seed(seed)
    see("generators", [one.initial_seed(), bool((B.rand(5, generator=one) == B.rand(5, generator=other)).all()), str(one.device)])
    see("go on", bool((B.randn(5, generator=one) == B.randn(5, generator=other)).all()))
    see("the default one", B.default_generator.initial_seed())


@program
def gradients_of_what_is_drawn(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape(0, 2)
    x, p, training = draw.floats(shape, requires_grad=True), draw.choice([0.5, 0.0, 1.0, 0.25]), draw.flag()
    f = draw.choice(
        [
            lambda t: B.nn.functional.dropout(t, p, training),
            lambda t: B.nn.functional.dropout(t * 1, p, training, inplace=True),
            lambda t: B.dropout(t, p, training),
            lambda t: (t * 2).normal_(),
            lambda t: (t * 2).uniform_(),
            lambda t: (t * 2).bernoulli_(p),
            lambda t: B.bernoulli(t.sigmoid()),
            lambda t: B.rand_like(t) * t,
            lambda t: t + B.randn(shape),
        ]
    )
    y = f(x)
    see("result", [y.requires_grad, y.is_leaf, y._version, y.dtype, tuple(y.shape)])
    see.graph("graph", y)
    y.backward(B.ones_like(y))
    see("gradient", [x.grad is None or tuple(x.grad.shape), x.grad is None or x.grad.dtype])
    dropped = B.nn.functional.dropout(x, p)
    (gradient,) = B.autograd.grad(dropped, x, B.ones_like(dropped))
    zero = bool(p)  # what is kept is made up for, and has the same factor in its gradient
    see("gradient where dropped", bool((((gradient == 0) & zero) == ((dropped == 0) & zero)).all()) or bool((x == 0).any()))
    see.raises("no derivative", lambda: B.bernoulli(x, 0.5).sum().backward())
    see.raises("leaf", lambda: x.normal_())


@program
def in_batches(B: Any, draw: Any, see: Any) -> None:
    x, alone = draw.floats((3, 40)), B.zeros(40)
    randomness = draw.choice(["error", "same", "different"])
    p = draw.choice([0.5, 0.25])
    f = draw.choice(
        [
            lambda a: B.rand(40),
            lambda a: B.randn(2, 20, dtype=B.float64),
            lambda a: B.randint(1000, (40,)),
            lambda a: B.randperm(40),
            lambda a: B.rand_like(a),
            lambda a: B.randn_like(alone),
            lambda a: B.randint_like(a, 0, 1000),
            lambda a: a.clone().normal_(),
            lambda a: a.clone().uniform_(),
            lambda a: a.clone().bernoulli_(p),
            lambda a: alone.clone().normal_(),
            lambda a: alone.clone().bernoulli_(p),
            lambda a: B.bernoulli(a.sigmoid()),
            lambda a: B.bernoulli(alone + p),
            lambda a: B.bernoulli(a, p),
            lambda a: B.nn.functional.dropout(a.exp(), p),
            lambda a: B.nn.functional.dropout(alone + 1, p),
            lambda a: B.nn.functional.dropout(a, p, False),
            lambda a: a * B.rand(1)[0],
            lambda a: B.rand(40, generator=B.Generator()),
        ]
    )

    def told(made):
        pairs = [bool((made[i] == made[j]).all()) for i, j in ((0, 1), (1, 2))]
        return [tuple(made.shape), str(made.dtype), pairs, made.requires_grad]

    see.raises("batch", lambda: told(B.vmap(f, randomness=randomness)(x * 0 + 1)))
    see.raises("batch in chunks", lambda: told(B.vmap(f, randomness=randomness, chunk_size=2)(x * 0 + 1)))
    see.raises("usual", lambda: told(B.vmap(f)(x)))
    inner = draw.choice(["error", "same", "different"])
    g = f if {"dropout", "bernoulli_"}.isdisjoint(f.__code__.co_names) else lambda a: B.rand_like(a)  # upstream/nested_random_write.py
    nested = B.vmap(lambda a: B.vmap(lambda b: g(a + b * 0), randomness=inner)(B.ones(3, 40)), randomness=randomness)

    def both(made):
        return [tuple(made.shape), bool((made[0, 0] == made[0, 1]).all()), bool((made[0, 0] == made[1, 0]).all())]

    see.raises("batch of batches", lambda: both(nested(x * 0 + 1)))
    see.raises("batch of columns", lambda: told(B.func.jacfwd(lambda a: f(a) * a, randomness=randomness)(x[0, :3].expand(40)[:40])))
    see.raises("other", lambda: B.vmap(f, randomness=draw.choice(["none", "Same", ""]))(x))
