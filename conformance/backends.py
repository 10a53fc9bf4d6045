"""A subject and PyTorch behind one small interface: make tensors, call an op through a public form, read results back."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import warnings
from collections.abc import Iterator
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from torch.autograd import Variable
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from engine.dtypes import OF_NAME
from engine.schema import REQUIRED, Schema, literal, parse, split
from engine.tensor import wrap

from .case import DIFFERENTIABLE, NAME, NUMPY, OMITTED, Case, Named, TensorValue, tensor_value
from .spec import Declaration

torch.set_num_threads(1)
_run_backward = Variable._execution_engine.run_backward  # without what is kept around it for the compiler

_PASSED = frozenset((type(OMITTED), type(None), bool, int, float, complex, str, tuple))  # arguments that are the same on both sides


class ElementByElement(TorchDispatchMode):
    """Within it PyTorch's pointwise kernels, those of a backward too, run their loop over single elements and not the vector one.

    The two do not always agree: the sign of a complex zero depends on where in a dense array the element stands.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.pointwise not in func.tags:
            return func(*args, **(kwargs or {}))
        apart = tree_map(self.spaced, args)
        if not func._schema.is_mutable:
            return func(*apart, **(kwargs or {}))
        if kwargs or not isinstance(args[0], torch.Tensor) or apart[0].stride() == args[0].stride():
            return func(*args, **(kwargs or {}))
        func(*apart)
        return args[0].copy_(apart[0])

    @staticmethod
    def spaced(x: Any) -> Any:
        """A tensor's copy at every second place of a larger buffer, in the same order."""
        if not isinstance(x, torch.Tensor) or not x.numel() or 0 in x.stride():
            return x
        return torch.empty_strided(x.shape, [2 * s for s in x.stride()], dtype=x.dtype).copy_(x)


class RoundedOtherwise(TorchDispatchMode):
    """Within it each element that an op of PyTorch's computes, of a backward too, is a unit in the last place away, or half of one.

    What was only moved about, or is a constant, is exact and stays as it is.
    """

    MOVES = (1.0, -1.0, 0.5, -0.5)
    CONSTANT = re.compile("(new_)?(ones|zeros|full|empty|arange|fill|scalar_tensor|eye)")

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        fresh = not func._schema.is_mutable and not any(r.alias_info for r in func._schema.returns)
        if not fresh or self.CONSTANT.match(func._schema.name.removeprefix("aten::")):
            return made
        given = [x for x in tree_flatten((args, kwargs))[0] if self.has_digits(x)]
        return tree_map(lambda t: self.moved(t, given), made)

    @staticmethod
    def has_digits(x: Any) -> bool:
        """True for tensors of floats in memory: the zeros that stand for a missing tangent have none."""
        return isinstance(x, torch.Tensor) and (x.dtype.is_floating_point or x.dtype.is_complex) and not x._is_zerotensor()

    def moved(self, t: Any, given: list[Any]) -> Any:
        """The result with other last digits where an element is none of those `given`."""
        if not self.has_digits(t) or any(t is x for x in given):
            return t
        step = torch.tensor(self.MOVES)[torch.randint(4, t.shape, generator=self.chance)] * torch.finfo(t.dtype).eps
        whole = (torch.view_as_real(x.resolve_conj()) if x.is_complex() else x for x in given)
        numbers = torch.cat([x.double().flatten() for x in whole] or [torch.zeros(0, dtype=torch.float64)])
        parts = torch.view_as_real(t.resolve_conj()) if t.is_complex() else t
        kept = torch.isin(parts.double(), numbers)
        kept = kept.all(-1, keepdim=True) if t.is_complex() else kept
        step = step.unsqueeze(-1) if t.is_complex() else step
        moved = torch.where(kept | (parts == 0), parts, parts + parts * step.to(parts.dtype))  # -0 + 0 is no -0
        return t.copy_(torch.view_as_complex(moved) if t.is_complex() else moved) if 0 not in t.stride() else t


@cache
def _name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


