"""The announcement of an erasure: written before anything is destroyed, so that a crash can't leave it half done."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from preforget.core.canonical import canonical_digest, canonical_json, read_canonical
from preforget.core.errors import IntegrityError, StoreError
from preforget.core.files import ODD, read_regular, sync_folder, write_atomic
from preforget.store import ModelFolder
from preforget.store.authority import check_may_end
from preforget.store.layout import INTENT, record_name

MAX_BYTES = 64 * 2**20
"""No announcement is larger; a hostile one isn't read."""


@dataclass(frozen=True)
class Intent:
    """All that is needed to end an erasure after a crash; no label and no name.

    `erasure`: 32 hex digits; `records`: what will be destroyed, as `ModelFolder.describe` says it; `windows`: pieces
    of their files in base64, to look for afterwards; `before`: state and generation of the model; `seq` and `hash`: the
    last row of the ledger before; `mac`: proves that a keyring announced it, see `covered`; `targets`: of several
    classes or subjects, which records are of which. An announcement of a version that knew one of these has it empty.
    """

    erasure: str
    what: str
    begun: str
    records: list[dict[str, Any]]
    windows: list[str]
    reference: str | None
    grounds: str | None
    before: dict[str, Any]
    seq: int
    hash: str = ""
    mac: str = ""
    targets: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ids(self) -> set[str]:
        """The ids of the records."""
        return {str(record["id"]) for record in self.records}

    def pieces(self) -> list[bytes]:
        """Return the windows as bytes."""
        return [base64.b64decode(piece) for piece in self.windows]

    def covered(self, model: str) -> bytes:
        """Return the bytes that the MAC covers: the id of the model, and all but the MAC."""
        values = self._values()
        del values["mac"]
        return canonical_json({"model": model, "purpose": "preforget announcement 1", **values})

    def _values(self) -> dict[str, Any]:
        """Return plain values; where there is a single target, those that an older version wrote too."""
        values = asdict(self)
        if not self.targets:
            del values["targets"]
        return values

    def check(self) -> None:
        """Raise `ValueError` or `TypeError` if a value is of another kind than it must be."""
        texts = [
            self.erasure,
            self.what,
            self.begun,
            *self.windows,
            self.before["manifest"],
            self.hash,
            self.mac,
        ]
        texts += [text for text in (self.reference, self.grounds) if text is not None]
        texts += [record[name] for record in self.records for name in ("id", "location", "digest", "name")]
        numbers = [self.seq, self.before["generation"], *(record["bytes"] for record in self.records)]
        if not all(type(text) is str for text in texts) or not all(type(number) is int for number in numbers):
            raise TypeError("a value has the wrong type")
        ids = [self.erasure, *(record["id"] for record in self.records)]
        if not all(re.fullmatch("[0-9a-f]{32}", i) for i in ids) or not all(0 <= n < 2**53 for n in numbers):
            raise ValueError("an id is not 32 hex digits, or a number is out of range")
        for record in self.records:
            if record["location"] not in (record_name(record["id"], sealed) for sealed in (True, False)):
                raise ValueError("a location is not that of its record")
        for target in self.targets:
            if set(target) != {"what", "records"} or not self.ids >= set(target["records"]):
                raise ValueError("a target has records that are not among those of the erasure")
        self.pieces()

    def write(self, folder: Path) -> None:
        """Announce the erasure: from here on it will be ended. Raises `OSError`."""
        values = self._values()
        write_atomic(folder / INTENT, canonical_json({**values, "checksum": canonical_digest(values)}))

    @classmethod
    def read(cls, folder: Path) -> Intent | None:
        """Return the announced erasure, None where there is none; raises `IntegrityError` for a damaged one."""
        path = folder / INTENT
        damaged = IntegrityError(
            f"{path} is damaged, so the erasure that it announces can't be ended; "
            "restore it from a copy, or forget again with: preforget forget MODEL LABEL, which replaces it"
        )
        try:
            values = read_canonical(read_regular(path, MAX_BYTES))
            checksum = values.pop("checksum")
            if canonical_digest(values) != checksum:
                raise damaged
            intent = cls(**values)
            intent.check()
        except FileNotFoundError:
            return None
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            if error.errno in ODD:
                raise damaged from error
            raise StoreError(f"{path} can't be read: {error.strerror or error}") from error
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error):
            raise damaged from None
        return intent

    @staticmethod
    def remove(folder: Path) -> None:
        """Take the announcement away: the erasure is done. Raises `OSError`."""
        (folder / INTENT).unlink(missing_ok=True)
        sync_folder(folder)


def announced(folder: ModelFolder, *, to_forget: bool = False) -> Intent | None:
    """Return the erasure that a folder announces and that may be ended, None if there is none.

    Raises as `check_may_end`. `to_forget`: one that is dated in the future is returned as if it began now.
    """
    intent = Intent.read(folder.path)
    if intent is None:
        return None
    return replace(intent, begun=check_may_end(folder, intent, to_forget=to_forget))
