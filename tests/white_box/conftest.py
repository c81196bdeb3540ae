"""The audit's small models of each engine."""

from ..audit.conftest import make, model, split

__all__ = ["make", "model", "split"]
