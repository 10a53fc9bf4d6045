"""The choice of an overload and the words of a wrong call, over PyTorch's own table of functions, against PyTorch."""

from __future__ import annotations

import ast
import random
import re
import warnings
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torchgen
from torch.utils._python_dispatch import TorchDispatchMode

from engine import contiguous_format, dtypes, parser, schema
from engine.tensor import Tensor, wrap

PACKAGED = Path(torchgen.__file__).parent / "packaged"
MODULES = {None: torch, "nn": torch._C._nn, "linalg": torch._C._linalg, "fft": torch._C._fft, "special": torch._C._special}
# Not of this engine's kind: other devices, quantised, nested, sparse and named tensors, and calls with an effect on the process.
FOREIGN = re.compile(
    r"^_|cudnn|miopen|mkldnn|fbgemm|quant|q_|sparse|nested|batch_norm_|rnn|lstm|gru|sym_|from_file|_cpu$|vulkan|is_set_to"
    r"|record_stream|^native_|(split.*|unbind)_copy"
)


class Entry(NamedTuple):
    """One form of one PyTorch function: what to call, and the parser with the same overloads."""

    name: str
    method: bool
    call: Any
    parser: parser.Parser


@cache
def table() -> dict[tuple[str | None, str], list[tuple[schema.Schema, str, bool]]]:
    """PyTorch's native functions by (module, name): schema, the forms it has, and whether it has an `out=` twin."""
    source = (PACKAGED / "autograd" / "gen_python_functions.py").read_text()
    skipped = [re.compile(f"^{p}$") for p in ast.literal_eval(re.search(r"_SKIP_PYTHON_BINDINGS = (\[.*?\n\])", source, re.S)[1])]
    hidden = ast.literal_eval(re.search(r"SKIP_PYTHON_BINDINGS_SIGNATURES = (\[.*?\n\])", source, re.S)[1])
    found: dict[tuple[str | None, str], list[Any]] = defaultdict(list)
    twins = set()
    for block in (PACKAGED / "ATen" / "native" / "native_functions.yaml").read_text().split("\n- func: ")[1:]:
        text = block.partition("\n")[0].strip()
        name, base = re.match(r"([\w.]+)\(", text)[1], re.match(r"(\w+)", text)[1]
        if "!" in text.partition("*, ")[2].rpartition(") -> ")[0]:  # written to by keyword: an `out=` form
            twins.add(_inputs(text))
            continue
        field = {k: v.strip() for k, v in re.findall(r"^  (\w+):(.*)$", block, re.M)}
        if "autogen" in field and "view_copy" in field.get("tags", ""):
            twins.add(_inputs(text))
        by_hand = text in hidden or any(s.match(base) or s.match(name) for s in skipped)
        if by_hand or FOREIGN.search(base) or "generated" in field.get("tags", ""):
            continue
        try:
            found[field.get("python_module"), base].append((schema.parse(text), field.get("variants", "function"), text))
        except ValueError:
            continue
    return {key: [(s, forms, _inputs(text) in twins) for s, forms, text in rows] for key, rows in found.items()}


def _inputs(text: str) -> tuple[str, ...]:
    """The name and arguments of a schema without its overload name and its outputs, by which an `out=` twin is found."""
    name = re.match(r"(\w+)", text)[1]
    inside = re.sub(r"\((\w)!?( -> \*)?\)", "", text.partition("(")[2].rpartition(") -> ")[0])
    parts = [p for p in schema.split(inside) if p != "*"]
    written = set(re.findall(r"!\) (\w+)", text.partition("*, ")[2]))
    parts = [p for p in parts if p.split(" ")[-1] not in written]
    options = ("ScalarType? dtype", "Layout? layout", "Device? device", "bool? pin_memory")
    return (name, *(p for p in parts if not p.startswith(options)))


