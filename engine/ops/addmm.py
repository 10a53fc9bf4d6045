"""Products of vectors and matrices added to a third tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import modes
from ..dtypes import CPP_NAMES, OF_NUMPY, dtype, float64, of_number
from ..geometry import address
from ..graph import keep_ends
from ..lazy import Lazy
from ..op import F, Op, op, plain
from ..operands import expands, requires
from ..out import fit, take_shape
from ..overlap import PARTIAL_OVERLAP, check_no_overlap, check_no_partial_overlap
from ..promotion import common, step_by_step
from ..rows import SHORT
from ..stretch import stretch
from ..strided import flat_root, laid_out, over, recast, row_major
from ..tensor import Tensor, store, wrap
from ..views import check_cast, keeps_dtype
from .arithmetic import cast_number, real_stays_real
from .convert import cast
from .matmul import (
    adjoint,
    batched,
    check_addmv,
    check_batch_dtypes,
    check_batches,
    check_expands,
    check_ranks,
    check_shapes,
    checked,
    dtype_of,
    is_little,
    is_small,
    matrices,
    mm_rules_in_rows,
    multiplying,
    of_left,
    of_present,
    of_right,
    outer_of,
    refuse_bool,
    same,
    scaled,
    side,
    with_dtype,
)  # fmt: skip


# -- what goes together ------------------------------------------------------------------------------------------------------
def check_addmm(operands: Sequence[Any]) -> None:
    self, mat1, mat2 = operands
    for name, t in (("mat1", mat1), ("mat2", mat2)):
        if t.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {t.ndim}-D tensor")
    check_shapes(mat1, mat2)
    check_expands(self, (mat1.shape[0], mat2.shape[1]))


def check_baddbmm(operands: Sequence[Any]) -> None:
    self, batch1, batch2 = operands
    check_expands(self, (side(batch1, 0), side(batch1, 1), side(batch2, 2)))


def adding_batches(operands: Sequence[Any]) -> dtype:
    """The dtype of `self`, which the batches must have, too, where there are any."""
    check_sum(operands)
    if operands[1].shape[0]:
        for check in ADDMM_DTYPES:
            check(operands)
    return dtype_of(operands[0])


def check_sum(operands: Sequence[Any]) -> None:
    """Raises RuntimeError where the shapes of a sum of products do not fit."""
    self, batch1, batch2 = operands
    check_expands(self, (side(batch1, 1), side(batch2, 2)))
    check_ranks(operands)
    if batch1.shape[0] != batch2.shape[0]:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {batch1.shape[0]} and {batch2.shape[0]}")
    (_, n, k), (_, j, m) = batch1.shape, batch2.shape
    if k != j:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({n}x{k} and {j}x{m})")


# -- kernels -----------------------------------------------------------------------------------------------------------------
BLAS = "fdFD"  # the dtypes of which PyTorch has a BLAS compute sums


def sum_of(
    self: np.ndarray, multiply: Callable[..., np.ndarray], left: np.ndarray, right: np.ndarray, beta: Any, alpha: Any, blas: bool
) -> np.ndarray:
    """`beta * self + alpha * product`; with `beta` 0 NaN and infinities of `self` do not count, nor do a BLAS's factors with `alpha` 0."""
    if type(alpha) is int and type(beta) is int and alpha == beta == 1:
        product = multiply(left, right)
        return np.add(product, self, out=product)
    a, b = cast_number(alpha, left.dtype), cast_number(beta, left.dtype)
    if a == 0 and blas and left.dtype.char in BLAS:
        made = np.zeros((*left.shape[:-1], *right.shape[left.ndim - 1 :]), left.dtype)
        return made if b == 0 else np.positive(self, out=made) if b == 1 else np.multiply(self, b, out=made)
    product = multiply(left, right)
    if a != 1:
        np.multiply(product, a, out=product)
    return product if b == 0 else np.add(product, self if b == 1 else self * b, out=product)


def in_float32(kernel: Callable[..., np.ndarray], operands: Sequence[np.ndarray], beta: Any, alpha: Any) -> np.ndarray:
    """The sum of 16-bit numbers, rounded once. PyTorch's own loops make it, which read every factor."""
    wide = [cast(t, np.dtype(np.float32)) for t in operands]
    return cast(kernel(*wide, beta, alpha, blas=False), operands[0].dtype)


