"""What is special about the inputs of choosing, mixing and bounding."""

from ..kinds import number
from ..spec import spec
from .arithmetic import FUSED

for _key in (
    "where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar", "where", "addcdiv",
    "clamp.Tensor", "clamp_min", "clamp_min.Tensor", "clamp_max", "clamp_max.Tensor",
):  # fmt: skip
    spec(_key)
for _key in ("addcmul", "lerp.Scalar", "lerp.Tensor"):
    spec(_key, **FUSED)
spec("clamp", min=number, max=number)
spec("clamp[clip]", call=lambda m, self, **bounds: m.clip(self, **bounds), why="the second name PyTorch gives the op")
