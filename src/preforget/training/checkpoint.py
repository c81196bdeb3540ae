"""A checkpoint of an unfinished learning: one file, replaced as a whole, removed at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from preforget.core.errors import StoreError
from preforget.core.files import make_private, read_regular, write_atomic
from preforget.training.adam import Adam

KEPT_DAYS = 7
"""How long a checkpoint beside a model is kept for its learning to go on."""

MAX_BYTES = 2**40
"""No checkpoint is larger: its tensors are held in memory."""


class CheckpointFile:
    """Where the bytes of a checkpoint lie, as they are; a subclass may encrypt them.

    The file holds what was learned so far, so it is as personal as the model itself: `remove` it when done.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self) -> None:
        """Prepare to be written; called once before learning begins."""

    def read(self) -> bytes | None:
        """Return what was written, None if there is nothing; raises `StoreError`."""
        try:
            return read_regular(self.path, MAX_BYTES, follow=True)
        except FileNotFoundError:
            return None
        except IsADirectoryError:
            raise StoreError(f"the checkpoint {self.path} is a folder; give the path of a file") from None
        except OSError as error:
            raise StoreError(
                f"the checkpoint {self.path} can't be read: {error.strerror or error}"
            ) from error

    def write(self, content: bytes) -> None:
        """Replace the file, whole or not at all; raises `StoreError`."""
        try:
            make_private(self.path.parent)
            write_atomic(self.path, content)
        except OSError as error:
            raise StoreError(
                f"the checkpoint {self.path} can't be written: {error.strerror or error}"
            ) from error

    def remove(self) -> None:
        """Delete the file; its folder stays, it may have been there before."""
        self.path.unlink(missing_ok=True)


class Checkpoint:
    """Parameters and optimizer state of a learning, tied by `digest` to its configuration and data."""

    def __init__(self, file: Path | CheckpointFile, digest: str) -> None:
        self.file = file if isinstance(file, CheckpointFile) else CheckpointFile(file)
        self.digest = digest

    def save(self, parameters: Mapping[str, Tensor], optimizer: Adam, epochs: int) -> None:
        """Write the state after `epochs` epochs; raises `StoreError`."""
        tensors = {}
        for name, parameter in parameters.items():
            tensors[f"parameter.{name}"] = parameter.detach().cpu().contiguous()
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{name}.{key}"] = value.detach().cpu().contiguous()
        self.write(tensors, epochs=str(epochs))

    def write(self, tensors: Mapping[str, Tensor], **said: str) -> None:
        """Replace what is there by tensors and words about them; raises `StoreError`."""
        self.file.write(save(dict(tensors), metadata={"digest": self.digest, **said}))

    def load(self, parameters: Mapping[str, Tensor], optimizer: Adam) -> int:
        """Restore the state in place and return the epochs done, 0 if there is no checkpoint; raises as `read`."""
        tensors, said = self.read()
        if not said:
            return 0
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(tensors[f"parameter.{name}"])
                prefix = f"optimizer.{name}."
                state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
                optimizer.state[parameter] = {
                    k: v if k == "step" else v.to(parameter.device) for k, v in state.items()
                }
        return int(said["epochs"])

    def read(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Return what was written last, tensors and words, both empty if there is no checkpoint.

        Raises `StoreError` if it is a folder, is damaged or belongs to a learning with other options or data.
        """
        self.file.begin()
        content = self.file.read()
        if content is None:
            return {}, {}
        try:
            tensors, metadata = load(content), _metadata(content)
        except (SafetensorError, ValueError) as error:
            raise StoreError(
                f"the checkpoint {self.file.path} is damaged ({error}); delete it and learn again"
            ) from error
        if metadata.get("digest") != self.digest:
            raise StoreError(
                f"the checkpoint {self.file.path} belongs to a learning with other options or data; "
                "delete it to begin anew, or repeat the first command to resume"
            )
        return tensors, metadata

    def remove(self) -> None:
        """Delete the file."""
        self.file.remove()


def _metadata(content: bytes) -> dict[str, str]:
    """Return what the header of a safetensors file, which `load` has accepted, says beside its tensors."""
    size = int.from_bytes(content[:8], "little")
    metadata: dict[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return metadata
