"""The first things a tutorial shows: which results require grad, whose `.grad` is filled, and what the graph looks like."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def truth_table(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape()
    a, b = draw.floats(shape), draw.floats(shape)
    for a_requires_grad in (False, True):
        for b_requires_grad in (False, True):
            A = a.clone().requires_grad_(a_requires_grad)
            C = A + b.clone().requires_grad_(b_requires_grad)
            see(f"C = A({a_requires_grad}) + B({b_requires_grad})", C)
            see.graph("graph of C", C)


@program
def data_through_a_network(B: Any, draw: Any, see: Any) -> None:
    rows, inner = draw.integer(1, 3), draw.integer(1, 3)
    data = draw.floats((rows, 2))
    weight = draw.floats((inner, 2), requires_grad=True)
    bias = draw.floats((inner,), requires_grad=True)
    hidden = (data @ weight.t() + bias).relu()
    see("hidden", hidden)
    see.graph("graph", hidden)
    hidden.backward(draw.floats((rows, inner)))
    see("data.grad", data.grad)
    see("weight.grad", weight.grad)
    see("bias.grad", bias.grad)


@program
def twice_dot_with_grad_unset(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((draw.integer(1, 4),))
    y = 2 * B.dot(x, x)
    see("x", x)
    see("y", y)
    see("printed", str(y))
    see.raises("y.backward()", lambda: y.backward())
    see("x.grad", x.grad)


@program
def twice_dot_with_grad_false(B: Any, draw: Any, see: Any) -> None:
    x = B.arange(4.0, requires_grad=False) * draw.number()
    x.requires_grad_(False)
    y = 2 * B.dot(x, x)
    see("y", y)
    see.raises("y.backward()", lambda: y.backward())


@program
def twice_dot_with_grad_true(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((draw.integer(1, 4),), requires_grad=True)
    product = B.dot(x, x)
    y = 2 * product
    see("x", x)
    see("product", product)
    see("y", y)
    see("printed", [str(x), str(product), str(y)])
    see.graph("graph of y", y)
    y.backward()
    see("x.grad", x.grad)
    see("x.grad == 4 * x", x.grad == 4 * x)
    x.grad.zero_()
    z = x.sum()
    z.backward()
    see("x.grad after zero_ and another function", x.grad)


@program
def logistic_loss(B: Any, draw: Any, see: Any) -> None:
    x = B.ones(draw.integer(1, 5))
    w = draw.floats((x.shape[0], 3), requires_grad=True)
    b = draw.floats((3,), requires_grad=True)
    y = B.zeros(3)
    z = x @ w + b
    loss = B.nn.functional.binary_cross_entropy_with_logits(z, y)
    see("z.grad_fn", z.grad_fn)
    see("loss.grad_fn", loss.grad_fn)
    see("loss", loss)
    loss.backward()
    see("w.grad", w.grad)
    see("b.grad", b.grad)
    see("z.requires_grad", z.requires_grad)
    with B.no_grad():
        z = x @ w + b
    see("z.requires_grad in no_grad", z.requires_grad)
    z = x @ w + b
    see("z.detach()", z.detach())
    see("z.detach().requires_grad", z.detach().requires_grad)
    of, target = B.ones(draw.choice([(), (1,), (3,)])), B.ones(draw.choice([(3,), (2, 3), ()])).requires_grad_()
    reduction = draw.choice([1, 2])  # to one number

    def gradient():
        loss = B.binary_cross_entropy_with_logits(of, target, reduction=reduction)
        return B.autograd.grad(loss, target)[0] * 2

    see.raises("of a target that is not of the input's shape", gradient)


@program
def norm_of_a_non_leaf(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((draw.integer(1, 4),), requires_grad=True)
    y = 4 * x
    loss = y.norm()
    see("loss", loss)
    loss.backward()
    see("x.grad", x.grad)
    see("y.grad", see.warns("reading y.grad", lambda: y.grad))
    see.warns("reading x.grad", lambda: x.grad)


@program
def norm_of_a_non_leaf_with_retain_grad(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((draw.integer(1, 4),), requires_grad=True)
    y = 4 * x
    y.retain_grad()
    loss = y.norm()
    loss.backward()
    see("y.grad", see.warns("reading y.grad", lambda: y.grad))
    see("retains", [x.retains_grad, y.retains_grad, loss.retains_grad])
    see("x.grad", x.grad)


@program
def vector_jacobian_product_twice(B: Any, draw: Any, see: Any) -> None:
    retain_graph = draw.flag()
    a = draw.floats((2,), requires_grad=True)
    b = draw.floats((2,), requires_grad=True)
    Q = 3 * a**3 - b**2
    external_grad = draw.floats((2,))
    see("Q", Q)
    see.graph("graph of Q", Q)
    see.raises("no gradient argument", lambda: Q.backward())
    Q.backward(gradient=external_grad, retain_graph=retain_graph)
    see("a.grad", a.grad)
    see("b.grad", b.grad)
    see("9a^2 == a.grad", 9 * a**2 * external_grad == a.grad)
    see.raises("a second time", lambda: Q.backward(gradient=external_grad))
    see("a.grad after", a.grad)
    see("b.grad after", b.grad)


@program
def excluded_subgraph(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape(1, 2)
    x, y = draw.floats(shape), draw.floats(shape)
    z = draw.floats(shape, requires_grad=True)
    a = x + y
    b = a + z
    see("a", a)
    see("b", b)
    see("a and b require grad", [a.requires_grad, b.requires_grad])
    see.graph("graph of b", b)


@program
def jacobian_rows_by_ones(B: Any, draw: Any, see: Any) -> None:
    inp = B.eye(draw.integer(1, 4), 5, requires_grad=True)
    out = (inp + draw.number()).pow(2).t()
    out.backward(B.ones_like(out), retain_graph=True)
    see("inp.grad first", inp.grad)
    out.backward(B.ones_like(out), retain_graph=True)
    see("inp.grad accumulated", inp.grad)
    inp.grad.zero_()
    out.backward(B.ones_like(out))
    see("inp.grad after zeroing", inp.grad)


@program
def quadratic_by_hand(B: Any, draw: Any, see: Any) -> None:
    x = B.tensor([[1.0, -1.0], [1.0, 1.0]], requires_grad=True)
    scale = draw.number()
    out = (x * scale).pow(2).sum()
    out.backward()
    see("out", out)
    see("x.grad", x.grad)
    see("printed", [repr(x), repr(out), repr(x.grad)])


@program
def mean_of_a_square(B: Any, draw: Any, see: Any) -> None:
    x = B.ones(2, 2, requires_grad=True)
    y = x + draw.integer(2, 5)
    z = y * y * 3
    out = z.mean()
    see("y", y)
    see("z and out", [z, out])
    see("printed", [str(x), str(y), str(z), str(out)])
    out.backward()
    see("x.grad", x.grad)
    see.graph("graph of out", out)


@program
def products_of_zeros(B: Any, draw: Any, see: Any) -> None:
    """The sign of a sum of zeros: one of a single negative zero begins at 0, too."""
    n, dtype = draw.integer(0, 3), draw.dtype("float32", "float64", "complex64", "bfloat16", "int64")
    x, y = B.zeros(n, dtype=dtype), -B.ones(n, dtype=dtype)
    see("products", [B.dot(x, y), B.matmul(x, y), B.vdot(x, y), B.mv(x[None], y), B.mm(x[None], y[:, None])])
    zeros = x * y
    see("sums", [zeros.sum(), zeros.sum(0), zeros.sum((0,)), zeros[None].sum(1), zeros[:, None].sum(1), (zeros / 1).mean()])
