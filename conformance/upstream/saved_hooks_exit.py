"""Leaving `saved_tensors_hooks` more often than it was entered stops at an internal assert."""

import torch

hooks = torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t)
hooks.__enter__()
hooks.__exit__()
try:
    hooks.__exit__()
except RuntimeError as error:
    print("INTERNAL ASSERT FAILED" in str(error))
