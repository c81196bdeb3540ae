"""Go on with a learning that was cut off: its checkpoint lies in a folder beside the model that is to be made."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from preforget.core.errors import StoreError


@contextlib.contextmanager
def checkpoint_beside(place: Path, note: Callable[[str], None] | None = None) -> Iterator[Path]:
    """Yield the checkpoint's path beside the model, in a folder that stays only as long as it holds something.

    `place`: the model folder that is to be made; `note`: told where learning goes on from. Raises `StoreError` at once
    if nothing can be written there, and `KeyboardInterrupt` with a word on how to go on.

    Example:
        with checkpoint_beside(Path("model")) as checkpoint:
            model.fit(data.train, checkpoint=checkpoint)
            model.save_pretrained("model")
    """
    checkpoint = place.with_name(f"{place.name}.learning") / "checkpoint.safetensors"
    made = [folder for folder in checkpoint.parents if not folder.exists()]
    try:
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{place.parent} can't be written: {error.strerror or error}") from error
    _clear_cut_off_writes(checkpoint.parent)
    if note is not None and checkpoint.is_file():
        note(f"going on from the checkpoint {checkpoint}")
    try:
        yield checkpoint
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; a checkpoint is left in {checkpoint.parent}: repeat the command to go on, "
            "or delete that folder"
            if checkpoint.is_file()
            else "interrupted before the first epoch ended; nothing is left"
        ) from None
    finally:
        _clear_cut_off_writes(checkpoint.parent)
        for folder in made or [checkpoint.parent]:
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()


def _clear_cut_off_writes(folder: Path) -> None:
    """Delete what a kill in the middle of writing a checkpoint left: it holds as much as the checkpoint itself."""
    with contextlib.suppress(OSError):
        for leftover in folder.glob(".writing-*"):
            leftover.unlink()
