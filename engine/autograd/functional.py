"""Derivatives of functions as wholes: Jacobians and Hessians, and their products with vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import modes
from ..batching import batched, whole_or_spread
from ..registry import F
from ..tensor import Tensor
from ..transforms import REFUSED, Running
from . import forward_ad
from .backward import grad

Tensors = tuple[Any, ...]
ONE_INPUT = "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
ONE_OUTPUT = "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
INDEPENDENT = {
    "back": "The output of the user-provided function is independent of input {i}. This is not allowed in strict mode.",
    "back_trick": "The gradient with respect to the input is independent of entry {i} in the grad_outputs when using the double backward "
    "trick to compute forward mode gradients. This is not allowed in strict mode.",
    "double_back": "The jacobian of the user-provided function is independent of input {i}. This is not allowed in strict mode.",
    "double_back_trick": "The hessian of the user-provided function is independent of entry {i} in the grad_jacobian. This is not allowed "
    "in strict mode as it prevents from using the double backward trick to replace forward mode AD.",
}
FLAT = {
    "outputs": "Output {i} of the user-provided function does not require gradients. The outputs must be computed in a differentiable "
    "manner from the input when running in strict mode.",
    "grad_inputs": "The gradient with respect to input {i} is independent of the inputs of the user-provided function. This is not "
    "allowed in strict mode.",
    "jacobian": "While computing the hessian, found that the jacobian of the user-provided function with respect to input {i} is "
    "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and that "
    "the jacobian depends on the inputs (this would be violated by a linear function for example).",
}
FLAT_GRAPH = (
    "The {what} of the user-provided function is independent of input {i}. This is not allowed in strict mode when create_graph=True."
)
TOGETHER = "torch.autograd.functional.jacobian: `{}` and `{}` are not supported together{} Please either set `{}` or `{}`."


# -- tuples in, tuples out ---------------------------------------------------------------------------------------------------
def _tuple(value: Any, argument: str, function: str) -> tuple[bool, Tensors]:
    """Whether it was a tuple, and the tensors. Raises TypeError for anything else."""
    several = isinstance(value, tuple)
    tensors = value if several else (value,)
    for i, one in enumerate(tensors):
        if not isinstance(one, Tensor):
            where = f"value at index {i}" if several else f"given {argument}"
            raise TypeError(
                f"The {argument} given to {function} must be either a Tensor or a tuple of Tensors but the {where} has type {type(one)}."
            )
    return several, tensors


def _started(tensors: Tensors, create_graph: bool, need_graph: bool) -> Tensors:
    """The inputs as the start of a graph of their own; under create_graph those that require grad stay in theirs."""
    return tuple(t.view_as(t) if create_graph and t.requires_grad else t.detach().requires_grad_(need_graph) for t in tensors)


def _finished(made: Any, create_graph: bool) -> Any:
    if isinstance(made, Tensor):
        return made if create_graph else made.detach()
    return tuple(_finished(one, create_graph) for one in made)


def _unpacked(made: Any, several: bool) -> Any:
    return made if several else made[0]


def _inputs_and_vector(inputs: Any, v: Any, create_graph: bool, function: str) -> tuple[bool, Tensors, Tensors | None]:
    """The inputs of a function and a vector of their sizes, which only an input of one element may go without."""
    several, inputs = _tuple(inputs, "inputs", function)
    inputs = _started(inputs, create_graph, True)
    if v is not None:
        v = _vector(v, inputs, several, create_graph, function)
    elif len(inputs) != 1 or inputs[0].numel() != 1:
        raise RuntimeError(ONE_INPUT)
    return several, inputs, v


def _vector(v: Any, like: Tensors, several: bool, create_graph: bool, function: str) -> Tensors:
    _, v = _tuple(v, "v", function)
    v = _started(v, create_graph, False)
    if len(v) != len(like):
        text = f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}."
        raise RuntimeError(text if several else "The given v should contain a single Tensor.")
    for i, (one, t) in enumerate(zip(v, like, strict=True)):
        if one.shape != t.shape:
            entry = f"Entry {i} in " if several else ""
            raise RuntimeError(f"{entry}v has invalid size: should be {t.size()} but got {one.size()}.")
    return v


def _called(func: Callable[..., Any], inputs: Tensors, function: str, strict: bool) -> tuple[bool, Tensors]:
    several, outputs = _tuple(func(*inputs), "outputs of the user-provided function", function)
    _check_depends(outputs, "outputs", strict)
    return several, outputs


def _called_for_number(func: Callable[..., Any], inputs: Tensors, function: str, strict: bool) -> Tensors:
    several, outputs = _called(func, inputs, function, strict)
    if several:
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {function} should contain a single element")
    return outputs


def _check_depends(tensors: Sequence[Any], what: str, strict: bool) -> None:
    """Raises RuntimeError for the first that requires no grad, where strictness is asked for."""
    for i, t in enumerate(tensors if strict else ()):
        if t is None:
            raise RuntimeError(INDEPENDENT["back"].format(i=i))
        if not t.requires_grad:
            raise RuntimeError(FLAT[what].format(i=i))


# -- gradients -----------------------------------------------------------------------------------------------------------------
def _gradients(outputs: Sequence[Any], inputs: Tensors, seeds: Tensors | None = None, **words: Any) -> Tensors:
    """`grad` of those outputs that require it; None where nothing arrives."""
    seeds = seeds or (None,) * len(outputs)
    live = [(o, s) for o, s in zip(outputs, seeds, strict=True) if o is not None and o.requires_grad]
    if not live:
        return (None,) * len(inputs)
    return grad(tuple(o for o, _ in live), inputs, tuple(s for _, s in live), allow_unused=True, **words)


def _filled(gradients: Tensors, like: Tensors, strict: bool, create_graph: bool, stage: str) -> Tensors:
    """The gradients with zeros where there is none. Raises RuntimeError there, where strictness is asked for."""
    made = []
    for i, (g, t) in enumerate(zip(gradients, like, strict=True)):
        if g is None and strict:
            raise RuntimeError(INDEPENDENT[stage].format(i=i))
        if g is not None and strict and create_graph and not g.requires_grad:
            raise RuntimeError(FLAT_GRAPH.format(i=i, what="hessian" if "double" in stage else "jacobian"))
        made.append(F.zeros_like(t) if g is None else g)
    return tuple(made)


def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(outputs, vector times Jacobian). `v` may be left out where there is one output of one element.

    Raises RuntimeError where `v` has other sizes than the outputs, and in strict mode where an output depends on no input.
    """
    with modes.enable_grad():
        several, inputs = _tuple(inputs, "inputs", "vjp")
        inputs = _started(inputs, create_graph, True)
        several_out, outputs = _called(func, inputs, "vjp", strict)
        if v is not None:
            v = _vector(v, outputs, several_out, create_graph, "vjp")
        elif len(outputs) != 1 or outputs[0].numel() != 1:
            raise RuntimeError(ONE_OUTPUT)
    with modes.set_grad_enabled(create_graph or modes.is_grad_enabled()):
        product = _filled(_gradients(outputs, inputs, v, create_graph=create_graph), inputs, strict, create_graph, "back")
    return _unpacked(_finished(outputs, create_graph), several_out), _unpacked(_finished(product, create_graph), several)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(outputs, Jacobian times vector), from the gradient of the gradient. `v` may be left out for one input of one element."""
    with modes.enable_grad():
        _, inputs, v = _inputs_and_vector(inputs, v, create_graph, "jvp")
        several_out, outputs = _called(func, inputs, "jvp", strict)
        seeds = tuple(F.zeros_like(o).requires_grad_() for o in outputs)
        back = _gradients(outputs, inputs, seeds, create_graph=True)
        _check_depends(back, "grad_inputs", strict)
    with modes.set_grad_enabled(create_graph or modes.is_grad_enabled()):
        product = _filled(_gradients(back, seeds, v, create_graph=create_graph), outputs, strict, create_graph, "back_trick")
    return _unpacked(_finished(outputs, create_graph), several_out), _unpacked(_finished(product, create_graph), several_out)


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(output, vector times Hessian) of a function that returns one element."""
    with modes.enable_grad():
        several, inputs, v = _inputs_and_vector(inputs, v, create_graph, "vhp")
        outputs = _called_for_number(func, inputs, "vhp", strict)
        slope = _gradients(outputs, inputs, create_graph=True)
        _check_depends(slope, "jacobian", strict)
    with modes.set_grad_enabled(create_graph or modes.is_grad_enabled()):
        product = _filled(_gradients(slope, inputs, v, create_graph=create_graph), inputs, strict, create_graph, "double_back")
    return _finished(outputs, create_graph)[0], _unpacked(_finished(product, create_graph), several)


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """(output, Hessian times vector) of a function that returns one element: a gradient taken three times."""
    with modes.enable_grad():
        several, inputs, v = _inputs_and_vector(inputs, v, create_graph, "hvp")
        outputs = _called_for_number(func, inputs, "hvp", strict)
        slope = _gradients(outputs, inputs, create_graph=True)
        _check_depends(slope, "jacobian", strict)
        seeds = tuple(F.zeros_like(t).requires_grad_() for t in inputs)
        back = _gradients(slope, inputs, seeds, create_graph=True)
    with modes.set_grad_enabled(create_graph or modes.is_grad_enabled()):
        product = _filled(_gradients(back, seeds, v, create_graph=create_graph), inputs, strict, create_graph, "double_back_trick")
    return _finished(outputs, create_graph)[0], _unpacked(_finished(product, create_graph), several)


