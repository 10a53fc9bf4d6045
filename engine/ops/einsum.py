"""Sums of products named by subscripts or by dimensions: einsum, tensordot, and a matrix plus an outer product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..calls import FUNCTIONS
from ..geometry import in_range
from ..op import F, composite
from ..registry import OVERLOADS
from ..tensor import Tensor

ELLIPSIS = "."
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # in the order in which implicit outputs and sums are laid out


# -- reading an equation -----------------------------------------------------------------------------------------------------
def read_operands(lhs: str, count: int) -> list[str]:
    """The subscripts of each operand, an ellipsis as one dot. Raises RuntimeError where the text does not parse."""
    found, i = [""], 0
    while i < len(lhs):
        c, at = lhs[i], len(found) - 1
        if c == ",":
            if len(found) == count:
                raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
            found.append("")
        elif c == ".":
            if ELLIPSIS in found[-1]:
                raise RuntimeError(f"einsum(): found '.' for operand {at} for which an ellipsis was already found")
            if lhs[i : i + 3] != "...":
                raise RuntimeError(f"einsum(): found '.' for operand {at} that is not part of any ellipsis")
            found[-1] += ELLIPSIS
            i += 2
        elif c != " ":
            check_letter(c, i)
            found[-1] += c
        i += 1
    if len(found) != count:
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    return found


def check_letter(c: str, at: int) -> None:
    if c not in LETTERS:
        raise RuntimeError(f"einsum(): invalid subscript given at index {at} in the equation string, subscripts must be in [a-zA-Z]")


def read_output(rhs: str, start: int, known: set[str]) -> str:
    """The subscripts of the output. Raises RuntimeError where one is unknown or comes twice."""
    found, i = "", 0
    while i < len(rhs):
        c = rhs[i]
        if c == ".":
            if ELLIPSIS in found:
                raise RuntimeError("einsum(): found '.' for output but an ellipsis (...) was already found")
            if rhs[i : i + 3] != "...":
                raise RuntimeError("einsum(): found '.' for output that is not part of any ellipsis (...)")
            found += ELLIPSIS
            i += 2
        elif c != " ":
            check_letter(c, start + i)
            if c in found or c not in known:
                why = "appears more than once in the output" if c in found else "does not appear in the equation for any input operand"
                raise RuntimeError(f"einsum(): output subscript {c} {why}")
            found += c
        i += 1
    return found


def covered(subscripts: str, rank: int, at: int) -> int:
    """How many dimensions the ellipsis of operand `at` covers. Raises RuntimeError where subscripts and rank disagree."""
    count = len(subscripts.replace(ELLIPSIS, ""))
    if ELLIPSIS in subscripts:
        if count > rank:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({count}) is more than the number of dimensions ({rank}) "
                f"for operand {at}"
            )
        return rank - count
    if count != rank:
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({count}) does not match the number of dimensions ({rank}) for operand "
            f"{at} and no ellipsis was given"
        )
    return 0


@dataclass
class Layout:
    """Where each subscript goes when every operand has the output's dimensions first, then those summed over."""

    place: dict[str, int]
    ellipsis: int  # place of the first dimension any ellipsis covers
    width: int  # how many dimensions ellipses cover
    outputs: int
    rank: int
    sizes: dict[Any, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)  # per dimension: how many operands are not of size 1 in it

    @classmethod
    def of(cls, operands: Sequence[str], output: str | None, width: int) -> Layout:
        """The layout for an explicit output, or for the implicit one: the ellipsis, then what appears once."""
        used = [c for c in LETTERS if any(c in subscripts for subscripts in operands)]
        if output is None:
            output = ELLIPSIS + "".join(c for c in used if sum(s.count(c) for s in operands) == 1)
        place, at, ellipsis = {}, 0, -1
        for c in output:
            if c == ELLIPSIS:
                ellipsis, at = at, at + width
            else:
                place[c], at = at, at + 1
        outputs = at
        if ellipsis < 0:
            ellipsis, at = at, at + width
        for c in used:
            if c not in place:
                place[c], at = at, at + 1
        return cls(place, ellipsis, width, outputs, at, {}, [0] * at)

    def arrange(self, t: Tensor, subscripts: str, at: int) -> Tensor:
        """Operand `at` with its diagonals taken and its dimensions in place, those it lacks of size 1."""
        order, dim = [-1] * self.rank, 0
        span = t.dim() - len(subscripts.replace(ELLIPSIS, ""))
        for c in subscripts:
            if c == ELLIPSIS:
                for j in range(self.width - span, self.width):
                    self._see_covered(t.shape[dim], j, dim, at)
                    order[self.ellipsis + j] = dim
                    dim += 1
            elif order[self.place[c]] < 0:
                self._see(t.shape[dim], c, at)
                order[self.place[c]] = dim
                dim += 1
            else:
                t = repeated(t, c, order[self.place[c]], dim, at)
        for i, d in enumerate(order):
            if d < 0:
                t, order[i] = F.unsqueeze(t, dim), dim
                dim += 1
        return F.permute(t, tuple(order))

    def _see(self, size: int, c: str, at: int) -> None:
        if size == 1:
            return
        if self.sizes.setdefault(c, size) != size:
            raise RuntimeError(
                f"einsum(): subscript {c} has size {size} for operand {at} which does not broadcast with previously seen size "
                f"{self.sizes[c]}"
            )
        self.counts[self.place[c]] += 1

    def _see_covered(self, size: int, j: int, dim: int, at: int) -> None:
        if size == 1:
            return
        if self.sizes.setdefault(j, size) != size:
            raise RuntimeError(
                f"einsum(): dimension {dim} covered by ellipsis in operand {at}has size {size} which does not broadcast with previously "
                f"seen ellipsis with size {self.sizes[j]} for the respective dimension"
            )
        self.counts[self.ellipsis + j] += 1

    def due(self, a: Tensor, b: Tensor) -> tuple[list[int], list[int], list[int]]:
        """Dimensions to sum in the product of `a` and `b`, in `a` alone and in `b` alone: those no later operand has."""
        both: list[int] = []
        alone: tuple[list[int], list[int]] = ([], [])
        for d in range(self.outputs, self.rank):
            sides = a.shape[d] != 1, b.shape[d] != 1
            if all(sides):
                self.counts[d] -= 1
                if self.counts[d] == 1:
                    both.append(d)
                    self.counts[d] = 0
            elif self.counts[d] == 1 and any(sides):
                alone[sides.index(True)].append(d)
                self.counts[d] = 0
        return both, *alone