@cache
def entries() -> list[Entry]:
    found = []
    for (module, name), rows in sorted(table().items(), key=str):
        for form in ("function", "method"):
            if module not in MODULES or (module is not None and form == "method"):
                continue
            chosen = [(s, out and form == "function") for s, forms, out in rows if form in forms or module is not None]
            call = getattr(MODULES[module] if form == "function" else torch.Tensor, name, None)
            if not chosen or type(call).__name__ not in ("builtin_function_or_method", "method_descriptor"):
                continue
            schemas, outs = [_with_requires_grad(s) for s, _ in chosen], [out for _, out in chosen]
            order = parser.python_order(name, schemas, form=form, has_out=outs)
            made = parser.Parser(name, [schemas[i] for i in order], form=form, has_out=[outs[i] for i in order])
            found.append(Entry(name, form == "method", call, made))
    return found


def _with_requires_grad(s: schema.Schema) -> schema.Schema:
    """Where PyTorch's table has the options of a new tensor, its Python signature has `requires_grad` too."""
    return schema.parse(s.text.replace("pin_memory=None", "pin_memory=None, bool? requires_grad=False"))


# -- values given to both ----------------------------------------------------------------------------------------------
class Index:
    def __index__(self) -> int:
        return 1


TORCH_TENSORS = [
    torch.ones(2, 3), torch.ones(2, 2), torch.tensor([0, 1]), torch.tensor(1), torch.tensor(1.5), torch.tensor(True), torch.tensor([1]),
    torch.tensor(2.0, requires_grad=True), torch.ones(2, 3) > 0,
]  # fmt: skip
PLAIN = [
    0, 1, -1, 2, 1.5, 0.5, True, False, 1j, None, "mean", "a", 2**70, float, int, slice(1), {}, Index(),
    np.int64(1), np.float32(0.5), np.float64(2), np.bool_(True), np.ones(2),
    (0,), (0, 1), [1, 1], [0, "a"], ["a"], (1.5, 2.0), (), [], [None], (1, 1.5), [1.5, "a"], (True,),
]  # fmt: skip
FITTING = {
    "int": [0, 1], "SymInt": [0, 1], "Scalar": [1, 1.5, True], "float": [0.5, 1], "bool": [True, False], "str": ["mean"], "Device": ["cpu"],
    "ScalarType": [torch.float64], "ScalarType?": [torch.float64, None, float], "int[": [0, (0,), (1, 1), [0, 1], (), None],
}  # fmt: skip


def mirrored(value: Any) -> Any:
    """The engine's counterpart of a value given to PyTorch."""
    if isinstance(value, torch.Tensor):
        made = wrap(value.detach().numpy(), dtypes.OF_NAME[str(value.dtype).removeprefix("torch.")])
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, torch.dtype):
        return dtypes.OF_NAME[str(value).removeprefix("torch.")]
    if isinstance(value, torch.memory_format):
        return contiguous_format
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(map(mirrored, value))
    return value


def pool(t: list[torch.Tensor]) -> list[Any]:
    lists = [[t[0], t[0]], (t[0], 1), [t[3], 1], (1, t[5]), (0, t[4])]
    return [*t, *t[:3], *PLAIN, *lists, torch.float64, torch.int64, torch.contiguous_format]


def fitting(kind: str, t: list[torch.Tensor], rng: random.Random) -> Any:
    """A value that often fits a schema type, so that calls get past their first argument."""
    tensors: dict[str, list[Any]] = {"Tensor": t[:3], "Tensor?": [*t[:2], None], "Tensor[]": [[t[0], t[0]], (t[0],)]}
    if kind.startswith(("int[", "SymInt[")):
        kind = "int["
    choices = FITTING | tensors
    return rng.choice(choices.get(kind) or choices.get(kind.removesuffix("?")) or [None])