def nothing_added(self: np.ndarray, shape: tuple[int, ...], beta: Any) -> np.ndarray:
    """`beta * self` where there is nothing to sum over. Raises RuntimeError where that is of a higher category than `self`."""
    if beta == 0:
        return np.zeros(shape, self.dtype)
    d, number = OF_NUMPY[self.dtype], of_number(beta)
    if number.category > d.category:
        shown = "ComplexDouble" if number.is_complex and d is float64 else number.scalar_name
        raise RuntimeError(f"result type {shown} can't be cast to the desired output type {d.scalar_name}")
    return np.array(np.broadcast_to(self * np.asarray(beta).astype(self.dtype), shape), order="C")


def empty_sum(self: np.ndarray, shape: tuple[int, ...], beta: Any) -> np.ndarray:
    """What is left where there is nothing to multiply; without elements PyTorch does not look at `beta`."""
    return nothing_added(self, shape, beta if math.prod(shape) else 0)


def addmm_kernel(self: np.ndarray, mat1: np.ndarray, mat2: np.ndarray, beta: Any, alpha: Any, blas: bool = True) -> np.ndarray:
    if self.itemsize == 2 and OF_NUMPY[self.dtype].low:
        return in_float32(addmm_kernel, (self, mat1, mat2), beta, alpha)
    if not (mat1.size and mat2.size):
        return empty_sum(self, (mat1.shape[0], mat2.shape[1]), beta)
    refuse_bool("addmm_impl_cpu_", mat1)
    return sum_of(self, matrices, mat1, mat2, beta, alpha, blas)


def addmm_in_rows(self: np.ndarray, mat1: np.ndarray, mat2: np.ndarray, beta: Any, alpha: Any) -> Callable[..., Any] | None:
    """What `addmm_kernel` comes to."""
    if not (type(beta) is int is type(alpha) and beta == alpha == 1 and is_small(mat1, mat2)):
        return None
    dot, add = np.ndarray.dot, np.add
    return lambda self, mat1, mat2: add(made := dot(mat1, mat2), self, made)


def addmm_rules_in_rows(self: np.ndarray, mat1: np.ndarray, mat2: np.ndarray, beta: Any, alpha: Any) -> tuple[str, ...] | None:
    """What the rules come to where `addmm_in_rows` has a way: of a row for each row of the product, or of as many."""
    left, right = mm_rules_in_rows(mat1, mat2, "mat1")
    made = len(mat1), mat2.shape[1]
    if self.shape == made:
        return "g", left, right
    return ("fits.add_rows(g)", left, right) if self.shape == made[1:] and len(mat1) <= SHORT else None


def addmv_kernel(self: np.ndarray, mat: np.ndarray, vec: np.ndarray, beta: Any, alpha: Any, blas: bool = True) -> np.ndarray:
    if self.itemsize == 2 and OF_NUMPY[self.dtype].low:
        for factor in (beta, alpha):
            cast_number(factor, self.dtype)  # raises in words of its own
        return in_float32(addmv_kernel, (self, mat, vec), beta, alpha)
    if not mat.size:
        factor = cast_number(beta, self.dtype).item()
        return empty_sum(self, self.shape if factor else (mat.shape[0],), factor)  # PyTorch does not broadcast `self` here
    refuse_bool("addmv_impl_cpu", mat)
    made = sum_of(self, np.matmul, mat, vec, beta, alpha, blas and self.dtype.kind == "f")  # of complex numbers in a loop of its own
    return made if beta else made + made.dtype.type(0)  # which PyTorch's kernel adds to: none is -0


def baddbmm_kernel(self: np.ndarray, batch1: np.ndarray, batch2: np.ndarray, beta: Any, alpha: Any, blas: bool = True) -> np.ndarray:
    if self.itemsize == 2 and OF_NUMPY[self.dtype].low:
        return in_float32(baddbmm_kernel, (self, batch1, batch2), beta, alpha)
    if not (batch1.size and batch2.size):
        return empty_sum(self, (*batch1.shape[:2], batch2.shape[2]), beta)
    refuse_bool("baddbmm", batch1)
    return sum_of(self, batched, batch1, batch2, beta, alpha, blas and not is_little(batch1, batch2))


