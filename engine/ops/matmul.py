"""Products of vectors and matrices, and their sums with a third."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..dtypes import CPP_NAMES, OF_NUMPY, dtype
from ..forward import with_missing
from ..graph import type_name
from ..memory import RETURNED, empty
from ..modes import is_grad_enabled
from ..op import OPS, F, Family, Op, composite, op, plain
from ..operands import requires
from ..out import fit, run_out
from ..promotion import BY_SHAPE, Promote
from ..tensor import Tensor, counter_of
from ..views import node_of
from .arithmetic import not_implemented

# -- what dtypes and shapes go together ----------------------------------------------------------------------------------
Check = Callable[[Sequence[Any]], None]


def dtype_of(v: Any) -> dtype:
    return v._dtype if isinstance(v, Tensor) else OF_NUMPY[v.dtype]


def checked(*steps: Check) -> Promote:
    """The last operand's dtype, once every step has looked at the operands in turn."""

    def promote(operands: Sequence[Any]) -> dtype:
        for step in steps:
            step(operands)
        return dtype_of(operands[-1])

    BY_SHAPE.add(promote)
    return promote


def same(text: str, *positions: int, names: dict[str, str] | None = None) -> Check:
    """Raises RuntimeError with `text`, given the operands' dtypes in order, where those at `positions` differ (none: at any)."""

    def check(operands: Sequence[Any]) -> None:
        found = [dtype_of(v) for v in operands]
        if any(found[i] is not found[j] for i in positions or range(len(found)) for j in positions or range(len(found))):
            raise RuntimeError(text.format(*[(names or {}).get(d.scalar_name, d.scalar_name) for d in found]))

    return check


def refuse_bool(kernel: str, *arrays: np.ndarray) -> None:
    """Raises NotImplementedError for bools, but where there is nothing to multiply."""
    if arrays[0].dtype.kind == "b" and all(a.size for a in arrays):
        raise not_implemented(kernel, arrays[0])


def side(v: Any, dim: int) -> int:
    """The length of one dimension. Raises IndexError where there is no such dimension."""
    if not v.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if dim >= v.ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [-{v.ndim}, {v.ndim - 1}], but got {dim})")
    return v.shape[dim]


def check_expands(self: Any, shape: tuple[int, ...]) -> None:
    """Raises RuntimeError where `self` cannot be added to a product of this shape."""
    sizes = tuple(self.shape)
    if len(sizes) > len(shape):
        raise RuntimeError(
            f"expand({type_name(dtype_of(self))}{{{list(sizes)}}}, size={list(shape)}): the number of sizes provided ({len(shape)}) must "
            f"be greater or equal to the number of dimensions in the tensor ({len(sizes)})"
        )
    for i in range(1, len(sizes) + 1):
        if sizes[-i] not in (1, shape[-i]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[-i]}) must match the existing size ({sizes[-i]}) at non-singleton dimension "
                f"{len(shape) - i}.  Target sizes: {list(shape)}.  Tensor sizes: {list(sizes)}"
            )


def check_shapes(mat1: Any, mat2: Any) -> None:
    (n, k), (j, m) = mat1.shape, mat2.shape
    if k != j:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({n}x{k} and {j}x{m})")


def check_mm(operands: Sequence[Any]) -> None:
    for name, t in zip(("self", "mat2"), operands, strict=True):
        if t.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    check_shapes(*operands)


def check_ranks(operands: Sequence[Any]) -> None:
    """Raises RuntimeError where the last two operands are no batches of matrices."""
    for name, t in zip(("batch1", "batch2"), operands[-2:], strict=True):
        if t.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")


def check_batches(operands: Sequence[Any]) -> None:
    check_ranks(operands)
    batch1, batch2 = operands[-2:]
    if tuple(batch2.shape[:2]) != (batch1.shape[0], batch1.shape[2]):
        expected = [batch1.shape[0], batch1.shape[2]]
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: {expected} but got: {list(batch2.shape[:2])}.")


def check_batch_dtypes(operands: Sequence[Any]) -> None:
    """Raises RuntimeError where the batches have two dtypes, NotImplementedError where the first is bool; neither for nothing."""
    first, second = map(dtype_of, operands[-2:])
    if 0 in operands[-2].shape or 0 in operands[-1].shape or first is second:
        return
    if first.category == 0:
        raise NotImplementedError("\"bmm\" not implemented for 'Bool'")
    raise RuntimeError(f"expected scalar type {first.scalar_name} but found {second.scalar_name}")


