"""Programs: what people learn autograd from, each one function run on both backends with everything it observes compared."""

from __future__ import annotations

import importlib

from .declare import PROGRAMS, program
from .run import cells, replay, run_cell

TOPICS = (
    "basics",
    "modes",
    "inference",
    "generators",
    "requires_grad",
    "leaves",
    "gradient_dtypes",
    "backward_api",
    "batched",
    "accumulation",
    "hooks",
    "several_hooks",
    "inplace",
    "views",
    "creation",
    "detach",
    "saved",
    "packing",
    "saved_attributes",
    "double_backward",
    "graph",
    "edges",
    "lifetime",
    "functions",
    "contexts",
    "context_attributes",
    "returned",
    "own_functions",
    "functional",
    "anomaly",
    "gradchecks",
    "gradcheck_keywords",
    "checkpointing",
    "recomputation",
    "checkpoint_runs",
    "mutation",
    "reentrant",
    "control_flow",
    "indexing",
    "conversions",
    "copying",
    "training",
    "normalization",
    "random_numbers",
    "complex_numbers",
    "zeros",
    "forward_mode",
    "tangents",
    "function_tangents",
    "func",
    "func_tools",
    "vmap",
    "printing",
    "threads",
    "sentences",
    "sequences",
)

for _topic in TOPICS:
    importlib.import_module(f"{__name__}.{_topic}")

__all__ = ["PROGRAMS", "TOPICS", "cells", "program", "replay", "run_cell"]
