"""Random programs: drawn lines of operations, views, writes, mode changes, hooks and backwards, observed after each of them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from copy import deepcopy
from functools import cache, lru_cache
from inspect import getsource
from operator import itemgetter, mul
from types import CodeType
from typing import Any

import numpy as np

from ..outcome import Raised
from .declare import program
from .draw import alone
from .see import OPEN, STOPPED, graph_lines, texts, values
from .steps import COMPUTED, HELPERS, IN_PLACE, LENGTH, Ended, Step, steps

# Where PyTorch says itself that it contradicts itself (`please report a bug to PyTorch`), cannot read what it made, or has a library
# that cannot (upstream/gelu_of_steps.py).
ASSERTED = re.compile("INTERNAL ASSERT FAILED|tensor with unallocated storage|ZeroTensors are immutable|construct a memory descriptor")
BLOCK = 16  # bytes, those of the widest number
SCRIPT = """\
# {key}: the same lines on PyTorch and on {subject}.
import importlib
import sys
from copy import deepcopy

LINES = {lines}


{functions}

def hook(number, change):
    def called(g):
        print(f"    hook {{number}} sees {{g}}")
        return change(g)

    hooks.append(number)
    return called


for name in sys.argv[1:] or ("torch", "{subject}"):
    print(f"---- {{name}}")
    names = {{"torch": importlib.import_module(name), "deepcopy": deepcopy, **{{one.__name__: one for one in ({helpers})}}}}
    hooks = []
    names |= {{"hook": hook, "modes": [], "hooks": hooks, "handles": []}}
    for line, target in LINES:
        try:
            exec(line, names)
            print(line)
        except Exception as error:
            print(f"{{line}}    # {{type(error).__name__}}: {{error}}")
        if target and not isinstance(names.get(target), names["torch"].Tensor):
            names[target] = names["t0"]
        for shown in [n for n in names if n[0] == "t" and n[1:].isdigit()]:
            t = names[shown]
            try:
                version, grad = None if t.is_inference() else t._version, t.grad if t.is_leaf or t.retains_grad else None
                print(f"    {{shown}} = {{t}} version={{version}} grad={{grad}}")
            except RuntimeError as error:  # of a view that may not be written to any more, of which even reading the graph is refused
                print(f"    {{shown}} cannot be read: {{error}}")