def repeated(t: Tensor, c: str, first: int, second: int, at: int) -> Tensor:
    """The diagonal of two dimensions with the same subscript, in the place of the first."""
    n, m = t.shape[second], t.shape[first]
    if n != m:
        raise RuntimeError(f"einsum(): subscript {c} is repeated for operand {at} but the sizes don't match, {n} != {m}")
    return F.movedim(F.diagonal(t, 0, first, second), -1, first)


# -- contracting -------------------------------------------------------------------------------------------------------------
def product_of(left: Tensor, right: Tensor, dims: list[int]) -> Tensor:
    """The product of two aligned tensors summed over `dims`, which stay with size 1: one batched product of matrices.

    Source of the order of steps: `sumproduct_pair` in PyTorch's Linear.cpp, which the graph shows.
    """
    if not dims:
        return left * right
    groups: dict[str, list[int]] = {"shared": [], "left": [], "right": []}
    for i in range(left.dim()):
        if i not in dims:
            kind = "right" if left.shape[i] == 1 else "left" if right.shape[i] == 1 else "shared"
            groups[kind].append(i)
    shared, mine, theirs = groups.values()
    if mine and theirs and theirs[-1] < mine[0]:
        left, right, mine, theirs = right, left, theirs, mine
    size = [*(left.shape[d] for d in (*shared, *mine)), *(1 for _ in dims), *(right.shape[d] for d in theirs)]
    order = [*shared, *mine, *dims, *theirs]
    batch, summed = count(left, shared), count(left, dims)
    tall = F.reshape(F.permute(left, (*shared, *mine, *dims, *theirs)), (batch, count(left, mine), summed))
    wide = F.reshape(F.permute(right, (*shared, *dims, *theirs, *mine)), (batch, summed, count(right, theirs)))
    return F.permute(F.view(F.bmm(tall, wide), size), [order.index(i) for i in range(len(order))])