def addbmm_kernel(self: np.ndarray, batch1: np.ndarray, batch2: np.ndarray, beta: Any, alpha: Any, blas: bool = True) -> np.ndarray:
    """One batch after the other is added, as PyTorch does."""
    if self.itemsize == 2 and OF_NUMPY[self.dtype].low:
        return in_float32(addbmm_kernel, (self, batch1, batch2), beta, alpha)
    if not batch1.shape[0]:
        return nothing_added(self, (batch1.shape[1], batch2.shape[2]), beta)
    for one, two in zip(batch1, batch2, strict=True):
        self, beta = addmm_kernel(self, one, two, beta, alpha, blas), 1
    return self


# -- out= and tangents -------------------------------------------------------------------------------------------------------
def addbmm_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """Copies `self` to the target, which takes the shape of the sum without a word, and adds there."""
    self, batch1, batch2, beta, alpha = values
    [target] = outs
    shape = side(batch1, 1), side(batch2, 2)
    check_expands(self, shape)
    copied = cast(np.broadcast_to(self._array, shape), target._array.dtype)
    batches = [b if b.shape[0] else F.to(b, target.dtype) for b in (batch1, batch2)]  # of none the dtype does not count
    take_shape(target, shape)
    if type(target) is not Lazy:
        store(target, copied)
    return op.compute([wrap(copied, target.dtype), *batches, beta, alpha])[1]


def of_sum(multiply: Callable[..., Any]) -> Callable[..., Any]:
    """The tangent of `beta * self + alpha * left @ right`."""

    def tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
        _, first, second, beta, alpha = values
        added, left_tangent, right_tangent = (t if t is not None else F.zeros_like(v) for v, t in zip(values, tangents, strict=False))
        parts = multiply(left_tangent, second), multiply(first, right_tangent)
        total = times(added, beta) + times(parts[0], alpha) + times(parts[1], alpha)
        return F.expand(total, outs[0].shape)

    return tangent


def times(x: Any, factor: Any) -> Any:
    return x if factor == 1 else x * factor


# -- the ops -----------------------------------------------------------------------------------------------------------------
def for_each(g: Any, batch: Any) -> Any:
    """The one gradient of a sum of products for each of them."""
    return F.expand(F.unsqueeze(g, 0), (batch.shape[0], *g.shape))


ADDMM_DTYPES = (same("self and mat2 must have the same dtype, but got {0} and {2}", 0, 2),
                same("mat1 and mat2 must have the same dtype, but got {1} and {2}", 1, 2))  # fmt: skip


def count_batches(self: Any, batch1: Any, batch2: Any, beta: Any, alpha: Any) -> None:
    """What PyTorch keeps of `batch1` before it looks at anything: its length, where a gradient will want it."""
    if modes.current() & modes.RECORDING == modes.GRAD and any(requires(v) for v in (self, batch1, batch2)):
        side(batch1, 0)


def into_the_sum(self: Tensor, batch1: Tensor, batch2: Tensor, beta: Any, alpha: Any) -> None:
    """What `addbmm_` does first: it gives the target the shape of the sum, and copies to it row by row what it writes over."""
    check_sum((self, batch1, batch2))
    shape = batch1._array.shape[1], batch2._array.shape[2]
    if self._array.shape == shape:
        return
    keep_ends(self)
    before = self._array
    stretch(self, shape, row_major(shape))
    if not beta:
        return
    if shape == (1, 1) and not before.ndim:  # for PyTorch the two lie on each other in another way
        raise RuntimeError(PARTIAL_OVERLAP)
    start = address(self._array) - address(flat_root(self._array)) if self._array.size else 0
    read = np.broadcast_to(over(flat_root(self._array), before.shape, before.strides, start, before.dtype), shape)
    for row, taken in zip(self._array, read, strict=True):
        row[...] = taken


