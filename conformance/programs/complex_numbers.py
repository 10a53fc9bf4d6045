"""Complex tensors: the gradient's convention, real parts, conjugates, and losses that must be real."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def the_convention(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((2,), requires_grad=True)
    loss = (z * z.conj()).real.sum()
    see("loss", loss)
    loss.backward()
    see("z.grad", z.grad)
    z.grad = None
    (z * z).backward(draw.complexes((2,)))
    see("z.grad of z squared", z.grad)


@program
def a_complex_loss_is_refused(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((), requires_grad=True)
    see.raises("backward", lambda: (z * 2).backward())
    see.raises("grad", lambda: B.autograd.grad(z * 2, z))
    see.raises("with a gradient", lambda: (z * 2).backward(B.tensor(1 + 1j)))
    see.raises("with a real gradient", lambda: (z * 2).backward(B.tensor(1.0)))
    see("z.grad", z.grad)


@program
def real_inputs_get_real_gradients(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    z = draw.complexes((2,), requires_grad=True)
    y = draw.choice(
        [lambda: x * z, lambda: x + z, lambda: z / x, lambda: B.cat([x, z]), lambda: B.stack([x, z]), lambda: x.to(B.complex64) * z]
    )()
    see("y", y)
    see.graph("graph", y)
    y.backward(draw.complexes(tuple(y.shape)))
    see("gradients", [x.grad, z.grad])


@program
def parts(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((2,), requires_grad=True)
    part = draw.choice([lambda: z.real, lambda: z.imag, lambda: z.abs(), lambda: B.view_as_real(z)])()
    see("part", part)
    see.graph("graph", part)
    part.backward(draw.floats(tuple(part.shape)))
    see("z.grad", z.grad)


@program
def conjugates(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((2,), requires_grad=True)
    c = z.conj()
    see("conjugate", c)
    see("lazy", [c.is_conj(), c.resolve_conj().is_conj(), c._is_view(), c.conj().is_conj()])
    see.raises("as an array", lambda: c.detach().numpy())
    (c * draw.complexes((2,))).backward(draw.complexes((2,)))
    see("z.grad", z.grad)
    see("of a real tensor", draw.floats((2,)).conj())


@program
def real_tensors_have_no_imag(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2,), requires_grad=True)
    see.raises("imag", lambda: x.imag)
    see.same("real", x.real, x)
    see.raises("view_as_real", lambda: B.view_as_real(x))
    see.raises("ordering", lambda: draw.complexes((2,)) > 0)
    see("kinds", [x.is_complex(), draw.complexes(()).is_complex(), x.is_floating_point()])


@program
def view_as_complex(B: Any, draw: Any, see: Any) -> None:
    x = draw.floats((2, 2), requires_grad=True)
    z = B.view_as_complex(x)
    see("z", z)
    see.raises("a leaf through the view", lambda: z.mul_(2))
    (z * z).backward(draw.complexes((2,)))
    see("x.grad", x.grad)
    see.raises("an odd size", lambda: B.view_as_complex(draw.floats((3,))))


@program
def second_gradients(B: Any, draw: Any, see: Any) -> None:
    z = draw.complexes((2,), requires_grad=True)
    (first,) = B.autograd.grad(z * z * z.conj(), z, draw.complexes((2,)), create_graph=True)
    see("first gradient", first)
    see("second gradient", B.autograd.grad(first, z, draw.complexes((2,))))
