"""Files that lie in a table or a data set instead of on a disk, as the library `datasets` keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

SOUND_STARTS = (
    (b"RIFF", ".wav"),
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
    (b"FORM", ".aiff"),
)
"""How files of sounds begin, and the ending that they get where their names have none."""


class EmbeddedFile(type(Path())):  # type: ignore[misc]
    """A file's content under the path at which it would lie; it is used like a path wherever inputs are files.

    >>> EmbeddedFile.at(Path("table.parquet"), "3", b"fLaC").name
    '3.flac'
    """

    _content: bytes

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return self._content

    @classmethod
    def at(cls, folder: Path, name: str, content: bytes) -> Self:
        """Return a file of that name in a table; one of a sound gets an ending if it has none."""
        kinds = (ending for start, ending in SOUND_STARTS if content.startswith(start))
        ending = "" if Path(name).suffix else next(kinds, "")
        made = cls(folder / f"{Path(name).name}{ending}")
        made._content = content
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the content in copies and in other processes."""
        return _made, (str(self), self.content)


def _made(path: str, content: bytes) -> EmbeddedFile:
    made = EmbeddedFile(path)
    made._content = content
    return made


def embedded(value: Any, folder: Path, number: int) -> EmbeddedFile | None:
    """Return the file that a value holds whole, as bytes or as `{"bytes": ..., "path": ...}`; None if it holds none.

    `number`: the row, for the name of a file that has none.
    """
    content = value.get("bytes") if isinstance(value, Mapping) else value
    if not isinstance(content, bytes | bytearray):
        return None
    name = value.get("path") if isinstance(value, Mapping) else None
    base_name = Path(name.replace("\\", "/")).name if isinstance(name, str) else ""
    return EmbeddedFile.at(folder, f"{number}-{base_name}" if base_name else str(number), bytes(content))
