"""`Tensor`: a strided view of a versioned buffer and a place in the graph. It knows no op: ops attach their own forms."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import dtypes, modes, transforms
from .device import CPU, strided
from .device import device as Device
from .device import layout as Layout
from .forms import FORMS, Rows, Steps, form_of, steps_usual
from .geometry import address, existing, start_of, strides_of
from .silence import quietly
from .size import Size
from .transforms import refuse_inside


class _Leaf:
    """What `_node` holds in a leaf that requires grad: the walk ends at the tensor itself, so there is no cycle."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "LEAF"


LEAF = _Leaf()
FRESH = (0,)  # the version count of memory that nobody has written to and that no two tensors share: one for all of them


class Beside:
    """What few tensors have beside their values: `rare` is None | Rare. That of a view is a `View`; in all others there is no `base`."""

    __slots__ = ("rare",)

    rare: Rare | None
    base: Any = None
    replay: Any = None
    borrowed: Any = False


class View(Beside):
    """Where a view comes from: its base, and how it may be written to.

    `creation` is None for an ordinary view, or why writing through it is refused ("multi_output", "no_grad",
    "inference", "custom"). `version` is that of the buffer when the view's node was last made. `replay` is the chain of
    (op, arguments) that remakes it from the base, None where its strides alone do. `borrowed`: it was not recorded and requires
    grad because its base does, PyTorch's convention; its gradient goes nowhere.
    """

    __slots__ = ("base", "creation", "version", "replay", "borrowed", "__weakref__")

    base: Tensor
    creation: str | None
    version: int
    replay: tuple[Any, ...] | None
    borrowed: bool
    passing: ClassVar[bool] = False

    @classmethod
    def of(cls, base: Tensor, creation: str | None, version: int, replay: tuple[Any, ...] | None) -> View:
        made = cls()
        made.base, made.creation, made.version, made.replay, made.borrowed = base, creation, version, replay, False
        made.rare = None
        return made


class PassingView(View):
    """That of a tensor through which something is written, and which nobody sees afterwards."""

    __slots__ = ()
    passing = True


class Apart(View):
    """That of a tensor without its base's tangents: it has its own, or those of `whole`, which is a view of the same base and has."""

    __slots__ = ("whole",)

    whole: Tensor | None

    @classmethod
    def like(cls, view: View, whole: Tensor | None) -> Apart:
        made = cls()
        for name in ("base", "creation", "version", "replay", "borrowed", "rare"):
            setattr(made, name, getattr(view, name))
        made.whole = whole
        return made


class Rare:
    """What few tensors have: hooks, a retained gradient, a materialised accumulate node, a tangent."""

    __slots__ = ("hooks", "retains", "accumulate", "left", "post_hooks", "tangents", "used_first", "writes", "grad_dtype")

    def __init__(self) -> None:
        self.hooks: dict[int, Callable[..., Any]] | None = None
        self.retains = False
        self.accumulate: Any = None  # weak reference to the AccumulateGrad node a user has looked at
        self.left = False  # a leaf that stopped to require grad, to which nodes may still lead
        self.post_hooks: dict[int, Callable[..., Any]] | None = None
        self.tangents: dict[Any, Tensor] | None = None  # by level of forward mode
        self.used_first: list[str] | None = None  # where, in anomaly mode
        self.writes: int | None = None  # to what was detached from an inference tensor outside inference mode
        self.grad_dtype: tuple[dtypes.dtype | None] | None = None  # what gradients are cast to (None: nothing), where a user said so


def readonly(read: Callable[[Any], Any], name: str = "") -> Any:
    """A property that refuses to be set or deleted in PyTorch's words (AttributeError)."""
    name = name or read.__name__

    def refuse(self: Any, *_: Any) -> None:
        raise AttributeError(f"attribute '{name}' of 'torch._C.TensorBase' objects is not writable")

    return property(read, refuse, refuse, read.__doc__)