def into_its_own_shape(self: Any, mat1: Any, mat2: Any, beta: Any, alpha: Any) -> None:
    """What `addmm_` looks at after its operands. Raises RuntimeError where the target would be broadcast."""
    if mat1.ndim == mat2.ndim == 2 and mat1.shape[1] == mat2.shape[0] and self.dtype is mat1.dtype is mat2.dtype:
        keeps_shape(self, [mat1.shape[0], mat2.shape[1]])


def into_a_vector(self: Any, mat: Any, vec: Any, beta: Any, alpha: Any) -> None:
    """The same for `addmv_`, which looks first at whether the target could be broadcast."""
    if (
        mat.ndim == 2
        and vec.ndim == 1
        and mat.shape[1] == vec.shape[0]
        and self.dtype is mat.dtype is vec.dtype
        and expands(self.shape, mat.shape[:1])
    ):
        keeps_shape(self, [mat.shape[0]])


def into_batches(self: Any, batch1: Any, batch2: Any, beta: Any, alpha: Any) -> None:
    """The same for `baddbmm_`."""
    if batch1.ndim == batch2.ndim == 3 and batch1.shape[::2] == batch2.shape[:2]:
        shape = [*batch1.shape[:2], batch2.shape[2]]
        if expands(self.shape, tuple(shape)) and batch1.dtype is self.dtype:
            keeps_dtype(self, batch2.dtype)
            keeps_shape(self, shape)


def keeps_shape(self: Any, shape: list[int]) -> None:
    if list(self.shape) != shape:
        raise RuntimeError(f"Bad in-place call: input tensor size {list(self.shape)} and output tensor size {shape} should match")


ADDMM = op("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   multiplying(addmm_kernel, step_by_step(checked(*ADDMM_DTYPES, check_addmm)), inplace=into_its_own_shape, inplace_function=False,
           apart="itself", jvp=of_sum(lambda a, b: F.mm(a, b)), in_rows=addmm_in_rows, rules_in_rows=addmm_rules_in_rows),
   self=lambda g, beta: scaled(g, beta),
   mat1=lambda g, mat2, mat1_geometry, alpha: scaled(of_left(g, mat2, mat1_geometry), alpha),
   mat2=lambda g, mat1, mat2_geometry, alpha: scaled(of_right(g, mat1, mat2_geometry), alpha))  # fmt: skip
op("addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   multiplying(addmv_kernel,
           step_by_step(checked(check_addmv, same("addmv input tensors must have the same dtype, but got {0}, {1}, and {2}"))),
           inplace=into_a_vector, apart="itself", jvp=of_sum(lambda a, b: F.mv(a, b))),
   self=lambda g, beta: scaled(g, beta),
   mat=lambda g, vec, alpha: scaled(outer_of(g, vec.conj()), alpha),
   vec=lambda g, mat, alpha: scaled(adjoint(mat) @ g, alpha))  # fmt: skip
op("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   multiplying(baddbmm_kernel,
           step_by_step(checked(
               check_baddbmm, same("Input dtypes must be the same, got: input {0}, batch1: {1}, batch2: {2}", 0, 1, names=CPP_NAMES),
               check_batches, check_batch_dtypes)),
           inplace=into_batches, inplace_function=False, apart="itself", jvp=of_sum(lambda a, b: F.bmm(a, b))),
   self=lambda g, beta: scaled(g, beta),
   batch1=lambda g, batch2, alpha: scaled(F.bmm(g, adjoint(batch2)), alpha),
   batch2=lambda g, batch1, alpha: scaled(F.bmm(adjoint(batch1), g), alpha))  # fmt: skip
op("addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   multiplying(addbmm_kernel, step_by_step(adding_batches), first=count_batches, inplace=into_the_sum, inplace_function=False,
           jvp=of_sum(lambda a, b: F.sum(F.bmm(a, b), 0)), apart="itself", out=addbmm_into),
   self=lambda g, beta: scaled(g, beta),
   batch1=lambda g, batch2, alpha: scaled(F.bmm(for_each(g, batch2), adjoint(batch2)), alpha),
   batch2=lambda g, batch1, alpha: scaled(F.bmm(adjoint(batch1), for_each(g, batch1)), alpha))  # fmt: skip

