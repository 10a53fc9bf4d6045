"""What zeros leave of infinities, NaN and each other: sums with a factor of 0, extremes of zeros of both signs, and zeros not stored."""

from __future__ import annotations

from typing import Any

from .declare import program


@program
def products_times_zero(B: Any, draw: Any, see: Any) -> None:
    """What is multiplied by an `alpha` of 0 is read by some sums of products, and by others, of a BLAS, not."""
    dtype = draw.dtype("float32", "float64", "bfloat16", "float16")
    infinity, nan = float("inf"), float("nan")
    numbers = draw.choice([[1.0, -2.0, 0.5, 3.0], [infinity, -2.0, 0.5, 3.0], [1.0, nan, -infinity, 3.0]])
    left = B.tensor(numbers, dtype=dtype).reshape(2, 2)
    right = B.tensor([4.0, -1.0, 2.0, 0.25], dtype=dtype).reshape(2, 2)
    added = B.tensor(draw.choice([[1.0, -0.0, 0.0, 2.0], [-0.0, 0.0, infinity, nan]]), dtype=dtype).reshape(2, 2)
    beta = draw.choice([1, 2, -1, 0])
    for alpha in (0, 0.0):
        see(f"addmm, {alpha}", B.addmm(added, left, right, beta=beta, alpha=alpha))
        see(f"addmm of a row, {alpha}", B.addmm(added[0], left, right, beta=beta, alpha=alpha))
        see(f"addmv, {alpha}", B.addmv(added[1], left.t(), right[0], beta=beta, alpha=alpha))
        see(f"addbmm, {alpha}", B.addbmm(added, left[None], right[None], beta=beta, alpha=alpha))
        see(f"addr, {alpha}", B.addr(added, left[0], right[0], beta=beta, alpha=alpha))
        see(f"baddbmm, {alpha}", B.baddbmm(added.abs(), left[None], right[None].abs(), beta=beta, alpha=alpha))
        see(f"in place, {alpha}", added.clone().addmm_(left, right, beta=beta, alpha=alpha))


@program
def complex_products_times_zero(B: Any, draw: Any, see: Any) -> None:
    dtype = draw.dtype("complex64", "complex128")
    left = B.tensor(draw.choice([[1j, float("inf")], [1.0, float("nan")]]), dtype=dtype).reshape(2, 1)
    right = B.tensor([-1.0, 2j], dtype=dtype).reshape(1, 2)
    added = B.tensor([1 + 2j, -0.0, 0.0, -1j], dtype=dtype).reshape(2, 2)
    beta = draw.choice([1, 2, -1, 0])
    see("addmm", B.addmm(added, left, right, beta=beta, alpha=0))
    see("addbmm", B.addbmm(added, left[None], right[None], beta=beta, alpha=0j))


@program
def products_of_eight_rows_times_zero(B: Any, draw: Any, see: Any) -> None:
    """In a batch they are large enough for a BLAS."""
    dtype = draw.dtype("float32", "float64", "complex64", "complex128")
    left = B.full((1, 8, 8), draw.choice([2.0, float("inf"), float("nan")]), dtype=dtype)
    added = B.full((1, 8, 8), draw.choice([-0.0, 0.0, 1.5]), dtype=dtype)
    see("baddbmm", B.baddbmm(added, left, B.ones_like(left), beta=draw.choice([1, 2, -1, 0]), alpha=0))


@program
def scattered_zeros(B: Any, draw: Any, see: Any) -> None:
    """The first of equal extremes is kept."""
    dtype = draw.dtype("float32", "float64", "bfloat16", "float16")
    zeros = [draw.choice([0.0, -0.0]) for _ in range(6)]
    target, source = B.tensor([*zeros[:2], 1.0, -1.0], dtype=dtype), B.tensor([*zeros[2:], -1.0, 1.0], dtype=dtype)
    index = B.tensor([0, 0, 1, 2, 3, 0])
    for reduce in ("amax", "amin"):
        for include in (True, False):
            see(f"{reduce}, {include}", target.scatter_reduce(0, index, source, reduce, include_self=include))
            see(f"{reduce} in place, {include}", target.clone().scatter_reduce_(0, index, source, reduce, include_self=include))


@program
def sums_with_zeros_that_are_not_stored(B: Any, draw: Any, see: Any) -> None:
    """The gradient of `sgn` of real numbers has no memory: a sum with it is a copy of the other, in the layout of that."""
    shape = draw.choice([(2, 3), (2, 1, 3), (3, 1), (1, 1, 2), (3,), ()])
    steps = draw.choice([(7, 2, 1), (3, 7, 1), (1, 5, 2), (1, 1, 1)])[: len(shape)]
    x = draw.floats(shape, draw.dtype("float32", "float64", "bfloat16"), requires_grad=True)
    (nothing,) = B.autograd.grad(x.sgn(), x, B.ones_like(x), create_graph=True)
    other = draw.floats((32,), draw.dtype("float32", "float64", "bfloat16")).as_strided(shape, steps)
    row = other[:1] if shape else other
    sums = [nothing + other, other + nothing, nothing - other, other - nothing, B.add(other, nothing, alpha=2), nothing + row]
    see("signs", [B.signbit(one) for one in sums])
    see("sums", sums)

    y = x * 1
    y.register_hook(lambda g: see("as it arrives", [g, g.stride()]))
    uses = draw.choice([lambda: (y.sgn(), y.sin()), lambda: (y.sin(), y.sgn()), lambda: (y.sgn(), y.sgn(), y.sin())])()
    seeds = [other.to(y.dtype) for _ in uses]
    see("gradient", B.autograd.grad(uses, x, seeds, create_graph=draw.flag()))
