"""Programs: real PyTorch passes each, planted errors are caught and printed, and nothing passes by observing nothing."""

from __future__ import annotations

import contextlib
import io
import sys
import types
import warnings
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from inspect import isfunction, signature
from typing import Any

import pytest
import torch

from conformance import backends, programs
from conformance.outcome import Raised, compare
from conformance.programs import PROGRAMS, run, run_cell
from conformance.programs.declare import Program
from conformance.programs.draw import Draw
from conformance.programs.see import ENDED, ORDER, See
from conformance.source import NpSource
from conformance.sweep import CellResult

KEYS = sorted(PROGRAMS)
PLANTED = backends.Backend("planted", types.ModuleType("planted"))


@pytest.mark.parametrize("key", KEYS)
def test_pytorch_passes_its_own_program(key: str) -> None:
    result = run_cell(key, "program", examples=12, seed=1, subject="torch")
    assert result.status == "pass", [failure.message for failure in result.failures]
    assert result.comparisons > 0
    assert "drew nothing" not in result.census or "drew data" in result.census


@pytest.mark.parametrize("key", KEYS)
def test_no_program_ends_early_or_leaves_something_behind(key: str) -> None:
    for data in run.cases(12, 2):
        seen = run.observe(torch, PROGRAMS[key].body, Draw(torch, NpSource(data)))
        assert not {ENDED, "warnings nobody asked about", "grad mode left behind"} & seen.keys(), seen


@pytest.mark.parametrize("key", KEYS)
def test_the_script_of_a_program_stands_alone(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Draw(torch, NpSource(bytes(run.LENGTH)))
    run.observe(torch, PROGRAMS[key].body, draw)
    source = run.told(PROGRAMS[key], draw.log, "torch")
    monkeypatch.setattr(sys, "argv", ["script", "torch"])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(source, key, "exec"), {"__name__": "__main__"})
    assert printed.getvalue().startswith("---- torch\n")
    assert len(printed.getvalue().splitlines()) > 1


def test_cells_are_the_programs() -> None:
    assert programs.cells() == [(key, "program") for key in KEYS]
    assert {key.partition(":")[2].partition(".")[0] for key in KEYS} == set(programs.TOPICS)


@pytest.mark.parametrize("topic", programs.TOPICS)
def test_no_function_of_a_topic_is_a_program_that_never_runs(topic: str) -> None:
    module = import_module(f"{programs.__name__}.{topic}")
    alike = [one for one in vars(module).values() if isfunction(one) and [*signature(one).parameters] == ["B", "draw", "see"]]
    assert alike and {one.__name__ for one in alike if one.__module__ == module.__name__} <= {
        key.rpartition(".")[2] for key in KEYS if key.startswith(f"program:{topic}.")
    }


# -- planted errors ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[..., CellResult]:
    """Runs a program with PyTorch as the truth and, as the subject, PyTorch in which one attribute is replaced."""

    def planted(key: str, owner: Any, name: str, replacement: Any, **options: Any) -> CellResult:
        plain = run.observe

        def observe(B: Any, body: Any, draw: Draw) -> dict[str, Any]:
            if B is not PLANTED.m:
                return plain(B, body, draw)
            with monkeypatch.context() as patched:
                patched.setattr(owner, name, replacement)
                draw.B = torch
                return plain(torch, body, draw)

        monkeypatch.setattr(run, "observe", observe)
        return run_cell(key, subject=PLANTED, **{"examples": 8, **options})

    return planted


class ignored_no_grad(contextlib.ContextDecorator):
    """A no_grad that does nothing."""

    def __new__(cls, function: Any = None) -> Any:
        return super().__new__(cls) if function is None else function

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class leaking_set_grad_enabled(ignored_no_grad):
    """A set_grad_enabled that never restores the mode."""

    def __new__(cls, mode: bool) -> Any:
        torch._C._set_grad_enabled(mode)
        return super().__new__(cls)

    def __init__(self, mode: bool):
        pass


DETACH = torch.Tensor.detach


def same(tensor: torch.Tensor, *_: Any) -> torch.Tensor:
    return tensor


def uncut(tensor: torch.Tensor) -> torch.Tensor:
    """A detach that keeps the graph."""
    return tensor.view_as(tensor)


def after(name: str, change: Callable[[Any], Any]) -> Callable[..., Any]:
    """The method `name` of a tensor, with its result changed."""
    plain = getattr(torch.Tensor, name)
    return wraps(plain)(lambda *args, **kwargs: change(plain(*args, **kwargs)))


