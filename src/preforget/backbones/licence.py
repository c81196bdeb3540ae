"""The licence of a checkpoint, as far as its own files state it: the card's front matter, else the configuration."""

from __future__ import annotations

import json
import re
from pathlib import Path

from preforget.backbones.hashed_text import BUILTIN_TEXT
from preforget.backbones.init_ast import BUILTIN_AUDIO
from preforget.backbones.named import BUILTIN
from preforget.core.files import read_regular
from preforget.core.paths import exists, given_path

UNKNOWN = "unknown"
OURS = {BUILTIN, BUILTIN_AUDIO, BUILTIN_TEXT}
"""Encoders that come with this package, under its licence."""

FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*$", re.S | re.M)
LICENCE = re.compile(r"^licen[sc]e\s*:\s*[\"']?([^\"'\n#]+)", re.M | re.I)
LONGEST = 1 << 20
MAX_BYTES = 1 << 24
"""The largest file in which a licence is looked for."""


def licence_of(backbone: str, revision: str | None = None) -> str:
    """Return the licence that a checkpoint states, "unknown" if it states none or isn't on this machine.

    Nothing is downloaded: of a hub id only the files in the cache are read.
    """
    if backbone in OURS:
        return "MIT"
    card = _text(backbone, "README.md", revision)
    front = FRONT_MATTER.search(card)
    stated = LICENCE.search(front[1]) if front else None
    if stated:
        return stated[1].strip()
    try:
        config = json.loads(_text(backbone, "config.json", revision))
    except ValueError:
        return UNKNOWN
    named = next(
        (config[name] for name in ("license", "licence") if isinstance(config, dict) and name in config), None
    )
    return named if isinstance(named, str) and named.strip() else UNKNOWN


def _text(backbone: str, name: str, revision: str | None) -> str:
    """Return the text of a file of a checkpoint, empty if it isn't there."""
    folder = given_path(backbone)
    try:
        if exists(folder) and folder.is_dir():
            return _bounded(folder / name)
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError

        try:
            path = try_to_load_from_cache(backbone, name, revision=revision)
        except HFValidationError:  # the path has vanished
            return ""
        return _bounded(Path(path)) if isinstance(path, str) else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _bounded(path: Path) -> str:
    return read_regular(path, MAX_BYTES, follow=True).decode().replace("\r\n", "\n")[:LONGEST]
