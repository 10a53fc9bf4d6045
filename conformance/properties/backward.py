"""The backward call itself: its errors, hooks, retained and accumulated gradients, and stale saved values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..backends import Backend
from ..case import Case
from ..spec import Declaration
from .derivatives import recorded
from .graph import of, subsets
from .register import attempt, differentiable, has_tensors, not_a_write, prop

See = Iterator[tuple[str, Any]]
BACKWARD = "torch.autograd.backward({outputs}, {cotangents})\nprint([x.grad for x in ({inputs}) if isinstance(x, torch.Tensor)])"


@prop(lambda op: has_tensors(op) and not_a_write(op), "differentiable", script="result.backward()")
def backward_errors(B: Backend, op: Declaration, case: Case) -> See:
    """Backward refuses, in PyTorch's words, what has no grad, is no scalar, was freed, or gets a wrong seed."""
    for i, t in enumerate(B.outputs(B.call(op, B.inputs(case, False)))):
        yield f"without grad[{i}]", attempt(t.backward)
        yield f"grad without grad[{i}]", attempt(B.m.autograd.grad, t, t)
    inputs, outputs = recorded(B, op, case)
    if outputs:
        yield from _unused(B, case, outputs)
    for i, t in enumerate(outputs):
        shape = tuple(t.shape)
        (seed,) = B.cotangents(case, [t])
        if t.numel() != 1 or B.dtype(t).startswith("complex"):
            yield f"implicit seed[{i}]", attempt(t.backward)
        word, sides = (("longer", (*shape, 2)), ("scalar", ()), ("grown", tuple(n + 1 for n in shape)))[case.choice(0, 3)]
        if sides != shape:
            wrong = B.make(case.cotangent(sides, B.dtype(t)))
            yield f"{word} seed[{i}]", attempt(t.backward, wrong, retain_graph=True)
        name = ("int64", "complex64", "float64")[case.choice(1, 3)]
        yield f"{name} seed[{i}]", attempt(t.backward, B.make(case.cotangent(shape, name)), retain_graph=True)
        yield f"number as seed[{i}]", attempt(t.backward, 1.5)
        yield f"once[{i}]", attempt(t.backward, seed)
        yield f"twice[{i}]", attempt(t.backward, seed)
        break
    for name, x in inputs.items():
        yield f"gradient.{name}", x.grad


def _unused(B: Backend, case: Case, outputs: list[Any]) -> See:
    """An input that plays no part; the graph is kept, and nothing of it run."""
    stranger = B.make(case.cotangent((2,), "float32"), True)
    plain = B.make(case.cotangent((2,), "float32"))
    seeds = B.cotangents(case, outputs)
    yield "unused", attempt(lambda: B.m.autograd.grad(outputs, [stranger], seeds, retain_graph=True))
    yield "no grad input", attempt(lambda: B.m.autograd.grad(outputs, [plain], seeds, retain_graph=True))
    yield "materialized", attempt(lambda: B.m.autograd.grad(outputs, [stranger], seeds, retain_graph=True, materialize_grads=True))
    yield "no inputs", attempt(lambda: B.m.autograd.backward(outputs, seeds, inputs=[]))


@prop(differentiable, "differentiable", script="result.retain_grad()\n" + BACKWARD + "\nprint(result.grad)")
def retain_grad(B: Backend, op: Declaration, case: Case) -> See:
    """A result that retains its gradient has PyTorch's after one and after two backwards."""
    inputs, outputs = recorded(B, op, case)
    if not outputs:
        return
    for t in outputs:
        t.retain_grad()
        t.retain_grad()
    yield "retains", [t.retains_grad for t in outputs] + [x.retains_grad for x in inputs.values()]
    for round_ in (1, 2):
        B.backward(outputs, B.cotangents(case, outputs, slot=round_), retain_graph=True)
        for i, t in enumerate(outputs):
            yield f"grad[{i}] after {round_}", t.grad
        for name, x in inputs.items():
            yield f"gradient.{name} after {round_}", x.grad
    for x in inputs.values():
        x.retain_grad()
    yield "leaves", [x.retains_grad for x in inputs.values()]
    yield "without grad", attempt(outputs[0].detach().retain_grad)


