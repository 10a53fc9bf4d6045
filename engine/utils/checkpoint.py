"""Checkpointing: what a function keeps for backward is computed again when it is needed."""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from .. import kept, modes
from ..autograd.backward import backward
from ..autograd.function import Function
from ..autograd.graph import saved_tensors_hooks
from ..journal import Journal
from ..randomness import default_generator
from ..saved import packed
from ..tensor import Tensor
from ..walk import active

PASS_IT = (
    "torch.utils.checkpoint{}: the use_reentrant parameter should be passed explicitly. {} use_reentrant=False is recommended, but if you "
    "need to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences "
    "between the two variants."
)
INCOMPATIBLE = (
    "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to .backward(). To "
    "resolve this error, you can either set use_reentrant=False, or call .backward() without passing the `inputs` argument."
)
TIP = """
Tip: To see a more detailed error message, either pass `debug=True` to
`torch.utils.checkpoint.checkpoint(...)` or wrap the code block
with `with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):` to
enable checkpoint\u2011debug mode globally.

If this error occurs under torch.compile with automatic_dynamic_shapes enabled,
it may be because the recomputation selected a different compiled graph than the
forward pass (e.g., a dynamic graph instead of the original static graph).
To fix this, either:
  - Use torch._dynamo.mark_dynamic() to explicitly mark varying dimensions as
    dynamic upfront, avoiding the static-to-dynamic transition.
  - Call torch._C._dynamo.eval_frame._set_lru_cache(False) to disable LRU cache
    reordering, which can change which graph is checked first between forward
    and recompute.
See https://github.com/pytorch/pytorch/issues/166926 for more details and
workaround examples.
"""
DEBUG = """ \
An error happened while unpacking tensors; dumping logs of latest computation
because you passed `debug=True` to `torch.utils.checkpoint.checkpoint()`.
Scroll all the way down for guidance on how to navigate these logs.

+~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~+
|        1. Stack traces of the operators that ran in the original forward     |
+------------------------------------------------------------------------------+

{forward_traces}
+~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~+
|        2. Stack traces of the operators that ran during recomputation        |
+------------------------------------------------------------------------------+

{recompute_traces}
+~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~+
|       3. Log of operators in the original forward and recomputation          |
+------------------------------------------------------------------------------+
(Scroll up to correlate stack traces with each operation listed below. This
 helps identify their source in the code.)

IMPORTANT: Differences in "detach" calls between the original forward and the
           recomputation are expected. They are introduced by the checkpointing
           mechanism and can be ignored.

Operations executed during the original forward:

{forward_ops}

Operations executed during recomputation:

{recompute_ops}

+------------------------------------------------------------------------------+
 ERROR: Detected non-determinism while running activation checkpointing

 You are seeing this error because you passed `debug=True` to checkpoint and
 tensors to be saved during the original forward and differ between those saved
 during recomputation. This can happen if different operators were ran in the
 original forward and in the recomputation.

 To identify where the mismatch may be coming from, you can do the following:

 1) Compare the operators ran during original forward and recomputation to
    see where they differ. These operators are printed above in the order they
    were executed.

 2) Review the stack trace for each operator to locate its invocation source.
    Each operator's stack trace is printed in their execution order.

 Note that the logs can be quite long. Here's how they are structured:
 (Tip: you can Ctrl-f for these headers)

 1. Stack traces of the operators that ran in the original forward
 2. Stack traces of the operators that ran during recomputation
 3. Log of operators in the original forward and recomputation
 4. Error message                                             <--- You are here
--------------------------------------------------------------------------------
"""
UNPACKED_TWICE = (
    "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. {}If you are calling ctx.saved_tensors "
    "in backward, make sure to do so only once. Otherwise please open an issue with details on your use case."
)
OVERLAPPING = (
    "Performing two backward calls that overlap (i.e. require the same saved activation in order to compute gradients) is not allowed "
    "while under the torch.utils.checkpoint.GraphExecGroup context. "
)
Contexts = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]


class CheckpointError(RuntimeError):
    """What was computed again is not what was computed first."""


class _Settings:
    early_stop: bool | None = None
    debug: bool | None = None
    group: GraphExecGroup | None = None


