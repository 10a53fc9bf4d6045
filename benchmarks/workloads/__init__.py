"""The workloads, by topic; importing this registers them in the order of the table."""

# isort: off
from ..workload import WORKLOADS
from . import calls, elementwise, reductions, products, moves
