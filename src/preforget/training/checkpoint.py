"""A checkpoint of an unfinished learning: one file, replaced as a whole after every epoch, removed at the end."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from preforget.core.errors import StoreError
from preforget.core.files import write_atomic


class Checkpoint:
    """Parameters and optimizer state of a learning, tied by `digest` to its configuration and data.

    The file holds what was learned so far, so it is as personal as the model itself: `remove` it when done.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self.path = path
        self.digest = digest

    def save(self, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer, epochs: int) -> None:
        """Write the state after `epochs` epochs."""
        tensors = {}
        for name, parameter in parameters.items():
            tensors[f"parameter.{name}"] = parameter.detach().cpu().contiguous()
            for key, value in optimizer.state[parameter].items():
                tensors[f"optimizer.{name}.{key}"] = value.detach().cpu().contiguous()
        content = save(tensors, metadata={"digest": self.digest, "epochs": str(epochs)})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, content)
        except OSError as error:
            raise StoreError(
                f"the checkpoint {self.path} can't be written: {error.strerror or error}"
            ) from error

    def load(self, parameters: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> int:
        """Restore the state in place and return the epochs done, 0 if there is no checkpoint.

        Raises `StoreError` if it is a folder, is damaged or belongs to a learning with other options or data.
        """
        if self.path.is_dir():
            raise StoreError(f"the checkpoint {self.path} is a folder; give the path of a file")
        if not self.path.is_file():
            return 0
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
        except (SafetensorError, OSError, struct.error) as error:
            raise StoreError(
                f"the checkpoint {self.path} is damaged ({error}); delete it and learn again"
            ) from error
        if metadata.get("digest") != self.digest:
            raise StoreError(
                f"the checkpoint {self.path} belongs to a learning with other options or data; "
                "delete it to begin anew, or repeat the first command to resume"
            )
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(tensors[f"parameter.{name}"])
                prefix = f"optimizer.{name}."
                state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
                optimizer.state[parameter] = {
                    k: v if k == "step" else v.to(parameter.device) for k, v in state.items()
                }
        return int(metadata["epochs"])

    def remove(self) -> None:
        """Delete the file; its folder stays, it may have been there before."""
        self.path.unlink(missing_ok=True)
