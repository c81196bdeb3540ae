"""Files that lie in a tar or in a Parquet table, read from there each time they are needed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Self

from preforget.core.errors import DataError
from preforget.data.addresses import is_address, open_source
from preforget.data.embedded import EmbeddedFile


class TarMember(EmbeddedFile):
    """A file in a tar; `place`: the tar, where the content begins, and how many bytes it has."""

    place: tuple[str, int, int]

    @classmethod
    def within(cls, path: str, place: tuple[str, int, int]) -> Self:
        """Return the member that is called by this path."""
        made = cls(path)
        made.place = place
        return made

    @property
    def content(self) -> bytes:
        """The bytes; raises `DataError` for a tar that is gone or was cut off."""
        source, start, size = self.place
        try:
            file = _opened(source, _stamp(source))
            file.seek(start)
            read = file.read(size)
        except (OSError, ValueError) as error:
            raise DataError(f"{self}: can't be read from its tar: {error}") from None
        if len(read) != size:
            raise DataError(f"{self}: its tar ends before it")
        return read

    def __reduce__(self) -> tuple[Any, ...]:
        """Send the place alone."""
        return _member, (str(self), self.place)


class CellFile(EmbeddedFile):
    """A file in a cell of a Parquet table; `place`: the table, the column, the row group and the row in it."""

    place: tuple[str, str, int, int]

    @classmethod
    def within(cls, path: Path, place: tuple[str, str, int, int]) -> Self:
        """Return the file that is called by this path."""
        made = cls(path)
        made.place = place
        return made

    @property
    def content(self) -> bytes:
        """The bytes, of which those of the row group are kept until another one is read; raises `DataError`."""
        source, column, group, row = self.place
        try:
            value = _cells(source, column, group, _stamp(source))[row]
        except (OSError, ValueError, IndexError, KeyError) as error:
            raise DataError(f"{self}: can't be read from its table: {error}") from None
        value = value[0] if isinstance(value, list) and value else value
        value = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(value, bytes):
            raise DataError(f"{self}: its table was changed")
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        """Send the place alone."""
        return _cell, (str(self), self.place)


@lru_cache(maxsize=8)
def _opened(source: str, stamp: tuple[int, int]) -> IO[bytes]:
    return open_source(source)


def _stamp(source: str) -> tuple[int, int]:
    """Return time and size of a file, by which another one in its place is noticed; of an address nothing is asked."""
    if is_address(source):
        return 0, 0
    status = Path(source).stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _cells(source: str, column: str, group: int, stamp: tuple[int, int]) -> list[Any]:
    from pyarrow import parquet

    with open_source(source) as raw:
        read: list[Any] = (
            parquet.ParquetFile(raw).read_row_group(group, columns=[column]).column(0).to_pylist()
        )
    return read


def _member(path: str, place: tuple[str, int, int]) -> TarMember:
    return TarMember.within(path, place)


def _cell(path: str, place: tuple[str, str, int, int]) -> CellFile:
    return CellFile.within(Path(path), place)
