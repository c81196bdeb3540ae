"""The model folder on disk."""

from preforget.store.folder import ModelFolder
from preforget.store.manifest import Manifest

__all__ = ["Manifest", "ModelFolder"]
