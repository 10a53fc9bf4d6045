"""Batched cotangents (`is_grads_batched`) and what `grad` fills in or refuses."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def the_first_dimension_is_the_batch(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,), requires_grad=True)
    count = draw.integer(1, 3)
    outputs = draw.choice([lambda: x * y, lambda: (x * y).sum(), lambda: B.outer(x, y), lambda: x.exp() + y.sum(), lambda: x[0] * y])()
    seed = draw.floats((count, *outputs.shape))
    see("gradients", B.autograd.grad(outputs, (x, y), seed, retain_graph=True, is_grads_batched=True))
    see("gradient of one", B.autograd.grad(outputs, x, (seed,), retain_graph=True, is_grads_batched=True))
    see("gradient of an eye", B.autograd.grad(x * 3, x, B.eye(2), is_grads_batched=True))


@program
def batches_that_do_not_fit(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    grad = B.autograd.grad

    def batched(outputs, seeds, **options):
        return lambda: grad(outputs, x, seeds, is_grads_batched=True, **options)

    see.raises("another shape", batched(x * 2, draw.floats((2, 3))))
    see.raises("no batch", batched(x * 2, draw.floats((2,))))
    see.raises("a scalar", batched((x * 2).sum(), draw.floats(())))
    see.raises("for a scalar", batched((x * 2).sum(), draw.floats((3,))))
    see.raises("integers", batched(x * 2, draw.integers((2, 2))))
    see.raises("doubles", batched(x * 2, draw.floats((2, 2), B.float64)))
    see.raises("two sizes", batched((x * 2, x * 3), (draw.floats((2, 2)), draw.floats((3, 2)))))
    see.raises("one without", batched((x * 2, (x * 3).sum()), (draw.floats((2, 2)), None)))
    see.raises("none", batched((x * 2).sum(), None))
    see.raises("an empty batch", batched(x * 2, draw.floats((0, 2))))


@program
def batches_and_graphs(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,), requires_grad=True)
    z = x.exp() * y
    seed = draw.floats((2, 2))
    (g,) = B.autograd.grad(z, x, seed, create_graph=True, is_grads_batched=True)
    see("gradient", [g.requires_grad, tuple(g.shape)])
    see("second gradient", B.autograd.grad(g.sum(), (x, y)))
    see.raises("a second time", lambda: B.autograd.grad(z, x, seed, is_grads_batched=True))
    see.raises("a third time", lambda: B.autograd.grad(z, x, seed, is_grads_batched=True))


@program
def batches_for_what_is_not_used(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    other = draw.floats((3,), requires_grad=True)
    seed = draw.floats((2, 2))
    see.raises("refused", lambda: B.autograd.grad(x * 2, (x, other), seed, is_grads_batched=True))
    see.raises("gradient, allowed", lambda: B.autograd.grad(x * 2, (x, other), seed, is_grads_batched=True, allow_unused=True))
    see.raises("gradient, filled", lambda: B.autograd.grad(x * 2, (x, other), seed, is_grads_batched=True, materialize_grads=True))


@program
def batches_through_many_operations(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 3), requires_grad=True)
    function = draw.choice(
        [
            lambda a: a.t() @ a,
            lambda a: a.softmax(1),
            lambda a: a.cumsum(0),
            lambda a: a[:, 1:].sum(0),
            lambda a: B.cat([a, a * 2]),
            lambda a: a.max(1).values,
            lambda a: B.where(a > 0, a, a * 2),
            lambda a: a.view(3, 2).t().reshape(-1),
            lambda a: a.expand(2, 2, 3).mean(0),
            lambda a: a.unbind(1)[1],
            lambda a: a.index_select(1, B.tensor([0, 0])),
            lambda a: a.norm(dim=1),
            lambda a: B.nn.functional.mse_loss(a, B.zeros(2, 3)),
        ]
    )
    y = function(x)
    see("gradients", B.autograd.grad(y, x, draw.floats((2, *y.shape)), is_grads_batched=True))


@program
def zeros_for_what_is_not_used(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    other = draw.floats(draw.shape(), draw.dtype(), requires_grad=True)
    y = (x * 2).sum()
    see("gradients", B.autograd.grad(y, (x, other), retain_graph=True, materialize_grads=True))
    see.raises("gradient, allowed too", lambda: B.autograd.grad(y, other, retain_graph=True, materialize_grads=True, allow_unused=True))
    see.raises("not allowed", lambda: B.autograd.grad(y, x, retain_graph=True, materialize_grads=True, allow_unused=False))
    see.raises("gradient, none in a graph", lambda: B.autograd.grad(y, other, create_graph=True, materialize_grads=True))
    see.raises("requires none", lambda: B.autograd.grad(y, other.detach(), materialize_grads=True))


def watched(B: Any, calls: list[str]) -> Any:
    """A Function that doubles its argument and adds its name to `calls` when its backward runs."""

    class Watched(B.autograd.Function):
        @staticmethod
        def forward(ctx, a, name):
            ctx.name = name
            return a * 2

        @staticmethod
        def backward(ctx, g):
            calls.append(ctx.name)
            return g * 2, None

    return Watched


@program
def nothing_runs_that_nobody_needs(B: Any, draw: Any, see: Any) -> None:
    calls: list[str] = []
    Watched = watched(B, calls)
    x, y = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    other = draw.floats((2,), requires_grad=True)
    a, b = Watched.apply(x, "a"), Watched.apply(y, "b")
    c = Watched.apply(a, "c")
    d = Watched.apply(b * c, "d")
    ends = draw.choice([(x,), (y,), (a,), (c, y), (x, other), (other,), (b, a)])
    see.raises("gradients", lambda: B.autograd.grad(d, ends, draw.floats((2,)), allow_unused=True, retain_graph=True))
    see("calls", calls)
    calls.clear()
    see.raises("backward", lambda: d.backward(draw.floats((2,)), inputs=ends))
    see("calls of backward", calls)
    see("gradients left", [x.grad, y.grad, other.grad])


@program
def only_some_of_the_graph_runs(B: Any, draw: Any, see: Any) -> None:
    ran: list[str] = []
    Told = watched(B, ran)
    x, y, z = (draw.floats((2,), requires_grad=True) for _ in range(3))
    base = Told.apply(x, "x")
    if draw.flag():
        base[0] = Told.apply(y, "y")[1]
    else:
        base = base + Told.apply(y, "y")
    out = Told.apply(base, "out")
    wanted = draw.choice([(x,), (y,), (x, y), (z,), (x, z), (base,)])
    seed = draw.floats((2,))
    see.raises("gradient", lambda: B.autograd.grad(out, wanted, seed, retain_graph=True, allow_unused=draw.flag()))
    see("ran", sorted(ran))
    see("untouched", [x.grad, y.grad, z.grad])
    ran.clear()
    see.raises("backward", lambda: out.backward(seed, inputs=wanted if draw.flag() else list(wanted)))
    see("ran in backward", sorted(ran))
    see("gradient of leaves", [x.grad, y.grad, z.grad])


@program
def writes_through_views_in_a_batch(B: Any, draw: Any, see: Any) -> None:
    """Where a batch of bases would have larger steps within than from one to the next, PyTorch refuses to find the part in it."""
    x = draw.floats((), requires_grad=True)
    whole = draw.floats((2, 3))
    starts = [
        whole,
        whole[..., 0],
        whole[:1, :1],
        whole[:1, ::2][..., :1],
        whole[:0],
        whole[:, :0],
        whole.t(),
        whole[0, 0],
        whole[0, ::2][:1],
    ]
    base = draw.choice(starts).detach()
    base.mul_(x)
    views = [lambda: base.unsqueeze(0), lambda: base.view(base.shape), lambda: base.transpose(0, -1), base.detach, lambda: base]
    draw.choice(views)().mul_(draw.number())
    seed = draw.floats((draw.integer(1, 2), *base.shape))

    def gradient(graph):
        return B.autograd.grad(base, x, seed, create_graph=graph, retain_graph=True, is_grads_batched=True)

    see.raises("gradient", lambda: gradient(False))
    see.raises("gradient with a graph", lambda: gradient(True))


@program
def batches_are_laid_out_as_a_whole(B: Any, draw: Any, see: Any) -> None:
    """What PyTorch has no rule for runs sample by sample and is stacked; the rest lays a batch out by its strides, sides of 1 too."""
    start = draw.floats(draw.choice([(2, 1), (1, 2), (3, 2), (2, 1, 2), (1, 1), (2,)]))
    x = draw.choice([lambda: start, lambda: start.transpose(0, -1), lambda: start.transpose(0, -1).clone(), lambda: start[..., ::2]])()
    x = x.detach().requires_grad_()
    function = draw.choice(
        [
            lambda a: a * a,
            lambda a: a * 2,
            lambda a: a.exp(),
            lambda a: a.max(),
            lambda a: a.min(),
            lambda a: a.norm(),
            lambda a: a.prod(),
            lambda a: a.std(0),
            lambda a: a.std(-1) * 2,
            lambda a: a.rot90(dims=(0, -1)) if a.ndim > 1 else a.flip(0),
            lambda a: a.clamp(max=a),
            lambda a: a.nansum(0, keepdim=True),
            lambda a: a.amax(0),
            lambda a: a.softmax(-1),
            lambda a: a[B.tensor([0, 0])],
            lambda a: a.cumsum(0).clamp_min(0.5),
        ]
    )
    y = see.warns("warnings", lambda: function(x))
    seed = draw.floats((draw.integer(1, 2), *y.shape))
    see("gradient", B.autograd.grad(y, x, seed, retain_graph=True, is_grads_batched=True))
    see("gradient with a graph", B.autograd.grad(y, x, seed, create_graph=True, is_grads_batched=True)[0].stride())


@program
def views_keep_the_steps_of_a_batch(B: Any, draw: Any, see: Any) -> None:
    """That of a single sample, too, and of samples without dimensions."""
    x = draw.floats(draw.choice([(), (1,), (2,)]), requires_grad=True)
    views = [
        lambda t: t.transpose(0, -1), lambda t: t.t(), lambda t: t.permute(tuple(range(t.ndim))), lambda t: t.view(t.shape),
        lambda t: t.view_as(t), lambda t: t.reshape(t.shape), lambda t: t.swapaxes(0, 0), lambda t: t.squeeze(), lambda t: t.unsqueeze(0),
        lambda t: t.expand(t.shape), lambda t: t.sum(), lambda t: t.sum(0), lambda t: t + 1, lambda t: t * 2, lambda t: t.clone(),
    ]  # fmt: skip
    y = draw.choice(views)(draw.choice(views)(x))
    count = draw.integer(1, 2)
    seeds = [
        lambda: draw.floats(y.shape).expand(count, *y.shape), lambda: draw.floats((count, *y.shape)),
        lambda: draw.floats((count, *y.shape, 2))[..., 0], lambda: draw.floats((2 * count, *y.shape))[::2],
    ]  # fmt: skip
    gradient = B.autograd.grad(y, x, draw.choice(seeds)(), is_grads_batched=True, retain_graph=True)[0]
    see("gradient", gradient)
    see("strides", gradient.stride())


@program
def one_walk_for_a_batch(B: Any, draw: Any, see: Any) -> None:
    """Hooks and Functions are run once, whatever the batch."""
    calls: list[str] = []
    x = draw.floats((2,), requires_grad=True)
    y = watched(B, calls).apply(x * 2, "function")
    y.register_hook(lambda g: calls.append(f"hook {tuple(g.shape)}"))
    y.grad_fn.register_hook(lambda *_: calls.append("node"))
    see("gradient", B.autograd.grad(y.sum() * 3, x, draw.floats((draw.integer(1, 3),)), is_grads_batched=True))
    see("calls", calls)


@program
def nothing_is_the_same_for_every_cotangent(B: Any, draw: Any, see: Any) -> None:
    """What PyTorch makes of no numbers knows no batch, and so is refused nothing."""
    x = draw.floats(draw.choice([(2, 0), (0,)]), requires_grad=True)
    base = B.tensor([]).reshape(x.shape)
    base.copy_(x)
    seed = B.ones(2, *base.shape)
    see("gradient of a write", B.autograd.grad(base, x, seed, is_grads_batched=True))
    # of which PyTorch does not look at the dimension
    largest = B.cummax(x, draw.choice([-1, 0, 2]))[0]
    see("gradient of the largest so far", B.autograd.grad(largest, x, seed, is_grads_batched=True))


@program
def a_batch_through_a_written_part(B: Any, draw: Any, see: Any) -> None:
    """Each sample lies as the tensor of which a part was written to."""
    start = draw.floats((2, 3))
    x = draw.choice([lambda: start, lambda: start.t(), lambda: start[:, :1].t(), lambda: start.view(2, 1, 3).transpose(0, -1)])()
    x = x.clone().requires_grad_()
    y = x * 1
    y[..., 0] = draw.number()
    see("gradient", B.autograd.grad(y, x, draw.floats((2, *y.shape)), is_grads_batched=True))
