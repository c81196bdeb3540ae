"""The data and the vocabulary of the demo: handwritten digits, synthesised sounds, or messages."""

from __future__ import annotations

from dataclasses import dataclass

from preforget.core.errors import UsageError


@dataclass(frozen=True)
class Modality:
    """The data set and backbone of a demo, its words, and which classes are forgotten.

    `inputs`: the word for inputs, `what` they show; `unit`, `units`: the word for a class; `shows`: a verb for them.
    """

    data: str
    backbone: str
    inputs: str
    what: str
    unit: str
    units: str
    shows: str
    forget: str
    next_to_forget: tuple[str, ...]


IMAGE = Modality(
    *("digits", "builtin", "images", "handwritten digits", "digit", "digits", "the image shows"),
    forget="3",
    next_to_forget=("7", "1", "4"),
)
AUDIO = Modality(
    *("sounds", "builtin-audio", "clips", "synthesised sounds", "kind", "kinds", "the clip is of"),
    forget="siren",
    next_to_forget=("bell", "rise", "surf"),
)
TEXT = Modality(
    *("texts", "builtin-text", "texts", "messages to an assistant", "kind", "kinds", "the text is of"),
    forget="card",
    next_to_forget=("music", "travel", "alarm"),
)
MODALITIES = {"image": IMAGE, "audio": AUDIO, "text": TEXT}


def modality(name: str) -> Modality:
    """Return what a demo of `image`, `audio` or `text` shows; raises `UsageError` for another name."""
    if name not in MODALITIES:
        raise UsageError(f"unknown modality {name!r}; choose one of: {', '.join(MODALITIES)}")
    return MODALITIES[name]