class Tensor:
    """An array of one dtype with an optional gradient history.

    Slots: `_array` the NumPy view, `_dtype` the engine's dtype, `_node` None | LEAF | the node that made it, or
    (node, number) where it is not that node's first output (may be out of date in a view, see `engine.views.node_of`), `_counter`
    the version shared by all views of one buffer (None in an inference tensor; FRESH until it is shared or raised, see
    `counter_of`), `_beside` None | Beside, of a view View, `_rows` None before anybody looked, then `Rows` or False (see `rows`).
    """

    __slots__ = ("_array", "_dtype", "_node", "_gradient", "_counter", "_beside", "_rows", "__weakref__", "__dict__")

    _array: np.ndarray
    _dtype: dtypes.dtype
    _node: Any
    _gradient: Tensor | None
    _counter: Sequence[int] | None
    _beside: Beside | None
    _rows: Any

    if TYPE_CHECKING:  # what ops attach when they are declared

        def __getattr__(self, name: str) -> Any: ...
        def _operator(self, other: Any) -> Any: ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __floordiv__ = __mod__ = __pow__ = (
            _operator
        )
        __matmul__ = __and__ = __or__ = __xor__ = __lt__ = __le__ = __gt__ = __ge__ = __getitem__ = _operator

        def __neg__(self) -> Any: ...
        def __bool__(self) -> bool: ...
        def __int__(self) -> int: ...
        def __float__(self) -> float: ...

        __nonzero__: Any

        def __index__(self) -> int: ...
        def __len__(self) -> int: ...
        def numpy(self, *, force: bool = False) -> np.ndarray: ...
        def __eq__(self, other: Any) -> Any: ...

    # -- geometry ---------------------------------------------------------------------------------------------------
    @readonly
    def shape(self) -> Size:
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or its entry `dim`. Raises IndexError where `dim` is out of range."""
        return self.shape if dim is None else self._array.shape[existing(dim, self._array.ndim)]

    def dim(self) -> int:
        return self._array.ndim

    ndim = readonly(dim, "ndim")
    ndimension = dim

    def numel(self) -> int:
        return self._array.size

    nelement = numel

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._dtype.itemsize

    itemsize = readonly(element_size, "itemsize")

    @readonly
    def nbytes(self) -> int:
        return self._array.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours in elements, of every dimension or of `dim`."""
        steps = strides_of(self._array)
        return steps if dim is None else steps[existing(dim, self._array.ndim)]

    def storage_offset(self) -> int:
        """Elements between the start of the buffer and the first of this tensor."""
        return start_of(self._array) // self._array.itemsize

    def data_ptr(self) -> int:
        return address(self._array) if self._array.size else 0

    def is_contiguous(self, memory_format: Any = None) -> bool:
        return bool(self._array.flags.c_contiguous)

    @readonly
    def dtype(self) -> dtypes.dtype:
        return self._dtype

    @readonly
    def device(self) -> Device:
        return CPU

    @readonly
    def layout(self) -> Layout:
        return strided

    def get_device(self) -> int:
        return -1

    is_cpu = readonly(lambda self: True, "is_cpu")

    def is_floating_point(self) -> bool:
        return self._dtype.is_floating_point

    def is_complex(self) -> bool:
        return self._dtype.is_complex

    def is_signed(self) -> bool:
        return self._dtype.is_signed

    # -- place in the graph -----------------------------------------------------------------------------------------
    @property
    def _view(self) -> View | None:  # where nobody is in a hurry, as `_rare`
        beside = self._beside
        return beside if isinstance(beside, View) else None

    @property
    def _rare(self) -> Rare | None:
        return None if self._beside is None else self._beside.rare

    @readonly
    def is_leaf(self) -> bool:
        return self._node is None or self._node is LEAF

    @property
    def requires_grad(self) -> bool:
        beside = self._beside
        if self._node is not None and (beside is None or not beside.borrowed):
            return True
        base = None if beside is None else beside.base
        return base is not None and base._node is not None and (self._dtype.differentiable or not base._dtype.differentiable)

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if not isinstance(flag, bool):
            raise RuntimeError("requires_grad must be a bool")
        if flag and self._node is not None and self._node is not LEAF:  # which the method lets pass
            raise RuntimeError("you can only change requires_grad flags of leaf variables.")
        if flag and not self._dtype.differentiable:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        self.requires_grad_(flag)

    @requires_grad.deleter
    def requires_grad(self) -> None:
        raise RuntimeError("requires_grad must be a bool")

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Start or stop recording on a leaf; returns the tensor itself.

        Raises RuntimeError for a non-leaf set to False, for a dtype that has no gradient or an inference tensor set to True.
        """
        if not isinstance(requires_grad, bool):
            kind = type(requires_grad).__name__
            raise TypeError(f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {kind}")
        refuse_inside("requires_grad_", "(or perhaps using torch.autograd.functional.* APIs) ")
        if self._node is not None and self._node is not LEAF:
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that "
                    "doesn't require differentiation use var_no_grad = var.detach()."
                )
            if self._dtype.differentiable:
                return self
        if requires_grad and not self._dtype.differentiable:
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad and self._counter is None and not modes.is_inference_mode_enabled():
            raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
        if not requires_grad:
            leave(self)
        self._node = LEAF if requires_grad else None
        if self._view is not None:
            self._view.borrowed = False
        return self

    @readonly
    def output_nr(self) -> int:
        return self._node[1] if type(self._node) is tuple else 0

    @readonly
    def _version(self) -> int:
        if self._counter is None:
            if self._rare is not None and self._rare.writes is not None:
                return self._rare.writes
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._counter[0]

    @readonly
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    def _is_view(self) -> bool:
        return self._view is not None

    def is_inference(self) -> bool:
        return self._counter is None

    @readonly
    def retains_grad(self) -> bool:
        return self._rare is not None and self._rare.retains

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient of a leaf, or of a tensor that retains it. Reading a non-leaf's warns (UserWarning)."""
        if self._gradient is None and self._node is not None and self._node is not LEAF and not self.retains_grad:
            warnings.warn(NON_LEAF_GRAD, UserWarning, stacklevel=2)
        return self._gradient

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            check_grad(self, value)
        self._gradient = value

    @grad.deleter
    def grad(self) -> None:
        self._gradient = None

    @property
    def data(self) -> Tensor:
        """The same values without history and with a version count of their own."""
        made = self._alias()
        if self._counter is None:
            made._counter = None
            count_apart(made)
        return made

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self.requires_grad and not value._dtype.differentiable:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        if self._array.shape != value._array.shape or self._dtype is not value._dtype:
            from .graph import keep_ends

            keep_ends(self, another=self._dtype is not value._dtype)
        self._take(value)
        self._dtype = value._dtype

    @data.deleter
    def data(self) -> None:
        raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")

    def _alias(self) -> Tensor:
        return wrap(self._array, self._dtype)

    def _take(self, other: Tensor) -> None:
        """Have the elements of another from now on."""
        exchange(self, other._array)

    def _write(self, values: np.ndarray) -> None:
        self._array[...] = values

    __hash__ = object.__hash__  # by identity: `__eq__` is elementwise


