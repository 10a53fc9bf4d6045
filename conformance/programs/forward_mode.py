"""Forward-mode differentiation: dual numbers, their levels, and what carries a tangent."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def a_tangent_goes_through(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, v = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        y = draw.choice(
            [
                lambda: dual * dual,
                lambda: dual.exp(),
                lambda: dual.sum(),
                lambda: dual[0],
                lambda: dual @ dual,
                lambda: 2 / dual,
                lambda: dual.sin() + x,
            ]
        )()
        primal, tangent = fw.unpack_dual(y)
        see("primal", primal)
        see("tangent", tangent)
    see("after the level", fw.unpack_dual(y).tangent if draw.flag() else y)


@program
def levels(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, v = draw.floats((2,)), draw.floats((2,))
    see.raises("without a level", lambda: fw.make_dual(x, v))
    with fw.dual_level() as level:
        see("level", level)
        see.raises("a second level", lambda: fw.dual_level().__enter__())
        see("no tangent", fw.unpack_dual(x).tangent)
        dual = fw.make_dual(x, v)
        see.same("the very tangent", fw.unpack_dual(dual).tangent, v)


@program
def refused_duals(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x = draw.floats((2,))
    with fw.dual_level():
        see.raises("integers", lambda: fw.make_dual(draw.integers((2,)), x))
        see.raises("an integer tangent", lambda: fw.make_dual(x, draw.integers((2,))))
        see.raises("another size", lambda: fw.make_dual(x, draw.floats((3,))))
        see.raises("another dtype", lambda: fw.make_dual(x, draw.floats((2,), B.float64)))


@program
def modes_and_tangents(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, v = draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        with B.no_grad():
            see("tangent under no_grad", fw.unpack_dual(dual * 2).tangent)
        see("tangent after detach", fw.unpack_dual(dual.detach()).tangent)
        see("printed", repr(dual))


@program
def forward_over_reverse(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, v = draw.floats((2,), requires_grad=True), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        y = (dual * dual * dual).sum()
        (gradient,) = B.autograd.grad(y, dual)
        see("gradient", fw.unpack_dual(gradient).primal)
        see("tangent of the gradient", fw.unpack_dual(gradient).tangent)


@program
def in_place_changes_both(B: Any, draw: Any, see: Any) -> None:
    fw = B.autograd.forward_ad
    x, v, u = draw.floats((2,)), draw.floats((2,)), draw.floats((2,))
    with fw.dual_level():
        dual = fw.make_dual(x, v)
        base = draw.floats((2, 2))
        base[0].copy_(dual)
        see("tangent of the base", fw.unpack_dual(base).tangent)
        plain = draw.floats((2,)) * 1
        plain.mul_(fw.make_dual(u, v))
        see("primal", fw.unpack_dual(plain).primal)
        see("tangent", fw.unpack_dual(plain).tangent)