# -- whole Jacobians -------------------------------------------------------------------------------------------------------------
def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The derivative of every element of every output in every element of every input: shapes `out.shape + in.shape`.

    Nested as the outputs are, and within as the inputs. Raises AssertionError for another strategy, NotImplementedError or
    RuntimeError for arguments that do not go together.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than inputs, '
            '"forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        return _by_columns(func, inputs, create_graph, strict, vectorize)
    with modes.enable_grad():
        several, inputs = _tuple(inputs, "inputs", "jacobian")
        inputs = _started(inputs, create_graph, True)
        several_out, outputs = _called(func, inputs, "jacobian", strict)
        if vectorize and strict:
            raise RuntimeError(TOGETHER.format("strict=True", "vectorized=True", ".", "strict=False", "vectorize=False"))
        if vectorize:
            made = _all_rows(outputs, inputs, create_graph)
        else:
            made = tuple(_rows(i, out, inputs, create_graph, strict) for i, out in enumerate(outputs))
    return _unpacked(tuple(_unpacked(one, several) for one in _finished(made, create_graph)), several_out)


def _all_rows(outputs: Tensors, inputs: Tensors, create_graph: bool) -> tuple[Tensors, ...]:
    """The Jacobians of all outputs from one batch of cotangents."""
    sizes = [out.numel() for out in outputs]
    flat = tuple(out.reshape(-1) for out in outputs)
    found = _gradients(flat, inputs, _directions(outputs, sizes), create_graph=create_graph, is_grads_batched=True)
    batches = [F.zeros_like(t).expand((sum(sizes), *t.size())) if g is None else g for g, t in zip(found, inputs, strict=True)]
    split = [
        [part.view(out.size() + t.size()) for part, out in zip(g.split(sizes, 0), outputs, strict=True)]
        for g, t in zip(batches, inputs, strict=True)
    ]
    return tuple(zip(*split, strict=True))


