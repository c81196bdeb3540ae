"""Files of a model folder that are byte for byte what was written, as long as nobody writes to them."""

from __future__ import annotations

import os
from pathlib import Path

from preforget.core.file_mark import Mark, mark_of
from preforget.store.record_file import MAX_BYTES, read_checked


class Unchanged:
    """What this process knows of the files of one folder that it has read with their digests.

    A file that it has written itself counts only once it was searched for pieces of what was erased.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marks: dict[str, Mark] = {}
        self._unsearched: set[str] = set()

    def read(self, name: str, digest: str, limit: int = MAX_BYTES) -> bytes:
        """Return a file's bytes and keep in mind that they are as its digest says; raises as `read_checked`."""
        path = self._folder / name
        mark = mark_of(path)
        content = read_checked(path, digest, limit)
        if mark is not None and mark == mark_of(path) and mark.is_settled():
            self._marks[name] = mark
        return content

    def note_new(self, name: str) -> None:
        """Keep in mind that a file was written just now, and was not searched for pieces of anything."""
        self._unsearched.add(name)

    def note_searched(self) -> None:
        """Keep in mind that all files were searched for pieces of what was erased."""
        self._unsearched.clear()

    def sizes(self) -> dict[str, int]:
        """Return names and bytes of the files that nobody has written to since their digest was found to be right."""
        root = f"{self._folder}{os.sep}"  # of many files, making a `Path` takes longer than looking at it
        self._marks = {name: mark for name, mark in self._marks.items() if mark_of(root + name) == mark}
        return {name: mark.size for name, mark in self._marks.items() if name not in self._unsearched}

    def __contains__(self, name: object) -> bool:
        return name in self._marks