def check_mv(operands: Sequence[Any]) -> None:
    check_addmv([None, *operands], 1, side(operands[0], 0))


def check_addmv(operands: Sequence[Any], rank: int | None = None, size: int | None = None) -> None:
    """Raises RuntimeError where a matrix, a vector and what is added to them do not fit."""
    self, mat, vec = operands
    rank = self.ndim if rank is None else rank
    if mat.ndim != 2 or vec.ndim != 1 or rank > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {rank}, {mat.ndim}, {vec.ndim}")
    size = math.prod(self.shape) if size is None else size
    if mat.shape[1] != vec.shape[0] or size not in (1, mat.shape[0]):
        if not rank:
            side(self, 0)
        raise RuntimeError(f"size mismatch, got input ({size}), mat ({mat.shape[0]}x{mat.shape[1]}), vec ({vec.shape[0]})")


def check_ranks_of_vectors(operands: Sequence[Any]) -> None:
    self, other = operands
    if self.ndim != 1 or other.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {self.ndim}D and {other.ndim}D tensors")


def check_lengths(operands: Sequence[Any]) -> None:
    n, m = (v.shape[0] for v in operands)
    if n != m:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of elements, "
            f"but got {n} and {m} elements respectively"
        )


# -- kernels -----------------------------------------------------------------------------------------------------------------
def mm_kernel(self: np.ndarray, mat2: np.ndarray) -> np.ndarray:
    if self.dtype.kind == "b":
        refuse_bool("addmm_impl_cpu_", self, mat2)
    made: np.ndarray = matrices(self, mat2)
    return made


def is_small(left: np.ndarray, right: np.ndarray) -> bool:
    """True where a product is BLAS's, and what stands around it counts."""
    (n, k), (j, m) = left.shape, right.shape
    return k == j and n * k * m <= TINY and n > 1 < k and m > 1 and left.flags.forc and right.flags.forc and left.dtype.char in "fd"


def mm_in_rows(self: np.ndarray, mat2: np.ndarray) -> Callable[..., Any] | None:
    return np.ndarray.dot if is_small(self, mat2) else None


def mm_rules_in_rows(self: np.ndarray, mat2: np.ndarray, left: str = "self") -> tuple[str, str]:
    """What `of_left` and `of_right` come to where `mm_in_rows` has a way; `left` is the name of the first matrix."""
    return (
        "dot(g, mat2.T)" if self.flags.c_contiguous else "dot(mat2, g.T).T",
        f"dot({left}.T, g)" if mat2.flags.c_contiguous else f"dot(g.T, {left}).T",
    )


