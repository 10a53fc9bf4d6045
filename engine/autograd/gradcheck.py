"""`gradcheck`: gradients compared with differences of the function itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import dtypes, modes
from ..registry import F
from ..tensor import Tensor, wrap
from . import forward_ad
from .backward import grad
from .function import Function

NOT_REENTRANT = (
    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different values, although "
    "analytical gradient matches numerical gradient.The tolerance for nondeterminism was {}."
    "\n\nNOTE: If your op relies on non-deterministic operations i.e., it is listed here:\n"
    "https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html\n"
    "this failure might be expected.\n\n"
    "If you are adding a new operator, please file an issue and then use one of the\n"
    "workarounds. The workaround depends on how your test invokes gradcheck/gradgradcheck.\n"
    "If the test\n"
    "- manually invokes gradcheck/gradgradcheck, then call gradcheck/gradgradcheck\n"
    "  with `nondet_tol=<tol>` as a keyword argument.\n"
    "- is OpInfo-based (e.g., in test_ops_gradients.py), then modify the OpInfo for the test\n"
    "  to have `gradcheck_nondet_tol=<tol>`.\n"
    "- is a Module test (e.g., in common_nn.py), then modify the corresponding\n"
    "  module_test entry to have `gradcheck_nondet_tol=<tol>`\n"
)
SINGLE = (
    "Input #{} requires gradient and is not a double precision floating point or complex. This check will likely fail if all the inputs "
    "are not of double precision floating point or complex. "
)
OVERLAPPING = (
    "The {}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able to compute the "
    "numerical gradients correctly. You should call .contiguous on the input before passing it to gradcheck."
)
# PyTorch's convention: this is said of another dtype, whether `check_grad_dtypes` asks for it or not.
ANOTHER_DTYPE = "Analytical gradient has incorrect size"
UNDEFINED = (
    "Backwards compatibility: New undefined gradient support checking feature is enabled by default, but it may break existing callers of "
    'this function. If this is true for you, you can call this function with "check_undefined_grad=False" to disable the feature'
)
LOOK = 'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'


class GradcheckError(RuntimeError):
    """What `gradcheck` raises where gradients are wrong."""


@dataclass(frozen=True)
class Check:
    """One check: the function, its inputs, and how far apart gradient and difference may be."""

    func: Callable[..., Any]
    inputs: tuple[Any, ...]
    eps: float
    atol: float
    rtol: float
    nondet_tol: float

    def watched(self) -> list[Tensor]:
        return [t for t in self.inputs if isinstance(t, Tensor) and t.requires_grad]

    def called(self) -> tuple[Any, ...]:
        return as_tuple(self.func(*self.inputs))

    def close(self, a: Tensor, b: Tensor) -> bool:
        wide = dtypes.promote_types(a.dtype, b.dtype)
        return bool(F.allclose(F.to(a, wide), F.to(b, wide), self.rtol, self.atol))


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else tuple(value) if isinstance(value, list) else (value,)


def differentiable(outputs: Any) -> tuple[Tensor, ...]:
    return tuple(o for o in as_tuple(outputs) if o.requires_grad)


def _check_inputs(inputs: Sequence[Any]) -> None:
    """Raises ValueError where nothing requires grad, RuntimeError for elements that share memory; warns of single precision."""
    some = False
    for i, t in enumerate(inputs):
        if not isinstance(t, Tensor) or not t.requires_grad:
            continue
        if t.dtype not in (dtypes.float64, dtypes.complex128):
            warnings.warn(SINGLE.format(i), stacklevel=4)
        if not all(step > 0 or n <= 1 for step, n in zip(t.stride(), t.size(), strict=True)):
            raise RuntimeError(OVERLAPPING.format(i))
        some = True
    if not some:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True.")


# -- by differences --------------------------------------------------------------------------------------------------------------
def by_differences(check: Check, part: Callable[[Any], Any]) -> list[list[Tensor]]:
    """By output, then input: (elements of the input, elements of the output), the difference quotient of `part` of the outputs."""
    columns = []
    for t in check.watched():
        array = t._array
        rows = []
        for at in np.ndindex(array.shape):
            row: list[Any] = _quotients(check, array, at, check.eps, part)
            if t.is_complex():
                turned = _quotients(check, array, at, check.eps * 1j, part)
                row = [a + 1j * b for a, b in zip(row, turned, strict=True)]
            rows.append(row)
        columns.append((t, rows))
    counts = [len(row) for _, rows in columns for row in rows] or [len(check.called())]
    return [[_matrix([row[i] for row in rows], t) for t, rows in columns] for i in range(counts[0])]


def _matrix(rows: list[np.ndarray], t: Tensor) -> Tensor:
    kind = np.result_type(*rows) if rows else t.dtype.np
    made = np.stack(rows).astype(np.complex128 if t.is_complex() else kind) if rows else np.zeros((0, 0), kind)
    return wrap(made, dtypes.OF_NUMPY[made.dtype])


def _quotients(check: Check, array: np.ndarray, at: tuple[int, ...], step: Any, part: Callable[[Any], Any]) -> list[np.ndarray]:
    """Each output's change along one element of an input, which is put back, over twice the size of the step."""
    before = array[at]
    sides = []
    with modes.no_grad():
        for moved in (before - step, before + step):
            array[at] = moved
            sides.append([F.clone(o.detach()) for o in check.called()])
    array[at] = before
    for a, b in zip(*sides, strict=False):
        check_alike(a, b, at, check.eps)
    with np.errstate(all="ignore"):
        return [(_elements(b, part) - _elements(a, part)) / (2 * check.eps) for a, b in zip(*sides, strict=False)]