def reworded(*args: Any, plain: Any = torch.Tensor.backward, **kwargs: Any) -> None:
    try:
        plain(*args, **kwargs)
    except RuntimeError as error:
        raise RuntimeError(str(error).replace("does not require grad", "requires no grad")) from None


def retyped(*args: Any, plain: Any = torch.Tensor.backward, **kwargs: Any) -> None:
    try:
        plain(*args, **kwargs)
    except RuntimeError as error:
        raise ValueError(*error.args) from None


def silent_grad(tensor: torch.Tensor) -> Any:
    with warnings.catch_warnings(record=True):
        return torch._C.TensorBase.grad.__get__(tensor)


def noisy_clone(tensor: torch.Tensor) -> torch.Tensor:
    warnings.warn("a clone is made", UserWarning, stacklevel=2)
    return torch._C.TensorBase.clone(tensor)


def deaf_hook(tensor: torch.Tensor, hook: Any, plain: Any = torch.Tensor.register_hook) -> Any:
    """A register_hook that ignores what a hook returns."""
    return plain(tensor, lambda g: (hook(g), None)[1])


def stretched(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, with a gradient that is wrong by one part in a thousand."""
    if tensor.requires_grad:
        tensor.register_hook(lambda g: g * 1.001)
    return tensor


MODES, METHODS = torch, torch.Tensor
ERRORS = {
    "a no_grad that does nothing": ("modes.no_grad_as_context", MODES, "no_grad", ignored_no_grad, "y: requires_grad"),
    "a decorator that does nothing": ("modes.no_grad_as_decorator", MODES, "no_grad", ignored_no_grad, "doubled: requires_grad"),
    "a mode that leaks": (
        "modes.set_grad_enabled_as_decorator",
        MODES,
        "set_grad_enabled",
        leaking_set_grad_enabled,
        "mode after decorating",
    ),
    "a detach that copies": (
        "detach.detach_shares_storage_and_version",
        METHODS,
        "detach",
        after("detach", torch.clone),
        "y follows: values",
    ),
    "a detach that cuts nothing": ("detach.a_detached_factor_is_a_constant", METHODS, "detach", uncut, "x.grad: values"),
    "a lost requires_grad": (
        "requires_grad.through_many_operations",
        METHODS,
        "__mul__",
        after("__mul__", DETACH),
        "result 1: requires_grad",
    ),
    "a warning that is dropped": ("basics.norm_of_a_non_leaf", METHODS, "grad", property(silent_grad), "reading y.grad: warnings"),
    "a warning that is too many": ("leaves.which_are_leaves", METHODS, "clone", noisy_clone, "warnings nobody asked about"),
    "an error in other words": ("basics.twice_dot_with_grad_unset", METHODS, "backward", reworded, "y.backward() message"),
    "an error of another type": ("basics.twice_dot_with_grad_unset", METHODS, "backward", retyped, "y.backward() error type"),
    "an error that does not come": ("basics.twice_dot_with_grad_unset", METHODS, "backward", lambda *_: None, "y.backward() raises"),
    "a retain_grad that forgets": ("basics.norm_of_a_non_leaf_with_retain_grad", METHODS, "retain_grad", same, "y.grad"),
    "a hook without effect": ("hooks.a_hook_replaces_the_gradient", METHODS, "register_hook", deaf_hook, "grad in the second hook: values"),
    "pieces in the wrong order": (
        "hooks.hooks_on_pieces",
        METHODS,
        "unbind",
        after("unbind", lambda pieces: pieces[::-1]),
        "x.grad: values",
    ),
    "a view that is a copy": ("views.write_to_the_base", METHODS, "__getitem__", after("__getitem__", torch.clone), "view: grad_fn"),
    "a wrong version": ("inplace.version_counter", METHODS, "fill_", after("fill_", lambda tensor: tensor.add_(0)), "versions"),
    "a wrong gradient": ("basics.logistic_loss", METHODS, "__matmul__", after("__matmul__", stretched), "w.grad: values"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_planted_error_is_caught_and_printed(name: str, plant: Callable[..., CellResult]) -> None:
    key, owner, attribute, replacement, kind = ERRORS[name]
    result = plant(f"program:{key}", owner, attribute, replacement)
    assert result.status == "fail"
    kinds = [failure.kind for failure in result.failures]
    assert kind in kinds, kinds
    failure = result.failures[kinds.index(kind)]
    assert failure.subject != failure.truth
    assert failure.message.startswith(kind.partition(" raises")[0].removesuffix(" message").removesuffix(" error type"))
    assert failure.case["drawn"] is not None
    assert "program:" in failure.script and "PLANTED" not in failure.script
    assert failure.command == f"python -m conformance run 'program:{key}::program' --subject planted"


def test_a_failure_reads_well(plant: Callable[..., CellResult]) -> None:
    result = plant("program:basics.twice_dot_with_grad_unset", torch.Tensor, "backward", reworded)
    (failure,) = result.failures
    assert failure.truth == "raised RuntimeError: element 0 of tensors does not require grad and does not have a grad_fn"
    assert failure.subject == "raised RuntimeError: element 0 of tensors requires no grad and does not have a grad_fn"
    assert failure.case == {"program": "program:basics.twice_dot_with_grad_unset", "bytes": "", "drawn": [1, [1.0]]}
    assert "DRAWN = [1, [1.0]]" in failure.script
    assert "def twice_dot_with_grad_unset(B" in failure.script


def test_a_failure_shrinks_to_what_it_needs(plant: Callable[..., CellResult], monkeypatch: pytest.MonkeyPatch) -> None:
    def body(B: Any, draw: Any, see: Any) -> None:
        x = draw.floats(draw.shape(1, 3))
        see("x", x.neg() if 7.0 in x.flatten().tolist() else x)

    monkeypatch.setitem(PROGRAMS, "program:basics.planted", Program("program:basics.planted", body))
    (failure,) = plant("program:basics.planted", torch.Tensor, "neg", lambda tensor: tensor, examples=60).failures
    shape, values = failure.case["drawn"]
    assert len(shape) == 1
    assert len(values) <= 2 and 7.0 in values


def test_a_failure_replays(plant: Callable[..., CellResult]) -> None:
    key = "program:modes.no_grad_as_context"
    (first, *_) = plant(key, torch, "no_grad", ignored_no_grad).failures
    assert first.kind in [failure.kind for failure in programs.replay(first.case, key, "program", PLANTED)]
    assert programs.replay(first.case, key, "program", "torch") == []


# -- the recorder -----------------------------------------------------------------------------------------------------------
def ran(body: Any, monkeypatch: pytest.MonkeyPatch) -> CellResult:
    monkeypatch.setitem(PROGRAMS, "program:basics.planted", Program("program:basics.planted", body))
    return run_cell("program:basics.planted", examples=2, subject="torch")


def test_a_program_that_observes_nothing_is_vacuous(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(lambda B, draw, see: None, monkeypatch).status == "vacuous"
    assert ran(lambda B, draw, see: draw.floats((2,)) * 2, monkeypatch).status == "vacuous"
    assert ran(lambda B, draw, see: see("a number", 1), monkeypatch).status == "pass"


def test_a_program_that_only_fails_is_vacuous(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(lambda B, draw, see: 1 // 0, monkeypatch).status == "vacuous"


def test_the_recorder_refuses_what_it_cannot_compare() -> None:
    with pytest.raises(TypeError, match="a program cannot show a object"):
        See(torch)("something", object())


def test_every_aspect_of_a_tensor_is_recorded() -> None:
    see = See(torch)
    see("y", torch.ones(2, requires_grad=True) * 2)
    aspects = ("values", "dtype", "shape", "requires_grad", "is_leaf", "grad_fn", "version")
    assert set(see.seen) == {"y", *(f"y: {aspect}" for aspect in aspects)}


def test_a_label_used_again_is_another_label() -> None:
    see = See(torch)
    for number in range(3):
        see("x", number)
    assert see.close() == {"x": 0, "x #2": 1, "x #3": 2, ORDER: ["x", "x #2", "x #3"]}


def test_errors_and_results_are_told_apart() -> None:
    see = See(torch)
    see.raises("an error", lambda: 1 // 0)
    see.raises("none", lambda: None)
    assert see.seen == {"an error": Raised("ZeroDivisionError", "integer division or modulo by zero"), "none": None}


def test_a_graph_is_recorded_with_its_sharing() -> None:
    see = See(torch)
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    see.graph("graph", y * y + 1)
    names = ["AddBackward0(2.0, None)", "MulBackward0(3.0, 3.0)", "ExpBackward0(4.0)", "torch::autograd::AccumulateGrad()"]
    assert see.seen == {"graph": names}


def test_the_order_of_what_is_seen_counts() -> None:
    forth, back = See(torch), See(torch)
    for label in ("a", "b"):
        forth(label, 0)
    for label in ("b", "a"):
        back(label, 0)
    assert [one.kind for one in compare(back.close(), forth.close()).differences] == [ORDER]


def test_a_part_is_not_reported_beside_its_whole() -> None:
    there, gone = See(torch), See(torch)
    there("x.grad", torch.ones(2))
    gone("x.grad", None)
    assert [one.kind for one in run.roots(compare(gone.close(), there.close()).differences)] == ["x.grad"]
