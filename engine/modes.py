"""Which mode a thread is in: recording or not, inference, and the switches that send a call down the generic path."""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

# One integer holds every mode, so that a fast path asks one question: "is it plain recording (GRAD), or nothing (0)?"
GRAD, INFERENCE, SAVED_HOOKS, ANOMALY, FORWARD, GENERIC, BATCHED, INSIDE, JOURNAL = 1, 2, 4, 8, 16, 32, 64, 128, 256
NO_TANGENTS = 512  # no level of forward mode is looked at: asked for, or by inference mode, which does so anyway
RECORDING = GRAD | INFERENCE  # inference mode records nothing, whatever enable_grad says inside
ON_TENSORS = FORWARD | BATCHED  # a backward runs rules on Tensors, which know their tangents and their batches

in_level = False  # whether ops look at a level of forward mode, where tangents are on

# INSIDE: a transform that differentiates is running, and must know what is made in it.
# JOURNAL: every op that runs is written down (engine.journal).
# GENERIC: every call and every rule takes the path that defines it, none the one compiled from its declaration.
_mode: ContextVar[int] = ContextVar("engine_mode", default=GRAD | GENERIC * bool(os.environ.get("ENGINE_GENERIC")))
current = _mode.get
switch = _mode.set


def is_grad_enabled() -> bool:
    """True where operations on tensors that require grad are recorded."""
    return bool(current() & GRAD)


def is_inference_mode_enabled() -> bool:
    return bool(current() & INFERENCE)


def set_bit(bit: int, on: bool) -> None:
    switch(current() | bit if on else current() & ~bit)


class _Decorator:
    """A context manager that is also a decorator of functions, generators and (with a warning) classes."""

    def __call__(self, function: Any) -> Any:
        if inspect.isclass(function):
            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate functions or methods. "
                "To preserve the current behavior of class decoration, you can directly decorate the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )
        if inspect.isgeneratorfunction(function):
            return _wrap_generator(self.clone, function)

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return inside

    def clone(self) -> Any:
        return type(self)()

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exc: Any) -> None:
        raise NotImplementedError


def _wrap_generator(mode: Callable[[], Any], function: Any) -> Any:
    """The mode holds inside the generator's body only: left at each `yield`, entered again on send, throw and close."""

    @functools.wraps(function)
    def generator(*args: Any, **kwargs: Any) -> Any:
        body = function(*args, **kwargs)
        try:
            with mode():
                response = body.send(None)
            while True:
                try:
                    request = yield response
                except GeneratorExit:
                    with mode():
                        body.close()
                    raise
                except BaseException as error:
                    with mode():
                        response = body.throw(error)
                else:
                    with mode():
                        response = body.send(request)
        except StopIteration as stop:
            return stop.value

    return generator


class _NoArguments(_Decorator):
    """`@no_grad` as well as `@no_grad()`."""

    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        return made if function is None else made(function)


class no_grad(_NoArguments):
    """Context and decorator: nothing inside is recorded; results do not require grad."""

    def __init__(self) -> None:
        self.previous = False

    def __enter__(self) -> None:
        self.previous = is_grad_enabled()
        set_bit(GRAD, False)

    def __exit__(self, *exc: Any) -> None:
        set_bit(GRAD, self.previous)


class enable_grad(_NoArguments):
    """Context and decorator: recording is on inside, whatever it was outside."""

    def __init__(self) -> None:
        self.previous = False

    def __enter__(self) -> None:
        self.previous = is_grad_enabled()
        set_bit(GRAD, True)

    def __exit__(self, *exc: Any) -> None:
        set_bit(GRAD, self.previous)


class set_grad_enabled(_Decorator):
    """Acts at once as a function; restores on exit as a context; as a decorator the change at creation is undone."""

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}")
        self.previous = is_grad_enabled()
        self.mode = mode
        set_bit(GRAD, mode)

    def __call__(self, function: Any) -> Any:
        set_bit(GRAD, self.previous)
        return super().__call__(function)

    def __enter__(self) -> None:
        set_bit(GRAD, self.mode)

    def __exit__(self, *exc: Any) -> None:
        set_bit(GRAD, self.previous)

    def __str__(self) -> str:
        return f"{type(self).__module__}.{type(self).__name__}(mode={self.mode})"

    def clone(self) -> set_grad_enabled:
        return type(self)(self.mode)


class inference_mode(_Decorator):
    """Context and decorator: results are inference tensors, without version counter and never in a graph."""

    def __new__(cls, mode: Any = True) -> Any:
        if isinstance(mode, bool):
            return super().__new__(cls)
        return cls()(mode)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode
        self.previous = 0

    def __enter__(self) -> None:
        self.previous = current()
        if self.mode:  # tangents are neither seen nor made inside
            switch(self.previous & ~(GRAD | FORWARD) | INFERENCE | NO_TANGENTS)
        else:
            switch(self.previous & ~(INFERENCE | NO_TANGENTS) | GRAD | FORWARD * in_level)

    def __exit__(self, *exc: Any) -> None:
        set_by_it = GRAD | INFERENCE | FORWARD | NO_TANGENTS
        switch(current() & ~set_by_it | self.previous & set_by_it)

    def clone(self) -> inference_mode:
        return type(self)(self.mode)


class generic(_Decorator):
    """Context and decorator: calls and rules take the generic path. So does a process started with ENGINE_GENERIC=1."""

    def __enter__(self) -> None:
        self.previous = current()
        switch(self.previous | GENERIC)

    def __exit__(self, *exc: Any) -> None:
        switch(current() & ~GENERIC | self.previous & GENERIC)
