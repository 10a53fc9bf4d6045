"""The QR decomposition: a matrix as the product of one with orthonormal columns and an upper triangle."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import lapack

from ..geometry import strides_of
from ..once import warn_once
from ..op import OPS, F, Op, composite, op, plain
from ..operands import unwrapped, wrapped
from ..strided import new
from ..tensor import Tensor
from .arithmetic import not_implemented

NEEDS_Q = (
    "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you are "
    "going to differentiate through linalg.qr."
)
COMPLETED = "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
DEPRECATED = (
    "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future PyTorch release.\n"
    "The boolean parameter 'some' has been replaced with a string parameter 'mode'.\n"
    "Q, R = torch.qr(A, some)\nshould be replaced with\nQ, R = torch.linalg.qr(A, 'reduced' if some else 'complete')"
)


# -- matrices in memory column by column, as LAPACK has them ------------------------------------------------------------------------
def by_columns(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Memory for matrices, each in it column by column."""
    swapped = strides_of(np.empty((*shape[:-2], max(shape[-1], 1), max(shape[-2], 1)), dtype))
    return new(shape, (*swapped[:-2], 1, max(shape[-2], 1)), dtype)


def routine(name: str, dtype: np.dtype) -> Any:
    """LAPACK's function for a dtype."""
    return getattr(lapack, {"f": "s", "d": "d", "F": "c", "D": "z"}[dtype.char] + name)


# -- forward ---------------------------------------------------------------------------------------------------------------------
def check_matrix(A: Any, mode: str) -> None:
    """Raises RuntimeError for what has no QR decomposition, and for a mode there is not."""
    if A.ndim < 2:
        raise RuntimeError("linalg.qr: The input tensor A must have at least 2 dimensions.")
    if A._dtype.category < 2:
        raise RuntimeError(f"linalg.qr: Expected a floating point or complex tensor as input. Got {A._dtype.scalar_name}")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'")


