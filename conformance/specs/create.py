"""What is special about the inputs of new tensors."""

from ..case import OMITTED, Named
from ..kinds import always, any_size, between, one_of, tensor
from ..spec import spec

_bound = one_of(0, 1, 5, -3, 2.5, -1.25, 7, 0.1, True, 12)
_step = one_of(1, 2, 0.5, -1, 3, 0.1, -0.7)
_zero_dim = tensor(lambda src, draft: (), dtype="float32")
_NO_VALUES = "what an empty tensor holds is nobody's business"
for _name in ("zeros", "ones", "full"):
    spec(_name, size=any_size)
spec("scalar_tensor")
spec("eye", n=between(0, 4))
spec("eye.m", n=between(0, 4), m=between(0, 4))
spec("arange", end=_bound)
spec("arange.start", start=_bound, end=_bound)
spec("arange.start_step", start=_bound, end=_bound, step=_step)
spec("linspace", start=_bound, end=_bound, steps=between(0, 9))
_absent = always(one_of(OMITTED))  # Python's `range` takes neither
_whole_step = one_of(1, 2, 1.5, -1, 3, 2.5, -1.25)  # one that is 0 as an integer ends PyTorch's process
spec("range.step", start=_bound, end=_bound, step=_whole_step, layout=_absent, pin_memory=_absent)
_power = one_of(0, 1, 2, -1, 2.5, -1.25, 0.1)
_base = one_of(10.0, 2.0, 0.5, 3.0)
spec("logspace", start=_power, end=_power, steps=between(0, 9), base=_base)
for _first in ("Tensor", "Scalar"):
    for _second in ("Tensor", "Scalar"):
        if (_first, _second) != ("Scalar", "Scalar"):
            spec(
                f"linspace.{_first}_{_second}",
                start=_zero_dim if _first == "Tensor" else _bound,
                end=_zero_dim if _second == "Tensor" else _bound,
                steps=between(0, 9),
            )
            spec(
                f"logspace.{_first}_{_second}",
                start=_zero_dim if _first == "Tensor" else _power,
                end=_zero_dim if _second == "Tensor" else _power,
                steps=between(0, 9),
                base=_base,
            )
_FORMAT = one_of(Named("contiguous_format"), Named("preserve_format"), None)
for _name in ("zeros_like", "ones_like", "full_like"):
    spec(_name, memory_format=_FORMAT)
for _name in ("new_zeros", "new_ones", "new_full"):
    spec(_name, size=any_size)
spec("empty.memory_format", size=any_size, memory_format=one_of(Named("contiguous_format"), None), contents=False, why=_NO_VALUES)
spec("empty_like", memory_format=_FORMAT, contents=False, why=_NO_VALUES)
spec("new_empty", size=any_size, contents=False, why=_NO_VALUES)
_strided = {"size": lambda src, draft: (2, 3), "stride": one_of((3, 1), (1, 2), (1, 4), (8, 2))}
spec("empty_strided", **_strided, contents=False, why=_NO_VALUES)
spec("new_empty_strided", **_strided, contents=False, why=_NO_VALUES)
