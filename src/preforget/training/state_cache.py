"""Hidden states of the frozen path, computed once per input and kept in memory or in a file.

They stay on a GPU if it has room. They derive from the user's data, so the file has no name and vanishes with the
process, however that ends, unless it is to be kept. It is read piece by piece, not mapped: mapped pages would count as
memory of the process.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from preforget.backbones.encoder import Encoder
from preforget.core.errors import StoreError
from preforget.core.files import make_private
from preforget.core.hashing import value_digest
from preforget.core.threads import ahead, allowed
from preforget.data.dataset import Split
from preforget.data.digest import split_digest
from preforget.training.progress import track

ENCODE_BATCH = 128

LARGE = 1 << 30
"""Bytes from which states are kept with 16 bits each, whatever the encoder computes in."""

WORTH_SAYING = 1 << 28
"""Bytes from which it is said how large the cache will be."""


class StateCache:
    """The states that enter blocks `first_block`..`last_block` of every input of a split, `[states, N, D]` each.

    In memory, or in `cache_dir` on disk; `keep` leaves the file there, named by the digest of inputs and encoder,
    and a later learning on the same data reuses it. A context manager: leaving it frees memory or file.
    """

    def __init__(
        self,
        encoder: Encoder,
        split: Split,
        *,
        first_block: int,
        last_block: int,
        cache_dir: Path | None = None,
        keep: bool = False,
        show: bool = False,
    ) -> None:
        self.encoder = encoder
        self.blocks = slice(first_block, last_block + 1)
        self.shape = (last_block + 1 - first_block, encoder.tokens, encoder.dim)
        self.size = len(split)
        each = int(np.prod(self.shape))
        large = self.size * each * encoder.dtype.itemsize > LARGE
        self.dtype = torch.bfloat16 if large else encoder.dtype
        self._bytes = each * self.dtype.itemsize
        if show and (needed := self.size * self._bytes) >= WORTH_SAYING:
            where = "memory" if cache_dir is None else str(cache_dir)
            shortened = ", shortened to 16 bits" if self.dtype != encoder.dtype else ""
            print(  # noqa: T201 - where progress is shown
                f"hidden states of {self.size:,} inputs: {needed / 1e9:.1f} GB in {where}{shortened}",
                file=sys.stderr,
            )
        self._memory: Tensor | None = None
        self._file: IO[bytes] | None = None
        step = encoder.at_once(ENCODE_BATCH)
        batches = track(
            self._encode(split), total=self.size, what="reading", unit="input", show=show, step=step
        )
        if cache_dir is None:
            self._memory = torch.empty(self.size, *self.shape, dtype=self.dtype, device=self._memory_device())
            for start, states in batches:
                self._memory[start : start + len(states)] = states
        else:
            self._file = self._on_disk(split, batches, cache_dir, keep)

    def get(self, indices: Tensor) -> Tensor:
        """Return the states of inputs `indices [batch]` on the encoder's device, `[batch, states, N, D]`."""
        if self._memory is not None:
            return self._memory[indices.to(self._memory.device)].to(self.encoder.device, self.encoder.dtype)
        if self._file is None:
            raise ValueError("the cache is closed")
        raw = torch.empty(len(indices), self._bytes, dtype=torch.uint8)
        view = raw.numpy()
        for row, index in enumerate(indices.tolist()):
            self._file.seek(index * self._bytes)
            if self._file.readinto(view[row]) != self._bytes:  # type: ignore[attr-defined]
                raise StoreError(
                    "the cache of hidden states ends too early; delete its folder and learn again"
                )
        states = raw.view(self.dtype).view(len(indices), *self.shape)
        return states.to(self.encoder.device, self.encoder.dtype)

    def close(self) -> None:
        """Free the memory, or the file unless it is kept."""
        self._memory = None
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> StateCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _encode(self, split: Split) -> Iterator[tuple[int, Tensor]]:
        rows = self.encoder.at_once(ENCODE_BATCH)
        parts = (range(start, min(start + rows, self.size)) for start in range(0, self.size, rows))
        read = ((part.start, self.encoder.read(split.inputs, part)) for part in parts)
        for start, pixels in ahead(read, allowed()):  # the next are read while these are encoded
            yield start, self.encoder.states(pixels, self.blocks).to(self.dtype)

    def _memory_device(self) -> torch.device:
        """Return the GPU if all states fit into half of its free memory: copying them takes longer than learning."""
        device = self.encoder.device
        roomy = device.type == "cuda" and self.size * self._bytes <= torch.cuda.mem_get_info(device)[0] // 2
        return device if roomy else torch.device("cpu")

    def _on_disk(
        self, split: Split, batches: Iterator[tuple[int, Tensor]], folder: Path, keep: bool
    ) -> IO[bytes]:
        try:
            make_private(folder)
            if not keep:
                file: IO[bytes] = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - close() does
                try:
                    self._write(file, batches)
                except BaseException:
                    file.close()
                    raise
                return file
            kept = folder / f"states-{self._digest(split)[7:39]}.bin"
            if kept.is_file() and kept.stat().st_size == self.size * self._bytes:
                return kept.open("rb", buffering=0)
            with _nameless(folder) as nameless:  # vanishes if the process is killed
                self._write(nameless, batches)
                os.fsync(nameless.fileno())
                _give_name(nameless, kept)
            return kept.open("rb", buffering=0)
        except OSError as error:
            needed = self.size * self._bytes / 1e9
            raise StoreError(
                f"the cache of hidden states can't be written to {folder}: {error.strerror or error}; "
                f"it needs {needed:.1f} GB there, or choose another --cache-dir"
            ) from error

    def _write(self, file: IO[bytes], batches: Iterator[tuple[int, Tensor]]) -> None:
        for _, states in batches:
            rest = memoryview(states.cpu().contiguous().view(torch.uint8).numpy().tobytes())
            while rest:
                rest = rest[file.write(rest) :]

    def _digest(self, split: Split) -> str:
        e = self.encoder
        p = e.preprocessing
        return value_digest(
            [
                e.identity.digest,
                p.image_size,
                p.mean,
                p.std,
                *([p.steps.as_dict()] if p.steps else []),
                str(self.dtype),
                self.blocks.start,
                self.shape,
                split_digest(split),
            ]
        )


def _nameless(folder: Path) -> IO[bytes]:
    """Open a file without a name, which can be given one where the system can do that."""
    try:
        return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600), "w+b", buffering=0)
    except (AttributeError, OSError):
        return tempfile.TemporaryFile(dir=folder, buffering=0)


def _give_name(file: IO[bytes], path: Path) -> None:
    """Give a file that has no name one, or copy it to a file with that name where the system can't."""
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # only with a folder the link to the file is followed
        os.link(f"/proc/self/fd/{file.fileno()}", path, src_dir_fd=folder, follow_symlinks=True)
        return
    except (OSError, NotImplementedError):  # no /proc, or a system that can't
        descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    finally:
        os.close(folder)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as part:
            file.seek(0)
            shutil.copyfileobj(file, part, 2**24)
            os.fsync(part.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