class Backend:
    """Any module with PyTorch's namespace. `m` is that module."""

    def __init__(self, name: str, module: Any):
        self.name, self.m = name, module

    @cached_property
    def Tensor(self) -> Any:
        return self.m.Tensor

    # -- tensors ---------------------------------------------------------------------------------------------------------
    def from_root(self, value: TensorValue, root: np.ndarray) -> Any:
        """A tensor over `root` that is not a view."""
        whole = self.m.from_numpy(root.view(np.int16)).view(self.m.bfloat16) if value.dtype == "bfloat16" else self.m.from_numpy(root)
        return whole.as_strided(value.shape, value.strides, value.offset).detach()

    def make(self, value: TensorValue, requires_grad: bool = False) -> Any:
        """The tensor `value` describes, in a fresh copy of its buffer."""
        made = self.from_root(value, value.root.copy())
        return made.requires_grad_() if requires_grad else made

    def resizable(self, value: TensorValue) -> Any:
        """Zeros laid out as `value`, in memory that `out=` may resize."""
        return self.make(value).clone()

    def is_tensor(self, x: Any) -> bool:
        return isinstance(x, self.Tensor)

    def dtype(self, t: Any) -> str:
        return _name(t.dtype)

    def array(self, t: Any) -> np.ndarray:
        """The elements, sharing memory with the tensor."""
        t = t.detach()
        return t.view(self.m.int16).numpy().view(NUMPY["bfloat16"]) if self.dtype(t) == "bfloat16" else t.numpy()

    def read(self, t: Any) -> np.ndarray:
        """The elements, copied in row-major order."""
        return np.array(self.array(t), order="C", copy=True)

    def pointer(self, t: Any) -> int:
        """The address of the first element."""
        return self.array(t).__array_interface__["data"][0]

    # -- arguments ---------------------------------------------------------------------------------------------------------
    def inputs(self, case: Case, requires_grad: Any = True) -> dict[str, Any]:
        """The case's arguments, ready to pass. `requires_grad`: True as drawn, False for none, or the names that require it."""
        made: dict[str, Any] = {}
        for name, value in case.args.items():
            if type(value) in _PASSED:
                made[name] = value
            elif isinstance(value, TensorValue):
                made[name] = made[value.same_as] if value.same_as else self.make(value, self._flag(name, value, requires_grad))
            elif isinstance(value, list):
                made[name] = [self.make(v, self._flag(name, v, requires_grad)) if isinstance(v, TensorValue) else v for v in value]
            else:
                made[name] = getattr(self.m, value.name) if isinstance(value, Named) else value
        return made

    @staticmethod
    def _flag(name: str, value: TensorValue, requires_grad: Any) -> bool:
        if isinstance(requires_grad, bool):
            return requires_grad and value.requires_grad
        return name in requires_grad and value.dtype in DIFFERENTIABLE

    def cloned(self, case: Case, args: dict[str, Any]) -> dict[str, Any]:
        """The arguments with a clone, hence a non-leaf, for every tensor."""
        made: dict[str, Any] = {}
        for name, value in args.items():
            same = getattr(case.args.get(name), "same_as", "")
            if isinstance(value, list):
                made[name] = [x.clone() if self.is_tensor(x) else x for x in value]
            else:
                made[name] = made[same] if same else value.clone() if self.is_tensor(value) else value
        return made

    def tensors(self, args: dict[str, Any]) -> dict[str, Any]:
        """Every tensor among `args` by name, those in a list as `name[i]`."""
        found = {}
        for name, value in args.items():
            if self.is_tensor(value):
                found[name] = value
            elif isinstance(value, list):
                found.update({f"{name}[{i}]": v for i, v in enumerate(value) if self.is_tensor(v)})
        return found

    def outputs(self, result: Any) -> list[Any]:
        """The tensors of a result, in order."""
        if isinstance(result, self.Tensor):
            return [result]
        return [t for r in result for t in self.outputs(r)] if isinstance(result, (tuple, list)) else []

    def cotangents(self, case: Case, outputs: list[Any], slot: int = 0, requires_grad: bool = False) -> list[Any]:
        """A random cotangent for every output."""
        return [self.make(case.cotangent(tuple(o.shape), self.dtype(o), slot + i), requires_grad) for i, o in enumerate(outputs)]

    # -- calls ---------------------------------------------------------------------------------------------------------------
    def call(self, op: Declaration, args: dict[str, Any]) -> Any:
        """The op through the first public form PyTorch has: function, else method."""
        if op.spec.call is not None:
            return op.spec.call(self.m, **{n: v for n, v in args.items() if v is not OMITTED})
        form = forms(op)[0]
        if form == "attribute":
            return getattr(args[op.schema.arguments[0].name], op.schema.name)
        return self.method(op, args) if form == "method" else self.function(op, args)

    def internal(self, op: Declaration) -> Any:
        """The callable of an op that has no public name. Raises LookupError where there is none."""
        raise LookupError(f"{op.key} has no public name: give its spec a call")

    def function(self, op: Declaration, args: dict[str, Any], keywords: bool = False, name: str = "", **more: Any) -> Any:
        positional, named = spread(op.schema, args, keywords)
        if forms(op)[0] == "internal":
            return self.internal(op)(*positional, **named, **more)
        if "self" in named and not op.schema.namespace.startswith("nn"):
            named["input"] = named.pop("self")
        return getattr(space(self.m, op.schema.namespace), name or op.schema.name)(*positional, **named, **more)

    def method(self, op: Declaration, args: dict[str, Any], name: str = "", keywords: bool = False) -> Any:
        first = op.schema.arguments[0]
        positional, named = spread(op.schema, {n: v for n, v in args.items() if n != first.name}, keywords, skip=1)
        return getattr(args[first.name], name or op.schema.name)(*positional, **named)

    def schema(self, op: Declaration) -> Any:
        """What the backend says the op's signature is."""
        found = _overload(op.schema.namespace, op.schema.name, op.schema.overload)
        return described(op.schema) if found else briefly(op.schema)

    def grad(self, outputs: list[Any], inputs: list[Any], cotangents: list[Any], **more: Any) -> tuple[Any, ...]:
        return self.m.autograd.grad(outputs, inputs, cotangents, allow_unused=True, **more)

    def backward(self, outputs: list[Any], cotangents: list[Any], **more: Any) -> None:
        self.m.autograd.backward(outputs, cotangents, **more)

    def warned(self) -> Warned:
        """Collects the warnings of a block as `Category: text`, those too that are said once only."""
        return Warned(self.m)