class GraphExecGroup:
    """`with GraphExecGroup():` all backwards inside compute a checkpointed call again once, and each needs other tensors of it."""

    def __enter__(self) -> GraphExecGroup:
        if _Settings.group is not None:
            raise RuntimeError(f"GraphExecGroup contexts cannot be nested. Already inside group {_Settings.group}")
        _Settings.group = self
        return self

    def __exit__(self, *exc: Any) -> None:
        _Settings.group = None


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether checkpoints made inside stop computing again once everything needed is there."""
    before, _Settings.early_stop = _Settings.early_stop, enable
    try:
        yield
    finally:
        _Settings.early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Whether checkpoints made inside list in their errors which ops ran the first time, and which the second."""
    before, _Settings.debug = _Settings.debug, enabled
    try:
        yield
    finally:
        _Settings.debug = before


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Nothing around the first run, and nothing around the second."""
    return nullcontext(), nullcontext()


def _drawing_again(preserve: bool) -> Callable[[], AbstractContextManager[None]]:
    """What lets a second run draw the random numbers that are drawn from now on, if it shall."""
    return partial(default_generator.going_on_from, default_generator.here()) if preserve else nullcontext


# -- computed again inside the same backward ----------------------------------------------------------------------------------
class _Stop(Exception):
    """Everything that was kept is there again."""


class _Place:
    """Stands for one kept tensor until it is needed."""

    __slots__ = ("__weakref__", "index")

    def __init__(self, index: int) -> None:
        self.index = index


def described(t: Tensor) -> dict[str, Any]:
    """What two runs must agree in."""
    return {"shape": t.shape, "dtype": t.dtype, "device": t.device}


CHECKS: dict[str, Callable[[Tensor], Any]] = {"default": described, "none": lambda t: None}


class _Frame:
    """One checkpointed call: how to run it again, what it kept, and what each backward has computed again."""

    _ids = itertools.count(-2, -1).__next__

    def __init__(
        self,
        again: Callable[..., Any],
        args: tuple[Any, ...],
        early_stop: bool,
        describe: Callable[[Tensor], Any],
        journals: tuple[Journal, ...],
    ) -> None:
        self.again, self.early_stop, self.describe, self.journals = again, early_stop, describe, journals
        self.args = [(packed(a), kept.version_of(a)) for a in args]  # by the hooks around the checkpoint
        self.places: list[weakref.ref[_Place]] = []
        self.first: list[Any] = []
        self.found: dict[Any, dict[int, Tensor]] = {}  # by what asks: a walk, or a group of them
        self.counts: dict[Any, int] = defaultdict(int)
        self.complete = self.ignore = False

    def pack(self, t: Tensor) -> _Place:
        place = _Place(len(self.places))
        self.places.append(weakref.ref(place))
        self.first.append(self.describe(t))
        return place

    def unpack(self, place: _Place) -> Tensor:
        try:
            return self._found(place)
        except CheckpointError as error:
            if not self.journals:
                raise
            raise CheckpointError(told(*self.journals)) from error

    def _found(self, place: _Place) -> Tensor:
        walk, group = active(), _Settings.group
        run = group if group is not None else self._ids() if walk is None else walk.id
        if run not in self.found:
            self._compute(run)
        found = self.found[run]
        if place.index not in found:
            raise CheckpointError(UNPACKED_TWICE.format("" if group is None else OVERLAPPING))
        return found.pop(place.index)

    def _compute(self, run: Any) -> None:
        found: dict[int, Tensor] = {}
        for a, version in self.args:
            kept.check_version(a, version, None, reading=True)  # type: ignore[arg-type]  # no node is to be named
        args = [kept.value_of(a, None) for a, _ in self.args]  # type: ignore[arg-type]  # an argument is no output of a node

        def keep(t: Tensor) -> Tensor:
            t = t.detach() if t.requires_grad else t
            index = self.counts[run]
            self.counts[run] += 1
            if index >= len(self.places):
                if not self.complete:
                    self.ignore = True
                    return t
                raise CheckpointError(
                    "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original forward "
                    f"pass.\n{TIP}"
                )
            found[index] = t
            if self.early_stop and self.counts[run] == len(self.places):
                raise _Stop
            return t

        try:
            with saved_tensors_hooks(keep, lambda t: t), modes.enable_grad():
                self.again(*args)
        except _Stop:
            pass
        self.found[run] = found
        self._check(found, self.counts[run])

    def _check(self, found: dict[int, Tensor], count: int) -> None:
        """Raises CheckpointError where the second run kept another number of tensors, or others."""
        if self.ignore:
            return
        if count != len(self.places):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.places)}\n"
                f"Number of tensors saved during recomputation: {count}.\n{TIP}"
            )
        wrong = ""
        for i, (place, then) in enumerate(zip(self.places, self.first, strict=True)):
            now = self.describe(found[i])
            if place() is not None and now != then:
                wrong += f"tensor at position {i}:\nsaved metadata: {then}\nrecomputed metadata: {now}\n"
        if wrong:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the forward "
                f"pass.\n{wrong}.\n{TIP}"
            )


# -- what is told of both runs --------------------------------------------------------------------------------------------------
def told(first: Journal, second: Journal) -> str:
    """The ops of both runs, and where each was called from."""
    return DEBUG.format(
        forward_traces=_places(first, "original"),
        recompute_traces=_places(second, "recompute"),
        forward_ops="\n".join(first.lines),
        recompute_ops="\n".join(second.lines),
    )


def _places(journal: Journal, label: str) -> str:
    parts = []
    for i, (line, places) in enumerate(zip(journal.lines, journal.places, strict=True)):
        callers = "".join(f"{place}\n" for place in places)
        parts.append(f"{line}   ({i + 1} of {len(journal.lines)} in {label})\n\n{callers}\n\n")
    return "".join(parts)


# -- computed again in a backward of its own ------------------------------------------------------------------------------------
def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns (UserWarning) where no input requires grad."""
    if not any(a.requires_grad for a in inputs if isinstance(a, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors among the inputs as leaves of their own. Raises RuntimeError for what is no tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(a.detach().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in inputs)


class CheckpointFunction(Function):
    """The reentrant variant: one node, whose backward runs the function and its backward."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function, ctx.drawing = run_function, _drawing_again(preserve_rng_state)
        ctx.inputs = [None if isinstance(a, Tensor) else a for a in args]
        ctx.tensor_indices = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.tensor_indices))
        with modes.no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *args: Any) -> Any:
        walk = active()
        if walk is not None and walk.targets is not None:
            raise RuntimeError(INCOMPATIBLE)
        inputs = list(ctx.inputs)
        for i, t in zip(ctx.tensor_indices, detach_variable(ctx.saved_tensors), strict=True):
            inputs[i] = t
        with modes.enable_grad(), ctx.drawing():
            outputs = ctx.run_function(*inputs)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        live = [(o, g) for o, g in zip(outputs, args, strict=False) if isinstance(o, Tensor) and o.requires_grad]
        if not live:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in live], [g for _, g in live])
        return (None, None, *(t.grad if isinstance(t, Tensor) else None for t in inputs))


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The devices of the arguments that are not the processor, and the states of their generators: there are none."""
    return [], []


def set_device_states(devices: Iterable[int], states: Iterable[Any], *, device_type: str | None = None) -> None:
    """Give generators of devices their states back. Raises AttributeError for any device, as PyTorch does where it knows none."""
    if device_type != "meta" and list(zip(devices, states, strict=False)):
        raise AttributeError("module 'torch.cpu' has no attribute 'device'")


# -- what users call ------------------------------------------------------------------------------------------------------------
def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Contexts = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, keeping its arguments alone: what backward needs is computed again.

    Raises ValueError for arguments of the other variant, and CheckpointError in backward where the second run differs.
    """
    if use_reentrant is None:
        version = "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an exception."
        warnings.warn(PASS_IT.format("", version), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return _recomputed(function, args, kwargs, context_fn, determinism_check, debug, early_stop, preserve)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    return CheckpointFunction.apply(function, preserve, *args)


def _recomputed(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    context_fn: Contexts,
    check: str,
    debug: bool,
    early: bool,
    preserve: bool,
) -> Any:
    journals: tuple[Journal, ...] = ()
    if _Settings.debug if _Settings.debug is not None else debug:
        if context_fn is not noop_context_fn:
            raise ValueError("debug=True is incompatible with non-default context_fn")
        journals = Journal(), Journal()
    if check not in CHECKS:
        raise ValueError(f"determinism_check should be one of {list(CHECKS)}, but got {check}")
    first, second = journals or context_fn()
    drawing = _drawing_again(preserve)

    def again(*given: Any) -> None:
        with drawing(), second:
            function(*given, **kwargs)

    if not modes.is_grad_enabled():
        return function(*args, **kwargs)
    frame = _Frame(again, args, early if _Settings.early_stop is None else _Settings.early_stop, CHECKS[check], journals)
    with saved_tensors_hooks(frame.pack, frame.unpack), first:
        result = function(*args, **kwargs)
    frame.complete = True
    return result


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any) -> Any:
    """Functions run one after the other, in segments that are checkpointed, except the last."""
    if use_reentrant is None:
        version = "In version 2.9 we will raise an exception if use_reentrant is not passed."
        warnings.warn(PASS_IT.format(".checkpoint_sequential", version), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if hasattr(functions, "children") else functions
    size = len(functions) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        part = _in_turn(functions[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _in_turn(functions[last:])(input)


def _in_turn(functions: Any) -> Callable[[Any], Any]:
    def run(input: Any) -> Any:
        for function in functions:
            input = function(input)
        return input

    return run


__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "GraphExecGroup",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]
