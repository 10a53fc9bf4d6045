"""Copies of tensors: deep ones, pickles, and files written by `save` and read by `load`."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import IO, Any

import numpy as np

from .. import dtypes, lazy
from ..calls import FUNCTIONS
from ..dtypes import dtype
from ..geometry import address, start_of, strides_of
from ..graph import Hooks
from ..registry import F
from ..strided import flat_root, over
from ..tensor import LEAF, Tensor, method, rare, settled

NOT_A_LEAF = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were attempting "
    "to deepcopy "
    "a module, this may be because of a torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
)


@method
def __deepcopy__(self: Tensor, memo: dict[Any, Any]) -> Tensor:
    """A leaf with values, gradient and attributes of its own. Raises RuntimeError for a tensor that is none."""
    if not self.is_leaf:
        raise RuntimeError(NOT_A_LEAF)
    if id(self) in memo:
        return memo[id(self)]
    array, flips = lazy.parts(self)
    made = _remade(_copied_buffer(array, memo), self._dtype, False)
    made = F.conj_physical(made) if "conj" in flips else made  # PyTorch copies what is in memory, and computes what is read from it
    made = F.neg(made) if "neg" in flips else made
    made._node = self._node
    memo[id(self)] = made
    if self._gradient is not None:
        made.grad = self._gradient.__deepcopy__(memo)
    if self.__dict__:
        made.__dict__.update(deepcopy(self.__dict__, memo))
    return made


def _copied_buffer(array: np.ndarray, memo: dict[Any, Any]) -> np.ndarray:
    """The same geometry over a copy of the whole buffer, one copy for all tensors that share it."""
    root = flat_root(array)
    key = address(root)
    if ("buffer", key) not in memo:
        memo["buffer", key] = root.copy("K")
    strides = tuple([s * array.itemsize for s in strides_of(array)])
    return over(memo["buffer", key], array.shape, strides, start_of(array), array.dtype)


def _remade(array: np.ndarray, d: dtype, requires_grad: bool, flips: frozenset[str] = frozenset()) -> Tensor:
    """A leaf over `array`, of version 1: PyTorch makes it empty and then sets it to the memory."""
    made = lazy.over(array, d, flips)
    made._counter = [1]
    made._node = LEAF if requires_grad else None
    return settled(made)


def warn_if_has_hooks(tensor: Tensor, stacklevel: int = 2) -> None:
    """Warns (UserWarning) of each hook on a tensor that nobody marked as not to be pickled."""
    for hook in (tensor._rare.hooks or {}).values() if tensor._rare is not None else ():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(HOOKED.format(hook), UserWarning, stacklevel=stacklevel)


@method
def __reduce_ex__(self: Tensor, protocol: Any) -> Any:
    """What `copy` and `pickle` remake it from, without history: `copy.copy` shares the memory, pickling writes all of it."""
    warn_if_has_hooks(self, 3)
    array, flips = lazy.parts(self)
    place = array.shape, strides_of(array), start_of(array), self._dtype.name
    return _rebuilt, (flat_root(array).view(), *place, self.requires_grad, tuple(flips)), self.__dict__ or None


def _rebuilt(
    root: np.ndarray, shape: tuple[int, ...], steps: tuple[int, ...], start: int, name: str, requires_grad: bool, flips: Sequence[str] = ()
) -> Tensor:
    """A leaf over the memory `root`, which reads it with `flips` applied."""
    d = dtypes.OF_NAME[name]
    made = _remade(over(root, shape, tuple(n * d.itemsize for n in steps), start, d.np), d, requires_grad, frozenset(flips))
    rare(made).hooks = Hooks()  # PyTorch's convention: none, but a place for them
    return made


# -- files ---------------------------------------------------------------------------------------------------------------
class _Writer(pickle.Pickler):
    """Writes the memory that several tensors share once."""

    def __init__(self, file: IO[bytes], protocol: int) -> None:
        super().__init__(file, protocol)
        self.buffers: dict[int, np.ndarray] = {}

    def reducer_override(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return NotImplemented
        made: Any = value.__reduce_ex__(2)
        if made[0] is not _rebuilt:
            return made
        root, *rest = made[1]
        return _rebuilt, (self.buffers.setdefault(address(root), root), *rest), made[2]


class _Reader(pickle.Unpickler):
    """Reads tensors and plain containers, and makes nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        package = module.partition(".")[0]
        if package in SAFE_PACKAGES or (module, name) in SAFE:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(UNSAFE.format(f"{module}.{name}"))


HOOKED = (
    "backward hook {!r} on tensor will not be serialized.  If this is expected, you can decorate the function with "
    "@torch.utils.hooks.unserializable_hook to suppress this warning"
)
SAFE_PACKAGES = (__name__.partition(".")[0], "numpy", "ml_dtypes")
PLAIN = ("set", "complex", "bytes", "bytearray")  # in protocol 2 they are __builtin__
SAFE = {("collections", "OrderedDict"), ("collections", "defaultdict"), ("_codecs", "encode")}
SAFE |= {(module, name) for module in ("builtins", "__builtin__") for name in PLAIN}
UNSAFE = (
    "Weights only load failed. Unsupported global: GLOBAL {} was not an allowed global by default. Pass `weights_only=False` to `load` "
    "only if you trust the source of the file: it can then run any code."
)
NO_WRITE = "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
NO_SEEK = (
    "{!r} object has no attribute 'seek'. You can only torch.load from a file that is seekable. Please pre-load the data into a buffer "
    "like io.BytesIO and try to load from it instead."
)


@contextmanager
def _opened(f: Any, mode: str) -> Iterator[IO[bytes]]:
    if not isinstance(f, str | os.PathLike):
        yield f
        return
    if mode == "wb" and not os.path.isdir(os.path.dirname(f) or "."):
        raise RuntimeError(f"Parent directory {os.path.dirname(f)} does not exist.")
    with open(f, mode) as file:
        yield file


def save(obj: Any, f: Any, pickle_module: Any = pickle, pickle_protocol: int = 2) -> None:
    """Write tensors, and whatever pickles, to a path or a file; what shares memory shares it when it is loaded.

    Raises AttributeError where `f` is neither, RuntimeError where there is no such directory.
    """
    if not isinstance(f, str | os.PathLike) and not hasattr(f, "write"):
        raise AttributeError(NO_WRITE)
    with _opened(f, "wb") as file:
        _Writer(file, max(pickle_protocol, 2)).dump(obj)


def load(f: Any, map_location: Any = None, pickle_module: Any = pickle, *, weights_only: bool = True) -> Any:
    """What `save` wrote. Raises UnpicklingError for anything but tensors and plain containers, unless `weights_only` is False."""
    if not isinstance(f, str | os.PathLike) and not hasattr(f, "seek"):
        raise AttributeError(NO_SEEK.format(type(f).__name__))
    with _opened(f, "rb") as file:
        reader: Callable[[IO[bytes]], Any] = _Reader if weights_only else pickle.Unpickler
        try:
            return reader(file).load()
        except EOFError:
            raise EOFError from None


FUNCTIONS["save"], FUNCTIONS["load"] = save, load
