"""Arithmetic on large arrays, from its text: one ufunc after the other into memory there is, for pieces that stay in the cache.

"(g * np.cos(x0))" becomes `cos(x0, t0); multiply(g, t0, out)`. The ufuncs, their order and their dtypes are those of the text,
so that it makes no difference to the bits whether a program runs or the text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .memory import aligned, empty, owned
from .pieces import PIECE, SHARED_PIECE, WRITING, short_buffers
from .silence import unbuffered
from .strided import across
from .threads import lanes, share

WHOLE = 2**18  # elements below which one step or two need no pieces
UFUNCS: dict[type, np.ufunc] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.USub: np.negative,
}
FLOATS = {"f->f", "ff->f"}
BY_NAME = {np.maximum, np.minimum}  # take `out` by its name alone


class Unwritable(Exception):
    """The text does more than programs can."""


class Writer(ast.NodeVisitor):
    """Turns expressions into lines of ufunc calls. `t<i>` are buffers; one that has been read for the last time is written to again."""

    def __init__(self, space: dict[str, Any]) -> None:
        self.space, self.count = dict(space), 0
        self.lines: list[str] = []
        self.free: list[str] = []

    def write(self, text: str, out: str) -> None:
        """The lines that leave the value of `text` in `out`, which nothing but the last of them writes to. Raises Unwritable."""
        before = len(self.lines)
        made = self.visit(ast.parse(text, mode="eval").body)
        if len(self.lines) == before:
            raise Unwritable
        self.lines[-1] = self.lines[-1].removesuffix(f"{made})") + f"{out})"
        self._release(made)

    def visit_Name(self, node: ast.Name) -> str:
        return node.id

    def visit_Constant(self, node: ast.Constant) -> str:
        return repr(node.value)

    def visit_BinOp(self, node: ast.BinOp) -> str:
        return self._call(UFUNCS[type(node.op)], [node.left, node.right])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> str:
        if isinstance(node.operand, ast.Constant):
            return f"-{node.operand.value!r}"
        return self._call(UFUNCS[type(node.op)], [node.operand])

    def visit_Call(self, node: ast.Call) -> str:
        if isinstance(node.func, ast.Attribute):
            return self._call(getattr(np, node.func.attr), node.args)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        work = WRITING.get(self.space.get(name))  # another kernel makes memory of its own, which costs more for every piece than at once
        if work is None:
            raise Unwritable
        self.space[f"{name}_into"] = work
        return self._write(f"{name}_into", [self.visit(a) for a in node.args])

    def generic_visit(self, node: ast.AST) -> Any:
        raise Unwritable

    def _call(self, ufunc: np.ufunc, arguments: Sequence[ast.expr]) -> str:
        if not FLOATS & set(ufunc.types):
            raise Unwritable
        operands = [self.visit(a) for a in arguments]
        for name in operands:
            self._release(name)
        self.space[ufunc.__name__] = ufunc
        return self._write(ufunc.__name__, operands, "out=" if ufunc in BY_NAME else "")

    def _write(self, work: str, operands: Sequence[str], word: str = "") -> str:
        """Call `work(*operands, out)` with a buffer that is free, which is returned."""
        if not self.free:
            self.free.append(f"t{self.count}")
            self.count += 1
        made = self.free.pop()
        self.lines.append(f"{work}({', '.join([*operands, word + made])})")
        return made

    def _release(self, name: str) -> None:
        if name.startswith("t") and name not in self.free:
            self.free.append(name)


class Program:
    """`program(arrays, outs)`: the values of `texts` of arrays named `names`, in `outs`, all of one shape and dtype in row-major order.

    The last of `outs` may be any of the arrays. A number in an array without dimensions may be an operand.
    """

    def __init__(self, texts: Sequence[str], names: Sequence[str], space: dict[str, Any]) -> None:
        writer = Writer(space)
        outs = [f"out{i}" for i in range(len(texts))]
        for text, out in zip(texts, outs, strict=True):
            writer.write(text, out)
        body = "".join(f"    {line}\n" for line in writer.lines)
        buffers = sorted(set(re.findall(r"\bt\d+\b", body)))
        exec(f"def run({', '.join([*names, *outs, *buffers])}):\n{body}", writer.space)
        self.run: Callable[..., None] = writer.space["run"]
        self.outs, self.buffers, self.steps = len(outs), len(buffers), len(writer.lines)

    def __call__(self, arrays: Sequence[np.ndarray], outs: Sequence[np.ndarray]) -> None:
        size, dtype = outs[0].size, outs[0].dtype
        flat = [a.reshape(-1) if a.ndim else a for a in (*arrays, *outs)]
        count = lanes(size * self.steps)
        most = 2 * PIECE if count == 1 else SHARED_PIECE
        piece = -(-size // count) if self.steps == 1 or (self.steps == 2 and size < WHOLE) else min(most, size)

        def lane(starts: Sequence[int]) -> None:
            buffers = [aligned((piece,), dtype) for _ in range(self.buffers)]
            for start in starts:
                part = slice(start, start + piece)
                if size - start < piece:
                    buffers = [b[: size - start] for b in buffers]
                self.run(*[a[part] if a.ndim else a for a in flat], *buffers)

        share(lane, range(0, size, piece), count)


def program(texts: Sequence[str], names: Sequence[str], space: dict[str, Any]) -> Program | None:
    try:
        return Program(texts, names, space)
    except Unwritable:
        return None


def on_large(made: Program, kernel: Callable[..., Any], dtype: np.dtype) -> Callable[..., Any]:
    """`kernel` on arrays of `dtype` of which the first is large, or the result: by the program where their layout allows it."""

    def run(*arrays: np.ndarray) -> Any:
        first = arrays[0]
        shape = first.shape
        for a in arrays:
            if not a.flags.c_contiguous or (a.ndim and a.shape != shape):
                if isinstance(kernel, np.ufunc) and (turned := across(arrays, dtype)) is not None:
                    return kernel(*turned[0], out=turned[1])
                before = short_buffers(max(arrays, key=_row))
                try:
                    return kernel(*arrays)
                finally:
                    if before is not None:
                        unbuffered(before)
        out = empty(shape, dtype)
        if made.steps == 1 and first.size < WHOLE:
            made.run(*arrays, out)
        else:
            made(arrays, [out])
        return out

    return run


def _row(array: np.ndarray) -> int:
    return array.shape[-1] if array.ndim else 0


def gradients(texts: Sequence[str], names: Sequence[str], space: dict[str, Any]) -> Program | None:
    """What computes the gradients of these texts ("None" where there is none, "g" where it is handed on) of `g` and `names`."""
    computed = [text for text in texts if text not in ("None", "g")]
    return program(computed, ["g", *names], space) if computed else None


def twin(texts: Sequence[str], space: dict[str, Any]) -> Program | None:
    """What computes the gradients of these texts of "x0" and "x1" where these are one array, if they are the same then."""
    of_one = {text.replace("x1", "x0") for text in texts}
    return program([*of_one], ["g", "x0"], space) if len(of_one) == 1 < len(texts) and not of_one & {"g", "None"} else None


def on_large_gradients(made: Program, texts: Sequence[str]) -> Callable[..., Any]:
    """The gradients of these texts as one function of large arrays.

    It is told whether `g` is referred to by its caller alone: then the last gradient takes its memory.
    """
    computed = [text for text in texts if text not in ("None", "g")]
    handed_on = "g" in texts

    def run(alone: bool, g: np.ndarray, *arrays: np.ndarray) -> list[np.ndarray | None]:
        shape, dtype = g.shape, g.dtype
        own = alone and not handed_on and g.flags.writeable and g.flags.c_contiguous and owned(g)
        outs = [empty(shape, dtype) for _ in computed[own:]]
        if own:
            outs.append(g)
        made([g if g.flags.c_contiguous else g[(0,) * g.ndim + (...,)], *arrays], outs)
        given = iter(outs)
        return [None if text == "None" else g if text == "g" else next(given) for text in texts]

    return run
