"""What is special about the inputs of roundings and signs."""

from ..kinds import between
from ..spec import spec

for _key in ("floor", "ceil", "trunc", "round", "frac", "sign", "sgn"):
    spec(_key)
spec("round.decimals", decimals=between(-2, 3))