class Warned:
    """The block that `warned` is: a class, for it is entered around every look at an attribute that may warn."""

    def __init__(self, module: Any):
        self.m = module
        self.said: list[str] = []

    def __enter__(self) -> list[str]:
        self.before = self.m.is_warn_always_enabled()
        self.m.set_warn_always(True)
        self.block = warnings.catch_warnings(record=True, action="always")
        self.caught = self.block.__enter__()
        return self.said

    def __exit__(self, *reason: Any) -> None:
        self.block.__exit__(*reason)
        self.m.set_warn_always(self.before)
        self.said += self.heard()

    def heard(self) -> list[str]:
        """What was said since this was last asked for: for a block that goes on."""
        texts = [f"{w.category.__name__}: {clean(str(w.message))}" for w in self.caught or ()]
        (self.caught or []).clear()
        return texts


class Torch(Backend):
    """Real PyTorch, the truth; also its own subject, as a control."""

    def from_root(self, value: TensorValue, root: np.ndarray) -> Any:
        narrow = value.dtype == "bfloat16"  # which NumPy knows under another name
        if root.size and value.fills:  # of an array without elements PyTorch takes NumPy's steps, which are all 0
            whole = value.view(root)
            return torch.from_numpy(whole.view(np.int16)).view(torch.bfloat16).detach() if narrow else torch.from_numpy(whole)
        whole = torch.from_numpy(root.view(np.int16)).view(torch.bfloat16) if narrow else torch.from_numpy(root)
        return whole.as_strided(value.shape, value.strides, value.offset).detach()

    def array(self, t: Any) -> np.ndarray:
        if t.dtype != torch.bfloat16:
            return t.numpy(force=True)
        t = t.detach().resolve_neg()
        return (t.clone() if t._is_zerotensor() else t).view(torch.int16).numpy().view(NUMPY["bfloat16"])

    def pointer(self, t: Any) -> int:
        return t.data_ptr()

    def resizable(self, value: TensorValue) -> Any:
        """In a buffer with room to spare: some of PyTorch's kernels write to `out=` of a narrower dtype beyond its end."""
        made = torch.zeros(16 * value.root.size + 64, dtype=getattr(torch, value.dtype))
        return made.as_strided(value.shape, value.strides, value.offset).detach()

    @contextlib.contextmanager
    def double(self) -> Iterator[None]:
        """Within it integers and Python numbers become float64, so that a reference is one."""
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            yield
        finally:
            torch.set_default_dtype(before)

    def internal(self, op: Declaration) -> Any:
        return getattr(getattr(torch.ops.aten, op.schema.name), op.schema.overload or "default")

    def schema(self, op: Declaration) -> Any:
        found = _overload(op.schema.namespace, op.schema.name, op.schema.overload)
        return described(found) if found else from_python(_callable(op.schema), op.schema.name)