def _elements(o: Tensor, part: Callable[[Any], Any]) -> np.ndarray:
    """The elements of an output in a row; integers have no differences."""
    return np.array(part(o._array)).reshape(-1) if o._dtype.differentiable else np.zeros(0)


def check_alike(a: Tensor, b: Tensor, at: tuple[int, ...] | None, eps: float) -> None:
    """Raises AssertionError where an output's shape or dtype depends on the values of the inputs."""
    where = "" if at is None else f"on index {at} "
    for what, one, other in (("shape", a.shape, b.shape), ("dtype", a.dtype, b.dtype)):
        if one != other:
            raise AssertionError(
                f"Expected `func` to return outputs with the same {what} when inputs are perturbed {where}by {eps}, but got: "
                f"{what}s {one} and {other}."
            )


# -- by gradients ----------------------------------------------------------------------------------------------------------------
def by_gradients(check: Check, out: Tensor, along: complex) -> list[Tensor]:
    """By input: (elements of the input, elements of the output), from one backward an element; twice, which must agree."""
    inputs = check.watched()
    (first, alike), (second, _) = (gradient_rows(out, inputs, along) for _ in range(2))
    if not alike:
        raise GradcheckError(ANOTHER_DTYPE)
    for a, b in zip(first, second, strict=True):
        if a.numel() and float(F.abs(a - b).max()) > check.nondet_tol:
            raise GradcheckError(NOT_REENTRANT.format(check.nondet_tol))
    return first


def gradient_rows(out: Tensor, inputs: list[Tensor], along: complex) -> tuple[list[Tensor], bool]:
    """The matrices of one such backward, and whether all gradients had the dtypes of their inputs."""
    alike = True
    made = [np.zeros((t.numel(), out.numel()), t.dtype.np) for t in inputs]
    for j in range(out.numel()):
        seed = np.zeros(out.numel(), out.dtype.np)
        seed[j] = along
        found = grad(out, inputs, wrap(seed.reshape(out.size()), out.dtype), retain_graph=True, allow_unused=True)
        for matrix, g, t in zip(made, found, inputs, strict=True):
            if g is None:
                continue
            alike &= g.dtype is t.dtype
            matrix[:, j] = g.detach()._array.reshape(-1)
    return [wrap(matrix, t.dtype) for matrix, t in zip(made, inputs, strict=True)], alike


