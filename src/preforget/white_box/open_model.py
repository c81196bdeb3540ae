"""Opens a model for white-box attacks."""

from __future__ import annotations

from typing import Any

from preforget.core.errors import UsageError
from preforget.white_box.surface import Files


def surface_of(model: Any) -> Files:
    """Return the open weights of a model: what its engine's `surface()` gives, or its own.

    Raises `UsageError` for a model that has neither, or whose engine can't be opened.
    """
    owner = getattr(model, "engine_", model)
    if not hasattr(owner, "surface"):
        raise UsageError(
            f"{type(model).__name__} can't be opened for white-box attacks: give it a method surface() that "
            "returns one (white_box.surface.Files), or choose attacks that need scores alone"
        )
    opened: Files = owner.surface()
    return opened