@prop(differentiable, "differentiable", script="result.register_hook(lambda g: g * 2)\n" + BACKWARD)
def hooks(B: Backend, op: Declaration, case: Case) -> See:
    """Hooks on results, leaves and nodes run in PyTorch's order, see its gradients, and may replace them."""
    inputs, outputs = recorded(B, op, case)
    if not outputs:
        return
    order: list[Any] = []
    seen: dict[str, Any] = {}

    def watch(word: str, replace: bool) -> Any:
        def hook(g: Any) -> Any:
            order.append(word)
            seen[f"{word}, call {order.count(word)}"] = g.clone()
            return g * 2 if replace else None

        return hook

    for i, t in enumerate(outputs):
        t.register_hook(watch(f"result{i} doubled", True))
        t.register_hook(watch(f"result{i}", False))
        t.register_hook(lambda g: order.append("removed")).remove()
    node = outputs[0].grad_fn
    if node is not None:  # None where the result is the input itself
        node.register_prehook(lambda gs: order.append(f"node prehook {len(gs)}"))
        node.register_hook(lambda ins, outs: order.append(f"node hook {[g is None for g in ins]} {[g is None for g in outs]}"))
    for name, x in inputs.items():
        x.register_hook(watch(f"leaf {name} doubled", True))
        x.register_hook(watch(f"leaf {name}", False))
        x.register_post_accumulate_grad_hook(lambda p, name=name: order.append(f"accumulated {name} {p.grad is not None}"))
    B.backward(outputs, B.cotangents(case, outputs))
    yield "order", list(order)
    yield from seen.items()
    for name, x in inputs.items():
        yield f"gradient.{name}", x.grad
    yield "without grad", attempt(outputs[0].detach().register_hook, print)


@prop(differentiable, "differentiable", script=BACKWARD)
def accumulate(B: Backend, op: Declaration, case: Case) -> See:
    """A second backward adds to `.grad`, in place or not and keeping the object or not, as PyTorch does."""
    inputs, outputs = recorded(B, op, case)
    if not outputs:
        return
    for round_ in (1, 2, 3):
        before = {n: x.grad for n, x in inputs.items()}
        with B.warned() as said:
            B.backward(outputs, B.cotangents(case, outputs, slot=round_), retain_graph=True, create_graph=round_ == 3)
        yield f"warnings {round_}", said
        for name, x in inputs.items():
            yield f"gradient.{name} {round_}", x.grad
            yield f"same object.{name} {round_}", x.grad is not None and x.grad is before[name]
            # not its `_version`, which counts how PyTorch reused buffers on the way
            yield f"flags.{name} {round_}", None if x.grad is None else x.grad.requires_grad
    for name, x in inputs.items():
        x.grad = None
        yield f"cleared.{name}", x.grad


@prop(
    differentiable,
    "differentiable",
    script="# one operand, or the result, is then written to with mul_(2) before backward\n" + BACKWARD,
)
def stale_saved_value(B: Backend, op: Declaration, case: Case) -> See:
    """Writing to an operand or the result before backward is an error, with PyTorch's text, exactly where PyTorch saved it."""
    chosen = [c for c in subsets(case) if c]
    first = case.choice(0, len(chosen) or 1)
    for which in islice([*chosen[first:], *chosen[:first]], 2):  # the cases of a cell meet them all
        for target in [*_tensor_names(case), "result"]:
            outcome = attempt(_write_then_backward, B, op, case, which, target)
            yield f"{target} written, {of(which)} require grad", outcome


def _tensor_names(case: Case) -> list[str]:
    return [n for n, t in case.tensors().items() if not t.same_as][:4]


def _write_then_backward(B: Backend, op: Declaration, case: Case, which: tuple[str, ...], target: str) -> Any:
    leaves = B.inputs(case, which)
    args = B.cloned(case, leaves)
    outputs = B.outputs(B.call(op, args))
    live = [t for t in outputs if t.requires_grad]
    if not live:
        return "nothing requires grad"
    kept = [t * 1 for t in live]  # so that what is differentiated is not what is written to
    with B.m.no_grad():
        for t in outputs if target == "result" else [B.tensors(args)[target]]:
            t.zero_()
    wanted = [x for x in B.tensors(leaves).values() if x.requires_grad]
    return [g for g in B.grad(kept, wanted, B.cotangents(case, kept)) if g is not None]
