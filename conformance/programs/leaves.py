"""Leaves and their `.grad`: who has one, how it is assigned, deleted, retained, and what reading it says."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def which_are_leaves(B: Any, draw: Any, see: Any) -> None:
    shape = draw.shape()
    a = draw.floats(shape, requires_grad=True)
    b = draw.floats(shape)
    tensors = [
        a,
        b,
        a + 1,
        b + 1,
        a.detach(),
        a.clone(),
        b.clone(),
        (a + 1).detach(),
        (b + 1).requires_grad_(),
        a.double(),
        a.float(),
        a.view(shape),
    ]
    for i, tensor in enumerate(tensors):
        see(f"tensor {i}", tensor)


@program
def assigning_grad(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)

    def assign(value):
        x.grad = value
        return x.grad

    see.raises("a number", lambda: assign(0))
    see.raises("a text", lambda: assign("a"))
    see.raises("another shape", lambda: assign(B.zeros(3)))
    see.raises("a scalar", lambda: assign(B.zeros(())))
    see.raises("another dtype", lambda: assign(B.zeros(2, dtype=B.float64)))
    see.raises("another dtype and shape", lambda: assign(B.zeros(3, dtype=draw.dtype("float64", "int64", "complex64"))))
    see.raises("itself", lambda: assign(x))
    see.raises("None", lambda: assign(None))
    good = draw.floats((2,))
    see.raises("a fitting one", lambda: assign(good))
    see.same("the very object", x.grad, good)
    (x * x).backward(draw.floats((2,)))
    see("grad after adding to it", good)


@program
def deleting_attributes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    (x * x).backward(draw.floats((2,)))

    def delete(name):
        delattr(x, name)

    def set_data(value):
        x.data = value

    see.raises("del x.grad", lambda: delete("grad"))
    see("x.grad", x.grad)
    for name in ("data", "requires_grad", "_grad_fn", "_backward_hooks"):
        see.raises("del x." + name, lambda name=name: delete(name))
    see.raises("x.data = None", lambda: set_data(None))
    see("x", x)


@program
def read_only_attributes(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)

    def assign(name, value):
        setattr(x, name, value)

    for name in ("is_leaf", "grad_fn", "shape", "dtype", "_version", "output_nr", "ndim"):
        see.raises(f"x.{name} = ...", lambda name=name: assign(name, getattr(x, name)))
    see.raises("x.requires_grad = 'yes'", lambda: assign("requires_grad", "yes"))


@program
def assigning_data(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * x
    view = x.detach()
    x.data = draw.floats((2,))
    see("x", x)
    see("view", view)
    x.data = draw.floats((3,))
    see("x of another shape", x)

    def integer_data():
        x.data = B.tensor([1, 2, 3])

    see.raises("integers into a leaf that requires grad", integer_data)
    see("x.data", x.data)
    x.data.mul_(2)
    see("x after x.data.mul_", x)
    see("y", y)


@program
def reading_grad_of_leaves_and_others(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    z = draw.floats((2,))
    see.warns("a leaf", lambda: x.grad)
    see.warns("no grad at all", lambda: z.grad)
    see.warns("a non-leaf", lambda: y.grad)
    see.warns("a non-leaf twice", lambda: (y.grad, y.grad))
    y.retain_grad()
    see.warns("once retained", lambda: y.grad)
    see.warns("detached", lambda: y.detach().grad)
    other = x * 2
    other.grad = draw.floats((2,))
    see.warns("assigned", lambda: other.grad)
    other.grad = None
    see.warns("taken back", lambda: other.grad)


@program
def retain_grad_on_everything(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 2
    z = y * y
    see.raises("a leaf", lambda: x.retain_grad())
    see.raises("without grad", lambda: draw.floats((2,)).retain_grad())
    y.retain_grad()
    y.retain_grad()
    see("retains", [x.retains_grad, y.retains_grad, z.retains_grad])
    z.backward(draw.floats((2,)), retain_graph=True)
    see("y.grad", y.grad)
    first = y.grad
    z.backward(draw.floats((2,)))
    see("y.grad accumulated", y.grad)
    see.same("into", y.grad, first)
    see("the first", first)
    see("x.grad", x.grad)


@program
def leaves_that_changed_since_they_were_used(B: Any, draw: Any, see: Any) -> None:
    x, w = draw.floats((2,), requires_grad=True), draw.floats((2,), requires_grad=True)
    y = x * 3 * w
    if draw.flag():
        x.register_hook(lambda g: see("hook", g))
        x.register_post_accumulate_grad_hook(lambda t: see("after it", [t.grad]))
    if draw.flag():
        node = y.grad_fn.next_functions[0][0].next_functions[0][0]
        node.register_prehook(lambda gs: see("before the node", gs[0]))
        node.register_hook(lambda _, gs: see("after the node", gs[0]))
    x.requires_grad_(False)
    how = draw.choice(["requires none", "part of a graph", "a leaf again", "out of a graph"])
    if how in ("part of a graph", "out of a graph"):
        x.mul_(draw.floats((2,), requires_grad=True))
    if how == "out of a graph":
        x.detach_()
    if how == "a leaf again":
        x.requires_grad_()
    see.raises("backward", lambda: y.backward(draw.floats((2,)), retain_graph=True))
    see.raises("gradient", lambda: B.autograd.grad(y, w, draw.floats((2,)), retain_graph=True))
    see.raises("its own", lambda: B.autograd.grad(y, x, draw.floats((2,)), retain_graph=True))
    see("gradients", [w.grad, x.grad if how != "part of a graph" else None])


@program
def retained_gradients_are_copies(B: Any, draw: Any, see: Any) -> None:
    """Of one gradient that is handed on from tensor to tensor: a write to one that is retained is seen in no other."""
    x = draw.floats((2, 2), requires_grad=True)
    a = x + 1
    b = a.t() if draw.flag() else a + 1
    c = b.view_as(b)
    for t in (a, b, c):
        t.retain_grad()
    seed = draw.floats((2, 2))
    seed = seed.t() if draw.flag() else seed
    c.backward(seed, retain_graph=True)
    see("gradients", [x.grad, a.grad, b.grad, c.grad])
    see("steps", [t.grad.stride() for t in (x, a, b, c)])
    draw.choice([seed, x.grad, a.grad, b.grad, c.grad]).mul_(2)
    see("gradients after a write", [x.grad, a.grad, b.grad, c.grad, seed])


@program
def retained_grad_is_that_of_the_latest_version(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = x * 1
    y.retain_grad()
    for _ in range(draw.integer(0, 2)):
        y.mul_(draw.number())
    z = y * 3
    z.backward(draw.floats((2,)))
    see("y.grad", y.grad)
    see("x.grad", x.grad)


@program
def retained_grad_through_a_view(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    y = x * 2
    view = y[0]
    y.retain_grad()
    view.retain_grad()
    view.mul_(draw.number())
    (y * y).backward(draw.floats((2, 2)))
    see("x.grad", x.grad)
    see("y.grad", y.grad)
    see("view.grad", view.grad)


@program
def grad_survives_and_follows(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    (x * x).backward(draw.floats((2,)))
    grad = x.grad
    see("grad", grad)
    x.requires_grad_(False)
    see("x without requires_grad", x)
    see.same("its grad", x.grad, grad)
    x.requires_grad_()
    (x * x).backward(draw.floats((2,)))
    see.same("accumulated in place", x.grad, grad)
    see("grad now", grad)
    see("detached has none", x.detach().grad)
    see("clone has none", see.warns("reading it", lambda: x.clone().grad))


@program
def parameter_set_to_another_size(B: Any, draw: Any, see: Any) -> None:
    p = B.nn.Parameter(draw.floats((3,)))
    see("p", p)
    B.cat((p, p)).backward(draw.floats((6,)))
    see("p.grad", p.grad)
    with B.no_grad():
        p.set_(p[1:])
        p.grad = None
    B.cat((p, p)).backward(draw.floats((4,)))
    see("p.grad of the shorter one", p.grad)


@program
def set_to_other_memory(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=draw.flag())
    target = draw.choice([lambda: x, lambda: x * 1, lambda: x.detach()])()
    source = draw.floats(draw.choice([(2,), (3,), (2, 1)]), draw.dtype("float32", "float64", "complex64")).requires_grad_(draw.flag())
    with B.set_grad_enabled(not draw.flag()):
        see.raises("set", lambda: target.set_(source) is target)
        see("target", target)
        see.raises("set to nothing", lambda: (target.set_(), None)[1])
    see("then", target)
    see("requires grad", [x.requires_grad, source.requires_grad])


@program
def data_of_another_shape_before_backward(B: Any, draw: Any, see: Any) -> None:
    """What was recorded of a tensor expects gradients of the shape it had then."""
    x = draw.floats((2,), requires_grad=True)
    inner = x * 1
    target = draw.choice([x, inner])
    y = target * 2
    if draw.flag():
        see("the end", y.grad_fn.next_functions[0][0].name())
    shape = draw.choice([(3,), (2, 1), (2,)])
    target.data = draw.floats(shape)
    g = draw.floats((2,))
    if draw.flag():
        see.raises("gradient by autograd.grad", lambda: B.autograd.grad(y, x, g, retain_graph=True))
    see.raises("backward", lambda: y.backward(g))
    see("x.grad", x.grad)
    x.grad = None
    see.raises("of what it is now", lambda: (target * 3).backward(draw.floats(shape)))
    see("x.grad then", x.grad)


@program
def volatile(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,))
    see("value", see.warns("reading", lambda: x.volatile))
    see.warns("setting", lambda: setattr(x, "volatile", draw.choice([True, False, None])))
    see.warns("deleting", lambda: delattr(x, "volatile"))
    see("value after", see.warns("reading again", lambda: x.volatile))