def count(t: Tensor, dims: Sequence[int]) -> int:
    """How many elements `dims` span."""
    return int(np.prod([t.shape[d] for d in dims], dtype=np.int64))


def next_pair(path: list[int], waiting: int) -> tuple[int, int]:
    """The two operands to contract. Raises RuntimeError where the path names none."""
    i, j = sorted((path.pop(0), path.pop(0)))
    if i == j or i < 0 or j >= waiting:
        why = "cannot contract an operand with itself" if i == j else "operand index is out of bounds"
        raise RuntimeError(f"einsum(): invalid contraction ({i}, {j}) {why}")
    return i, j


def contracted(ops: list[Tensor], layout: Layout, path: Sequence[int] | None) -> Tensor:
    """All operands multiplied, two at a time, everything summed as soon as it can be."""
    steps = list(path or ())
    while len(ops) > 1:
        i, j = (0, 1) if path is None else next_pair(steps, len(ops))
        b, a = ops.pop(j), ops.pop(i)
        both, left, right = layout.due(a, b)
        a = F.sum(a, left, True) if left else a
        b = F.sum(b, right, True) if right else b
        ops.insert(0 if path is None else len(ops), product_of(a, b, both))
    return ops[0]


@composite("einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", method=False)
def einsum(equation: str, tensors: list[Tensor], path: Sequence[int] | None) -> Tensor:
    """The sum of products that `equation` names. Source of the order of steps: `einsum` in PyTorch's Linear.cpp."""
    if not tensors:
        raise RuntimeError("einsum(): must provide at least one operand")
    expected = 1 if len(tensors) == 1 else 2 * (len(tensors) - 1)
    if path is not None and len(path) != expected:
        raise RuntimeError(f"einsum(): expected contraction path given in path parameter to have size {expected} but got {len(path)}")
    lhs, arrow, rhs = equation.partition("->")
    operands = read_operands(lhs, len(tensors))
    width = max(covered(s, t.dim(), i) for i, (s, t) in enumerate(zip(operands, tensors, strict=True)))
    layout = Layout.of(operands, read_output(rhs, len(lhs) + 2, set("".join(operands))) if arrow else None, width)
    result = contracted([layout.arrange(t, s, i) for i, (s, t) in enumerate(zip(operands, tensors, strict=True))], layout, path)
    if layout.rank == layout.outputs:
        return result
    if len(tensors) == 1:
        return F.sum(result, list(range(layout.outputs, layout.rank)))
    return F.view(result, result.shape[: layout.outputs])


# -- the public forms, which are Python in PyTorch too ---------------------------------------------------------------------------
native_einsum = OVERLOADS["einsum"].form("function")


def subscript(n: Any) -> str:
    """The letter of a number in a list of subscripts. Raises ValueError beyond 51."""
    if n == Ellipsis:
        return "..."
    if n >= 0 and n < 52:
        return LETTERS[n]
    raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")