"""


def script(key: str, log: list[Any], subject: str) -> str:
    """The lines of a case as Python that prints every tensor after each of them, on PyTorch and on `subject`."""
    lines = "".join(f"    {(line, target)!r},\n" for line, target, *_ in log)
    functions = "\n\n".join(map(getsource, HELPERS))
    helpers = ", ".join(one.__name__ for one in HELPERS)
    return SCRIPT.format(key=key, subject=subject, functions=functions, helpers=helpers, lines=f"[\n{lines}]")


@program(cascades=True, script=script, length=LENGTH)
def watched(B: Any, draw: Any, see: Any) -> None:
    """Every observable of every live tensor after each line."""
    _play(B, draw, see, each=True)


@program(cascades=True, script=script, length=LENGTH)
def unwatched(B: Any, draw: Any, see: Any) -> None:
    """The same at the end only: to look at the history of a view builds it."""
    _play(B, draw, see, each=False)


def _play(B: Any, draw: Any, see: Any, each: bool) -> None:
    names: dict[str, Any] = {"torch": B, "deepcopy": deepcopy, "modes": [], **{one.__name__: one for one in HELPERS}}
    names |= {"hooks": [], "handles": [], "versions": {}, "recast": False, "written": {}, "dims": {}}
    try:
        try:
            _steps(names, draw, see.seen, each)
        except Ended as why:
            see.seen[OPEN] = str(why)
        with B.enable_grad():
            see.seen.update(_observed(names, "at the end: "))
        graphs = {f"at the end: graph of tensor {name[1:]}": _attempt(_graph, one) for name, one in _tensors(names)}
        see.seen.update(graphs)
    except Asserted as why:
        see.seen[STOPPED] = str(why)
    finally:
        while names["modes"]:
            names["modes"].pop().__exit__(None, None, None)
    see.labels.append("lines")


def _steps(names: dict[str, Any], draw: Any, seen: dict[str, Any], each: bool) -> None:
    for number, step in enumerate(steps(draw)):
        at = f"step {number} {step.op or step.name}: "
        _run(step, names, seen, at)
        if at + "error" not in seen:
            if step.target:
                names[step.target] = _moved(step, names, draw)
            _note_write(step, names)
        names["dims"] = {name: max(names["dims"].get(name, 0), one.ndim * one.requires_grad) for name, one in _tensors(names)}
        if each:
            seen.update(_observed(names, at))
        if names["recast"] and _lost(_tensors(names) + _through(names)):
            raise Ended("the bits of NaN read in another dtype")


class Asserted(Exception):
    """PyTorch met an internal assert, and says so: what is left of the program is not looked at, and the census counts it."""


def _met(error: Any) -> Any:
    """The outcome, where it is no internal assert of PyTorch."""
    if isinstance(error, Raised) and ASSERTED.search(error.text):
        raise Asserted(error.text.partition(" at ")[0])
    return error


def _attempt(read: Callable[..., Any], *given: Any) -> Any:
    try:
        return read(*given)
    except Exception as error:
        return _met(Raised.of(error))


def _run(step: Step, names: dict[str, Any], seen: dict[str, Any], at: str) -> None:
    """Run one line; a name it should bind and does not is the first tensor's."""

    def hook(number: int, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def called(g: Any) -> Any:
            seen[f"step {len(seen)} hook of step {number}"] = values(g)
            return change(g)

        names["hooks"].append(number)
        return called

    names["hook"] = hook
    names["recast"] = names["recast"] or "view(torch." in step.line
    if "backward(" in step.line and any(_attempt(_outgrown, one, names["dims"][name]) is True for name, one in _tensors(names)):
        raise Ended("steps of a gradient compared with what lies beyond those of its leaf")
    code = _compiled(step.line)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(code, names)
        except Ended:
            raise
        except Exception as error:
            seen[at + "error"] = _met(Raised.of(error))
    if caught:
        seen[at + "warnings"] = texts(caught)
    if step.target and not isinstance(names.get(step.target), names["torch"].Tensor):
        names[step.target] = names["t0"]
    if step.target and not names[step.target].is_inference():
        names["versions"][step.target] = names[step.target]._version  # how often a gradient was written to before is left to each backend


def _moved(step: Step, names: dict[str, Any], draw: Any) -> Any:
    """What goes on in place of what a step made or wrote to: a reference rounds it otherwise."""
    made, others = names[step.target], [one for name, one in _tensors(names) if name != step.target]
    if step.name in IN_PLACE or (step.name == "gradient" and alone(made, others)):
        draw.written(made, step.ulp)
    elif any(made is one for one in others):
        made = draw.copied(made, f"at the end: tensor {step.target[1:]}")
    return draw.rounded(made, others, step.ulp) if step.name in COMPUTED else made


def _note_write(step: Step, names: dict[str, Any]) -> None:
    """Keep of which dtype the numbers are that were last written to a memory: as others they are read with other last digits."""
    live = {_memory(one) for _, one in _tensors(names) + _through(names)}
    names["written"] = {at: dtype for at, dtype in names["written"].items() if at in live}  # what was freed is made anew
    made = names["through"] if "through :=" in step.line else names.get(step.target)
    if made is None or not made.numel():
        return
    if step.name in IN_PLACE or "through :=" in step.line:
        names["written"][_memory(made)] = made.dtype
    elif alone(made, [one for name, one in _tensors(names) if name != step.target]):
        names["written"].pop(_memory(made), None)  # new memory, where there was other


@lru_cache(1 << 14)
def _compiled(line: str) -> CodeType:
    return compile(line, "<step>", "exec")


def _tensors(names: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, one) for name, one in names.items() if name[0] == "t" and name[1:].isdigit()]


def _through(names: dict[str, Any]) -> list[tuple[str, Any]]:
    """The last view in another dtype that was written to and that no tensor is."""
    return [(name, names[name]) for name in ("through",) if name in names]


def _observed(names: dict[str, Any], at: str) -> dict[str, Any]:
    """What can be seen of every live tensor: numbers as arrays, everything else in one list."""
    live = _tensors(names)
    seen: dict[str, Any] = {}
    first: dict[int, str] = {}  # who a tensor is, by the first name it has
    for name, one in live:
        first.setdefault(id(one), name)
    memory: dict[int, str] = {}
    kept = {name: one.grad for name, one in live if _attempt(_keeps_gradient, one) is True}
    read = _readings([*live, *((f"{name}.grad", gradient) for name, gradient in kept.items())], names)
    for name, one in live:
        label = f"{at}tensor {name[1:]}"
        if first[id(one)] != name:
            seen[label] = f"is {first[id(one)]}"
            continue
        seen[f"{label} values"] = read(name, one)
        seen[label] = _flags(one, FLAGS)
        if not one.is_inference():
            seen[f"{label} writes"] = one._version - names["versions"].get(name, 0)
        pointer = one.data_ptr()
        if pointer:
            seen[f"{label} place"] = memory.setdefault(pointer, name)
        if one._base is not None:
            seen[f"{label} base"] = first.get(id(one._base), "unnamed")
        if name in kept:
            seen[f"{label} gradient"] = read(f"{name}.grad", kept[name])
            seen[f"{label} gradient is"] = [first.get(id(kept[name]), "unnamed"), *_flags(kept[name], GRADIENT_FLAGS)]
    return seen


