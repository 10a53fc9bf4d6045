"""Products of vectors and matrices, and their sums with a third."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import OF_NUMPY, dtype
from ..op import F, Family, composite, op, plain
from ..promotion import Promote
from ..tensor import CPP_NAMES, Tensor


# -- what dtypes and shapes go together ----------------------------------------------------------------------------------
def dtype_of(v: Any) -> dtype:
    return v._dtype if isinstance(v, Tensor) else OF_NUMPY[v.dtype]


def same(text: str, kernel: str, names: dict[str, str] | None = None) -> Promote:
    """The one dtype of all operands; raises RuntimeError with `text` where they differ, NotImplementedError for bool.

    `text` has `{0}`, `{1}`, ... for the operands' dtypes; `names` says what a dtype is called there.
    """

    def promote(operands: Sequence[Any]) -> dtype:
        found = [dtype_of(v) for v in operands]
        if any(d is not found[0] for d in found):
            raise RuntimeError(text.format(*[(names or {}).get(d.scalar_name, d.scalar_name) for d in found]))
        if found[0].category == 0 and all(v.shape for v in operands) and 0 not in operands[0].shape:
            raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")
        return found[0]

    return promote


def scalar(value: Any, d: np.dtype) -> np.ndarray:
    """`beta` or `alpha` in the dtype of the product. Raises RuntimeError for a complex number in a real product."""
    if isinstance(value, complex) and d.kind != "c":
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {CPP_NAMES[OF_NUMPY[d].scalar_name]} without overflow")
        value = value.real
    return np.asarray(value).astype(d)


def check_expands(self: np.ndarray, shape: tuple[int, ...]) -> None:
    """Raises RuntimeError where `self` cannot be added to a product of this shape."""
    if self.ndim > len(shape):
        kind = f"torch.{OF_NUMPY[self.dtype].scalar_name}Tensor"
        raise RuntimeError(
            f"expand({kind}{{{list(self.shape)}}}, size={list(shape)}): the number of sizes provided ({len(shape)}) must be greater or equal "
            f"to the number of dimensions in the tensor ({self.ndim})"
        )
    for i in range(1, self.ndim + 1):
        if self.shape[-i] not in (1, shape[-i]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[-i]}) must match the existing size ({self.shape[-i]}) at non-singleton dimension "
                f"{len(shape) - i}.  Target sizes: {list(shape)}.  Tensor sizes: {list(self.shape)}"
            )


def check_matrices(mat1: np.ndarray, mat2: np.ndarray) -> None:
    if mat1.shape[1] != mat2.shape[0]:
        (n, k), (j, m) = mat1.shape, mat2.shape
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({n}x{k} and {j}x{m})")


def check_batches(batch1: np.ndarray, batch2: np.ndarray) -> None:
    for name, t in (("batch1", batch1), ("batch2", batch2)):
        if t.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    if batch2.shape[:2] != (batch1.shape[0], batch1.shape[2]):
        expected = [batch1.shape[0], batch1.shape[2]]
        raise RuntimeError(f"Expected size for first two dimensions of batch2 tensor to be: {expected} but got: {list(batch2.shape[:2])}.")


def check_vectors(self: np.ndarray, other: np.ndarray) -> None:
    if self.ndim != 1 or other.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {self.ndim}D and {other.ndim}D tensors")
    if self.size != other.size:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{self.size}] and src [{other.size}] to have the same number of elements, "
            f"but got {self.size} and {other.size} elements respectively"
        )


# -- kernels -----------------------------------------------------------------------------------------------------------------
def mm_kernel(self: np.ndarray, mat2: np.ndarray) -> np.ndarray:
    for name, t in (("self", self), ("mat2", mat2)):
        if t.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    check_matrices(self, mat2)
    return np.matmul(self, mat2)


def bmm_kernel(self: np.ndarray, mat2: np.ndarray) -> np.ndarray:
    check_batches(self, mat2)
    return np.matmul(self, mat2)


def mv_kernel(self: np.ndarray, vec: np.ndarray) -> np.ndarray:
    if self.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {self.ndim}, {vec.ndim}")
    check_mv(self.shape[0], self, vec)
    return np.matmul(self, vec)


def check_mv(size: int, mat: np.ndarray, vec: np.ndarray) -> None:
    if mat.shape[1] != vec.size or size not in (1, mat.shape[0]):
        raise RuntimeError(f"size mismatch, got input ({size}), mat ({mat.shape[0]}x{mat.shape[1]}), vec ({vec.size})")


def dot_kernel(self: np.ndarray, tensor: np.ndarray) -> np.ndarray:
    check_vectors(self, tensor)
    return np.dot(self, tensor)


def vdot_kernel(self: np.ndarray, other: np.ndarray) -> np.ndarray:
    check_vectors(self, other)
    return np.vdot(self, other)


def sum_of(self: np.ndarray, product: np.ndarray, beta: Any, alpha: Any) -> np.ndarray:
    """`beta * self + alpha * product`; with `beta` 0 NaN and infinities of `self` do not count."""
    d = product.dtype
    a, b = scalar(alpha, d), scalar(beta, d)
    check_expands(self, product.shape)
    if a != 1:
        product = product * a
    return product if b == 0 else product + (self if b == 1 else self * b)


def addmm_kernel(self: np.ndarray, mat1: np.ndarray, mat2: np.ndarray, beta: Any, alpha: Any) -> np.ndarray:
    for name, t in (("mat1", mat1), ("mat2", mat2)):
        if t.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {t.ndim}-D tensor")
    check_matrices(mat1, mat2)
    return sum_of(self, np.matmul(mat1, mat2), beta, alpha)


def addmv_kernel(self: np.ndarray, mat: np.ndarray, vec: np.ndarray, beta: Any, alpha: Any) -> np.ndarray:
    if mat.ndim != 2 or vec.ndim != 1 or self.ndim > 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {self.ndim}, {mat.ndim}, {vec.ndim}")
    check_mv(self.size, mat, vec)
    return sum_of(self, np.matmul(mat, vec), beta, alpha)


def baddbmm_kernel(self: np.ndarray, batch1: np.ndarray, batch2: np.ndarray, beta: Any, alpha: Any) -> np.ndarray:
    check_batches(batch1, batch2)
    return sum_of(self, np.matmul(batch1, batch2), beta, alpha)


def addbmm_kernel(self: np.ndarray, batch1: np.ndarray, batch2: np.ndarray, beta: Any, alpha: Any) -> np.ndarray:
    check_batches(batch1, batch2)
    return sum_of(self, np.add.reduce(np.matmul(batch1, batch2), 0), beta, alpha)


# -- rules: written with `@`, which is matmul on arrays and on Tensors ----------------------------------------------------
def scaled(x: Any, factor: Any) -> Any:
    """`x` times a Python number, which is left out where it is 1."""
    return x if factor == 1 else x * (factor.conjugate() if isinstance(factor, complex) else factor)


def adjoint(x: Any) -> Any:
    """The conjugate transpose of the last two dimensions."""
    return F.transpose(x, -2, -1).conj()


def left(g: Any, right: Any, geometry: Any, factor: Any = 1) -> Any:
    """The gradient of `left @ right` for `left`; a column-major matrix gets a column-major gradient, as in PyTorch."""
    if _column_major(geometry):
        return scaled(F.transpose(right.conj() @ F.transpose(g, -2, -1), -2, -1), factor)
    return scaled(g @ adjoint(right), factor)


def right(g: Any, left: Any, geometry: Any, factor: Any = 1) -> Any:
    """The gradient of `left @ right` for `right`."""
    if _column_major(geometry):
        return scaled(F.transpose(F.transpose(g, -2, -1) @ left.conj(), -2, -1), factor)
    return scaled(adjoint(left) @ g, factor)


def _column_major(geometry: Any) -> bool:
    shape, strides = geometry[0], geometry[1]
    return len(shape) == 2 and strides[0] == 1 and strides[1] == shape[0]


def outer_of(column: Any, row: Any) -> Any:
    return F.unsqueeze(column, 1) * row


def product(kernel: Callable[..., Any], promote: Promote, **words: Any) -> Family:
    """A product that is linear in each operand; has an `out=` form."""
    return plain(kernel, promote, out=True, **{"jvp": "multilinear", **words})


op("mm(Tensor self, Tensor mat2) -> Tensor",
   product(mm_kernel, same("expected m1 and m2 to have the same dtype, but got: {0} != {1}", "addmm_impl_cpu_", CPP_NAMES)),
   self=lambda g, mat2, self_geometry: left(g, mat2, self_geometry),
   mat2=lambda g, self, mat2_geometry: right(g, self, mat2_geometry))  # fmt: skip
op("bmm(Tensor self, Tensor mat2) -> Tensor",
   product(bmm_kernel, same("expected scalar type {0} but found {1}", "bmm")),
   self=lambda g, mat2: g @ adjoint(mat2),
   mat2=lambda g, self: adjoint(self) @ g)  # fmt: skip
op("mv(Tensor self, Tensor vec) -> Tensor",
   product(mv_kernel, same("addmv input tensors must have the same dtype, but got {1}, {0}, and {1}", "addmv_impl_cpu")),
   self=lambda g, vec: outer_of(g, vec.conj()),
   vec=lambda g, self: adjoint(self) @ g)  # fmt: skip
op("dot(Tensor self, Tensor tensor) -> Tensor",
   product(dot_kernel, same("dot : expected both vectors to have same dtype, but found {0} and {1}", "dot")),
   self=lambda g, tensor: g * tensor.conj(),
   tensor=lambda g, self: g * self.conj())  # fmt: skip
op("vdot(Tensor self, Tensor other) -> Tensor",
   product(vdot_kernel, same("dot : expected both vectors to have same dtype, but found {0} and {1}", "dot"), jvp="transpose"),
   self=lambda g, other: g.conj() * other,
   other=lambda g, self: g * self)  # fmt: skip

op("addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   product(addmm_kernel, same("mat1 and mat2 must have the same dtype, but got {1} and {2}", "addmm_impl_cpu_"), inplace=True, jvp="transpose"),
   self=lambda g, beta: scaled(g, beta),
   mat1=lambda g, mat2, mat1_geometry, alpha: left(g, mat2, mat1_geometry, alpha),
   mat2=lambda g, mat1, mat2_geometry, alpha: right(g, mat1, mat2_geometry, alpha))  # fmt: skip
op("addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   product(addmv_kernel, same("addmv input tensors must have the same dtype, but got {0}, {1}, and {2}", "addmv_impl_cpu"), inplace=True, jvp="transpose"),
   self=lambda g, beta: scaled(g, beta),
   mat=lambda g, vec, alpha: scaled(outer_of(g, vec.conj()), alpha),
   vec=lambda g, mat, alpha: scaled(adjoint(mat) @ g, alpha))  # fmt: skip
op("baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   product(baddbmm_kernel, same("Input dtypes must be the same, got: input {0}, batch1: {1}, batch2: {2}", "baddbmm", CPP_NAMES),
           inplace=True, jvp="transpose"),
   self=lambda g, beta: scaled(g, beta),
   batch1=lambda g, batch2, alpha: scaled(g @ adjoint(batch2), alpha),
   batch2=lambda g, batch1, alpha: scaled(adjoint(batch1) @ g, alpha))  # fmt: skip
op("addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor",
   product(addbmm_kernel, same("mat1 and mat2 must have the same dtype, but got {1} and {2}", "addbmm"), inplace=True, jvp="transpose"),
   self=lambda g, beta: scaled(g, beta),
   batch1=lambda g, batch2, alpha: scaled(g @ adjoint(batch2), alpha),
   batch2=lambda g, batch1, alpha: scaled(adjoint(batch1) @ g, alpha))  # fmt: skip


@composite("outer(Tensor self, Tensor vec2) -> Tensor", out=True)
def outer(self: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of `self` (n,) with one of `vec2` (m,): (n, m)."""
    for name, t in (("self", self), ("vec2", vec2)):
        if t.dim() != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {t.dim()}-D")
    return F.reshape(self, (self.numel(), 1)) * vec2


