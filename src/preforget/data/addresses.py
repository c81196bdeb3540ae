"""Data at an address that fsspec opens, such as `s3://bucket/pictures.tar`, read in pieces and never whole."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, Self

from preforget.core.errors import DataError, UsageError
from preforget.core.files import open_regular

MARK = "://"
MAX_BYTES = 2**50
ENDINGS = (".parquet", ".tar")
"""What can be read in pieces."""


class Address(type(Path())):  # type: ignore[misc]
    """An address in the place of a path; `url`: what it is, of which a path keeps no double slash.

    >>> Address.of("memory://pets.tar").suffix
    '.tar'
    """

    url: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the address; raises `UsageError` for a file that can't be read in pieces."""
        made = cls(url)
        made.url = url
        if made.suffix.lower() not in ENDINGS:
            raise UsageError(
                f"{url}: at an address only {' and '.join(ENDINGS)} files can be read; copy it here"
            )
        return made

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether something is there; raises `DataError` where that can't be asked."""
        return bool(_ask(self.url, "exists"))

    def is_file(self) -> bool:
        """Say that it is one: nothing else has an address here."""
        return True

    def is_dir(self) -> bool:
        """Say that it is none."""
        return False


def is_address(source: object) -> bool:
    """Tell whether a text is an address and no path."""
    return isinstance(source, Address) or (isinstance(source, str) and MARK in source)


def open_source(source: str | Path) -> IO[bytes]:
    """Open a file or an address for reading in pieces; raises `OSError`, and `DataError` for an address."""
    if isinstance(source, Address):
        source = source.url
    if isinstance(source, str) and MARK in source:
        opened: IO[bytes] = _ask(source, "open", "rb")
        return opened
    return open_regular(Path(source), MAX_BYTES)


def source_of(path: Path) -> str:
    """Return the text by which `open_source` opens a path or an address in another process."""
    return path.url if isinstance(path, Address) else str(path.absolute())


def _ask(url: str, what: str, *arguments: Any) -> Any:
    import fsspec

    try:
        system, inner = fsspec.core.url_to_fs(url)
        return getattr(system, what)(inner, *arguments)
    except (ImportError, ValueError) as error:
        raise DataError(f"{url}: can't be opened: {error}") from None
    except OSError as error:
        raise DataError(f"{url}: can't be opened: {error.strerror or error}") from None
