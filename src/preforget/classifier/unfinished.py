"""What a learning that was cut off leaves: its checkpoint alone, in a folder beside the model that was to be made.

The folder is locked while the learning goes on, so that nobody takes it for a leftover. A folder of a model that was
being written is a leftover too, and holds nothing that the checkpoint doesn't.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from preforget.classifier.sealed_checkpoint import SealedCheckpoint
from preforget.core.errors import PreforgetError, StoreError
from preforget.core.files import exclusive, make_private
from preforget.store.attempt import clear_unfinished
from preforget.store.key_service import Keyring
from preforget.store.layout import LONGEST_NAME, RECORDS, unfinished_name
from preforget.store.side_key import FILE
from preforget.training.checkpoint import KEPT_DAYS, CheckpointFile

LEARNING, UNFINISHED = ".learning", ".unfinished"
"""The endings of names of folders that are left."""

PLAIN = "checkpoint.safetensors"


def learning_folder(model: Path) -> Path:
    """Return the folder of the checkpoint of a model that is to be made.

    >>> learning_folder(Path("a/model")).as_posix()
    'a/model.learning'
    """
    name = model.name
    if len(os.fsencode(name)) > LONGEST_NAME - len(LEARNING):
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return model.with_name(name + LEARNING)


@contextlib.contextmanager
def checkpoint_beside(
    model: Path,
    note: Callable[[str], None] | None = None,
    *,
    sealed: bool = False,
    keyring: Keyring | None = None,
) -> Iterator[CheckpointFile]:
    """Yield the checkpoint beside the model, in a folder that stays only as long as it holds something.

    Args:
        model: The model folder that is to be made.
        note: Told where learning goes on from.
        sealed: Whether to encrypt a checkpoint, with a key of its own in `keyring`; one that is sealed stays so.
        keyring: Where the keys of sealed checkpoints lie.

    Raises:
        StoreError: Nothing can be written there, or another process is learning this model.
        KeyboardInterrupt: With a word on how to go on.

    Example:
        with checkpoint_beside(Path("model")) as checkpoint:
            classifier.fit(data.train, checkpoint=checkpoint)
            classifier.save_pretrained("model")
    """
    folder = learning_folder(model)
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        make_private(folder)
        with _held(folder, model):
            checkpoint = _checkpoint(folder, sealed, keyring)
            if note is not None and _holds_something(checkpoint.path):
                note(f"going on from the checkpoint {checkpoint.path}")
            try:
                yield checkpoint
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    f"interrupted; a checkpoint is left in {folder}: repeat the command to go on, or remove it with: "
                    f"preforget learn --discard --out {model}"
                    if _holds_something(checkpoint.path)
                    else "interrupted before the first checkpoint was written; nothing is left"
                ) from None
            finally:
                _clear_cut_off_writes(folder)
                if checkpoint.path.exists() and not _holds_something(checkpoint.path):
                    checkpoint.remove()
                for parent in made or [folder]:
                    with contextlib.suppress(OSError):  # not empty
                        parent.rmdir()
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{folder} can't be written: {error.strerror or error}") from error


def discard(model: Path, keyring: Keyring) -> list[Path]:
    """Remove what was left of learning a model, and its key, and return the folders that are gone.

    Raises `StoreError` if a process is still at it, and `UsageError` if the keyring of a sealed checkpoint can't be
    opened; nothing is removed then.
    """
    folder, unfinished = learning_folder(model), model.with_name(unfinished_name(model.name))
    gone = [left for left in (folder, unfinished) if left.is_dir() and not left.is_symlink()]
    for left in gone:
        if left == folder:
            _discard_checkpoint(folder, keyring)
        else:
            clear_unfinished(left, keyring.model)
    return gone


def clear_leftovers(
    beside: Path, keyring: Callable[[], Keyring], note: Callable[[str], None], *, but: Path | None = None
) -> None:
    """Remove what was left in a folder: unfinished models at once, checkpoints after 7 days.

    What a living process has locked stays; what can't be removed is told and stays. `beside`: the folder; `but`: the
    model whose learning goes on from its checkpoint, however old that is.
    """
    for left in leftovers(beside):
        if but is not None and left == learning_folder(but):
            continue
        try:
            if left.name.endswith(LEARNING):
                _discard_checkpoint(left, keyring())
                note(
                    f"removed the checkpoint of a learning that was cut off {KEPT_DAYS} days ago or more: {left}"
                )
            else:
                clear_unfinished(left, keyring().model)
                note(f"removed what a learning that was cut off left unfinished: {left}")
        except (OSError, PreforgetError) as error:
            if not isinstance(error.__cause__, BlockingIOError):  # else it isn't left: a process is at it
                note(f"{left} is left from a learning that was cut off, and can't be removed: {error}")


def leftovers(beside: Path) -> list[Path]:
    """Return the folders that `clear_leftovers` would remove, locked ones among them."""
    try:
        with os.scandir(beside) as entries:
            folders = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    left = []
    for folder in folders:
        if folder.name.endswith(LEARNING):
            files = _files(folder)
            if files and time.time() - max(files.values()) > KEPT_DAYS * 24 * 3600:
                left.append(folder)
        elif folder.name.startswith(".") and folder.name.endswith(UNFINISHED) and _is_model(folder):
            left.append(folder)
    return sorted(left)


def _files(folder: Path) -> dict[Path, float]:
    """Return the checkpoints in a folder with the times when they were written, nothing if it holds anything else."""
    try:
        files = {path: path.lstat().st_mtime for path in folder.iterdir()}
    except OSError:
        return {}
    known = (path.name == PLAIN or FILE.fullmatch(path.name) or _is_cut_off(path) for path in files)
    return files if all(known) else {}


def _is_model(folder: Path) -> bool:
    """Tell whether an unfinished folder is that of a model, or nothing yet."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - strings are enough
    except OSError:
        return False
    return not names or RECORDS in names


