"""Look once at every input of a data set: broken files, pictures without contrast, and what identifies copies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from preforget.core.errors import DataError
from preforget.data.content import read_content
from preforget.data.dataset import Images
from preforget.data.duplicates import SIDE, Thumbs
from preforget.data.float_pixels import FLOATS
from preforget.data.images import decode
from preforget.data.sounds import EXTENSIONS as SOUNDS
from preforget.data.sounds import NOT_READ, check_sound
from preforget.data.texts import Texts
from preforget.data.vectors import Vectors

LISTED = 10
"""How many broken files an error names one by one before it counts the others; all are in `broken`."""


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """What one look at an input shows: its digest, and of a picture a grey thumbnail and what is odd about it."""

    digest: bytes
    thumb: Thumbs | None = None
    odd: tuple[str, ...] = ()


ONE_COLOUR = "are of one colour all over"
MASKED = "are transparent all over"
DARK = "hold no value above 1, as if numbers from 0 to 1 had been cut to whole ones"
SEVERAL = "have several pages, frames or slices, of which one is read (the first, of a volume the middle one)"


def look_at(path: Path) -> Look:
    """Decode one file; raises `DataError` for one that can't be used."""
    if path.suffix.lower() in SOUNDS | NOT_READ:
        return Look(check_sound(path))
    content = read_content(path)
    decoded = decode(content, path)
    said = {SEVERAL: decoded.several, FLOATS: decoded.floats, MASKED: decoded.masked}
    odd = tuple(each for each, is_so in said.items() if is_so)
    return _look_at_picture(content, decoded.picture, odd)


def _look_at_picture(content: bytes, picture: Image.Image, odd: tuple[str, ...] = ()) -> Look:
    """Return a look at a decoded picture; `odd`: what is known of it already."""
    ends = np.array(picture.getextrema()).reshape(-1, 2)
    if MASKED not in odd:
        is_plain = bool((ends[:, 0] == ends[:, 1]).all())
        odd = (*odd, *([ONE_COLOUR] if is_plain else [DARK] if ends.max() <= 1 else []))
    thumb = np.asarray(picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX))
    return Look(hashlib.blake2b(content, digest_size=16).digest(), thumb, odd)


def look_at_all(paths: Sequence[Path]) -> tuple[list[Look | None], tuple[tuple[Path, str], ...]]:
    """Return a look at each file, None for those that can't be used, and these with the reasons."""
    looks: list[Look | None] = []
    broken = []
    for path in paths:
        try:
            looks.append(look_at(path))
        except DataError as error:
            looks.append(None)
            broken.append((path, str(error).removeprefix(f"{path}: ")))
    return looks, tuple(broken)


def look_in_memory(inputs: Images) -> list[Look | None]:
    """Return a look at each input in memory: all but sounds are told apart by their content, and sounds all differ."""
    if isinstance(inputs, np.ndarray) and inputs.dtype == np.uint8 and inputs.shape[3:] in ((), (3,)):
        return [_look_at_picture(pixels.tobytes(), Image.fromarray(pixels)) for pixels in inputs]
    if isinstance(inputs, np.ndarray | Vectors):  # a format of one's own may hand over numbers of other types
        rows = inputs.values if isinstance(inputs, Vectors) else inputs
        return [Look(hashlib.blake2b(row.tobytes(), digest_size=16).digest()) for row in rows]
    if isinstance(inputs, Texts):
        encoded = (text.encode("utf-8", "surrogatepass") for text in inputs.values)
        return [Look(hashlib.blake2b(one, digest_size=16).digest()) for one in encoded]
    return [Look(position.to_bytes(8, "big")) for position in range(len(inputs))]


def refuse_broken(broken: Sequence[tuple[Path, str]], total: int, skip_broken: bool) -> None:
    """Raise `DataError` that names the files that can't be used, unless they are to be skipped."""
    if not broken or skip_broken:
        return
    shown = broken if len(broken) <= 2 * LISTED else broken[:LISTED]
    listed = "\n".join(f"  {path}: {why}" for path, why in shown)
    more = f"\n  and {len(broken) - len(shown):,} more" if len(broken) > len(shown) else ""
    raise DataError(
        f"{len(broken):,} of {total:,} files can't be used:\n{listed}{more}\nrepair or remove them, or leave them out "
        "with --skip-broken (skip_broken=True), which lists all"
    )


def oddities(places: Sequence[Path | str], looks: Sequence[Look | None], what: str = "files") -> list[str]:
    """Return a sentence on each kind of odd picture, with count, share and an example.

    `places`: the files, or what pictures in memory are called; `what`: the plural of what they are.
    """
    texts = []
    for odd in (ONE_COLOUR, MASKED, DARK, FLOATS, SEVERAL):
        such = [
            place for place, look in zip(places, looks, strict=True) if look is not None and odd in look.odd
        ]
        if such:
            texts.append(f"{share_of(len(such), len(places), what)} {odd}, such as {such[0]}")
    return texts


def share_of(count: int, total: int, what: str = "") -> str:
    """Return a count and its share.

    >>> share_of(1, 8, "files")
    '1 of 8 files (12.5 %)'
    """
    return f"{count:,} of {total:,}{what and ' '}{what} ({100 * count / total:.1f} %)"
