"""An autograd engine in pure Python on NumPy, with PyTorch's semantics and names."""

from math import e, inf, nan, pi

from . import autograd, func, linalg, nn, ops, optim, utils
from .anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled, set_anomaly_enabled
from .calls import FUNCTIONS as _functions
from .device import channels_last, channels_last_3d, contiguous_format, device, layout, memory_format, preserve_format, strided
from .dtypes import ALL as _all
from .dtypes import SYNONYMS as _synonyms
from .dtypes import dtype, get_default_dtype, promote_types, set_default_dtype
from .func import vmap
from .modes import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .randomness import Generator, default_generator
from .size import Size
from .tensor import Tensor
from .threads import get_num_threads, set_num_threads

globals().update({d.name: d for d in _all} | _synonyms)
globals().update({path: function for path, function in _functions.items() if "." not in path})