def einsum_of(*args: Any) -> Tensor:
    """`einsum("ij,jk", a, b)`, with the operands in one list, or as operands each followed by its subscripts as numbers."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list"
        )
    equation, operands = args[0], args[1:]
    if isinstance(args[0], Tensor):
        equation = ",".join("".join(map(subscript, listed)) for listed in args[1::2])
        operands = args[::2]
        if len(args) % 2:
            equation, operands = equation + "->" + "".join(map(subscript, args[-1])), args[:-1:2]
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        return einsum_of(equation, *operands[0])
    return native_einsum(equation, operands)


einsum_of.__name__ = einsum_of.__qualname__ = "einsum"
FUNCTIONS["einsum"] = einsum_of


# -- tensordot ---------------------------------------------------------------------------------------------------------------
@composite("tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor", method=False, out=True)
def tensordot(self: Tensor, other: Tensor, dims_self: Sequence[int], dims_other: Sequence[int]) -> Tensor:
    """The product summed over pairs of dimensions, as one product of matrices or of vectors."""
    if len(dims_self) != len(dims_other):
        raise RuntimeError("both dimension lists should have same length")
    if self.dtype is not other.dtype:
        raise RuntimeError("both inputs should have same dtype")
    left, right, size = paired(self, other, dims_self, dims_other)
    first, second = distinct(dims_self, self.dim()), distinct(dims_other, other.dim())
    kept = [d for d in range(self.dim()) if d not in first], [d for d in range(other.dim()) if d not in second]
    shape = [*(left.shape[d] for d in kept[0]), *(right.shape[d] for d in kept[1])]
    to_left, to_right = [*kept[0], *dims_self], [*dims_other, *kept[1]]
    rows, columns = count(self, kept[0]), count(other, kept[1])
    if rows == columns == 1:
        return F.reshape(single(F.permute(left, to_left), F.permute(right, to_right), size), shape)
    left = F.reshape(F.permute(left, to_left), (rows, size))
    return F.reshape(F.mm(left, F.reshape(F.permute(right, to_right), (size, columns))), shape)


def single(left: Tensor, right: Tensor, size: int) -> Tensor:
    """The sum of all products, without a copy where the operands would have to be copied to be vectors. The right one comes first."""
    if left.is_contiguous() and right.is_contiguous():
        right = F.reshape(right, (size,))
        return F.dot(F.reshape(left, (size,)), right)
    right = F.squeeze(right)
    return F.sum(F.squeeze(left) * right, dtype=left.dtype)


def paired(self: Tensor, other: Tensor, dims_self: Sequence[int], dims_other: Sequence[int]) -> tuple[Tensor, Tensor, int]:
    """Both operands, broadcast dimensions summed; and how many elements are summed over. Raises RuntimeError for unequal sizes."""
    left, right, size = self, other, 1
    for i, j in zip(dims_self, dims_other, strict=True):
        n, m = self.size(i), other.size(j)
        if m == 1:
            left = F.sum(left, [i], True, dtype=left.dtype)
        elif n == 1:
            right = F.sum(right, [j], True, dtype=right.dtype)
        elif n != m:
            raise RuntimeError(f"contracted dimensions need to match, but first has size {n} in dim {i} and second has size {m} in dim {j}")
        else:
            size *= n
    return left, right, size


def distinct(dims: Sequence[int], rank: int) -> set[int]:
    """The dimensions counted from the front. Raises RuntimeError where one comes twice."""
    found: set[int] = set()
    for d in dims:
        d = in_range(d, rank)
        if d in found:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        found.add(d)
    return found


native_tensordot = OVERLOADS["tensordot"].form("function")


def tensordot_of(a: Any, b: Any, dims: Any = 2, out: Tensor | None = None) -> Tensor:
    """`tensordot` over the last `dims` dimensions of `a` and the first of `b`, or over two lists of dimensions."""
    if not isinstance(dims, tuple | list | Tensor | int):
        raise RuntimeError(
            f"tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, but got dims={dims}"
        )
    first, second = dims if isinstance(dims, tuple | list) else of_tensor(dims) if isinstance(dims, Tensor) else of_number(a, b, dims)
    return native_tensordot(a, b, first, second) if out is None else native_tensordot(a, b, first, second, out=out)


def of_tensor(dims: Tensor) -> tuple[list[int], list[int]]:
    if dims.numel() > 1:
        if dims.size()[0] != 2:
            raise AssertionError(f"dims tensor must have size 2 in first dimension, got {dims.size()[0]}")
        first, second = dims.tolist()
        return first, second
    many = int(dims.item())
    if many < 0:
        raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
    return list(range(-many, 0)), list(range(many))


def of_number(a: Tensor, b: Tensor, dims: int) -> tuple[list[int], list[int]]:
    if dims < 0:
        raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
    if dims > min(a.dim(), b.dim()):
        raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
    return list(range(-dims, 0)), list(range(dims))


tensordot_of.__name__ = tensordot_of.__qualname__ = "tensordot"
FUNCTIONS["tensordot"] = tensordot_of
