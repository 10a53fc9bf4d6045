"""What is special about the inputs of sums of products: equations that fit their operands."""

from collections.abc import Callable
from typing import Any

from ..draft import Draft
from ..kinds import always, first_dtype, shaped, tensor
from ..source import Source
from ..spec import spec

EQUATIONS = (
    "ij,jk->ik", "i,i->", "ij->ji", "ii->i", "ii", "ij->j", "bij,bjk->bik", "i,j->ij", "ij,ij->ij", "ijk,jk->i",
    "...ij,...jk->...ik", "...i->...", "ij,jk", "ij,kj->ki", "bi,oij,bj->bo", "ij,jk,kl->il", "iij->j", "iji->ij", "...,...",
    "ij,...j->...i", "i...->i", "...i,i...->...", "abc,cd->abd", "bik,bkj->bji", "ij,ji->", "i,j,k->kij", "ij->", "i j , j -> i",
    "Ab,bA->A", "iijj->ij", "a,ab,bc,c->", ",i->i", "ij,k->kji",
)  # fmt: skip


def equation(src: Source, draft: Draft) -> str:
    return EQUATIONS[src.u8() % len(EQUATIONS)]


def operand(subscripts: str, places: list[tuple[str, int]]) -> Callable[..., Any]:
    """A tensor for one operand: sides by subscript, now and then 1; an ellipsis stands for up to two shared dimensions."""

    def shape(src: Source, draft: Draft) -> tuple[int, ...]:
        made: list[int] = []
        for c in subscripts.replace("...", "."):
            if c == ".":
                made += [draft.side(src, name) for name in ("first", "second")[draft.side(src, "ellipsis") % 3 :]]
            else:
                side = draft.side(src, c)
                made.append(1 if subscripts.count(c) == 1 and src.u8() > 235 else side)
        return tuple(made)

    return tensor(shape, dtype=first_dtype)


def operands(src: Source, draft: Draft) -> list[Any]:
    """One operand for each part of the equation."""
    lhs = draft.args["equation"].partition("->")[0].replace(" ", "")
    made: list[Any] = []
    for subscripts in lhs.split(","):
        draft.args[draft.argument.name] = made
        made.append(operand(subscripts, [])(src, draft))
    return made


spec(
    "einsum", equation=always(equation), tensors=always(operands), path=None,
    call=lambda m, equation, tensors, path=None: m.einsum(equation, tensors), sums=True,
    why="the public einsum is a Python function without path; a BLAS adds in an order of its own, which decides the sign of a zero",
)  # fmt: skip
spec(
    "tensordot", self=shaped("a", "b", "c"), other=shaped("c", "b", "d", dtype=first_dtype), dims_self=(2, 1), dims_other=(0, 1),
    call=lambda m, self, other, dims_self, dims_other: m.tensordot(self, other, (dims_self, dims_other)),
    sums=True,
    why="the public tensordot is a Python function that takes both lists as one; a BLAS adds in an order of its own",
)  # fmt: skip