def qr_kernel(A: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    batch, (m, n) = A.shape[:-2], A.shape[-2:]
    k = min(m, n)
    columns = m if mode == "complete" else k
    Q = np.empty(0, A.dtype) if mode == "r" else by_columns((*batch, m, columns), A.dtype)
    R = by_columns((*batch, columns, n), A.dtype)
    if A.dtype.char not in "fdFD":
        raise not_implemented("geqrf_cpu", A)
    for at in np.ndindex(batch):
        factor(A[at], None if mode == "r" else Q[at], R[at])
    return Q, R


def factor(A: np.ndarray, Q: np.ndarray | None, R: np.ndarray) -> None:
    """Writes both factors of one matrix."""
    m, k = len(A), min(A.shape)
    R[...] = 0
    if Q is not None:
        Q[...] = np.eye(*Q.shape)
    if not k:
        return
    reflected, tau = routine("geqrf", A.dtype)(np.asfortranarray(A))[:2]
    R[...] = np.triu(reflected[: len(R)])
    if Q is None or not Q.shape[1]:
        return
    start = np.zeros((m, Q.shape[1]), A.dtype, order="F")
    start[:, :k] = reflected[:, :k]
    name = "orgqr" if A.dtype.kind == "f" else "ungqr"
    Q[...] = routine(name, A.dtype)(start, tau)[0]


# -- a triangle to the right ---------------------------------------------------------------------------------------------------------
def solve_kernel(A: np.ndarray, B: np.ndarray, upper: bool) -> np.ndarray:
    """`X` of `X A = B` for a triangle `A`, of which only that half is read; column by column, each divided by the diagonal at its end."""
    n = A.shape[-1]
    whole = B.dtype.kind == "c" and n < 2  # of a conjugate that lies in one piece PyTorch solves for the conjugate
    made = np.empty(B.shape, B.dtype) if whole else by_columns(B.shape, B.dtype)
    made[...] = B
    for j in range(n) if upper else reversed(range(n)):
        before = slice(0, j) if upper else slice(j + 1, n)
        made[..., j] -= (made[..., before] @ A[..., before, j, None])[..., 0]
        made[..., j] /= A[..., j, j, None]
    return made


def adjoint(X: Tensor) -> Tensor:
    made: Tensor = F.conj(F.transpose(X, -2, -1))
    return made


def solved(A: Any, B: Any, upper: bool) -> Any:
    return SOLVE.run([A, B, upper])


def solve_rule(g: Any, A: Any, upper: bool, result: Any, needs: set[str]) -> tuple[Any, Any]:
    """Of `B` the solution for the adjoint triangle; that of the triangle follows from it."""
    on_arrays = isinstance(g, np.ndarray)
    g, A, result = (wrapped(t) for t in (g, A, result))
    of_B = solved(adjoint(A), g, not upper)
    of_A = None
    if "A" in needs:
        of_A = (F.triu if upper else F.tril)(-F.matmul(adjoint(result), of_B))
    return (of_A, of_B) if not on_arrays else (unwrapped(of_A), unwrapped(of_B))


def solve_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> Any:
    (A, _, upper), (of_A, of_B), [X] = values, tangents, outs
    if of_A is not None:
        change = F.matmul(X, (F.triu if upper else F.tril)(of_A))
        of_B = -change if of_B is None else of_B - change
    return solved(A, of_B, upper)


SOLVE = Op(
    "linalg_solve_triangular(Tensor A, Tensor B, bool upper) -> Tensor",
    plain(solve_kernel, node="LinalgSolveTriangularBackward0", stepwise=True, jvp=solve_tangent),
    {"A, B": solve_rule},
)


# -- backward --------------------------------------------------------------------------------------------------------------------
def check_mode(mode: str, m: int, n: int) -> None:
    """Raises RuntimeError where there is no derivative."""
    if mode == "r":
        raise RuntimeError(NEEDS_Q)
    if mode == "complete" and m > n:
        raise RuntimeError(COMPLETED)


def halved(X: Tensor, part: str) -> Tensor:
    """`X` with its diagonal halved, in place as PyTorch does: the real part of it, or the imaginary."""
    diagonal = F.diagonal(X, 0, -2, -1)
    if X._dtype.is_complex:
        diagonal = getattr(F, part)(diagonal)
    elif part == "imag":
        return X
    OPS["mul.Scalar"].run_inplace([diagonal, 0.5])
    return X


def qr_rule(g_Q: Any, g_R: Any, Q: Any, R: Any, mode: str) -> Any:
    """From `A = Q R` with `Q^H Q = 1` and a triangle `R`: the adjoint of solving `dA = dQ R + Q dR` for both."""
    if not isinstance(Q, Tensor):
        g_Q, g_R, Q, R = (wrapped(t) for t in (g_Q, g_R, Q, R))
        return unwrapped(qr_rule(g_Q, g_R, Q, R, mode))
    m, n = Q.shape[-2] if mode != "r" else 0, R.shape[-1]
    check_mode(mode, m, n)
    of_Q = None if g_Q is None else F.matmul(adjoint(Q), g_Q)  # PyTorch's compiler has it evaluate what is to the right first
    inner: Any = None if g_R is None else F.matmul(g_R, adjoint(R))
    if of_Q is not None:
        inner = -of_Q if inner is None else inner - of_Q
    if m >= n:
        half = F.triu(inner)
        made = F.matmul(Q, halved(half + adjoint(half), "real"))
        made = made if g_Q is None else made + g_Q
        return solved(adjoint(R), made, False)
    turned = -inner
    skew = halved(F.tril(turned - adjoint(turned)), "imag")
    made = F.matmul(Q, skew)
    square = solved(adjoint(F.narrow(R, -1, 0, m)), made, False)
    made = F.cat([square, F.new_zeros(square, (*R.shape[:-1], n - m))], -1)
    return made if g_R is None else made + F.matmul(Q, g_R)


def qr_tangent(values: list[Any], tangents: list[Any], outs: list[Any]) -> tuple[Any, Any]:
    """The tangents of both factors: what solves `dA = dQ R + Q dR`."""
    [dA], (_, mode), (Q, R) = tangents, values, outs
    m, n = dA.shape[-2:]
    check_mode(mode, m, n)
    if m >= n:
        apart = solved(R, dA, True)
        inner = F.matmul(adjoint(Q), apart)
        change = halved(F.triu(inner + adjoint(inner)), "real")
        return apart - F.matmul(Q, change), F.matmul(change, R)
    along = F.matmul(adjoint(Q), dA)
    low = F.tril(solved(F.narrow(R, -1, 0, m), F.narrow(along, -1, 0, m), True))
    diagonal = F.diagonal(low, 0, -2, -1)
    if low._dtype.is_complex:
        halved(low, "imag")
        diagonal = F.real(diagonal)
    diagonal.zero_()
    turn = low - adjoint(low)
    return F.matmul(Q, turn), along - F.matmul(turn, R)


op('linalg.qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)',
   plain(qr_kernel, first=check_matrix, method=False, out=True, node="LinalgQrBackward0", stepwise=True, jvp=qr_tangent),
   A=qr_rule)  # fmt: skip


@composite("qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)", out="linalg.qr")
def qr(self: Tensor, some: bool) -> Any:
    warn_once(DEPRECATED)
    return OPS["linalg.qr"].run([self, "reduced" if some else "complete"])