def by_tangents(check: Check, part: Callable[[Any], Any], along: complex) -> list[list[Tensor]]:
    """The same by forward mode: by output, then input."""
    columns = []
    for i, t in enumerate(check.inputs):
        if not isinstance(t, Tensor) or not t.requires_grad:
            continue
        rows = []
        for k in range(t.numel()):
            direction = np.zeros(t.numel(), t.dtype.np)
            direction[k] = along
            with forward_ad.dual_level():
                along_one = wrap(direction.reshape(t.size()), t.dtype)
                outputs = as_tuple(check.func(*(_dual(o, along_one if at == i else None) for at, o in enumerate(check.inputs))))
                pairs = [forward_ad.unpack_dual(o) for o in outputs]
                found = [F.zeros_like(p.primal) if p.tangent is None else p.tangent for p in pairs]
            rows.append([np.array(part(f.detach()._array)).reshape(-1) for f in found])
        columns.append((t, rows))
    counts = [len(row) for _, rows in columns for row in rows] or [len(check.called())]
    return [[_matrix([row[i] for row in rows], t) for t, rows in columns] for i in range(counts[0])]


def _dual(value: Any, tangent: Tensor | None) -> Any:
    """An input that requires grad, detached and with that tangent, or zeros; any other as it is."""
    if not isinstance(value, Tensor) or not value.requires_grad:
        return value
    return forward_ad.make_dual(value.detach(), F.zeros_like(value.detach()) if tangent is None else tangent)


# -- compared --------------------------------------------------------------------------------------------------------------------
def _compare(check: Check, outputs: tuple[Any, ...]) -> None:
    """Raises GradcheckError where a gradient differs from the difference; complex outputs are looked at part by part."""
    has_complex = any(o.is_complex() for o in outputs)
    parts: tuple[Any, ...] = ((np.imag, 1j, "imaginary"), (np.real, 1, "real")) if has_complex else ((np.asarray, 1, ""))
    for part, along, name in parts if has_complex else (parts,):
        numerical = [n for o, n in zip(outputs, by_differences(check, part), strict=True) if o.requires_grad]
        for i, o in enumerate(differentiable(outputs)):
            if name == "imaginary" and not o.is_complex():
                continue
            analytical = by_gradients(check, o, along)
            for j, (a, n) in enumerate(zip(analytical, numerical[i], strict=True)):
                if not check.close(a, n):
                    raise GradcheckError(mismatch(a, n, i, j, name if o.is_complex() else ""))


def mismatch(analytical: Tensor, numerical: Tensor, i: int, j: int, part: str, mode: str = "") -> str:
    where = f"While considering the {part} part of complex outputs only, " if part else ""
    return f"{where}Jacobian {mode}mismatch for output {i} with respect to input {j},\nnumerical:{numerical}\nanalytical:{analytical}\n"


def _of_real_inputs(check: Check) -> list[tuple[Check, str]]:
    """The check itself; where inputs are complex, one with each part of them as the inputs."""
    if not any(isinstance(t, Tensor) and t.is_complex() for t in check.inputs):
        return [(check, "")]
    return [(_with_real_inputs(check, part), part) for part in ("imaginary", "real")]


def _with_real_inputs(check: Check, name: str) -> Check:
    """The same check with one part of each complex input as the input, and the other part fixed."""
    given = check.inputs
    at = {i for i, t in enumerate(given) if isinstance(t, Tensor) and t.is_complex()}

    def function(*inputs: Any) -> tuple[Any, ...]:
        whole = [
            t if i not in at else F.complex(t, given[i].imag) if name == "real" else F.complex(given[i].real, t)
            for i, t in enumerate(inputs)
        ]
        return as_tuple(check.func(*whole))

    inputs = tuple(t if i not in at else t.real if name == "real" else t.imag for i, t in enumerate(given))
    return replace(check, func=function, inputs=inputs)


