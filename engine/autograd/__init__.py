"""`backward` and `grad`: the walk over the graph as a user calls it."""

from ..saved import SavedTensor
from . import anomaly_mode, forward_ad, function, functional, grad_mode, graph, variable
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .backward import backward, grad
from .function import Function
from .grad_mode import enable_grad, inference_mode, is_multithreading_enabled, no_grad, set_grad_enabled, set_multithreading_enabled
from .gradcheck import gradcheck, gradgradcheck
from .nested_function import NestedIOFunction
from .variable import Variable

__all__ = [
    "Function",
    "NestedIOFunction",
    "anomaly_mode",
    "detect_anomaly",
    "set_detect_anomaly",
    "forward_ad",
    "function",
    "functional",
    "graph",
    "SavedTensor",
    "backward",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "grad_mode",
    "enable_grad",
    "inference_mode",
    "is_multithreading_enabled",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
    "Variable",
]