def drawn_call(entry: Entry, rng: random.Random) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A call of one of the overloads with some arguments replaced, dropped, added or renamed."""
    t = [x.detach().clone().requires_grad_(x.requires_grad) for x in TORCH_TENSORS]
    overload = rng.choice(entry.parser.overloads)
    arguments = [a for a in overload.arguments if not (entry.method and a.name == "self")]
    keyword_from = rng.choice([len(arguments), len(arguments), rng.randint(0, len(arguments))])
    args, kwargs = [], {}
    for i, a in enumerate(arguments):
        if a.default is not schema.REQUIRED and rng.random() < 0.6:
            keyword_from = min(keyword_from, i)
            continue
        value = rng.choice(pool(t)) if rng.random() < 0.2 else fitting(a.type, t, rng)
        if a.kwarg_only or i >= keyword_from:
            name = "input" if a.name == "self" and a.type == "Tensor" else a.name
            kwargs[{"dim": "axis", "keepdim": "keepdims", "other": "x2"}.get(name, name) if rng.random() < 0.2 else name] = value
        else:
            args.append(value)
    spoil(args, kwargs, t, rng)
    return ((t[0], *args) if entry.method else tuple(args)), kwargs


def spoil(args: list[Any], kwargs: dict[str, Any], t: list[torch.Tensor], rng: random.Random) -> None:
    """Sometimes one more or one fewer argument, or a keyword that may not exist."""
    what = rng.random()
    if what < 0.1:
        args.append(rng.choice(pool(t)))
    elif what < 0.2 and args:
        args.pop()
    elif what < 0.3:
        kwargs[rng.choice(["foo", "dim", "out", "input", "x", "keepdim", "dtype", "alpha"])] = rng.choice(pool(t))
    if rng.random() < 0.05:
        kwargs["out"] = rng.choice([t[1], (t[1], t[2]), [t[1]], "a", None])


OF_THE_PARSER = re.compile(r"^\w+\(\)|^\w+\(\): |^expected Tensor as element|^expected tuple of|^\w+\.\w+\(\) takes no")
OF_A_VALUE = re.compile(r"^Overflow when unpacking|^int too big to convert|^can't convert negative int|isIntegral")


def of_torch(entry: Entry, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """ "accepted", or the parser's refusal; what the function itself then raises is no matter here."""
    try:
        if entry.method:
            getattr(args[0], entry.name)(*args[1:], **kwargs)
        else:
            entry.call(*args, **kwargs)
    except TypeError as error:
        return str(error) if OF_THE_PARSER.match(str(error)) else "accepted"
    except Exception as error:
        return "its own bug" if "expected tuple or list" in str(error) else "unpacked" if OF_A_VALUE.search(str(error)) else "accepted"
    return "accepted"


def of_engine(parse: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]:
    """The same of the engine's parser, and what it found."""
    try:
        return "accepted", parse(args, kwargs)
    except TypeError as error:
        return str(error), None
    except (ValueError, OverflowError, RuntimeError) as error:
        return ("accepted" if re.search("has no device|accelerator device", str(error)) else "unpacked"), None


def same(a: Any, b: Any) -> bool:
    """Equal in type and value, tensors being the same tensor."""
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return a is b or (type(a) is type(b) and not isinstance(a, Tensor) and bool(np.all(a == b)))


def compare(entry: Entry, seed: int, count: int) -> None:
    """Draws calls and compares each with PyTorch's outcome, and the remembered choice with the reasoned one."""
    rng = random.Random(f"{entry.name}{entry.method}{seed}")
    for _ in range(count):
        args, kwargs = drawn_call(entry, rng)
        expected = of_torch(entry, args, kwargs)
        if expected == "its own bug" or "Exception raised from" in expected:
            continue
        ours, ours_named = tuple(map(mirrored, args)), {k: mirrored(v) for k, v in kwargs.items()}
        reasoned, found = of_engine(entry.parser.choose, ours, ours_named)
        remembered, again = of_engine(entry.parser, ours, ours_named)
        assert reasoned == remembered == expected, (entry.name, args, kwargs)
        assert same(found, again), (entry.name, args, kwargs)