def _checkpoint(folder: Path, sealed: bool, keyring: Keyring | None) -> CheckpointFile:
    """Return the checkpoint that is there, or a new one; one in the clear is sealed first if that is asked for."""
    plain = CheckpointFile(folder / PLAIN)
    there = sorted(path for path in folder.iterdir() if FILE.fullmatch(path.name))
    if not there and not sealed:
        return plain
    if keyring is None:
        raise StoreError(f"the checkpoint in {folder} is sealed; give the keyring that has its key")
    files = [SealedCheckpoint(path, keyring) for path in there]
    for other in files[1:]:
        other.remove()
    chosen = files[0] if files else SealedCheckpoint.new(folder, keyring)
    if _holds_something(plain.path):
        if not _holds_something(chosen.path):
            chosen.begin()
            chosen.write(plain.read() or b"")
        plain.remove()
    return chosen


def _discard_checkpoint(folder: Path, keyring: Keyring) -> None:
    """Remove a folder with a checkpoint, keys first; what else lies in it stays, and the folder with it."""
    try:
        with _held(folder, folder.with_name(folder.name.removesuffix(LEARNING))):
            for path in sorted(folder.iterdir()):
                if FILE.fullmatch(path.name):
                    SealedCheckpoint(path, keyring).remove()
            (folder / PLAIN).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{folder} can't be removed: {error.strerror or error}") from error


@contextlib.contextmanager
def _held(folder: Path, model: Path) -> Iterator[None]:
    """Lock a folder, without what a kill in the middle of a write left; raises `StoreError` if somebody has it."""
    with contextlib.ExitStack() as lock:
        try:
            lock.enter_context(exclusive(folder, wait=False))
        except BlockingIOError as error:
            raise StoreError(
                f"another process is learning {model}; wait for it, or choose another place for the model"
            ) from error
        _clear_cut_off_writes(folder)
        yield


def _clear_cut_off_writes(folder: Path) -> None:
    """Delete what a kill in the middle of writing a checkpoint left: it holds as much as the checkpoint itself."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if _is_cut_off(path):
                path.unlink()


def _is_cut_off(path: Path) -> bool:
    return path.name.startswith(".writing-")


def _holds_something(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0