def _compare_tangents(check: Check, outputs: tuple[Any, ...], part: str) -> None:
    numerical, analytical = by_differences(check, np.asarray), by_tangents(check, np.asarray, 1)
    live = [i for i, o in enumerate(outputs) if o.requires_grad]
    for i, k in enumerate(live):
        for j, (a, n) in enumerate(zip(analytical[k], numerical[k], strict=True)):
            if not check.close(a, F.real(n) if n.is_complex() and not a.is_complex() else n):
                where = f"While considering the {part} part of complex inputs only, " if part else ""
                raise GradcheckError(where + mismatch(a, n, i, j, "", "computed with forward mode "))


def _check_no_gradient(check: Check) -> None:
    for row in by_differences(check, np.asarray):
        for matrix in row:
            if F.any(matrix != 0):
                raise GradcheckError("Numerical gradient for function expected to be zero")


def _check_zero_seeds(check: Check, outputs: tuple[Tensor, ...]) -> None:
    """Raises GradcheckError where a gradient does not vanish with its cotangent."""
    inputs = check.watched()
    found = grad(outputs, inputs, [F.zeros_like(o) for o in outputs], allow_unused=True) if outputs else ()
    for g, t in zip(found, inputs, strict=False):
        if g is None:
            continue
        if not bool((g == 0).all()):
            raise GradcheckError("backward not multiplied by grad_output")
        if g.dtype is not t.dtype:
            raise GradcheckError("grad is incorrect type")
        if g.size() != t.size():
            raise GradcheckError("grad is incorrect size")


class UndefinedGrad(Function):
    """Hands its argument on, and no gradient back."""

    @staticmethod
    def forward(ctx: Any, t: Tensor) -> Tensor:
        return t.view_as(t)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> None:
        return None


def _check_undefined(check: Check) -> None:
    """Raises GradcheckError where backward cannot do with a gradient that did not arrive: for all outputs, then for each."""
    for outputs in [*_undefined_outputs(check)]:  # the function is called for all of them first
        try:
            found = grad(outputs, check.watched(), [F.zeros_like(o) for o in outputs], allow_unused=True)
        except RuntimeError as error:
            warnings.warn(UNDEFINED, stacklevel=4)
            raise GradcheckError(f"Expected backward function to handle undefined output grads. {LOOK}") from error
        if any(g is not None and not bool((g == 0).all()) for g in found):
            warnings.warn(UNDEFINED, stacklevel=4)
            raise GradcheckError(f"Expected all input grads to be undefined or zero when all output grads are undefined or zero. {LOOK}")


def _undefined_outputs(check: Check) -> Iterator[list[Tensor]]:
    outputs = differentiable(check.func(*check.inputs))
    yield [UndefinedGrad.apply(o) for o in outputs]
    for k in range(len(outputs) if len(outputs) > 1 else 0):
        yield [UndefinedGrad.apply(o) if i == k else o for i, o in enumerate(differentiable(check.func(*check.inputs)))]


