"""What is special about the inputs of random tensors. The numbers themselves are each library's own."""

from ..case import Named
from ..kinds import any_size, between, integer_values, like, one_of
from ..spec import spec
from ..values import unit_interval

_DRAWN = {"contents": False, "why": "the numbers a generator draws are its own"}
_FORMAT = one_of(Named("contiguous_format"), Named("preserve_format"), None)
for _name in ("rand", "randn"):
    for _from in ("", ".generator"):
        spec(f"{_name}{_from}", size=any_size, **_DRAWN)
        spec(f"{_name}_like{_from}", memory_format=_FORMAT, **_DRAWN)
_LOW, _HIGH = between(-3, 2), one_of(1, 5, 0, 300, -3)
for _from in ("", ".generator"):
    spec(f"randint{_from}", high=_HIGH, size=any_size, **_DRAWN)
    spec(f"randint_like{_from}", high=_HIGH, memory_format=_FORMAT, **_DRAWN)
    spec(f"randperm{_from}", n=between(-1, 5), **_DRAWN)
for _overload in ("low", "low_generator"):
    spec(f"randint.{_overload}", low=_LOW, high=_HIGH, size=any_size, **_DRAWN)
    spec(f"randint_like.{_overload}_dtype", low=_LOW, high=_HIGH, memory_format=_FORMAT, **_DRAWN)
for _overload in ("Tensor", "Tensor_generator"):
    spec(f"randint_like.{_overload}", high=integer_values(1, 5, lambda src, draft: ()), memory_format=_FORMAT, **_DRAWN)
_P = one_of(0.5, 0.0, 1.0, 0.25, 1.5, -1.0)
spec("normal_", std=one_of(1.0, 0.0, 2.5, -1.0), **_DRAWN)
spec("uniform_", **{"from": one_of(0.0, 1.0, -2.0)}, to=one_of(1.0, 0.5, -2.0, 4.0), **_DRAWN)
spec("bernoulli_.Tensor", p=like("self", values_in=unit_interval), **_DRAWN)
spec("bernoulli_.float", p=_P, **_DRAWN)
spec("bernoulli", **_DRAWN)
spec("bernoulli.p", p=_P, **_DRAWN)
spec("dropout", p=_P, **_DRAWN)
spec("nn.functional.dropout", p=_P, **_DRAWN)