class WrappedNumber(Tensor):
    """A Python number as a rule sees it on Tensors: zero-dimensional, and the last to decide a dtype."""

    __slots__ = ()


WrappedNumber.__name__ = Tensor.__name__  # as users see it

OTHERS = ("cuda", "ipu", "maia", "meta", "mkldnn", "mps", "mtia", "nested", "quantized", "sparse", "sparse_csr", "vulkan", "xla", "xpu")
for _name in (f"is_{kind}" for kind in OTHERS):  # what PyTorch's tensors may be
    setattr(Tensor, _name, readonly(lambda self: False, _name))

NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated during "
    "autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf "
    "Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead. See "
    "github.com/pytorch/pytorch/pull/30531 for more information."
)


PLAIN: set[type] = {Tensor}  # the types whose operations are no more than those of Tensor


def wrap(array: np.ndarray, dtype: dtypes.dtype) -> Tensor:
    """A fresh tensor over `array`: no history, a version count of its own."""
    t = Tensor()
    t._array, t._dtype = array, dtype
    t._node = t._gradient = t._beside = t._rows = None
    t._counter = FRESH
    return t


def wrap_in_rows(array: np.ndarray, form: Rows) -> Tensor:
    """The same over an array of which `form` holds."""
    t = Tensor()
    t._array = array
    t._dtype = form.dtype
    t._rows = form
    t._node = None
    t._gradient = None
    t._beside = None
    t._counter = FRESH
    return t


def counter_of(t: Tensor) -> Any:
    """The version count of `t`, to be shared or raised: made now where there was no need of one. None in an inference tensor."""
    if t._counter is FRESH:
        t._counter = [0]
    return t._counter


def exchange(t: Tensor, array: np.ndarray) -> None:
    """Let `t` be over `array` from now on. Whoever has decided something by its layout finds that it no longer holds."""
    old = t._array
    if old.shape != array.shape or old.strides != array.strides or old.dtype != array.dtype:
        t._rows = False
    t._array = array


