"""A failing case as a stand-alone script: the exact inputs, run under the subject and under PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .backends import forms, spread
from .case import OMITTED, Case, Named, TensorValue
from .properties import PROPERTIES
from .spec import Declaration

_HEAD = '''"""{title}"""
import warnings

import numpy as np
import torch as real

import {subject} as mine

nan, inf = float("nan"), float("inf")


def program(torch):
'''
_TAIL = """

for module in (mine, real):
    print("-----", module.__name__)
    try:
        program(module)
    except Exception as error:
        print(type(error).__name__ + ":", error)
"""


def script(op: Declaration, name: str, case: Case, subject: str = "engine") -> str:
    """Runnable Python text that shows what a property saw differ."""
    lines = [line for n, v in case.args.items() if v is not OMITTED for line in _argument(n, v)]
    call = f"result = {_call(op, case)}"
    shown = PROPERTIES[name].script
    words = {
        "call": call,
        "outputs": "[result]",
        "inputs": ", ".join([n for n, v in case.args.items() if isinstance(v, TensorValue)] + ["0"]),
        "cotangents": "[" + _cotangent(op, case) + "]",
    }
    if "{call}" not in shown:
        lines.append(call)
    if case.tensors() and "{cotangents}" in shown:
        lines.append("outputs = [t for t in (result if isinstance(result, (tuple, list)) else [result]) if t.requires_grad]")
        words["outputs"], words["cotangents"] = "outputs", "[cotangent(t) for t in outputs]"
        lines[:0] = _cotangent_lines(case)
    for key, text in words.items():
        shown = shown.replace("{" + key + "}", text)
    lines += shown.splitlines()
    body = "\n".join("    " + line if line else line for line in lines)
    return _HEAD.format(title=f"{op.key}::{name}", subject="engine" if subject == "torch" else subject) + body + _TAIL


def _cotangent(op: Declaration, case: Case) -> str:
    return "torch.ones_like(result)"


def _cotangent_lines(case: Case) -> list[str]:
    """A function that makes the case's cotangent for an output, values written out."""
    values = case.cotangent((64,), "float64").root.tolist()
    pairs = case.cotangent((64,), "complex128").root.tolist()
    return [
        f"seeds = {values}",
        f"complex_seeds = {pairs}",
        "def cotangent(t):",
        "    values = np.resize(complex_seeds if t.is_complex() else seeds, t.numel())",
        "    return torch.tensor(values.tolist(), dtype=t.dtype).reshape(t.shape)",
    ]


def _argument(name: str, value: Any) -> list[str]:
    if isinstance(value, TensorValue):
        return [f"{name} = {value.same_as or _tensor(value)}"]
    if isinstance(value, list) and any(isinstance(v, TensorValue) for v in value):
        return [f"{name} = [{', '.join(_tensor(v) if isinstance(v, TensorValue) else repr(v) for v in value)}]"]
    return [f"{name} = {value!r}"] if not isinstance(value, Named) else [f"{name} = torch.{value.name}"]


def _tensor(value: TensorValue) -> str:
    root = value.root.astype(np.float32).tolist() if value.dtype == "bfloat16" else value.root.tolist()
    text = f"torch.tensor({root}, dtype=torch.{value.dtype})"
    text += f".reshape({value.shape})" if value.plain else f".as_strided({value.shape}, {value.strides}, {value.offset}).detach()"
    return text + (".requires_grad_()" if value.requires_grad else "")


def _call(op: Declaration, case: Case) -> str:
    known = {n: n for n, v in case.args.items() if v is not OMITTED}
    form = "function" if op.spec.call is not None else forms(op)[0]
    if form == "attribute":
        return f"{op.schema.arguments[0].name}.{op.schema.name}"
    skip = form == "method"
    positional, named = spread(op.schema, {n: known.get(n, OMITTED) for n in case.args}, skip=int(skip))
    if form == "function" and not op.schema.namespace.startswith("nn") and "self" in named:
        named["input"] = named.pop("self")
    if skip:
        named.pop(op.schema.arguments[0].name, None)
    inside = ", ".join([*positional, *(f"{k}={v}" for k, v in named.items())])
    owner = op.schema.arguments[0].name if skip else ".".join(filter(None, ["torch", op.schema.namespace]))
    return f"{owner}.{op.schema.name}({inside})"
