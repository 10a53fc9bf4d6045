"""What the engine compiles from a declaration and what it defines the op by are one meaning, bit for bit, for every op."""

import warnings
from itertools import islice

import numpy as np
import pytest

from conformance.backends import subject
from conformance.kinds import build
from conformance.properties import PROPERTIES, observe
from conformance.source import stream
from conformance.spec import declarations
from engine import modes
from engine.op import generic

ENGINE, CASES = subject("engine"), 6
LOOKED_AT = ("layout", "gradient", "gradient_layouts", "second_gradient", "accumulate", "inplace")


def seen(name, op, case):
    """What a property saw on the engine, in a form to compare exactly."""
    found = observe(PROPERTIES[name], ENGINE, op, case)
    return {label: (x.dtype, x.shape, x.tobytes()) if isinstance(x, np.ndarray) else repr(x) for label, x in found.items()}


@pytest.mark.parametrize("name", LOOKED_AT)
def test_the_generic_path_and_the_compiled_one_agree(name):
    made, differ, compared = PROPERTIES[name], [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for key, op in declarations().items():
            if not made.applies(op):
                continue
            for case, *_ in islice(stream(lambda src, op=op: build(op, src, made.draws), 1), CASES):
                compiled = seen(name, op, case)
                with generic():
                    defined = seen(name, op, case)
                compared += len(defined)
                differ += [(key, label) for label in compiled | defined if compiled.get(label) != defined.get(label)]
    assert compared > 1000 and not differ


def test_there_are_two_paths():
    """A node recorded in the generic way has other plans than a compiled call, and a mode says which way calls go."""
    m = ENGINE.m
    x = m.ones(3).requires_grad_()
    with generic():
        assert modes.current() & modes.GENERIC
        defined = (x * x).grad_fn
    assert defined.plan is not (x * x).grad_fn.plan