class Truth(Torch):
    """PyTorch where it is right by definition: its derivatives without the checks in Python before them, which cost more than they do.

    They check that there is a cotangent of the right shape for every output. A subject is asked as a user asks it, PyTorch as a
    subject, too; `backward_errors` and the programs ask both sides so.
    """

    def grad(self, outputs: list[Any], inputs: list[Any], cotangents: list[Any], **more: Any) -> tuple[Any, ...]:
        if not inputs:
            return super().grad(outputs, inputs, cotangents, **more)
        retain, create = more.get("retain_graph"), more.get("create_graph", False)
        retain = create if retain is None else retain
        return _run_backward(tuple(outputs), tuple(cotangents), retain, create, tuple(inputs), True, accumulate_grad=False)

    def backward(self, outputs: list[Any], cotangents: list[Any], **more: Any) -> None:
        retain, create = more.get("retain_graph"), more.get("create_graph", False)
        retain = create if retain is None else retain
        _run_backward(tuple(outputs), tuple(cotangents), retain, create, (), True, accumulate_grad=True)


class Engine(Backend):
    """The engine under test: tensors are made from arrays directly, so that no op is needed for it."""

    def from_root(self, value: TensorValue, root: np.ndarray) -> Any:
        return wrap(value.view(root), OF_NAME[value.dtype])

    def array(self, t: Any) -> np.ndarray:
        return t.numpy(force=True)

    def pointer(self, t: Any) -> int:
        return t.data_ptr()

    def resizable(self, value: TensorValue) -> Any:
        return self.make(value)

    def internal(self, op: Declaration) -> Any:
        from engine.registry import OVERLOADS

        return OVERLOADS[op.schema.name]


def described(schema: Schema) -> list[Any]:
    """A signature as plain data: (name, type, default, keyword-only, alias) of each argument, then what is returned."""
    arguments = [(a.name, a.type, "required" if a.default is REQUIRED else a.default, a.kwarg_only, a.alias) for a in schema.arguments]
    return [*arguments, re.sub(r" \w+(?=[,)])", "", schema.returns)]


def _callable(schema: Schema) -> Any:
    """PyTorch's public function, else its method."""
    return getattr(space(torch, schema.namespace), schema.name, None) or getattr(torch.Tensor, schema.name)


def briefly(schema: Schema) -> list[Any]:
    """Name and default of each argument: all there is to compare where PyTorch's function is plain Python."""
    return [(a.name, "required" if a.default is REQUIRED else a.default) for a in schema.arguments]


def from_python(function: Any, name: str) -> list[Any]:
    """Name and default of each argument of a Python function; of a built-in, as its docstring says."""
    try:
        found = inspect.signature(function).parameters.values()
    except ValueError:
        lines = [line for line in (function.__doc__ or "").splitlines() if line.startswith(name + "(")]
        parts = [p.replace(" ", "").split("=") for p in split(lines[0].split("(", 1)[1].rsplit(")", 1)[0]) if p != "*"] if lines else []
        return [(p[0], literal(p[1]) if len(p) > 1 else "required") for p in parts]
    return [(p.name, "required" if p.default is p.empty else p.default) for p in found]


