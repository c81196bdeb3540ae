"""Before a command: remove what a killed `learn` left beside the model that the command names."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from preforget.cli.console import note, printable
from preforget.core.paths import given_path

ENDINGS = (".learning", ".unfinished")
"""Of names of folders that may be leftovers; whether they are is looked into only if there is one."""


def clear_beside(args: argparse.Namespace) -> None:
    """Look into the folder in which the model of a command lies, or is to be made."""
    makes = getattr(args, "discard", None) is not None  # it is `learn`
    named = args.out if makes else getattr(args, "model", None)
    if named is None:
        return
    try:
        model = Path(os.path.abspath(given_path(named)))  # noqa: PTH100 - resolve() would follow a link
        names = os.listdir(model.parent)  # noqa: PTH208 - strings, since there may be many
    except (OSError, ValueError):  # the command itself will say so
        return
    if not any(name.endswith(ENDINGS) for name in names):
        return
    from preforget.classifier.unfinished import clear_leftovers
    from preforget.store.key_service import Keyring
    from preforget.store.keyring import open_keyring

    def keyring() -> Keyring:
        return open_keyring(
            getattr(args, "keyring", None)
        )  # asks nothing: the command is about something else

    clear_leftovers(model.parent, keyring, lambda text: note(printable(text)), but=model if makes else None)