with_dtype("addmm", "Tensor self, Tensor mat1, Tensor mat2", ", *, Scalar beta=1, Scalar alpha=1")
with_dtype("baddbmm", "Tensor self, Tensor batch1, Tensor batch2", ", *, Scalar beta=1, Scalar alpha=1")


# -- addr --------------------------------------------------------------------------------------------------------------------
def addr_kernel(self: np.ndarray, vec1: np.ndarray, vec2: np.ndarray, beta: Any, alpha: Any) -> np.ndarray:
    """`beta * self + alpha * outer(vec1, vec2)`; with `beta` 0 NaN and infinities of `self` do not count."""
    check_vectors(vec1, vec2)
    check_expands(self, (vec1.size, vec2.size))
    d = common([np.atleast_1d(self), vec1, vec2])  # PyTorch expands a number before it looks at dtypes
    for name, value in (("beta", beta), ("alpha", alpha)):
        check_factor(value, name, d.np)
    b, a = (cast_number(value, d.np).astype(d.wide) for value in (beta, alpha))
    operands = [t if t.dtype == d.np else recast(t, d.np) for t in (self, vec1[:, None], vec2)]
    self, column, row = (t.astype(d.wide, copy=False) for t in operands)
    return laid_out(added(b, self, a, column, row).astype(d.np, copy=False), operands)


def addr_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The sum, for a target that holds no part of an operand. PyTorch expands `self` before it looks at memory."""
    [result] = op.compute(values)[1]
    check_cast(OF_NUMPY[result.dtype], outs[0].dtype)
    fit(outs[0], result)
    check_no_partial_overlap(outs[0], values if values[0]._array.size == result.size else values[1:], exact=False)
    return [result]


def check_vectors(vec1: Any, vec2: Any) -> None:
    for name, t in (("vec1", vec1), ("vec2", vec2)):
        if t.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {t.ndim}-D")


def exactly(self: Tensor, vec1: Tensor, vec2: Tensor, beta: Any, alpha: Any) -> None:
    """What the in-place form asks first. Raises RuntimeError for a matrix that is not of the product's shape."""
    check_vectors(vec1, vec2)
    if self.dim() != 2:
        raise RuntimeError(f"2D tensor expected, got {self.dim()}D tensor for input")
    if self.shape != (*vec1.shape, *vec2.shape):
        shapes = [str(list(t.shape)) for t in (self, vec1, vec2)]
        raise RuntimeError("size mismatch, input: {}, v1: {}, v2: {}".format(*shapes))
    check_no_overlap(self._array)
    check_no_partial_overlap(self, (vec1, vec2), exact=False)


def added(b: np.ndarray, self: np.ndarray, a: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """`b * self + a * column * row`, of bools "or" and "and"; `self` does not count where `b` is 0."""
    if self.dtype.kind == "b":
        return (b & self) | (a & column & row)
    product = a * column * row
    return product if b == 0 else b * self + product


def check_factor(value: Any, name: str, d: np.dtype) -> None:
    """Raises RuntimeError where `alpha` or `beta` is of a category the result is not of."""
    if isinstance(value, bool) and d.kind != "b":
        raise RuntimeError(f"Boolean {name} only supported for Boolean results.")
    if d.kind in "biu" and not isinstance(value, int):
        raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")


op("addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   plain(addr_kernel, out=addr_into, inplace=exactly, jvp=of_present(
       lambda t, self, vec1, vec2, beta, alpha: times(F.expand(t, (*vec1.shape, *vec2.shape)), beta),
       lambda t, self, vec1, vec2, beta, alpha: times(F.outer(t, vec2), alpha),
       lambda t, self, vec1, vec2, beta, alpha: times(F.outer(vec1, t), alpha))),
   self=lambda g, beta, self_dtype: real_stays_real(scaled(g, beta), self_dtype),
   vec1=lambda g, vec2, alpha, vec1_dtype: real_stays_real(scaled(F.mv(g, vec2.conj()), alpha), vec1_dtype),
   vec2=lambda g, vec1, alpha, vec2_dtype: real_stays_real(scaled(F.mv(F.t(g), vec1.conj()), alpha), vec2_dtype))  # fmt: skip
