"""What is special about the inputs of losses: predictions and targets that go together."""

from ..kinds import always, first_dtype, like, nothing, one_of, tensor
from ..spec import spec
from ..values import unit_interval

TARGET = like("self", dtype=first_dtype)
REDUCTION = one_of(1, 0, 2)
WORD = one_of("mean", "none", "sum")
OLD = {"size_average": nothing, "reduce": nothing, "reduction": WORD}
PROBABILITY = tensor(values_in=unit_interval)


def sizes(name: str) -> dict:
    return {"target": like(name, dtype=first_dtype, values_in=unit_interval), "weight": like(name, dtype=first_dtype)}


for _key in ("mse_loss", "l1_loss"):
    spec(_key, target=TARGET, reduction=REDUCTION)
    spec(f"nn.functional.{_key}", target=like("input", dtype=first_dtype), weight=like("input", dtype=first_dtype), **OLD)
    spec(f"nn.functional.{_key}[old words]", target=like("input", dtype=first_dtype), weight=nothing, reduction=WORD)
spec("nn.functional.mse_loss[broadcast]", weight=nothing, **OLD)
spec("mse_loss_backward", grad_output=tensor(lambda src, draft: ()), target=like("self", dtype=first_dtype), reduction=REDUCTION)
spec("binary_cross_entropy", self=PROBABILITY, reduction=REDUCTION, **sizes("self"))
spec("nn.functional.binary_cross_entropy", input=PROBABILITY, **sizes("input"), **OLD)
spec("binary_cross_entropy_backward", self=like("grad_output", dtype=first_dtype, values_in=unit_interval), reduction=always(one_of(0)),
     target=like("grad_output", dtype=first_dtype, values_in=unit_interval), weight=like("grad_output", dtype=first_dtype))  # fmt: skip
spec("binary_cross_entropy_with_logits", target=TARGET, weight=TARGET, pos_weight=TARGET, reduction=REDUCTION)
_LIKE_INPUT = like("input", dtype=first_dtype)
spec("nn.functional.binary_cross_entropy_with_logits", target=_LIKE_INPUT, weight=_LIKE_INPUT, pos_weight=_LIKE_INPUT, **OLD)
