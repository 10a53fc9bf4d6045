"""Questions about each element, answered with a bool: isin, signbit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import OF_NUMPY, bool_, complex128, dtype, of_number
from ..op import Op, op, plain, pointwise
from ..out import fit, matching
from ..promotion import common
from ..strided import copied
from ..tensor import Tensor
from .convert import cast
from .shape import viewed


# -- membership --------------------------------------------------------------------------------------------------------------
def members(operands: list[Any]) -> dtype:
    """The common dtype. Raises RuntimeError where elements of one of them are not looked up."""
    for v in operands:
        d = OF_NUMPY[v.dtype] if isinstance(v, np.ndarray) else complex128 if isinstance(v, complex) else of_number(v)
        if d.category in (0, 3):
            raise RuntimeError(f"Unsupported input type encountered for isin(): {d.scalar_name}")
    return common(operands)


def is_member(elements: Any, test_elements: Any, assume_unique: bool, invert: bool) -> np.ndarray:
    """True where an element is equal to one of the others; NaN is equal to none."""
    d = members([elements, test_elements])
    found_in, others = (v if isinstance(v, np.ndarray) else np.asarray(v).astype(d.np) for v in (elements, test_elements))
    if others.dtype != d.np:
        others = copied(others, None, d.np, cast)
    few = others.size < int(10 * found_in.size**0.145)
    if few:  # so few are compared with every element, and seen as one dimension
        others = viewed(others, (-1,)) if others.size else others
    wide, others = found_in.astype(d.wide), others.astype(d.wide)
    if assume_unique and not few:
        found = beside_equals(wide, others)
    else:
        found = np.array(np.isin(wide, others) & (wide == wide))
    return ~found if invert else found


def beside_equals(elements: np.ndarray, others: np.ndarray) -> np.ndarray:
    """True where the next of all, in order, is equal: PyTorch's convention where it is told that none comes twice, right or wrong."""
    every = np.concatenate([elements.reshape(-1), others.reshape(-1)])
    order = np.argsort(every, kind="stable")
    found = np.zeros(every.shape, bool)
    found[order[:-1]] = every[order[1:]] == every[order[:-1]]
    return found[: elements.size].reshape(elements.shape)


def is_member_into(op: Op, values: list[Any], outs: Sequence[Tensor]) -> list[np.ndarray]:
    """The answer for one number; PyTorch makes the target empty before it gives it its shape."""
    matching(bool_, outs[0].dtype)
    fit(outs[0], np.empty(0, bool))
    return op.compute(values)[1]


_ISIN = "bool assume_unique=False, bool invert=False) -> Tensor"
for _name, _arguments in {
    "Tensor_Tensor": "Tensor elements, Tensor test_elements",
    "Tensor_Scalar": "Tensor elements, Scalar test_element",
    "Scalar_Tensor": "Scalar element, Tensor test_elements",
}.items():
    _out = is_member_into if _name == "Scalar_Tensor" else "matching"
    op(f"isin.{_name}({_arguments}, *, {_ISIN}", plain(is_member, method=False, out=_out, jvp=None))


# -- signs -------------------------------------------------------------------------------------------------------------------
def sign_bit(self: np.ndarray) -> np.ndarray:
    if self.dtype.kind == "c":
        raise NotImplementedError("signbit is not implemented for complex tensors.")
    if self.dtype.kind in "biu":
        return self < 0
    return np.signbit(self.astype(np.float32) if OF_NUMPY[self.dtype].low else self)


op("signbit(Tensor self) -> Tensor",
   pointwise(sign_bit, None, inplace=False, out="signbit does not support non-boolean outputs.", jvp=None))  # fmt: skip
