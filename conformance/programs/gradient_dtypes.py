"""`grad_dtype`: leaves whose gradients are of another dtype than they are themselves, or of any."""

from __future__ import annotations

from typing import Any

from .declare import program


def wanted(B: Any, draw: Any) -> Any:
    """A dtype for gradients, or None for any."""
    return draw.choice([B.float64, B.float16, None, B.float32, B.bfloat16])


def given(tensor: Any, dtype: Any) -> Any:
    """The tensor, told which dtype its gradients are to be of."""
    tensor.grad_dtype = dtype
    return tensor


def a_wide_function(B: Any) -> Any:
    """A Function whose gradient has more digits than its argument."""

    class Wide(B.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g.double() / 3

    return Wide


@program
def set_and_read(B: Any, draw: Any, see: Any) -> None:
    shape, dtype = draw.shape(), wanted(B, draw)
    x = draw.floats(shape, requires_grad=draw.flag())
    see("dtype of its own", x.grad_dtype)
    see.raises("set", lambda: given(x, dtype).grad_dtype)
    for value in (3, "float", B.ones(2), B.complex64 if draw.flag() else None):
        see.raises("set to another kind", lambda value=value: given(draw.floats(shape), value).grad_dtype)
    see.raises("integers", lambda: given(draw.integers(shape), B.float32).grad_dtype)
    see.raises("integers of their own", lambda: draw.integers(shape).grad_dtype)
    result = x * draw.floats(shape, requires_grad=True)
    see.raises("read of a result", lambda: result.grad_dtype)
    see.warns("set on a result", lambda: see.raises("on a result", lambda: given(result, B.float32)))
    see.warns("no dtype on a result", lambda: see.raises("no dtype", lambda: given(result, 3)))


@program
def who_has_the_same(B: Any, draw: Any, see: Any) -> None:
    import copy

    x, dtype = draw.floats((2,), requires_grad=True), wanted(B, draw)
    x.grad_dtype = dtype
    with B.no_grad():
        view = x.view(2)
    others = {"detached": x.detach(), "data": x.data, "copy": copy.deepcopy(x), "parameter": B.nn.Parameter(x), "view": view}
    for name, one in others.items():
        see(name, one.grad_dtype)
    x.requires_grad_(False)
    see("requires none", x.grad_dtype)
    (x.requires_grad_() * 3).sum().backward()
    see("gradient", x.grad)
    x.grad = None
    x.data = draw.floats((2,), B.float64)
    see("other data", x.grad_dtype)
    (x * 3).backward(draw.floats((2,), B.float64))
    see("gradient of other data", x.grad)
    plain = draw.floats((2,))
    plain.grad_dtype = dtype
    plain.mul_(draw.floats((2,), requires_grad=True))
    see.raises("in a graph", lambda: plain.grad_dtype)
    see("out of it", plain.detach_().grad_dtype)


@program
def gradients_of_another_dtype(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape()
    x = draw.floats(shape, requires_grad=True)
    early = (x * 3) if draw.flag() else None
    x.grad_dtype = dtype = wanted(B, draw)
    y = draw.floats(shape, B.float64) / 3
    Wide = a_wide_function(B)
    func = draw.choice(
        [
            lambda: x * x,
            lambda: x * y,
            lambda: y / (x * x + 1) - x,
            lambda: x.to(B.float64) * y,
            lambda: Wide.apply(x),
            lambda: B.cat((x.reshape(-1), y.reshape(-1))),
            lambda: x.sum(dtype=B.float64) * y,
            lambda: B.where(y > 0, x, y),
            lambda: y.clone().copy_(x) * y,
            lambda: x.softmax(0, dtype=B.float64) * y if x.ndim else x * y,
            lambda: x.expand((2, *x.shape)) * y,
        ]
    )
    result = func() if early is None else early
    seed = draw.floats(tuple(result.shape), result.dtype)
    if draw.flag():
        see("gradient returned", B.autograd.grad(result, x, seed, retain_graph=True)[0])
        see("nothing stored", x.grad)
    for _ in range(2):
        result.backward(seed, retain_graph=True)
        see("gradient", x.grad)
        see("steps", x.grad.stride())
    see("version", x.grad._version)
    see("still", x.grad_dtype)
    see.raises("set to another", lambda: given(x, B.float16).grad_dtype)
    see.raises("set to that of the gradient", lambda: given(x, x.grad.dtype).grad_dtype)
    see.raises("set to any", lambda: given(x, None).grad_dtype)
    x.grad = None
    see.raises("set again", lambda: given(x, dtype).grad_dtype)


@program
def assigned_gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    x.grad_dtype = wanted(B, draw)

    def assign(value: Any) -> Any:
        x.grad = value
        return x.grad

    for dtype in (B.float32, B.float64, B.float16):
        value = draw.floats((2,), dtype)
        see.raises("assigned", lambda value=value: assign(value))
        see.same("the same", x.grad, value)
    see.raises("of another shape", lambda: assign(B.ones(3, dtype=x.grad_dtype or B.float32)))
    kept = x.grad
    (x * x).backward(draw.floats((2,)), create_graph=False)
    see("added to", x.grad)
    see.same("in place", x.grad, kept)
    result = x * x
    see.warns("recorded", lambda: result.backward(draw.floats((2,)), create_graph=True))
    see.graph("of the sum", x.grad)
    see.same("out of place", x.grad, kept)


@program
def what_hooks_see(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    x.grad_dtype = wanted(B, draw)
    result = x * draw.floats((2,))
    node = result.grad_fn.next_functions[0][0]
    x.register_hook(lambda g: see("hook", g))
    x.register_post_accumulate_grad_hook(lambda t: see("after it", t.grad))
    node.register_prehook(lambda gs: see("before the node", gs[0]))
    node.register_hook(lambda _, gs: see("after the node", gs[0]))
    see("returned", B.autograd.grad(result, x, draw.floats((2,)), retain_graph=True)[0])
    result.backward(draw.floats((2,)), inputs=(x,) if draw.flag() else None)
    other = draw.choice([B.float32, B.float64])
    x.register_hook(lambda g: g.to(other))
    see.raises("changed by a hook", lambda: (x * 2).backward(draw.floats((2,))))
    see("gradient", x.grad)


@program
def roots_and_edges(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape()
    x = draw.floats(shape, requires_grad=True)
    x.grad_dtype = wanted(B, draw)
    for dtype in (B.float32, B.float64):
        seed = draw.floats(shape, dtype) / 3
        x.grad = None
        x.backward(seed)
        see("a leaf as root", x.grad)
        see("gradient of itself", B.autograd.grad(x, x, seed)[0])
    edge = B.autograd.graph.get_gradient_edge(x)
    see("of an edge", B.autograd.grad(x * 2, edge, draw.floats(shape))[0])
    unused = B.autograd.grad(draw.floats((), requires_grad=True) * 1, x, materialize_grads=True)
    see("of what is not used", unused[0])


@program
def differentiated_again(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    x.grad_dtype = wanted(B, draw)
    y = draw.floats((2,), B.float64) / 3
    result = draw.choice([lambda: x * x * x, lambda: x * y * x, lambda: x * x])()
    (g,) = B.autograd.grad(result, x, draw.floats((2,), result.dtype), create_graph=True)
    see("gradient", g)
    see.graph("of the gradient", g)
    (second,) = B.autograd.grad(g, x, draw.floats((2,), g.dtype))
    see("second gradient", second)


@program
def sums_of_several_dtypes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    x.grad_dtype = wanted(B, draw)
    Wide = a_wide_function(B)
    wide, narrow = draw.flag(), draw.flag()
    first = Wide.apply(x) if wide else x * 2
    second = x * 2 if narrow else Wide.apply(x)
    (first + second).backward(draw.floats((2,)))
    see("gradient", x.grad)


@program
def complex_and_real(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    x.grad_dtype = draw.choice([None, B.complex64, B.float64])
    (x * draw.complexes((2,))).backward(draw.complexes((2,)))
    see("gradient of a real tensor", x.grad)
    z = draw.complexes((2,), requires_grad=True)
    z.grad_dtype = draw.choice([None, B.float32, B.complex128])
    see.warns("imaginary parts", lambda: (z * z).backward(draw.complexes((2,))))
    see("gradient of a complex one", z.grad)


@program
def stepped_by_an_optimizer(B: Any, draw: Any, see: Any) -> None:
    model = B.nn.Linear(2, 1)
    with B.no_grad():
        for p in model.parameters():
            p.copy_(draw.floats(tuple(p.shape)))
    model.weight.grad_dtype = wanted(B, draw)
    optimizer = B.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        model(draw.floats((3, 2))).square().sum().backward()
        see("gradients", [p.grad.dtype for p in model.parameters()])
        optimizer.step()
        see("weight", model.weight.detach())