@composite("matmul(Tensor self, Tensor other) -> Tensor", operator="matmul", out=True)
def matmul(self: Tensor, other: Tensor) -> Tensor:
    """The product NumPy's `@` names: vectors, matrices, or broadcast batches of matrices.

    Source of the order of steps: `_matmul_impl` in PyTorch's LinearAlgebra.cpp, which the graph shows.
    """
    ranks = self.dim(), other.dim()
    if 0 in ranks:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {ranks[0]}D and {ranks[1]}D")
    if ranks == (1, 1):
        return F.dot(self, other)
    if ranks == (2, 1):
        return F.mv(self, other)
    if ranks == (1, 2):
        return F.mm(F.unsqueeze(self, 0), other).squeeze_(0)
    if ranks == (2, 2):
        return F.mm(self, other)
    return _folded(self, other) if _folds(self, other) else _batched(self, other)


def _folds(self: Tensor, other: Tensor) -> bool:
    """True where the batch is one tall matrix: the other operand is no batch, and folding costs no copy or spares a gradient."""
    big, small = (self, other) if self.dim() >= other.dim() else (other, self)
    if big.dim() < 3 or small.dim() > 2:
        return False
    if small.requires_grad:
        return True
    if self.dim() == 2:
        return False
    if big.numel() == 0:
        return True
    shape, strides = big.shape, big.stride()
    return all(strides[i] == strides[i + 1] * shape[i + 1] for i in range(big.dim() - 2))


