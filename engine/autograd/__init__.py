"""`backward` and `grad`: the walk over the graph as a user calls it."""

from ..saved import SavedTensor
from . import anomaly_mode, forward_ad, function, functional, graph
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .backward import backward, grad
from .function import Function
from .gradcheck import gradcheck, gradgradcheck

__all__ = [
    "Function",
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
]