def _rows(i: int, out: Tensor, inputs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """The Jacobian of output `i`, one walk an element."""
    rows: tuple[list[Any], ...] = tuple([] for _ in inputs)
    for j in range(out.numel()):
        found = _gradients((out.reshape(-1)[j],), inputs, retain_graph=True, create_graph=create_graph)
        for k, (row, g, t) in enumerate(zip(rows, found, inputs, strict=True)):
            if g is None and strict:
                raise RuntimeError(
                    f"Output {i} of the user-provided function is independent of input {k}. This is not allowed in strict mode."
                )
            if g is not None and strict and create_graph and not g.requires_grad:
                raise RuntimeError(FLAT_GRAPH.format(i=i, what="jacobian"))
            row.append(F.zeros_like(t) if g is None else g)
    return tuple(F.stack(row, 0).view(out.size() + t.size()) for row, t in zip(rows, inputs, strict=True))


def _by_columns(func: Callable[..., Any], inputs: Any, create_graph: bool, strict: bool, vectorize: bool) -> Any:
    """The Jacobian by forward mode, all columns in one call of the function."""
    reverse = 'strategy="reverse-mode"'
    if create_graph:
        raise NotImplementedError(TOGETHER.format("create_graph=True", 'strategy="forward-mode"', " (yet).", "create_graph=False", reverse))
    if strict:
        raise RuntimeError(TOGETHER.format("strict=True", 'strategy="forward-mode"', " (yet).", "strict=False", reverse))
    several, inputs = _tuple(inputs, "inputs", "jacobian")
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
        )
    sizes = [t.numel() for t in inputs]
    seen: list[Any] = []

    def push(*along: Tensor) -> tuple[Tensor, ...]:
        with forward_ad.dual_level():
            duals = [forward_ad.make_dual(t, v.view_as(t)) for t, v in zip(inputs, along, strict=True)]
            several_out, outputs = _tuple(func(*duals), "outputs", "None")
            found = [forward_ad.unpack_dual(out) for out in outputs]
            seen.extend((several_out, [one.primal.shape for one in found]))
            return tuple(F.zeros_like(one.primal) if one.tangent is None else one.tangent for one in found)

    with Running(sum(sizes), REFUSED) as level:
        found = push(*(batched(along, level) for along in _directions(inputs, sizes)))
        columns = [whole_or_spread(tangents, level) for tangents in found]  # one an element of the inputs
    several_out, shapes = seen
    made = []
    for column, shape in zip(columns, shapes, strict=True):
        parts = zip(column.split(sizes, 0), inputs, strict=True)
        made.append(_unpacked([F.movedim(part, 0, -1).reshape((*shape, *t.size())) for part, t in parts], several))
    return _unpacked(made if several else tuple(made), several_out)


def _directions(tensors: Tensors, sizes: list[int]) -> Tensors:
    """For every tensor, flat: a one for each element of its own, among the zeros for the elements of all."""
    made = []
    for i, t in enumerate(tensors):
        seed = F.zeros_like(t.detach()).new_zeros((sum(sizes), t.numel()))
        seed.diagonal(-sum(sizes[:i])).fill_(1)
        made.append(seed)
    return tuple(made)


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The second derivatives of a function that returns one element: entry (i, j) has shape `in_i.shape + in_j.shape`."""
    several, inputs = _tuple(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def number(*given: Tensor) -> Tensor:
        return _called_for_number(func, given, "hessian", strict)[0].squeeze()

    def slope(*given: Tensor) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            given = tuple(t.requires_grad_(True) for t in given)
        found = jacobian(number, given, create_graph=True)
        _check_depends(found, "jacobian", strict)
        return found

    made = jacobian(slope, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return made if several else made[0][0]


__all__ = ["vjp", "jvp", "jacobian", "hessian", "hvp", "vhp"]
