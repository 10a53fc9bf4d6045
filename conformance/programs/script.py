"""A stand-alone script for one case of a program: its source, the exact drawn data, and a recorder that prints."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from types import CodeType
from typing import Any

from .declare import Body

TEMPLATE = '''\
# {key}: the same program on PyTorch and on {subject}, with the data of one case.
from __future__ import annotations

import importlib
import sys
import warnings

DRAWN = {drawn}


{source}

class Draw:
    """Gives back, in order, what the case drew."""

    def __init__(self, B):
        self.B, self.drawn = B, iter(DRAWN)

    def integer(self, *_):
        return next(self.drawn)

    flag = number = integer

    def choice(self, options):
        drawn = next(self.drawn)
        return drawn if isinstance(drawn, str) else options[drawn]

    def dtype(self, *_):
        return getattr(self.B, next(self.drawn))

    def shape(self, *_, **__):
        return tuple(next(self.drawn))

    def floats(self, shape=(), dtype=None, requires_grad=False):
        tensor = self.B.tensor(next(self.drawn), dtype=dtype or self.default).reshape(tuple(shape)).clone()
        return tensor.requires_grad_() if requires_grad else tensor

    default = property(lambda self: self.B.get_default_dtype())

    def complexes(self, shape=(), dtype=None, requires_grad=False):
        return self.floats(shape, dtype or self.B.complex64, requires_grad)

    def integers(self, shape=(), low=0, high=3, dtype=None):
        return self.floats(shape, dtype or self.B.int64)

    def bools(self, shape=()):
        return self.floats(shape, self.B.bool)


class See:
    """Prints what the program observes."""

    def __call__(self, label, value):
        print(f"{{label}}: {{value}}")
        if hasattr(value, "is_leaf"):
            flags = f"requires_grad={{value.requires_grad}} is_leaf={{value.is_leaf}} grad_fn={{value.grad_fn}}"
            print(f"    {{value.dtype}} {{tuple(value.shape)}} {{flags}}")

    def same(self, label, a, b):
        print(f"{{label}}: {{'the same object' if a is b else 'two objects'}}")

    def values(self, label, tensor):
        print(f"{{label}}: {{tensor.tolist()}}")

    def raises(self, label, call):
        try:
            print(f"{{label}}: no error, {{call()}}")
        except Exception as error:
            print(f"{{label}}: {{type(error).__name__}}: {{error}}")

    def warns(self, label, call):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = call()
        print(f"{{label}}: {{[(one.category.__name__, str(one.message)) for one in caught]}}")
        return result

    def kept(self, node, names, raw):
        for name in names:
            print(f"{{node.name()}} {{name}}: {{getattr(node, '_saved_' + name)}}")
        print(f"raw of {{node.name()}}: {{[getattr(node, '_raw_saved_' + name) for name in raw]}}")

    def graph(self, label, value, depth=0):
        node = getattr(value, "grad_fn", value)
        if node is not None:
            print("    " * depth + f"{{label}}: {{node.name()}}")
            for child, output in node.next_functions:
                self.graph(f"output {{output}} of", child, depth + 1)


for name in sys.argv[1:] or ("torch", "{subject}"):
    print(f"---- {{name}}")
    B = importlib.import_module(name)
    {call}(B, Draw(B), See())
'''


def script_of(key: str, body: Body, drawn: list[Any], subject: str) -> str:
    """Python source that runs `body` with the data `drawn` on PyTorch and on `subject`, and prints both."""
    source = "\n\n".join(map(_source_of, [*_called(body), body]))
    return TEMPLATE.format(key=key, subject=subject, drawn=repr(drawn), source=textwrap.dedent(source), call=body.__name__)


def _source_of(function: Any) -> str:
    return "".join(line for line in inspect.getsource(function).splitlines(keepends=True) if not line.startswith("@program"))


def _called(function: Any) -> list[Any]:
    """The functions of its own module and of those beside it that one calls, and those that these call, first what is called."""
    found: dict[Any, None] = {}
    for name in _names(function.__code__):
        one = function.__globals__.get(name)
        if inspect.isfunction(one) and _package(one) == _package(function) and one is not function:
            found |= dict.fromkeys([*_called(one), one])
    return [*found]


def _package(function: Any) -> str:
    return function.__module__.rpartition(".")[0]


def _names(code: CodeType) -> Iterator[str]:
    """The names that a function reads, and those that the functions inside it read."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