@cache
def _overload(namespace: str, name: str, overload: str) -> Any:
    """PyTorch's schema of an overload, None where the public function is plain Python."""
    if namespace == "nn.functional":
        return None
    prefix = namespace.replace(".", "_") + "_" if namespace else ""
    packet = getattr(torch.ops.aten, prefix + name, None)
    found = getattr(packet, overload or "default", None)
    if found is None and packet is not None and not overload:  # declared without the overload's name
        found = getattr(packet, next(o for o in packet.overloads() if o != "out"))
    if found is None:
        return None
    text = str(found._schema).removeprefix("aten::").replace("SymInt", "int").replace("(a -> *)", "(a)")
    return parse(re.sub(r"(MemoryFormat\??) (\w+)=0", r"\1 \2=contiguous_format", text))


def space(module: Any, namespace: str) -> Any:
    """`torch` or `torch.nn.functional`."""
    if not namespace:
        return module
    for part in filter(None, namespace.split(".")):
        module = getattr(module, part)
    return module


MISSING = object()


def spread(schema: Schema, args: dict[str, Any], keywords: bool = False, skip: int = 0) -> tuple[list[Any], dict[str, Any]]:
    """Positional and named arguments of a call: by name after the first one left out."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    seen = 0
    for argument in schema.arguments[skip:] if skip else schema.arguments:
        value = args.get(argument.name, MISSING)
        seen += value is not MISSING
        if value is OMITTED or value is MISSING:
            keywords = True
        elif argument.kwarg_only or keywords:
            named[argument.name] = value
        else:
            positional.append(value)
    if len(args) > seen:  # a spoiled call has arguments of its own
        known = schema.names
        named.update({n: v for n, v in args.items() if n not in known})
    return positional, named


@cache
def _forms(namespace: str, name: str) -> tuple[str, ...]:
    made: list[str] = []
    if name.startswith("_") and not name.startswith("__"):
        return ()
    if hasattr(space(torch, namespace), name):
        made.append("function")
    if not namespace and hasattr(torch.Tensor, name):
        made.append("method" if callable(getattr(torch.Tensor, name)) else "attribute")
    return tuple(made)


_FORMS: dict[str, tuple[str, ...]] = {}  # by signature: asked for at every call


def forms(op: Declaration) -> tuple[str, ...]:
    """The public forms PyTorch has of an op, or "internal"."""
    found = _FORMS.get(op.schema.text)
    return found if found is not None else _FORMS.setdefault(op.schema.text, _forms_of(op))


def _forms_of(op: Declaration) -> tuple[str, ...]:
    made = _forms(op.schema.namespace, op.schema.name) or ("internal",)
    first = op.schema.arguments[0] if op.schema.arguments else None
    if "method" in made and _unrelated(op):
        made = tuple(f for f in made if f != "method") or ("internal",)
    if first is None or first.type != "Tensor":
        made = tuple(f for f in made if f in ("function", "internal")) or ("internal",)
    return made


def _unrelated(op: Declaration) -> bool:
    """True where PyTorch's method of that name takes none of the op's arguments, as `Tensor.index(positions, dims)`."""
    code = getattr(getattr(torch.Tensor, op.schema.name), "__code__", None)
    rest = [a.name for a in op.schema.arguments[1:]]
    if code is None or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS) or not rest:
        return False
    return not set(rest) & set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])


@lru_cache(1 << 12)
def clean(text: str) -> str:
    """An error or warning without what no user acts on: C++ frames, addresses, and the files an interpreted operation is written in."""
    if text.startswith("The following operation failed in the TorchScript interpreter."):
        text = text.strip().rpartition("\n")[2].partition(": ")[2]
    text = text.split("\nException raised from")[0].split("\nC++ CapturedTraceback")[0]
    text = text.split(" This could be because the operator doesn't exist for this backend")[0]  # a list of builds follows
    text = re.sub(r" \((?:Triggered|function) [^()]*(?:\([^()]*\)[^()]*)*\)$", "", text.strip())
    return re.sub(r"0x[0-9a-f]+", "0x", text)


truth = Truth("torch", torch)


@cache
def subject(name: str = "engine") -> Backend:
    """The backend called `name`: "engine", "torch" (a control) or any importable module with PyTorch's namespace."""
    if name == "torch":
        return Torch("torch", torch)
    module = importlib.import_module(name)
    return Engine(name, module) if name == "engine" else Backend(name, module)


__all__ = ["NAME", "Backend", "Engine", "Torch", "clean", "forms", "subject", "tensor_value", "truth"]
