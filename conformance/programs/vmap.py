"""`vmap`: functions of samples on whole batches, what goes in and comes out, and what a sample refuses."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def elementwise_and_reduced(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape(1, 3)
    dtype = draw.dtype()
    x, y = draw.floats(shape, dtype), draw.floats(shape[1:], dtype)
    f = draw.choice(
        [
            lambda a, b: a * b,
            lambda a, b: a.sum() + b,
            lambda a, b: B.where(a > 0, a, b),
            lambda a, b: a.mean() * b.amax(),
            lambda a, b: (a + 1) / (b * b + 1),
            lambda a, b: B.stack([a, b]).sum(0),
            lambda a, b: a.clamp(-1, 1).exp() + b.sin(),
            lambda a, b: a.pow(2).sum() - b.prod(),
        ]
    )
    see("batch", B.vmap(f, (0, None))(x, y))
    see("batch of two batches", B.vmap(f)(x, x))
    see("batch of the other batch", B.vmap(f, (None, 0))(y, x))


@program
def dimensions_in_and_out(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2, 3)), draw.floats((3, 2))
    in_dims = draw.choice(
        [0, 1, -1, (0, 1), (1, 0), (-2, 1), (0, None), (None, 1), (None, None), 2, (0, 2), (0,), "a", (0, "a"), [0, 1], 1.0]
    )
    out_dims = draw.choice([0, 1, -1, (0, 1), (1, None), [0, 1], {"a": 0}, 5, "a", None, (0, 1, 2)])
    f = draw.choice([lambda a, b: (a, b), lambda a, b: (a * 2, b.sum() + b), lambda a, b: [b, a], lambda a, b: (a, 3)])
    see.raises("batch", lambda: B.vmap(f, in_dims)(x, y))
    see.raises("batch elsewhere", lambda: B.vmap(f, (0, 1), out_dims)(x, y))
    see.raises("one batch elsewhere", lambda: B.vmap(lambda a: a * 2, 0, out_dims)(x))


@program
def trees(B: Any, draw: Any, see: Any) -> None:
    x, y, number = draw.floats((2, 3)), draw.floats((3,)), draw.number()
    in_dims = draw.choice([({"x": 0, "more": [None, None]},), ({"x": 1, "more": [0, None]},), 0, ({"x": 0},), ({"x": 0, "more": 0},), (0,)])
    out_dims = draw.choice([0, {"product": 0, "rest": (1,)}, {"product": 1, "rest": 0}, {"product": 0}])

    def f(t):
        return {"product": t["x"] * t["more"][1], "rest": (B.outer(t["more"][0].reshape(-1), t["x"].reshape(-1)),)}

    see.raises("batch", lambda: B.vmap(f, in_dims, out_dims)({"x": x, "more": [y, number]}))


@program
def chunks(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((draw.integer(1, 5), 2)), draw.floats((2,))
    size = draw.choice([1, 2, 3, 10, None, 0, -1])
    calls = []

    def f(a, b):
        calls.append(1)
        return a * b, a.sum()

    see.raises("batch", lambda: B.vmap(f, (0, None), (1, 0), chunk_size=size)(x, y))
    see("calls", len(calls))
    see.raises("of samples that differ", lambda: B.vmap(lambda a, b: a)(x, B.ones(7, 2)))
    see.raises("of nothing", lambda: B.vmap(lambda: 1)())
    see.raises("of a number", lambda: B.vmap(lambda a, b: a)(x, 2))
    see.raises("randomly", lambda: B.vmap(lambda a: a, randomness=draw.choice(["same", "different", "error", "other"]))(x))


@program
def shapes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2, 3))
    f = draw.choice(
        [
            lambda a: a.reshape(3, 2),
            lambda a: a.T,
            lambda a: a.unsqueeze(0).expand(2, 2, 3),
            lambda a: a.flatten()[1:],
            lambda a: a.permute(1, 0).view(-1) if a.is_contiguous() else a.permute(1, 0).reshape(-1),
            lambda a: B.cat([a, a], -1),
            lambda a: a.split([1, 2], 1)[1],
            lambda a: a.unbind(1),
            lambda a: (a.squeeze(), a[0:1].squeeze(0), a.movedim(0, 1)),
            lambda a: a.flip(0).roll(1, 1),
            lambda a: (a.diagonal(), a.tril(), a.select(1, -1)),
            lambda a: a.sum(()).unsqueeze(-1),
            lambda a: (a.new_zeros(2) + 1, B.zeros_like(a), a.new_full((1,), 2.0)),
        ]
    )
    see.raises("batch", lambda: B.vmap(f)(x))
    see.raises("batch along another dimension", lambda: B.vmap(f)(x.permute(1, 2, 0).contiguous().permute(2, 0, 1)))
    see.raises("too long", lambda: B.vmap(lambda a: a.sum(2))(x))
    see.raises("too far", lambda: B.vmap(lambda a: a.unsqueeze(4))(x))


@program
def along_dimensions(B: Any, draw: Any, see: Any) -> None:
    x, dim = draw.floats((2, 2, 3)), draw.choice([0, 1, -1, -2])
    f = draw.choice(
        [
            lambda a: a.sum(dim),
            lambda a: a.sum((0, 1), keepdim=True),
            lambda a: a.max(dim),
            lambda a: a.argmax(),
            lambda a: a.sort(dim),
            lambda a: a.cumsum(dim),
            lambda a: a.softmax(dim),
            lambda a: a.logsumexp(dim),
            lambda a: a.var(dim),
            lambda a: (a.std(), a.mean(), a.prod(), a.max(), a.amin()),
            lambda a: a.topk(1, dim),
            lambda a: a.norm(),
            lambda a: a.sum().softmax(0),
            lambda a: a[0, 0].cumsum(0),
            lambda a: (a.any(), a.all(dim), a.count_nonzero()),
            lambda a: a.median(),
        ]
    )
    see("batch", B.vmap(f)(x))


@program
def products(B: Any, draw: Any, see: Any) -> None:
    x, m, v = draw.floats((2, 3)), draw.floats((3, 2)), draw.floats((3,))
    f = draw.choice(
        [
            lambda a: a @ m,
            lambda a: m.T @ a,
            lambda a: a @ a,
            lambda a: B.nn.functional.linear(a, m.T, a[:2]),
            lambda a: B.nn.functional.linear(v, m.T * a, m[0]),
            lambda a: B.outer(a, v),
            lambda a: B.einsum("i,ij->j", a, m),
            lambda a: (a.reshape(1, 3) * m.T) @ m,
            lambda a: B.dot(a, v),
            lambda a: B.addmm(a[:2], m.T, m * a.reshape(3, 1), beta=2.0, alpha=0.5),
            lambda a: (a * v).reshape(3, 1) @ a.reshape(1, 3),
        ]
    )
    see.raises("batch", lambda: B.vmap(f)(x))
    see.raises("gradient", lambda: B.func.grad(lambda t: sum(B.vmap(f)(t).reshape(-1)))(x))


@program
def indices(B: Any, draw: Any, see: Any) -> None:
    x, i = draw.floats((2, 3, 2)), draw.integers((2, 2), 0, 1)
    f = draw.choice(
        [
            lambda a, k: a[k],
            lambda a, k: a[:, k],
            lambda a, k: a[k, k],
            lambda a, k: a[k[0]],
            lambda a, k: a.gather(0, k.reshape(1, 2)),
            lambda a, k: a.index_select(0, k),
            lambda a, k: a.scatter(0, k.reshape(1, 2), a[1:2]),
            lambda a, k: a[[0, 2]],
            lambda a, k: a[B.tensor([True, False, True])],
            lambda a, k: B.where(k.bool(), a, -a),
            lambda a, k: a.index_add(0, B.tensor([0, 0]), a[1:]),
            lambda a, k: a.masked_fill(k.bool(), 7.0),
            lambda a, k: a[..., None, k],
            lambda a, k: a.take(k),
        ]
    )
    see.raises("batch", lambda: B.vmap(f)(x, i))
    see.raises("batch by one index", lambda: B.vmap(f, (0, None))(x, i[0]))
    see.raises("batch of one tensor", lambda: B.vmap(f, (None, 0))(x[0], i))


@program
def writes(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2, 3)), draw.floats((3,))

    def by_index(a, b):
        a[0] = b[1]
        a[1:] = a[:2] * 2
        return a

    f = draw.choice(
        [
            lambda a, b: a.mul_(b),
            lambda a, b: a.copy_(b),
            lambda a, b: a.zero_(),
            by_index,
            lambda a, b: (a[1:].add_(1), a)[1],
            lambda a, b: a.clamp_(min=0).add_(a),
            lambda a, b: a.fill_(b[0]),
            lambda a, b: B.zeros(3).copy_(b) + a,
            lambda a, b: a.new_zeros(3).copy_(a),
        ]
    )
    taken = x.clone()
    see.raises("batch", lambda: B.vmap(f, (0, None))(taken, y))
    see("the batch written to", taken)
    see.raises("of samples to what is none", lambda: B.vmap(lambda a: y.clone().copy_(a))(x))
    see.raises("by an index to what is none", lambda: B.vmap(lambda a: by_index(y.clone(), a))(x))
    see.raises("gradient through writes", lambda: B.func.grad(lambda t: B.vmap(lambda a: f(a.clone(), y))(t).sum())(x))


@program
def what_a_sample_refuses(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3))
    f = draw.choice(
        [
            lambda a: a.sum().item(),
            lambda a: a if a.sum() > 0 else -a,
            lambda a: a * float(a[0]),
            lambda a: a * int(a[0]),
            lambda a: a.tolist(),
            lambda a: a.numpy(),
            lambda a: a.nonzero(),
            lambda a: a[a > 0],
            lambda a: a.masked_select(a > 0),
            lambda a: range(a[0]),
        ]
    )
    see.raises("batch", lambda: B.vmap(f)(x))
    seen = []
    y = x.clone().requires_grad_()
    B.vmap(lambda a: (seen.extend([a.requires_grad, a.is_leaf, a.grad_fn is None, a.shape, a.dim(), a.numel(), len(a)]), a.sum())[1])(y)
    see("as seen inside", [list(s) if isinstance(s, tuple) else s for s in seen])
    text = []
    B.vmap(lambda a: (text.append(repr(a)), a)[1])(x)
    see("text", text)


@program
def nested(B: Any, draw: Any, see: Any) -> None:
    x, y = draw.floats((2, 3)), draw.floats((3,))
    f = draw.choice([lambda a, b: a * b, lambda a, b: (a + b).sin() * a, lambda a, b: B.stack([a, b]).sum(), lambda a, b: a])
    d = draw.choice([0, 1])
    see("batch", B.vmap(B.vmap(f), (0, None), d)(x, y))
    see("batch of all pairs", B.vmap(lambda a: B.vmap(lambda b: f(a, b))(y))(x.reshape(-1)))
    see("batch with the outer sample", B.vmap(lambda a: B.vmap(lambda b: (a * b).sum() + b)(y), 1, d)(x))
    see("batch across", B.vmap(lambda a: B.vmap(lambda b: a @ b, 1)(x.T @ x))(x))
    see("batches three deep", B.vmap(B.vmap(B.vmap(f, (None, 0)), (0, None)), (0, None), d)(x, y))


@program
def with_gradients(B: Any, draw: Any, see: Any) -> None:
    F, x, w = B.func, draw.floats((2, 3), B.float64), draw.floats((3,), B.float64)
    f = draw.choice(
        [
            lambda u, a: (u * a).sum() ** 2,
            lambda u, a: (u.sin() * a).sum(),
            lambda u, a: ((u * 2 - a) ** 2).mean(),
            lambda u, a: (u * a).softmax(0)[0],
            lambda u, a: (u * u).sum(),
            lambda u, a: (a * a).sum() + u[0],
        ]
    )
    see("gradient of each sample", B.vmap(F.grad(f), (None, 0))(w, x))
    see("gradient in each sample", B.vmap(F.grad(f, 1), (None, 0))(w, x))
    see("gradients in both", B.vmap(F.grad(f, (0, 1)), (None, 0))(w, x))
    see("gradient of all", F.grad(lambda u: B.vmap(f, (None, 0))(u, x).sum())(w))
    see("gradient of gradients", F.grad(lambda u: B.vmap(F.grad(f), (None, 0))(u, x).pow(2).sum())(w))
    see("gradient of a constant, not batched", B.vmap(lambda a: F.grad(lambda u: (u * u).sum())(w), out_dims=None)(x))
    see.raises("gradient batched, said not to be", lambda: B.vmap(F.grad(f), (None, 0), None)(w, x))
    see("gradient behind a choice", B.vmap(F.grad(lambda u, a: f(u, a) if u.sum() > 0 else -f(u, a)), (None, 0))(w, x) + 0.0)
    _, pull = F.vjp(lambda u: B.vmap(f, (None, 0))(u, x), w)
    see("gradient by rows", B.vmap(pull)(B.eye(2, dtype=B.float64)))


@program
def recorded_outside(B: Any, draw: Any, see: Any) -> None:
    x, w = draw.floats((2, 3), None, True), draw.floats((3,), None, True)
    f = draw.choice([lambda u, a: u * a, lambda u, a: (u * a).sum(), lambda u, a: a @ u, lambda u, a: B.stack([u, a]), lambda u, a: u * 2])
    made = draw.choice(
        [
            lambda: B.vmap(f, (None, 0))(w, x),
            lambda: B.vmap(lambda a: f(w, a), 1)(x.T * 2),
            lambda: B.vmap(lambda a: B.vmap(lambda b: f(a, b))(x))(x * w),
            lambda: B.vmap(B.func.grad(lambda u, a: f(u, a).sum() ** 3), (None, 0))(w, x),
            lambda: B.vmap(lambda a: a.mul_(w))(x.clone()),
            lambda: B.vmap(lambda a: B.ones(2))(x),
        ]
    )()
    see("requires grad", made.requires_grad)
    if made.requires_grad:
        made.pow(2).sum().backward()
        for name, t in (("the batch", x), ("what was captured", w)):  # PyTorch adds up zeros of either sign in other places
            see("gradient of " + name, None if t.grad is None else t.grad + 0.0)


@program
def with_derivatives(B: Any, draw: Any, see: Any) -> None:
    F, x, w = B.func, draw.floats((2, 3), B.float64), draw.floats((3,), B.float64)
    f = draw.choice(
        [
            lambda u, a: u * a,
            lambda u, a: (u.sin() * a).sum(),
            lambda u, a: (u * u).sum() * a,
            lambda u, a: B.stack([u, a]).cumsum(0),
            lambda u, a: u,
        ]
    )
    see("batch: derivative along each", B.vmap(lambda v: F.jvp(lambda u: f(u, w), (w,), (v,)))(x))
    see("batch: derivative in each", B.vmap(lambda a, v: F.jvp(lambda u: f(u, a), (w,), (v,)), (0, 0))(x, x))
    see("batch: derivative of all", F.jvp(lambda u: B.vmap(f, (None, 0))(u, x), (w,), (w,)))
    see("batch: derivative of each", B.vmap(lambda a: F.jvp(f, (a, w), (w, a)))(x))
    see("gradient by columns", B.vmap(lambda a: F.jacfwd(f)(a, w))(x))
    see("gradient by rows", B.vmap(lambda a: F.jacrev(f)(a, w))(x))
    see("gradient twice", B.vmap(lambda a: F.hessian(lambda u: f(u, w).sum() ** 2)(a))(x))
    see("batch: derivative of a gradient", B.vmap(lambda a: F.jvp(F.grad(lambda u: f(u, w).sum() ** 2), (a,), (w,)))(x))


@program
def custom_functions(B: Any, draw: Any, see: Any) -> None:
    class Product(B.autograd.Function):
        generate_vmap_rule = draw.flag()

        @staticmethod
        def forward(a, b, factor):
            return a * b * factor, a.sum()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs[:2])
            ctx.factor = inputs[2]

        @staticmethod
        def backward(ctx, g, h):
            a, b = ctx.saved_tensors
            return g * b * ctx.factor + h, g * a * ctx.factor, None

    if draw.flag():

        def vmap(info, in_dims, a, b, factor):
            see("told", [info.batch_size, info.randomness])
            made = [t.movedim(d, 0) if d is not None else t.unsqueeze(0) for t, d in zip((a, b), in_dims, strict=False)]
            return (made[0] * made[1] * factor, made[0].sum(-1).expand(info.batch_size)), (0, 0)

        Product.vmap = staticmethod(vmap)
    x, w, factor = draw.floats((2, 3)), draw.floats((3,)), draw.number()
    see.raises("batch", lambda: B.vmap(lambda a: Product.apply(a, w, factor))(x))
    see.raises("batch of the other", lambda: B.vmap(lambda a: Product.apply(w, a, factor))(x))
    see.raises("batch of no sample", lambda: B.vmap(lambda a: (a, *Product.apply(w, w, factor)))(x))
    f = lambda u, a: sum(t.sum() for t in Product.apply(u, a, factor))
    see.raises("gradient of each sample", lambda: B.vmap(B.func.grad(f), (None, 0))(w, x))
    see.raises("gradient in each sample", lambda: B.vmap(B.func.grad(f, 1), (None, 0))(w, x))
    see.raises("gradient of all", lambda: B.func.grad(lambda u: B.vmap(f, (None, 0))(u, x).sum())(w))


@program
def promotion(B: Any, draw: Any, see: Any) -> None:
    kinds = ("float32", "float64", "int64", "float16", "bool")
    shape = draw.shape(0, 1)
    a = draw.integers((2, *draw.choice([shape, ()]))).to(draw.dtype(*kinds))
    b = draw.integers((2, *draw.choice([shape, ()]))).to(draw.dtype(*kinds))
    f = draw.choice(
        [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a / b.add(1), lambda a, b: B.where(a > 0, a, b), lambda a, b: a > b]
    )
    see.raises("batch of both", lambda: B.vmap(f)(a, b))
    see.raises("batch of the first", lambda: B.vmap(f, (0, None))(a, b[0]))
    see.raises("batch of the second", lambda: B.vmap(f, (None, 0))(a[0], b))
    see.raises("batch with a number", lambda: B.vmap(lambda a: a * 2.5 + 1)(a))


@program
def transforms_in_any_order(B: Any, draw: Any, see: Any) -> None:
    n = draw.integer(1, 3)
    dtype, flag = draw.dtype(), draw.flag()
    x = draw.floats((2, 3, n), dtype, flag)
    weight = draw.integers((n,), 1, 5).to(dtype).requires_grad_(draw.flag())
    vector = draw.choice(
        [
            lambda a: a * a * weight,
            lambda a: (a * weight).sin(),
            lambda a: a.cumsum(0) * a,
            lambda a: a * a.sum(),
            lambda a: a.clone().mul_(a),
            lambda a: B.outer(a, weight) @ a,
            lambda a: B.where(a > 0, a * a, a),
            lambda a: a.flip(0) ** 3,
        ]
    )

    def jvp(f):
        return lambda a: B.func.jvp(f, (a,), (a * 2 + 1,))[1]

    def vjp(f):
        return lambda a: B.func.vjp(f, a)[1](a + 2)[0]

    inside = {
        "grad": lambda f: B.func.grad(lambda a: (f(a) * weight).sum()),
        "jvp": jvp,
        "vjp": vjp,
        "jacrev": lambda f: lambda a: B.func.jacrev(f)(a).sum(draw_dim),
        "jacfwd": lambda f: lambda a: B.func.jacfwd(f)(a).sum(draw_dim),
        "hessian": lambda f: lambda a: B.func.hessian(lambda b: (f(b) * weight).sum())(a).sum(draw_dim),
        "plain": lambda f: f,
    }
    draw_dim = draw.integer(0, 1)
    names = [draw.choice(list(inside)) for _ in range(draw.integer(1, 2))]
    f = vector
    for name in names:
        f = inside[name](f)
    rows = B.vmap(f, draw.choice([0, -2]), draw.choice([0, -1]))
    both = B.vmap(rows, randomness="same") if draw.flag() else lambda a: rows(a[0])
    result = both(x)
    see("gradient, in batches", result)
    see("gradient, of one", f(x[0, 0]))
    if result.requires_grad:
        leaves = [one for one in (x, weight) if one.requires_grad]
        see("gradient, outside", B.autograd.grad(result, leaves, draw.floats(result.shape, dtype), allow_unused=True))


@program
def nodes_of_batches(B: Any, draw: Any, see: Any) -> None:
    """What is recorded of whole batches, by ops that PyTorch takes apart, or along a sample laid out in one dimension."""
    f = draw.choice(
        [
            lambda a, b: B.addmm(a, a, b, beta=draw.choice([1, 2, 0.5]), alpha=draw.choice([1, 2])),
            lambda a, b: B.addmm(a[0], a, b.t(), beta=2),
            lambda a, b: B.addmv(a[:, 0], a, b[0]),
            lambda a, b: B.addbmm(a, a[None], b[None], alpha=2),
            lambda a, b: B.baddbmm(a[None], a[None], b[None]),
            lambda a, b: B.mv(a, b[0]),
            lambda a, b: B.dot(a[0], b[0]),
            lambda a, b: b[0] @ a,
            lambda a, b: a.expand_as(b),
            lambda a, b: a.repeat_interleave(2, 0),
            lambda a, b: a.unsqueeze(0).squeeze(),
            lambda a, b: a.max() * b.min(),
            lambda a, b: a.median() * b.amax(),
            lambda a, b: B.nn.functional.cross_entropy(a, B.tensor([0, 1])),
        ]
    )
    x, y = draw.floats((3, 2, 2), requires_grad=True), draw.floats((3, 2, 2), requires_grad=True)
    in_dims = draw.choice([(0, 0), (0, None), (None, 0)])
    made = B.vmap(f, in_dims)(x if in_dims[0] == 0 else x[0], y if in_dims[1] == 0 else y[0])
    see("batch", made)
    see.graph("graph", made)
    see("gradients", B.autograd.grad(made, (x, y), draw.floats(made.shape), allow_unused=True) if made.requires_grad else None)