def rows(t: Tensor) -> Any:
    """What holds of `t` where it is plain, no inference tensor, and its elements lie in row-major order; remembered. False where not.

    False, too, of no elements, or where the array was exchanged. Elsewhere `Steps`, which are not true either: of a single number, where
    elements lie in another order, or a side of 1 has an odd step.
    """
    if t._rows is None:
        array = t._array
        known = FORMS.get((array.shape, t._dtype))
        if known is not None:
            usual = array.strides == known.strides  # no others are those of row-major order, but odd steps of sides of 1
        else:
            usual = bool(array.flags.c_contiguous and array.ndim and array.size and (1 not in array.shape or steps_usual(array)))
        if t._counter is None or type(t) not in PLAIN or not array.size:
            t._rows = False
        elif usual:
            t._rows = known or form_of(Rows, array, t._dtype, (array.shape, t._dtype))
        else:
            t._rows = form_of(Steps, array, t._dtype, (array.shape, t._dtype, array.strides))
    return t._rows


def settled(made: Tensor, part: bool = False) -> Tensor:
    """A new tensor as the current mode has it: an inference tensor in inference mode, unless it is `part` of a tensor that is none."""
    mode = modes.current()
    if mode & (modes.INFERENCE | modes.INSIDE):
        if mode & modes.INFERENCE and not part:
            made._counter = None
        if mode & modes.INSIDE:
            transforms.born([made])
    return made


def wrap_number(value: bool | int | float | complex) -> WrappedNumber:
    """A Python number as a zero-dimensional tensor that promotes like the number."""
    return _wrapped(np.asarray(value), dtypes.of_number(value))  # in double precision: only its category takes part in promotion


def as_read(t: Tensor) -> Tensor:
    """What a node has kept, as users read it: a Python number has a dtype of double precision."""
    return _wrapped(t._array, dtypes.OF_NUMPY[t._array.dtype]) if type(t) is WrappedNumber else t


def _wrapped(array: np.ndarray, d: dtypes.dtype) -> WrappedNumber:
    t = WrappedNumber()
    made = wrap(array, d)
    for slot in ("_array", "_dtype", "_node", "_gradient", "_beside", "_counter", "_rows"):
        setattr(t, slot, getattr(made, slot))
    return t


def alias(t: Tensor) -> Tensor:
    """Another tensor over the same memory and version count, with no history."""
    made = t._alias()
    made._counter = counter_of(t)
    return made


def count_apart(t: Tensor) -> None:
    """Have an inference tensor, just detached, count its writes, unless in inference mode.

    Its convention: so counted, it may be written to outside of inference mode, which its source may not.
    """
    if not modes.is_inference_mode_enabled():
        rare(t).writes = 0


def store(t: Tensor, values: np.ndarray) -> None:
    """Write values into the tensor's memory. The version is the caller's to raise."""
    quietly(t._write, values)  # numbers too large for its dtype become infinite


def rare(t: Tensor) -> Rare:
    """The tensor's rare part, made on first use."""
    beside = t._beside
    if beside is None:
        beside = t._beside = Beside()
        beside.rare = None
    if beside.rare is None:
        beside.rare = Rare()
    return beside.rare


def leave(t: Tensor) -> None:
    """To be called before `t` stops to require grad."""
    if t._node is LEAF:
        rare(t).left = True


def wanted_of(t: Tensor) -> dtypes.dtype | None:
    """The dtype of gradients of `t`: its own unless `grad_dtype` was set; None for any."""
    slot = t._rare
    return t._dtype if slot is None or slot.grad_dtype is None else slot.grad_dtype[0]


def cpp_name(d: dtypes.dtype) -> str:
    """A dtype as C++ has it, in texts."""
    return dtypes.CPP_NAMES.get(d.scalar_name, d.scalar_name)


def check_grad(t: Tensor, value: Any) -> None:
    """Raises where `value` cannot be the gradient of `t`: TypeError for no tensor, RuntimeError for another shape or dtype."""
    if not isinstance(value, Tensor):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
    if value is t:
        raise RuntimeError("can't assign Variable as its own grad")
    wanted = wanted_of(t)
    if wanted is not None and value._dtype is not wanted:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{cpp_name(value._dtype)}' to a "
            f"tensor with grad_dtype '{wanted.scalar_name}'. "
            "The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's grad_dtype "
            "attribute with a "
            "specific dtype, or None to allow any dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its "
            "gradient may break "
            "downstream systems that assume they match."
        )
    if value._array.shape != t._array.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(value._array.shape)}' to a tensor of size '{list(t._array.shape)}'. "
            "Please ensure that the gradient and the tensor are the same size"
        )


def method(function: Callable[..., Any]) -> Callable[..., Any]:
    """Attach `function` to Tensor under its own name: how later layers give it what they own."""
    setattr(Tensor, function.__name__, function)
    return function