def matrices(left: Any, right: Any) -> Any:
    """The product of two matrices. One of a column and a row has no sums, which would begin with 0: its zeros may be -0, as in PyTorch."""
    if type(left) is not np.ndarray:
        return left @ right
    if is_small(left, right):
        return left.dot(right)  # the same product of BLAS, without what a ufunc costs
    check_shapes(left, right)  # which fit but for data that was given another shape since it was kept
    n, k = left.shape
    m = right.shape[1]
    if k == 1 and n > 1 and m > 1:
        return left * right
    turns = 1 < n <= min(m // 2, SEVERAL) and k >= DEEP and n * k * m > TINY
    if turns and left.flags.c_contiguous and right.flags.f_contiguous and left.dtype.char in "fd":
        return np.ascontiguousarray((right.T @ left.T).T)  # BLAS is quicker where the matrix of more rows is on the left
    return multiplied(left, right)


def multiplied(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The product of matrices, or of batches of them, in memory that is used again where it is large."""
    shape = *left.shape[:-1], right.shape[-1]
    if left.dtype.char not in "fd" or right.dtype is not left.dtype or math.prod(shape) * left.itemsize < RETURNED:
        return left @ right
    return np.matmul(left, right, out=empty(shape, left.dtype))


DEEP = 256  # terms of a sum from which to turn a product round costs less than it saves
SEVERAL = 32  # rows up to which it does
TINY = 2**19  # multiplications up to which what stands around a product counts
SMALL = 400  # multiplications per batch below which PyTorch uses no BLAS


def is_little(batch1: np.ndarray, batch2: np.ndarray) -> bool:
    """True for batches of matrices that PyTorch multiplies without a BLAS."""
    n, k = batch1.shape[1:]
    return 0 < n * k * batch2.shape[2] < SMALL


def batched(batch1: np.ndarray, batch2: np.ndarray) -> np.ndarray:
    """The products of two batches of matrices; small ones add one product after the other, each rounded, as PyTorch does."""
    if not is_little(batch1, batch2):
        return multiplied(batch1, batch2)
    products = np.multiply(np.moveaxis(batch1, 2, 0)[..., None], np.moveaxis(batch2, 1, 0)[:, :, None], order="C")
    return np.add.accumulate(products, 0, dtype=products.dtype)[-1] + products.dtype.type(0)  # a sum begins with 0, so is never -0


def bmm_kernel(self: np.ndarray, mat2: np.ndarray) -> np.ndarray:
    refuse_bool("bmm", self, mat2)
    return batched(self, mat2)


def mv_kernel(self: np.ndarray, vec: np.ndarray) -> np.ndarray:
    refuse_bool("addmv_impl_cpu", self)
    return np.matmul(self, vec)


def dot_kernel(self: np.ndarray, tensor: np.ndarray) -> np.ndarray:
    if self.dtype.kind == "b":
        raise not_implemented("dot", self)
    return np.dot(self, tensor) + 0  # a sum begins at 0: one of a single -0 is 0


def vdot_kernel(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    if self.dtype.kind == "b":
        raise not_implemented("dot", self)
    return np.vdot(self, other)


# -- out= ------------------------------------------------------------------------------------------------------------------
def product_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> None:
    """Has the op `matmul` ends with write to the target, or to a reshaped one, as PyTorch does."""
    self, other = values
    product(self, other, outs[0])


def ending(name: str, operands: list[Any], out: Tensor | None) -> Tensor:
    """The product an op makes, or writes to `out`."""
    made: Tensor = OPS[name].run(operands) if out is None else run_out(OPS[name], operands, out)
    return made


def through(out: Tensor, shape: tuple[int, ...], steps: tuple[int, ...], write: Callable[[Tensor], Tensor]) -> Tensor:
    """`out` in its `shape`, once `write` has filled it reshaped to `steps`, or a copy of it where it cannot be viewed so."""
    fit(out, np.empty(shape, out._array.dtype))
    target = F.reshape(out, steps)
    written = write(target)
    return out if counter_of(target) is counter_of(out) else F.copy_(out, written)


# -- tangents: elsewhere a missing one counts as zeros, which times infinity are NaN -------------------------------------------
def of_present(*products: Callable[..., Any]) -> Callable[..., Any]:
    """The tangent of a sum of products, one for each tangent: what a missing one is multiplied with adds nothing, but is in the graph."""

    def tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
        present = [product(t, *values) for product, t in zip(products, tangents, strict=True) if t is not None]
        total = F.to(functools.reduce(operator.add, present), outs[0].dtype)
        if not any(isinstance(v, Tensor) and v.requires_grad for v in values):
            return total
        missing = [product(F.zeros_like(v), *values) for product, v, t in zip(products, values, tangents, strict=False) if t is None]
        return functools.reduce(with_missing, missing, total)

    return tangent


# -- rules: written with `@`, which is matmul on arrays and on Tensors ----------------------------------------------------
def scaled(x: Any, factor: Any) -> Any:
    """`x` times a Python number, which is left out where it is 1."""
    return x if factor == 1 else F.mul(x, factor.conjugate() if isinstance(factor, complex) else factor)  # lays out as PyTorch does


def turned(x: Any) -> Any:
    """The last two dimensions swapped, recorded of a matrix as PyTorch's own code does."""
    return OPS["t"].direct(x) if isinstance(x, Tensor) and x._array.ndim == 2 else x.mT


def adjoint(x: Any) -> Any:
    """The conjugate transpose of the last two dimensions."""
    if type(x) is np.ndarray:
        return x.mT if x.dtype.kind != "c" else x.mT.conj()
    return turned(x).conj() if x._dtype.is_complex else turned(x)


def of_left(g: Any, mat2: Any, self_geometry: Any) -> Any:
    """The gradient of `self @ mat2` for `self`; a column-major matrix gets a column-major gradient, as in PyTorch."""
    (rows, _), steps, _ = self_geometry
    if steps[0] == 1 and steps[1] == rows:
        return turned(matrices(mat2.conj(), turned(g)))
    return matrices(g, adjoint(mat2))


def of_right(g: Any, self: Any, mat2_geometry: Any) -> Any:
    """The gradient of `self @ mat2` for `mat2`."""
    (rows, _), steps, _ = mat2_geometry
    if steps[0] == 1 and steps[1] == rows:
        return turned(matrices(turned(g), self.conj()))
    return matrices(adjoint(self), g)


def batches(left: Any, right: Any) -> Any:
    """The products of two batches of matrices, of which a rule knows that they go together."""
    return batched(left, right) if type(left) is ndarray else F.bmm(left, right)


def outer_of(column: Any, row: Any) -> Any:
    return column.reshape((column.shape[0], 1)) * row


def multiplying(kernel: Callable[..., Any], promote: Promote, **words: Any) -> Family:
    """A product that is linear in each operand; has an `out=` form."""
    return plain(kernel, promote, **{"out": True, "jvp": "multilinear", **words})


MM = op("mm(Tensor self, Tensor mat2) -> Tensor",
   multiplying(mm_kernel, checked(check_mm, same("expected m1 and m2 to have the same dtype, but got: {0} != {1}", names=CPP_NAMES)),
               in_rows=mm_in_rows, rules_in_rows=mm_rules_in_rows),
   self=of_left,
   mat2=of_right)  # fmt: skip
op("bmm(Tensor self, Tensor mat2) -> Tensor",
   multiplying(bmm_kernel, checked(check_batches, check_batch_dtypes)),
   self=lambda g, mat2: batches(g, adjoint(mat2)),
   mat2=lambda g, self: batches(adjoint(self), g))  # fmt: skip
op("mv(Tensor self, Tensor vec) -> Tensor",
   multiplying(mv_kernel, checked(check_mv, same("addmv input tensors must have the same dtype, but got {1}, {0}, and {1}")),
           out="addmv input tensors must have the same dtype, but got {out}, {result}, and {result}"),
   self=lambda g, vec: outer_of(g, vec.conj()),
   vec=lambda g, self: turned(self.conj()) @ g)  # fmt: skip

DOT = checked(check_ranks_of_vectors, same("dot : expected both vectors to have same dtype, but found {0} and {1}"), check_lengths)
DOT_OUT = "result dtype {out} does not match input dtype {result}"
op("dot(Tensor self, Tensor tensor) -> Tensor",
   multiplying(dot_kernel, DOT, out=DOT_OUT,
             jvp=of_present(lambda t, self, tensor: F.dot(t, tensor), lambda t, self, tensor: F.dot(self, t))),
   self=lambda g, tensor: g * tensor.conj(),
   tensor=lambda g, self: g * self.conj())  # fmt: skip
op("vdot(Tensor self, Tensor other) -> Tensor",
   multiplying(vdot_kernel, DOT, out=DOT_OUT,
             jvp=of_present(lambda t, self, other: F.vdot(t, other), lambda t, self, other: F.vdot(self, t))),
   self=lambda g, other: g.conj() * other,
   other=lambda g, self: g * self)  # fmt: skip


def histories(*values: Any) -> None:
    """Looks at the history of every tensor whose gradient would be recorded. Raises RuntimeError for one of a view that was written to."""
    for v in values if is_grad_enabled() else ():
        if requires(v):
            node_of(v)


def with_dtype(name: str, arguments: str, more: str = "") -> None:
    """Declare the overload with `out_dtype=`, which PyTorch lists for every device and has for none but GPUs."""

    def refuse(*values: Any) -> np.ndarray:
        raise NotImplementedError(f"Could not run 'aten::{name}.dtype' with arguments from the 'CPU' backend.")

    op(f"{name}.dtype({arguments}, ScalarType out_dtype{more}) -> Tensor", plain(refuse, out=True, method=False, first=histories))


with_dtype("mm", "Tensor self, Tensor mat2")
with_dtype("bmm", "Tensor self, Tensor mat2")


@composite("outer(Tensor self, Tensor vec2) -> Tensor", out="mul.Tensor")
def outer(self: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of `self` (n,) with one of `vec2` (m,): (n, m)."""
    for name, t in (("self", self), ("vec2", vec2)):
        if t.dim() != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {t.dim()}-D")
    return F.reshape(self, (self.numel(), 1)) * vec2


@composite("matmul(Tensor self, Tensor other) -> Tensor", operator="matmul", out=product_into,
           usually=("mm", "(self._rows or self._array).ndim == 2 == (other._rows or other._array).ndim"))  # fmt: skip
def matmul(self: Tensor, other: Tensor) -> Tensor:
    """The product NumPy's `@` names: vectors, matrices, or broadcast batches of matrices."""
    if self._array.ndim == 2 == other._array.ndim:
        made: Tensor = MM.direct(self, other)
        return made
    return product(self, other)


def product(self: Tensor, other: Tensor, out: Tensor | None = None) -> Tensor:
    """`self @ other`, written to `out` where there is one.

    Source of the order of steps: `_matmul_impl` in PyTorch's LinearAlgebra.cpp, which the graph shows.
    """
    ranks = self.dim(), other.dim()
    if 0 in ranks:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {ranks[0]}D and {ranks[1]}D")
    if ranks == (1, 1):
        return ending("dot", [self, other], out)
    if ranks == (2, 1):
        return ending("mv", [self, other], out)
    if ranks == (1, 2):
        made: Tensor = ending("mm", [F.unsqueeze(self, 0), other], out).squeeze_(0)
        return made
    if ranks == (2, 2):
        return ending("mm", [self, other], out)
    return _folded(self, other, out) if _folds(self, other, out is not None) else _batched(self, other, out)


def _folds(self: Tensor, other: Tensor, has_out: bool) -> bool:
    """True where the batch is one tall matrix: the other operand is no batch, and folding costs no copy or spares a gradient."""
    big, small = (self, other) if self.dim() >= other.dim() else (F.transpose(other, -2, -1), self)
    if big.dim() < 3 or small.dim() > 2:
        return False
    if small.requires_grad and not has_out:
        return True
    if self.dim() == 2:
        return False
    if big.numel() == 0:
        return True
    shape, strides = big.shape, big.stride()
    return all(strides[i] == strides[i + 1] * shape[i + 1] for i in range(big.dim() - 2))


def _folded(self: Tensor, other: Tensor, out: Tensor | None) -> Tensor:
    swapped = other.dim() > self.dim()
    big = F.transpose(other, -2, -1) if swapped else self
    small = other if not swapped else F.t(self) if self.dim() == 2 else self
    lead, columns = tuple(big.shape[:-1]), tuple(small.shape[1:])
    count = math.prod(lead)
    tall = F.reshape(big, (count, big.shape[-1]))
    name = "mm" if columns else "mv"
    if out is not None:
        return through(out, (*lead, *columns), (count, *columns), lambda target: ending(name, [tall, small], target))
    result = F._unsafe_view(ending(name, [tall, small], None), (*lead, *columns))
    return F.contiguous(F.transpose(result, -2, -1)) if swapped and columns else result


def _batched(self: Tensor, other: Tensor, out: Tensor | None) -> Tensor:
    rows, inner = (self.shape[-2] if self.dim() > 1 else 1), self.shape[-1]
    batch1, batch2 = tuple(self.shape[:-2]), tuple(other.shape[:-2])
    if self.dim() == other.dim() == 3 and batch1 != batch2:
        if batch1[0] == 1 and self.requires_grad:
            return product(F.squeeze(self, 0), other, out)
        if batch2[0] == 1 and other.requires_grad:
            return product(self, F.squeeze(other, 0), out)
    batch = broadcast(batch1, batch2)
    count = math.prod(batch)
    vector = other.dim() == 1
    tail = tuple(other.shape[-2:])
    left_side = F.reshape(F.expand(self, (*batch, rows, inner)), (count, rows, inner))
    right_side = F.reshape(F.expand(other, (*batch, *tail)), (count, *tail))
    operands = [left_side, F.unsqueeze(right_side, 2) if vector else right_side]
    shape = (*batch, *((rows,) if self.dim() > 1 else ()), *(() if vector else tail[1:]))

    def multiply(target: Tensor | None = None) -> Tensor:
        made = ending("bmm", operands, target)
        return F.squeeze(made, -1) if vector else made

    if out is None:
        return F._unsafe_view(multiply(), shape)
    return through(out, shape, (count, rows, 1 if vector else tail[1]), lambda target: F.view_as(multiply(target), out))


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of two. Raises RuntimeError for the last dimension that keeps them from having one."""
    count = max(len(a), len(b))
    pairs = list(zip((1,) * (count - len(a)) + a, (1,) * (count - len(b)) + b, strict=True))
    for i in reversed(range(count)):
        n, m = pairs[i]
        if n != m and 1 not in (n, m):
            raise RuntimeError(f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {i}")
    return tuple(m if n == 1 else n for n, m in pairs)