def _folded(self: Tensor, other: Tensor) -> Tensor:
    swapped = other.dim() > self.dim()
    big = F.transpose(other, -2, -1) if swapped else self
    small = other if not swapped else F.t(self) if self.dim() == 2 else self
    lead = tuple(big.shape[:-1])
    tall = F.reshape(big, (math.prod(lead), big.shape[-1]))
    if small.dim() == 1:
        return F._unsafe_view(F.mv(tall, small), lead)
    result = F._unsafe_view(F.mm(tall, small), (*lead, small.shape[1]))
    return F.contiguous(F.transpose(result, -2, -1)) if swapped else result


def _batched(self: Tensor, other: Tensor) -> Tensor:
    rows, inner = (self.shape[-2] if self.dim() > 1 else 1), self.shape[-1]
    batch1, batch2 = tuple(self.shape[:-2]), tuple(other.shape[:-2])
    if self.dim() == other.dim() == 3 and batch1 != batch2:
        if batch1[0] == 1 and self.requires_grad:
            return matmul(F.squeeze(self, 0), other)
        if batch2[0] == 1 and other.requires_grad:
            return matmul(self, F.squeeze(other, 0))
    batch = broadcast(batch1, batch2)
    count = math.prod(batch)
    tail = tuple(other.shape[-2:])
    left_side = F.reshape(F.expand(self, (*batch, rows, inner)), (count, rows, inner))
    right_side = F.reshape(F.expand(other, (*batch, *tail)), (count, *tail))
    vector = other.dim() == 1
    shape = (*batch, *((rows,) if self.dim() > 1 else ()), *(() if vector else tail[1:]))
    if vector:
        return F._unsafe_view(F.squeeze(F.bmm(left_side, F.unsqueeze(right_side, 2)), -1), shape)
    return F._unsafe_view(F.bmm(left_side, right_side), shape)


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape of two. Raises RuntimeError where there is none."""
    count = max(len(a), len(b))
    shape = []
    for i in range(count):
        n = a[i - count + len(a)] if i - count + len(a) >= 0 else 1
        m = b[i - count + len(b)] if i - count + len(b) >= 0 else 1
        if n != m and 1 not in (n, m):
            raise RuntimeError(f"The size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {i}")
        shape.append(m if n == 1 else n)
    return tuple(shape)