def _readings(held: list[tuple[str, Any]], names: dict[str, Any]) -> Callable[[str, Any], Any]:
    """What reads the elements of what is `held`, by its name, so that they can be compared: see `_numbers` and `_lost`."""
    if not names["recast"]:
        return lambda _, one: _attempt(values, one)
    real = [(name, one) for name, one in held if one.is_floating_point() or one.is_complex()] + _through(names)
    numbers, lost = _widest(real) | names["written"], _lost(real)

    def read(name: str, one: Any) -> Any:
        dtype = numbers.get(_memory(one), one.dtype)
        if name not in lost:
            return _numbers(one, dtype)
        found = _attempt(values, one)
        found[lost[name] if dtype == one.dtype else ...] = np.nan  # where they are of another dtype the rest has other last digits, too
        return found

    return read


def _flags(tensor: Any, flags: tuple[Callable[[Any], Any], ...]) -> list[Any]:
    """What each of them reads, one by one only where one of them cannot be read."""
    try:
        return [read(tensor) for read in flags]
    except Exception as error:
        _met(Raised.of(error))  # once: asked again, PyTorch reads on as if nothing had been
        return [_attempt(read, tensor) for read in flags]


def _widest(live: list[tuple[str, Any]]) -> dict[int, Any]:
    """The widest dtype that each memory is read in: what that loses by rounding may be any number of a narrower one."""
    parts = [(_memory(one), one.element_size() // (1 + one.is_complex()), one) for _, one in live if one.numel()]
    return {at: one.dtype for at, _, one in sorted(parts, key=itemgetter(1))}


def _numbers(tensor: Any, dtype: Any) -> Any:
    """The elements, as the numbers of `dtype` whose bits they are: PyTorch's own differ by a rounding, and NaN has many."""
    read = _attempt(lambda: values(tensor if tensor.dtype == dtype else tensor.detach().view(dtype)))
    return _attempt(values, tensor) if isinstance(read, Raised) else read


def _lost(live: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of each tensor in whose memory are bits of NaN that several dtypes read, which elements: NaN has many, and any of them is right.

    By its bits a NaN of one dtype is one of another, too, or none: so all that lies within a block of them counts.
    """
    dtypes: dict[int, set[str]] = {}
    for _, one in live:
        dtypes.setdefault(_memory(one), set()).add(_part(one))
    shared = [(name, one, *_places(one)) for name, one in live if len(dtypes[_memory(one)]) > 1 and one.numel()]
    found = {}
    blocks = {(_memory(one), (at - _memory(one)) // BLOCK) for _, one, _, _, lost in shared for at in lost}
    for name, one, places, width, _ in shared:
        start = _memory(one)
        ends = [((at - start) // BLOCK, (at + width - 1 - start) // BLOCK) for at in places]
        read = np.array([(start, a) in blocks or (start, b) in blocks for a, b in ends]).reshape(tuple(one.shape))
        if read.any():
            found[name] = read
    return found


def _part(tensor: Any) -> str:
    """The dtype of the numbers that elements are made of."""
    return _name(tensor.dtype).replace("complex64", "float32").replace("complex128", "float64")


def _places(tensor: Any) -> tuple[list[int], int, set[int]]:
    """Where in memory the elements begin, how many bytes each has, and the bytes of those that are NaN."""
    steps = [n * tensor.element_size() for n in tensor.stride()]
    width = tensor.element_size()
    places = [tensor.data_ptr() + sum(map(mul, at, steps)) for at in np.ndindex(tuple(tensor.shape))]
    parts = 1 + tensor.is_complex()
    lost: set[int] = set()
    for at, number in zip(places, values(tensor.detach()).reshape(-1), strict=True):
        for i, part in enumerate((number.real, number.imag)[:parts]):
            if part != part:
                lost.update(range(at + i * width // parts, at + (i + 1) * width // parts))
    return places, width, lost


def _memory(tensor: Any) -> int:
    """Where the memory begins that a tensor is a part of."""
    return int(tensor.data_ptr() - tensor.storage_offset() * tensor.element_size()) if tensor.numel() else 0


def _keeps_gradient(tensor: Any) -> bool:
    return (tensor.is_leaf or tensor.retains_grad) and tensor.grad is not None


def _outgrown(tensor: Any, most: int) -> bool:
    """True for a leaf of fewer dimensions than its gradient has, or may get (once it had `most`): upstream/strides_beyond_the_end.py"""
    return bool(tensor.is_leaf and max(most, 0 if tensor.grad is None else tensor.grad.ndim) > tensor.ndim)


def _graph(tensor: Any) -> list[str]:
    return graph_lines(tensor.grad_fn)


@cache
def _name(dtype: Any) -> str:
    return str(dtype)


def _node(tensor: Any) -> str | None:
    return None if tensor.grad_fn is None else tensor.grad_fn.name()


GRADIENT_FLAGS: tuple[Callable[[Any], Any], ...] = (
    lambda t: _name(t.dtype),
    lambda t: tuple(t.shape),
    lambda t: t.requires_grad,
    lambda t: t.is_leaf,
    _node,
    lambda t: (t.stride(), t.storage_offset()) if t.numel() else None,  # nothing to place
)
FLAGS = (
    *GRADIENT_FLAGS,
    lambda t: t.output_nr,
    lambda t: t.retains_grad,
    lambda t: t.is_inference(),
)
