"""What NumPy takes for the same work at the least: its bare calls in the best order known, by topic. Importing this registers them."""

# isort: off
from .floor import FLOORS
from . import calls, elementwise, reductions, products, moves
