"""Open a keyring by its name: a folder, or a registered kind of keyring such as `env`."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

import platformdirs

from preforget.core.errors import UsageError
from preforget.store import key_environment
from preforget.store.key_file import FileKeyring
from preforget.store.key_service import KEYRINGS, Keyring
from preforget.store.passphrase import Passphrase, refuse_short

KEYRING_VARIABLE = "PREFORGET_KEYRING"
PASSPHRASE_VARIABLE = "PREFORGET_PASSPHRASE"
BUILT_IN = (key_environment,)
"""Modules that enter a kind of keyring into `KEYRINGS`."""


def open_keyring(
    where: str | Path | None = None,
    passphrase: Passphrase | None = None,
    *,
    question: Passphrase | None = None,
    short: bool = False,
) -> Keyring:
    """Return a keyring; nothing is asked or created until a key is needed.

    `where` is a folder or `SCHEME:...` such as `env:NAME`; None means the variable PREFORGET_KEYRING, else the user's
    data folder. With a passphrase, or the variable PREFORGET_PASSPHRASE, files are encrypted when they are written.
    `question` is asked if there is neither and a file turns out to be encrypted; a plain keyring stays plain.
    `short`: whether a passphrase of fewer than 12 characters may begin to encrypt the keyring; one that encrypts it
    already is never refused. Raises `UsageError`.
    """
    accept = None if short else refuse_short
    if passphrase is None and PASSPHRASE_VARIABLE in os.environ:
        passphrase = functools.partial(str, os.environ[PASSPHRASE_VARIABLE])
    if where is None:
        where = os.environ.get(KEYRING_VARIABLE)
        if where == "":
            raise UsageError(f"{KEYRING_VARIABLE} is empty; unset it, or set it to a folder or to env:NAME")
    if where is None:
        where = platformdirs.user_data_path("preforget") / "keyring"
    if isinstance(where, Path):
        return FileKeyring(where, passphrase, question, accept)
    if not where:
        raise UsageError("the keyring has an empty name; give a folder or env:NAME")
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", where)  # two letters at least: C:\keys is a path
    if scheme is None:
        return FileKeyring(Path(where), passphrase, question, accept)
    if scheme[1] not in KEYRINGS:
        raise UsageError(
            f"unknown kind of keyring {scheme[1]!r}; choose one of: {', '.join(KEYRINGS)}; "
            f"for a folder of that name write ./{where}"
        )
    return KEYRINGS[scheme[1]](where[scheme.end() :], passphrase or question)