# -- what is bound ---------------------------------------------------------------------------------------------------------
class FirstCall(TorchDispatchMode):
    """Remembers the first operator PyTorch dispatches to, and its arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.found: tuple[Any, dict[str, Any]] | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.found is None:
            arguments = func._schema.arguments
            bound = {a.name: a.default_value for a in arguments} | dict(zip([a.name for a in arguments], args, strict=False))
            self.found = func, {k: readable(v) for k, v in (bound | (kwargs or {})).items()}
        return func(*args, **(kwargs or {}))


def readable(value: Any) -> Any:
    """A value in a form both sides have: a tensor as its contents, an empty list as a list."""
    if isinstance(value, torch.Tensor):
        return value.detach().tolist()
    if isinstance(value, Tensor):
        return value._array.tolist()
    if isinstance(value, (list, tuple)):
        return [readable(v) for v in value]
    if isinstance(value, (torch.dtype, dtypes.dtype)):
        return repr(value)
    return value if value is None or isinstance(value, (bool, int, float, complex, str)) else type(value).__name__


def bound_by_both(entry: Entry, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
    """(overload, arguments) on each side, or None where PyTorch refuses the call or the overload is made of others."""
    mode = FirstCall()
    try:
        index, values, _ = entry.parser(tuple(map(mirrored, args)), {k: mirrored(v) for k, v in kwargs.items()})
        chosen = entry.parser.overloads[index]
        mine = {name: readable(v) for name, v in zip(chosen.names, values, strict=True)}  # read before an in-place call writes
        with mode:
            of_torch(entry, args, kwargs)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None
    if mode.found is None or mode.found[0].overloadpacket.__name__ != entry.name:
        return None
    if torch._C._dispatch_has_kernel_for_dispatch_key(f"aten::{chosen.key}", "CompositeImplicitAutograd"):
        return None
    given = [{k: v for k, v in side.items() if k not in NEW_TENSOR} for side in (mode.found[1], mine)]
    return (mode.found[0]._overloadname, given[0]), (chosen.overload or "default", given[1])


# Changed on their way to the operator.
NEW_TENSOR = ("dtype", "layout", "device", "pin_memory", "requires_grad", "memory_format")


@pytest.mark.parametrize("entry", entries(), ids=lambda e: ("Tensor." if e.method else "") + e.name)
def test_bound(entry: Entry) -> None:
    rng = random.Random(f"{entry.name}{entry.method}")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        for _ in range(8):
            args, kwargs = drawn_call(entry, rng)
            both = None if "out" in kwargs else bound_by_both(entry, args, kwargs)
            if both:
                assert both[0] == both[1], (args, kwargs)


@pytest.mark.parametrize("entry", entries(), ids=lambda e: ("Tensor." if e.method else "") + e.name)
def test_choice_and_words(entry: Entry) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        compare(entry, 0, 12)


def test_which_names_take_numbers_for_tensors() -> None:
    names = {n.split("::")[1].split(".")[0] for n in torch._C._dispatch_get_all_op_names()}
    for name in names:
        if not name.startswith("_") and not name.endswith("_out"):
            assert (name in parser.NUMBERS_AS_TENSORS) == torch._C._should_allow_numbers_as_tensors(name), name


@pytest.mark.parametrize("name", ["add", "sub", "addcmul", "addcdiv", "addmm", "addmv", "addr", "addbmm", "baddbmm"])
def test_deprecated_order(name: str) -> None:
    entry = next(e for e in entries() if e.name == name and not e.method)
    signatures = [s for s in entry.parser.signatures if s.deprecated]
    assert signatures
    for signature in signatures:
        args = tuple(2.5 if p.kind == "Scalar" else torch.eye(2) for p in signature.params if not p.kwarg_only)
        theirs, mine = warned(lambda a=args: bound_by_both(entry, a, {}), entry, args)
        assert theirs[0] == theirs[1]
        assert mine[0].partition(" (Triggered")[0] == mine[1]


def warned(compared: Any, entry: Entry, args: tuple[Any, ...]) -> tuple[Any, list[str]]:
    """What was bound, and the warnings of PyTorch and of the engine."""
    entry.parser._warned = True
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bound = compared()
            entry.parser._warned = False
            entry.parser(tuple(map(mirrored, args)), {})
    finally:
        torch.set_warn_always(False)
    return bound, [str(w.message) for w in caught]
