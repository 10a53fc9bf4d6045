"""Graphs that Python's own control flow builds anew at each call."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def doubling_until_large(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    y = x * 2
    steps = 0
    while y.detach().norm() < 100 and steps < 12:
        y = y * 2
        steps += 1
    see("steps", steps)
    see("y", y)
    y.backward(draw.floats((3,)))
    see("x.grad", x.grad)


@program
def function_with_branches(B: Any, draw: Any, see: Any) -> None:
    def f(a):
        b = a * 2
        while b.norm() < 50:
            b = b * 2
        return b if b.sum() > 0 else 10 * b

    a = draw.floats((), requires_grad=True)
    if a != 0:
        d = f(a)
        see.graph("graph", d)
        d.backward()
        see("a.grad", a.grad)
        see("a.grad == d / a", a.grad == d / a)


@program
def a_different_graph_at_each_call(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    for call in range(3):
        kind = draw.choice(["sin", "exp", "square", "sum"])
        y = x.sum() * x if kind == "sum" else getattr(x, kind)()
        see(f"y {call}", y)
        see.graph(f"graph {call}", y)
        y.backward(draw.floats((2,)))
        see(f"x.grad {call}", x.grad)


@program
def piecewise_gate(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((3,), requires_grad=True)
    if (x > 0).all():
        y = x.sqrt()
    elif (x < 0).any():
        y = x.abs() * 2
    else:
        y = x.exp()
    see.graph("graph", y)
    (gradient,) = B.autograd.grad(y, x, draw.floats((3,)))
    see("y", y)
    see("gradient", gradient)


@program
def weights_shared_a_random_number_of_times(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,))
    w = draw.floats((2, 2), requires_grad=True)
    h = x
    for _ in range(draw.integer(1, 4)):
        h = (w @ h).clamp(min=0)
    see("h", h)
    see.graph("graph", h)
    h.backward(draw.floats((2,)))
    see("w.grad", w.grad)


@program
def recursion(B: Any, draw: Any, see: Any) -> None:
    def power(a, n):
        return a if n == 1 else a * power(a, n - 1)

    x = draw.floats((2,), requires_grad=True)
    y = power(x, draw.integer(1, 6))
    see("y", y)
    y.backward(draw.floats((2,)))
    see("x.grad", x.grad)


@program
def loop_over_elements(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((draw.integer(1, 4), 2), requires_grad=True)
    total: Any = 0
    for row in x:
        for element in row:
            total = total + element if element > 0 else total - element
    see("total", total)
    total.backward()
    see("x.grad", x.grad)


@program
def skip_when_data_says_so(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    y = draw.floats((2,), requires_grad=True)
    z = x * 2 if draw.flag() else x * y
    z.backward(B.ones(2))
    see("x.grad", x.grad)
    see("y.grad", y.grad)
