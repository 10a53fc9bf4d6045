"""Every property, each written once and naming no op: it reads the declaration to say when it applies."""

from . import backward, derivatives, forms, graph, modes, values, vmap, writes
from .register import PROPERTIES, Property, attempt, observe, prop

__all__ = ["PROPERTIES", "Property", "attempt", "observe", "prop"]