# -- what users call ----------------------------------------------------------------------------------------------------------------
def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """True where the gradients of `func` agree with its difference quotients: every element, or one direction in fast mode.

    Raises GradcheckError where they do not (or returns False without `raise_exception`), ValueError where no input requires grad.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    check = Check(func, as_tuple(inputs), eps, atol, rtol, nondet_tol)
    try:
        batched = check_batched_grad, check_batched_forward_grad
        return _all(check, check_undefined_grad, check_forward_ad, check_backward_ad, fast_mode, batched)
    except GradcheckError:
        if raise_exception:
            raise
        return False


def _all(check: Check, undefined: bool, forward: bool, backward: bool, fast: bool, batched: tuple[bool, bool]) -> bool:
    from . import batched_gradcheck, fast_gradcheck

    _check_inputs(check.inputs)
    outputs = check.called()
    if not differentiable(outputs) and not fast:
        _check_no_gradient(check)
    if backward:
        (fast_gradcheck.compare if fast else _compare)(check, outputs)
    if forward:
        for varied, part in _of_real_inputs(check):
            (fast_gradcheck.compare_tangents if fast else _compare_tangents)(varied, varied.called() if part else outputs, part)
        for varied, _ in _of_real_inputs(check) if undefined else ():
            fast_gradcheck.check_missing_tangents(varied)
    if batched[1]:
        batched_gradcheck.check_tangents(check)
    if not backward:
        return True
    for i, o in enumerate(differentiable(outputs) if batched[0] else ()):
        batched_gradcheck.check_gradients(check, o, i)
    _check_zero_seeds(check, differentiable(outputs))
    if undefined and differentiable(outputs):
        _check_undefined(check)
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    gen_non_contig_grad_outputs: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    **words: Any,
) -> bool:
    """The same for the gradients of `func` as a function of its inputs and cotangents, random ones unless given."""
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    for name, usual in (("check_undefined_grad", True), ("check_batched_grad", False)):
        if words.get(name, usual) and not check_rev_over_rev:
            raise AssertionError(f"Setting {name}=True requires check_rev_over_rev to be True")
    inputs = as_tuple(inputs)
    seeds = _random_seeds(differentiable(func(*inputs))) if grad_outputs is None else as_tuple(grad_outputs)
    wanted = [i for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
    live = {i for i, t in enumerate(seeds) if t.requires_grad}

    def slope(*args: Any) -> tuple[Tensor, ...]:
        given = [t.requires_grad_() if i in wanted else t for i, t in enumerate(args[: -len(seeds)])]
        cotangents = tuple(t.requires_grad_() if i in live else t for i, t in enumerate(args[-len(seeds) :]))
        found = grad(differentiable(func(*given)), [given[i] for i in wanted], cotangents, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    def outside_no_grad(*args: Any) -> tuple[Tensor, ...]:
        with modes.enable_grad():
            return slope(*args)

    return gradcheck(outside_no_grad, inputs + seeds, check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev, **words)


def _random_seeds(outputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    source = np.random.default_rng(0)
    made = []
    for o in outputs:
        values = source.uniform(-1, 1, o.size())
        if o.is_complex():
            values = values + 1j * source.uniform(-1, 1, o.size())
        made.append(wrap(np.asarray(values, o.dtype.np), o.dtype).requires_grad_())
    return tuple(made)


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


# -- jacobians as they used to be asked for --------------------------------------------------------------------------------------
PRIVATE = (
    "`{}` was part of PyTorch's private API and not meant to be exposed. We are deprecating it and it will be removed in a future version "
    "of PyTorch. If you have a specific use for this or feature request for this to be a stable API, please file us an issue at "
    "https://github.com/pytorch/pytorch/issues/new"
)


def _check_old(name: str, grad_out: float) -> None:
    """Warns (FutureWarning). Raises ValueError for another cotangent than 1."""
    warnings.warn(PRIVATE.format(name), FutureWarning, stacklevel=3)
    if grad_out != 1.0:
        raise ValueError(f"Expected grad_out to be 1.0. {name} no longer supports values of grad_out != 1.0.")


def get_numerical_jacobian(fn: Callable[..., Any], inputs: Any, target: Any = None, eps: float = 1e-3, grad_out: float = 1.0) -> Any:
    """By input (or `target`): (elements of the input, elements of the first output of `fn(inputs)`), by differences."""
    _check_old("get_numerical_jacobian", grad_out)
    targets = inputs if target is None else target
    check = Check(lambda *_: fn(inputs), as_tuple(targets), eps, 0.0, 0.0, 0.0)
    return tuple(by_differences(check, np.asarray)[0])


def get_analytical_jacobian(inputs: Any, output: Tensor, nondet_tol: float = 0.0, grad_out: float = 1.0) -> Any:
    """The same by gradients; and whether two backwards agreed, and dtypes and sizes were those of the inputs."""
    _check_old("get_analytical_jacobian", grad_out)
    check = Check(lambda *_: output, as_tuple(inputs), 0.0, 0.0, 0.0, nondet_tol)
    (first, alike), (second, _) = (gradient_rows(output, check.watched(), 1) for _ in range(2))
    agree = all(not a.numel() or float(F.abs(a - b).max()) <= nondet_tol for a, b in zip(first, second, strict=True))
    return tuple(first), agree, alike, True
