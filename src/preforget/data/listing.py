"""Walk folders of data, and keep account of every file that is left out, by reason."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from preforget.core.errors import DataError
from preforget.data.images import EXTENSIONS as IMAGES
from preforget.data.sounds import EXTENSIONS as SOUNDS
from preforget.data.sounds import NOT_READ

EXTENSIONS = IMAGES | SOUNDS

LISTED = EXTENSIONS | NOT_READ
"""Endings of files that are data, also those that can't be decoded and whose error says the remedy."""

DEEPEST = 100
"""The most levels of folders below a class."""

SYSTEM = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "@eadir", "__macosx", "$recycle.bin"})
"""Files and folders that systems and file servers put among those of users, in lower case."""

OUTPUT_MARKS = frozenset({"preforget.json", "model.safetensors.index.json", "checkpoint.safetensors"})
"""Files by which a folder is known as a model or another output, not as data."""

OUTPUT_ENDINGS = (".audit", ".learning")
"""Endings of the folders that a command makes beside a model."""

HIDDEN, OF_SYSTEM, OUTPUT, NO_CLASS = (
    "hidden",
    "of the system",
    "of a model or output",
    "outside of the classes",
)


class Listing:
    """Entries of folders that can be data.

    `left_out`: the path of each other file or folder, and why it isn't data.
    """

    def __init__(self) -> None:
        self.left_out: dict[str, str] = {}

    def folders(self, folder: Path) -> dict[str, Path]:
        """Return the sub-folders that can hold data, by name; raises `DataError` for an unreadable folder."""
        return {entry.name: Path(entry.path) for entry in self._entries(folder) if is_folder(entry)}

    def files(self, folder: Path) -> list[str]:
        """Return the paths of images and sounds that lie in a folder itself, sorted."""
        entries = [entry for entry in self._entries(folder) if not is_folder(entry)]
        return sorted(entry.path for entry in entries if ending(entry.name) in LISTED)

    def all_files(self, folder: Path) -> list[str]:
        """Return the paths of images and sounds at any depth of a folder, sorted as text; see `_walk`."""
        return sorted(self._walk(str(folder), ()))

    def leave_out(self, path: str | Path, reason: str) -> None:
        """Note that a file or folder isn't used."""
        self.left_out[str(path)] = reason

    def counts(self) -> tuple[tuple[str, int], ...]:
        """Return how many files and folders were left out for which reason, the most frequent first."""
        counts = Counter(self.left_out.values())
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def note_others(self, folder: Path, used: str | Path = "") -> None:
        """Note the files that lie in a folder itself, above the classes, except the one that is `used`."""
        for entry in self._entries(folder):
            if not is_folder(entry) and entry.name != Path(used).name and ending(entry.name) in LISTED:
                self.leave_out(entry.path, NO_CLASS)

    def _walk(self, folder: str, above: tuple[str, ...]) -> Iterator[str]:
        """Yield images and sounds; raises `DataError` for loops, links that lead nowhere and too many levels."""
        if len(above) > DEEPEST:
            raise DataError(f"{folder}: folders are nested more than {DEEPEST} deep; flatten them")
        real = os.path.realpath(folder)
        if real in above:
            raise DataError(
                f"{folder}: a symbolic link that leads back to a folder above it; remove the link"
            )
        for entry in self._entries(folder):
            if is_folder(entry):
                yield from self._walk(entry.path, (*above, real))
            elif ending(entry.name) in LISTED:
                if not entry.is_file():
                    what = "a symbolic link that leads nowhere" if entry.is_symlink() else "no plain file"
                    raise DataError(f"{entry.path}: {what}; remove or repair it")
                yield entry.path

    def _entries(self, folder: str | Path) -> list[os.DirEntry[str]]:
        """Return the entries that can be data, and note the others: hidden, of the system, our own output."""
        try:
            with os.scandir(folder) as scanned:
                entries = list(scanned)
        except OSError as error:
            raise DataError(f"{folder}: can't be read as a folder of images: {error.strerror}") from error
        usable = []
        for entry in entries:
            reason = _why_not(entry)
            if reason is None:
                usable.append(entry)
                if ending(entry.name) in LISTED or is_folder(entry):
                    continue
                reason = f"unknown ending {ending(entry.name) or 'none'}"
            self.left_out[entry.path] = reason
        return usable


def ending(name: str) -> str:
    """Return the ending of a file's name in lower case, both parts of `.nii.gz`."""
    lower = name.lower()
    return ".nii.gz" if lower.endswith(".nii.gz") else os.path.splitext(lower)[1]  # noqa: PTH122 (a Path takes longer)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder or a link to one; raises `DataError` for a link that can't be followed."""
    try:
        return entry.is_dir()
    except OSError as error:
        raise DataError(f"{entry.path}: can't be followed: {error.strerror}") from error


def _why_not(entry: os.DirEntry[str]) -> str | None:
    """Return why an entry is never data, None if it may be."""
    lower = entry.name.lower()
    if lower in SYSTEM:
        return OF_SYSTEM
    if lower.startswith("."):
        return HIDDEN
    if is_folder(entry) and (
        lower.endswith(OUTPUT_ENDINGS) or any(os.path.exists(f"{entry.path}/{m}") for m in OUTPUT_MARKS)  # noqa: PTH110
    ):
        return OUTPUT
    return None
