"""What is special about the inputs of error functions, gamma functions and the logistic function."""

from ..kinds import between
from ..spec import spec

for _key in ("sigmoid", "erf", "erfc", "lgamma", "digamma"):
    spec(_key)
spec("polygamma", n=between(0, 3))
