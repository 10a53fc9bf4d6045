"""Calls of every declared function and method as text, with arguments that a few bytes choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import cycle

from engine.schema import REQUIRED

from ..backends import truth
from ..spec import Declaration, declarations

_UNSAFE = "PyTorch reads beyond the end of parameters that do not fit or are not dense, and divides by sizes of 0: it crashes"
NOT_CALLED = {
    "index": "PyTorch's method of this name wants named dimensions",
    **dict.fromkeys(("batch_norm", "instance_norm", "native_batch_norm", "native_group_norm"), _UNSAFE),
}
TENSORS = ("{a}", "{b}", "{c}")  # what stands where a call has its first, second and third tensor
_NUMBERS = ("2", "3.0", "-1", "0.5", "0", "1")
_PLACES = ("0", "1", "-1", "2")
OPTIONS: dict[str, tuple[str, ...]] = {  # how an argument is written: by its name, else by its type
    "index": ("torch.tensor([0])", "torch.tensor([0, 0])", "torch.tensor(0)", "torch.tensor([-1])", "torch.tensor([[0, 1]])", "{b}"),
    "indices": ("torch.tensor([[0]])", "torch.tensor([0, 1])", "torch.tensor(0)", "{b}"),
    "mask": ("torch.tensor(True)", "{b} > 1.3", "torch.tensor([False])", "{b}"),
    "condition": ("{b} > 1.3", "torch.tensor([True])", "{b}"),
    "repeats": ("2", "torch.tensor([2])", "torch.tensor([0, 1])", "{b}"),
    "pin_memory": ("False", "True"),
    **dict.fromkeys(("sparse", "sparse_grad"), ("False",)),  # the layout of a gradient, of which the engine has one
    "equation": ("'ij,jk->ik'", "'i,i->'", "'ij,ij->ji'", "'...i,...i->...'"),
    "reduce": ("'sum'", "'mean'", "'amax'", "'prod'", "'add'", "'multiply'", "'amin'"),
    "str": ("'mean'", "'sum'", "'none'"),  # the reduction of a loss
    "rounding_mode": ("'trunc'", "'floor'", "None"),
    "Tensor[]": ("[{a}, {b}]", "[{a}]", "[{b}, {a}, {c}]"),
    "Tensor?[]": ("[{b}]", "[None, {b}]"),
    "Tensor?": ("{c}", "{b}", "None"),
    "Scalar": _NUMBERS,
    "Scalar?": (*_NUMBERS, "None"),
    "float": ("2.0", "0.5", "-1.0"),
    "int": _PLACES,
    "int?": (*_PLACES, "None"),
    "int[]": ("(0,)", "(1,)", "(-1,)", "(0, 1)", "(2, 2)", "()", "(-1, 1)", "(1, 2)"),
    "int[1]": (*_PLACES, "(0, 1)", "()"),
    "int[1]?": (*_PLACES, "(0, 1)", "None"),
    "int[]?": ("(0,)", "(1, 0)", "None"),
    "bool": ("True", "False"),
    "bool?": ("True", "False", "None"),
    "ScalarType": ("torch.float32", "torch.float64", "torch.int64", "torch.complex64"),
    "ScalarType?": ("torch.float32", "torch.float64", "torch.int64", "torch.complex64", "None"),
}


@dataclass(frozen=True)
class Callee:
    """A declared op as programs call it."""

    path: str  # "linalg.vector_norm" of torch, or "type_as" of the first tensor
    method: bool
    required: tuple[str, ...]  # the key in OPTIONS of each argument without a default, or "Tensor"
    keywords: tuple[tuple[str, str], ...]  # name and key of those with a default
    several: bool  # whether more than one tensor comes out
    ulp: int  # how far apart the results of two libraries may be

    def text(self, choose: Callable[[int], int], writes: bool = False) -> str:
        """The call, with `{a}`, `{b}` and `{c}` where tensors go; `choose(i)` is the byte of the i-th choice."""
        tensors = cycle(TENSORS)
        arguments = [next(tensors) if key == "Tensor" else _option(key, choose(at)) for at, key in enumerate(self.required)]
        if writes:
            arguments[1:] = [f"apart({{a}}, {one})" if one in TENSORS else one for one in arguments[1:]]
        chosen = choose(3) % (2 * len(self.keywords) + 1)  # none as often as any
        if chosen < len(self.keywords):
            name, key = self.keywords[chosen]
            arguments.append(f"{name}={next(tensors) if key == 'Tensor' else _option(key, choose(2))}")
        owner = arguments.pop(0) if self.method else "torch"
        return f"{owner}.{self.path}({', '.join(arguments)})" + (f"[{-(choose(2) % 2)}]" if self.several else "")


def _option(key: str, byte: int) -> str:
    return OPTIONS[key][byte % len(OPTIONS[key])]


@cache
def callees(writing: bool) -> tuple[Callee, ...]:
    """Every declared op that a program may call, those that write to their first tensor apart from the others."""
    found = dict.fromkeys(_callee(one, writing) for key, one in declarations().items() if key == one.schema.key)
    return tuple(one for one in found if one is not None)


def _callee(declared: Declaration, writing: bool) -> Callee | None:
    schema = declared.schema
    name = schema.name + ("_" if writing and declared.inplace and not schema.is_inplace else "")
    if schema.name.startswith("_") or schema.name in NOT_CALLED or writing != name.endswith("_"):
        return None
    if not declared.spec.contents:  # elements of fresh memory, or those a generator draws
        return None
    path = f"{schema.namespace}.{name}".lstrip(".")
    function = not writing and hasattr(_at(schema.namespace), name)
    if not function and not callable(getattr(truth.m.Tensor, path, None)):
        return None
    required = [argument for argument in schema.arguments if argument.default is REQUIRED]
    keywords = [argument for argument in schema.arguments if argument.default is not REQUIRED]
    keys = [_key(argument.name, argument.type) for argument in required]
    if not all(keys):
        return None
    given = tuple((argument.name, key) for argument in keywords if (key := _key(argument.name, argument.type)))
    return Callee(path, not function, tuple(keys), given, schema.returns_list or schema.returns.startswith("("), declared.spec.ulp)


def _at(namespace: str) -> object:
    found: object = truth.m
    for part in filter(None, namespace.split(".")):
        found = getattr(found, part)
    return found


def _key(name: str, type: str) -> str:
    """How an argument is written; empty where programs do not give such arguments."""
    key = next((key for key in (name, type) if key in OPTIONS), "Tensor" if type == "Tensor" else "")
    return key if OPTIONS.get(key, TENSORS) else ""
