"""Families: what a whole class of ops shares, and the words in which one op may differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .promotion import Promote, common


@dataclass(frozen=True)
class Family:
    """What a declaration starts from. A word fewer than five ops would use is not one of these, unless what all ops share asks it."""

    plan: str  # which shapes go together, to whoever draws cases
    kernel: Callable[..., Any]  # what computes, on arrays; in a composite its body, on Tensors
    promote: Promote | None = None  # how the operands' dtypes combine to the one to compute in
    promotes: tuple[str, ...] | None = None  # the arguments promoted, in the order PyTorch's kernel gets them; None: every Tensor argument
    # Which forms exist.
    method: bool = True
    function: bool = True
    operator: str = ""  # the Python operator: "mul" for `*`
    inplace: bool | Callable[..., Any] = False  # may be what looks at the arguments of that form first; in a composite its body
    inplace_function: bool = True  # the in-place form is a function, too
    out: Any = False  # may say what dtype the target must have, a word or a text of `engine.out`; in a composite: the op whose form it is
    # The call.
    first: Callable[..., None] | None = None  # looks at the arguments before anything else does
    in_rows: Callable[..., Callable[..., Any] | None] | None = None  # of a call on small row-major arrays: what else gives the same bits
    # of such arrays, which may lie in any order: the texts of what the rules come to where the gradient has no gaps
    rules_in_rows: Callable[..., tuple[str, ...] | None] | None = None
    wide_numbers: bool = False  # in 16-bit arithmetic a number that is not the first operand is not rounded to 16 bits first
    unary: bool = False  # numbers among the operands have no part in the layout of the result
    flips: str = ""  # the view reads as the "conj" or the "neg" of its source
    random: bool = False  # it draws numbers: in a batch the same for every sample, others, or none, as `vmap` was told
    changes_dtype: bool = False  # a result of a dtype that is not differentiable ends the graph without an error
    # Writes.
    into: Callable[..., Any] | None = None  # the kernel for the in-place form, which writes to the array it gets first
    overlaps: bool = False  # a write may go to a tensor whose elements share memory
    # What is written to, in place or by `out=`, may share no memory with another argument, and with the first only all of it; "partly":
    # with any argument only all of it; "itself": with the first, which is copied to the first target; in a composite: as its form, False,
    # or with what a function of the arguments gives
    apart: bool | str | Callable[..., Any] | None = None
    # Recording and differentiating.
    node: str = ""  # the node's name, where it does not follow from that of the op
    constants: tuple[str, ...] = ()  # arguments that may not require grad
    complex_gradient: bool = True  # False where a complex result may not require grad
    underived: bool = False  # PyTorch records the call and has no formula: the rules say which arguments could require grad, and raise
    drops_imaginary: bool = False  # PyTorch's formulas drop the imaginary part of a real operand's gradient, before the next formula runs
    casts: bool = False  # as PyTorch has it, its rules cast to the dtype of the input, whatever dtype that wants its gradient in
    moves: bool = False  # its rules only move elements of the gradient, so that one of 16 bits stays what it is
    stepwise: bool = False  # its rules call ops on 16-bit gradients as they are, each of which rounds; others run in float32 and round once
    # How often PyTorch has written to what each rule gives, zeros that it scatters to, as a rule: the version of a gradient
    writes: tuple[int, ...] = ()
    jvp: str | Callable[..., Any] | None = "transpose"  # the rule of forward mode


def pointwise(kernel: Callable[..., Any], promote: Promote | None = common, **words: Any) -> Family:
    """Elementwise with broadcasting; has in-place and `out=` forms."""
    return Family("pointwise", kernel, promote, **{"out": True, "inplace": True, "apart": "partly", "jvp": "pointwise", **words})


def reduction(kernel: Callable[..., Any], promote: Promote | None = None, **words: Any) -> Family:
    """Fewer elements out than in; has an `out=` form."""
    return Family("reduction", kernel, promote, **{"out": True, **words})


def view(kernel: Callable[..., Any], **words: Any) -> Family:
    """The result shares memory, version and history of writes with its first argument; memory alone where the signature names no view."""
    return Family("view", kernel, **{"jvp": "linear", **words})


def write(kernel: Callable[..., Any], **words: Any) -> Family:
    """Exists only in place: the kernel returns what the first argument is to hold."""
    return Family("write", kernel, **words)


def restride(kernel: Callable[..., Any], **words: Any) -> Family:
    """Exists only in place: the first argument becomes the view of its memory that the kernel returns."""
    return Family("restride", kernel, **{"jvp": "linear", "function": False, **words})


def plain(kernel: Callable[..., Any], promote: Promote | None = None, **words: Any) -> Family:
    """Nothing in common with others."""
    return Family("plain", kernel, promote, **words)
