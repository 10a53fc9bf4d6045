"""What is special about the inputs of likelihoods: scores per class, targets that are classes, weights of classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..case import NUMPY, TensorValue
from ..draft import Draft, draw_layout
from ..kinds import first_dtype, like, nothing, one_of, shaped, tensor
from ..source import Source
from ..spec import spec

REDUCTION = one_of(1, 0, 2)
IGNORED = one_of(-100, 1, 0, -1)
WEIGHT = shaped("classes", dtype=first_dtype)
OLD = {"size_average": nothing, "reduce": nothing, "reduction": one_of("mean", "none", "sum"), "ignore_index": IGNORED}
OVERFLOW = {"overflow": "mean", "why": "the order of the additions is the library's own, and with it how they overflow"}


def classes(*sides: str) -> Callable[[Source, Draft], TensorValue]:
    """Targets: a class each, now and then -100, which is ignored."""

    def draw(src: Source, draft: Draft) -> TensorValue:
        shape = tuple(draft.side(src, name) for name in sides)
        strides, offset, count = draw_layout(src, shape)
        drawn = np.frombuffer(src.bytes(count), np.uint8).astype(np.int64)
        root = np.where(drawn > 230, -100, drawn % max(draft.side(src, "classes"), 1))
        return TensorValue("int64", root.astype(NUMPY["int64"]), shape, strides, offset)

    return draw


def constant(kind: Callable[[Source, Draft], TensorValue]) -> Callable[[Source, Draft], TensorValue]:
    """The same kind, never requiring grad: native code is not asked for the gradient of weights."""
    return lambda src, draft: replace(kind(src, draft), requires_grad=False)


for _name, _more in (("nll_loss", ()), ("nll_loss2d", ("height", "width"))):
    spec(_name, self=shaped("n", "classes", *_more), target=classes("n", *_more), weight=constant(WEIGHT), reduction=REDUCTION,
         ignore_index=IGNORED, **OVERFLOW)  # fmt: skip
    spec(f"{_name}_backward", grad_output=tensor(lambda src, draft: ()), self=shaped("n", "classes", *_more, dtype=first_dtype),
         target=classes("n", *_more), weight=constant(WEIGHT), reduction=one_of(1, 2), ignore_index=IGNORED,
         total_weight=constant(tensor(lambda src, draft: (), dtype=first_dtype)))  # fmt: skip
SHAPES = {"": ("n",), "[one]": (), "[sequence]": ("n", "length"), "[image]": ("n", "height", "width"), "[volume]": ("n", "h", "w", "d")}
for _variant, _sides in SHAPES.items():
    _scores = shaped(*_sides[:1], "classes", *_sides[1:])
    _likely = {"target": classes(*_sides), "weight": WEIGHT}
    spec(f"nll_loss_nd{_variant}", self=_scores, reduction=REDUCTION, ignore_index=IGNORED, **_likely, **OVERFLOW)
    spec(f"nn.functional.nll_loss{_variant}", input=_scores, **_likely, **OLD, **OVERFLOW)
    spec(f"nn.functional.cross_entropy{_variant}", input=_scores, label_smoothing=one_of(0.0, 0.25, 1.0), **_likely, **OLD,
         **OVERFLOW)  # fmt: skip
    spec(f"nn.functional.cross_entropy[probabilities{_variant}]", input=_scores, target=like("input", dtype=first_dtype), weight=WEIGHT,
         label_smoothing=one_of(0.0, 0.25), **(OLD | {"ignore_index": nothing}), **OVERFLOW)  # fmt: skip
spec("cross_entropy_loss", self=shaped("n", "classes"), target=classes("n"), weight=WEIGHT, reduction=REDUCTION, ignore_index=IGNORED,
     label_smoothing=one_of(0.0, 0.25), **OVERFLOW)  # fmt: skip
